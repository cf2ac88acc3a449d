"""The tasks: which models the project has, and one run of it, by the project's own environment."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context, Variable
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from tabular_lstm_airflow.process import Process

# The exit codes of `kedro run` for an alarm beside a complete result, and if another run is at
# work: as in src/tabular_lstm/exit_codes.py, which this environment does not have. If conf changes
# monitoring.exit_on_alarm, change the first; any other code fails the task.
ALARM, TRY_LATER = 3, 75
# It prints the names of the models as its last line; `bootstrap_project` adds the project's src.
MODELS = """
import json, sys
from pathlib import Path
from kedro.framework.startup import bootstrap_project
bootstrap_project(Path.cwd())
from tabular_lstm.runs.models import models_of
print(json.dumps(models_of(Path.cwd(), sys.argv[1] or None)))
"""


class Models(BaseOperator):
    """Name the models of the environment, for a `WholeRun` of each.

    An environment without a list `models` is one model, whose name here is "".
    """

    def execute(self, context: Context) -> list[str]:
        """Ask the project.

        Raises:
            AirflowFailException: Conf cannot be read, or the project is not there.
        """
        process = started("python", "-c", MODELS, environment())
        try:
            said = [message for _, message in process.lines()]
            if process.exit_code():
                self.log.error("%s", "\n".join(said))
                raise AirflowFailException(f"The models are not known: {process.last_line}")
        finally:
            process.end()
        names: list[str] = json.loads(process.last_line)
        return names or [""]


class WholeRun(BaseOperator):
    """Run a pipeline from its first node to its last.

    The Airflow Variable `tabular_lstm_project` is the path of the project, whose Python environment
    is `.venv`. `tabular_lstm_env` names an environment of conf; by default the base environment.
    `model` is one of the environment's models; by default the environment has no list of them.
    XCom gets `run_id` as soon as the run has one, and `last_line` when the run ends.
    """

    template_fields: Sequence[str] = ("pipeline", "parameters", "model")

    def __init__(
        self, *, pipeline: str, parameters: str = "", model: str = "", **of_task: Any
    ) -> None:
        super().__init__(**of_task)
        self.pipeline = pipeline
        self.parameters = parameters
        self.model = model
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
        arguments = ["run", "--pipelines", self.pipeline]
        if env := environment():
            arguments += ["--env", env]
        if self.parameters:
            arguments += ["--params", self.parameters]
        if self.model:
            arguments += ["--params", f"model={self.model}"]
        return started("kedro", *arguments)


def environment() -> str:
    """Give the environment of conf that the Variable names; "" is the base environment."""
    name: str = Variable.get("tabular_lstm_env", default="")
    return name


def started(program: str, *arguments: str) -> Process:
    """Start a program of the project's environment in the project's folder.

    Raises:
        AirflowFailException: No Variable names the project, or it does not have the program.
    """
    folder = Variable.get("tabular_lstm_project", default=None)
    if not folder:
        raise AirflowFailException(
            "Variable tabular_lstm_project is not set. Expected the path of the project."
        )
    command = [str(Path(folder) / ".venv/bin" / program), *arguments]
    try:
        return Process(command, Path(folder), os.environ)
    except OSError as error:
        raise AirflowFailException(f"{error.filename}: {error.strerror}") from error
