"""Learn from the train rows how a row becomes a sequence, then reshape both sides."""

import logging
from dataclasses import replace
from typing import cast

import numpy as np
import pandas as pd

from tabular_lstm.errors import counted
from tabular_lstm.parameters.columns import ColumnsOptions, History
from tabular_lstm.parameters.hyperparameters import ReshapingOptions, TrainingOptions
from tabular_lstm.rows import schema_fit
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.examples import NO_SEQUENCES, Examples, JudgedOn, JudgingRows
from tabular_lstm.rows.fingerprints import keys_of, number_groups, together_of
from tabular_lstm.rows.histories import Histories
from tabular_lstm.rows.label_scale import with_scale
from tabular_lstm.rows.past_features import as_rows, half_lives_of
from tabular_lstm.rows.schema import PARTS, HistoryLayout, Schema
from tabular_lstm.rows.sequences import chosen
from tabular_lstm.rows.timeline import (
    Timeline,
    derived,
    history_layout,
    last_rows,
    roles_of,
    valid_sequences,
)
from tabular_lstm.rows.weights import scaled, weights_of

logger = logging.getLogger(__name__)


def learn_schema(
    train_rows: pd.DataFrame,
    history_rows: pd.DataFrame,
    data_summary: DataSummary,
    columns: ColumnsOptions,
    reshaping: ReshapingOptions,
    training: TrainingOptions,
) -> Schema:
    """Learn from all features: see `tabular_lstm.rows.schema_fit.fit_schema`.

    Each row counts once, without its weight. Mean and variance scale the network's numbers, and a
    few rows with large weights would make this scale wrong for the other rows. For histories, the
    unlabelled rows of the train side count too.
    """
    features = [name for name in map(str, train_rows) if name not in columns.not_features]
    labels = train_rows[columns.label].to_numpy()
    history, derived_features, rows, train_histories = None, {}, train_rows, None
    if columns.history is not None:
        history = history_layout(columns, columns.history, train_rows)
        unlabelled = _train_side(history_rows, train_rows, columns.history, bool(columns.time))
        rows = pd.concat([train_rows, unlabelled])
        roles = roles_of(rows, history, columns.label)
        timeline = Timeline.of(roles)
        half_lives = half_lives_of(timeline.gaps / history.unit)
        history = history.model_copy(update={"half_lives": half_lives})
        derived_features = derived(roles, history, timeline)
    schema = schema_fit.fit_schema(
        chosen(rows, features),
        columns,
        marks=data_summary.marks,
        reshaping=reshaping,
        label=columns.label,
        task=columns.task,
        labels=labels,
        history=history,
        derived=derived_features,
    )
    if history is not None:
        train_histories = cast(Histories, valid_sequences(train_rows, schema, unlabelled))
        schema = schema_fit.with_row(schema, train_histories, labels)
    schema = with_scale(
        schema,
        labels,
        training,
        lambda places: (
            cast(np.ndarray, valid_sequences(train_rows.iloc[places], schema))
            if train_histories is None
            else as_rows(train_histories[places], schema)
        ),
    )
    if schema.target is not None:
        logger.info("The label %s is learned %s", schema.label, schema.target.scale)
    logger.info(
        "%s per row, %d of them categorical%s: %s of %d, %d padded",
        counted(len(features), "feature"),
        len(schema.categories),
        f", {counted(len(schema.dates), 'date')} of {len(PARTS)} slots" if schema.dates else "",
        counted(schema.steps, "step"),
        schema.features_per_step,
        schema.padded_slots,
    )
    return schema


def _train_side(
    history_rows: pd.DataFrame, train_rows: pd.DataFrame, history: History, by_time: bool
) -> pd.DataFrame:
    """Return the unlabelled rows of the train rows' customers, none later than a split by time."""
    if history_rows.empty:  # then its columns have any type
        return history_rows
    on_side = history_rows[history.of].isin(train_rows[history.of]).to_numpy()
    if by_time:
        newest = train_rows[history.order].max()
        on_side = on_side & (history_rows[history.order] <= newest).to_numpy()
    return history_rows[on_side]


def split_features_from_label(
    rows: pd.DataFrame, schema: Schema, columns: ColumnsOptions, *earlier_rows: pd.DataFrame
) -> Examples:
    """Take the label, the weight, the key and the group of each row apart from its features.

    Args:
        rows: The valid rows of a side.
        schema: What was learned from the train rows.
        columns: The role of each column.
        earlier_rows: Rows that may be earlier in a history: history rows and, for test rows, the
            train rows.

    Returns:
        The examples, which `reshape` gives their sequences.
    """
    return Examples(
        NO_SEQUENCES,
        rows[schema.label],
        scaled(weights_of(rows, columns)),
        number_groups(rows, columns),
        schema=schema,
        rows=rows,
        earlier_rows=earlier_rows,
        keys=keys_of(rows, columns),
        together=together_of(rows, columns),
        by_time=columns.time is not None,
    )


def reshape(features: Examples) -> Examples:
    """Turn each row into a sequence, see `tabular_lstm.rows.timeline.valid_sequences`.

    For histories, the examples that judge a model are found too.
    """
    schema, rows = features.schema, features.rows
    sequences = valid_sequences(rows, schema, *features.earlier_rows)
    if isinstance(sequences, np.ndarray):
        return replace(features, sequences=sequences)
    all_rows = pd.concat([rows, *features.earlier_rows])
    return replace(
        features,
        sequences=sequences,
        judging=_judging_rows(rows, all_rows, schema, sequences),
    )


def reshape_test_rows(features: Examples, train_set: Examples) -> Examples:
    """Turn each test row into a sequence; the train rows judge if no rows were held out."""
    if len(features.labels):
        return reshape(features)
    logger.warning("test_fraction is 0: the candidate is evaluated on the rows it was trained on")
    return replace(train_set, side="train")


def _judging_rows(
    rows: pd.DataFrame, all_rows: pd.DataFrame, schema: Schema, sequences: Histories
) -> JudgingRows:
    """Find the rows that are like those of a scoring: the marked ones, or else the last ones."""
    history = cast(HistoryLayout, schema.history)
    definition: JudgedOn = history.scored
    if definition == "marked rows" and history.mark in rows and rows[history.mark].any():
        judged, newest = rows[history.mark].to_numpy(bool), np.zeros(len(rows), bool)
    else:
        definition = "last rows" if definition == "marked rows" else definition
        judged, newest = last_rows(all_rows, schema, sequences)
    if not judged.any():
        definition, judged = "all rows", np.ones(len(rows), bool)
    if not newest.any():
        newest[judged] = sequences[judged].are_last
    return JudgingRows(definition, judged, newest)
