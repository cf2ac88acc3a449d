"""Learn from the train rows how a row becomes a sequence: the schema."""

from collections import defaultdict
from collections.abc import Mapping
from itertools import chain
from typing import Any, cast

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError, counted
from tabular_lstm.parameters.hyperparameters import ReshapingOptions
from tabular_lstm.rows.chosen_past import chosen_past
from tabular_lstm.rows.column_kinds import Declared, Learned, column_of
from tabular_lstm.rows.histories import Histories
from tabular_lstm.rows.labels import schema_fields
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.past_features import candidates
from tabular_lstm.rows.schema import (
    ANY,
    HistoryLayout,
    Schema,
    origin_of,
    quantiles,
    scale,
)
from tabular_lstm.rows.sequences import by_name, refuse_problems
from tabular_lstm.task import Task

STEPS = 4
EXPECTED = "An unmeasured value is NaN, None or empty; others are finite numbers, text or dates."


def fit_schema(
    rows: pd.DataFrame,
    declared: Declared,
    *,
    reshaping: ReshapingOptions,
    label: str,
    task: Task,
    labels: np.ndarray | None = None,
    marks: NumberFormat = POINT,
    history: HistoryLayout | None = None,
    derived: Mapping[str, np.ndarray] | None = None,
) -> Schema:
    """Fix the order of the features, the shape of a sequence, and what is known of each feature.

    Args:
        rows: Only the features, in the order of the slots; the numbers are already read.
        declared: What conf says of the columns.
        reshaping: See `ReshapingOptions`.
        label: Name of the label column.
        task: What is predicted.
        labels: Labels that are numbers, float64 (rows,). Default: none, as for classes.
        marks: See `Schema`. Default: a point before the fraction.
        history: See `Schema`. Default: each row is a sequence by itself.
        derived: For histories, the features that no column holds, float64 (rows,) each.

    Raises:
        DataError: The features do not fill the steps evenly and padding is not allowed; a name
            occurs twice; or a value is not a number, not a date, or outside its bounds.
    """
    rows = by_name(rows)
    names = rows.columns.tolist()
    read_names = [*names, label] if history and history.labels else names
    features: list[str] = []
    learned: dict[str, Learned] = {}  # by the column's first feature
    stored: dict[str, dict[str, Any]] = defaultdict(dict)  # by the schema's field
    for name in names:
        column = column_of(name, declared)
        values, problems = column.seen(rows[name])
        refuse_problems(name, problems, EXPECTED)
        features += column.features
        learned[column.features[0]] = of_column = column.learn(values)
        for schema_field, value in of_column.stored.items():
            stored[schema_field][name] = value
    for name, values in (derived or {}).items():
        features.append(name)
        measured = values[~np.isnan(values)]
        learned[name] = Learned([scale(measured)], origin_of(measured))
    _refuse_one_name_for_two(features)
    # The features of a row are one step of a history.
    steps, per_step = (1, len(features)) if history else _shape(len(features), reshaping)
    scales = chain.from_iterable(column.scales for column in learned.values())
    mean, variance = map(list, zip(*scales, strict=True))
    return Schema(
        features=features,
        steps=steps,
        features_per_step=per_step,
        missing={name: list(codes) for name in names if (codes := declared.missing.get(name))},
        bounds={name: declared.bounds[name] for name in read_names if name in declared.bounds},
        units=dict(declared.units),
        marks=marks,
        mean=mean,
        variance=variance,
        origin={name: column.origin for name, column in learned.items() if column.origin},
        scores=history is None,
        label=label,
        history=history,
        **stored,
        **schema_fields(task, labels, declared.bounds.get(label, ANY)),
    )


def with_row(schema: Schema, histories: Histories, labels: np.ndarray) -> Schema:
    """Add to a schema the schema of a row and its past features, from the train rows' histories.

    Args:
        schema: A schema with a layout of histories.
        histories: Those of the train rows.
        labels: The train rows' labels, (histories,): numbers of the classes, or numbers.

    Raises:
        DataError: A column has the name of a past feature.
    """
    layout, rows = cast(HistoryLayout, schema.history), histories.table[histories.own]
    own = [name for name in schema.features if name not in layout.labels]
    groups = candidates(histories, schema)
    _refuse_one_name_for_two([*own, *(name for group in groups for name in group)])
    compute = {name: of_name for group in groups for name, of_name in group.items()}
    past = {name: compute[name]() for name in chosen_past(histories, schema, labels)}
    features = [*own, *past]
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


def _refuse_one_name_for_two(features: list[str]) -> None:
    names = pd.Index(features)
    if names.has_duplicates:
        raise DataError(
            f"Column '{names[names.duplicated()][0]}' has the same name as a feature that is made "
            "from a date or a history. Rename it, or leave it out with columns.ignore."
        )


def _shape(features: int, reshaping: ReshapingOptions) -> tuple[int, int]:
    """Return the number of steps, and of features per step."""
    per_step = reshaping.features_per_step or min(features, max(2, -(-features // STEPS)))
    steps = -(-features // per_step)
    if steps * per_step != features and not reshaping.allow_padding:
        raise DataError(
            f"{counted(features, 'feature')} cannot be divided into steps of {per_step}: expected "
            f"a multiple of {per_step}. Change reshaping.features_per_step, leave out a feature, "
            "or set reshaping.allow_padding: true."
        )
    return steps, per_step
