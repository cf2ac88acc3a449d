"""Two DAGs: a retraining each night and a scoring each morning. One task is one whole run."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param

from tabular_lstm_airflow.notifier import FailureNotifier
from tabular_lstm_airflow.operator import WholeRun


def scheduled(pipeline: str, schedule: str, within: timedelta) -> DAG:
    """Run a pipeline on a schedule.

    Args:
        pipeline: A pipeline of the project; the DAG has the same name.
        schedule: A cron expression, in UTC.
        within: A run that takes longer is ended.
    """
    with DAG(
        dag_id=pipeline,
        schedule=schedule,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,  # a missed night is not repeated later: the data would be today's
        max_active_runs=1,
        params={
            "parameters": Param(
                "", type="string", description="As `kedro run --params` has it: name=value,…"
            )
        },
        tags=["tabular-lstm"],
    ) as dag:
        WholeRun(
            task_id="run",
            pipeline=pipeline,
            parameters="{{ params.parameters }}",
            retries=0,  # a decision is not made twice
            execution_timeout=within,
            on_failure_callback=FailureNotifier(),
        )
    return dag


retraining = scheduled("retraining", "15 2 * * *", within=timedelta(hours=6))
scoring = scheduled("scoring", "0 6 * * *", within=timedelta(hours=2))
