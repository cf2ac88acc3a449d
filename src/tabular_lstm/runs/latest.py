"""Copies of the newest run's outputs for people, under names that never change."""

import logging
from typing import Any

from kedro.pipeline import Pipeline

from tabular_lstm.datasets.kedro_private import folder_of_versions
from tabular_lstm.errors import DataError
from tabular_lstm.files import replace
from tabular_lstm.runs.kept_outputs import KeptOutputs

LATEST = {
    "report": "latest.html",
    "metrics": "latest_metrics.json",
    "health": "latest_monitoring.json",
    "monitoring_page": "latest_monitoring.html",
}

logger = logging.getLogger(__name__)


def renew_latest(
    catalog: Any,
    pipeline: Pipeline,
    run_id: str,
    level: int,
    kept_outputs: KeptOutputs | None = None,
) -> None:
    """Replace the copies of an earlier run's reports by this run's reports, and log their paths."""
    for name in sorted(LATEST.keys() & pipeline.all_outputs()):
        if folder := folder_of_versions(catalog.get(name)):
            latest = folder.with_name(LATEST[name])
            try:
                replace(latest, (folder / run_id / folder.name).read_bytes())
                if kept_outputs:
                    kept_outputs.put([latest])
                logger.log(level, "Newest %s: %s", name, latest)
            except (OSError, DataError) as error:
                why = error.strerror if isinstance(error, OSError) else error
                logger.warning("%s: %s. The file is still from an earlier run", latest, why)
