"""From a frame of rows to sequences, by the schema."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Value
from tabular_lstm.rows.cells import ANY, read_category
from tabular_lstm.rows.frames import by_name, measured
from tabular_lstm.rows.schema import Schema

# Rows from which a column of unknown categories is worth a warning.
ENOUGH = 10

logger = logging.getLogger(__name__)


def to_sequences(rows: pd.DataFrame, schema: Schema) -> np.ndarray:
    """Lay each row out as a sequence, slot by slot in the schema's order.

    Cells may be text as in a CSV, numbers, booleans, categories or a mixture: what says the same
    gives the same sequences. Columns are found by name; those that the schema does not know are
    passed over. A category is found by its text; a number or a boolean also by its value, so that
    1067 is `01067` where a reader of CSVs made a number of it.

    Args:
        rows: A frame that has the schema's features among its columns.
        schema: See `tabular_lstm.rows.schema.learn_schema`.

    Returns:
        float32 (rows, steps, features_per_step): numbers as they are, a category as its place in
        the schema's list and an unknown one as the place after the last, NaN where missing, 0 in
        padded slots.

    Raises:
        DataError: A column is missing or there twice, or a value is not a number or outside its
            bounds; names the column and the rows, counted from 1.
    """
    rows = by_name(rows, schema.features)
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
            bounds = schema.bounds.get(name, ANY)
            slots[:, place] = measured(rows[name], codes, bounds)
    return slots.reshape(len(rows), schema.steps, schema.features_per_step)


def _places(column: pd.Series, missing: Sequence[Value], categories: list[str]) -> np.ndarray:
    """Give each cell's place among the categories, the one after the last if it is not there."""
    by_text: dict[str | None, int] = {text: place for place, text in enumerate(categories)}
    by_value: dict[Any, list[int]] = {}
    for place, category in enumerate(categories):
        by_value.setdefault(_value(category), []).append(place)
    by_value.pop(None, None)
    unknown = len(categories)
    cells, values = pd.factorize(column.astype(object))
    texts, _ = read_category(pd.Series(values, dtype=object), missing)
    places = [np.nan] * (len(values) + 1)  # the last is for -1, a missing cell
    for cell, (value, text) in enumerate(zip(values, texts, strict=True)):
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
