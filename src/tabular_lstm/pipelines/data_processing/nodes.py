"""Check every cell, quarantine bad rows with a reason, and hold out the same rows every time."""

import logging
from dataclasses import replace

import pandas as pd

from tabular_lstm.errors import DataError, counted, unknown_name
from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.parameters.hyperparameters import EvaluationOptions, ValidationOptions
from tabular_lstm.rows import content_hash, data_warnings
from tabular_lstm.rows.data_summary import DataSummary, summarize
from tabular_lstm.rows.dependent_rows import find_dependent_rows
from tabular_lstm.rows.labels import are_unlabelled, labels_in_words
from tabular_lstm.rows.raw_rows import Table
from tabular_lstm.rows.timeline import pasts_of
from tabular_lstm.rows.train_test_split import reasons_and_advice, sides_of
from tabular_lstm.rows.validation import Rows, read_rows
from tabular_lstm.rows.weights import weights_of
from tabular_lstm.serving.decision import Champions

logger = logging.getLogger(__name__)

REPEATED = (
    "%s: %d of %d test rows have the features of a train row with another key, group or time. If "
    "they are the same rows, models are judged on rows that they were trained on: use a column "
    "that does not change, or none"
)
BOUNDARY = (
    "The test rows are those from %s on: %.1f %% of all. Unless split.from names a boundary, a "
    "retraining keeps the boundary of the last decision, so that no row changes sides; in other "
    "runs it moves as rows are added"
)


def validate_rows(raw_rows: Table, columns: ColumnsOptions) -> tuple[Rows, pd.DataFrame]:
    """Turn text cells into numbers, and quarantine the rows where this fails.

    In a folder of files with a key, only the last valid row of each key counts, in the order of the
    files and their rows; the others are superseded and dropped. In a single file every valid row
    counts, and the key is used only for the split.

    Returns:
        The rows, with those of weight 0 as history; and the quarantined rows.

    Raises:
        DataError: See `tabular_lstm.rows.validation.read_rows`.
    """
    file = raw_rows.file
    rows = read_rows(raw_rows.parts(), columns, file, raw_rows.number_format)
    data_warnings.warn_of_spellings(rows.all_valid, columns, file)
    is_folder = bool(raw_rows.names)
    if is_folder and columns.key is not None:
        rows = rows.without_superseded(columns.key)
    repeated = rows.valid if is_folder else rows.all_valid
    data_warnings.warn_of_repeated_keys(repeated, columns, file)
    superseded, unlabelled = rows.source.superseded_rows, rows.source.unlabelled_rows
    logger.info(
        "%s: %s, %d valid, %d quarantined%s%s",
        file,
        counted(rows.source.rows, "row"),
        len(rows.valid),
        len(rows.quarantined),
        f", {unlabelled} unlabelled" if unlabelled else "",
        f", {superseded} superseded by a later row with their key" if superseded else "",
    )
    history = rows.history
    if columns.history is not None:
        weightless = rows.valid[weights_of(rows.valid, columns) == 0]
        history = pd.concat([history, weightless]) if len(weightless) else history
    source = rows.source.model_copy(
        update={"sha256": raw_rows.sha256(), "load_args": dict(raw_rows.load_args)}
    )
    return replace(rows, history=history, source=source), rows.quarantined


def accept_rows(valid_rows: Rows, validation: ValidationOptions) -> Rows:
    """Return the valid rows unless too many rows were quarantined.

    This is a node of its own, so that the quarantined rows are on disk before the run stops.

    Raises:
        DataError: The quarantined share of the labelled rows is above `max_quarantined_fraction`.
    """
    source, limit = valid_rows.source, validation.max_quarantined_fraction
    if source.quarantined_rows / source.labelled_rows > limit:
        raise DataError(
            f"{source.file}: {source.quarantined_rows} of {source.labelled} were quarantined, "
            f"more than max_quarantined_fraction = {limit} allows:",
            *reasons_and_advice(source),
        )
    return valid_rows


def split_rows(
    accepted_rows: Rows,
    columns: ColumnsOptions,
    split: SplitOptions,
    evaluation: EvaluationOptions,
    champions: Champions | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, DataSummary]:
    """Hold out the test rows, see `rows.train_test_split.sides_of`, and log what was found.

    Returns:
        Train rows, test rows, history rows (with histories), and the data summary.

    Raises:
        DataError: `split.independent` or `evaluation.segments` names the label or a column that is
            not read; or see `sides_of`.
    """
    accepted, source = accepted_rows.valid, accepted_rows.source
    known = [name for name in map(str, accepted) if name != columns.label]
    named = {"split.independent": split.independent, "evaluation.segments": evaluation.segments}
    for block, names in named.items():
        if unread := [f"{block}.{name}" for name in names if name not in known]:
            raise DataError(
                f"{source.file}: expected columns that are read, except the label: "
                f"{unknown_name(unread[0], known)}"
            )
    past = champions.boundary(columns, split) if champions else None
    train, test, bounded = sides_of(accepted, source, columns, split, past)
    weightless = len(accepted) - len(train) - len(test)  # rows of weight 0
    if weightless:
        logger.info("%s: left out %s of weight 0", source.file, counted(weightless, "row"))
    for side, rows in {"train": train, "test": test}.items():
        if len(rows):
            described = labels_in_words(rows[columns.label], columns.task)
            logger.info("%d %s rows, %s", len(rows), side, described)
    if bounded.from_ is not None:
        share = len(test) / (len(train) + len(test))
        logger.info(BOUNDARY, bounded.from_, 100 * share)
    for reason in source.reasons:
        logger.warning("In quarantine: %s", reason)
    found = find_dependent_rows(
        pd.concat([train, test]) if weightless else accepted, columns, split.independent
    )
    dependent_rows = None if found and found.is_amount else found
    # Rows that belong together tell each other's label; a feature that they share is then no leak.
    apart = train.drop_duplicates(dependent_rows.columns) if dependent_rows else train
    leaks, strong_features = data_warnings.possible_leaks(apart, columns)
    summary = summarize(
        train,
        test,
        source,
        columns,
        split,
        boundary=bounded.from_,
        weightless_rows=weightless,
        possible_leaks=leaks,
        repeated_test_rows=data_warnings.repeated_test_rows(train, test, columns),
        history_rows=accepted_rows.history,
        dependent_rows=dependent_rows,
        rows_sha256=_hash_of_counted_rows(accepted_rows, train, test, columns),
    )
    if summary.histories is not None:
        logger.info("Histories: %s", summary.said_of_histories)
    if summary.repeated_test_rows:
        logger.warning(REPEATED, source.file, summary.repeated_test_rows, len(test))
    data_warnings.warn_of_late_labels(accepted, accepted_rows.history, columns)
    for doubt in (
        *data_warnings.doubts_of(summary),
        *([data_warnings.said_of(found)] if found and found.is_amount else []),
        *data_warnings.said_of_leaks(data_warnings.STRONG_FEATURE, strong_features, columns.task),
    ):
        logger.warning("%s", doubt[:1].upper() + doubt[1:])
    return train, test, accepted_rows.history, summary


def _hash_of_counted_rows(
    rows: Rows, train: pd.DataFrame, test: pd.DataFrame, columns: ColumnsOptions
) -> str:
    """Hash what a training and a judgement are made of, see `DataSummary.rows_sha256`."""
    past, quarantined = rows.history[:0], rows.source.quarantined_rows
    if columns.history is not None:  # then rows without a label are read too
        past = pasts_of([train, test], rows.history, columns.history)
        labels = rows.quarantined.iloc[:, 2:][columns.label]  # `reason` may be a column of the file
        quarantined = int((~are_unlabelled(labels, columns)).sum())
    return content_hash.sha256_of(train, test, past, besides=quarantined)
