"""Guards: checks that stop a run, or warn, before any node runs."""

import contextlib
import logging
from collections.abc import Collection, Mapping
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, cast

from kedro.io import DatasetError
from kedro.pipeline import Pipeline
from kedro.validation import ParameterValidationError

from tabular_lstm.environments import output_folder
from tabular_lstm.errors import DataError, counted, unknown_name
from tabular_lstm.parameters import BLOCKS, Columns, Network, Split, Training, fault_of_task
from tabular_lstm.rows.train_test_split import fault_of_split
from tabular_lstm.runs.partial_runs import GIVEN, read_by
from tabular_lstm.serving.champion_history import Champions
from tabular_lstm.serving.decision import Inputs
from tabular_lstm.serving.promotion_log import champion_of, changes, standing
from tabular_lstm.serving.run_id import by_age, is_run_id

# Paths on the command line that the catalog reads.
OF_THE_CATALOG = {"rows_to_score", "late_labels"}

logger = logging.getLogger(__name__)

NO_SERVER = (
    "kedro server and KedroServiceSession share the hooks among runs, so a run would release "
    "another run's lock: expected kedro run, a process for each run, or for single rows "
    "load_champion, see docs/scoring.md."
)


class NothingNewError(Exception):
    """A run would repeat another run. This is a normal end.

    Args:
        message: Names the other run.
        alarm: The alarm of the other run, with which this run ends too. Default: None.
        exit_code: The exit code for an alarm if conf names none. Default: 0.
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
        if name in OF_THE_CATALOG:
            if name not in runtime or not isinstance(values, str) or not values:
                faults.append(f"Parameter '{name}': expected a path, on the command line alone")
        elif name not in BLOCKS:
            faults.append(f"Parameter {unknown_name(name, list(BLOCKS))}")
        else:
            try:
                blocks[name] = BLOCKS[name].model_validate(values)
            except ValueError as error:
                faults.append(f"Parameter '{name}': {error}")
    if not faults and "columns" in blocks:
        columns = cast("Columns", blocks["columns"])
        of_task = (
            columns.task,
            cast("Network", blocks["network"]),
            cast("Training", blocks["training"]),
        )
        wrong = (
            fault_of_split(columns, cast("Split", blocks["split"])),
            fault_of_task(*of_task),
            columns.history and _fault_of_history(of_task[1], blocks["reshaping"]),
        )
        faults += [f"Parameter {fault}" for fault in wrong if fault]
    if faults:
        raise ParameterValidationError("\n".join(faults))
    return blocks


def _fault_of_history(network: Network, reshaping: Any) -> str | None:
    """Say what in these blocks does not fit `columns.history`, if anything."""
    if network.kind == "tutorial":
        return "network.kind = tutorial: it reads no histories; expected kind: ensemble"
    if reshaping.features_per_step is not None:
        given = f"reshaping.features_per_step = {reshaping.features_per_step}"
        return f"{given}: of histories all features of a row are one step; leave it out"
    return None


def refuse_other_paths(runtime: Mapping[str, Any], entries: Mapping[str, dict[str, Any]]) -> None:
    """Stop if the command line names a path that the catalog's entry does not read."""
    for name, entry in entries.items():
        path = runtime[name]
        if not any(path in str(value) for value in entry.values()):
            raise DataError(
                f"--params {name}={path}: the catalog's entry {name} does not read this path, but "
                f"has one of its own. Write ${{runtime_params:{name},...}} there as its filepath, "
                "or leave the parameter out."
            )


def refuse_parts(pipeline: Pipeline, only_missing_outputs: bool, run_command: str) -> None:
    """Refuse a part of a retraining that would judge or promote another run's outputs."""
    whole = read_by(pipeline) <= GIVEN and "promotions" in pipeline.all_outputs()
    if only_missing_outputs or not whole:
        raise DataError(
            "Only a whole run may decide who serves. A whole run goes from the raw rows to the "
            f"promotion log: {run_command} --pipelines retraining. To restore a champion: "
            f"{run_command} --pipelines rollback."
        )


def refuse_what_cannot_be_judged(split: Split, network: Network) -> None:
    """Refuse a retraining whose candidate could not be promoted."""
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


def check_newest(champions: Champions, log: Path, now: str, refused: bool) -> None:
    """Warn or stop if runs have decided after the end of the promotion log: it may be an old copy.

    The log is an old copy if a later run found a champion that is not the log's last champion.
    Otherwise, these runs may have been stopped before their entry in the log.

    Args:
        champions: The entries of the log, and the existing decisions.
        log: The file of the log.
        now: The run id of a run that begins now.
        refused: Whether an old copy stops the run.

    Raises:
        DataError: Names the runs, and the ways out.
    """
    logged = {entry.run_id for entry in champions.log}
    runs = by_age({*logged, *filter(is_run_id, champions.decisions)}, now)
    later = [*takewhile(lambda run: run not in logged, reversed(runs))]
    if not (logged and later):
        return
    found = (
        f"{log} ends with run {champions.log[-1].run_id}, and {counted(len(later), 'run')} decided "
        f"after it, the last one {later[0]}"
    )
    if refused and not all(map(partial(_found_champion, champions), later)):
        raise DataError(
            f"{found}, after another champion: the log is an older copy. Put the newest one back. "
            "Or, to judge without a champion: --pipelines retraining --params "
            "promotion.start_over=true."
        )
    logger.warning("%s: the log may be an older copy, or a run was stopped before its entry", found)


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


def refuse_nothing_new(champions: Champions, inputs: Inputs, new_code: bool) -> None:
    """Stop if training would give a candidate that was already judged against the champion.

    The same data and parameters give the same candidate, or after an upgrade a similar one. It was
    judged if it is the champion, if it was rejected since the champion was promoted, or if it was
    rolled back.

    Args:
        champions: The promotion log, and the decisions.
        inputs: What a candidate would be made from.
        new_code: Whether other code alone is something new: `retraining.new_code`.

    Raises:
        NothingNewError: Names the earlier run, with the alarm of its decision.
    """
    log, alarm = champions.log, None
    stand = standing(log)
    since = log.index(changes(log)[-1]) if stand else 0
    # The newest entry with the same code comes first, because it is this very candidate.
    for place, entry in sorted(enumerate(log), key=lambda at: (at[1].inputs != inputs, -at[0])):
        before = entry.inputs
        if before is None or (before.data, before.parameters) != (inputs.data, inputs.parameters):
            continue
        same_code = before.code == inputs.code
        if new_code and not same_code:
            continue
        if entry.action == "promoted" and entry.run_id not in stand[1:]:
            fate = "serves" if entry.run_id in stand else "was rolled back from"
        elif entry.action == "rejected" and place >= since:
            fate = f"was rejected: {entry.reason}"
        else:
            continue
        with contextlib.suppress(KeyError, DataError):  # gone or damaged: nothing is known
            alarm = champions.decisions[entry.run_id].alarm
        same = "data, parameters and code are" if same_code else "data and parameters are"
        other = "" if same_code else " Only the code or a package is new."
        raise NothingNewError(
            f"{same} those of run {entry.run_id}, which {fate}.{other} To train "
            "anyway: --params retraining.force=true",
            alarm,
        )
