"""Weights: how much each row counts, a number of 0 or more.

A row of weight 2 counts as two equal rows, and a row of weight 0 does not count. Only the
proportions of weights count: before use, weights are scaled to a mean of 1.
"""

from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.rows.cells import Problems, read_numbers
from tabular_lstm.rows.number_format import POINT, NumberFormat


def read_weights(
    cells: pd.Series, number_format: NumberFormat = POINT
) -> tuple[np.ndarray, Problems]:
    """Read a column of weights.

    Returns:
        float64 (rows,), with any value where the cell has a problem; and the problems: a cell that
        is empty, not a number, negative or infinite.
    """
    weights, problems = read_numbers(cells, (), (0, None), number_format)
    missing = np.flatnonzero(np.isnan(weights))
    return weights, dict.fromkeys(missing.tolist(), "no weight") | problems


def weights_of(rows: pd.DataFrame, columns: ColumnsOptions) -> np.ndarray:
    """Return the rows' weights, float64 (rows,); ones if no column holds weights."""
    return np.ones(len(rows)) if columns.weight is None else rows[columns.weight].to_numpy()


def checked_weights(y: np.ndarray, sample_weight: Any, class_weight: Any) -> np.ndarray:
    """Multiply each row's own weight by the weight of its class, both as in scikit-learn.

    Returns:
        float64 (rows,), 0 or more.

    Raises:
        ValueError: The weights have another shape, are negative or are not finite.
    """
    # Imported here, so that scoring does not wait for scikit-learn.
    from sklearn.utils.class_weight import compute_class_weight  # noqa: PLC0415
    from sklearn.utils.validation import _check_sample_weight  # noqa: PLC0415

    weights = _check_sample_weight(
        sample_weight, y, dtype=np.float64, ensure_non_negative=True, copy=True
    )
    is_counted = weights > 0
    classes, class_places = np.unique(y[is_counted], return_inverse=True)
    class_weights = compute_class_weight(
        class_weight, classes=classes, y=y[is_counted], sample_weight=weights[is_counted]
    )
    weights[is_counted] *= class_weights[class_places]
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(
            f"class_weight = {class_weight!r}: expected finite weights of 0 or more, also after "
            "multiplication by sample_weight."
        )
    return np.asarray(weights)


def scaled(weights: np.ndarray | None) -> np.ndarray | None:
    """Scale weights, all above 0, to a mean of 1; None where all rows count alike.

    They are rounded to float32, because a common factor would change the last bits of a float64,
    and with these bits the trained network.

    Examples:
        >>> scaled(np.array([1, 1, 2])), scaled(np.array([3, 3]))
        (array([0.75, 0.75, 1.5 ]), None)
    """
    if weights is None or not len(weights) or weights.min() == weights.max():
        return None
    if not np.isfinite(weights.sum()):
        weights = weights / weights.max()
    positive = (weights / weights.mean()).clip(np.finfo(np.float32).tiny)
    return np.asarray(positive, np.float32).astype(np.float64)


def weights_note(weights: np.ndarray | None) -> str:
    """Return words to put after a number of rows: it is a number of effective rows."""
    return "" if weights is None else ", the effective number by their weights"
