"""What stands around a run that decides who serves, so that nobody has to watch it."""

import logging
import shutil
from pathlib import Path
from typing import Any

from kedro.io import AbstractVersionedDataset
from kedro.pipeline import Pipeline

from tabular_lstm.errors import DataError
from tabular_lstm.serving.log import Line, changes, lineage, promoted, restorable

logger = logging.getLogger(__name__)


class NothingNewError(Exception):
    """A retraining would repeat what was judged already. A normal end: exit code 0."""


def decides(pipeline: Pipeline) -> bool:
    """Tell whether a run writes a decision, its line in the promotion log, or the champion."""
    return not pipeline.all_outputs().isdisjoint({"decision", "promotions", "champion"})


def retrains(pipeline: Pipeline) -> bool:
    """Tell whether a run that decides judges a candidate of its own."""
    return "candidate" in pipeline.all_outputs()


def refuse_parts(pipeline: Pipeline, only_missing_outputs: bool, run_command: str) -> None:
    """Stop where a part of a retraining would judge or promote what another run left.

    Raises:
        DataError: Names the whole.
    """
    reads = {name for name in pipeline.inputs() if not name.startswith("params:")}
    always = {"past_promotions", "artifacts", "run_id", "provenance"}
    retraining = always | {"raw_rows", "past_decisions", "candidate_artifact"}
    whole = reads in (always, retraining) and "champion" in pipeline.all_outputs()
    if only_missing_outputs or not whole:
        raise DataError(
            "Only a whole run may decide who serves, from the raw rows to the champion: "
            f"{run_command} --pipelines retraining; or, to restore a champion: {run_command} "
            "--pipelines rollback."
        )


def refuse_what_cannot_be_judged(parameters: dict[str, Any]) -> None:
    """Stop a retraining whose candidate could not be promoted.

    Raises:
        DataError: Nothing is held out, or the network does not carry its schema.
    """
    if parameters["split"]["test_fraction"] == 0:
        raise DataError(
            "split.test_fraction = 0: a retraining judges on test rows; expected a share above 0."
        )
    kind = parameters["network"]["kind"]
    if kind != "ensemble":
        raise DataError(
            f"network.kind = {kind}: its file holds no schema, so that "
            "nobody else could make sequences of rows for it; a retraining expects kind ensemble."
        )


def refuse_nothing_new(lines: list[Line], inputs: dict[str, str]) -> None:
    """Stop where training would give a candidate that was judged already against who serves.

    Same data, parameters and code give the same candidate. It was judged if it is the champion, if
    it was rejected since that one came to serve, or if it was rolled back from.

    Raises:
        NothingNewError: Names the run that was the same, and what became of it.
    """
    standing, champions = lineage(lines), promoted(lines)
    known = [("which serves", champions[run]) for run in standing[:1]]
    known += [
        ("which was rolled back from", line)
        for run, line in champions.items()
        if run not in standing
    ]
    since = lines[lines.index(changes(lines)[-1]) :] if standing else lines
    known += [
        (f"which was rejected: {line['reason']}", line)
        for line in since
        if line["action"] == "rejected"
    ]
    for fate, line in known:
        if line["inputs"] == inputs:
            raise NothingNewError(
                f"data, parameters and code are those of run {line['run_id']}, {fate}. To train "
                "all the same: --params retraining.force=true"
            )


def settle(catalog: Any, pipeline: Pipeline, start_over: bool) -> None:
    """Finish what an earlier run was stopped in, and check the champion.

    Raises:
        DataError: The champion's file is damaged, or the log does not know it. A rollback and a
            retraining that starts over go on, for they mend that.
    """
    champion = catalog.get("champion")
    if not champion.exists():
        return
    try:
        champion.settle()
    except DataError as error:
        if retrains(pipeline) and not start_over:
            raise
        logger.warning("%s", error)


def prune(
    catalog: Any, pipeline: Pipeline, lines: list[Line], keep_candidates: int, keep_champions: int
) -> None:
    """Delete what a retraining writes of old runs, but for decisions.

    The newest runs are kept, the newest that have a candidate, and the champions'. A folder that
    cannot be deleted is warned of: the run has decided, and that stands.
    """
    datasets = [catalog.get(name) for name in sorted(pipeline.all_outputs() - {"decision"})]
    folders = [
        Path(dataset._filepath)
        for dataset in datasets
        if isinstance(dataset, AbstractVersionedDataset) and dataset._version
    ]
    versions = [version for folder in folders for version in folder.glob("*/")]
    candidates = Path(catalog.get("candidate")._filepath).glob("*/")
    kept = {
        *sorted({version.name for version in versions})[-keep_candidates:],
        *sorted(version.name for version in candidates)[-keep_candidates:],
        *restorable(lines, keep_champions),
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


def last_words(line: Line) -> str:
    """Say what was decided, the last line of a run's log.

    Examples:
        >>> line = {"action": "rejected", "run_id": "b", "champion": "a", "reason": "no good"}
        >>> last_words(line)
        'Rejected run b: no good. The champion stays run a.'
    """
    if line["action"] == "promoted":
        return f"Promoted run {line['run_id']}: {line['reason']}."
    if line["action"] == "rolled_back":
        return f"Rolled back: {line['reason']}."
    champion = line["champion"]
    stays = f"The champion stays run {champion}" if champion else "There is still no champion"
    return f"Rejected run {line['run_id']}: {line['reason']}. {stays}."
