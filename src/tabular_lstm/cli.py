"""`kedro run`, ending in one clear message where the data or a parameter is at fault."""

import logging
import os
import pkgutil
import sys
from pathlib import Path
from typing import Any

import click
import yaml
from kedro.config import MissingConfigException
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import configure_logging
from kedro.io import DatasetError
from kedro.pipeline.pipeline import OutputNotUniqueError
from kedro.utils import find_kedro_project
from kedro.validation import ParameterValidationError

from tabular_lstm import pipelines
from tabular_lstm.errors import DataError, unknown_name
from tabular_lstm.runs.guards import NothingNewError

logger = logging.getLogger(__name__)

USER_ERRORS = (
    DatasetError,
    ParameterValidationError,
    MissingConfigException,
    OutputNotUniqueError,
    yaml.YAMLError,
)


class Run(click.Command):
    """Kedro's own `run`, with its options, minus the traceback for what the user can mend."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the pipeline.

        Raises:
            click.ClickException: The data, a file of conf or a name is at fault. Exit code 1.
        """
        _log_as_the_project_says()
        logging.getLogger("kedro.pipeline.node").addFilter(_is_news)
        try:
            _refuse_unknown_pipelines(ctx.params["pipelines"])
            _refuse_async_decisions(ctx.params["pipelines"], ctx.params["is_async"])
            return super().invoke(ctx)
        except NothingNewError as end:
            logger.info("Unchanged: %s", end)
            return None
        except Exception as error:
            fault = _fault(error)
            if fault is None:
                raise
            raise click.ClickException(str(fault)) from error


def _log_as_the_project_says() -> None:
    """Read conf/logging.yml from below the project's root too; Kedro looks in this folder alone."""
    project = find_kedro_project(Path.cwd())
    if project and project != Path.cwd() and not os.environ.get("KEDRO_LOGGING_CONFIG"):
        configure_logging(yaml.safe_load((project / "conf/logging.yml").read_text()))


def _refuse_unknown_pipelines(names: list[str]) -> None:
    known = [module.name for module in pkgutil.iter_modules(pipelines.__path__)]
    for name in names:
        if name not in {*known, "__default__"}:
            raise click.ClickException(f"Pipeline {unknown_name(name, known)}")


def _refuse_async_decisions(names: list[str], is_async: bool) -> None:
    """Stop before the decision: Kedro cannot save later what a generator node yields."""
    if is_async and (deciding := {"promotion", "retraining", "rollback"} & {*names}):
        raise click.ClickException(
            f"--async: {', '.join(sorted(deciding))} saves one output after the other, and the "
            "champion last. Leave --async out."
        )


def _fault(error: BaseException | None) -> BaseException | None:
    """Find the fault that the user can mend; Kedro wraps ours where a dataset raised it."""
    cause = error
    while cause is not None and not isinstance(cause, DataError):
        cause = cause.__cause__
    return cause or (error if isinstance(error, USER_ERRORS) else None)


def _is_news(record: logging.LogRecord) -> bool:
    """Drop the line in which Kedro repeats what the command will say as its last."""
    return _fault(sys.exc_info()[1]) is None


run = Run("run", callback=kedro_run.callback, params=kedro_run.params, help=kedro_run.help)


# Kedro looks for this name, and adds its own commands.
cli = click.Group("tabular_lstm", commands=[run])
