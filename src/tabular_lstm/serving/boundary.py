"""The boundary of a split by time that stays in force, once a decision rests on it."""

from collections.abc import Callable, Mapping, Sequence

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Columns, Moment, Split
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.serving.decision import Decision
from tabular_lstm.serving.promotion_log import LogEntry

# What is alike in splits that have one boundary.
DECIDING = ("kind", "time", "test_fraction")


def boundary_in_force(
    log: Sequence[LogEntry],
    decisions: Mapping[str, Callable[[], Decision]],
    columns: Columns,
    split: Split,
) -> Moment | None:
    """Find the boundary of the newest decision that is left and was split in the same way.

    That is by the same column, with the same `test_fraction`.

    Args:
        log: The promotion log.
        decisions: By run id, functions that read those that are left.
        columns: The role of each column.
        split: The present split.

    Returns:
        None where there is no such decision, or the split is none by time.

    Raises:
        DataError: None is left, and of a decision it cannot be told: rows would change sides.
    """
    if split.kind != "time":
        return None
    present, unknown = (split.kind, columns.time, split.test_fraction), []
    for entry in reversed(log):
        try:
            data = _judged_on(decisions, entry)
        except DataError:
            unknown.append(entry.run_id)
            continue
        if data and tuple(data.split.get(name) for name in DECIDING) == present:
            return data.boundary
    if unknown and split.from_ is None:
        raise DataError(
            f"decision.json of run {', '.join(unknown)} is gone, damaged or edited, and may have "
            "the boundary that rows were split at. Name it in split.from; otherwise rows would "
            "change sides."
        )
    return None


def _judged_on(
    decisions: Mapping[str, Callable[[], Decision]], entry: LogEntry
) -> DataSummary | None:
    """Give the data that a decision rests on; None where it judged nothing.

    Raises:
        DataError: It is gone, unreadable or edited.
    """
    if entry.run_id not in decisions:
        raise DataError("it is gone")
    decision = decisions[entry.run_id]()
    if decision.fingerprint() != entry.decision_sha256:
        raise DataError("it is not the one that the log names")
    return decision.judgement.data if decision.judgement else None
