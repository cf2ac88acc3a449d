"""How well a single feature or a quick model predicts the labels, measured for each task.

For classes the measure is the ROC AUC, for more than two the mean of each class against the others.
For a number it is R² of the ranks, so that outliers do not decide. `Task.told_by` names it.
"""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from tabular_lstm.metrics import placements
from tabular_lstm.task import Task

# Rows of each class; with fewer, chance too often ranks all rows correctly. And rows of a class in
# which a feature can look like a leak: with fewer, no model would be promoted.
ENOUGH_ROWS, ENOUGH_TO_REFUSE = 10, 30
TREES, LEAF = 40, 5
# A row that is told falsely counts as much as this many that are told correctly. This and the
# limits `leak` and `suspect` were chosen with `benchmarks/leaks.py`.
FALSELY = 5
# What looks like a leak: one value settles this share of a class, which at most that share of the
# rows is of; or this share of the rows of a number is told.
SETTLED, NOT_COMMON, NEARLY_ALL = 0.5, 0.6, 0.95


class ClassMeasure:
    """The ROC AUC of classes.

    Attributes:
        marks: bool (rows, marks): whether a row is of the positive class, or of each class.
        leak: A feature whose measure reaches this value is a possible leak.
        suspect: A feature that tells this share of the labels is a possible leak too, if all
            others together tell less than the second share of that: see `of_number`.
        alike: Least agreement of rows with the same value to fit a quick model, at most 1.
        falls: Least low end of a fall's interval; then the same for a column that may be an
            amount, see `dependent_rows`.
    """

    leak: ClassVar[float] = 0.99
    suspect: ClassVar[tuple[float, float]] = 0.5, 0.5
    alike: ClassVar[float] = 0.2
    falls: ClassVar[tuple[float, float]] = 0.01, 0.05

    def __init__(self, labels: np.ndarray, task: Task) -> None:
        self.labels, self.task = labels, task
        self.classes = [*task.main_columns.values()]
        self.marks = np.column_stack([labels == place for place in self.classes])

    @property
    def rarest(self) -> float:
        """The share of the rarest class; absent classes do not count."""
        shares = self.marks[:, self.enough(1)].mean(axis=0)
        return float(np.minimum(shares, 1 - shares).min())

    def enough(self, least: int) -> np.ndarray:
        """Return which marks at least `least` rows have, and as many rows lack: bool (marks,)."""
        counts = self.marks.sum(axis=0)
        return np.asarray((counts >= least) & (counts <= len(self.marks) - least))

    def of_number(self, values: np.ndarray) -> np.ndarray:
        """Measure how well a number ranks the labels, see `data_warnings.possible_leaks`.

        Returns:
            float64 (3,): the measure; the share of a class that stands apart at one end of a
            ranking, see `_told`; and the share that one value settles, see `_settled`. For a
            number: R² by the values, of the rows that are told best; R² of all rows, by the
            neighbours too; and 0.
        """
        marks = self.marks[:, self.enough(ENOUGH_ROWS)].T
        order = _order(values)
        distinct, places = np.unique(values, return_inverse=True)
        # Rows of one value may belong together; then neighbours tell nothing of other rows.
        are_apart = len(distinct) > len(values) / 2
        by_neighbours = [_by_neighbours(mark[order], are_apart) for mark in marks]
        del order  # to free memory
        by_values = (_by_values(distinct, places, mark) for mark in marks)
        return _mean_of_marks(map(np.maximum, by_neighbours, by_values))

    def of_category(self, places: np.ndarray) -> np.ndarray:
        """Measure categories likewise; `places` numbers them from 0, (rows,)."""
        marks = self.marks[:, self.enough(ENOUGH_ROWS)].T
        return _mean_of_marks(
            _by_other_rows(*_count_by_value(places, mark), slice(None)) for mark in marks
        )

    def told(self, scores: np.ndarray) -> float:
        """Return the share of the labels that scores (rows, marks) tell, see `of_number`."""
        has_enough = self.enough(ENOUGH_ROWS)
        columns = zip(scores.T[has_enough], self.marks.T[has_enough], strict=True)
        ranked = [(np.unique(score, return_inverse=True)[1], mark) for score, mark in columns]
        return float(np.mean([_told(*_count_by_value(*pair)) for pair in ranked] or 1.0))

    def learned(self, cells: np.ndarray, is_out: np.ndarray, trees: int = TREES) -> np.ndarray:
        """Score the rows `is_out` by a forest that saw the other rows: (rows, marks)."""
        from sklearn.ensemble import ExtraTreesClassifier  # noqa: PLC0415  it takes a second

        model = ExtraTreesClassifier(trees, min_samples_leaf=LEAF, random_state=0)
        model.fit(cells[~is_out], self.labels[~is_out])
        scores = np.zeros((is_out.sum(), len(self.task.classes)))
        scores[:, model.classes_] = model.predict_proba(cells[is_out])
        return np.asarray(scores[:, self.classes])

    def judged(self, scores: np.ndarray, least: int) -> tuple[float, np.ndarray]:
        """Measure scores (rows, marks); also return each row's share of the error, (rows,).

        Obuchowski, "Nonparametric analysis of clustered ROC curve data", Biometrics 1997.
        """
        areas, shares, has_enough = [], [], self.enough(least)
        for mark, score in zip(self.marks.T[has_enough], scores.T[has_enough], strict=True):
            placed = placements(mark, score)
            areas.append(float(placed[mark].mean()))
            shares.append((placed - areas[-1]) / np.where(mark, mark.sum(), (~mark).sum()))
        return float(np.mean(areas)), np.asarray(np.mean(shares, axis=0))


class NumberMeasure:
    """R² of the ranks of a number.

    Attributes:
        marks: float64 (rows, 1): the ranks, scaled to the mean and the variance of two equally
            common classes.
    """

    leak: ClassVar[float] = 0.998
    suspect: ClassVar[tuple[float, float]] = 0.9, 0.75
    # In many tables a city or a product explains most of a price, and its rows are independent.
    alike: ClassVar[float] = 0.8
    falls: ClassVar[tuple[float, float]] = 0.03, 0.1
    rarest = 0.5

    def __init__(self, labels: np.ndarray, task: Task) -> None:
        self.labels, self.task = _ranks(labels), task
        self.marks = 0.5 + self.labels[:, None] / 2

    def enough(self, least: int) -> np.ndarray:
        """Return whether labels differ and there are twice `least` rows: bool (1,)."""
        return np.array([len(self.marks) >= 2 * least and bool(self.labels.any())])

    def of_number(self, values: np.ndarray) -> np.ndarray:
        """Measure how well a number ranks the labels, see `ClassMeasure.of_number`."""
        if not self.enough(ENOUGH_ROWS)[0]:
            return np.zeros(3)
        ordered = self.labels[_order(values)]
        distinct, places = np.unique(values, return_inverse=True)
        orders = [places]
        if np.isnan(distinct[-1]):  # missing values are one value, ranked last or first
            orders.append(np.where(places == len(distinct) - 1, -1, places))
        # Where a label is smooth in time, neighbours tell it, and the time need not be a leak.
        explained = [
            _explained(ordered, _neighbour_sums(ordered) / 4) * (0, 1, 0),
            *(_explained(self.labels, np.mean(r * self.labels) * r) for r in map(_ranks, orders)),
        ]
        if len(distinct) < len(values):
            explained.append(self.of_category(places))
        return np.asarray(np.max(explained, axis=0))

    def of_category(self, places: np.ndarray) -> np.ndarray:
        """Measure categories likewise; `places` numbers them from 0, (rows,)."""
        if not self.enough(ENOUGH_ROWS)[0]:
            return np.zeros(3)
        sums, other_rows = np.bincount(places, self.labels), np.bincount(places)[places] - 1
        means = (sums[places] - self.labels) / np.maximum(other_rows, 1)
        return _explained(self.labels, np.where(other_rows > 0, means, 0))

    def told(self, scores: np.ndarray) -> float:
        """Return the share of the ranks that scores (rows, 1) explain."""
        return self.judged(scores, 1)[0]

    def learned(self, cells: np.ndarray, is_out: np.ndarray, trees: int = TREES) -> np.ndarray:
        """Score the rows `is_out` by a forest that saw the other rows: (rows, 1)."""
        from sklearn.ensemble import ExtraTreesRegressor  # noqa: PLC0415  it takes a second

        model = ExtraTreesRegressor(trees, min_samples_leaf=LEAF, random_state=0)
        model.fit(cells[~is_out], self.marks[~is_out, 0])
        return np.asarray(model.predict(cells[is_out])[:, None])

    def judged(self, scores: np.ndarray, least: int) -> tuple[float, np.ndarray]:
        """Measure scores (rows, 1), and return each row's share of the measure's error, (rows,)."""
        errors = (self.marks - scores)[:, 0] ** 2
        variances = (self.marks - self.marks.mean())[:, 0] ** 2
        explained = 1 - errors.sum() / variances.sum()
        return float(explained), ((1 - explained) * variances - errors) / variances.sum()


Measure = ClassMeasure | NumberMeasure


def measure_of(labels: np.ndarray, task: Task) -> Measure:
    """Return the measure of a task for the labels of valid rows, (rows,)."""
    return ClassMeasure(labels, task) if task.classes else NumberMeasure(labels, task)


def _mean_of_marks(values: Iterable[np.ndarray]) -> np.ndarray:
    return np.asarray(np.mean([*values] or [np.zeros(3)], axis=0))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks of mean 0 and variance 1, equal for equal values; zeros if all are equal."""
    from scipy.stats import rankdata  # noqa: PLC0415

    ranks = rankdata(values)
    ranks -= ranks.mean()
    return np.asarray(ranks / (ranks.std() or 1.0))


def _explained(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Return the explained share of the variance of standardized labels, see `of_number`."""
    errors = (labels - predictions) ** 2
    told = np.argsort(errors)[: int(NEARLY_ALL * len(errors))]
    untold = errors[told].sum() / (labels[told] ** 2).sum()
    # A row that is told by chance costs twice its share: where most labels are equal, the other
    # labels must be told too.
    return 1 - np.array([max(untold, errors.mean() - 2 * (1 - NEARLY_ALL)), errors.mean(), 1.0])


def _order(values: np.ndarray) -> np.ndarray:
    """Return the places of the rows in the order of the values; equal values in random order."""
    random_order = np.random.default_rng(0).permutation(len(values))
    return np.asarray(random_order[np.argsort(values[random_order], kind="stable")])


def _neighbour_sums(ordered: np.ndarray) -> np.ndarray:
    """Sum the labels of the two rows before each row and the two rows after it."""
    padded = np.pad(ordered, 2, constant_values=ordered.mean())
    sums = padded[:-4] + padded[1:-3]
    sums += padded[3:-1]
    sums += padded[4:]
    return np.asarray(sums)


def _by_neighbours(ordered: np.ndarray, are_apart: bool) -> np.ndarray:
    """Rank each row by the labels of two rows before and two after it, in the values' order.

    This finds a number that separates the classes in stretches, such as a row number after sorted
    files were joined. Equal values are in random order.
    """
    ordered = ordered.astype(float)
    sums = _neighbour_sums(ordered)
    _, places = np.unique(np.round(sums, 9, out=sums), return_inverse=True)
    counts = _count_by_value(places, ordered)
    return np.array([_area_of_counts(*counts), _told(*counts) if are_apart else 0.0, 0.0])


def _by_values(distinct: np.ndarray, places: np.ndarray, mark: np.ndarray) -> np.ndarray:
    """Rank each row by its value, or by the other rows with the value; NaN is the last value."""
    positives, negatives = _count_by_value(places, mark)
    orders = [(positives, negatives)]
    if np.isnan(distinct[-1]):
        orders.append((np.roll(positives, 1), np.roll(negatives, 1)))
    # Classes that change places stand for falling values.
    orders += [counts[::-1] for counts in orders]
    measured = [np.array([_area_of_counts(*counts), _told(*counts), 0.0]) for counts in orders]
    if len(distinct) < len(places):
        measured.append(_by_other_rows(positives, negatives, np.isnan(distinct)))
    return np.asarray(np.max(measured, axis=0))


def _count_by_value(places: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count the positive and the negative rows of each value."""
    rows, positives = np.bincount(places), np.bincount(places, labels)
    return positives, rows - positives


def _by_other_rows(
    positives: np.ndarray, negatives: np.ndarray, lacked: np.ndarray | slice
) -> np.ndarray:
    """Rank each row by the share of positives among the other rows of its value.

    A value tells a share of the labels only if many rows have it: few may belong together.
    """
    return np.array(
        [
            _area_of_counts(*_of_other_rows(positives, negatives, 2)),
            _told(*_of_other_rows(positives, negatives, ENOUGH_ROWS)),
            _settled(positives, negatives, lacked),
        ]
    )


def _of_other_rows(
    positives: np.ndarray, negatives: np.ndarray, least: int
) -> tuple[np.ndarray, np.ndarray]:
    """Count the rows by rising share of positives among other rows of values of `least` rows."""
    share = positives.sum() / (positives.sum() + negatives.sum())
    is_shared = positives + negatives >= least
    lone_counts = [positives[~is_shared].sum()], [negatives[~is_shared].sum()]
    positives, negatives = positives[is_shared], negatives[is_shared]
    # One more row with the overall share is counted, so that few other rows tell less than many.
    rows = positives + negatives
    scores = np.r_[(positives - 1 + share) / rows, (positives + share) / rows, share]
    zeros = np.zeros(len(positives))
    _, places = np.unique(scores, return_inverse=True)
    return (
        np.bincount(places, np.r_[positives, zeros, lone_counts[0]]),
        np.bincount(places, np.r_[zeros, negatives, lone_counts[1]]),
    )


def _area_of_counts(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Return the ROC AUC of values in rising order, from the rows of each class at each value."""
    negatives_below = np.cumsum(negatives) - negatives
    correct_pairs = float(positives @ (negatives_below + negatives / 2))
    return correct_pairs / float(positives.sum() * negatives.sum())


def _told(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Return the share of a class that stands apart at its end of the values, positives last.

    Rows of the other class at this end, and one more, count `FALSELY` times.
    """
    shares = [0.0]
    for apart, mixed in ((negatives, positives), (positives[::-1], negatives[::-1])):
        false_shares = (np.cumsum(mixed) + 1) / mixed.sum()
        shares.append(float((np.cumsum(apart) / apart.sum() - FALSELY * false_shares).max()))
    return max(shares)


def _settled(positives: np.ndarray, negatives: np.ndarray, lacked: np.ndarray | slice) -> float:
    """Return the largest share of a class that one value settles: these rows have it, or lack it.

    Rows of the other class, and one more, count `FALSELY` times. If there are two classes, the
    commoner one does not count, see `NOT_COMMON`: that nobody with a long contract leaves does not
    tell who leaves. Only the values `lacked` settle by not being there: a category, or the missing
    value of a number, but no 0 days of delay.
    """
    counts = np.array([[positives.sum()], [negatives.sum()]])
    have = np.array([positives, negatives]) / counts  # (2, values)
    shares = np.hstack([have, 1 - have[:, lacked]])
    settled_shares = shares - FALSELY * (shares + 1 / counts)[::-1]
    return float(settled_shares[counts[:, 0] <= NOT_COMMON * counts.sum()].max(initial=0.0))
