"""What is done before a scoring: what is left unfinished goes, and what was scored is not again."""

import logging
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline

from tabular_lstm.code import code_sha256
from tabular_lstm.datasets.kedro_private import folder_of_versions
from tabular_lstm.errors import DataError
from tabular_lstm.frozen import Parameters
from tabular_lstm.rows.load_args import MARKS
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.proposals import in_yaml
from tabular_lstm.runs.guards import NothingNewError
from tabular_lstm.runs.registry import Registry
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.manifest import (
    MANIFEST,
    Conditions,
    finished_runs,
    read_manifest,
    read_part,
    unfinished_runs,
)

logger = logging.getLogger(__name__)

# What a scoring leaves beside its predictions.
VERSIONED = ("quarantined_rows_to_score", "scoring_summary", "scoring_figures")
# What predictions follow from; what else conf says of columns is in the champion's schema.
USED = {
    "columns": {"key"},
    "validation": {"max_quarantined_fraction"},
    "scoring": {"pass_through", "reasons"},
}


def scores(pipeline: Pipeline) -> bool:
    """Tell whether a run scores rows with the champion."""
    return "predictions" in pipeline.all_outputs()


def refuse_parts(pipeline: Pipeline, only_missing_outputs: bool, run_command: str) -> None:
    """Stop where a scoring is run in part, or together with what it reads.

    Raises:
        DataError: Names the whole.
    """
    if only_missing_outputs or {*pipeline.nodes} != {*pipelines["scoring"].nodes}:
        raise DataError(
            "A scoring is run whole and by itself, so that its predictions have one champion and "
            f"one manifest: {run_command} --pipelines scoring."
        )


def folder_of(catalog: Any, run_id: str | None = None) -> Path:
    """Give the folder of a run's predictions, or by default of all runs'.

    Raises:
        DataError: The entry is of another type.
    """
    if (folder := _folder(catalog)) is None:
        raise DataError(
            "predictions: expected type: tabular_lstm.datasets.predictions.PredictionsDataset in "
            "the catalog; another dataset writes no manifest. Give an entry of your own another "
            "name."
        )
    return folder / run_id if run_id else folder


def _folder(catalog: Any) -> Path | None:
    return getattr(catalog.get("predictions"), "folder", None)


def conditions(parameters: dict[str, Parameters], entry: dict[str, Any]) -> Conditions:
    """Say what predictions rest on, from the parameters and the catalog's entry `rows_to_score`.

    Where the rows are and what Kedro-Viz shows of them is left out: their bytes count.
    """
    blocks: dict[str, Any] = {
        name: parameters[name].model_dump(mode="json", include=used) for name, used in USED.items()
    }
    read = {name: value for name, value in entry.items() if name not in {"metadata", "filepath"}}
    return Conditions(parameters={**blocks, "rows_to_score": read}, code_sha256=code_sha256())


def warn_of_other_marks(marks: NumberFormat, entries: dict[str, Any]) -> None:
    """Say so where conf reads numbers of raw rows otherwise than the champion those to score.

    Args:
        marks: The champion's, which count where `rows_to_score` names none.
        entries: The catalog's, as conf has them.
    """
    raw, given = (
        {name: args[name] for name in MARKS if args.get(name) is not None}
        for args in (entries[of].get("load_args") or {} for of in ("raw_rows", "rows_to_score"))
    )
    raw = {"decimal": POINT.decimal, **raw}
    if not given and raw != marks.model_dump(exclude_none=True):
        logger.warning(
            "rows_to_score: numbers that are text are read by the champion's marks, %s, and those "
            "of raw_rows by others now. Are these files written as raw_rows are? Then give "
            "rows_to_score in the catalog load_args: %s",
            marks,
            in_yaml(raw),
        )


def refuse_scored_before(
    catalog: Any,
    inputs: dict[str, str],
    champion: Artifact,
    conditions: Conditions,
    now: str,
) -> None:
    """Stop where the newest predictions are those that this run would give.

    Of an older run they would not be what `predictions` gives. A run of which an output is gone or
    was changed does not count.

    Args:
        catalog: Says where the outputs are.
        inputs: SHA-256 of each file of rows.
        champion: Who would score them.
        conditions: What else the predictions would rest on.
        now: The run id that a run has that begins now.

    Raises:
        NothingNewError: Names the run.
    """
    predictions = folder_of(catalog)
    for run in finished_runs(predictions, now)[-1:]:
        if _is_whole(catalog, predictions / run, inputs, champion, conditions):
            raise NothingNewError(
                f"rows, champion, parameters and code are those of run {run}, whose predictions "
                f"are in {predictions / run}. To score all the same: --params scoring.force=true"
            )


def _is_whole(
    catalog: Any,
    folder: Path,
    inputs: dict[str, str],
    champion: Artifact,
    conditions: Conditions,
) -> bool:
    """Tell whether a finished run's outputs are those of such a scoring, all of them."""
    try:
        manifest = read_manifest(folder)
        if not manifest.same_as(inputs, champion.sha256, conditions):
            return False
        for part in manifest.parts:
            read_part(folder, part)
    except (DataError, OSError):  # whoever reads them is told
        return False
    versions = (folder_of_versions(catalog.get(name)) for name in VERSIONED)
    return all((path / folder.name / path.name).exists() for path in versions if path)


def unfinished(catalog: Any) -> dict[str, list[Path]]:
    """Give, by run id, what scorings have not finished: folders, and files under other names."""
    found: dict[str, list[Path]] = defaultdict(list)
    if (folder := _folder(catalog)) is None:
        return found  # an entry of somebody's own: no scoring wrote it
    for run in unfinished_runs(folder):
        found[run].append(folder / run)
    for beside in folder.glob(f"*/.{MANIFEST}.new"):
        found[beside.parent.name].append(beside)
    for name in VERSIONED:
        versions = folder_of_versions(catalog.get(name))
        for beside in versions.glob(f"*/.{versions.name}.new") if versions else []:
            found[beside.parent.name].append(beside.parent)
    return found


def clear_unfinished(catalog: Any, registry: Registry) -> None:
    """Delete what scorings that have ended left unfinished: they were killed.

    Raises:
        OSError: The registry cannot be read; nothing is deleted.
    """
    registered = registry.runs()
    for run, left in unfinished(catalog).items():
        if run in registered:
            _clear(run, left, registry)


def _clear(run: str, left: list[Path], registry: Registry) -> None:
    """Delete what a run left unless it is at work; what cannot be deleted is warned of."""
    try:
        with registry.finished(run) as finished:
            for path in left if finished else []:
                if path.is_file():
                    path.unlink()
                # A run may have finished since its folder was looked for.
                elif path.exists() and not (path / MANIFEST).exists():
                    shutil.rmtree(path)
                    logger.info("Deleted %s, which run %s left unfinished", path, run)
    except OSError as error:
        logger.warning("%s could not be deleted: %s", error.filename, error.strerror)
