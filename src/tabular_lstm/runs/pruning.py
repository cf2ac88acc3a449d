"""Pruning: delete the outputs of old runs, except decisions and what champions need."""

import logging
import shutil
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from kedro.pipeline import Pipeline

from tabular_lstm.datasets.kedro_private import folder_of_versions
from tabular_lstm.errors import counted
from tabular_lstm.parameters import Promotion
from tabular_lstm.serving.promotion_log import LogEntry, restorable
from tabular_lstm.serving.run_id import by_age, far_apart, is_run_id

# Nothing younger is deleted: its run may be at work.
AT_LEAST = timedelta(days=1)

logger = logging.getLogger(__name__)


def prune(
    catalog: Any, pipeline: Pipeline, log: list[LogEntry], promotion: Promotion, run_id: str
) -> None:
    """Delete what a retraining writes of old runs, but for decisions.

    Kept are the newest runs, the champions', and whatever is less than a day old. Runs dated after
    this one had a clock that was ahead, and count as the oldest.
    """
    versions = _versions(catalog, pipeline)
    runs = by_age(versions, run_id)
    kept = {*runs[-promotion.keep_candidates :], *restorable(log, promotion.keep_champions)}
    old = [run for run in runs if run not in kept and far_apart(run, run_id, AT_LEAST)]
    for folder in [folder for run in old for folder in versions[run]]:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            logger.warning("%s could not be deleted: %s", folder, error.strerror or error)
    if old:
        logger.info("Deleted the outputs of %s, decisions kept", counted(len(old), "old run"))


def _versions(catalog: Any, pipeline: Pipeline) -> dict[str, list[Path]]:
    """Give the folders of versions by run id."""
    versions = defaultdict(list)
    for name in sorted(pipeline.all_outputs() - {"decision"}):
        folder = folder_of_versions(catalog.get(name))
        for version in folder.glob("*/") if folder else []:
            if is_run_id(version.name):
                versions[version.name].append(version)
    return versions
