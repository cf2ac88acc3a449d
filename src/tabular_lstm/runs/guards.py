"""Guards: checks that stop a run, or warn, before any node runs."""

import contextlib
import logging
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import takewhile
from operator import itemgetter
from pathlib import Path
from typing import Any

from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline
from kedro.validation import ParameterValidationError

from tabular_lstm.code_version import code_sha256
from tabular_lstm.datasets.kedro_private import folder_of_versions
from tabular_lstm.datasets.rows_to_score import without_secrets
from tabular_lstm.errors import DataError, counted, no_column, unknown_name
from tabular_lstm.exit_codes import DONE, FAILED, Severity
from tabular_lstm.files import opened, writing
from tabular_lstm.frozen import Parameters, from_json
from tabular_lstm.judging.gate import START_OVER
from tabular_lstm.monitoring.drift import Drift
from tabular_lstm.parameters import BLOCKS
from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.parameters.hyperparameters import NetworkOptions, ReshapingOptions, fault_of_task
from tabular_lstm.parameters.runs import POSSIBLE_LEAKS, RetrainingOptions
from tabular_lstm.rows.raw_rows import Table
from tabular_lstm.rows.train_test_split import fault_of_split
from tabular_lstm.runs.lock import lock_file
from tabular_lstm.runs.models import values_of_models
from tabular_lstm.runs.own_package import PACKAGE, own_source, packages_of_pipelines
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.decision import Champions, Decision
from tabular_lstm.serving.manifest import (
    Conditions,
    finished_runs,
    read_manifest,
    read_part,
    unfinished_runs,
)
from tabular_lstm.serving.promotion_log import (
    Inputs,
    LogEntry,
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
    "kedro server and KedroServiceSession share hooks between runs, so one run would release "
    "another run's lock. Use kedro run, which starts a process for each run, or load_champion for "
    "single rows, see docs/scoring.md."
)
NO_TUNING = (
    "The pipeline tuning is gone: docs/tuning.md shows a search with scikit-learn, and "
    "where its result goes in conf."
)
OWN = "(your own parameters go in a block named after your pipeline's folder)"
NO_POSSIBLE_LEAKS = (
    "Parameter 'promotion': refuse_possible_leaks is gone: a possible leak always blocks a "
    "promotion until conf names the feature, see docs/gate.md. Delete the option."
)


class NothingNewError(Exception):
    """A run would repeat an earlier run, so it ends normally without doing anything.

    Args:
        message: Names the earlier run.
        alarm: The alarm of the earlier run, which this run repeats. Default: None.
        exit_code: The exit code. Default: 0, or with an alarm the code that conf sets for it.
        severity: The severity of the earlier run. Default: done.
    """

    def __init__(
        self,
        message: str,
        alarm: str | None = None,
        exit_code: int = DONE,
        severity: Severity = "done",
    ) -> None:
        super().__init__(message)
        self.alarm, self.exit_code, self.severity = alarm, exit_code, severity


def decides(pipeline: Pipeline) -> bool:
    """Return whether a run writes a decision, or its entry in the promotion log."""
    return not pipeline.all_outputs().isdisjoint({"decision", "promotions"})


def retrains(pipeline: Pipeline) -> bool:
    """Return whether a run trains a candidate."""
    return "candidate@network" in pipeline.all_outputs()


def check_parameters(parameters: dict[str, Any], runtime: Collection[str] = ()) -> dict[str, Any]:
    """Return all blocks by name, typed, with their defaults; only `columns` has no defaults.

    Kedro checks only the blocks that the chosen pipelines read, and ignores the others silently.
    The block of a pipeline of the project's own package may hold anything.

    Args:
        parameters: Parameters of all files and of the command line.
        runtime: Names of the parameters on the command line. Default: none.

    Raises:
        ParameterValidationError: Names each fault, and for an unknown name the closest known name.
    """
    faults: list[str | None] = []
    blocks: dict[str, Any] = {name: block() for name, block in BLOCKS.items() if name != "columns"}
    for name, values in parameters.items():
        if name not in {*BLOCKS, "models"}:
            faults.append(_fault_of_no_block(name, values, name in runtime))
            continue
        try:
            if name == "models":
                values_of_models(parameters)
            else:
                blocks[name] = BLOCKS[name].model_validate(values)
        except ValueError as error:
            faults.append(f"'{name}': {error}")
        else:
            if POSSIBLE_LEAKS in values:
                logger.warning(NO_POSSIBLE_LEAKS)
    if not any(faults) and "columns" in blocks:
        columns, network = blocks["columns"], blocks["network"]
        faults = [
            fault_of_split(columns, blocks["split"]),
            fault_of_task(columns.task, network, blocks["training"]),
            _fault_of_history(network, blocks["reshaping"]) if columns.history else None,
        ]
    if any(faults):
        raise ParameterValidationError("\n".join(f"Parameter {fault}" for fault in faults if fault))
    return blocks


def _fault_of_no_block(name: str, value: Any, on_command_line: bool) -> str | None:
    """Say what is wrong with a parameter that is no block; None if nothing is."""
    if name in {"model", *OF_THE_CATALOG}:
        is_text = on_command_line and isinstance(value, str) and value
        fault = f"'{name}': expected a path or a name, given only on the command line"
        return None if is_text else fault
    own_blocks = [n for n, package in packages_of_pipelines().items() if package != PACKAGE]
    if name in own_blocks:
        return None
    if name == "tuning" and on_command_line:
        return f"'tuning': {NO_TUNING}"
    if name == "tuning":
        logger.warning("Parameter 'tuning': %s Delete the block.", NO_TUNING)
        return None
    return f"{unknown_name(name, [*BLOCKS, *own_blocks])} {OWN}"


def _fault_of_history(network: NetworkOptions, reshaping: ReshapingOptions) -> str | None:
    """Say what in these blocks does not fit `columns.history`, if anything."""
    if network.kind == "keras":
        return "network.kind = keras: this kind cannot read histories; expected kind: ensemble"
    if reshaping.features_per_step is not None:
        setting = f"reshaping.features_per_step = {reshaping.features_per_step}"
        return f"{setting}: with histories, all features of a row are one step; leave it out"
    return None


def refuse_other_paths(loader: Any, pipeline: Pipeline) -> None:
    """Stop if the command line gives a path that the catalog entry ignores."""
    for name in OF_THE_CATALOG & pipeline.inputs() & loader.runtime_params.keys():
        path, entry = loader.runtime_params[name], loader["catalog"][name]
        if not any(path in str(value) for value in entry.values()):
            raise DataError(
                f"--params {name}={without_secrets(path)}: the catalog entry {name} has its "
                f"own filepath and ignores this one. Use ${{runtime_params:{name},...}} as its "
                "filepath, or leave the parameter out."
            )


def refuse_what_cannot_be_judged(split: SplitOptions) -> None:
    """Refuse a retraining without test rows."""
    if split.test_fraction == 0:
        raise DataError(
            "split.test_fraction = 0: a retraining needs test rows; expected a share above 0."
        )


def refuse_older_log(champions: Champions, log: Path, timestamp: str, run_command: str) -> None:
    """Stop if the promotion log is missing or an older copy: then the wrong champion would serve.

    This is so if a run that decided after the last entry found a champion other than the one in
    this entry, or if several runs decided but the log is empty. Any other later run was stopped
    before it wrote its entry.

    Args:
        champions: The entries of the log, and the existing decisions.
        log: The file of the log.
        timestamp: The run id of a run that begins now.
        run_command: How to run in this environment, for the message.

    Raises:
        DataError: Says what to do.
    """
    logged, serves = {entry.run_id for entry in champions.log}, champion_of(champions.log)
    runs = by_age({*logged, *filter(is_run_id, champions.decisions)}, timestamp)
    later = [*takewhile(lambda run: run not in logged, reversed(runs))]
    decisions = [decision for run in later if (decision := _decision(champions, run))]
    found_another = any(decision.served_before != serves for decision in decisions)
    if found_another or (not logged and len(later) > 1):
        raise DataError(
            f"{log} is missing or an older copy: according to it, {serves or 'no run'} serves, "
            f"but {counted(len(later), 'run')} decided later, most recently {later[0]}. Restore "
            f"the newest log. Or, to judge without a champion: {run_command} --pipelines "
            "retraining --params promotion.start_over=true."
        )


def refuse_lost_features(champions: Champions, raw_rows: Table, columns: ColumnsOptions) -> None:
    """Stop before training if features of the champion are missing: it could not be compared.

    Raises:
        DataError: Names the columns and says what to do. Not raised if conf lists
            `columns.features`.
    """
    champion = champion_of(champions.log)
    judgement = champion and columns.features is None and champions.judgement(champion)
    names = raw_rows.columns if judgement else []
    if judgement and (lost := [name for name in judgement.data.features if name not in names]):
        needed_by = (
            f"The champion, run {champion}, uses features that are missing: {', '.join(lost)}. "
            f"Restore them; or, if they are gone for good, {START_OVER}"
        )
        raise no_column(raw_rows.file, lost[0], names, needed_by)


def _decision(champions: Champions, run: str | None) -> Decision | None:
    """Return the decision of a run; None if it is gone or damaged, so that nothing is known."""
    try:
        return champions.decisions[str(run)]
    except (KeyError, DataError):
        return None


def refuse_nothing_new(
    champions: Champions, inputs: Inputs, retraining: RetrainingOptions, hold: bool = False
) -> None:
    """Stop if training would give a candidate that was already judged against the champion.

    The same data and parameters give the same candidate, or after an upgrade a similar one. So do
    other data with the same `Inputs.rows`, once these are known. The candidate was judged if it is
    the champion, if it was rejected since the champion was promoted, or if it was rolled back. A
    rejection on hold counts only as long as the hold lasts.

    Args:
        champions: The promotion log, and the decisions.
        inputs: What a candidate would be made from.
        retraining: Whether other code alone is something new, and the exit codes.
        hold: Whether this run is on hold. Default: no.

    Raises:
        NothingNewError: Names the earlier run, with the alarm and the exit code of its decision.
    """
    compared = {"parameters", "data" if inputs.rows is None else "rows"}
    known = [
        (made_from.code != inputs.code, entry)
        for entry in reversed(champions.log)
        if (made_from := entry.inputs)
        and made_from.model_dump(include=compared) == inputs.model_dump(include=compared)
        and (made_from.code == inputs.code or not retraining.new_code)
        and (hold or not entry.on_hold)
        and _fate(champions.log, entry)
    ]
    if not known:
        return
    # The newest one, with the same code if there is one: that is this very candidate.
    is_upgraded, entry = min(known, key=itemgetter(0))
    decision = _decision(champions, entry.run_id)
    same = "data and parameters" if is_upgraded else "data, parameters and code"
    since = f"run {entry.run_id} had the same {same}, and it"
    if inputs.rows is not None:
        since = f"no new labelled rows since run {entry.run_id}, which"
    note = " Only the code or a package has changed." if is_upgraded else ""
    raise NothingNewError(
        f"{since} {_fate(champions.log, entry)}.{note} To train anyway: "
        "--params retraining.force=true",
        decision.alarm if decision else None,
        decision.exit_code(retraining) if decision else DONE,
        decision.severity if decision else "done",
    )


def _fate(log: Sequence[LogEntry], entry: LogEntry) -> str | None:
    """Say why the candidate of an entry need not be judged again; None if it must."""
    stand = standing(log)
    if entry.action == "promoted" and entry.run_id not in stand[1:]:
        return "serves" if entry.run_id in stand else "was rolled back"
    since = log.index(changes(log)[-1]) if stand else 0
    rejected = entry.action == "rejected" and log.index(entry) >= since
    return f"was rejected: {entry.reason}" if rejected else None


# Parts of a run -----------------------------------------------------------------------------------
# A run that decides or scores must be a whole pipeline. In any other run, the nodes of this package
# read only what the same run produces; nodes of a project's own package may read any entry.

WHOLE = ("retraining", "rollback", "scoring")
# Inputs that no run produces: they come from outside or from the hooks; and the champions.
GIVEN = {
    *("raw_rows", "rows_to_score", "late_labels", "champions", "champion", "finished_scorings"),
    *("run_id", "engine", "provenance", "scoring_conditions"),
}


def refuse_part(pipeline: Pipeline, run_params: Mapping[str, Any], run_command: str) -> None:
    """Refuse a part of a run that decides or scores, and a run that continues an earlier one.

    Args:
        pipeline: The pipeline to run.
        run_params: What Kedro says about the run.
        run_command: How to run in this environment, for messages.

    Raises:
        DataError: Names the whole run.
    """
    nodes = [{*pipelines[name].nodes} for name in WHOLE if name in pipelines]
    is_whole = {*pipeline.nodes} in nodes and not run_params["only_missing_outputs"]
    if (decides(pipeline) or scores(pipeline)) and not is_whole:
        name = "scoring" if scores(pipeline) else "retraining"
        raise DataError(
            "A run that decides or scores must be one complete pipeline by itself, so that each "
            f"decision or manifest comes from one run: {run_command} --pipelines {name}. To "
            f"restore a champion: {run_command} --pipelines rollback. Run other pipelines "
            "separately."
        )
    not_made = {name for name in pipeline.inputs() - GIVEN if not name.startswith("params:")}
    not_made |= (run_params["load_versions"] or {}).keys()
    not_made &= {
        name
        for node in pipeline.nodes
        # A function of C may have no module.
        if str(getattr(node.func, "__module__", "")).startswith(f"{PACKAGE}.")
        for name in node.inputs
    }
    if not_made:
        names = ", ".join(sorted({name.partition("@")[0] for name in not_made}))
        raise DataError(
            f"{names} would come from an earlier run, but a run reads only what it produces "
            f"itself. Run the preceding nodes too, as {run_command} --tags training does, or run "
            f"everything: {run_command}."
        )


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


def folder_of(catalog: Any) -> Path:
    """Return the folder of all runs' predictions."""
    return Path(catalog.get("predictions").folder)


def conditions(parameters: dict[str, Parameters], entry: dict[str, Any]) -> Conditions:
    """Collect what predictions depend on: parameters and the catalog's entry `rows_to_score`.

    The path of the rows does not count, because their bytes do. For another package's dataset,
    only the type counts, because its arguments may hold a password. The source of a project's own
    package counts as a parameter.
    """
    blocks: dict[str, Any] = {
        name: parameters[name].model_dump(mode="json", include=used) for name, used in USED.items()
    }
    left_out = {"metadata", "filepath", "credentials"}
    if not str(entry["type"]).startswith("tabular_lstm."):
        left_out = entry.keys() - {"type"}
    read = {name: value for name, value in entry.items() if name not in left_out}
    blocks |= {"rows_to_score": read, **own_source()}
    return Conditions(parameters=blocks, code_sha256=code_sha256())


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
            is_stopped = stops and alarm is not None
            raise NothingNewError(
                f"run {run} had the same rows, champion, parameters and code, and its predictions "
                f"are in {folder}. To score anyway: --params scoring.force=true",
                alarm,
                exit_code=FAILED if is_stopped else DONE,
                severity="failed" if is_stopped else "done",
            )


@contextlib.contextmanager
def clear_unfinished(catalog: Any) -> Iterator[None]:
    """Delete what killed scorings left, if no other scoring is at work.

    During the context, other scorings see that this one is at work.

    Raises:
        DataError: The folder of predictions cannot be created.
    """
    folder = folder_of(catalog)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with opened(folder) as descriptor:
        try:
            lock_file(descriptor)
            unfinished = [folder / run for run in unfinished_runs(folder)]
            for versions in (folder_of_versions(catalog.get(name)) for name in VERSIONED):
                if versions:  # files that are not renamed yet
                    unfinished += [path.parent for path in versions.glob(f"*/.{versions.name}.new")]
            for path in unfinished:
                shutil.rmtree(path)
                logger.info("Deleted %s, which a scoring left unfinished", path)
        except OSError as error:  # another scoring may be at work, without a manifest yet
            logger.info("Unfinished outputs were not deleted: %s", error.strerror)
        with contextlib.suppress(OSError):
            lock_file(descriptor, shared=True, wait=True)
        yield
