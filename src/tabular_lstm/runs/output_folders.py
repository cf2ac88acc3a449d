"""The outputs of runs: copies of the newest under fixed names, and deletion of old ones."""

import logging
import shutil
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from kedro.pipeline import Pipeline

from tabular_lstm.datasets.kedro_private import folder_of_versions
from tabular_lstm.errors import DataError, counted
from tabular_lstm.files import replace
from tabular_lstm.parameters.runs import PromotionOptions
from tabular_lstm.runs.kept_outputs import KeptOutputs
from tabular_lstm.serving.promotion_log import LogEntry, by_age, far_apart, is_run_id, restorable

# Latest -------------------------------------------------------------------------------------------

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
                    kept_outputs.put(latest)
                logger.log(level, "Newest %s: %s", name, latest)
            except (OSError, DataError) as error:
                logger.warning("%s: %s. The file is still from an earlier run", latest, error)


# Pruning ------------------------------------------------------------------------------------------

# Younger outputs are never deleted, because their run may be at work.
AT_LEAST = timedelta(days=1)


def prune(
    catalog: Any,
    pipeline: Pipeline,
    log: list[LogEntry],
    promotion: PromotionOptions,
    run_id: str,
    kept_outputs: KeptOutputs | None = None,
) -> None:
    """Delete old runs' outputs of a retraining, except decisions; in object storage too.

    The newest runs, the champions' runs, and all runs less than a day old are kept. Runs dated
    after this run had a clock that was ahead, so they count as the oldest.
    """

    def old(runs: Iterable[str]) -> list[str]:
        aged = by_age(runs, run_id)
        stay = {*aged[-promotion.keep_candidates :], *restorable(log, promotion.keep_champions)}
        return [run for run in aged if run not in stay and far_apart(run, run_id, AT_LEAST)]

    if count := _delete(catalog, pipeline.all_outputs() - {"decision"}, old, kept_outputs):
        logger.info("Deleted the outputs of %s, except their decisions", counted(count, "old run"))


def delete_run(catalog: Any, pipeline: Pipeline, run_id: str) -> None:
    """Delete what a run has written here so far."""
    _delete(catalog, pipeline.all_outputs(), lambda runs: [run for run in runs if run == run_id])


def _delete(
    catalog: Any,
    names: Iterable[str],
    old: Callable[[Iterable[str]], list[str]],
    kept_outputs: KeptOutputs | None = None,
) -> int:
    """Delete the versions of the runs that `old` selects; return how many runs these are."""
    outputs = sorted({*filter(None, (folder_of_versions(catalog.get(name)) for name in names))})
    versions = [version for folder in outputs for version in folder.glob("*/")]
    runs = old({version.name for version in versions if is_run_id(version.name)})
    for folder in [version for version in versions if version.name in runs]:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            logger.warning("%s could not be deleted: %s", folder, error.strerror or error)
    if kept_outputs:
        try:
            runs = sorted({*runs, *kept_outputs.delete_versions(outputs, old)})
        except DataError as error:
            logger.warning("%s", error)
    return len(runs)
