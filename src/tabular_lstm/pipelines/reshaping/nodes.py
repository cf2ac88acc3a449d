"""Learn from the train rows how a row becomes a sequence, then reshape both sides alike."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Columns, Reshaping
from tabular_lstm.schema import Schema

logger = logging.getLogger(__name__)


def learn_schema(
    train_rows: pd.DataFrame, columns: Columns, reshaping: Reshaping
) -> dict[str, Any]:
    """Fix the order of the features, the shape of a sequence, and each feature's scale.

    Returns:
        A `Schema`, as plain JSON.

    Raises:
        DataError: The features do not fill the steps evenly and padding is not allowed.
    """
    features = [str(name) for name in train_rows if name not in {columns.label, columns.key}]
    per_step = reshaping.features_per_step
    steps = -(-len(features) // per_step)
    if steps * per_step != len(features) and not reshaping.allow_padding:
        raise DataError(
            f"{len(features)} features do not divide into steps of {per_step}: expected a "
            f"multiple of {per_step}. Change reshaping.features_per_step, leave out a feature, "
            "or set reshaping.allow_padding: true."
        )
    codes = {
        name: [float(code) for code in columns.missing.get(name, []) if not isinstance(code, str)]
        for name in features
    }
    missing = {name: values for name, values in codes.items() if values}
    values = _with_missing(train_rows[features], missing)
    schema = Schema(
        features=features,
        steps=steps,
        features_per_step=per_step,
        missing=missing,
        mean=values.mean().fillna(0.0).tolist(),
        variance=values.var(ddof=0).mask(values.max() == values.min(), 1.0).fillna(1.0).tolist(),
        label=columns.label,
        positive_class=columns.positive_class,
        negative_class=columns.negative_class,
    )
    logger.info(
        "%d features a row: %d steps of %d, %d padded; %.1f %% of the values are missing",
        len(features),
        steps,
        per_step,
        schema.padded_slots,
        100 * values.isna().to_numpy().mean(),
    )
    return schema.model_dump()


def split_features_from_label(
    rows: pd.DataFrame, schema: dict[str, Any]
) -> tuple[pd.DataFrame, pd.Series]:
    """Take the schema's features, in its order, and the label.

    Returns:
        Features (rows, features) as float64 with NaN for missing; labels (rows,), 1 for the
        positive class and 0 for the negative. Both keep the row numbers.
    """
    known = Schema.model_validate(schema)
    return _with_missing(rows[known.features], known.missing), rows[known.label]


def reshape(features: pd.DataFrame, schema: dict[str, Any]) -> np.ndarray:
    """Lay each row out as a sequence, slot by slot in the schema's order.

    Returns:
        float32 of shape (rows, steps, features_per_step); padded slots are 0.
    """
    known = Schema.model_validate(schema)
    values = features[known.features].to_numpy(np.float32)
    padded = np.pad(values, [(0, 0), (0, known.padded_slots)])
    return padded.reshape(len(values), known.steps, known.features_per_step)


def _with_missing(features: pd.DataFrame, missing: dict[str, list[float]]) -> pd.DataFrame:
    """Put NaN where a value is a code for "not measured"."""
    values = features.copy()
    for name, codes in missing.items():
        values[name] = values[name].mask(values[name].isin(codes))
    return values
