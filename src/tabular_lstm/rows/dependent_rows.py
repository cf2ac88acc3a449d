"""Rows that belong together although no group is declared: equal values and mostly one label.

Such rows are, for example, several reports of one incident, or visits of one patient. If they are
on both sides, a model knows its test rows. `repeated_values` finds suspects, and each suspect is
measured: a quick model is judged twice, once with these rows spread over train and test rows, and
once with these rows kept together. If the second result is clearly lower, the rows are dependent.

What is found: rows that share the value of a column, such as a time, an identifier or a number;
rows that share the values of two columns; and rows that are equal except in nearly unique columns,
in one counter, and in the last digits of numbers. Only one row of a declared group is examined, to
find values that several groups share.

What is not found: fewer than 20 such values; labels that agree as weakly as those of one city or
occupation (correlation below 0.2, for numbers 0.8); a number or date whose neighbouring values
agree nearly as well, if the fall is below 0.05 (for numbers 0.1); rows that share only the values
of three columns together; near-duplicates that differ in two columns with repeated values; and rows
that are near in time or place without a common value.
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
from tabular_lstm.rows.dates import DTYPE, MICROSECONDS, NO_DATE, parts
from tabular_lstm.rows.label_measures import AREA, MEASURES, Measure, Name, measure_of
from tabular_lstm.rows.repeated_values import Kind, Repeated, repeated_values

# A quick model is fitted on ROWS rows, or up to MOST_ROWS to have OF_CLASS of the rarest class.
ROWS, OF_CLASS, MOST_ROWS = 4_000, 200, 10_000
OF_KIND = 2  # suspects of each kind
FOLDS = 5
# The low end of a fall's interval must reach this share of the highest low end.
NEARLY = 0.8
HUGE = 1e30
DECIMALS = 6  # of scores, whose last bits differ between processors


class Fall(NamedTuple):
    """The fall of a quick model's measure: its 95 % interval, and the two measures."""

    low: float
    high: float
    spread: float
    together: float


class DependentRows(Frozen):
    """Rows that belong together by the value of a column, or of several columns together.

    Attributes:
        kind: The rows share the value of one column or of several columns, or they are
            near-duplicates: equal except in some columns and in the last digits of numbers.
        columns: The columns whose equal values show which rows belong together.
        but_for: The columns in which near-duplicates differ; empty if only last digits differ.
        groups: How many values are shared by several rows.
        rows: How many rows have these values.
        alike: How far the labels of such rows agree beyond chance: 0 is chance, 1 is always.
        measure: The name of the measure, see `label_measures`.
        spread: The quick model's measure with such rows spread over train and test rows: each
            prediction of a forest is corrected by the errors on other rows with the same value.
        together: The measure with such rows on one side: predictions are not corrected.
        fall: 95 % interval of the difference, corrected for the number of suspects.
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
        """Describe the labels of such rows, such as "the same label"."""
        return next(of.same for of in MEASURES.values() if of.name == self.measure)

    @property
    def named(self) -> str:
        """Name what such rows share, as words after "the same": some columns, or all but some."""
        names = self.columns if self.kind != "near-duplicates" else self.but_for
        named = " and ".join(f"'{shown(name)}'" for name in names)
        if self.kind != "near-duplicates":
            return named
        return f"values but for {named or 'the last digits'}"


def find_dependent_rows(
    rows: pd.DataFrame, columns: Columns, independent: Collection[str] = ()
) -> DependentRows | None:
    """Find the columns that show most clearly which rows belong together; None if none do.

    Args:
        rows: Valid rows, with labels and numbers read. They may have columns that conf ignores.
            Such a column can show that rows belong together, but the quick model never sees it.
        columns: The roles of the columns. Only the first row of a declared group is examined,
            because a group is on one side already. With a time or a history there is no search.
        independent: Columns whose equal values are independent, as conf says. Rows that share
            further values are independent too, unless their labels agree clearly more. Rows that
            share several columns are independent if all these columns are named.
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
    # A single column comes first, because it can become the group.
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
    """Judge a quick model twice on a sample of whole groups, a larger one if a class is rare."""
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
    """Give a feature as the quick model sees it: a number, a date's parts, a category's number."""
    numbers = cells.numbers(name, places)
    if numbers is not None and cells.holds_dates(name):
        since = np.where(np.isnan(numbers), 0, numbers * MICROSECONDS).astype(np.int64)
        return parts(np.where(np.isnan(numbers), NO_DATE, since.astype(DTYPE)))
    if numbers is not None:
        return np.asarray(np.clip(numbers, -HUGE, HUGE))
    return pd.factorize(cells.rows[name].iloc[places])[0].astype(float)


def _folds(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Assign the groups to folds, so that all folds have about the same labels."""
    sizes, sums = np.bincount(groups), np.bincount(groups, labels)
    drawn = np.random.default_rng(0).permutation(len(sizes))
    order = drawn[np.lexsort((sizes[drawn], sums[drawn] / sizes[drawn]))]
    folds = np.empty(len(sizes), int)
    folds[order] = np.arange(len(sizes)) % FOLDS
    return np.asarray(folds[groups])


def _out_of_fold(measure: Measure, seen: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Score each row by a forest that did not see the row's fold: (rows, marks)."""
    scores = np.empty(measure.marks.shape)
    for fold in range(FOLDS):
        out = folds == fold
        scores[out] = measure.learned(seen, out)
    return np.asarray(scores.round(DECIMALS))


def _known_again(errors: np.ndarray, groups: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Estimate each row's error from the errors of known rows in its group.

    The estimate is the sum of the known rows' errors, divided by their number plus 1. A row is not
    known if it is always on the same side as the estimated row.
    """
    own = pd.factorize(groups * (side.max() + 1) + side)[0]

    def of_others(counted: np.ndarray) -> np.ndarray:
        return np.asarray(np.bincount(groups, counted)[groups] - np.bincount(own, counted)[own])

    known: np.ndarray = of_others(np.ones(len(errors)))
    return np.asarray(of_others(errors) / (known + 1))


def _fall(
    measure: Measure, spread: np.ndarray, together: np.ndarray, groups: np.ndarray, suspects: int
) -> Fall:
    """Compare two scores of rows that come in groups; a group's errors are summed.

    The 95 % interval is corrected for the number of suspects.
    """
    from scipy.stats import norm  # noqa: PLC0415

    (before, shares), (after, others) = (measure.judged(of, FOLDS) for of in (spread, together))
    of_groups = np.bincount(groups, shares - others)
    error = np.sqrt((of_groups**2).sum())
    fall, wide = before - after, norm.ppf(1 - 0.025 / suspects) * error
    return Fall(float(fall - wide), float(fall + wide), before, after)
