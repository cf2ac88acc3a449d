"""The models of an environment: their names, and a run of each."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from kedro.framework.session import KedroSession
from kedro.pipeline import Pipeline

from tabular_lstm.datasets.tables import TABLES
from tabular_lstm.environments import run_command
from tabular_lstm.errors import DataError, unknown_name

# Keys of click's `meta`: the exit code of a run, and its event.
EXIT_CODE, OUTCOME = "tabular_lstm.exit_code", "tabular_lstm.outcome"

logger = logging.getLogger(__name__)


def refuse_other_model(loader: Any, env: str | None, pipeline: Pipeline, adopts: bool) -> None:
    """Refuse no model, an unknown one, and a run that reads or changes what all models share.

    `env` is as in `with_model`; `adopts` tells whether a tuning writes parameters into conf.

    Raises:
        DataError: Says what to write instead.
    """
    models = [*map(str, loader["parameters"].get("models", []))]
    model = (env or "").partition("/")[2]
    if models and not model:
        command = run_command(env)
        raise DataError(
            f"Which model? {command} --params model={models[0]}, or all of them: "
            f"{command.replace('run', 'run-models', 1)}. They are {', '.join(models)}."
        )
    if not model:
        return
    if model not in models:
        fault = unknown_name(model, models) if models else f"{model}: conf has no list models"
        raise DataError(f"Model {fault}.")
    if adopts and "best_parameters" in pipeline.all_outputs():
        raise DataError("tuning.adopt would change conf of all models: leave it out.")
    entries, runtime_params = loader["catalog"], loader.runtime_params
    loader.runtime_params = {**runtime_params, "model": "OTHER"}
    others, loader.runtime_params = loader["catalog"], runtime_params
    for name in pipeline.inputs().intersection(TABLES) - {*runtime_params}:
        if entries[name] == others[name]:
            raise DataError(
                f"{name}: this entry of the catalog has the same rows for each model. Write where: "
                '{COLUMN: "${model:}"} in it, or ${model:} in its path or query.'
            )


def models_of(project: Path, env: str | None) -> list[str]:
    """Name the models of an environment; none if it is one model itself."""
    with KedroSession.create(project, env=env) as session:
        parameters = session.load_context().config_loader["parameters"]  # type: ignore[attr-defined]
        return [*map(str, parameters.get("models", []))]


def run_each(
    run: click.Command, arguments: Sequence[str], names: Sequence[str], params: str
) -> tuple[dict[str, str], int]:
    """Run `kedro run` with these arguments for each model, also after one that fails.

    Returns:
        The outcome of each run, and one exit code: the first of 1, 65, 75 and 3 that occurred.
    """
    context, outcomes, codes = click.get_current_context(), {}, set()
    for name in names:
        parts = ",".join(filter(None, [f"model={name}", params]))
        context.meta.clear()  # what the run before left
        code = 1
        try:
            with run.make_context("run", [*arguments, "--params", parts], context) as run_context:
                run.invoke(run_context)
            code = 0
        except click.exceptions.Exit as ended:
            code = ended.exit_code
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except Exception:
            logger.exception("Model %s", name)
        outcomes[name] = context.meta.get(OUTCOME) or {0: "done", 75: "locked"}.get(code, "failed")
        codes.add(code)
        if keras := sys.modules.get("keras"):
            keras.backend.clear_session()  # else each network stays in memory
    return outcomes, max(codes, key=lambda code: (code == 1, code == 65, code not in {0, 3}, code))
