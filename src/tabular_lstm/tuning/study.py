"""Optuna: it chooses what each trial tries, and its journal keeps what came of it.

The journal is a file of JSON lines that `optuna.storages.journal` and what is built on it read.
What is tried next follows from the trials that have ended and the seed alone, so that a search that
was killed and goes on tries what it would have tried.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.samplers import TPESampler
from optuna.storages.journal import JournalStorage
from optuna.trial import FrozenTrial, TrialState

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import TUNABLE, Range
from tabular_lstm.tuning.found import ENOUGH, LOSS, Study, Trial
from tabular_lstm.tuning.journal import OUTCOME, VALUES, Distribution, Journal
from tabular_lstm.tuning.search import Search
from tabular_lstm.tuning.trials import Outcome, TrialPart, run_trial

logger = logging.getLogger(__name__)

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


def search_in(folder: Path, search: Search) -> Study:
    """Run the trials that a study does not have yet, and give all of them.

    With one worker, or here, the same search gives the same study. With several, what a trial tries
    depends on which ones have ended before.

    Args:
        folder: Of the studies, each a file; a file has one writer at a time.
        search: What is tried.

    Raises:
        DataError: The study's file is damaged or cannot be written, or the present parameters do
            not train.
    """
    path = folder / f"{search.name()}.jsonl"
    try:
        study = _opened(path, _distributions(search))
        _say_what_is_there(study, search, path)
        _run(study, search)
        return _found(study, path)
    except OSError as error:
        raise DataError(
            f"{error.filename or path}: {error.strerror}. The trials that have ended are "
            "kept: mend it, and run the tuning again."
        ) from error


def read(path: Path) -> Study:
    """Read a study, and leave it as it is.

    Raises:
        DataError: It is damaged.
    """
    return _found(_loaded(path), path)


def _opened(path: Path, space: Mapping[str, Distribution]) -> optuna.Study:
    """Open a study of a space to go on with it, or begin it.

    Raises:
        DataError: It is damaged.
    """
    study = _loaded(path, space)
    # Whoever ran them, or was to run them, was killed.
    for _ in study.get_trials(states=(TrialState.WAITING,)):
        study.ask()
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    return study


def _loaded(path: Path, space: Mapping[str, Distribution] | None = None) -> optuna.Study:
    """Read a study; where its space is given, and nothing is there, begin it."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    journal = Journal(path, space)
    try:
        storage = JournalStorage(journal)
        known = [study.study_name for study in storage.get_all_studies()]
        if space is not None and not known:
            return optuna.create_study(storage=storage, study_name=path.stem)
        return optuna.load_study(storage=storage, study_name=path.stem)
    except OSError:
        raise
    except Exception as error:  # Optuna raises what it likes
        where = f"{path}, line {journal.line}" if journal.line else path
        raise DataError(
            f"{where}: expected a study as Optuna's journal; {type(error).__name__}: {error}. To "
            "begin it anew, move the file away."
        ) from error


def _say_what_is_there(study: optuna.Study, search: Search, path: Path) -> None:
    ended, wanted = len(_ended(study)), search.tuning.trials
    if not ended:
        others = len([other for other in path.parent.glob("*.jsonl") if other != path])
        logger.info(
            "A new study, %s: %d trials over %s%s",
            path,
            wanted,
            ", ".join(search.tuning.space),
            f"; of other rows, space, parameters or code there are {others}, which stay"
            if others
            else "",
        )
    elif ended < wanted:
        logger.info("Going on with %s: %d of %d trials have ended", path, ended, wanted)
    else:
        logger.info("%s has %d trials already; tuning.trials is %d", path, ended, wanted)


def _run(study: optuna.Study, search: Search) -> None:
    """Ask for trials as they are needed, and tell what came of them."""
    asked: dict[int, optuna.Trial] = {}
    wanted = search.tuning.trials

    def parts() -> Iterator[TrialPart]:
        if not _present(study, search):
            trial = _ask_present(study, search)
            asked[trial.number] = trial
            yield TrialPart(trial.number, search.present, np.inf)
        while (place := len(_ended(study)) + len(asked)) < wanted:
            trial = _ask(study, search, place)
            asked[trial.number] = trial
            yield TrialPart(trial.number, trial.user_attrs[VALUES], search.limit(_ended(study)))

    _refuse_divergence(study, search)
    for _, (number, outcome) in search.workers(run_trial, search.task, parts()):
        _tell(study, asked.pop(number), outcome)
        _refuse_divergence(study, search)
        _say(_ended(study), outcome, wanted)


def _present(study: optuna.Study, search: Search) -> list[Trial]:
    return [trial for trial in _ended(study) if trial.values == search.present]


def _refuse_divergence(study: optuna.Study, search: Search) -> None:
    if any(trial.end == "diverged" for trial in _present(study, search)):
        raise DataError(
            "With the present parameters the loss is not finite: expected some that train. Lower "
            f"training.learning_rate = {search.task.training.learning_rate} or "
            f"training.weight_decay = {search.task.training.weight_decay}."
        )


def _ask_present(study: optuna.Study, search: Search) -> optuna.Trial:
    """Begin a trial with the present values."""
    params = {}
    for name, distribution in _distributions(search).items():
        value = search.present_in_numbers[name]
        if isinstance(distribution, CategoricalDistribution):
            value = json.dumps(value)
            held = value in distribution.choices
        else:
            held = value is not None and distribution.low <= value <= distribution.high
        # What the space does not hold is no observation for the sampler.
        if held:
            params[name] = value
    study.enqueue_trial(params)
    trial = study.ask({n: d for n, d in _distributions(search).items() if n in params})
    trial.set_user_attr(VALUES, search.present)
    return trial


def _ask(study: optuna.Study, search: Search, place: int) -> optuna.Trial:
    """Begin a trial with values that the sampler takes from the trials that have ended."""
    seed = np.random.default_rng([search.tuning.seed, 3, place]).integers(2**31)
    study.sampler = TPESampler(seed=int(seed))
    trial = study.ask({**_distributions(search)})
    values = {name: _value(search.tuning.space[name], p) for name, p in trial.params.items()}
    trial.set_user_attr(VALUES, values)
    return trial


def _value(where: Range, param: Any) -> Any:
    """Give a parameter as a person would write it into conf: four digits are enough."""
    if where.choices is not None:
        return json.loads(param)
    if isinstance(param, float):
        low, high = where.bounds
        return min(max(float(f"{param:.4g}"), low), high)
    return param


def _tell(study: optuna.Study, trial: optuna.Trial, outcome: Outcome) -> None:
    trial.set_user_attr(OUTCOME, outcome.model_dump(mode="json"))
    if outcome.end == "complete":
        study.tell(trial, outcome.log_loss)
        return
    if outcome.end == "pruned":
        trial.report(outcome.losses[-1], len(outcome.losses))
    study.tell(trial, state=TrialState.PRUNED)


def _say(ended: list[Trial], outcome: Outcome, wanted: int) -> None:
    """Log a line a trial. On workers they end in another order than they began in."""
    complete = [trial.log_loss for trial in ended if trial.log_loss is not None]
    came = {
        "complete": f"has {LOSS} {outcome.log_loss or 0:.4f}",
        "pruned": f"was given up after {len(outcome.losses)} epochs, no better, above the median",
        "diverged": "had a loss that was not finite",
    }[outcome.end]
    logger.info(
        "%d of %d trials have ended; the last one %s; the best so far %.4f",
        len(ended),
        max(wanted, len(ended)),
        came,
        min(complete, default=np.nan),
    )


def _found(study: optuna.Study, path: Path) -> Study:
    complete = [trial for trial in study.get_trials() if trial.state == TrialState.COMPLETE]
    names = max((trial.params.keys() for trial in complete), key=len, default={}.keys())
    whole = [trial for trial in complete if trial.params.keys() == names]
    importances: dict[str, float] = {}
    if len(whole) >= ENOUGH:
        of_whole = optuna.create_study()
        of_whole.add_trials(whole)
        importances = get_param_importances(of_whole, evaluator=FanovaImportanceEvaluator(seed=0))
    return Study(name=path.stem, file=str(path), trials=_ended(study), importances=importances)


def _ended(study: optuna.Study) -> list[Trial]:
    trials = study.get_trials(deepcopy=False, states=ENDED)
    return [_trial(number, trial) for number, trial in enumerate(trials, 1)]


def _trial(number: int, trial: FrozenTrial) -> Trial:
    values, outcome = trial.user_attrs[VALUES], trial.user_attrs[OUTCOME]
    numbers = {
        name: json.loads(param) if isinstance(param, str) else param
        for name, param in trial.params.items()
    }
    numbers |= {name: value for name, value in values.items() if value is not None}
    return Trial.model_validate({"number": number, "values": values, "numbers": numbers, **outcome})


def _distributions(search: Search) -> dict[str, Distribution]:
    return {name: _distribution(name, where) for name, where in search.tuning.space.items()}


def _distribution(name: str, where: Range) -> Distribution:
    if where.choices is not None:
        # As text, because Optuna keeps no lists.
        return CategoricalDistribution([json.dumps(choice) for choice in where.choices])
    low, high = where.bounds
    if TUNABLE[name] is int:
        return IntDistribution(int(low), int(high), log=where.log)
    return FloatDistribution(low, high, log=where.log)
