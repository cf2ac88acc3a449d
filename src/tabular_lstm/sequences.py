"""From a frame of rows to sequences, by a schema that is learned from the train rows once."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError, row_list
from tabular_lstm.parameters import Reshaping, Value
from tabular_lstm.schema import Schema

STEPS = 4
TIMES_AND_COMPLEX = "mMc"
LARGEST = float(np.finfo(np.float32).max)


def learn_schema(
    rows: pd.DataFrame,
    *,
    categorical: Collection[str],
    missing: Mapping[str, Sequence[Value]],
    reshaping: Reshaping,
    label: str,
    classes: tuple[Value, Value],
) -> Schema:
    """Fix the order of the features, the shape of a sequence, and what is known of each feature.

    Args:
        rows: The features alone, in the order of the slots.
        categorical: Names of the features that are categories.
        missing: Values that mean "not measured", for each feature that has any.
        reshaping: How many features make a step.
        label: Name of the label column.
        classes: The label's negative and positive value.

    Raises:
        DataError: The features do not fill the steps evenly and padding is not allowed, a name
            is there twice, or a value is not a number.
    """
    rows = rows.set_axis(rows.columns.map(str), axis="columns")
    features = rows.columns.tolist()
    _refuse_twice(rows, features)
    per_step = reshaping.features_per_step or min(len(features), max(2, -(-len(features) // STEPS)))
    steps = -(-len(features) // per_step)
    if steps * per_step != len(features) and not reshaping.allow_padding:
        raise DataError(
            f"{len(features)} features do not divide into steps of {per_step}: expected a "
            f"multiple of {per_step}. Change reshaping.features_per_step, leave out a feature, "
            "or set reshaping.allow_padding: true."
        )
    codes = {name: list(missing[name]) for name in features if missing.get(name)}
    categories: dict[str, list[str]] = {}
    mean, variance = [0.0] * len(features), [1.0] * len(features)
    for place, name in enumerate(features):
        if name in categorical:
            categories[name] = sorted(set(_texts(rows[name], codes.get(name, [])).dropna()))
            continue
        values = _numbers(rows[name], codes.get(name, []))
        known = values[~np.isnan(values)]
        if known.size:
            mean[place] = float(known.mean())
            if known.min() < known.max():
                variance[place] = float(known.var())
    return Schema(
        features=features,
        steps=steps,
        features_per_step=per_step,
        categories=categories,
        missing=codes,
        mean=mean,
        variance=variance,
        label=label,
        negative_class=classes[0],
        positive_class=classes[1],
    )


def to_sequences(rows: pd.DataFrame, schema: Schema) -> np.ndarray:
    """Lay each row out as a sequence, slot by slot in the schema's order.

    Columns are found by name; those that the schema does not know are passed over.

    Returns:
        float32 (rows, steps, features_per_step): numbers as they are, a category as its place in
        the schema's list and an unknown one as the place after the last, NaN where missing, 0 in
        padded slots.

    Raises:
        DataError: A column is missing or there twice, or a value is not a number.
    """
    rows = rows.set_axis(rows.columns.map(str), axis="columns")
    _refuse_twice(rows, schema.features)
    if absent := [name for name in schema.features if name not in rows.columns]:
        raise DataError(
            f"The rows have no column {', '.join(map(repr, absent))}: expected "
            f"{', '.join(schema.features)}, in any order; got {', '.join(rows.columns)}."
        )
    slots = np.zeros((len(rows), schema.steps * schema.features_per_step), np.float32)
    for place, name in enumerate(schema.features):
        codes = schema.missing.get(name, [])
        if name in schema.categories:
            slots[:, place] = _places(_texts(rows[name], codes), schema.categories[name])
        else:
            slots[:, place] = _numbers(rows[name], codes)
    return slots.reshape(len(rows), schema.steps, schema.features_per_step)


def is_categorical(column: pd.Series) -> bool:
    """Tell whether a column holds names: of dtype category, string or object, unless all numbers.

    Examples:
        >>> [is_categorical(pd.Series(values)) for values in ([1, 2], ["a", "b"], [True, False])]
        [False, True, False]
        >>> is_categorical(pd.Series([1.5, None, 2], dtype=object))
        False
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        return True
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    return bool(pd.to_numeric(column, errors="coerce").isna().gt(column.isna()).any())


def _numbers(column: pd.Series, codes: Sequence[Value]) -> np.ndarray:
    """Give float64, NaN where missing."""
    if column.dtype.kind in TIMES_AND_COMPLEX:
        _refuse(column, column.notna().to_numpy(), "numbers")
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan).copy()
    texts = [code for code in codes if isinstance(code, str)]
    absent = column.isna().to_numpy() | column.isin(texts).to_numpy()
    if (unread := np.isnan(numbers) & ~absent).any():
        _refuse(column, unread, "numbers")
    if (infinite := np.abs(numbers) > LARGEST).any():
        _refuse(column, infinite, "finite numbers within float32")
    numbers[np.isin(numbers, [code for code in codes if not isinstance(code, str)])] = np.nan
    return numbers


def _texts(column: pd.Series, codes: Sequence[Value]) -> pd.Series:
    """Give text, None where missing; the text of 1.0 is 1, as pandas makes floats of integers."""
    values: list[Any] = column.astype(object).tolist()
    absent = column.isna().to_numpy()
    texts = [None if gone else _text(value) for value, gone in zip(values, absent, strict=True)]
    missing = {_text(code) for code in codes}
    return pd.Series([None if text in missing else text for text in texts], dtype=object)


def _text(value: Any) -> str:
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def _places(texts: pd.Series, categories: list[str]) -> np.ndarray:
    places = {category: place for place, category in enumerate(categories)}
    return np.array(
        [np.nan if text is None else places.get(text, len(places)) for text in texts], np.float32
    )


def _refuse_twice(rows: pd.DataFrame, features: Sequence[str]) -> None:
    counts = rows.columns.value_counts()
    if twice := [name for name in features if counts.get(name, 0) > 1]:
        raise DataError(
            f"The rows have column {', '.join(map(repr, twice))} more than once: expected each "
            "feature once. Drop or rename a column."
        )


def _refuse(column: pd.Series, where: np.ndarray, expected: str) -> None:
    rows = (np.flatnonzero(where) + 1).tolist()
    raise DataError(
        f"Column '{column.name}', {row_list(rows)}: expected {expected}, got "
        f"{column.iloc[rows[0] - 1]!r}. A column of names needs a categorical dtype when the "
        "schema is learned; an unmeasured value is NaN or None."
    )
