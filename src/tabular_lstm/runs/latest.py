"""The newest finished run's report and metrics, under names that stay the same."""

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kedro.pipeline import Pipeline

from tabular_lstm.datasets.kedro_private import folder_of_versions
from tabular_lstm.errors import DataError
from tabular_lstm.files import read_regular, replace
from tabular_lstm.runs.lock import lock_file

logger = logging.getLogger(__name__)

# By the outputs' names in the catalog; beside the folders of their versions.
LATEST = {"report": "latest.html", "metrics": "latest_metrics.json"}
SAID = {"report": "Report", "metrics": "Metrics, with figures beside them"}


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Wait until no other run has locked this folder, and lock it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        lock_file(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


def renew(pipeline: Pipeline, catalog: Any, run_id: str) -> None:
    """Put copies of what this run reports in the place of the last run's, each at once.

    They follow from the versions, so that one that cannot be written is a warning.
    """
    for name in [name for name in LATEST if name in pipeline.all_outputs()]:
        if folder := folder_of_versions(catalog.get(name)):
            latest = folder.with_name(LATEST[name])
            try:
                # Runs that decide nothing have no lock; of two files, one is written at a time.
                with folder_lock(folder):
                    replace(latest, read_regular(folder / run_id / folder.name))
                logger.info("%s: %s", SAID[name], latest)
            except (OSError, DataError) as error:
                said = getattr(error, "strerror", None) or error
                logger.warning("%s: %s. It is still an earlier run's", latest, said)
