"""Learn from the train rows how a row becomes a sequence: the schema."""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import cast

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError, counted
from tabular_lstm.parameters.columns import DateFormat
from tabular_lstm.parameters.hyperparameters import ReshapingOptions
from tabular_lstm.rows.cells import ANY, is_categorical, read_category, read_numbers
from tabular_lstm.rows.dates import dates_as_seen, days, is_dates
from tabular_lstm.rows.histories import Histories
from tabular_lstm.rows.labels import schema_fields
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.past_features import past_features
from tabular_lstm.rows.schema import (
    PARTS,
    Bounds,
    HistoryLayout,
    Schema,
    origin_of,
    parts_of,
    quantiles,
    scale,
)
from tabular_lstm.rows.sequences import by_name, codes_as_missing, refuse_problems
from tabular_lstm.task import Task, Value

STEPS = 4
# Mean and variance of a sine over a whole circle, even if train rows cover only part of a year.
CYCLE = (0.0, 0.5)
EXPECTED = "An unmeasured value is NaN, None or empty; others are finite numbers, text or dates."

logger = logging.getLogger(__name__)


def kinds_of(rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Name the columns that are dates and those that are categories; the others are numbers.

    Warns of a column that is mostly numbers, but has a few words and so becomes categories.
    """
    dates = [name for name in rows.columns if is_dates(rows[name])]
    other_names = [name for name in rows.columns if name not in dates]
    categorical = [name for name in other_names if is_categorical(rows[name])]
    for name in categorical:
        if not isinstance(rows[name].dtype, pd.CategoricalDtype):
            is_number = pd.to_numeric(rows[name].astype(object), errors="coerce").notna()
            if is_number.mean() > 0.5:
                logger.warning(
                    "Column '%s' is read as categories, though %d of %d values are numbers. If the "
                    "column is numeric, replace its other values by NaN; if not, convert the "
                    "column to dtype category.",
                    name,
                    is_number.sum(),
                    len(is_number),
                )
    return dates, categorical


def learn_schema(
    rows: pd.DataFrame,
    *,
    categorical: Collection[str],
    missing: Mapping[str, Sequence[Value]],
    reshaping: ReshapingOptions,
    label: str,
    task: Task,
    labels: np.ndarray | None = None,
    bounds: Mapping[str, Bounds] | None = None,
    dates: Mapping[str, DateFormat] | None = None,
    units: Mapping[str, str] = {},
    marks: NumberFormat = POINT,
    history: HistoryLayout | None = None,
    derived: Mapping[str, np.ndarray] | None = None,
) -> Schema:
    """Fix the order of the features, the shape of a sequence, and what is known of each feature.

    Args:
        rows: Only the features, in the order of the slots; the numbers are already read.
        categorical: Names of the features that are categories.
        missing: See `Schema`.
        reshaping: See `ReshapingOptions`.
        label: Name of the label column.
        task: What is predicted.
        labels: Labels that are numbers, float64 (rows,). Default: none, as for classes.
        bounds: See `Schema`. Default: any number is possible.
        dates: See `Schema`. Default: none.
        units: See `Schema`. Default: none.
        marks: See `Schema`. Default: a point before the fraction.
        history: See `Schema`. Default: each row is a sequence by itself.
        derived: For histories, the features that no column holds, float64 (rows,) each.

    Raises:
        DataError: The features do not fill the steps evenly and padding is not allowed; a name
            occurs twice; or a value is not a number, not a date, or outside its bounds.
    """
    rows = by_name(rows)
    columns = rows.columns.tolist()
    codes = {name: list(missing[name]) for name in columns if missing.get(name)}
    read_names = [*columns, label] if history and history.labels else columns
    limits = {name: bounds[name] for name in read_names if bounds and name in bounds}
    formats = {name: dates[name] for name in columns if dates and name in dates}
    categories: dict[str, list[str]] = {}
    features: list[str] = []
    scales: list[tuple[float, float]] = []
    number_quantiles: dict[str, list[float]] = {}
    origins: dict[str, float] = {}
    for name in columns:
        features += parts_of(name) if name in formats else [name]
        column_codes = codes.get(name, [])
        if name in categorical:
            texts = read_category(rows[name], column_codes)
            categories[name] = sorted(texts.dropna().unique())
            scales.append((0.0, 1.0))
        elif name in formats:
            times, problems = dates_as_seen(rows[name], column_codes, formats[name])
            refuse_problems(name, problems, EXPECTED)
            day_numbers = days(times[~np.isnat(times)])
            scales += [scale(day_numbers), *[CYCLE] * (len(PARTS) - 1)]
            origins[parts_of(name)[0]] = origin_of(day_numbers)
        else:
            numbers, problems = read_numbers(rows[name], column_codes, limits.get(name, ANY))
            refuse_problems(name, problems, EXPECTED)
            values = codes_as_missing(numbers, column_codes)
            measured = values[~np.isnan(values)]
            scales.append(scale(measured))
            origins[name] = origin_of(measured)
            number_quantiles[name] = quantiles(measured)
    for name, values in (derived or {}).items():
        if name in columns:
            raise _made_of_histories(name)
        features.append(name)
        measured = values[~np.isnan(values)]
        scales.append(scale(measured))
        origins[name] = origin_of(measured)
    date_features = {part for date in formats for part in parts_of(date)}
    if clashes := date_features.intersection(columns):
        raise DataError(
            f"Column '{min(clashes)}' has the name of a feature that is made of dates. Rename it, "
            "or leave it out with columns.ignore."
        )
    # The features of a row are one step of a history.
    steps, per_step = (1, len(features)) if history else _shape(len(features), reshaping)
    mean, variance = map(list, zip(*scales, strict=True))
    return Schema(
        features=features,
        steps=steps,
        features_per_step=per_step,
        categories=categories,
        missing=codes,
        bounds=limits,
        dates=formats,
        units=dict(units),
        marks=marks,
        mean=mean,
        variance=variance,
        origin={name: origin for name, origin in origins.items() if origin},
        quantiles=number_quantiles,
        scores=history is None,
        label=label,
        **schema_fields(task, labels),
        history=history,
    )


def with_row(schema: Schema, histories: Histories) -> Schema:
    """Add to a schema the schema of a row and its past features, from the train rows' histories.

    Raises:
        DataError: A column has the name of a past feature.
    """
    layout, rows = cast(HistoryLayout, schema.history), histories.table[histories.own]
    past = past_features(histories, schema)
    if clashes := past.keys() & {*schema.features}:
        raise _made_of_histories(min(clashes))
    features = [name for name in schema.features if name not in layout.labels] + [*past]
    derived = {
        name: schema.in_own_unit(name, rows[:, schema.features.index(name)])
        for name in layout.derived
    }
    measured = {name: v[~np.isnan(v)] for name, v in (derived | past).items() if name in features}
    scales = dict(zip(schema.features, zip(schema.mean, schema.variance, strict=True), strict=True))
    scales |= {name: scale(measured[name]) for name in past}
    mean, variance = map(list, zip(*(scales[name] for name in features), strict=True))
    steps, per_step = _shape(len(features), ReshapingOptions())
    row_schema = schema.model_copy(
        update={
            "features": features,
            "steps": steps,
            "features_per_step": per_step,
            "mean": mean,
            "variance": variance,
            "quantiles": schema.quantiles | {name: quantiles(v) for name, v in measured.items()},
            "scores": True,
            "history": None,
        }
    )
    return schema.model_copy(update={"row": row_schema})


def _made_of_histories(name: str) -> DataError:
    return DataError(
        f"Column '{name}' has the name of a feature that is made of histories. Rename it, or leave "
        "it out with columns.ignore."
    )


def _shape(features: int, reshaping: ReshapingOptions) -> tuple[int, int]:
    """Give the number of steps, and of features per step."""
    per_step = reshaping.features_per_step or min(features, max(2, -(-features // STEPS)))
    steps = -(-features // per_step)
    if steps * per_step != features and not reshaping.allow_padding:
        raise DataError(
            f"{counted(features, 'feature')} cannot be divided into steps of {per_step}: expected "
            f"a multiple of {per_step}. Change reshaping.features_per_step, leave out a feature, "
            "or set reshaping.allow_padding: true."
        )
    return steps, per_step
