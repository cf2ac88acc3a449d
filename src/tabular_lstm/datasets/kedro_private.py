"""The only module that uses private parts of Kedro and kedro-datasets that have no public form.

tests/datasets/test_kedro_private.py fails if a new version changes these parts.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.framework.project import pipelines
from kedro.io import AbstractVersionedDataset, DatasetError, Version
from kedro_datasets._typing import HTMLPreview, JSONPreview, TablePreview
from omegaconf import OmegaConf

# Arguments of datasets that hold a password.
SECRET = {"credentials", "connection", "con", "password"}

__all__ = [
    "HTMLPreview",
    "JSONPreview",
    "TablePreview",
    "credentials_of",
    "folder_of_versions",
    "guesses_types",
    "parameters_of_files",
    "requested_pipelines",
    "unsaved",
    "use_own_version",
]


def folder_of_versions(dataset: Any) -> Path | None:
    """Return the folder where a dataset keeps its versions by run ID; None without versions."""
    if isinstance(dataset, AbstractVersionedDataset) and dataset._version:
        return Path(dataset._filepath)
    return None


def use_own_version(dataset: Any, run_id: str) -> None:
    """Let a versioned dataset load the version that this run saves.

    Otherwise, Kedro loads the newest version it finds, which another run may have saved.
    """
    if folder_of_versions(dataset):
        dataset._version = Version(run_id, run_id)


def guesses_types(dataset: Any) -> bool:
    """Return whether pandas converts text in a workbook to numbers.

    It does so for an `ExcelDataset` whose load arguments have neither `dtype` nor `converters`.
    """
    declared = {"dtype", "converters"}.intersection(getattr(dataset, "_load_args", {}))
    return type(dataset).__name__ == "ExcelDataset" and not declared


def credentials_of(dataset: Any) -> list[Any]:
    """Return the credentials or connections a dataset was created with, at any depth."""

    def secrets(arguments: Any) -> list[Any]:
        if not isinstance(arguments, dict):
            return []
        parts = ([v] if name in SECRET else secrets(v) for name, v in arguments.items())
        return [secret for part in parts for secret in part]

    return secrets(dataset._init_args)


def unsaved(error: BaseException) -> str | None:
    """Return the name of the catalog entry that could not be saved; None for other errors."""
    name, _, fault = str(error).partition(": ")
    is_it = isinstance(error, DatasetError) and fault.startswith("Failed while saving data")
    return name if is_it else None


def requested_pipelines() -> list[str] | None:
    """Return the pipelines that `kedro run` requests by name; None if there are none."""
    return pipelines._requested_pipelines


@contextlib.contextmanager
def parameters_of_files(loader: OmegaConfigLoader) -> Iterator[dict[str, Any]]:
    """Let a config loader read parameters only from files; yield the command line's parameters.

    Kedro adds the command line's parameters to each environment before it merges the environments,
    so `--params scoring.force=true` would replace the whole block `scoring` of the base
    environment. `${runtime_params:…}` in a file is still resolved.
    """
    runtime_params = loader.runtime_params
    loader._runtime_params_oc = OmegaConf.create(runtime_params)
    loader.runtime_params = {}
    try:
        yield runtime_params
    finally:
        loader.runtime_params = runtime_params
