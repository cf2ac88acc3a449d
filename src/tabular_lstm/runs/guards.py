"""Guards: checks that stop a run, or warn, before any node runs."""

import contextlib
import logging
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, cast

from kedro.framework.project import pipelines
from kedro.io import DatasetError
from kedro.pipeline import Pipeline
from kedro.validation import ParameterValidationError

from tabular_lstm.code_version import code_sha256
from tabular_lstm.datasets.kedro_private import folder_of_versions
from tabular_lstm.datasets.rows_to_score import without_secrets
from tabular_lstm.environments import NAME, output_folder
from tabular_lstm.errors import DataError, counted, no_column, unknown_name
from tabular_lstm.files import make_folder, not_written
from tabular_lstm.frozen import Parameters, from_json
from tabular_lstm.judging.gate import START_OVER
from tabular_lstm.monitoring.drift import Drift
from tabular_lstm.parameters import BLOCKS
from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.parameters.hyperparameters import NetworkOptions, TrainingOptions, fault_of_task
from tabular_lstm.parameters.runs import RetrainingOptions
from tabular_lstm.rows.data_summary import hash_of
from tabular_lstm.rows.number_format import without_fraction
from tabular_lstm.rows.raw_rows import RawRows
from tabular_lstm.rows.train_test_split import fault_of_split
from tabular_lstm.runs.lock import lock_file
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.decision import Champions
from tabular_lstm.serving.manifest import (
    Conditions,
    finished_runs,
    read_manifest,
    read_part,
    unfinished_runs,
)
from tabular_lstm.serving.promotion_log import (
    Inputs,
    Versions,
    by_age,
    champion_of,
    changes,
    is_run_id,
    standing,
)

# Paths on the command line that the catalog reads.
OF_THE_CATALOG = {"rows_to_score", "late_labels"}

logger = logging.getLogger(__name__)

NO_SERVER = (
    "kedro server and KedroServiceSession share the hooks among runs, so a run would release "
    "another run's lock: expected kedro run, a process for each run, or for single rows "
    "load_champion, see docs/scoring.md."
)
NO_TUNING = (
    "The pipeline tuning is gone: docs/tuning.md shows a search with scikit-learn or Optuna, and "
    "where its result goes in conf."
)


class NothingNewError(Exception):
    """A run would repeat another run. This is a normal end.

    Args:
        message: Names the other run.
        alarm: The alarm of the other run, with which this run ends too. Default: None.
        exit_code: The exit code; with an alarm, 0, the default, is conf's.
    """

    def __init__(self, message: str, alarm: str | None = None, exit_code: int = 0) -> None:
        super().__init__(message)
        self.alarm, self.exit_code = alarm, exit_code


def decides(pipeline: Pipeline) -> bool:
    """Return whether a run writes a decision, or its entry in the promotion log."""
    return not pipeline.all_outputs().isdisjoint({"decision", "promotions"})


def retrains(pipeline: Pipeline) -> bool:
    """Return whether a run trains a candidate."""
    return "candidate@network" in pipeline.all_outputs()


def check_parameters(parameters: dict[str, Any], runtime: Collection[str] = ()) -> dict[str, Any]:
    """Return all blocks by name, typed, with their defaults; only `columns` has no defaults.

    Kedro checks only the blocks that the chosen pipelines read, and ignores the others silently.

    Args:
        parameters: Parameters of all files and of the command line.
        runtime: Names of the parameters on the command line. Default: none.

    Raises:
        ParameterValidationError: Names each fault, and for an unknown name the closest known name.
    """
    faults = []
    blocks = {name: block() for name, block in BLOCKS.items() if name != "columns"}
    for name, values in parameters.items():
        if name == "model" and name in runtime and isinstance(values, str):
            continue
        if name == "models":
            names = [str(n) for n in values if type(n) in {str, int} and NAME.fullmatch(str(n))]
            if not isinstance(values, list) or len({*map(without_fraction, names)}) < len(values):
                faults.append("Parameter 'models': expected different names, such as [at, \"no\"]")
        elif name in OF_THE_CATALOG:
            if name not in runtime or not isinstance(values, str) or not values:
                faults.append(f"Parameter '{name}': expected a path, on the command line alone")
        elif name not in BLOCKS:
            faults += _fault_of_name(name, name in runtime)
        else:
            try:
                blocks[name] = BLOCKS[name].model_validate(values)
            except ValueError as error:
                faults.append(f"Parameter '{name}': {error}")
    if not faults and "columns" in blocks:
        columns = cast("ColumnsOptions", blocks["columns"])
        task_blocks = (
            columns.task,
            cast("NetworkOptions", blocks["network"]),
            cast("TrainingOptions", blocks["training"]),
        )
        wrong = (
            fault_of_split(columns, cast("SplitOptions", blocks["split"])),
            fault_of_task(*task_blocks),
            columns.history and _fault_of_history(task_blocks[1], blocks["reshaping"]),
        )
        faults += [f"Parameter {fault}" for fault in wrong if fault]
    if faults:
        raise ParameterValidationError("\n".join(faults))
    return blocks


def _fault_of_name(name: str, on_command_line: bool) -> list[str]:
    """Say that there is no such block; only warn of `tuning`, which conf of 0.1.0 may have."""
    if name != "tuning":
        return [f"Parameter {unknown_name(name, list(BLOCKS))}"]
    gone = f"Parameter 'tuning': {NO_TUNING}"
    if on_command_line:
        return [gone]
    logger.warning("%s Delete the block.", gone)
    return []


def _fault_of_history(network: NetworkOptions, reshaping: Any) -> str | None:
    """Say what in these blocks does not fit `columns.history`, if anything."""
    if network.kind == "tutorial":
        return "network.kind = tutorial: it reads no histories; expected kind: ensemble"
    if reshaping.features_per_step is not None:
        setting = f"reshaping.features_per_step = {reshaping.features_per_step}"
        return f"{setting}: of histories all features of a row are one step; leave it out"
    return None


def refuse_other_paths(runtime: Mapping[str, Any], entries: Mapping[str, dict[str, Any]]) -> None:
    """Stop if the command line names a path that the catalog's entry does not read."""
    for name, entry in entries.items():
        path = runtime[name]
        if not any(path in str(value) for value in entry.values()):
            raise DataError(
                f"--params {name}={without_secrets(path)}: the catalog's entry {name} does not "
                f"read this path, but has one of its own. Write ${{runtime_params:{name},...}} "
                "there as its filepath, or leave the parameter out."
            )


def refuse_parts(pipeline: Pipeline, only_missing_outputs: bool, run_command: str) -> None:
    """Refuse a part of a retraining that would judge or promote another run's outputs."""
    is_whole_run = read_by(pipeline) <= GIVEN and "promotions" in pipeline.all_outputs()
    if only_missing_outputs or not is_whole_run:
        raise DataError(
            "Only a whole run may decide who serves. A whole run goes from the raw rows to the "
            f"promotion log: {run_command} --pipelines retraining. To restore a champion: "
            f"{run_command} --pipelines rollback."
        )


def refuse_what_cannot_be_judged(split: SplitOptions, network: NetworkOptions) -> None:
    """Refuse a retraining without test rows, or with a network whose file holds no schema."""
    if split.test_fraction == 0:
        raise DataError(
            "split.test_fraction = 0: a retraining judges on test rows; expected a share above 0."
        )
    if network.kind != "ensemble":
        raise DataError(
            f"network.kind = {network.kind}: its file holds no schema; a retraining expects kind "
            "ensemble."
        )


def refuse_lost_log(champions: Champions, log: Path, run_command: str) -> None:
    """Stop if the promotion log is gone, because then nothing says which model serves.

    A single decision may come from a first run that was stopped before its entry in the log.

    Raises:
        DataError: Names the number of decisions.
    """
    if not champions.log and len(champions.decisions) > 1:
        raise DataError(
            f"{log} is gone or empty, although {len(champions.decisions)} runs have decided: put "
            "the log, or a copy, back. Or, to start a new log and judge without a champion: "
            f"{run_command} --pipelines retraining --params promotion.start_over=true."
        )


def refuse_lost_features(champions: Champions, raw_rows: RawRows, columns: ColumnsOptions) -> None:
    """Stop before a training if the rows lack features of the champion: it is not compared then.

    Raises:
        DataError: Names the columns, and the ways out. Not if conf lists `columns.features`.
    """
    champion = champion_of(champions.log)
    judgement = champion and columns.features is None and champions.judgement(champion)
    names = raw_rows.columns if judgement else []
    if judgement and (lost := [name for name in judgement.data.features if name not in names]):
        needed_by = (
            f"The champion, run {champion}, has features that are missing: {', '.join(lost)}. Put "
            f"them back; or, if they are gone for good, {START_OVER}"
        )
        raise no_column(raw_rows.file, lost[0], names, needed_by)


def check_newest(champions: Champions, log: Path, timestamp: str, refused: bool) -> None:
    """Warn or stop if runs have decided after the end of the promotion log: it may be an old copy.

    The log is an old copy if a later run found a champion that is not the log's last champion.
    Otherwise, these runs may have been stopped before their entry in the log.

    Args:
        champions: The entries of the log, and the existing decisions.
        log: The file of the log.
        timestamp: The run id of a run that begins now.
        refused: Whether an old copy stops the run.

    Raises:
        DataError: Names the runs, and the ways out.
    """
    logged = {entry.run_id for entry in champions.log}
    runs = by_age({*logged, *filter(is_run_id, champions.decisions)}, timestamp)
    later = [*takewhile(lambda run: run not in logged, reversed(runs))]
    if not (logged and later):
        return
    log_state = (
        f"{log} ends with run {champions.log[-1].run_id}, and {counted(len(later), 'run')} decided "
        f"after it, the last one {later[0]}"
    )
    if refused and not all(map(partial(_found_champion, champions), later)):
        raise DataError(
            f"{log_state}, after another champion: the log is an older copy. Put the newest one "
            "back. Or, to judge without a champion: --pipelines retraining --params "
            "promotion.start_over=true."
        )
    logger.warning(
        "%s: the log may be an older copy, or a run was stopped before its entry", log_state
    )


def _found_champion(champions: Champions, run: str) -> bool:
    """Return whether the log's last champion served when a run began to decide."""
    with contextlib.suppress(KeyError, DataError):  # gone or damaged: nothing is known
        return champions.decisions[run].served_before == champion_of(champions.log)
    return True


def warn_of_another_environment(champions: Champions, env: str | None) -> None:
    """Warn if the champion was promoted in another environment: then this environment is a copy."""
    champion = champion_of(champions.log)
    with contextlib.suppress(KeyError, DataError):  # gone or damaged: nothing is known
        promoted_in = champions.decisions[str(champion)].environment
        if output_folder(promoted_in) != output_folder(env):
            logger.warning(
                "The champion, run %s, was promoted in environment %s, and this one is %s",
                champion,
                promoted_in,
                env or "base",
            )


def check_champion(catalog: Any, pipeline: Pipeline, start_over: bool) -> None:
    """Check the champion's file before hours are spent on training a candidate.

    A rollback, or a retraining that starts over, does not need the file.
    """
    if champion_of(catalog.load("champions").log) is None:
        return
    try:
        catalog.get("champion").load()
    except DatasetError as error:
        if not isinstance(error.__cause__, DataError):
            raise
        if retrains(pipeline) and not start_over:
            raise error.__cause__ from error
        logger.warning("%s", error.__cause__)


def refuse_nothing_new(champions: Champions, inputs: Inputs, retraining: RetrainingOptions) -> None:
    """Stop if training would give a candidate that was already judged against the champion.

    The same data and parameters give the same candidate, or after an upgrade a similar one. It was
    judged if it is the champion, if it was rejected since the champion was promoted, or if it was
    rolled back.

    Args:
        champions: The promotion log, and the decisions.
        inputs: What a candidate would be made from.
        retraining: Whether other code alone is something new, and the exit codes.

    Raises:
        NothingNewError: Names the earlier run, with the alarm and the exit code of its decision.
    """
    log, alarm = champions.log, None
    stand = standing(log)
    since = log.index(changes(log)[-1]) if stand else 0
    # The newest entry with the same code comes first, because it is this very candidate.
    for place, entry in sorted(
        enumerate(log), key=lambda numbered: (numbered[1].inputs != inputs, -numbered[0])
    ):
        before = entry.inputs
        if before is None or (before.data, before.parameters) != (inputs.data, inputs.parameters):
            continue
        same_code = before.code == inputs.code
        if retraining.new_code and not same_code:
            continue
        if entry.action == "promoted" and entry.run_id not in stand[1:]:
            fate = "serves" if entry.run_id in stand else "was rolled back from"
        elif entry.action == "rejected" and place >= since:
            fate = f"was rejected: {entry.reason}"
        else:
            continue
        exit_code = 0
        with contextlib.suppress(KeyError, DataError):  # gone or damaged: nothing is known
            decision = champions.decisions[entry.run_id]
            alarm, exit_code = decision.alarm, decision.exit_code(retraining)
        same = "data, parameters and code are" if same_code else "data and parameters are"
        new_code_note = "" if same_code else " Only the code or a package is new."
        raise NothingNewError(
            f"{same} those of run {entry.run_id}, which {fate}.{new_code_note} To train "
            "anyway: --params retraining.force=true",
            alarm,
            exit_code,
        )


# Partial runs -------------------------------------------------------------------------------------
# Guards of a part of a run: it continues from the outputs of one run, with the same conf and
# data.
#
# The data summary of a run says what its rows were made from, see `rows.data_summary.Lineage`.

# Inputs that no pipeline makes: read from outside, found on disk, or given by the hooks.
GIVEN = {"raw_rows", "champions", "run_id", "engine", "provenance"}
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
    inputs, advice = of_other_runs(pipeline), f"or run all: {run_command}."
    if not inputs:
        return
    absent = {name.partition("@")[0] for name in inputs if not catalog.get(name).exists()}
    if absent:
        raise DataError(
            f"{', '.join(sorted(absent))}: not there to start from. Add the pipeline that makes "
            f"it, as in --pipelines reshaping,training, {advice}"
        )
    if "data_summary" not in inputs:
        raise DataError(
            f"{', '.join(inputs)}: of an earlier run, whose rows this run does not start from. "
            f"Start with reshaping, as in --pipelines reshaping,evaluation, {advice}"
        )
    run_by_input = {name: catalog.get(name).resolve_load_version() for name in inputs}
    if len({*run_by_input.values()}) > 1:
        listed = ", ".join(f"{name} of {run}" for name, run in run_by_input.items())
        pins = ",".join(f"{name}:RUN" for name in inputs)
        raise DataError(
            f"A part of a run continues from one run, and these are of several: {listed}. Name "
            f"one run, as in --load-versions {pins}, {advice}"
        )
    if change := _change_since(catalog, SIDES.intersection(inputs)):
        run = run_by_input["data_summary"]
        raise DataError(f"The outputs of run {run} cannot be continued: {change}, {advice}")


def _change_since(catalog: Any, sides: set[str]) -> str | None:
    """Say what differs from what the loaded data summary says, and the way out; None if nothing."""
    summary = catalog.load("data_summary")
    if summary.lineage is None:
        return "an earlier version did not write down their conf. Load those of another run"
    if summary.lineage.parameters != catalog.load("provenance").parameters_sha256:
        return "conf has changed since. Set it back"
    if summary.sha256 != catalog.load("raw_rows").sha256():
        return f"the raw rows, {summary.file}, have changed since. Put them back"
    for side in sorted(sides):
        if getattr(summary.lineage, side) != hash_of(catalog.load(side)):
            return f"its {side} have changed on disk since. Put the file back"
    return None


# Scoring guards -----------------------------------------------------------------------------------

# Outputs of a scoring besides its predictions.
VERSIONED = ("quarantined_rows_to_score", "scoring_summary", "scoring_drift")
# Parameters that change predictions; the champion's schema holds the rest of `columns`.
USED = {
    "columns": {"key", "history"},
    "validation": {"max_quarantined_fraction"},
    "scoring": {"pass_through", "reasons"},
}


def scores(pipeline: Pipeline) -> bool:
    """Return whether a run scores rows with the champion."""
    return "predictions@plan" in pipeline.all_outputs()


def refuse_parts_of_scoring(
    pipeline: Pipeline, only_missing_outputs: bool, run_command: str
) -> None:
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
    timestamp: str,
) -> None:
    """Stop if this run would repeat the newest predictions.

    A run does not count if one of its outputs is gone or changed. If drift stops a scoring, a run
    must also have compared its rows.

    Raises:
        NothingNewError: Names the earlier run, with its alarm.
    """
    for run in finished_runs(folder_of(catalog), timestamp)[-1:]:
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
            drifts = folder_of_versions(catalog.get("scoring_drift"))  # None if not in a file
            drift = Versions(drifts, partial(from_json, Drift)).get(run) if drifts else None
            if stops and (drift is None or drift.not_compared is not None):
                return
            alarm = drift.alarm if drift else None
            raise NothingNewError(
                f"rows, champion, parameters and code are those of run {run}, whose predictions "
                f"are in {folder}. To score anyway: --params scoring.force=true",
                alarm,
                exit_code=int(stops and alarm is not None),
            )


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
