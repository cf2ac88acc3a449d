"""Choose an earlier champion, which then serves again."""

from tabular_lstm.errors import DataError
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.parameters.runs import RollbackOptions
from tabular_lstm.serving.champion import refuse_other_task
from tabular_lstm.serving.comparable_champions import NotComparedError, promoted_artifact
from tabular_lstm.serving.decision import Champions, Decision, Provenance
from tabular_lstm.serving.promotion_log import LogEntry, champion_of, distinct_standing, promoted


def choose_champion(
    champions: Champions,
    rollback: RollbackOptions,
    columns: ColumnsOptions,
    provenance: Provenance,
) -> Decision:
    """Decide which champion serves again: the run that conf names, or the previous champion.

    Raises:
        DataError: There is no previous champion, or no champion with this run id; or its artifact
            is gone, is not the promoted one, or cannot be loaded. The error lists the promoted
            runs. Or the champion's task differs from conf.
    """
    promotions, serving_run = promoted(champions.log), champion_of(champions.log)
    listed = f"Runs that were promoted: {', '.join(promotions) or 'none'}."
    before = distinct_standing(champions.log, 2)[1:]
    if rollback.run_id is None and not before:
        raise DataError(
            f"There is no champion before {serving_run} to roll back to. {listed}"
            if serving_run
            else "There is no champion yet."
        )
    run = before[0] if rollback.run_id is None else rollback.run_id
    if run not in promotions:
        raise DataError(f"Run {run} was never a champion. {listed}")
    try:
        artifact = promoted_artifact(champions, promotions[run])
    except NotComparedError as why:
        raise DataError(f"Run {run} cannot serve again: {why}. {listed}") from why
    refuse_other_task(artifact, columns)
    choice = f"the previous champion, run {run}" if rollback.run_id is None else f"run {run}"
    serves = ", which already serves" if run == serving_run else ""
    return Decision(
        **provenance.of_decision(),
        action="rolled_back",
        reason=f"{choice}{serves}",
        served_before=serving_run,
        serves_now=run,
        sha256=promotions[run].sha256,
        judgement=None,
    )


def record_rollback(decision: Decision, report: str) -> LogEntry:
    """Return the log's line, once the report is written; the line lets the champion serve again."""
    return decision.log_entry()
