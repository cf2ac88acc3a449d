"""Learn from the train rows how a row becomes a sequence, then reshape both sides."""

import logging
from dataclasses import replace
from typing import cast

import numpy as np
import pandas as pd

from tabular_lstm.errors import counted
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.parameters.hyperparameters import ReshapingOptions
from tabular_lstm.rows import schema_fit
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.fingerprints import number_groups
from tabular_lstm.rows.histories import Histories
from tabular_lstm.rows.labelled_set import Examples, JudgedOn, LabelledRows, scaled, weights_of
from tabular_lstm.rows.schema import PARTS, Schema
from tabular_lstm.rows.sequences import chosen
from tabular_lstm.rows.timeline import (
    Timeline,
    derived,
    history_layout,
    last_rows,
    roles_of,
    valid_sequences,
)

logger = logging.getLogger(__name__)


def learn_schema(
    train_rows: pd.DataFrame,
    history_rows: pd.DataFrame,
    data_summary: DataSummary,
    columns: ColumnsOptions,
    reshaping: ReshapingOptions,
) -> Schema:
    """Learn from all features: see `tabular_lstm.rows.schema_fit.fit_schema`.

    Each row counts once, without its weight. Mean and variance scale the network's numbers, and a
    few rows with large weights would make this scale wrong for the other rows.
    """
    features = [name for name in map(str, train_rows) if name not in columns.not_features]
    history, train_derived = None, {}
    if columns.history is not None:
        history = history_layout(columns, columns.history, train_rows)
        all_rows = pd.concat([train_rows, history_rows])
        roles = roles_of(all_rows, history, columns.label)
        all_derived = derived(roles, history, Timeline.of(roles))
        train_derived = {name: values[: len(train_rows)] for name, values in all_derived.items()}
    schema = schema_fit.fit_schema(
        chosen(train_rows, features),
        columns,
        marks=data_summary.marks,
        reshaping=reshaping,
        label=columns.label,
        task=columns.task,
        labels=train_rows[columns.label].to_numpy(),
        history=history,
        derived=train_derived,
    )
    if history is not None:
        train_histories = valid_sequences(train_rows, schema, history_rows)
        schema = schema_fit.with_row(schema, cast(Histories, train_histories))
    logger.info(
        "%s a row, %d of them categorical%s: %s of %d, %d padded",
        counted(len(features), "feature"),
        len(schema.categories),
        f", {counted(len(schema.dates), 'date')} of {len(PARTS)} slots" if schema.dates else "",
        counted(schema.steps, "step"),
        schema.features_per_step,
        schema.padded_slots,
    )
    return schema


def split_features_from_label(
    rows: pd.DataFrame, schema: Schema, columns: ColumnsOptions, *earlier_rows: pd.DataFrame
) -> LabelledRows:
    """Return the features in the schema's order, the label, and each row's weight and group.

    The `earlier_rows` may be earlier in a history: history rows and, for test rows, the
    train rows.
    """
    weights, marked = scaled(weights_of(rows, columns)), None
    groups, labels = number_groups(rows, columns), rows[schema.label]
    if columns.history is not None:
        if (predict := columns.history.predict) in rows:
            marked = rows[predict].to_numpy(bool)
        rows = pd.concat([rows, *earlier_rows])
    features = chosen(rows, [*schema.columns, *schema.roles])
    by_content = columns.key is None and columns.together is None and columns.history is None
    return LabelledRows(features, labels, weights, groups, marked, by_content)


def reshape(rows: LabelledRows, schema: Schema) -> Examples:
    """Turn each row into a sequence: see `tabular_lstm.rows.timeline.valid_sequences`."""
    count = len(rows.labels)
    features, earlier_features = rows.features.iloc[:count], rows.features.iloc[count:]
    sequences = valid_sequences(features, schema, earlier_features)
    labelled_set = Examples(
        sequences, rows.labels, rows.weights, rows.groups, by_content=rows.by_content
    )
    if isinstance(sequences, np.ndarray):
        return labelled_set
    definition: JudgedOn = "marked rows"
    if rows.marked is not None and rows.marked.any():
        judged, newest = rows.marked, np.zeros(count, bool)
    else:
        definition, (judged, newest) = "last rows", last_rows(rows.features, schema, sequences)
    if not judged.any():
        definition, judged = "all rows", np.ones(count, bool)
    if not newest.any():
        newest[judged] = sequences[judged].are_last
    return replace(labelled_set, judged_on=definition, judged=judged, newest=newest)
