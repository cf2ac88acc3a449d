"""Choose an earlier champion, and restore its artifact."""

from collections.abc import Callable

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Rollback
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.decision import Decision, Provenance
from tabular_lstm.serving.promotion_log import LogEntry, champion_of, promoted, standing

Artifacts = dict[str, Callable[[], Artifact]]


def choose_champion(
    past_promotions: list[LogEntry],
    artifacts: Artifacts,
    rollback: Rollback,
    run_id: str,
    provenance: Provenance,
) -> Decision:
    """Decide which champion is to serve again: the run that is named, or the one before.

    Raises:
        DataError: There is none before, none of that run id, or its artifact is gone or not the
            one that was promoted. Lists the runs that can be restored.
    """
    known, now = promoted(past_promotions), champion_of(past_promotions)
    whole = [run for run, entry in known.items() if _is_whole(artifacts, run, entry)]
    listed = f"Champions that can be restored: {', '.join(whole) or 'none'}."
    before = standing(past_promotions)[1:2]
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
    artifacts[run]().scorer  # noqa: B018  refuse what cannot be loaded before it is put in place
    return Decision(
        **provenance.of_decision(),
        run_id=run_id,
        action="rolled_back",
        reason=f"asked for {asked}: run {run} {again}",
        served_before=now,
        serves_now=run,
        sha256=known[run].sha256,
        judgement=None,
    )


def _is_whole(artifacts: Artifacts, run: str, entry: LogEntry) -> bool:
    """Tell whether the artifact that was promoted is still there and readable."""
    try:
        return run in artifacts and artifacts[run]().sha256 == entry.sha256
    except DataError:
        return False


def restore(promotions: list[LogEntry], artifacts: Artifacts) -> Artifact:
    """Give the artifact that the log's last entry names.

    Raises:
        DataError: The artifact is no longer the one that was chosen.
    """
    entry = promotions[-1]
    return artifacts[str(entry.serves_now)]().as_decided(entry.sha256)
