"""A search: Optuna chooses the values of each trial, and keeps in SQLite how the trial ended.

The next values depend only on the trials that have ended and on the seed. So a search that was
killed can be continued: it keeps its trials, and tries the same values.
"""

import hashlib
import json
import logging
import math
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tabular_lstm.code_version import code_sha256
from tabular_lstm.engine import Workers
from tabular_lstm.errors import DataError
from tabular_lstm.judging.drawing import TUNING_FIGURES, style, to_svg
from tabular_lstm.parameters import TUNABLE, Range, Tuning, values_of, without
from tabular_lstm.tuning.trials import LOSSES, Study, Trial, TrialTask, run_trial

try:
    import optuna
except ModuleNotFoundError as error:
    raise DataError(
        "The pipeline tuning needs the package optuna, which is not installed. Install the extra: "
        "pip install 'tabular-lstm[tuning]'."
    ) from error

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import OptunaError
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.trial import TrialState, create_trial
from optuna.visualization import matplotlib as plots
from sqlalchemy.exc import SQLAlchemyError

logger = logging.getLogger(__name__)

Distribution = CategoricalDistribution | FloatDistribution | IntDistribution
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
PLOTS: dict[str, Any] = {
    "tuning_history": plots.plot_optimization_history,
    "tuning_importances": plots.plot_param_importances,
    "tuning_slices": plots.plot_slice,
}


def search(database: Path, task: TrialTask, tuning: Tuning, workers: Workers) -> Study:
    """Run the trials that a study does not have yet, and give all trials.

    With one worker the same search gives the same study. With several workers, a trial's values
    depend on the trials that ended before. Only one search at a time may write to the database.

    Raises:
        DataError: The file is damaged or cannot be written, or the present parameters diverge.
    """
    name = name_of(task, tuning)
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        study = _opened(database, name)
        _run(study, task, tuning, workers)
        loss = LOSSES[task.schema.task.kind]
        return Study(database=database, name=name, trials=trials_of(study), loss=loss)
    except (OptunaError, SQLAlchemyError, OSError) as error:
        fault = str(error).splitlines()[0]
        raise DataError(
            f"{database}: Optuna cannot use the file: {fault}. Trials that have ended are kept: "
            "repair the file, or move it away to begin anew, and run the tuning again."
        ) from error


def name_of(task: TrialTask, tuning: Tuning) -> str:
    """Name the study: 16 digits of a SHA-256 of all that its trials depend on.

    Other rows, another space, other fixed parameters or other code make another study.
    """
    groups = task.train_set.fold_groups
    made_of = [
        task.train_set.fingerprint,
        None if groups is None else hashlib.sha256(groups.astype("<i8").tobytes()).hexdigest(),
        task.schema.model_dump(mode="json"),
        without(task.network, task.training, tuning.space),
        tuning.model_dump(mode="json", exclude={"trials", "adopt"}),
        version("optuna"),
        code_sha256(),
    ]
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]


def trials_of(study: optuna.Study) -> list[Trial]:
    """Give the trials that have ended."""
    ended = sorted(study.get_trials(deepcopy=False, states=ENDED), key=lambda t: t.number)
    return [
        Trial(
            trial=number,
            log_loss=math.inf if trial.value is None else trial.value,
            values=trial.user_attrs["values"],
        )
        for number, trial in enumerate(ended, 1)
    ]


def draw(study: Study) -> dict[str, str]:
    """Draw Optuna's plots as SVG, by the names of `judging.drawing.TUNING_FIGURES`."""
    from matplotlib import pyplot as plt  # noqa: PLC0415  It takes a second.

    shown = optuna.load_study(study_name=study.name, storage=_storage(study.database))
    drawn = {}
    for name, title in TUNING_FIGURES.items():
        with style(), warnings.catch_warnings(action="ignore"):  # "experimental"
            panels = np.ravel(PLOTS[name](shown, target_name=study.loss))
            for axes in panels:
                axes.set_title("", loc="left")
                axes.set_title("")
                axes.set_xlabel(axes.get_xlabel().rpartition(".")[2])
                if axes.get_xscale() == "log":  # our style has no formulas such as 10^-2
                    axes.xaxis.set_major_formatter("{x:g}")
                    axes.xaxis.set_minor_formatter("")
            figure = panels[0].figure
            figure.set_layout_engine("constrained")
            drawn[name] = to_svg(figure, title)
            plt.close(figure)
    return drawn


def _storage(database: Path) -> RDBStorage:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return RDBStorage(f"sqlite:///{database}")


def _opened(database: Path, name: str) -> optuna.Study:
    """Open an existing study, or create it."""
    storage = _storage(database)
    study = optuna.create_study(storage=storage, study_name=name, load_if_exists=True)
    # A killed search has left these trials.
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    return study


def _run(study: optuna.Study, task: TrialTask, tuning: Tuning, workers: Workers) -> None:
    """Try the present parameters, then ask Optuna for the trials that are missing."""
    ended, loss_name = trials_of(study), LOSSES[task.schema.task.kind]
    logger.info("Study %s has %d of %d trials", study.study_name, len(ended), tuning.trials)
    present = values_of(task.network, task.training, tuning.space)
    if not any(trial.values == present and math.isfinite(trial.log_loss) for trial in ended):
        ((_, loss),) = workers(run_trial, task, [present])
        if not math.isfinite(loss):
            raise DataError(
                "With the present parameters the loss is not finite. Lower "
                f"training.learning_rate = {task.training.learning_rate} or "
                f"training.weight_decay = {task.training.weight_decay}."
            )
        _add_present(study, tuning.space, present, loss)
        _log(study, loss, tuning.trials, loss_name)
    ended_before, asked = len(trials_of(study)), list[optuna.Trial]()

    def parts() -> Iterator[dict[str, Any]]:
        while ended_before + len(asked) < tuning.trials:
            asked.append(_ask(study, tuning, ended_before + len(asked)))
            yield asked[-1].user_attrs["values"]

    for place, loss in workers(run_trial, task, parts()):
        if math.isfinite(loss):
            study.tell(asked[place], loss)
        else:
            study.tell(asked[place], state=TrialState.PRUNED)
        _log(study, loss, tuning.trials, loss_name)


def _ask(study: optuna.Study, tuning: Tuning, place: int) -> optuna.Trial:
    """Begin a trial; the sampler chooses its values from the results of the ended trials."""
    seed = np.random.default_rng([tuning.seed, 3, place]).integers(2**31)
    study.sampler = TPESampler(seed=int(seed))
    trial = study.ask({name: _distribution(name, r) for name, r in tuning.space.items()})
    values = {
        name: json.loads(param) if isinstance(param, str) else param
        for name, param in trial.params.items()
    }
    trial.set_user_attr("values", values)
    return trial


def _add_present(
    study: optuna.Study, space: dict[str, Range], values: dict[str, Any], loss: float
) -> None:
    """Add the trial with the present parameters; the sampler sees only values within the space."""
    held = {name: where for name, where in space.items() if where.holds(values[name])}
    params = {
        name: values[name] if where.choices is None else json.dumps(values[name])
        for name, where in held.items()
    }
    trial = create_trial(
        params=params,
        distributions={name: _distribution(name, where) for name, where in held.items()},
        value=loss,
        user_attrs={"values": values},
    )
    study.add_trial(trial)


def _distribution(name: str, where: Range) -> Distribution:
    if where.choices is not None:
        # As text, because Optuna cannot store lists.
        return CategoricalDistribution([json.dumps(choice) for choice in where.choices])
    low, high = where.bounds
    if TUNABLE[name] is int:
        return IntDistribution(int(low), int(high), log=where.log)
    return FloatDistribution(low, high, log=where.log)


def _log(study: optuna.Study, loss: float, wanted: int, loss_name: str) -> None:
    """Log a line for a trial. With several workers, trials may end in another order."""
    ended = trials_of(study)
    how = f"{loss_name} {loss:.4f}" if math.isfinite(loss) else "it diverged"
    best = min(trial.log_loss for trial in ended)
    line = "%d of %d trials have ended; the last one: %s; the best so far: %.4f"
    logger.info(line, len(ended), max(wanted, len(ended)), how, best)
