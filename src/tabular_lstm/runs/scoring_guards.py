"""Guards of a scoring: remove what killed runs left, and do not score the same rows again."""

import contextlib
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline

from tabular_lstm.code_version import code_sha256
from tabular_lstm.datasets.kedro_private import folder_of_versions
from tabular_lstm.errors import DataError
from tabular_lstm.files import make_folder, not_written
from tabular_lstm.frozen import Parameters, from_json
from tabular_lstm.monitoring.drift import Drift
from tabular_lstm.runs.guards import NothingNewError
from tabular_lstm.runs.lock import lock_file
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.manifest import (
    Conditions,
    finished_runs,
    read_manifest,
    read_part,
    unfinished_runs,
)

logger = logging.getLogger(__name__)

# Outputs of a scoring besides its predictions.
VERSIONED = ("quarantined_rows_to_score", "scoring_summary", "scoring_drift", "scoring_figures")
# Parameters that change predictions; the champion's schema holds the rest of `columns`.
USED = {
    "columns": {"key", "history"},
    "validation": {"max_quarantined_fraction"},
    "scoring": {"pass_through", "reasons"},
}


def scores(pipeline: Pipeline) -> bool:
    """Return whether a run scores rows with the champion."""
    return "predictions" in pipeline.all_outputs()


def refuse_parts(pipeline: Pipeline, only_missing_outputs: bool, run_command: str) -> None:
    """Refuse a partial scoring, or a scoring together with pipelines that make its inputs."""
    if only_missing_outputs or {*pipeline.nodes} != {*pipelines["scoring"].nodes}:
        raise DataError(
            "Run the scoring whole and without other pipelines, so that its predictions have one "
            f"champion and one manifest: {run_command} --pipelines scoring."
        )


def folder_of(catalog: Any) -> Path:
    """Return the folder of all runs' predictions."""
    return Path(catalog.get("predictions").folder)


def conditions(parameters: dict[str, Parameters], entry: dict[str, Any]) -> Conditions:
    """Collect what predictions depend on: parameters and the catalog's entry `rows_to_score`.

    The path of the rows does not count, because their bytes do. Of another package's dataset, only
    the type counts, because its arguments may hold a password.
    """
    blocks: dict[str, Any] = {
        name: parameters[name].model_dump(mode="json", include=used) for name, used in USED.items()
    }
    left_out = {"metadata", "filepath", "credentials"}
    if not str(entry["type"]).startswith("tabular_lstm."):
        left_out = entry.keys() - {"type"}
    read = {name: value for name, value in entry.items() if name not in left_out}
    return Conditions(parameters={**blocks, "rows_to_score": read}, code_sha256=code_sha256())


def refuse_scored_before(
    catalog: Any,
    inputs: dict[str, str],
    champion: Artifact,
    conditions: Conditions,
    stops: bool,
    now: str,
) -> None:
    """Stop if this run would repeat the newest predictions.

    A run does not count if one of its outputs is gone or changed. If drift stops a scoring, a run
    must also have compared its rows.

    Raises:
        NothingNewError: Names the earlier run, with its alarm.
    """
    for run in finished_runs(folder_of(catalog), now)[-1:]:
        folder = folder_of(catalog) / run
        with contextlib.suppress(DataError, OSError):  # readers of the predictions get the error
            manifest = read_manifest(folder)
            if not manifest.same_as(inputs, champion.sha256, conditions):
                return
            for part in manifest.parts:
                read_part(folder, part)
            versions = (folder_of_versions(catalog.get(name)) for name in VERSIONED)
            if not all((path / run / path.name).exists() for path in versions if path):
                return
            drift = _drift_of(run, folder_of_versions(catalog.get("scoring_drift")))
            if stops and (drift is None or drift.not_compared is not None):
                return
            raise NothingNewError(
                f"rows, champion, parameters and code are those of run {run}, whose predictions "
                f"are in {folder}. To score anyway: --params scoring.force=true",
                drift.alarm if drift else None,
                exit_code=int(stops),
            )


def _drift_of(run: str, drifts: Path | None) -> Drift | None:
    """Read the drift of a scoring; None if the catalog does not keep it in a file."""
    if drifts is None:
        return None
    path = drifts / run / drifts.name
    return from_json(Drift, path.read_bytes, f"{path}: expected a Drift as JSON")


@contextlib.contextmanager
def clear_unfinished(catalog: Any) -> Iterator[None]:
    """Delete what killed scorings left, if no other scoring is at work.

    During the context, other scorings see that this one is at work.

    Raises:
        DataError: The folder of predictions cannot be made.
    """
    folder = folder_of(catalog)
    try:
        make_folder(folder)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise not_written(error, folder) from error
    try:
        try:
            lock_file(descriptor)
            unfinished = [folder / run for run in unfinished_runs(folder)]
            for versions in [folder_of_versions(catalog.get(name)) for name in VERSIONED]:
                if versions:
                    new = versions.glob(f"*/.{versions.name}.new")  # not renamed yet
                    unfinished += [path.parent for path in new]
            for path in unfinished:
                shutil.rmtree(path)
                logger.info("Deleted %s, which a scoring left unfinished", path)
        except OSError as error:  # another scoring may be at work, without a manifest yet
            logger.info("%s. Unfinished outputs are not deleted", error.strerror)
        with contextlib.suppress(OSError):
            lock_file(descriptor, shared=True, wait=True)
        yield
    finally:
        os.close(descriptor)
