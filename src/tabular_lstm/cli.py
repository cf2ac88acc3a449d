"""`kedro run` and `kedro profile`; faulty data or conf end in one clear message."""

import json
import logging
import re
import sys
import traceback
from functools import partial
from pathlib import Path
from typing import Any

import click
import yaml
from kedro.config import MissingConfigException
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.starters import KedroStarterSpec
from kedro.framework.cli.utils import KedroCliError, split_node_names, split_string
from kedro.framework.project import pipelines
from kedro.io import DatasetError
from kedro.pipeline.pipeline import OutputNotUniqueError
from kedro.utils import find_kedro_project
from kedro.validation import ParameterValidationError
from omegaconf.errors import OmegaConfBaseException

from tabular_lstm.environments import run_command
from tabular_lstm.errors import DataError, counted, printable, unknown_name
from tabular_lstm.exit_codes import DONE, FAILED, INTERRUPTED, TRY_LATER, worst_code
from tabular_lstm.runs import every_model
from tabular_lstm.runs.attempts import Attempt
from tabular_lstm.runs.guards import NO_SERVER, NO_TUNING, WHOLE, NothingNewError
from tabular_lstm.runs.hooks import HOOKS, OF_MANY, RunHooks
from tabular_lstm.runs.lock import LockedError
from tabular_lstm.runs.models import models_of, rows_of_no_model
from tabular_lstm.runs.own_package import packages_of_pipelines

USER_ERRORS = (
    DatasetError,
    ParameterValidationError,
    MissingConfigException,
    OutputNotUniqueError,
    OmegaConfBaseException,
    yaml.YAMLError,
)

logger = logging.getLogger(__name__)


class Refused(click.ClickException):
    """The message of an error that the user can fix, and its exit code."""

    def __init__(self, fault: BaseException) -> None:
        super().__init__(message_of(fault))
        # click has one for each class
        self.exit_code = TRY_LATER if isinstance(fault, LockedError) else FAILED  # type: ignore[misc]
        self.fault = fault


class Command(click.Command):
    """A command whose errors are messages on one line, see `printable`."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """Read the options; what Kedro or YAML refuses becomes a message without a traceback."""
        try:
            return super().make_context(*arguments, **options)
        except click.UsageError as error:
            raise click.UsageError(printable(error.format_message()), error.ctx) from error
        except (KedroCliError, yaml.YAMLError) as error:
            raise Refused(error) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error that the user can fix becomes a message."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if fault := fault_of(error):
                raise Refused(fault) from error
            _escape(error)
            raise


class Run(Command):
    """Kedro's `run`: it notifies of a failure, and its exit code says how the run ended."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the pipeline; see `exit_codes`."""
        logging.getLogger("kedro.pipeline.node").addFilter(_is_news)
        logging.getLogger("kedro.framework.hooks.manager").addFilter(_has_no_credentials)
        result = None
        try:
            result = super().invoke(ctx)
        except NothingNewError:  # the hooks have logged it
            pass
        except Exception as error:
            if hooks := _hooks(ctx):
                refused = error if isinstance(error, Refused) else None
                name = "Error" if refused else type(error).__name__
                message = refused.message if refused else message_of(error)
                fault = refused.fault if refused else error
                hooks.fail(fault, f"{name}: {message}", ctx.params["pipelines"])
            raise
        if (hooks := _hooks(ctx)) and (attempt := hooks.attempt) and attempt.exit_code:
            ctx.exit(attempt.exit_code)
        return result


def run_checked(**options: Any) -> Any:
    """Run Kedro's command, unless it asks for an unknown pipeline or another runner."""
    _refuse_pipelines(options["pipelines"])
    _refuse_other_runners(options["runner"], options["runner_params"])
    return run_of_kedro(**options)


def _hooks(ctx: click.Context) -> RunHooks | None:
    """Return the hooks of the last run of this command; None if conf could not be read."""
    return ctx.meta.get(HOOKS)


def _refuse_pipelines(names: list[str]) -> None:
    """Refuse an unknown pipeline, and other pipelines beside one that must run alone."""
    if len({*names}) > 1 and {*names} & {*WHOLE}:
        raise DataError(
            f"--pipelines {','.join(names)}: {', '.join(WHOLE)} must run alone, so that each "
            "decision or manifest comes from one run. Run the others before or after it."
        )
    known = {*packages_of_pipelines(), "__default__"}
    if {*names} <= known:
        return
    pipelines.set_requested(names)  # imports no other; the project's own registry may add some
    for name in names:
        if name not in known | {*pipelines}:
            raise DataError(
                NO_TUNING if name == "tuning" else f"Pipeline {unknown_name(name, sorted(known))}"
            )


def _refuse_other_runners(runner: str | None, arguments: dict[str, Any]) -> None:
    """Refuse runners that change the order of nodes: networks pass between them in memory."""
    if runner not in {None, "SequentialRunner"} or arguments:
        raise DataError(
            f"--runner {runner}, --runner-params {arguments}: expected neither, because "
            "the nodes themselves use all cores."
        )


def fault_of(error: BaseException | None) -> BaseException | None:
    """Return the error that the user can fix; Kedro wraps an error raised in a dataset."""
    cause = error
    while cause is not None and not isinstance(cause, DataError):
        cause = cause.__cause__
    return cause or (error if isinstance(error, USER_ERRORS) or _refused_by_kedro(error) else None)


def message_of(error: BaseException) -> str:
    """Return the message; in other libraries' messages, all lines but the first are indented."""
    message = error.args[0] if isinstance(error, KeyError) else str(error)
    return str(error if isinstance(error, DataError) else DataError(*message.split("\n")))


def _escape(error: BaseException | None) -> None:
    """Escape an error's text, so that text of files or cells cannot start a line of it."""
    while error is not None:
        error.args = tuple(printable(a) if isinstance(a, str) else a for a in error.args)
        error = error.__cause__ or error.__context__


def _refused_by_kedro(error: BaseException | None) -> bool:
    """Return whether Kedro refuses something in conf or on the command line."""
    if not isinstance(error, ValueError | KeyError) or error.__traceback__ is None:
        return False
    raised_in = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    return "kedro" in raised_in.parts and (
        raised_in.parent.name in {"config", "io", "pipeline", "runner"}
    )


def _is_news(record: logging.LogRecord) -> bool:
    """Drop Kedro's line that repeats the command's last message."""
    return fault_of(sys.exc_info()[1]) is None


def _has_no_credentials(record: logging.LogRecord) -> bool:
    """Drop Kedro's DEBUG line about the hook that receives `credentials.yml`."""
    return "conf_creds" not in record.getMessage()


PARAMS = next(option for option in kedro_run.params if option.name == "params")
run_of_kedro: Any = kedro_run.callback
params_of_kedro: Any = PARAMS.callback


def _merge_params(ctx: click.Context, option: Any, text: str) -> Any:
    """Read parameters as Kedro does; a model's name stays text, such as 007 or no."""
    pairs = [part.partition("=")[::2] for part in split_string(ctx, option, text)]
    names = [name.strip() for name, _ in pairs]
    values: dict[str, Any] = params_of_kedro(ctx, option, text)
    if "model" in names:
        values["model"] = pairs[names.index("model")][1].strip("'\" ")
    return values


def _repeatable(option: click.Parameter) -> click.Parameter:
    """Let an option that takes a list be given several times: the lists are joined."""
    split: Any = _merge_params if option is PARAMS else option.callback
    if split not in {_merge_params, split_string, split_node_names}:
        return option
    return click.Option(
        [option.name, *option.opts],
        multiple=True,
        help=option.help,
        type=click.UNPROCESSED,
        callback=lambda ctx, option, texts: split(ctx, option, ",".join(texts)),
    )


run = Run(
    "run", callback=run_checked, params=[*map(_repeatable, kedro_run.params)], help=kedro_run.help
)


@click.command("profile", cls=Command)
@click.argument("file", required=False)
@click.option("--dataset", help="Catalog entry to read instead of a file.")
@click.option("--env", required=True, help="Name of the new environment.")
@click.option("--label", help="Column to predict. Default: chosen by name, position and values.")
@click.option(
    "--task",
    type=click.Choice(["classes", "number"]),
    help="Whether the label is predicted as classes or as a number. Default: chosen by its values.",
)
@click.option("--positive", help="Value of the label whose probability is predicted.")
@click.option("--key", help="Column that identifies a row.")
@click.option("--force", is_flag=True, help="Overwrite the environment's two files.")
def profile_table(
    file: str | None, dataset: str | None, env: str, force: bool, **options: str | None
) -> None:
    """Read rows and write conf for them, so that `kedro run --env ENV` works.

    FILE is a CSV or Parquet file, or a folder of them.

    Prints how each column is read, and what is uncertain.
    """
    # Imported here, because a run does not need it.
    from tabular_lstm.runs.new_environment import new_environment  # noqa: PLC0415

    if (file is None) is (dataset is None):
        raise click.UsageError("Expected a file, or --dataset and a catalog entry.")
    known = {name: value for name, value in options.items() if value is not None}
    click.echo(
        new_environment(
            str(file or dataset), env, _project(), known, force, is_entry=dataset is not None
        )
    )


def _project() -> Path:
    project = find_kedro_project(Path.cwd())
    if project is None:
        raise DataError(f"{printable(Path.cwd())}: expected a folder in a Kedro project.")
    return Path(project)


@click.command(cls=Command)
@click.option("--env", envvar="KEDRO_ENV", help="Environment. Default: base.")
@click.option("--pipelines", default="retraining", help="As for kedro run. Default: retraining.")
@click.option("--params", multiple=True, help="As for kedro run, for each model.")
@click.option("--models", help="Only these models, such as at,be. Default: all.")
@click.option("--jobs", type=click.IntRange(1), default=1, help="Number of processes. Default: 1.")
def run_models(
    env: str | None, pipelines: str, params: tuple[str, ...], models: str | None, jobs: int
) -> None:
    """Run pipelines for each model of an environment."""
    project = _project()
    if not (known := models_of(project, env)):
        raise DataError(f"Conf lists no models. For a single model: {run_command(env)}")
    if models is None and "rollback" in re.split("[ ,]+", pipelines):
        raise DataError(
            "--pipelines rollback: expected --models, the models to roll back, such as "
            f"--models {known[0]}."
        )
    # An empty text, such as of a shell's empty variable, does not mean all models.
    names = known if models is None else [*dict.fromkeys(map(str.strip, models.split(",")))]
    if unknown := [name for name in names if name not in known]:
        raise DataError(f"Model {unknown_name(unknown[0], known)}.")
    arguments = ["--pipelines", pipelines, *(["--env", env] if env else [])]
    for text in params:
        arguments += ["--params", text]
    ends, is_interrupted = dict[str, Attempt](), False
    run_model = partial(_run_model, arguments=arguments)
    try:
        for name, end in every_model.run_each(run_model, names, jobs, project):
            ends[name] = end
            if end.severity == "failed":
                logger.error("Model %s failed; the errors are at the end of this log", name)
    except KeyboardInterrupt:
        is_interrupted = True
    for error in every_model.errors_of(ends):
        click.echo(error, err=True)
    every_model.notify_of_all(ends, env, project)
    _show_overview(project, env, {name: str(end.outcome) for name, end in ends.items()})
    if is_interrupted:
        left = f"{len(names) - len(ends)} of {counted(len(names), 'model')} did not finish"
        click.echo(f"Error: interrupted; {left}. Run the same command again.", err=True)
    codes = [(end.severity or "failed", end.exit_code or DONE) for end in ends.values()]
    click.get_current_context().exit(INTERRUPTED if is_interrupted else worst_code(codes))


def _run_model(name: str, arguments: list[str]) -> Attempt:
    """Run `kedro run` for one model; return how it ended."""
    attempt, hooks = every_model.failed("Error: the run did not begin; see its log."), None
    try:
        with run.make_context("run", [*arguments, "--params", f"model={name}"]) as context:
            context.meta[OF_MANY] = True
            try:
                run.invoke(context)
            finally:
                hooks = _hooks(context)
    except click.exceptions.Exit:  # the attempt has the exit code
        pass
    except click.ClickException as error:
        attempt = every_model.failed(f"Error: {error.format_message()}", error.exit_code)
    except Exception:
        logger.exception("Model %s", name)
    if keras := sys.modules.get("keras"):
        keras.backend.clear_session()  # else each network stays in memory
    return (hooks and hooks.attempt) or attempt


@click.command(cls=Command)
@click.option("--env", envvar="KEDRO_ENV", help="Environment. Default: base.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, and write no page.")
def overview(env: str | None, as_json: bool) -> None:
    """Show the state of each model of an environment, and write it to a page.

    Models that need a person come first.
    """
    from tabular_lstm.runs.overview import read_states  # noqa: PLC0415

    project = _project()
    if as_json:
        states = read_states(project, env, models_of(project, env))
        click.echo(json.dumps([state.model_dump(mode="json") for state in states], indent=2))
    else:
        states = _show_overview(project, env)
    click.get_current_context().exit(worst_code([(s.needs, s.exit_code) for s in states]))


def _show_overview(
    project: Path, env: str | None, outcomes: dict[str, str] | None = None
) -> list[Any]:
    """Print the state of all models, with the outcomes of runs if given, and write the page."""
    from tabular_lstm.runs import overview as page  # noqa: PLC0415

    states = page.read_states(project, env, models_of(project, env))
    notes = rows_of_no_model(project, env)
    path = page.write_overview(states, project, env, notes)
    click.echo("\n".join([page.states_table(states, outcomes), *notes, f"Page: {path}"]))
    return states


@click.command(cls=Command, hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1)
def server(arguments: tuple[str, ...]) -> None:
    """Refuse Kedro's server."""
    raise click.ClickException(NO_SERVER)


# What `kedro new --starter tabular-lstm` copies. Its hook explains what it refuses.
logging.getLogger("cookiecutter").setLevel(logging.CRITICAL)
STARTERS = [KedroStarterSpec("tabular-lstm", str(Path(__file__).parent / "starter"))]

# Kedro looks for this name, and adds its own commands.
cli = click.Group("tabular_lstm", commands=[run, run_models, overview, profile_table, server])
