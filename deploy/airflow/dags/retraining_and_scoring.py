"""Two DAGs, a retraining each night and a scoring each morning: a whole run of each model."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param

from tabular_lstm_airflow.notifier import FailureNotifier
from tabular_lstm_airflow.operator import Models, WholeRun


def scheduled(pipeline: str, schedule: str, within: timedelta) -> DAG:
    """Run a pipeline on a schedule.

    Args:
        pipeline: A pipeline of the project; the DAG has the same name.
        schedule: A cron expression, in UTC.
        within: A run of a model that takes longer is ended.
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
        models = Models(task_id="models", retries=0, on_failure_callback=FailureNotifier())
        WholeRun.partial(
            task_id="run",
            pipeline=pipeline,
            parameters="{{ params.parameters }}",
            map_index_template="{{ task.model }}",
            max_active_tis_per_dagrun=1,  # one after the other
            retries=0,  # a decision is not made twice
            execution_timeout=within,
            on_failure_callback=FailureNotifier(),
        ).expand(model=models.output)
    return dag


retraining = scheduled("retraining", "15 2 * * *", within=timedelta(hours=6))
scoring = scheduled("scoring", "0 6 * * *", within=timedelta(hours=2))
