"""Choose an earlier champion, and restore its artifact."""

from collections.abc import Callable
from typing import Any

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Rollback
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.log import Line, lineage, promoted, serving

Artifacts = dict[str, Callable[[], Artifact]]


def choose_champion(
    past_promotions: list[Line],
    artifacts: Artifacts,
    rollback: Rollback,
    run_id: str,
    provenance: dict[str, Any],
) -> dict[str, Any]:
    """Decide which champion is to serve again: the run that is named, or the one before.

    Returns:
        The decision.

    Raises:
        DataError: There is none before, none of that run id, or its artifact is gone or not the
            one that was promoted. Lists the runs that can be restored.
    """
    known, now = promoted(past_promotions), serving(past_promotions)
    whole = [
        run
        for run, line in known.items()
        if run in artifacts and artifacts[run]().sha256 == line["sha256"]
    ]
    listed = f"Champions that can be restored: {', '.join(whole) or 'none'}."
    before = lineage(past_promotions)[1:2]
    if rollback.run_id is None and not before:
        raise DataError(
            f"There is no champion before {now} to roll back to. {listed}"
            if now
            else "There is no champion yet: the promotion log names none."
        )
    run = before[0] if rollback.run_id is None else rollback.run_id
    if run not in known:
        raise DataError(f"Run {run} never was a champion. {listed}")
    if run not in whole:
        raise DataError(
            f"The artifact of run {run} is gone, or is not the one that was promoted. {listed}"
        )
    asked = "the champion before" if rollback.run_id is None else "that run by its id"
    again = "is put back" if run == now else "serves again"
    artifacts[run]().network  # noqa: B018  refuse what cannot be loaded before it is put in place
    return {
        "run_id": run_id,
        "time": provenance["time"],
        "environment": provenance["environment"],
        "action": "rolled_back",
        "promoted": False,
        "reason": f"asked for {asked}: run {run} {again}",
        "champion": {"run_id": run, "sha256": known[run]["sha256"]},
        "replaced": now,
        "packages": provenance["packages"],
        "git_commit": provenance["git_commit"],
    }


def record(decision: dict[str, Any]) -> Line:
    """Shorten the decision to its line in the promotion log."""
    return {
        **{name: decision[name] for name in ("run_id", "time", "action", "reason")},
        "champion": decision["champion"]["run_id"],
        "sha256": decision["champion"]["sha256"],
        "replaced": decision["replaced"],
    }


def restore(promotions: list[Line], artifacts: Artifacts) -> Artifact:
    """Give the artifact that the log's last line names."""
    return artifacts[promotions[-1]["champion"]]()
