"""Entries of a promotion log."""

from tabular_lstm.serving.decision import Action
from tabular_lstm.serving.promotion_log import LogEntry


def promotion(run: str, before: str | None = None) -> LogEntry:
    return decided(run, "promoted", before, run)


def rejection(run: str, champion: str | None) -> LogEntry:
    return decided(run, "rejected", champion, champion)


def rollback(run: str, champion: str, before: str) -> LogEntry:
    return decided(run, "rolled_back", before, champion)


def decided(run: str, action: Action, before: str | None, now: str | None) -> LogEntry:
    return LogEntry(
        run_id=run,
        time="2026-11-25T02:15:00Z",
        action=action,
        reason="to see",
        served_before=before,
        serves_now=now,
        sha256=now,
    )
