"""A task that runs the project once, with the command of the project's own environment."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context, Variable
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from tabular_lstm_airflow.process import Process

# The exit codes of `kedro run` for an alarm beside a complete result, and if another run is at
# work: as in src/tabular_lstm/exit_codes.py, which this environment does not have.
ALARM, TRY_LATER = 3, 75


class WholeRun(BaseOperator):
    """Run a pipeline from its first node to its last.

    The Airflow Variable `tabular_lstm_project` is the path of the project, whose Python environment
    is `.venv`. `tabular_lstm_env` names an environment of conf; by default the base environment.
    XCom gets `run_id` as soon as the run has one, and `last_line` when the run ends.
    """

    template_fields: Sequence[str] = ("pipeline", "parameters")

    def __init__(self, *, pipeline: str, parameters: str = "", **of_task: Any) -> None:
        super().__init__(**of_task)
        self.pipeline = pipeline
        self.parameters = parameters
        self._process: Process | None = None

    def execute(self, context: Context) -> None:
        """Run the pipeline, and log the lines of the run. An alarm is only a notice.

        Raises:
            AirflowSkipException: Another run is at work; this run has done nothing.
            AirflowFailException: The run did not start, failed, or was ended. Airflow does not
                repeat the run.
        """
        task = context["ti"]
        process = self._process = self._started()
        try:
            known = None
            for level, message in process.lines():
                self.log.log(level, "%s", message)
                if process.run_id != known:
                    known = process.run_id
                    self._send(task, "run_id", known)
            code = process.exit_code()
        finally:
            process.end()
        self._send(task, "last_line", process.last_line)
        if code == TRY_LATER:
            raise AirflowSkipException(process.last_line)
        if code == ALARM:
            self.log.warning("Notice: the run is complete, with an alarm: %s", process.last_line)
        elif code:
            end = f"exit code {code}" if code > 0 else f"signal {-code}"
            name = f"Run {process.run_id}" if process.run_id else "The run"
            raise AirflowFailException(f"{name} ended with {end}: {process.last_line}")

    def _send(self, task: Any, name: str, value: str | None) -> None:
        """Push to XCom. A failure is only a warning."""
        try:
            task.xcom_push(name, value)
        except Exception as error:
            self.log.warning("XCom does not have %s: %s", name, type(error).__name__)

    def on_kill(self) -> None:
        """End the run if the task is ended or takes too long."""
        if self._process is not None:
            self._process.end()

    def _started(self) -> Process:
        folder = Variable.get("tabular_lstm_project", default=None)
        if not folder:
            raise AirflowFailException(
                "Variable tabular_lstm_project is not set. Expected the path of the project."
            )
        command = [str(Path(folder) / ".venv/bin/kedro"), "run", "--pipelines", self.pipeline]
        if env := Variable.get("tabular_lstm_env", default=""):
            command += ["--env", env]
        if self.parameters:
            command += ["--params", self.parameters]
        try:
            return Process(command, Path(folder), os.environ)
        except OSError as error:
            raise AirflowFailException(f"{error.filename}: {error.strerror}") from error
