"""Guards of a partial run: its inputs must exist and come from today's conf and rows.

Saved outputs carry their lineage. Only this module compares the lineage, with conf as it is now and
with the rows on disk, before any node runs.
"""

from collections.abc import Mapping
from typing import Any, cast

from kedro.pipeline import Pipeline
from pydantic import ValidationError

from tabular_lstm.datasets import RawRowsDataset
from tabular_lstm.datasets.kedro_private import folder_of_versions, unpinned_versions
from tabular_lstm.errors import DataError
from tabular_lstm.frozen import Parameters, first_fault
from tabular_lstm.parameters import Columns, Split, Training
from tabular_lstm.rows.data_summary import DataSummary, hash_of
from tabular_lstm.rows.fingerprints import Fingerprints
from tabular_lstm.rows.lineage import Conf, Lineage, conf_of_rows, plain
from tabular_lstm.rows.load_args import refuse_other_arguments
from tabular_lstm.rows.schema import Schema
from tabular_lstm.serving.run_id import is_run_id

# Inputs that no pipeline makes: read from outside, found on disk, or given by the hooks.
GIVEN = {"raw_rows", "champions", "run_id", "engine", "provenance", "study_database"}
GIVEN_TO_SCORING = {"rows_to_score", "champion", "scoring_conditions"}
GIVEN_TO_MONITORING = {"late_labels", "finished_scorings"}
SIDES = ("train_rows", "test_rows", "history_rows")
# Outputs that carry their lineage, in the order in which a run makes them.
CARRIERS = ("data_summary", "schema", "candidate", "history", "train_fingerprints")
OF_ONE_RUN = ({*SIDES, "data_summary"}, {"candidate", "history", "train_fingerprints"})
# Outputs between the nodes of an evaluation, which have no lineage.
OF_EVALUATION = {"candidate_predictions", "baseline_predictions", "permutation_importance"}


def read_by(pipeline: Pipeline) -> set[str]:
    """Return what a pipeline reads and does not make, without parameters."""
    return {name for name in pipeline.inputs() if not name.startswith("params:")}


def refuse_pins_that_do_not_count(
    pipeline: Pipeline, catalog: Any, load_versions: Mapping[str, str]
) -> None:
    """Refuse `--load-versions` for an entry that the run makes itself or does not read.

    Raises:
        DataError: Names the entry, and what the run reads from earlier runs.
    """
    made = {name.partition("@")[0] for name in pipeline.all_outputs()}
    for name, version in load_versions.items():
        if name not in read_by(pipeline) or not folder_of_versions(catalog.get(name)):
            others = ", ".join(of_other_runs(pipeline).values()) or "none"
            why = "makes it itself" if name.partition("@")[0] in made else "does not read it"
            raise DataError(
                f"--load-versions {name}:{version}: expected an entry that the run reads from an "
                f"earlier run, and this run {why}. From earlier runs it reads "
                f"{others}. Leave the version out, or run "
                "other pipelines."
            )


def refuse_to_start_halfway(pipeline: Pipeline, catalog: Any, whole: str, now: str) -> None:
    """Stop if outputs of earlier pipelines are missing, or are from different runs.

    Args:
        pipeline: The pipeline to run.
        catalog: The catalog of the datasets.
        whole: The command that runs all, for the message.
        now: The run id of a run that begins now.

    Raises:
        DataError: Names what is missing, is not from a past run, or is from several runs.
    """
    needed = of_other_runs(pipeline)
    absent = [stem for stem, name in needed.items() if not catalog.get(name).exists()]
    if absent:
        raise DataError(
            f"{', '.join(absent)}: not there to start from. Add the pipeline that makes "
            f"it, as in --pipelines reshaping,training, or run all: {whole}."
        )
    for name in needed.values():
        # Kedro loads the last version by name.
        for last in unpinned_versions(catalog.get(name))[:1]:
            if not is_run_id(last) or last > now:
                raise DataError(
                    f"{name}: the last version by name, {last}, is not of a run until now; it is "
                    f"{now} by this machine's clock. Name the version to load, as in "
                    f"--load-versions {name}:{last}, or run all: {whole}."
                )
    for together in OF_ONE_RUN:
        runs = {name: _run(catalog, name) for stem, name in needed.items() if stem in together}
        if len({*runs.values()}) > 1:
            listed = ", ".join(f"{name} of {run}" for name, run in runs.items())
            pinned = ",".join(f"{name}:RUN" for name in runs)
            raise DataError(
                f"What would be loaded comes from different runs: {listed}. Name the versions of "
                f"one run, as in --load-versions {pinned}, or run all: {whole}."
            )


def refuse_other_lineage(
    pipeline: Pipeline,
    catalog: Any,
    blocks: dict[str, Parameters],
    raw_entry: dict[str, Any],
    whole: str,
) -> None:
    """Stop if a saved output was made from other conf or other rows than the run has now.

    Args:
        pipeline: The pipeline to run; its inputs exist, see `refuse_to_start_halfway`.
        catalog: The catalog of the datasets.
        blocks: All parameters by block, as conf has them now.
        raw_entry: The catalog's entry `raw_rows`, as conf has it now.
        whole: The command that runs all, for the message.

    Raises:
        DataError: Names the output, and the value of conf or the rows that differ.
    """
    needed = of_other_runs(pipeline)
    if inner := OF_EVALUATION & needed.keys():
        raise DataError(
            f"{', '.join(sorted(inner))}: no run starts within an evaluation. Run it whole, as in "
            f"--pipelines reshaping,evaluation, or run all: {whole}."
        )
    carriers = [stem for stem in CARRIERS if stem in needed]
    if not carriers:
        return
    if SIDES[0] in pipeline.all_outputs():
        raise DataError(
            f"{', '.join(carriers)}: made from rows that were split before, and this run would "
            f"split them anew. Start with reshaping, or run all: {whole}."
        )
    is_table = not isinstance(catalog.get("raw_rows"), RawRowsDataset)
    now, lineages = _conf_now(blocks, {"filepath": "raw_rows"} if is_table else raw_entry), {}
    for stem in carriers:
        lineage = _lineage(catalog, needed[stem])
        made = f"{stem} of run {_run(catalog, needed[stem])}"
        if lineage is None:
            raise DataError(
                f"{made}: expected what it was made from, which earlier versions did not write "
                f"down. Run all once: {whole}."
            )
        if change := lineage.change(now):
            raise DataError(
                f"{made} was made from other conf: {change}. Set it back, or run all: {whole}."
            )
        lineages[made] = lineage
    _refuse_other_rows(lineages, needed, catalog, whole)


def _refuse_other_rows(
    lineages: dict[str, Lineage], needed: dict[str, str], catalog: Any, whole: str
) -> None:
    """Compare the rows on disk with the rows that outputs were made from."""
    for side in [side for side in SIDES if side in needed]:
        found = hash_of(catalog.load(side))
        for made, lineage in lineages.items():
            if (expected := getattr(lineage, side)) not in {found, ""}:
                raise DataError(
                    f"{side} of run {_run(catalog, side)} are not the rows that {made} was made "
                    f"from (SHA-256 {found[:8]}…, expected {expected[:8]}…). Rows were added "
                    "between the runs, or a file was edited or replaced. Restore the file, name "
                    f"matching versions with --load-versions, or run all: {whole}."
                )


def _conf_now(blocks: dict[str, Parameters], raw_entry: dict[str, Any]) -> Conf:
    """Return today's conf in the form of a lineage."""
    conf: dict[str, dict[str, Any]] = {name: plain(block) for name, block in blocks.items()}
    training = cast("Training", blocks["training"])
    conf["training"]["coverage"] = training.coverage  # which `plain` leaves out if it is 0.9
    file, load_args = raw_entry["filepath"], raw_entry.get("load_args") or {}
    refuse_other_arguments(file, load_args)
    columns, split = cast("Columns", blocks["columns"]), cast("Split", blocks["split"])
    return conf | conf_of_rows(columns, split, file, load_args)


def of_other_runs(pipeline: Pipeline) -> dict[str, str]:
    """Return the inputs that must be on disk: `candidate` and the like → their catalog names."""
    names = sorted(read_by(pipeline) - GIVEN - GIVEN_TO_SCORING - GIVEN_TO_MONITORING)
    return {name.partition("@")[0]: name for name in names}


def _run(catalog: Any, name: str) -> Any:
    """Return the run whose version of an entry would be loaded."""
    return catalog.get(name).resolve_load_version()


def _lineage(catalog: Any, name: str) -> Lineage | None:
    """Read an output's lineage; None if the output has none."""
    if name == "candidate@network":
        of_history = _lineage(catalog, "history")  # of the same run
        if of_history and of_history.conf["network"]["kind"] != "ensemble":
            return of_history  # the tutorial's file holds no schema
        lineage: Lineage | None = catalog.get(name).artifact().scorer.schema.lineage
        return lineage
    if name != "history":
        value: DataSummary | Schema | Fingerprints = catalog.load(name)
        return value.lineage
    try:
        history = catalog.load(name)
        kept = history.get("lineage") if isinstance(history, dict) else history
        return kept and Lineage.model_validate(kept)
    except ValidationError as error:
        raise DataError(
            f"history of run {_run(catalog, name)}: expected what it was made from; "
            f"{first_fault(error)}."
        ) from error
