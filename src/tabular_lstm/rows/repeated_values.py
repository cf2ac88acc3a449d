"""Find repeated values whose rows have the same label more often than by chance, without models.

The search covers single columns, pairs of columns, and near-duplicates. Near-duplicates are rows
that are equal except in nearly unique columns and in at most one other column, with numbers as they
are or rounded. A sample is drawn by a hash of values: it has all rows of a value or none.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from tabular_lstm.rows.cell_hashes import CellHashes, Taken
from tabular_lstm.rows.label_measures import Measure

ROWS = 30_000  # of the sample
# Columns that are examined in pairs: those whose labels agree most surely.
PAIRED = 16
# Near-duplicates are equal in at least this many columns.
LEAST_EQUAL = 3
# A suspect needs this number of repeated values. For rare labels, this share of the usual agreement
# is enough. The agreement needs this many standard deviations.
LEAST_GROUPS, OF_RARE, LEAST_SURE = 20, 0.5, 3.5
# An effect may be smooth if neighbouring values reach this share of the agreement of equal values.
SMOOTH = 0.6
# In a nearly unique column, at least this share of the rows are alone with their value.
UNIQUE = 0.9
# Near-duplicates are at least this many times as common as if the columns were independent.
SURPRISE = 2.0
# Rows that share several values agree more than rows that share one of them, by at least this.
MORE_ALIKE = 0.1
# Rows of one value share another column if it has at most this many values for them, on average.
ALMOST = 1.05

Kind = Literal["column", "columns", "near-duplicates"]


class Agreement(NamedTuple):
    """How the labels agree among rows with the same value.

    Attributes:
        alike: Agreement beyond chance: 0 is chance, 1 is always.
        least: What `alike` must reach; less for rare labels: they agree less at the same odds.
        sure: The agreement in standard deviations of chance.
        groups: How many values are shared by several rows.
        pairs: How many pairs of rows share a value.
        alone: Share of the rows that are alone with their value.
    """

    alike: float
    least: float
    sure: float
    groups: int
    pairs: float
    alone: float

    @property
    def clear(self) -> bool:
        """Tell whether the labels agree enough for a quick model to be fitted."""
        enough = self.groups >= LEAST_GROUPS and self.alike >= self.least
        return enough and self.sure >= LEAST_SURE


class Repeated(NamedTuple):
    """A suspect: columns whose equal values may mean that rows belong together.

    Attributes:
        agreement: The agreement of rows with one value.
        rounded: Whether numbers of many values are rounded.
        smooth: Whether rows of neighbouring values agree nearly as much, so that the column may
            only have a smooth effect.
        For the other attributes see `tabular_lstm.rows.dependent_rows.DependentRows`.
    """

    kind: Kind
    columns: tuple[str, ...]
    agreement: Agreement
    but_for: tuple[str, ...] = ()
    rounded: bool = False
    smooth: bool = False

    def taken(self, cells: CellHashes, most: int) -> Taken:
        """Sample rows by the values that they share, see `CellHashes.taken`."""
        near = self.kind == "near-duplicates"
        return cells.taken_of(self.columns, most, self.rounded, missing=near)


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
    several = (sizes > 1) & (distinct != 0)
    sizes, (sums, squares) = sizes[several], _sums(groups, marks, len(distinct))
    alone = float(1 - sizes.sum() / max(len(hashes), 1))
    pairs = float((sizes * (sizes - 1) / 2).sum())
    agreeing = variance = 0.0
    for of_mark, of_squares in zip(sums[:, several], squares[:, several], strict=True):
        share = of_mark.sum() / max(sizes.sum(), 1)
        # 0 for marks of 0 and 1, which are their own squares.
        more = of_squares - of_mark
        apart = of_mark * (1 - share) ** 2 + (sizes - of_mark) * share**2 + more
        agreeing += (((of_mark - sizes * share) ** 2 - apart) / (sizes - 1)).sum()
        variance += share * (1 - share) + more.sum() / max(sizes.sum(), 1)
    if not variance > 0:
        return Agreement(0.0, least, 0.0, len(sizes), pairs, alone)
    agreeing /= variance
    chance = np.sqrt((2 * sizes / (sizes - 1)).sum())
    alike, sure = float(agreeing / sizes.sum()), float(agreeing / chance)
    # Two marks, one for each of two classes, have twice the variance of one.
    even = 4 * variance / min(marks.shape[1], 2)
    least *= float(np.clip(even, OF_RARE, 1))
    return Agreement(alike, least, sure, len(sizes), pairs, alone)


def _sums(groups: np.ndarray, marks: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Sum the marks of each group, and their squares, (marks, groups)."""
    numbers = marks.T.astype(float)
    each = [[np.bincount(groups, of, count) for of in values] for values in (numbers, numbers**2)]
    return np.array(each[0]), np.array(each[1])


def neighbours_agree(numbers: np.ndarray, marks: np.ndarray) -> float:
    """Measure how far rows of neighbouring values agree beyond chance, see `agreement`."""
    known = ~np.isnan(numbers)
    _, groups, sizes = np.unique(numbers[known], return_inverse=True, return_counts=True)
    weights = np.minimum(sizes[1:], sizes[:-1])
    agreeing = variance = 0.0
    for of_mark in marks.T.astype(float):
        share = of_mark.mean()
        means = np.bincount(groups, of_mark[known] - share) / sizes
        agreeing += (weights * means[1:] * means[:-1]).sum()
        variance += share * (1 - share) + (of_mark**2 - of_mark).mean()
    return float(agreeing / (max(weights.sum(), 1) * variance))


def repeated_values(
    cells: CellHashes,
    measure: Measure,
    candidates: Sequence[str],
    features: Sequence[str],
    independent: Collection[str],
) -> list[Repeated]:
    """Find suspects, sorted by their labels' agreement times the share of rows with a shared value.

    Args:
        cells: The rows.
        measure: The measure of their labels.
        candidates: Columns that are examined alone and in pairs; all features are among them.
        features: Columns in which near-duplicates are equal.
        independent: Columns whose equal values conf declares independent.
    """
    singles: dict[str, Agreement] = {}
    found: list[Repeated] = []
    for name in candidates:
        places, hashes = cells.taken_of([name], ROWS)
        singles[name] = said = agreement(hashes, measure.marks[places], measure.alike)
        if not said.clear:
            continue
        numbers = cells.numbers(name, places)
        near = 0.0 if numbers is None else neighbours_agree(numbers, measure.marks[places])
        smooth = near >= SMOOTH * said.alike
        found.append(Repeated("column", (name,), said, smooth=smooth))
    found += _pairs(cells, measure, singles)
    for rounded in (False, True):
        found += _near_duplicates(cells, measure, {n: singles[n] for n in features}, rounded)
    calm = {name: singles[name] for name in independent if name in singles}
    asked = [one for one in found if not _declared(one, calm, cells)]
    return sorted(asked, key=lambda one: -one.agreement.alike * (1 - one.agreement.alone))


def _declared(one: Repeated, independent: Mapping[str, Agreement], cells: CellHashes) -> bool:
    """Tell whether conf declares the rows of a suspect independent.

    Conf does so if it names all columns of the suspect. Or it names a column in which the suspect's
    rows have equal values too, unless these rows agree clearly more than that column's.
    """
    if {*one.columns} <= {*independent}:
        return True
    places, shared = one.taken(cells, ROWS)
    places, shared = places[shared != 0], shared[shared != 0]
    groups = pd.factorize(shared)[0]
    several = np.bincount(groups)[groups] > 1
    for name, said in independent.items():
        others = cells.joined([name], places, missing=True)
        both = pd.DataFrame({"one": groups, "other": others})[several].drop_duplicates()
        within = len(both) <= ALMOST * both["one"].nunique()
        if within and one.agreement.alike < said.alike + MORE_ALIKE:
            return True
    return False


def _pairs(cells: CellHashes, measure: Measure, singles: dict[str, Agreement]) -> list[Repeated]:
    repeating = {name: one for name, one in singles.items() if one.alone < UNIQUE and one.groups}
    most = sorted(repeating, key=lambda name: -repeating[name].sure)[:PAIRED]
    # The first column has the most values. Its sample holds all rows of each pair of values.
    most.sort(key=lambda name: -repeating[name].groups)
    found = []
    for place, one in enumerate(most[:-1]):
        places, _ = cells.taken_of([one], ROWS)
        for other in most[place + 1 :]:
            said = agreement(
                cells.joined([one, other], places), measure.marks[places], measure.alike
            )
            alone = max(singles[one].alike, singles[other].alike)
            if said.clear and said.alike >= alone + MORE_ALIKE:
                found.append(Repeated("columns", (one, other), said))
    return found


def _near_duplicates(
    cells: CellHashes, measure: Measure, singles: dict[str, Agreement], rounded: bool
) -> list[Repeated]:
    unique = [name for name, one in singles.items() if one.alone >= UNIQUE]
    if rounded:
        unique = [name for name in unique if not (cells.step(name) and cells.has_fractions(name))]
    equal = [name for name in singles if name not in unique]
    if cells.columns.key is not None and not unique and not rounded:
        unique = [cells.columns.key]  # equal rows with two keys may be on two sides
    if len(equal) < LEAST_EQUAL or (rounded and not any(map(cells.step, equal))):
        return []
    hashes = partial(cells.all_but_one, equal, rounded=rounded)
    chances = cells.chances(equal, rounded)
    by_chance = (
        np.prod(list(chances.values())) * len(measure.marks) * min(ROWS, len(measure.marks)) / 2
    )
    said = [
        agreement(of_rows, measure.marks[places], measure.alike)
        for places, of_rows in cells.taken(hashes, ROWS)
    ]
    found = []
    if said[0].clear and said[0].pairs >= SURPRISE * by_chance and (unique or rounded):
        found.append(Repeated("near-duplicates", tuple(equal), said[0], tuple(unique), rounded))
    for left_out, one in zip(equal, said[1:], strict=False):
        # Rows that are equal elsewhere differ in a counter more often than by chance.
        counted = one.pairs * chances[left_out] >= SURPRISE * said[0].pairs
        if one.clear and one.pairs >= SURPRISE * by_chance / chances[left_out] and counted:
            names = tuple(name for name in equal if name != left_out)
            but_for = (*unique, left_out)
            found.append(Repeated("near-duplicates", names, one, but_for, rounded))
    return found
