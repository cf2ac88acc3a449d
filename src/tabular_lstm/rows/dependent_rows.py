"""Rows that belong together and do not say so: equal values that come with one label.

Such rows are several reports of one incident, or visits of one patient. Spread over both sides,
they let a model know its test rows. What `repeated_values` suspects is measured: a quick model is
judged twice, with these rows spread over train and test rows, and with them kept together. Where
the second is clearly lower, the rows are dependent.

Found are rows that share the value of a column, such as a time, an identifier or a number; of two
columns together; or all values but those of nearly unique columns and of one counter, and but for
the last digits of numbers. Of a declared group one row is looked at, so that found is what groups
share. Not found are fewer than 20 such values; labels that agree no further than those of a city or
an occupation, a correlation below 0.2, of numbers below 0.8; a number or date whose neighbours
agree nearly as far, where the fall is below 0.05, of numbers 0.1; what three columns say together;
near-duplicates that differ in two columns whose values repeat; and rows that are near in time or
place, without a value in common.
"""

from collections.abc import Collection, Sequence
from itertools import product
from typing import NamedTuple, get_args

import numpy as np
import pandas as pd

from tabular_lstm.errors import shown
from tabular_lstm.frozen import Frozen, unless
from tabular_lstm.parameters import Columns
from tabular_lstm.rows.cell_hashes import CellHashes
from tabular_lstm.rows.dates import DTYPE, MICROSECONDS, parts
from tabular_lstm.rows.label_measures import AREA, MEASURES, Measure, Name, measure_of
from tabular_lstm.rows.repeated_values import Kind, Repeated, repeated_values

# A quick model of so many rows is fitted for each of so many suspects.
ROWS, OF_CLASS, MOST_ROWS = 4_000, 200, 10_000
OF_KIND = 2
FOLDS = 5
# How near to the lowest end of a fall's interval that of another one has to come.
NEARLY = 0.8
HUGE = 1e30
DECIMALS = 6  # of scores: last bits are not the same on every processor


class Fall(NamedTuple):
    """What a quick model loses where rows of one value are kept together: interval; measured."""

    low: float
    high: float
    spread: float
    together: float


class DependentRows(Frozen):
    """Rows that belong together by the value of a column, or of several columns together.

    Attributes:
        kind: A column says it, several columns together say it, or the rows are near-duplicates:
            equal but for some columns, and numbers of many values in their first digits only.
        columns: The columns whose equal values say which rows belong together.
        but_for: The columns in which near-duplicates differ; empty where only last digits do.
        groups: How many values several rows have.
        rows: How many rows have these values.
        alike: How far the labels of such rows agree beyond chance: 0 as by chance, 1 always.
        measure: What `spread` and `together` are, see `label_measures`.
        spread: Of a quick model, with such rows spread over train and test rows: a forest
            that has not seen them, moved by how far it is off for the other rows of the value.
        together: Of the forest alone, which such rows tell nothing where they are on one side.
        fall: 95 % interval of the difference, corrected for how many were measured.
    """

    kind: Kind = "column"
    columns: list[str]
    but_for: list[str] = []
    groups: int
    rows: int
    alike: float
    measure: Name = unless(AREA)
    spread: float
    together: float
    fall: tuple[float, float]

    @property
    def same(self) -> str:
        """Say what the labels of such rows are."""
        return next(of.same for of in MEASURES.values() if of.name == self.measure)

    @property
    def named(self) -> str:
        """Name what such rows share, to stand behind "the same": columns, or all but some."""
        names = self.columns if self.kind != "near-duplicates" else self.but_for
        named = " and ".join(f"'{shown(name)}'" for name in names)
        if self.kind != "near-duplicates":
            return named
        return f"values but for {named or 'the last digits'}"


def find_dependent_rows(
    rows: pd.DataFrame, columns: Columns, independent: Collection[str] = ()
) -> DependentRows | None:
    """Find what says most clearly which rows belong together, if anything does.

    Args:
        rows: Valid rows: labels and numbers read. Columns that conf ignores may be among
            them: they can say which rows belong together, and the quick model never sees them.
        columns: The roles of the columns. Rows of a declared group are on one side already: its
            first row is looked at. With a declared time or history nothing is looked for.
        independent: Columns of which conf says that rows of one value are independent. So are rows
            that share more, unless their labels agree clearly further, and several columns that all
            are named.
    """
    if columns.time is not None or columns.history is not None or not len(rows):
        return None
    all_rows = rows
    if columns.group is not None:
        rows = rows.drop_duplicates(columns.group)
    measure = measure_of(rows[columns.label].to_numpy(), columns.task)
    if not measure.enough(1).any():
        return None
    cells = CellHashes(rows, columns)
    candidates = [str(name) for name in rows if name not in columns.not_features]
    of_model = columns.features or [name for name in candidates if name not in columns.ignore]
    features = [name for name in of_model if name in candidates]
    if not features:
        return None
    found = repeated_values(cells, measure, candidates, features, independent)
    suspects = [
        suspect
        for kind, smooth in product(get_args(Kind), (False, True))
        for suspect in [one for one in found if (one.kind, one.smooth) == (kind, smooth)][:OF_KIND]
    ]
    falls = [_fall_of(cells, measure, features, suspect, len(suspects)) for suspect in suspects]
    clear = [
        (fall, suspect)
        for fall, suspect in zip(falls, suspects, strict=True)
        if fall.low >= measure.falls[suspect.smooth]
    ]
    if not clear:
        return None
    least = NEARLY * max(fall.low for fall, _ in clear)
    # A column, which can be the group, comes before several.
    fall, suspect = next(both for both in clear if both[0].low >= least)
    _, hashes = suspect.taken(CellHashes(all_rows, columns), len(all_rows))
    sizes = np.bincount(pd.factorize(hashes[hashes != 0])[0])
    return DependentRows(
        kind=suspect.kind,
        columns=list(suspect.columns),
        but_for=list(suspect.but_for),
        groups=int((sizes > 1).sum()),
        rows=int(sizes[sizes > 1].sum()),
        alike=suspect.agreement.alike,
        measure=measure.name,
        spread=fall.spread,
        together=fall.together,
        fall=(fall.low, fall.high),
    )


def _fall_of(
    cells: CellHashes,
    measure: Measure,
    features: Sequence[str],
    suspect: Repeated,
    suspects: int,
) -> Fall:
    """Judge a quick model on some of the rows twice: whole groups, more where a class is rare."""
    most = int(np.clip(OF_CLASS / measure.rarest, ROWS, MOST_ROWS))
    places, shared = suspect.taken(cells, most)
    measure = measure.at(places)
    if not measure.enough(FOLDS).any():
        return Fall(0.0, 0.0, 0.5, 0.5)
    apart = cells.columns.group or cells.columns.key
    side = cells.joined([apart] if apart else features, places, missing=True)
    groups = pd.factorize(np.where(shared == 0, side, shared))[0]
    seen = np.column_stack([_seen(cells, name, places) for name in features])
    together = _out_of_fold(measure, seen, _folds(measure.labels, groups))
    side = pd.factorize(side)[0]
    known = [_known_again(errors, groups, side) for errors in (measure.marks - together).T]
    return _fall(measure, together + np.column_stack(known), together, groups, suspects)


def _seen(cells: CellHashes, name: str, places: np.ndarray) -> np.ndarray:
    """Give a feature as the quick model sees it: a number, a date's parts, a name by its place."""
    numbers = cells.numbers(name, places)
    if numbers is not None and cells.holds_dates(name):
        since = np.where(np.isnan(numbers), 0, numbers * MICROSECONDS).astype(np.int64)
        return parts(np.where(np.isnan(numbers), np.datetime64("NaT"), since.astype(DTYPE)))
    if numbers is not None:
        return np.asarray(np.clip(numbers, -HUGE, HUGE))
    return pd.factorize(cells.rows[name].iloc[places])[0].astype(float)


def _folds(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Deal the groups out to folds, so that each has about the same labels."""
    sizes, sums = np.bincount(groups), np.bincount(groups, labels)
    drawn = np.random.default_rng(0).permutation(len(sizes))
    order = drawn[np.lexsort((sizes[drawn], sums[drawn] / sizes[drawn]))]
    folds = np.empty(len(sizes), int)
    folds[order] = np.arange(len(sizes)) % FOLDS
    return np.asarray(folds[groups])


def _out_of_fold(measure: Measure, seen: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Give each row its scores, (rows, marks), by a forest that saw none of its fold."""
    scores = np.empty(measure.marks.shape)
    for fold in range(FOLDS):
        out = folds == fold
        scores[out] = measure.learned(seen, out)
    return np.asarray(scores.round(DECIMALS))


def _known_again(errors: np.ndarray, groups: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Give each row what the others of its group, whose labels a model knows, say of its own.

    That is the sum of their errors by their number and 1. Rows on its own side are not known.
    """
    own = pd.factorize(groups * (side.max() + 1) + side)[0]

    def of_others(counted: np.ndarray) -> np.ndarray:
        return np.asarray(np.bincount(groups, counted)[groups] - np.bincount(own, counted)[own])

    known: np.ndarray = of_others(np.ones(len(errors)))
    return np.asarray(of_others(errors) / (known + 1))


def _fall(
    measure: Measure, spread: np.ndarray, together: np.ndarray, groups: np.ndarray, suspects: int
) -> Fall:
    """Compare scores of rows that come in groups, by the sums of each group's shares.

    The interval of 95 % is corrected for so many suspects.
    """
    from scipy.stats import norm  # noqa: PLC0415

    (before, shares), (after, others) = (measure.judged(of, FOLDS) for of in (spread, together))
    of_groups = np.bincount(groups, shares - others)
    error = np.sqrt((of_groups**2).sum())
    fall, wide = before - after, norm.ppf(1 - 0.025 / suspects) * error
    return Fall(float(fall - wide), float(fall + wide), before, after)
