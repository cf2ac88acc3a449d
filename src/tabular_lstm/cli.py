"""`kedro run` and `kedro profile`; faulty data or conf end in one clear message."""

import logging
import sys
import traceback
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
from tabular_lstm.errors import DataError, printable, unknown_name
from tabular_lstm.exit_codes import DONE, FAILED, TRY_LATER, worst_code
from tabular_lstm.runs.guards import NO_SERVER, NO_TUNING, WHOLE, NothingNewError
from tabular_lstm.runs.hooks import HOOKS, RunHooks
from tabular_lstm.runs.lock import LockedError
from tabular_lstm.runs.models import models_of
from tabular_lstm.runs.own_package import packages_of_pipelines
from tabular_lstm.serving.prediction_parts import AlarmError

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
        code = TRY_LATER if isinstance(fault, LockedError) else FAILED
        self.exit_code = code  # type: ignore[misc]  # click has one for each class
        self.is_alarm = isinstance(fault, AlarmError)


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
                hooks.notify("failed", f"{name}: {message}", bool(refused and refused.is_alarm))
            raise
        if (hooks := _hooks(ctx)) and hooks.exit_code != DONE:
            ctx.exit(hooks.exit_code)
        return result


def run_checked(**options: Any) -> Any:
    """Run Kedro's command, unless it asks for a pipeline or a runner that is not there."""
    _refuse_pipelines(options["pipelines"])
    _refuse_other_runners(options["runner"], options["runner_params"])
    return run_of_kedro(**options)


def _hooks(ctx: click.Context) -> RunHooks | None:
    """Return the hooks of the last run of this command; None if conf could not be read."""
    return ctx.meta.get(HOOKS)


def _refuse_pipelines(names: list[str]) -> None:
    """Refuse a pipeline that nobody has, and others beside one that runs alone."""
    if len({*names}) > 1 and {*names} & {*WHOLE}:
        raise DataError(
            f"--pipelines {','.join(names)}: {', '.join(WHOLE)} run alone, so that a decision or a "
            "manifest is of one run. Run the others before or after it."
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
            f"--runner {runner}, --runner-params {arguments}: expected neither; the nodes "
            "themselves use all cores."
        )


def fault_of(error: BaseException | None) -> BaseException | None:
    """Return the error that the user can fix; Kedro wraps an error raised in a dataset."""
    cause = error
    while cause is not None and not isinstance(cause, DataError):
        cause = cause.__cause__
    return cause or (error if isinstance(error, USER_ERRORS) or _refused_by_kedro(error) else None)


def message_of(error: BaseException) -> str:
    """Return the message; of another library's message, all lines but the first are indented."""
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
def profile_table(
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
    known = {name: value for name, value in options.items() if value is not None}
    is_entry = dataset is not None
    click.echo(new_environment(str(file or dataset), env, _project(), known, force, is_entry))


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
    from tabular_lstm.runs.overview import read_states, states_table  # noqa: PLC0415

    project = _project()
    if not (names := models_of(project, env)):
        raise DataError(f"Conf has no list models. For one model: {run_command(env)}")
    arguments = ["--pipelines", pipelines, *(["--env", env] if env else [])]
    for text in params:
        arguments += ["--params", text]
    ends = {name: _run_model(name, arguments) for name in names}
    outcomes = {name: outcome for name, (outcome, _) in ends.items()}
    click.echo(states_table(read_states(project, env, names), outcomes))
    click.get_current_context().exit(worst_code([code for _, code in ends.values()]))


def _run_model(name: str, arguments: list[str]) -> tuple[str, int]:
    """Run `kedro run` for one model; return the outcome in a word, and the exit code."""
    context, code = click.get_current_context(), DONE
    context.meta.clear()  # what the run before left
    try:
        words = [*arguments, "--params", f"model={name}"]
        with run.make_context("run", words, context) as run_context:
            run.invoke(run_context)
    except click.exceptions.Exit as ended:
        code = ended.exit_code
    except click.ClickException as error:
        click.ClickException(f"{name}: {error.format_message()}").show()
        code = error.exit_code
    except Exception:
        logger.exception("Model %s", name)
        code = FAILED
    if keras := sys.modules.get("keras"):
        keras.backend.clear_session()  # else each network stays in memory
    outcome = (hooks := _hooks(context)) and hooks.outcome
    return outcome or {DONE: "done", TRY_LATER: "locked"}.get(code, "failed"), code


@click.command(cls=Command)
@click.option("--env", envvar="KEDRO_ENV", help="Environment. Default: base.")
def overview(env: str | None) -> None:
    """Show what serves in each model of an environment, and write it as a page."""
    from tabular_lstm.runs.overview import (  # noqa: PLC0415
        read_states,
        states_table,
        write_overview,
    )

    project = _project()
    states = read_states(project, env, models_of(project, env))
    click.echo(f"{states_table(states)}\nPage: {write_overview(states, project, env)}")


@click.command(cls=Command, hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1)
def server(arguments: tuple[str, ...]) -> None:
    """Refuse Kedro's server."""
    raise click.ClickException(NO_SERVER)


# What `kedro new --starter tabular-lstm` copies. What it refuses, its hook says in a sentence.
logging.getLogger("cookiecutter").setLevel(logging.CRITICAL)
STARTERS = [KedroStarterSpec("tabular-lstm", str(Path(__file__).parent / "starter"))]

# Kedro looks for this name, and adds its own commands.
cli = click.Group("tabular_lstm", commands=[run, run_models, overview, profile_table, server])
