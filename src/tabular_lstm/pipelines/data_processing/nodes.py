"""Check every cell, quarantine bad rows with a reason, and hold out the same rows every time."""

import logging
from dataclasses import replace

import pandas as pd

from tabular_lstm.errors import DataError, counted, shown, unknown_name
from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.parameters.hyperparameters import EvaluationOptions, ValidationOptions
from tabular_lstm.rows import data_warnings
from tabular_lstm.rows.data_summary import DataSummary, summarize
from tabular_lstm.rows.dependent_rows import find_dependent_rows
from tabular_lstm.rows.labels import label_of
from tabular_lstm.rows.raw_rows import Table
from tabular_lstm.rows.train_test_split import lines_of, sides_of
from tabular_lstm.rows.validation import Rows, read_rows
from tabular_lstm.rows.weights import weights_of
from tabular_lstm.serving.decision import Champions

logger = logging.getLogger(__name__)

REPEATED = (
    "%s: %d of %d test rows have the features of a train row of another %s. If they are the same "
    "rows under other %ss, the models are judged on rows that they know: use a %s that does not "
    "change, or none"
)
BOUNDARY = (
    "A retraining keeps the boundary of the last decision, so that no row changes sides; elsewhere "
    "it moves as rows are added. To set it, name split.from"
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
    data_warnings.warn_of_forms(raw_rows, rows, columns)
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
        weightless = rows.valid[(weights_of(rows.valid, columns) == 0).to_numpy()]
        history = pd.concat([history, weightless]) if len(weightless) else history
    read_from = {"sha256": raw_rows.sha256(), "load_args": dict(raw_rows.load_args)}
    source = rows.source.model_copy(update=read_from)
    return replace(rows, history=history, source=source), rows.quarantined


def accept_rows(valid_rows: Rows, columns: ColumnsOptions, validation: ValidationOptions) -> Rows:
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
            *lines_of(source, columns),
        )
    return valid_rows


def _fault_of_segment(name: str, known: list[str], columns: ColumnsOptions) -> str:
    path = f"evaluation.segments.{name}"
    if name == columns.label:
        return f"'{path}' is the label, which is no segment. Remove it."
    if name in columns.ignore:
        return (
            f"'{path}' is not read, because columns.ignore names it. A segment is a column that is "
            "read, such as a feature: remove the name from one of the two."
        )
    unread = ". With columns.features, only columns that conf names under columns are read."
    return unknown_name(path, known) + (unread if columns.features else "")


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
        DataError: `split.independent` names a column that is not a feature; `evaluation.segments`
            names the label or a column that is not read; or see `sides_of`.
    """
    accepted, history_rows = accepted_rows.valid, accepted_rows.history
    source = accepted_rows.source
    features = [str(name) for name in accepted if name not in columns.not_features]
    if unknown := [name for name in split.independent if name not in features]:
        raise DataError(
            f"{source.file}: split.independent names {', '.join(map(shown, unknown))}, which is no "
            f"feature. The features are: {', '.join(map(shown, features))}."
        )
    known = [name for name in map(str, accepted) if name != columns.label]
    if unknown := [name for name in evaluation.segments if name not in known]:
        raise DataError(f"{source.file}: {_fault_of_segment(unknown[0], known, columns)}")
    past = champions.boundary(columns, split) if champions else None
    train, test, bounded, weightless = sides_of(accepted, source, columns, split, past)
    if weightless:
        logger.info("%s: left out %s of weight 0", source.file, counted(weightless, "row"))
    for side, rows in {"train": train, "test": test}.items():
        if len(rows):
            labels = label_of(columns).described(rows[columns.label])
            logger.info("%d %s rows, %s", len(rows), side, labels)
    if bounded.from_ is not None:
        share = len(test) / (len(train) + len(test))
        logger.info("Test rows are those from %s on: %.1f %% of all", bounded.from_, 100 * share)
        if split.from_ is None:
            logger.info(BOUNDARY)
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
        history_rows=history_rows,
        dependent_rows=dependent_rows,
    )
    if summary.histories is not None:
        logger.info("Histories: %s", summary.said_of_histories)
    if summary.repeated_test_rows:
        identity = summary.told_apart_by
        count = summary.repeated_test_rows
        logger.warning(REPEATED, source.file, count, len(test), identity, identity, identity)
    data_warnings.warn_of_late_labels(accepted, history_rows, columns)
    for doubt in (
        *data_warnings.doubts_of(summary),
        *([data_warnings.said_of(found)] if found and found.is_amount else []),
        *data_warnings.said_of_leaks(data_warnings.STRONG_FEATURE, strong_features, columns.task),
    ):
        logger.warning("%s", doubt[:1].upper() + doubt[1:])
    return train, test, history_rows, summary
