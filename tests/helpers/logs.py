"""Lines of a promotion log."""

from typing import Any


def promotion(run: str, replaced: str | None = None) -> dict[str, Any]:
    return decided(run, "promoted", run, replaced)


def rejection(run: str, champion: str | None) -> dict[str, Any]:
    return decided(run, "rejected", champion, None)


def rollback(run: str, champion: str, replaced: str) -> dict[str, Any]:
    return decided(run, "rolled_back", champion, replaced)


def decided(run: str, action: str, champion: str | None, replaced: str | None) -> dict[str, Any]:
    return {
        "run_id": run,
        "time": "2026-11-25T02:15:00Z",
        "action": action,
        "reason": "to see",
        "champion": champion,
        "sha256": champion,
        "replaced": replaced,
    }
