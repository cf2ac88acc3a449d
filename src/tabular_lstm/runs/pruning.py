"""Pruning: delete the outputs of old runs, except decisions and the champions' artifacts."""

import contextlib
import logging
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from kedro.pipeline import Pipeline

from tabular_lstm.datasets.kedro_private import folder_of_versions
from tabular_lstm.parameters import Promotion
from tabular_lstm.runs.registry import Registry
from tabular_lstm.serving.promotion_log import LogEntry, restorable
from tabular_lstm.serving.run_id import by_age, later_than

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def warned_of(registry: Registry) -> Iterator[None]:
    """Warn where the registry cannot be read: nothing is pruned then, and the run goes on."""
    try:
        yield
    except OSError as error:
        logger.warning(
            "%s: %s. The run goes on, and nothing is pruned",
            error.filename or registry.folder,
            error.strerror,
        )


def prune(
    catalog: Any,
    pipeline: Pipeline,
    log: list[LogEntry],
    promotion: Promotion,
    registry: Registry,
    now: str,
    run_id: str,
    unfinished: Collection[str] = (),
) -> None:
    """Delete what a retraining writes of old runs, but for decisions.

    Only of runs that are registered and no longer at work. The newest are kept, the newest that
    have a candidate, the champions' and this run's own. A folder that cannot be deleted is warned
    of: the run has decided, and that stands.

    Args:
        catalog: Says where the outputs are.
        pipeline: A retraining.
        log: The promotion log.
        promotion: How many are kept.
        registry: All runs that wrote outputs.
        now: The run id that a run has that begins now. A run with a later one had a clock that
            was ahead, and counts as older than any other.
        run_id: Of this run.
        unfinished: Scorings that left something unfinished; they stay registered until the next
            scoring takes it away. Default: none.

    Raises:
        OSError: The registry cannot be read; nothing is deleted.
    """
    registered = by_age(registry.runs(), now)
    versions = _versions(catalog, pipeline)
    candidates = folder_of_versions(catalog.get("candidate@network"))
    wrote = [run for run in registered if run in versions]
    trained = [run for run in wrote if candidates and candidates / run in versions[run]]
    kept = {
        run_id,
        *wrote[-promotion.keep_candidates :],
        *trained[-promotion.keep_candidates :],
        *restorable(log, promotion.keep_champions),
        *unfinished,
    }
    old = [run for run in registered if run not in kept]
    if pruned := [run for run in old if _delete(run, versions.get(run, []), registry)]:
        logger.info("Deleted the outputs of %d old runs, decisions kept", len(pruned))


def warn_of_later_runs(registry: Registry, now: str) -> None:
    """Name the runs that began later than now, as it seems.

    Raises:
        OSError: The registry cannot be read.
    """
    if said := later_than(registry.runs(), now, "outputs"):
        logger.warning("%s", said)


def _versions(catalog: Any, pipeline: Pipeline) -> dict[str, list[Path]]:
    """Give the folders of versions by their names, which are run ids and whatever else is there."""
    versions = defaultdict(list)
    for name in sorted(pipeline.all_outputs() - {"decision"}):
        folder = folder_of_versions(catalog.get(name))
        for version in folder.glob("*/") if folder else []:
            versions[version.name].append(version)
    return versions


def _delete(run: str, versions: list[Path], registry: Registry) -> bool:
    """Delete a run's outputs unless it is at work, and tell whether any was deleted."""
    deleted = []
    try:
        with registry.finished(run) as finished:
            for version in versions if finished else []:
                try:
                    shutil.rmtree(version)
                    deleted.append(version)
                except OSError as error:
                    logger.warning("%s could not be deleted: %s", version, error)
            if finished and deleted == versions:
                registry.leave(run)
    except OSError as error:
        logger.warning("%s: %s", error.filename, error.strerror)
    return bool(deleted)
