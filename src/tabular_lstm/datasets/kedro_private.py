"""The one door to private parts of Kedro, kedro-datasets and Kedro-Viz.

Kedro has no public way to do these; tests/datasets/test_kedro_private.py, and of Kedro-Viz
tests/test_viz.py, fail where a new version changes them.
"""

import contextlib
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.io import AbstractVersionedDataset, Version
from kedro_datasets._typing import HTMLPreview, JSONPreview, TablePreview
from omegaconf import OmegaConf

from tabular_lstm.environments import BASE

__all__ = [
    "HTMLPreview",
    "JSONPreview",
    "TablePreview",
    "folder_of_versions",
    "keep_viz_apart",
    "parameters_of_files",
    "unpinned_versions",
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
    if folder := folder_of_versions(dataset):
        dataset._version = Version(run_id, run_id)
        # For Kedro-Viz, which else takes the folder's size for the file's.
        dataset.filepath = folder / run_id / folder.name


def unpinned_versions(dataset: Any) -> list[str]:
    """List the versions, the one that Kedro would load first: the last by its name.

    None without versions, or where `--load-versions` says which to load.
    """
    if isinstance(dataset, AbstractVersionedDataset) and dataset._version:
        return [] if dataset._version.load else dataset.list_versions(full_path=False)
    return []


def keep_viz_apart(env: str | None) -> None:
    """Let Kedro-Viz, where it is loaded, write and read what it notes of this environment's runs.

    It has one folder for all, and would show the rows of one environment beside another's files. In
    a process that runs twice, it would add the second run to the first.
    """
    folder = ".viz" if env in BASE else f".viz/{env}"
    if constants := _of_viz("constants"):
        constants.VIZ_METADATA_ARGS["path"] = folder
    if hooks := _of_viz("integrations.kedro.hooks"):  # in a run: rows, columns and sizes
        hooks.dataset_stats_hook._stats.clear()
    if hooks := _of_viz("integrations.kedro.run_hooks"):  # how its nodes ended
        hooks.pipeline_run_hook._events.clear()
        write = _of_viz("integrations.kedro.hooks_utils").write_events
        hooks.write_events = partial(write, events_dir=folder)
    if responses := _of_viz("api.rest.responses.run_events"):  # in the server
        ended = Path(folder, constants.PIPELINE_EVENTS_FILENAME)
        responses.PIPELINE_EVENT_FULL_PATH = ended


def _of_viz(module: str) -> Any:
    return sys.modules.get(f"kedro_viz.{module}")


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
