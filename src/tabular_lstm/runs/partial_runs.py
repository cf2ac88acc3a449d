"""Guards of a part of a run: it continues from the outputs of one run, with the same conf and data.

The data summary of a run says what its rows were made from, see `rows.data_summary.Lineage`.
"""

from collections.abc import Mapping
from typing import Any

from kedro.pipeline import Pipeline

from tabular_lstm.datasets.kedro_private import folder_of_versions
from tabular_lstm.datasets.tables import read_as_rows
from tabular_lstm.errors import DataError
from tabular_lstm.rows.data_summary import hash_of

# Inputs that no pipeline makes: read from outside, found on disk, or given by the hooks.
GIVEN = {"raw_rows", "champions", "run_id", "engine", "provenance", "study_database"}
GIVEN_TO_SCORING = {"rows_to_score", "champion", "scoring_conditions"}
GIVEN_TO_MONITORING = {"late_labels", "finished_scorings"}
SIDES = {"train_rows", "test_rows", "history_rows"}


def read_by(pipeline: Pipeline) -> set[str]:
    """Return what a pipeline reads and does not make, without parameters."""
    return {name for name in pipeline.inputs() if not name.startswith("params:")}


def of_other_runs(pipeline: Pipeline) -> list[str]:
    """Return the inputs that an earlier run must have made, by their names in the catalog."""
    return sorted(read_by(pipeline) - GIVEN - GIVEN_TO_SCORING - GIVEN_TO_MONITORING)


def refuse_pins_that_do_not_count(
    pipeline: Pipeline, catalog: Any, load_versions: Mapping[str, str]
) -> None:
    """Refuse `--load-versions` for an entry that the run makes itself or does not read.

    Raises:
        DataError: Names the entry, and what the run reads from earlier runs.
    """
    for name, version in load_versions.items():
        if name not in read_by(pipeline) or not folder_of_versions(catalog.get(name)):
            raise DataError(
                f"--load-versions {name}:{version}: expected an entry that this run reads from an "
                f"earlier run: {', '.join(of_other_runs(pipeline)) or 'it reads none'}. Leave the "
                "version out, or run other pipelines."
            )


def refuse_other_run(pipeline: Pipeline, catalog: Any, run_command: str) -> None:
    """Stop unless all outputs to start from are of one run, made from today's conf and data.

    Args:
        pipeline: The pipeline to run.
        catalog: The catalog of the datasets; `provenance` has the hash of conf now.
        run_command: The command of a whole run, for the message.

    Raises:
        DataError: Names what is missing, is of several runs, or has changed since that run.
    """
    inputs, whole = of_other_runs(pipeline), f"or run all: {run_command}."
    if not inputs:
        return
    absent = {name.partition("@")[0] for name in inputs if not catalog.get(name).exists()}
    if absent:
        raise DataError(
            f"{', '.join(sorted(absent))}: not there to start from. Add the pipeline that makes "
            f"it, as in --pipelines reshaping,training, {whole}"
        )
    if "data_summary" not in inputs:
        raise DataError(
            f"{', '.join(inputs)}: of an earlier run, whose rows this run does not start from. "
            f"Start with reshaping, as in --pipelines reshaping,evaluation, {whole}"
        )
    run_of = {name: catalog.get(name).resolve_load_version() for name in inputs}
    if len({*run_of.values()}) > 1:
        listed = ", ".join(f"{name} of {run}" for name, run in run_of.items())
        pins = ",".join(f"{name}:RUN" for name in inputs)
        raise DataError(
            f"A part of a run continues from one run, and these are of several: {listed}. Name "
            f"one run, as in --load-versions {pins}, {whole}"
        )
    if change := _change_since(catalog, SIDES.intersection(inputs)):
        run = run_of["data_summary"]
        raise DataError(f"The outputs of run {run} cannot be continued: {change}, {whole}")


def _change_since(catalog: Any, sides: set[str]) -> str | None:
    """Say what differs from what the loaded data summary says, and the way out; None if nothing."""
    summary = catalog.load("data_summary")
    if summary.lineage is None:
        return "an earlier version did not write down their conf. Load those of another run"
    if summary.lineage.parameters != catalog.load("provenance").parameters_sha256:
        return "conf has changed since. Set it back"
    read_as_rows(catalog, {"raw_rows"})
    if summary.sha256 != catalog.get("raw_rows").sha256():
        return f"the raw rows, {summary.file}, have changed since. Put them back"
    for side in sorted(sides):
        if getattr(summary.lineage, side) != hash_of(catalog.load(side)):
            return f"its {side} have changed on disk since. Put the file back"
    return None
