"""`kedro run`, ending in one clear message where the data or a parameter is at fault."""

from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.validation import ParameterValidationError

from tabular_lstm.errors import DataError


class Run(click.Command):
    """Kedro's own `run`, with its options, minus the traceback for what the user can mend."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the pipeline.

        Raises:
            click.ClickException: The data or a parameter is at fault. Exit code 1.
        """
        try:
            return super().invoke(ctx)
        except (DataError, ParameterValidationError) as error:
            raise click.ClickException(str(error)) from error


run = Run("run", callback=kedro_run.callback, params=kedro_run.params, help=kedro_run.help)


@click.group(name="tabular_lstm")
def cli() -> None:
    """Commands of this project; Kedro adds its own."""


cli.add_command(run)
