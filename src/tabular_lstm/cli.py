"""`kedro run` and `kedro profile`; faulty data or conf end in one clear message."""

import logging
import pkgutil
import re
import sys
import traceback
from pathlib import Path
from typing import Any

import click
import yaml
from kedro.config import MissingConfigException
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import KedroCliError
from kedro.io import DatasetError
from kedro.pipeline.pipeline import OutputNotUniqueError
from kedro.utils import find_kedro_project
from kedro.validation import ParameterValidationError
from omegaconf.errors import OmegaConfBaseException

from tabular_lstm import pipelines
from tabular_lstm.environments import run_command
from tabular_lstm.errors import DataError, printable, unknown_name
from tabular_lstm.parameters.runs import Event
from tabular_lstm.runs.guards import NO_SERVER, NO_TUNING, NothingNewError
from tabular_lstm.runs.hooks import NOTIFY
from tabular_lstm.runs.lock import LockedError
from tabular_lstm.runs.models import EXIT_CODE
from tabular_lstm.serving.prediction_parts import AlarmError

USER_ERRORS = (
    DatasetError,
    ParameterValidationError,
    MissingConfigException,
    OutputNotUniqueError,
    OmegaConfBaseException,
    yaml.YAMLError,
)


class TryLater(click.ClickException):
    """Another run is at work: exit code 75 (EX_TEMPFAIL of sysexits.h)."""

    exit_code = 75


class Command(click.Command):
    """A command whose errors are messages on one line, see `printable`."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """Read the options and arguments; of an option that is there twice, click takes one."""
        try:
            known_options = {name for option in self.params for name in option.opts}
            names = [word.partition("=")[0] for word in arguments[1]]
            # A short option and its value may stand together, as in -ebase.
            names = [n if n in known_options or n[:2] == "--" else n[:2] for n in names]
            for option in self.params:
                used = sum(name in option.opts for name in names)
                if used > 1 and not getattr(option, "multiple", False):
                    raise click.ClickException(
                        f"{option.opts[0]} is there twice: write it once, with a comma between its "
                        "parts, such as --params a=1,b=2."
                    )
            return super().make_context(*arguments, **options)
        except click.UsageError as error:
            raise click.UsageError(printable(error.format_message()), error.ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error that the user can fix becomes a message."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if fault := _fault(error):
                raise click.ClickException(_lines(fault)) from error
            _escape(error)
            raise


class Run(Command):
    """Kedro's `run` with its options, without a traceback for errors that the user can fix."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """Read the options, of several --params all; turn Kedro's traceback into a message."""
        words, rest, params = iter(arguments[1]), [], []
        for word in words:
            option, has_value, value = word.partition("=")
            text = value if has_value else next(words, None) if option == "--params" else None
            if option != "--params" or text is None:
                rest.append(word)
            else:  # a model is a text: 007, no
                params.append(re.sub(r"(^|,)\s*model=([^',]+)", r"\1model='\2'", text))
        names = [part.partition("=")[0].strip() for part in ",".join(params).split(",")]
        if twice := [name for name in names if name and names.count(name) > 1]:
            raise click.ClickException(
                f"--params: {printable(twice[0])} is there twice: write it once."
            )
        words_and_params = [*rest, *(["--params", ",".join(params)] if params else [])]
        arguments = (arguments[0], words_and_params, *arguments[2:])
        try:
            return super().make_context(*arguments, **options)
        except (KedroCliError, yaml.YAMLError) as error:
            raise click.ClickException(_lines(error)) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run the pipeline: exit code 1 for faulty data or conf, 75 if another run is at work."""
        logging.getLogger("kedro.pipeline.node").addFilter(_is_news)
        logging.getLogger("kedro.framework.hooks.manager").addFilter(_has_no_credentials)
        try:
            _refuse_unknown_pipelines(ctx.params["pipelines"])
            _refuse_other_runners(ctx.params)
            result = click.Command.invoke(self, ctx)
        except NothingNewError:  # the hooks have logged it
            result = None
        except Exception as error:
            fault = _fault(error)
            if fault is None:
                _notify(ctx, "failed", f"{type(error).__name__}: {_lines(error)}")
                _escape(error)
                raise
            _notify(ctx, "failed", f"Error: {_lines(fault)}", isinstance(fault, AlarmError))
            kind = TryLater if isinstance(fault, LockedError) else click.ClickException
            raise kind(_lines(fault)) from error
        if code := ctx.meta.get(EXIT_CODE, 0):
            ctx.exit(code)
        return result


def _refuse_unknown_pipelines(names: list[str]) -> None:
    pipeline_names = [module.name for module in pkgutil.iter_modules(pipelines.__path__)]
    for name in names:
        if name not in {*pipeline_names, "__default__"}:
            unknown = f"Pipeline {unknown_name(name, pipeline_names)}"
            raise DataError(NO_TUNING if name == "tuning" else unknown)


def _refuse_other_runners(options: dict[str, Any]) -> None:
    """Refuse runners that change the order of nodes: networks pass between them in memory."""
    runner, arguments = options["runner"], options["runner_params"]
    if runner not in {None, "SequentialRunner"} or arguments:
        raise DataError(
            f"--runner {runner}, --runner-params {arguments}: expected neither; the nodes "
            "themselves use all cores."
        )


def _fault(error: BaseException | None) -> BaseException | None:
    """Return the error that the user can fix; Kedro wraps an error raised in a dataset."""
    cause = error
    while cause is not None and not isinstance(cause, DataError):
        cause = cause.__cause__
    return cause or (error if isinstance(error, USER_ERRORS) or _refused(error) else None)


def _lines(fault: BaseException) -> str:
    """Return the message; of another library's message, all lines but the first are indented."""
    message = fault.args[0] if isinstance(fault, KeyError) else str(fault)
    return str(fault if isinstance(fault, DataError) else DataError(*message.split("\n")))


def _escape(error: BaseException | None) -> None:
    """Escape an error's text, so that text of files or cells cannot start a line of it."""
    while error is not None:
        error.args = tuple(printable(a) if isinstance(a, str) else a for a in error.args)
        error = error.__cause__ or error.__context__


def _refused(error: BaseException | None) -> bool:
    """Return whether Kedro refuses something in conf or on the command line."""
    if not isinstance(error, ValueError | KeyError) or error.__traceback__ is None:
        return False
    raised_in = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    return {"kedro"} < {*raised_in.parts} and raised_in.parent.name in {"config", "io", "pipeline"}


def _notify(ctx: click.Context, event: Event, message: str, alarm: bool = False) -> None:
    """Notify that the run ended, if conf could be read."""
    if notify := ctx.meta.get(NOTIFY):
        notify(event, message, alarm)


def _is_news(record: logging.LogRecord) -> bool:
    """Drop Kedro's line that repeats the command's last message."""
    return _fault(sys.exc_info()[1]) is None


def _has_no_credentials(record: logging.LogRecord) -> bool:
    """Drop Kedro's DEBUG line about the hook that receives `credentials.yml`."""
    return "conf_creds" not in record.getMessage()


run = Run("run", callback=kedro_run.callback, params=kedro_run.params, help=kedro_run.help)


@click.command(cls=Command)
@click.argument("file", required=False)
@click.option("--dataset", help="Entry of the catalog to read instead of a file.")
@click.option("--env", required=True, help="Name of the new environment.")
@click.option("--label", help="Column to predict. Default: chosen by name, place and values.")
@click.option(
    "--task",
    type=click.Choice(["classes", "number"]),
    help="What is predicted of the label. Default: chosen by its values.",
)
@click.option("--positive", help="Value of the label whose probability is predicted.")
@click.option("--key", help="Column that identifies a row.")
@click.option("--force", is_flag=True, help="Overwrite the environment's two files.")
def profile(
    file: str | None, dataset: str | None, env: str, force: bool, **options: str | None
) -> None:
    """Read rows, and write conf for them. Then `kedro run --env ENV` works.

    FILE is a CSV or a Parquet file, or a folder of them.

    Prints how each column is read, and what is not certain.
    """
    # Imported here, because a run does not need it.
    from tabular_lstm.runs.new_environment import new_environment  # noqa: PLC0415

    if (file is None) is (dataset is None):
        raise click.UsageError("Expected a file, or --dataset and an entry of the catalog.")
    project = _project()
    column_options = {name: value for name, value in options.items() if value is not None}
    click.echo(
        new_environment(
            str(file or dataset), env, project, column_options, force, dataset is not None
        )
    )


def _project() -> Path:
    project = find_kedro_project(Path.cwd())
    if project is None:
        raise DataError(f"{printable(Path.cwd())}: expected a folder of a Kedro project.")
    return Path(project)


@click.command(cls=Command)
@click.option("--env", envvar="KEDRO_ENV", help="Environment. Default: base.")
@click.option("--pipelines", default="retraining", help="As of kedro run. Default: retraining.")
@click.option("--params", multiple=True, help="As of kedro run, for each model.")
def run_models(env: str | None, pipelines: str, params: tuple[str, ...]) -> None:
    """Run pipelines for each model of an environment, one after the other."""
    from tabular_lstm.runs.models import models_of, run_each  # noqa: PLC0415
    from tabular_lstm.runs.overview import as_text, states_of  # noqa: PLC0415

    project = _project()
    if not (names := models_of(project, env)):
        raise DataError(f"Conf has no list models. For one model: {run_command(env)}")
    arguments = ["--pipelines", pipelines, *(["--env", env] if env else [])]
    outcomes, code = run_each(run, arguments, names, ",".join(params))
    click.echo(as_text(states_of(project, env, names), outcomes))
    click.get_current_context().exit(code)


@click.command(cls=Command)
@click.option("--env", envvar="KEDRO_ENV", help="Environment. Default: base.")
def overview(env: str | None) -> None:
    """Show what serves in each model of an environment, and write it as a page."""
    from tabular_lstm.runs.models import models_of  # noqa: PLC0415
    from tabular_lstm.runs.overview import as_text, states_of, write_page  # noqa: PLC0415

    project = _project()
    states = states_of(project, env, models_of(project, env))
    click.echo(f"{as_text(states)}\nPage: {write_page(states, project, env)}")


@click.command(cls=Command, hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1)
def server(arguments: tuple[str, ...]) -> None:
    """Refuse Kedro's server."""
    raise click.ClickException(NO_SERVER)


# Kedro looks for this name, and adds its own commands.
cli = click.Group("tabular_lstm", commands=[run, run_models, overview, profile, server])
