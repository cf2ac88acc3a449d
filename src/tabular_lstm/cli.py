"""`kedro run`, ending in one clear message where the data or a parameter is at fault."""

import logging
import sys
from typing import Any

import click
from kedro.config import MissingConfigException
from kedro.framework.cli.project import run as kedro_run
from kedro.validation import ParameterValidationError

from tabular_lstm.errors import DataError

MENDABLE = (DataError, ParameterValidationError, MissingConfigException)


class Run(click.Command):
    """Kedro's own `run`, with its options, minus the traceback for what the user can mend."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the pipeline.

        Raises:
            click.ClickException: The data, a parameter or the environment's name is at fault.
                Exit code 1.
        """
        logging.getLogger("kedro.pipeline.node").addFilter(_is_news)
        try:
            return super().invoke(ctx)
        except Exception as error:
            fault = _fault(error)
            if fault is None:
                raise
            raise click.ClickException(str(fault)) from error


def _fault(error: BaseException | None) -> BaseException | None:
    """Find the fault that the user can mend; Kedro wraps it where a dataset raised it."""
    while error is not None and not isinstance(error, MENDABLE):
        error = error.__cause__
    return error


def _is_news(record: logging.LogRecord) -> bool:
    """Drop the line in which Kedro repeats what the command will say as its last."""
    return _fault(sys.exc_info()[1]) is None


run = Run("run", callback=kedro_run.callback, params=kedro_run.params, help=kedro_run.help)


@click.group(name="tabular_lstm")
def cli() -> None:
    """Commands of this project; Kedro adds its own."""


cli.add_command(run)
