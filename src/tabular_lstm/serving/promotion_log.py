"""The promotion log: one entry for each decision, from which follows who serves.

An entry counts once it is written, see `log_file`; `champion.keras` follows. A champion is named by
the run that trained it.
"""

from tabular_lstm.serving.decision import Decision, Inputs, Looks, Outcome


class LogEntry(Outcome):
    """A decision in short: its outcome, what was judged and on which rows.

    Attributes:
        inputs: What the candidate that was judged was made from; None where none was judged, as in
            a rollback.
        test_rows_sha256: Likewise, which rows it was judged on.
        decision_sha256: Of the decision, see `Decision.fingerprint`.
        line_before: SHA-256 of the line before it in the log, as `log_file.append` fills it in;
            None in the first.
    """

    inputs: Inputs | None
    test_rows_sha256: str | None
    decision_sha256: str
    line_before: str | None


def record(decision: Decision, report: str | None = None) -> LogEntry:
    """Shorten a decision to its entry in the log, once its report, if it has one, is written."""
    judgement = decision.judgement
    return LogEntry(
        **decision.model_dump(include={*Outcome.model_fields}),
        inputs=judgement and judgement.inputs,
        test_rows_sha256=judgement and judgement.data.test_rows_sha256,
        decision_sha256=decision.fingerprint(),
        line_before=None,
    )


def changes(log: list[LogEntry]) -> list[LogEntry]:
    """Take the entries that changed the champion."""
    return [entry for entry in log if entry.action != "rejected"]


def champion_of(log: list[LogEntry]) -> str | None:
    """Name the run whose artifact serves."""
    return changes(log)[-1].serves_now if changes(log) else None


def promoted(log: list[LogEntry]) -> dict[str, LogEntry]:
    """Find, by run id, the entry in which each champion was promoted."""
    return {entry.run_id: entry for entry in log if entry.action == "promoted"}


def standing(log: list[LogEntry]) -> list[str]:
    """Name the champions that stand: the one that serves, the one it replaced, and so on.

    One that was rolled back from is not among them.
    """
    replaced = {run: entry.served_before for run, entry in promoted(log).items()}
    run, runs = champion_of(log), []
    while run is not None:
        runs.append(run)
        run = replaced.get(run)
    return runs


def restorable(log: list[LogEntry], keep: int) -> list[str]:
    """Name the champions whose artifacts are kept: so many that stand and that served last.

    The one that served last comes first.
    """
    served = list(dict.fromkeys(entry.serves_now for entry in reversed(changes(log))))
    kept = {*served[:keep], *standing(log)[:keep]}
    return [run for run in served if run is not None and run in kept]


def looks(log: list[LogEntry], test_rows_sha256: str) -> Looks:
    """Count how often test rows were judged on, with the judgement that is being made."""
    rows = [entry.test_rows_sha256 for entry in log if entry.inputs]
    return Looks(these_test_rows=1 + rows.count(test_rows_sha256), all=1 + len(rows))


def closing_line(entry: LogEntry) -> str:
    """Say what was decided, the last line of a run's own log."""
    if entry.action == "promoted":
        return f"Promoted run {entry.run_id}: {entry.reason}."
    if entry.action == "rolled_back":
        return f"Rolled back: {entry.reason}."
    run = entry.serves_now
    stays = f"The champion stays run {run}" if run else "There is still no champion"
    return f"Rejected run {entry.run_id}: {entry.reason}. {stays}."
