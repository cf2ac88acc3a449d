"""Pruning: delete the outputs of old runs, except decisions and the champions' artifacts."""

import logging
import shutil
from typing import Any

from kedro.pipeline import Pipeline

from tabular_lstm.datasets.kedro_private import folder_of_versions
from tabular_lstm.parameters import Promotion
from tabular_lstm.serving.promotion_log import LogEntry, restorable

logger = logging.getLogger(__name__)


def prune(catalog: Any, pipeline: Pipeline, log: list[LogEntry], promotion: Promotion) -> None:
    """Delete what a retraining writes of old runs, but for decisions.

    The newest runs are kept, the newest that have a candidate, and the champions'. A folder that
    cannot be deleted is warned of: the run has decided, and that stands.
    """
    outputs = sorted(pipeline.all_outputs() - {"decision"})
    folders = [folder for name in outputs if (folder := folder_of_versions(catalog.get(name)))]
    versions = [version for folder in folders for version in folder.glob("*/")]
    candidates = folder_of_versions(catalog.get("candidate@network"))
    trained = sorted(version.name for version in candidates.glob("*/")) if candidates else []
    kept = {
        *sorted({version.name for version in versions})[-promotion.keep_candidates :],
        *trained[-promotion.keep_candidates :],
        *restorable(log, promotion.keep_champions),
    }
    pruned = set()
    for version in versions:
        if version.name not in kept:
            try:
                shutil.rmtree(version)
                pruned.add(version.name)
            except OSError as error:
                logger.warning("%s could not be deleted: %s", version, error)
    if pruned:
        logger.info("Deleted the outputs of %d old runs, decisions kept", len(pruned))
