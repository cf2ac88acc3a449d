"""From a frame of rows to sequences, by a schema that is learned from the train rows once."""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError, row_list
from tabular_lstm.parameters import Reshaping, Value
from tabular_lstm.rows.cells import EMPTY, LARGEST
from tabular_lstm.rows.schema import Schema

STEPS = 4
TIMES_AND_COMPLEX = "mMc"
# Rows from which a column of unknown categories is worth a warning.
ENOUGH = 10

logger = logging.getLogger(__name__)


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
    refuse_twice(rows, features)
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
            distinct = _distinct(rows[name])[1]
            texts = [_text(value, codes.get(name, [])) for value in distinct]
            categories[name] = sorted({text for text in texts if text is not None})
            continue
        values = _numbers(rows[name], codes.get(name, []))
        known = values[~np.isnan(values)]
        _warn_of_lost_digits(name, known)
        known = _drawn_in(known)
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

    Columns are found by name; those that the schema does not know are passed over. A category is
    found by its text; a number or a boolean also by its value, so that 1067 is `01067` where a
    reader of CSVs made a number of it.

    Returns:
        float32 (rows, steps, features_per_step): numbers as they are, a category as its place in
        the schema's list and an unknown one as the place after the last, NaN where missing, 0 in
        padded slots.

    Raises:
        DataError: A column is missing or there twice, or a value is not a number.
    """
    rows = rows.set_axis(rows.columns.map(str), axis="columns")
    refuse_twice(rows, schema.features)
    if absent := [name for name in schema.features if name not in rows.columns]:
        raise DataError(
            f"The rows have no column {', '.join(map(repr, absent))}: expected "
            f"{', '.join(schema.features)}, in any order; got {', '.join(rows.columns)}."
        )
    slots = np.zeros((len(rows), schema.steps * schema.features_per_step), np.float32)
    for place, name in enumerate(schema.features):
        codes = schema.missing.get(name, [])
        if name in schema.categories:
            slots[:, place] = _places(rows[name], codes, schema.categories[name])
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
    no_number = pd.to_numeric(column, errors="coerce").isna()
    return bool(no_number.all() or no_number.gt(column.isna()).any())


def _numbers(column: pd.Series, codes: Sequence[Value]) -> np.ndarray:
    """Give float64, NaN where missing."""
    if column.dtype.kind in TIMES_AND_COMPLEX:
        hint = "Make a number of it first, such as the days since a date."
        _refuse(column, column.notna().to_numpy(), "numbers", hint)
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan).copy()
    texts = [code for code in codes if isinstance(code, str)]
    absent = column.isna().to_numpy() | column.isin(texts).to_numpy()
    if (unread := np.isnan(numbers) & ~absent).any():
        hint = (
            "A column of names needs a categorical dtype when the schema is learned; an unmeasured "
            "value is NaN or None."
        )
        _refuse(column, unread, "numbers", hint)
    if (infinite := np.abs(numbers) > LARGEST).any():
        hint = "An unmeasured value is NaN or None."
        _refuse(column, infinite, "finite numbers within float32", hint)
    numbers[np.isin(numbers, [code for code in codes if not isinstance(code, str)])] = np.nan
    return numbers


def _drawn_in(values: np.ndarray) -> np.ndarray:
    """Draw the outermost hundredth on each side in to its neighbour, but for a lone other value.

    A single wrong number, 9999 among ages, would otherwise be most of the deviation.
    """
    if not values.size:
        return values
    low = np.quantile(values, 0.01, method="higher")
    high = np.quantile(values, 0.99, method="lower")
    inner = values.clip(low, max(low, high))
    return inner if inner.min() < inner.max() else values


def _warn_of_lost_digits(name: str, values: np.ndarray) -> None:
    if not values.size:
        return
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


def _distinct(column: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Give each cell's place among the distinct values, -1 where missing, and those values."""
    places, values = pd.factorize(column.astype(object))
    return places, values.tolist()


def _text(value: Any, missing: Sequence[Value]) -> str | None:
    """Give a category's text as in a CSV, None for "missing"; pandas makes floats of integers."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    return None if text.lower() in EMPTY or text in map(str, missing) else text


def _places(column: pd.Series, missing: Sequence[Value], categories: list[str]) -> np.ndarray:
    """Give each cell's place among the categories, the one after the last if it is not there."""
    by_text: dict[str | None, int] = {text: place for place, text in enumerate(categories)}
    by_value: dict[Any, list[int]] = {}
    for place, category in enumerate(categories):
        by_value.setdefault(_value(category), []).append(place)
    by_value.pop(None, None)
    unknown = len(categories)
    cells, values = _distinct(column)
    places = [np.nan] * (len(values) + 1)  # the last is for -1
    for cell, value in enumerate(values):
        text = _text(value, missing)
        if text in by_text:
            places[cell] = by_text[text]
        elif text is not None:
            alike = [] if isinstance(value, str) else by_value.get(_value(text), [])
            places[cell] = alike[0] if len(alike) == 1 else unknown
    found: np.ndarray = np.array(places, np.float32)[cells]
    if len(found) >= ENOUGH and (share := np.mean(found == unknown)) > 0.5:
        logger.warning(
            "Column '%s': %.0f %% of %d rows hold a category that training did not have, such as "
            "%r; expected one like %r.",
            column.name,
            100 * share,
            len(found),
            column.iloc[int(np.argmax(found == unknown))],
            categories[0] if categories else None,
        )
    return found


def _value(text: str) -> Any:
    """Give the number that a text writes, or whether it says true or false, or None."""
    if text.lower() in {"true", "false"}:
        return text.lower()
    try:
        return float(text)
    except ValueError:
        return None


def refuse_twice(rows: pd.DataFrame, features: Collection[str]) -> None:
    """Raise a DataError that names the features that are more than one column."""
    repeated = rows.columns[rows.columns.duplicated()].unique()
    if twice := [name for name in repeated if name in features]:
        raise DataError(
            f"The rows have column {', '.join(map(repr, twice))} more than once: expected each "
            "feature once. Drop or rename a column."
        )


def _refuse(column: pd.Series, where: np.ndarray, expected: str, hint: str) -> None:
    rows = (np.flatnonzero(where) + 1).tolist()
    value = column.iloc[rows[0] - 1]
    raise DataError(
        f"Column '{column.name}', {row_list(rows)}: expected {expected}, got "
        f"{value if isinstance(value, float) else repr(value)}. {hint}"
    )
