"""The expected performance on rows without labels, from the champion's predictions.

If probabilities are right, the expected log loss of a row is their entropy. ROC AUC is estimated by
counting a row in each class by its probability. Source: confidence-based performance estimation,
https://nannyml.readthedocs.io, "How it works". For a number, errors are assumed to grow with the
widths of the intervals. The same estimate is made for the evaluated rows. The expected metric is
the promised metric plus the change between both estimates (a number: times their ratio). So an
error of calibration cancels.

This assumes that the relation from features to label has not changed: the estimate shows that rows
are harder or easier. It does not show concept drift, or a shift of labels that the features do not
show. `benchmarks/expected_performance.py` measures the error in these cases.
"""

from collections.abc import Mapping

import numpy as np

from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.intervals import CENTRAL, NORMAL
from tabular_lstm.judging.metrics import WORSE, Metrics
from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES, Task

# Cells of equal width between the logits -REACH and REACH; the outer ones hold all beyond.
CELLS, REACH = 240, 12.0
LEAST = 1e-15  # the least distance of a probability from 0 and 1
TAIL = NORMAL.inv_cdf((1 + CENTRAL) / 2)


class Estimate(Frozen):
    """A metric with its 95 % interval."""

    value: float
    low: float
    high: float


def promised_by(measured: Metrics) -> dict[str, Estimate]:
    """Return the metrics that the gate compares, as measured on the evaluated rows."""
    bounded = [(name, measured.interval[name]) for name in WORSE if name in measured.interval]
    return {
        name: Estimate(value=getattr(measured, name), low=low, high=high)
        for name, (low, high) in bounded
    }


def expect(
    promised: Mapping[str, Estimate],
    evaluated: Mapping[str, float],
    evaluated_rows: int,
    sums: np.ndarray,
    task: Task,
) -> dict[str, Estimate]:
    """Estimate the metrics that rows will have once they are labelled.

    The interval covers the error of the promised metric and the error of the rows. Both have the
    same size for the same number of rows. Each is at least the error that follows from the
    probabilities, because few evaluated rows show an error if nearly all predictions are right.

    Args:
        promised: The metrics of the evaluated rows; see `promised_by`.
        evaluated: The estimates of the same rows; see `estimates`.
        evaluated_rows: How many evaluated rows there are.
        sums: The sums of the rows without labels; see `sums`.
        task: What is predicted.
    """
    rows, of_kind = float(sums[0]), _BY_KIND[task.kind]
    if not rows or not evaluated_rows:
        return {}
    now, errors = estimates(sums, task), of_kind.errors(sums[1:], rows)
    found = {}
    for name in promised.keys() & now.keys() & evaluated.keys():
        was = promised[name]
        value, grown = of_kind.moved(was.value, evaluated[name], now[name])
        least = TAIL * errors.get(name, 0.0) * (1 + rows / evaluated_rows) ** 0.5
        wider = grown * (1 + evaluated_rows / rows) ** 0.5
        below, above = (
            max(wider * off, least) for off in (was.value - was.low, was.high - was.value)
        )
        most = 1.0 if name == "roc_auc" else np.inf
        value, low, high = np.clip([value, value - below, value + above], 0.0, most).tolist()
        found[name] = Estimate(value=value, low=low, high=high)
    return {name: found[name] for name in WORSE if name in found}


def sums(predictions: np.ndarray, task: Task) -> np.ndarray:
    """Return the sums for the estimates, float64, the number of rows first; batches add up."""
    none = np.isnan(predictions if predictions.ndim == 1 else predictions.sum(axis=1))
    known = predictions[~none]
    return np.concatenate([[len(known)], _BY_KIND[task.kind].sums(known.astype(np.float64))])


def estimates(sums: np.ndarray, task: Task) -> dict[str, float]:
    """Estimate the metrics from these sums alone; empty without rows, or if not known."""
    found = _BY_KIND[task.kind].estimates(sums[1:], max(float(sums[0]), 1.0)) if sums[0] else {}
    return {name: value for name, value in found.items() if np.isfinite(value)}


# By the task ---------------------------------------------------------------------------------


class _Classes:
    """Sums: the entropies; and for each class and cell the rows, and their probabilities."""

    @staticmethod
    def moved(promised: float, evaluated: float, now: float) -> tuple[float, float]:
        """Return the promised metric plus the estimate's change, and the factor of its error."""
        return promised + (now - evaluated), 1.0

    @classmethod
    def sums(cls, predictions: np.ndarray) -> np.ndarray:
        known = predictions.clip(LEAST, 1 - LEAST)
        logs = np.log(known)
        by_class = [cls._cells(*of) for of in zip(known.T, logs.T, np.log1p(-known).T, strict=True)]
        return np.concatenate([[-(predictions * logs).sum()], *by_class])

    @classmethod
    def estimates(cls, sums: np.ndarray, rows: float) -> dict[str, float]:
        counts = sums[1:].reshape(-1, 2, CELLS)
        areas = [cls._area(of, rows_of - of) for rows_of, of in counts]
        known = [area for area in areas if np.isfinite(area)]
        area = float(np.mean(known)) if known else np.nan
        return {"log_loss": float(sums[0]) / rows, "roc_auc": area}

    @classmethod
    def errors(cls, sums: np.ndarray, rows: float) -> dict[str, float]:
        """Return the standard errors of this many rows if the probabilities are right."""
        counts = [(of, rows_of - of) for rows_of, of in sums[1:].reshape(-1, 2, CELLS)]
        squares = sum(cls._squares(*both) for both in counts) / rows - (sums[0] / rows) ** 2
        areas = [error for both in counts if np.isfinite(error := cls._area_error(*both))]
        area = float(np.mean(areas)) if areas else 0.0
        return {"log_loss": float(max(squares, 0.0) / rows) ** 0.5, "roc_auc": area}

    @staticmethod
    def _squares(positive: np.ndarray, negative: np.ndarray) -> float:
        return float(positive @ np.log(_share(positive, negative)) ** 2)

    @staticmethod
    def _area_error(positive: np.ndarray, negative: np.ndarray) -> float:
        """Return DeLong's standard error of ROC AUC, see `performance`."""
        if not (ours := positive.sum()) * (others := negative.sum()):
            return np.nan
        below = (np.cumsum(negative) - negative / 2) / others
        above = 1 - (np.cumsum(positive) - positive / 2) / ours
        variances = (
            np.average(placed**2, weights=of) - np.average(placed, weights=of) ** 2
            for placed, of in ((below, positive), (above, negative))
        )
        return float(sum(v / n for v, n in zip(variances, (ours, others), strict=True)) ** 0.5)

    @staticmethod
    def _cells(known: np.ndarray, log: np.ndarray, of_others: np.ndarray) -> np.ndarray:
        cells = (
            ((log - of_others + REACH) * (CELLS / (2 * REACH))).clip(0, CELLS - 1).astype(np.int64)
        )
        return np.concatenate([np.bincount(cells, w, CELLS) for w in (None, known)])

    @staticmethod
    def _area(positive: np.ndarray, negative: np.ndarray) -> float:
        pairs = float(positive.sum() * negative.sum())
        right = float(positive @ (np.cumsum(negative) - negative / 2))
        return right / pairs if pairs else np.nan


class _TwoClasses(_Classes):
    """The same for the positive class alone."""

    @classmethod
    def sums(cls, predictions: np.ndarray) -> np.ndarray:
        known = predictions.clip(LEAST, 1 - LEAST)
        log, of_others = np.log(known), np.log1p(-known)
        # Without BLAS, whose threads would wait for each other.
        entropy = -(predictions * log + (1 - predictions) * of_others).sum()
        return np.concatenate([[entropy], cls._cells(known, log, of_others)])

    @staticmethod
    def _squares(positive: np.ndarray, negative: np.ndarray) -> float:
        both = ((positive, negative), (negative, positive))
        return sum(_Classes._squares(*one) for one in both)


def _share(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Return the mean probability of each cell, at least LEAST, also for a cell without rows."""
    rows = positive + negative
    return np.asarray(np.maximum(positive / np.where(rows, rows, 1), LEAST))


class _Number:
    """Sums: the widths of the intervals, and their squares."""

    @staticmethod
    def moved(promised: float, evaluated: float, now: float) -> tuple[float, float]:
        grown = now / evaluated if evaluated else 1.0
        return promised * grown, grown

    @staticmethod
    def sums(predictions: np.ndarray) -> np.ndarray:
        widths = predictions[:, 2] - predictions[:, 1]
        return np.array([widths.sum(), np.square(widths).sum()])

    @staticmethod
    def estimates(sums: np.ndarray, rows: float) -> dict[str, float]:
        return {"rmse": float(sums[1] / rows) ** 0.5, "mae": float(sums[0]) / rows}

    @staticmethod
    def errors(sums: np.ndarray, rows: float) -> dict[str, float]:
        return {}


_BY_KIND: dict[str, type[_Classes] | type[_Number]] = {
    TWO_CLASSES: _TwoClasses,
    CLASSES: _Classes,
    NUMBER: _Number,
}
