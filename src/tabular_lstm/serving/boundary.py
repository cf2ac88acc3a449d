"""The boundary of a split by time that stays in force, once a decision rests on it."""

from collections.abc import Callable, Mapping, Sequence

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Columns, Moment, Split
from tabular_lstm.rows.summary import DataSummary
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
    """
    if split.kind != "time":
        return None
    present = (split.kind, columns.time, split.test_fraction)
    for entry in reversed(log):
        data = _judged_on(decisions, entry)
        if data and tuple(data.split.get(name) for name in DECIDING) == present:
            return data.boundary
    return None


def _judged_on(
    decisions: Mapping[str, Callable[[], Decision]], entry: LogEntry
) -> DataSummary | None:
    """Give the data that a decision rests on; None where it is gone, edited, or judged nothing."""
    if entry.run_id not in decisions:
        return None
    try:
        decision = decisions[entry.run_id]()
    except DataError:
        return None
    if decision.judgement is None or decision.fingerprint() != entry.decision_sha256:
        return None
    return decision.judgement.data
