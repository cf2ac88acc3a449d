"""The models of an environment: their names, and what a run of one of them may not share."""

import logging
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from kedro.framework.session import KedroSession
from kedro.pipeline import Pipeline

from tabular_lstm.datasets.tables import TABLES
from tabular_lstm.environments import run_command
from tabular_lstm.errors import LISTED, DataError, counted, shown, unknown_name
from tabular_lstm.rows.raw_rows import Table

SAME_ROWS = (
    'has the same rows for each model. Write where: {COLUMN: "${model:}"} in it, or ${model:} in '
    "its path or query."
)
SAME_PLACE = (
    "saves to the same place for each model. Write ${outputs:} or ${model:} in its path or table."
)

logger = logging.getLogger(__name__)


def refuse_other_model(loader: Any, env: str | None, pipeline: Pipeline) -> None:
    """Refuse no model, an unknown one, and a run that reads or saves what all models share.

    `env` is as in `with_model`.

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
    another = next((name for name in models if name != model), None)
    if another is None:
        return  # nobody to share with
    entries, others = loader["catalog"], conf_of(loader, "catalog", another)
    for name in sorted(pipeline.datasets() & others.keys()):
        is_saved = name in pipeline.all_outputs() and "MemoryDataset" not in entries[name]["type"]
        if entries[name] == others[name] and (is_saved or name in TABLES):
            fault = SAME_ROWS if name in TABLES else SAME_PLACE
            raise DataError(f"{name}: this entry of the catalog {fault}")
    both = loader["parameters"], conf_of(loader, "parameters", another)
    registered, other = ((conf.get("mlflow") or {}).get("registered_model") for conf in both)
    if registered and registered == other:
        raise DataError(
            f"mlflow.registered_model = {registered}: it is the same for each model, and can have "
            f'only one champion. Write "{registered}-${{model:}}", or leave it out.'
        )


def warn_of_rows_of_no_model(loader: Any, catalog: Any, pipeline: Pipeline) -> None:
    """Warn of rows whose value in `where` is that of no model: no run reads such rows.

    Args:
        loader: The config loader of a run of one model.
        catalog: The catalog of the run.
        pipeline: What it runs.
    """
    entries = loader["catalog"] if "model" in loader.runtime_params else {}
    names = pipeline.inputs() & TABLES
    chosen = [name for name in names if entries.get(name, {}).get("where")]
    # Only for entries with `where`, because each model loads a catalog of its own.
    models = loader["parameters"]["models"] if chosen else []
    catalogs = [conf_of(loader, "catalog", str(model)) for model in models]
    for name in chosen:
        wheres = [{c: str(v) for c, v in (e[name].get("where") or {}).items()} for e in catalogs]
        columns = [c for c in wheres[0] if len({where.get(c) for where in wheres}) > 1]
        if columns and catalog.exists(name):
            values = [[where[c] for c in columns] for where in wheres]
            _warn_of_others(catalog.load(name), columns, values)


def _warn_of_others(rows: Table, columns: list[str], values: list[list[str]]) -> None:
    """Warn of rows with other values in these columns of `where` than those of the models."""
    counts, known = Counter[tuple[str, ...]](), {tuple(map(rows.spelt, v)) for v in values}
    where = {column: value for column, value in rows.where.items() if column not in columns}
    for batch in replace(rows, where=where).batches({*rows.columns} - {*columns}):
        found = zip(*(rows.values(batch, column) for column in columns), strict=True)
        counts.update(value for value in found if value not in known)
    if counts:
        largest = counts.most_common(LISTED)
        listed = ", ".join(f"'{shown(' '.join(value))}' {count}" for value, count in largest)
        _warn_once(
            f"{rows.file}: {counted(counts.total(), 'row')} of no model, by "
            f"{' and '.join(columns)}: {listed}{', …' if len(counts) > LISTED else ''}. No run "
            "reads these rows: correct the cells, or add the model to the list models."
        )


@cache
def _warn_once(message: str) -> None:
    """Warn once in a process: `run-models` would repeat the warning for each model."""
    logger.warning("%s", message)


def conf_of(loader: Any, kind: str, model: str) -> dict[str, Any]:
    """Load the catalog or the parameters as a run of this model does."""
    runtime_params = loader.runtime_params
    loader.runtime_params = {**runtime_params, "model": model}
    try:
        conf: dict[str, Any] = loader[kind]
    finally:
        loader.runtime_params = runtime_params
    return conf


def loader_of(project: Path, env: str | None) -> Any:
    """Return an environment's config loader; its parameters have been checked."""
    with KedroSession.create(project, env=env) as session:
        return session.load_context().config_loader  # type: ignore[attr-defined]


def models_of(project: Path, env: str | None) -> list[str]:
    """Name the models of an environment; none if it is one model itself."""
    return [*map(str, loader_of(project, env)["parameters"].get("models", []))]
