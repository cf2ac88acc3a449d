"""The models of an environment: their names, their rows, and what they must not share."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kedro.framework.session import KedroSession
from kedro.io import DatasetError
from kedro.pipeline import Pipeline
from omegaconf.errors import OmegaConfBaseException

from tabular_lstm.datasets.kedro_private import requested_pipelines
from tabular_lstm.datasets.tables import LABELS, TABLES
from tabular_lstm.environments import NAME, run_command
from tabular_lstm.errors import DataError, first_ten, shown, unknown_name
from tabular_lstm.rows.number_format import without_fraction
from tabular_lstm.rows.raw_rows import Table

SAME_ROWS = (
    'loads the same rows for every model. Add where: {COLUMN: "${model:value}"} to it, or use '
    "${model:} in its path or query."
)
SAME_PLACE = (
    "saves to the same place for every model. Use ${outputs:} or ${model:} in its path or table."
)

logger = logging.getLogger(__name__)


def values_of_models(parameters: dict[str, Any]) -> dict[str, str]:
    """Return each model's value in the column of `where`, by its name; empty without models.

    Conf lists the names, which are then also the values, or maps the names to values.

    Raises:
        DataError: Names the first invalid name or value, and says what is expected.

    Examples:
        >>> values_of_models({"models": ["at", 7]})
        {'at': 'at', '7': '7'}
        >>> values_of_models({"models": {"NZ": "New Zealand"}})
        {'NZ': 'New Zealand'}
    """
    models, values = parameters.get("models", []), dict[str, str]()
    if not isinstance(models, list | dict):
        raise DataError(
            f"got {models!r}; expected a list of names, such as [at, be], or a mapping from names "
            "to values in the column, such as {at: Austria, be: Belgium}"
        )
    for pair in models.items() if isinstance(models, dict) else zip(models, models, strict=True):
        for text in pair:
            if type(text) not in {str, int}:
                raise DataError(
                    f"{text!r} is not text: this is how YAML reads an empty name or value, or NO, "
                    'on or 1.0 without quotes. Put it in quotes, such as "NO"'
                )
        name, value = map(str, pair)
        if not NAME.fullmatch(name):
            raise DataError(
                f"{name!r} cannot be the name of a folder: expected letters, digits, '_', '-' and "
                "'.', beginning with a letter, a digit or '_', and not a layer of data/ such as "
                f"01_raw. If this is a value of the column, write a mapping: {{NAME: {value!r}}}"
            )
        for other, others_value in values.items():
            if without_fraction(value.strip()) == without_fraction(others_value.strip()):
                raise DataError(
                    f"{other!r} and {name!r} have the same value, {value!r}, and so the same rows; "
                    "expected different values. YAML reads 007 without quotes as 7"
                )
            if name.casefold() == other.casefold():
                raise DataError(
                    f"{other!r} and {name!r} are the same folder, at least on some disks: expected "
                    f"different names, such as {{{other}: {others_value}, OTHER: {value}}}"
                )
        values[name] = value
    return values


def refuse_other_model(loader: Any, env: str | None, pipeline: Pipeline) -> None:
    """Refuse a missing or unknown model, and a run that reads or saves what all models share.

    `env` is as in `with_model`.

    Raises:
        DataError: Says what to write instead.
    """
    models = [*values_of_models(loader["parameters"])]
    model = (env or "").partition("/")[2]
    if models and not model:
        asked = requested_pipelines()
        command = run_command(env) + (f" --pipelines {','.join(asked)}" if asked else "")
        raise DataError(
            f"Which model? {command} --params model={models[0]}, or all of them: "
            f"{command.replace('run', 'run-models', 1)}. The models are {', '.join(models)}."
        )
    if not model:
        return
    if model not in models:
        fault = unknown_name(model, models) if models else f"{model}: conf lists no models"
        raise DataError(f"Model {fault}.")
    another = next((name for name in models if name != model), None)
    if another is None:
        return  # nobody to share with
    entries, others = loader["catalog"], conf_of(loader, "catalog", another)
    for name in sorted(pipeline.datasets() & others.keys()):
        is_saved = name in pipeline.all_outputs() and "MemoryDataset" not in entries[name]["type"]
        if entries[name] == others[name] and (is_saved or name in TABLES):
            fault = SAME_ROWS if name in TABLES else SAME_PLACE
            raise DataError(f"{name}: this catalog entry {fault}")
    both = loader["parameters"], conf_of(loader, "parameters", another)
    registered, other = ((conf.get("mlflow") or {}).get("registered_model") for conf in both)
    if registered and registered == other:
        raise DataError(
            f"mlflow.registered_model = {registered}: this name is the same for every model, but "
            f'can have only one champion. Use "{registered}-${{model:}}", or leave it out.'
        )


def rows_of_no_model(project: Path, env: str | None) -> list[str]:
    """Say which rows of an environment's raw rows and rows to score belong to no model.

    Returns:
        A sentence without its full stop for each catalog entry that has such rows. An entry that
        cannot be read is skipped, because the runs of the models report what is wrong with it.
    """
    told = []
    with KedroSession.create(project, env=env) as session:
        context: Any = session.load_context()  # type: ignore[attr-defined]
        loader = context.config_loader
        for model in [*values_of_models(loader["parameters"])][:1]:  # any, to load the catalog
            loader.runtime_params = {"model": model}
            for name in sorted(TABLES - {LABELS}):
                try:
                    told.append(_count(loader, context.catalog, name))
                except (DataError, DatasetError, OmegaConfBaseException, OSError):
                    continue
    return [*filter(None, told)]


def _count(loader: Any, catalog: Any, name: str) -> str:
    """Say which rows of an entry belong to no model; "" if none, or if all models read them."""
    if not loader["catalog"].get(name, {}).get("where") or not catalog.exists(name):
        return ""
    models = values_of_models(loader["parameters"])
    entries = [conf_of(loader, "catalog", model)[name] for model in models]
    return _sentence(catalog.get(name).load(), [entry.get("where") or {} for entry in entries])


def _sentence(rows: Table, wheres: Sequence[dict[str, Any]]) -> str:
    """Count the rows whose values are in none of these `where`, most frequent first."""
    columns = [c for c in wheres[0] if len({str(where.get(c)) for where in wheres}) > 1]
    if not columns:
        return ""
    known = {tuple(rows.spelt(str(where.get(c, ""))) for c in columns) for where in wheres}
    counts = Counter[tuple[str, ...]]()
    where = {column: value for column, value in rows.where.items() if column not in columns}
    for batch in replace(rows, where=where).batches({*rows.columns} - {*columns}):
        found = zip(*(rows.values(batch, column) for column in columns), strict=True)
        counts.update(value for value in found if value not in known)
    words = [(shown(" ".join(value)), count) for value, count in counts.most_common()]
    listed = first_ten([f"{w} {n}" if w.isidentifier() else f"'{w}' {n}" for w, n in words])
    return f"{rows.file}: rows that belong to no model: {listed}" if counts else ""


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
    """Return the names of an environment's models; empty if it is a single model."""
    return [*values_of_models(loader_of(project, env)["parameters"])]
