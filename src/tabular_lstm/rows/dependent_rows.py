"""Rows that belong together although no group is declared: one value of a column, mostly one label.

Such rows are, for example, several reports of one incident, or visits of one patient. If they are
on both sides, a model knows its test rows. A column is a suspect if rows with the same value have
the same label more often than by chance. For each suspect a quick model is judged twice: once with
these rows spread over train and test rows, and once with these rows kept together. If the second
result is clearly lower, the rows are dependent. Only one row of a declared group is examined, to
find values that several groups share.

Where the column may be an amount, such as the height of a flight, an effect of the amount looks
alike: then a run only asks, and the gate refuses nothing.

What is not found: fewer than 20 such values; labels that agree as weakly as those of one city or
occupation (correlation below 0.2, for numbers 0.8); a number or date whose neighbouring values
agree nearly as well, if the fall is below 0.05 (for numbers 0.1); rows that share only the values
of several columns together; near-duplicates, which differ in a counter or in the last digits; and
rows that are near in time or place without a common value.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field

from tabular_lstm.errors import shown
from tabular_lstm.frozen import Frozen, unless
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.rows.cells import row_slices
from tabular_lstm.rows.column_kinds import column_of
from tabular_lstm.rows.dates import date_parts
from tabular_lstm.rows.label_measures import TREES, Measure, measure_of
from tabular_lstm.rows.schema import origin_of

# Rows of the sample in which labels are compared; of values, the sample has all rows or none.
SAMPLE = 30_000
# A suspect needs this number of repeated values. For rare labels, this share of the usual agreement
# is enough. The agreement needs this many standard deviations.
LEAST_GROUPS, OF_RARE, LEAST_SURE = 20, 0.5, 3.5
# A number may be an amount if neighbouring values reach this share of the agreement of equal ones.
SMOOTH = 0.6
# Columns group the rows alike if a value in one has at most this many in the other, on average.
ALMOST = 1.05
# A quick model is fitted on ROWS rows, or up to MOST_ROWS to have OF_CLASS of the rarest class.
ROWS, OF_CLASS, MOST_ROWS = 4_000, 200, 10_000
SUSPECTS = 2  # amounts, and as many others
FOLDS = 5
FEW_TREES = 10
# The low end of a fall's interval must reach this share of the highest low end.
NEARLY = 0.8
HUGE = 1e30
DECIMALS = 6  # of scores, whose last bits differ between processors


class Agreement(NamedTuple):
    """How the labels agree among rows with the same value.

    Attributes:
        alike: Agreement beyond chance: 0 is chance, 1 is always.
        least: What `alike` must reach; less for rare labels: they agree less at the same odds.
        sure: The agreement in standard deviations of chance.
        groups: How many values are shared by several rows.
        shared: Share of the rows that have such a value.
    """

    alike: float
    least: float
    sure: float
    groups: int
    shared: float

    @property
    def is_clear(self) -> bool:
        """Return whether the labels agree enough for a quick model to be fitted."""
        return self.groups >= LEAST_GROUPS and self.alike >= self.least and self.sure >= LEAST_SURE


class Suspect(NamedTuple):
    """A column whose equal values may mean that rows belong together.

    Attributes:
        is_amount: Whether the column is a number or a date that may be an amount, such as a height,
            that only has an effect, see `_is_amount`.
    """

    column: str
    agreement: Agreement
    is_amount: bool


class Fall(NamedTuple):
    """The fall of a quick model's measure: its 95 % interval, and the two measures."""

    low: float
    high: float
    spread: float
    together: float


class DependentRows(Frozen):
    """Rows that belong together by the value of a column.

    Attributes:
        kind: `column`; release 0.1.0 also found rows by several columns, and near-duplicates.
        columns: The column whose equal values show which rows belong together; in files of release
            0.1.0 also several columns, whose values are all equal.
        but_for: Columns in which near-duplicates of release 0.1.0 differ; else empty.
        groups: How many values are shared by several rows.
        rows: How many rows have these values.
        alike: How far the labels of such rows agree beyond chance: 0 is chance, 1 is always.
        measure: The name of the measure, see `label_measures`.
        spread: The quick model's measure with such rows spread over train and test rows: each
            prediction of a forest is corrected by the errors on other rows with the same value.
        together: The measure with such rows on one side: predictions are not corrected.
        fall: 95 % interval of the difference, corrected for the number of suspects.
        is_amount: Whether the column may be an amount, see `Suspect`: then the rows may be
            independent, and a run only asks. No file has this field.
    """

    kind: Literal["column", "columns", "near-duplicates"] = "column"
    columns: list[str]
    but_for: list[str] = []
    groups: int
    rows: int
    alike: float
    measure: Literal["ROC AUC", "R²"] = unless("ROC AUC")
    spread: float
    together: float
    fall: tuple[float, float]
    is_amount: bool = Field(False, exclude=True)

    @property
    def same(self) -> str:
        """Describe the labels of such rows, such as "the same label"."""
        return "the same label" if self.measure == "ROC AUC" else "nearly the same label"

    @property
    def named(self) -> str:
        """Name the columns whose values such rows share."""
        return " and ".join(f"'{shown(name)}'" for name in self.columns)


def find_dependent_rows(
    rows: pd.DataFrame, columns: ColumnsOptions, independent: Collection[str] = ()
) -> DependentRows | None:
    """Find the column that shows most clearly which rows belong together; None if none does.

    Args:
        rows: Valid rows, with labels and numbers read. They may have columns that conf ignores.
            Such a column can show that rows belong together, but the quick model never sees it.
        columns: The roles of the columns. Only the first row of a declared group is examined,
            because a group is on one side already. With a time or a history there is no search.
        independent: Columns whose equal values are independent, as conf says. Columns that group
            the rows alike, such as the place of each incident beside its time, are so too.
    """
    if columns.time is not None or columns.history is not None or not len(rows):
        return None
    all_rows = rows
    if columns.group is not None:
        rows = rows[~rows.duplicated(columns.group).to_numpy()]
    measure = measure_of(rows[columns.label].to_numpy(), columns.task)
    candidates = [str(name) for name in rows if name not in columns.not_features]
    learned_columns = columns.features or [
        name for name in candidates if name not in columns.ignore
    ]
    features = [name for name in learned_columns if name in candidates]
    if not features or not measure.enough(1).any():
        return None
    suspects = [*_find_suspects(rows, columns, measure, candidates, independent)]
    falls = [
        _fall_of_suspect(rows, columns, measure, features, suspect, len(suspects))
        for suspect in suspects
    ]
    clear = [
        (fall, suspect)
        for fall, suspect in zip(falls, suspects, strict=True)
        if fall.low >= measure.falls[suspect.is_amount]
    ]
    if not clear:
        return None
    clear = [pair for pair in clear if not pair[1].is_amount] or clear
    least_fall = NEARLY * max(fall.low for fall, _ in clear)
    fall, suspect = next(pair for pair in clear if pair[0].low >= least_fall)
    _, hashes = _sample(all_rows[suspect.column], columns, len(all_rows))
    sizes = np.bincount(pd.factorize(hashes[hashes != 0])[0])
    return DependentRows(
        columns=[suspect.column],
        groups=int((sizes > 1).sum()),
        rows=int(sizes[sizes > 1].sum()),
        alike=suspect.agreement.alike,
        measure=columns.task.told_by,
        spread=fall.spread,
        together=fall.together,
        fall=(fall.low, fall.high),
        is_amount=suspect.is_amount,
    )


def group_alike(cells: pd.Series, other_cells: pd.Series) -> bool:
    """Return whether a value in one column nearly always goes with one value in the other.

    So the columns put the same rows together, such as a customer's number and name.
    """
    pairs = pd.DataFrame({"one": cells, "other": other_cells}).drop_duplicates()
    return len(pairs) <= ALMOST * pairs.nunique().min()


def _numbers_or_days(cells: pd.Series, columns: ColumnsOptions) -> np.ndarray | None:
    """Return a column's numbers as float64, dates as days; None if it holds categories."""
    is_number = cells.name in columns.dates or pd.api.types.is_numeric_dtype(cells)
    return column_of(str(cells.name), columns).amounts(cells) if is_number else None


def _sample(
    cells: pd.Series, columns: ColumnsOptions, sample_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sample about `sample_size` rows by a hash of their value: of each value all rows, or none.

    If few values have most of the rows, a sample has up to four times as many rows.

    Returns:
        The places of the rows, int64, and the hashes of their values, uint64; 0 for no value.
    """
    threshold = np.uint64(min(sample_size / max(len(cells), 1), 1.0) * (2**64 - 2**11))
    sampled_places, sampled_hashes, room = [], [], 4 * sample_size
    for part in row_slices(len(cells)):
        places, hashes = np.arange(part.start, part.stop), _hashes(cells.iloc[part], columns)
        draws = np.where(hashes == 0, pd.util.hash_array(places), hashes)
        chosen = np.flatnonzero((draws <= threshold) | (len(cells) <= sample_size))[:room]
        room -= len(chosen)
        sampled_places.append(places[chosen])
        sampled_hashes.append(hashes[chosen])
    return np.concatenate(sampled_places), np.concatenate(sampled_hashes)


def _hashes(cells: pd.Series, columns: ColumnsOptions) -> np.ndarray:
    """Hash the cells of a column, uint64; 0 for a missing cell."""
    numbers = _numbers_or_days(cells, columns)
    if numbers is not None:
        hashes = np.maximum(pd.util.hash_array(numbers + 0.0), np.uint64(1))  # pandas gives 0 for 0
        return np.where(np.isnan(numbers), np.uint64(0), hashes)
    codes, distinct = pd.factorize(cells)
    texts = np.array([*map(str, distinct), ""], object)
    hashes = pd.util.hash_array(texts, categorize=False)
    hashes[-1] = 0  # a missing cell has the code -1
    return np.asarray(hashes[codes])


def _find_suspects(
    rows: pd.DataFrame,
    columns: ColumnsOptions,
    measure: Measure,
    candidates: Sequence[str],
    independent: Collection[str],
) -> Iterator[Suspect]:
    """Find the suspects, by the agreement of labels times the share of rows with a shared value."""
    suspects = []
    for name in candidates:
        if any(group_alike(rows[name], rows[other]) for other in independent):
            continue
        places, hashes = _sample(rows[name], columns, SAMPLE)
        marks = measure.marks[places]
        labels = agreement(hashes, marks, measure.alike)
        if labels.is_clear:
            numbers = _numbers_or_days(rows[name].iloc[places], columns)
            is_amount = numbers is not None and _is_amount(numbers, hashes, marks, measure.alike)
            suspects.append(Suspect(name, labels, is_amount))
    suspects.sort(key=lambda suspect: -suspect.agreement.alike * suspect.agreement.shared)
    for is_amount in (False, True):
        yield from [s for s in suspects if s.is_amount == is_amount][:SUSPECTS]


def _is_amount(numbers: np.ndarray, hashes: np.ndarray, marks: np.ndarray, least: float) -> bool:
    """Return whether rows of neighbouring values agree nearly as much as rows of equal values.

    The commonest value is left out: it may be the 0 of an amount as well as a code for an unknown
    case. If the labels of the other values do not agree, only that value has an effect.
    """
    others = hashes != pd.Series(hashes[hashes != 0]).mode()[0]
    labels = agreement(hashes[others], marks[others], least)
    smooth = neighbours_agree(numbers[others], marks[others])
    return smooth >= SMOOTH * labels.alike or not labels.is_clear


def agreement(hashes: np.ndarray, marks: np.ndarray, least: float) -> Agreement:
    """Measure the intraclass correlation of rows with the same value; each row counts once.

    Args:
        hashes: Hashes of the rows' values; 0 means that there is no value.
        marks: Marks of the rows' labels, (rows, marks), see `label_measures`. For several marks,
            chance is assumed to be as large as for one, which is on the safe side.
        least: Least agreement of labels that are not rare, see `label_measures`.
    """
    groups, distinct = pd.factorize(hashes)
    sizes = np.bincount(groups, minlength=len(distinct)).astype(float)
    is_shared = (sizes > 1) & (distinct != 0)
    sizes = sizes[is_shared]
    shared = float(sizes.sum() / max(len(hashes), 1))
    agreeing = variance = 0.0
    for mark in marks.T.astype(float):
        sums = np.bincount(groups, mark, len(distinct))[is_shared]
        squares = np.bincount(groups, mark**2, len(distinct))[is_shared]
        share = sums.sum() / max(sizes.sum(), 1)
        # 0 for marks of 0 and 1, which are their own squares.
        square_excess = squares - sums
        squared_deviations = sums * (1 - share) ** 2 + (sizes - sums) * share**2 + square_excess
        agreeing += (((sums - sizes * share) ** 2 - squared_deviations) / (sizes - 1)).sum()
        variance += share * (1 - share) + square_excess.sum() / max(sizes.sum(), 1)
    if not variance > 0:
        return Agreement(0.0, least, 0.0, len(sizes), shared)
    agreeing /= variance
    chance = np.sqrt((2 * sizes / (sizes - 1)).sum())
    correlation, deviations = float(agreeing / sizes.sum()), float(agreeing / chance)
    # Two marks, one for each of two classes, have twice the variance of one.
    balance = 4 * variance / min(marks.shape[1], 2)
    least *= float(np.clip(balance, OF_RARE, 1))
    return Agreement(correlation, least, deviations, len(sizes), shared)


def neighbours_agree(numbers: np.ndarray, marks: np.ndarray) -> float:
    """Measure how far rows of neighbouring values agree beyond chance, see `agreement`."""
    measured = ~np.isnan(numbers)
    _, groups, sizes = np.unique(numbers[measured], return_inverse=True, return_counts=True)
    weights = np.minimum(sizes[1:], sizes[:-1])
    agreeing = variance = 0.0
    for mark in marks.T.astype(float):
        share = mark.mean()
        means = np.bincount(groups, mark[measured] - share) / sizes
        agreeing += (weights * means[1:] * means[:-1]).sum()
        variance += share * (1 - share) + (mark**2 - mark).mean()
    return float(agreeing / (max(weights.sum(), 1) * variance))


def _fall_of_suspect(
    rows: pd.DataFrame,
    columns: ColumnsOptions,
    measure: Measure,
    features: Sequence[str],
    suspect: Suspect,
    suspect_count: int,
) -> Fall:
    """Judge a quick model twice on a sample of whole groups, a larger one if a class is rare.

    If a few trees show that the measure does not fall, no more are grown.
    """
    places, values = _sample(rows[suspect.column], columns, rows_of_quick_model(measure))
    measure = measure_of(measure.labels[places], measure.task)
    if not measure.enough(FOLDS).any():
        return Fall(0.0, 0.0, 0.5, 0.5)
    sampled, deciding = rows.iloc[places], columns.group or columns.key
    side_columns = [deciding] if deciding else [*features]
    without_names = sampled.reset_index(drop=True)  # a feature may have the index's name, `row`
    sides = without_names.groupby(side_columns, sort=False, dropna=False).ngroup().to_numpy()
    # A row without a value is together with the rows that are always on its side.
    groups = pd.factorize(np.where(values == 0, ~sides.astype(np.uint64), values))[0]
    for trees in (FEW_TREES, TREES):
        together = quick_scores(sampled, columns, measure, features, groups, trees)
        errors = (measure.marks - together).T
        spread = together + np.column_stack(
            [_error_of_others(mark_errors, groups, sides) for mark_errors in errors]
        )
        fall = _fall_between(measure, spread, together, groups, suspect_count)
        if fall.high < measure.falls[suspect.is_amount]:
            break
    return fall


def rows_of_quick_model(measure: Measure) -> int:
    """Return the number of rows that a quick model is fitted on, more if a class is rare."""
    return int(np.clip(OF_CLASS / measure.rarest, ROWS, MOST_ROWS))


def quick_scores(
    rows: pd.DataFrame,
    columns: ColumnsOptions,
    measure: Measure,
    features: Sequence[str],
    groups: np.ndarray,
    trees: int = TREES,
) -> np.ndarray:
    """Score each row by a quick model that saw no row of its group: (rows, marks)."""
    cells = np.column_stack([_quick_model_input(rows[name], columns) for name in features])
    folds, scores = _folds_of_groups(measure.labels, groups), np.empty(measure.marks.shape)
    for fold in range(FOLDS):
        is_out = folds == fold
        scores[is_out] = measure.learned(cells, is_out, trees)
    return np.asarray(scores.round(DECIMALS))


def _quick_model_input(cells: pd.Series, columns: ColumnsOptions) -> np.ndarray:
    """Return a feature for the quick model: a number, a date's parts, or a category's number."""
    name = str(cells.name)
    if name in columns.dates:
        return date_parts(column_of(name, columns).seen(cells)[0])
    numbers = _numbers_or_days(cells, columns)
    if numbers is None:
        return pd.factorize(cells)[0].astype(float)
    # The model computes in float32.
    return np.asarray(np.clip(numbers - origin_of(numbers[~np.isnan(numbers)]), -HUGE, HUGE))


def _folds_of_groups(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Assign the groups to folds, so that all folds have about the same labels."""
    sizes, sums = np.bincount(groups), np.bincount(groups, labels)
    shuffled = np.random.default_rng(0).permutation(len(sizes))
    order = shuffled[np.lexsort((sizes[shuffled], sums[shuffled] / sizes[shuffled]))]
    folds = np.empty(len(sizes), int)
    folds[order] = np.arange(len(sizes)) % FOLDS
    return np.asarray(folds[groups])


def _error_of_others(errors: np.ndarray, groups: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Estimate each row's error from the errors of other rows in its group, (rows,).

    The estimate is the sum of the others' errors, divided by their number plus 1. A row that is
    always on the same side as the estimated row does not count.
    """
    same_side = pd.factorize(groups * (sides.max() + 1) + sides)[0]

    def sum_others(values: np.ndarray) -> np.ndarray:
        group_sums = np.bincount(groups, values)[groups]
        return np.asarray(group_sums - np.bincount(same_side, values)[same_side])

    return np.asarray(sum_others(errors) / (sum_others(np.ones(len(errors))) + 1))


def _fall_between(
    measure: Measure,
    spread: np.ndarray,
    together: np.ndarray,
    groups: np.ndarray,
    suspect_count: int,
) -> Fall:
    """Compare two scores of rows that come in groups; a group's errors are summed.

    The 95 % interval is corrected for the number of suspects.
    """
    from scipy.stats import norm  # noqa: PLC0415

    before, shares_before = measure.judged(spread, FOLDS)
    after, shares_after = measure.judged(together, FOLDS)
    group_errors = np.bincount(groups, shares_before - shares_after)
    deviation = np.sqrt((group_errors**2).sum())
    fall, margin = before - after, norm.ppf(1 - 0.025 / suspect_count) * deviation
    return Fall(float(fall - margin), float(fall + margin), before, after)
