"""Learn from the train rows how a row becomes a sequence: the schema."""

import logging
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Reshaping, Value
from tabular_lstm.rows.categories import read_category
from tabular_lstm.rows.cells import ANY
from tabular_lstm.rows.schema import POINT, Bounds, Marks, Schema
from tabular_lstm.rows.sequences import by_name, measured

STEPS = 4

logger = logging.getLogger(__name__)


def learn_schema(
    rows: pd.DataFrame,
    *,
    categorical: Collection[str],
    missing: Mapping[str, Sequence[Value]],
    reshaping: Reshaping,
    label: str,
    classes: tuple[Value, Value],
    bounds: Mapping[str, Bounds] | None = None,
    marks: Marks = POINT,
) -> Schema:
    """Fix the order of the features, the shape of a sequence, and what is known of each feature.

    Args:
        rows: The features alone, in the order of the slots.
        categorical: Names of the features that are categories.
        missing: Values that mean "not measured", for each feature that has any.
        reshaping: See `Reshaping`.
        label: Name of the label column.
        classes: The label's negative and positive value.
        bounds: Lowest and highest possible value of a feature. Default: any number is possible.
        marks: What the file that the rows come from writes numbers with; in these rows they are
            read. Default: a point before the fraction.

    Raises:
        DataError: The features do not fill the steps evenly and padding is not allowed, a name
            is there twice, or a value is not a number or outside its bounds.
    """
    rows = by_name(rows)
    features = rows.columns.tolist()
    steps, per_step = _shape(len(features), reshaping)
    codes = {name: list(missing[name]) for name in features if missing.get(name)}
    limits = {name: bounds[name] for name in features if bounds and name in bounds}
    categories: dict[str, list[str]] = {}
    mean, variance = [0.0] * len(features), [1.0] * len(features)
    for place, name in enumerate(features):
        if name in categorical:
            texts, _ = read_category(rows[name], codes.get(name, []))
            categories[name] = sorted(texts.dropna().unique())
            continue
        values = measured(rows[name], codes.get(name, []), limits.get(name, ANY))
        mean[place], variance[place] = _scale(name, values[~np.isnan(values)])
    return Schema(
        features=features,
        steps=steps,
        features_per_step=per_step,
        categories=categories,
        missing=codes,
        bounds=limits,
        marks=marks,
        mean=mean,
        variance=variance,
        label=label,
        negative_class=classes[0],
        positive_class=classes[1],
    )


def _shape(features: int, reshaping: Reshaping) -> tuple[int, int]:
    """Give the number of steps, and of features per step."""
    per_step = reshaping.features_per_step or min(features, max(2, -(-features // STEPS)))
    steps = -(-features // per_step)
    if steps * per_step != features and not reshaping.allow_padding:
        raise DataError(
            f"{features} features do not divide into steps of {per_step}: expected a multiple of "
            f"{per_step}. Change reshaping.features_per_step, leave out a feature, or set "
            "reshaping.allow_padding: true."
        )
    return steps, per_step


def _scale(name: str, known: np.ndarray) -> tuple[float, float]:
    """Give mean and variance of the measured values, winsorized; 0 and 1 where there are none.

    At the 1st and the 99th percentile, unless that leaves a single value: a single wrong number,
    9999 among ages, would otherwise be most of the deviation.
    """
    if not known.size:
        return 0.0, 1.0
    _warn_of_lost_digits(name, known)
    low = np.quantile(known, 0.01, method="higher")
    high = np.quantile(known, 0.99, method="lower")
    inner = known.clip(low, max(low, high))
    if inner.min() < inner.max():
        known = inner
    return float(known.mean()), float(known.var()) if known.min() < known.max() else 1.0


def _warn_of_lost_digits(name: str, values: np.ndarray) -> None:
    largest, deviation = float(np.abs(values).max()), float(values.std())
    step = largest * float(np.finfo(np.float32).eps)
    if 0 < deviation < 100 * step:
        logger.warning(
            "Column '%s': float32 keeps numbers like %g in steps of %g, and their deviation is "
            "%.3g. Subtract a constant, such as the lowest, to keep their digits.",
            name,
            largest,
            step,
            deviation,
        )
