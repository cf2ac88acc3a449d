"""The one door to private parts of Kedro and kedro-datasets, which have no public way to do these.

tests/datasets/test_kedro_private.py fails where a new version changes them.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.io import AbstractVersionedDataset, DatasetError, Version
from kedro_datasets._typing import HTMLPreview, JSONPreview, TablePreview
from omegaconf import OmegaConf

__all__ = [
    "HTMLPreview",
    "JSONPreview",
    "TablePreview",
    "folder_of_versions",
    "parameters_of_files",
    "replace_entry",
    "unpinned_versions",
    "unsaved",
    "use_own_version",
]


def folder_of_versions(dataset: Any) -> Path | None:
    """Give the folder in which a dataset keeps its versions by run id; None without versions."""
    if isinstance(dataset, AbstractVersionedDataset) and dataset._version:
        return Path(dataset._filepath)
    return None


def use_own_version(dataset: Any, run_id: str) -> None:
    """Let a versioned dataset load the version that this run saves, whatever another run saves.

    Kedro loads the newest version that it finds.
    """
    if folder_of_versions(dataset):
        dataset._version = Version(run_id, run_id)


def unpinned_versions(dataset: Any) -> list[str]:
    """List the versions, the one that Kedro would load first: the last by its name.

    None without versions, or where `--load-versions` says which to load.
    """
    if isinstance(dataset, AbstractVersionedDataset) and dataset._version:
        return [] if dataset._version.load else dataset.list_versions(full_path=False)
    return []


def replace_entry(catalog: Any, name: str, dataset: Any) -> None:
    """Put a dataset in the place of an entry's own, without the warning that this replaces one."""
    catalog._datasets[name] = dataset


def unsaved(error: BaseException) -> str | None:
    """Name the entry of the catalog that could not be saved, of which Kedro's error is."""
    name, _, fault = str(error).partition(": ")
    is_it = isinstance(error, DatasetError) and fault.startswith("Failed while saving data")
    return name if is_it else None


@contextlib.contextmanager
def parameters_of_files(loader: OmegaConfigLoader) -> Iterator[dict[str, Any]]:
    """Let a config loader read parameters without those of the command line, which are given.

    Kedro adds these to the files of each environment before it puts one in the other's place, so
    that `--params scoring.force=true` takes the whole block `scoring` from the base environment.
    `${runtime_params:…}` in a file is resolved as ever.
    """
    given = loader.runtime_params
    loader._runtime_params_oc = OmegaConf.create(given)
    loader.runtime_params = {}
    try:
        yield given
    finally:
        loader.runtime_params = given
