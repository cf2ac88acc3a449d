"""A study's file: Optuna's journal, of which every line is read as a tuning writes it.

Optuna believes a journal, and meets a line that nobody can have written only where it makes
something of it. So each line is looked at before Optuna has it.
"""

import json
import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    json_to_distribution,
)
from optuna.storages.journal import BaseJournalBackend
from optuna.study import StudyDirection
from optuna.trial import TrialState
from pydantic import ValidationError

from tabular_lstm.files import append_line
from tabular_lstm.frozen import first_fault
from tabular_lstm.tuning.found import Trial
from tabular_lstm.tuning.trials import Outcome

Distribution = CategoricalDistribution | FloatDistribution | IntDistribution
# What a trial keeps beside what Optuna keeps of it.
VALUES, OUTCOME = "values", "outcome"
# Of Optuna's operations those that a tuning writes; its dashboard adds notes, which are let be.
CREATE_STUDY, CREATE_TRIAL, SET_PARAM, SET_STATE, SET_INTERMEDIATE, SET_ATTR = 0, 4, 5, 6, 7, 8
NOTES = (2, 3, 9)
NO_OUTCOME = Outcome(end="diverged", log_loss=None, losses=[]).model_dump()


class Journal(BaseJournalBackend):
    """A journal of one writer: each line is there whole or not at all.

    Optuna's own backend goes on behind a line that was cut off, and then cannot read it any more.

    Attributes:
        line: The number, from 1, of the line that was given last.
    """

    def __init__(self, path: Path, space: Mapping[str, Distribution] | None = None) -> None:
        """Read the lines, and look at none yet.

        Args:
            path: Of the file; it need not be there yet.
            space: What each parameter may be. Default: what the file says of it first.
        """
        self._path = path
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            content = b""
        self._whole: int | None = content.rfind(b"\n") + 1
        self._logs: list[bytes | dict[str, Any]] = [*content[: self._whole].splitlines()]
        self._followed = Followed(path.stem, space)
        self.line = 0

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """Give the lines from one on.

        Raises:
            ValueError: A line is none that a tuning writes.
        """
        for place in range(log_number_from, len(self._logs)):
            self.line, log = place + 1, self._logs[place]
            if isinstance(log, bytes):
                log = self._logs[place] = self._read(log)
            yield log

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add lines."""
        for log in logs:
            line = json.dumps(log, separators=(",", ":")).encode()
            append_line(self._path, line, self._whole)
            self._whole = None
            self._logs.append(line)

    def _read(self, line: bytes) -> dict[str, Any]:
        log = json.loads(line, parse_constant=_refuse_constant)
        self._followed.take(log)
        return dict(log)


@dataclass
class _Told:
    """A trial, as far as the lines tell.

    Attributes:
        waits: Whether it has not begun yet.
        values: Of the tuned parameters.
        outcome: How it ends.
        ended: Whether it has.
    """

    waits: bool
    values: dict[str, Any] | None = None
    outcome: Outcome | None = None
    ended: bool = False


@dataclass
class Followed:
    """What the lines of a journal have said up to one of them.

    Attributes:
        name: Of the study.
        space: What each parameter may be; None where the journal alone says it.
    """

    name: str
    space: Mapping[str, Distribution] | None
    _begun: bool = False
    _said: dict[str, Distribution] = field(default_factory=dict)
    _trials: list[_Told] = field(default_factory=list)

    def take(self, log: Any) -> None:
        """Follow one line.

        Raises:
            ValueError: No tuning writes it, there.
        """
        if not isinstance(log, dict):
            raise TypeError(f"expected an object, got {type(log).__name__}")
        kind = log["op_code"]
        of_trials = {
            SET_PARAM: self._take_param,
            SET_STATE: self._take_state,
            SET_INTERMEDIATE: self._take_intermediate,
            SET_ATTR: self._take_attr,
        }
        if kind == CREATE_STUDY:
            self._take_study(log)
        elif not self._begun:
            raise ValueError(f"expected the study {self.name} to begin first")
        elif kind == CREATE_TRIAL:
            self._take_trial(log)
        elif kind in of_trials:
            of_trials[kind](self._trial(log), log)
        elif kind not in NOTES:
            raise ValueError(f"op_code {kind!r}: no tuning does that")

    def _take_study(self, log: dict[str, Any]) -> None:
        if self._begun:
            raise ValueError("a study begins a second time")
        given = log["study_name"], log["directions"]
        if given != (self.name, [StudyDirection.MINIMIZE]):
            raise ValueError(f"expected the study {self.name}, which minimizes; got {given}")
        self._begun = True

    def _take_trial(self, log: dict[str, Any]) -> None:
        _refuse_other(log["study_id"], 0, "study_id")
        waits = "state" in log
        _refuse_other(log.get("state", TrialState.WAITING), TrialState.WAITING, "state")
        for name in ("params", "distributions", "user_attrs", "intermediate_values"):
            _refuse_other(log.get(name, {}), {}, name)
        for name in ("value", "values"):
            _refuse_other(log.get(name), None, name)
        if not waits and log["datetime_start"] is None:
            raise ValueError("a trial begins at no time")
        self._trials.append(_Told(waits))

    def _trial(self, log: dict[str, Any]) -> _Told:
        number = log["trial_id"]
        if type(number) is not int or not 0 <= number < len(self._trials):
            raise ValueError(f"trial_id {number!r}: expected one of {len(self._trials)} trials")
        if (trial := self._trials[number]).ended:
            raise ValueError(f"trial_id {number}: it has ended before")
        return trial

    def _take_param(self, _: _Told, log: dict[str, Any]) -> None:
        name, place = log["param_name"], log["param_value_internal"]
        given: Any = json_to_distribution(log["distribution"])
        expected = self._said.setdefault(name, given)
        if self.space is not None:
            expected = self.space[name]
        if given != expected:
            raise ValueError(f"{name}: expected {expected}, got {given}")
        if not (_is_finite(place) and given._contains(place)):
            raise ValueError(f"{name}: expected a value of {given}, got {place!r}")
        if isinstance(given, CategoricalDistribution):
            for choice in given.choices:
                json.loads(choice)  # type: ignore[arg-type]

    def _take_state(self, trial: _Told, log: dict[str, Any]) -> None:
        state, values = TrialState(log["state"]), log["values"]
        trial.ended = state.is_finished()
        if state == TrialState.WAITING or (state == TrialState.RUNNING and not trial.waits):
            raise ValueError(f"a trial that has begun is {state.name}")
        trial.waits = False
        if state not in (TrialState.COMPLETE, TrialState.PRUNED):
            return _refuse_other(values, None, "values")
        if trial.values is None or trial.outcome is None:
            raise ValueError(f"a trial that is {state.name} without {VALUES} or {OUTCOME}")
        outcome = trial.outcome
        if (outcome.end == "complete") != (state == TrialState.COMPLETE):
            raise ValueError(f"a trial that is {outcome.end} is {state.name}")
        # Of one that was given up Optuna takes the loss that was reported last.
        loss = outcome.losses[-1] if outcome.end == "pruned" else outcome.log_loss
        return _refuse_other(values, None if loss is None else [loss], "values")

    def _take_intermediate(self, _: _Told, log: dict[str, Any]) -> None:
        step, value = log["step"], log["intermediate_value"]
        if type(step) is not int or step < 0 or not _is_finite(value):
            raise ValueError(f"expected the loss of an epoch, got {value!r} of {step!r}")

    def _take_attr(self, trial: _Told, log: dict[str, Any]) -> None:
        ((name, value),) = log["user_attr"].items()
        try:
            if name == VALUES:
                Trial.model_validate({"number": 1, VALUES: value, "numbers": {}, **NO_OUTCOME})
                trial.values = value
            elif name == OUTCOME:
                trial.outcome = Outcome.model_validate(value)
        except ValidationError as error:
            raise ValueError(f"{name}: {first_fault(error)}") from error


def _refuse_other(given: Any, expected: Any, name: str) -> None:
    if given != expected:
        raise ValueError(f"{name}: expected {expected!r}, got {given!r}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
