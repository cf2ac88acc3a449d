"""The newest finished run's report and metrics, under names that stay the same."""

import logging
from typing import Any

from kedro.pipeline import Pipeline

from tabular_lstm.datasets.kedro_private import folder_of_versions
from tabular_lstm.files import read_regular, replace

logger = logging.getLogger(__name__)

# By the outputs' names in the catalog; beside the folders of their versions.
LATEST = {"report": "latest.html", "metrics": "latest_metrics.json"}


def renew(pipeline: Pipeline, catalog: Any, run_id: str) -> None:
    """Put copies of what this run reports in the place of the last run's, each at once.

    They follow from the versions, so that one that cannot be written is a warning.
    """
    for name in LATEST.keys() & pipeline.all_outputs():
        if folder := folder_of_versions(catalog.get(name)):
            latest = folder.with_name(LATEST[name])
            try:
                replace(latest, read_regular(folder / run_id / folder.name))
            except OSError as error:
                logger.warning("%s: %s. It is still an earlier run's", latest, error.strerror)
