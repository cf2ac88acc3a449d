"""Guards of a scoring: what killed runs left goes, and the same rows are not scored again."""

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

# What a scoring leaves beside its predictions.
VERSIONED = ("quarantined_rows_to_score", "scoring_summary", "scoring_drift", "scoring_figures")
# What predictions follow from; what else conf says of columns is in the champion's schema.
USED = {
    "columns": {"key", "history"},
    "validation": {"max_quarantined_fraction"},
    "scoring": {"pass_through", "reasons"},
}


def scores(pipeline: Pipeline) -> bool:
    """Tell whether a run scores rows with the champion."""
    return "predictions" in pipeline.all_outputs()


def refuse_parts(pipeline: Pipeline, only_missing_outputs: bool, run_command: str) -> None:
    """Stop where a scoring is run in part, or together with what it reads."""
    if only_missing_outputs or {*pipeline.nodes} != {*pipelines["scoring"].nodes}:
        raise DataError(
            "A scoring is run whole and by itself, so that its predictions have one champion and "
            f"one manifest: {run_command} --pipelines scoring."
        )


def folder_of(catalog: Any) -> Path:
    """Give the folder of all runs' predictions."""
    return Path(catalog.get("predictions").folder)


def conditions(parameters: dict[str, Parameters], entry: dict[str, Any]) -> Conditions:
    """Say what predictions rest on, from the parameters and the catalog's entry `rows_to_score`.

    Not the path of the rows: their bytes count. Of another dataset than the project's, whose
    arguments may hold a password, its type alone.
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
    """Stop where the newest predictions are those that this run would give.

    A run of which an output is gone or was changed does not count; nor, where drift stops a
    scoring, one whose rows were not compared.

    Raises:
        NothingNewError: Names the run, and has its alarm.
    """
    for run in finished_runs(folder_of(catalog), now)[-1:]:
        folder = folder_of(catalog) / run
        with contextlib.suppress(DataError, OSError):  # whoever reads the predictions is told
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
                f"are in {folder}. To score all the same: --params scoring.force=true",
                drift.alarm if drift else None,
                exit_code=int(stops),
            )


def _drift_of(run: str, drifts: Path | None) -> Drift | None:
    """Read the drift of a scoring; None where a catalog does not keep it in a file."""
    if drifts is None:
        return None
    path = drifts / run / drifts.name
    return from_json(Drift, path.read_bytes, f"{path}: expected a Drift as JSON")


@contextlib.contextmanager
def clear_unfinished(catalog: Any) -> Iterator[None]:
    """Delete what killed scorings left, where no other scoring is at work.

    Until the end of the context other scorings see that this one is at work.

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
                    new = versions.glob(f"*/.{versions.name}.new")  # has not got its name yet
                    unfinished += [path.parent for path in new]
            for path in unfinished:
                shutil.rmtree(path)
                logger.info("Deleted %s, which a scoring left unfinished", path)
        except OSError as error:  # another scoring may be writing what has no manifest
            logger.info("%s. What killed runs left stays", error.strerror)
        with contextlib.suppress(OSError):
            lock_file(descriptor, shared=True, wait=True)
        yield
    finally:
        os.close(descriptor)
