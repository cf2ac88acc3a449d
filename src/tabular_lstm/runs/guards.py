"""Guards: what stops a run before any node runs."""

from typing import Any

from kedro.pipeline import Pipeline
from kedro.validation import ParameterValidationError

from tabular_lstm.errors import DataError, unknown_name
from tabular_lstm.parameters import BLOCKS, Network, Split
from tabular_lstm.serving.decision import Inputs
from tabular_lstm.serving.log import LogEntry, changes, promoted, standing

SPLIT_OUTPUTS = {"train_rows", "test_rows", "data_summary"}
# Read from outside, or found by looking.
GIVEN = {"raw_rows", "artifacts", "past_promotions", "past_decisions", "provenance"}
# What the two whole runs that decide read.
ROLLBACK_INPUTS = {"past_promotions", "artifacts", "run_id", "provenance"}
RETRAINING_INPUTS = ROLLBACK_INPUTS | {"raw_rows", "past_decisions"}


class NothingNewError(Exception):
    """A retraining would repeat what was judged already. A normal end: exit code 0."""


def decides(pipeline: Pipeline) -> bool:
    """Tell whether a run writes a decision, its entry in the promotion log, or the champion."""
    return not pipeline.all_outputs().isdisjoint({"decision", "promotions", "champion"})


def retrains(pipeline: Pipeline) -> bool:
    """Tell whether a run trains a candidate of its own."""
    return "candidate@network" in pipeline.all_outputs()


def check_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    """Stop at a parameter that no node would read or no run could use, whatever is to run.

    Kedro checks only the blocks that the chosen pipelines read, and passes over others in silence.

    Returns:
        All blocks by name, typed, with their defaults; `columns` alone has none.

    Raises:
        ParameterValidationError: Names each fault, and the closest known name of an unknown one.
    """
    faults = []
    blocks = {name: block() for name, block in BLOCKS.items() if name != "columns"}
    for name, values in parameters.items():
        if name not in BLOCKS:
            faults.append(f"Parameter {unknown_name(name, list(BLOCKS))}")
            continue
        try:
            blocks[name] = BLOCKS[name].model_validate(values)
        except ValueError as error:
            faults.append(f"Parameter '{name}': {error}")
    if faults:
        raise ParameterValidationError("\n".join(faults))
    return blocks


def refuse_to_start_halfway(pipeline: Pipeline, catalog: Any, whole: str) -> None:
    """Stop where what an earlier pipeline should have left is not there, or not of one run.

    Raises:
        DataError: Names what is missing, or the runs that the rows come from, and `whole`, the
            command that runs all.
    """
    needed = sorted(name for name in pipeline.inputs() - GIVEN if not name.startswith("params:"))
    if absent := [name for name in needed if not catalog.get(name).exists()]:
        raise DataError(
            f"{', '.join(absent)}: not there to start from. Add the pipeline that makes it, as in "
            "--pipelines reshaping,training (sequences and labels are kept in memory), or run all: "
            f"{whole}."
        )
    runs = {
        name: catalog.get(name).resolve_load_version() for name in needed if name in SPLIT_OUTPUTS
    }
    if len(set(runs.values())) > 1:
        listed = ", ".join(f"{name} of {run}" for name, run in runs.items())
        raise DataError(
            f"The newest rows come from different runs: {listed}. Split them again: {whole}."
        )


def refuse_parts(pipeline: Pipeline, only_missing_outputs: bool, run_command: str) -> None:
    """Stop where a part of a retraining would judge or promote what another run left.

    Raises:
        DataError: Names the whole.
    """
    reads = {name for name in pipeline.inputs() if not name.startswith("params:")}
    whole = reads in (ROLLBACK_INPUTS, RETRAINING_INPUTS) and "champion" in pipeline.all_outputs()
    if only_missing_outputs or not whole:
        raise DataError(
            "Only a whole run may decide who serves, from the raw rows to the champion: "
            f"{run_command} --pipelines retraining; or, to restore a champion: {run_command} "
            "--pipelines rollback."
        )


def refuse_what_cannot_be_judged(split: Split, network: Network) -> None:
    """Stop a retraining whose candidate could not be promoted.

    Raises:
        DataError: Nothing is held out, or the network does not carry its schema.
    """
    if split.test_fraction == 0:
        raise DataError(
            "split.test_fraction = 0: a retraining judges on test rows; expected a share above 0."
        )
    if network.kind != "ensemble":
        raise DataError(
            f"network.kind = {network.kind}: its file holds no schema, so that nobody else could "
            "make sequences of rows for it; a retraining expects kind ensemble."
        )


def refuse_nothing_new(log: list[LogEntry], inputs: Inputs) -> None:
    """Stop where training would give a candidate that was judged already against who serves.

    Same data, parameters and code give the same candidate. It was judged if it is the champion, if
    it was rejected since that one came to serve, or if it was rolled back from.

    Raises:
        NothingNewError: Names the run that was the same, and what became of it.
    """
    stand, champions = standing(log), promoted(log)
    known = [("which serves", champions[run]) for run in stand[:1]]
    known += [
        ("which was rolled back from", entry)
        for run, entry in champions.items()
        if run not in stand
    ]
    since = log[log.index(changes(log)[-1]) :] if stand else log
    known += [
        (f"which was rejected: {entry.reason}", entry)
        for entry in since
        if entry.action == "rejected"
    ]
    for fate, entry in known:
        if entry.inputs == inputs:
            raise NothingNewError(
                f"data, parameters and code are those of run {entry.run_id}, {fate}. To train "
                "all the same: --params retraining.force=true"
            )
