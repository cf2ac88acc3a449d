"""A trial trains with some values of the tuned parameters; the best trial has the lowest loss.

A trial is a part for an engine's workers (`tabular_lstm.engine`), so it is made of plain values.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tabular_lstm.errors import counted
from tabular_lstm.frozen import Frozen, Stored, unless
from tabular_lstm.judging.metrics import METRICS
from tabular_lstm.parameters import (
    CLASSES,
    NUMBER,
    TWO_CLASSES,
    Network,
    Training,
    Tuning,
    values_of,
    with_values,
)
from tabular_lstm.rows.labelled_set import LabelledSet
from tabular_lstm.rows.schema import Schema
from tabular_lstm.tensorflow_import import import_tensorflow

End = Literal["complete", "diverged"]
LOSS = f"out-of-fold {METRICS['log_loss']}"
# The loss of each task; a number is scaled to a standard deviation of 1.
LOSSES = {TWO_CLASSES: LOSS, CLASSES: LOSS, NUMBER: "out-of-fold quantile loss"}


@dataclass(frozen=True)
class TrialTask:
    """What every trial needs; a trial changes some of these parameters."""

    schema: Schema
    network: Network
    training: Training
    train_set: LabelledSet


@dataclass(frozen=True)
class TrialPart:
    """The values of one trial.

    Attributes:
        number: Number that matches the outcome to its trial.
        values: Values of the tuned parameters, by name.
    """

    number: int
    values: dict[str, Any]


class Outcome(Frozen):
    """How a trial ended.

    Attributes:
        end: `complete`; or `diverged` if the loss was not finite.
        log_loss: Loss of the calibrated out-of-fold outputs, see `LOSSES`; None if `end` is not
            `complete`.
        losses: For each epoch, the mean of the members' calibrated losses on their folds; after a
            divergence, of their losses on the rows trained on.
    """

    end: End
    log_loss: float | None
    losses: list[float]


class Trial(Outcome):
    """A trial that has ended; `number` counts ended trials from 1."""

    number: int
    values: dict[str, Any]


class Study(Frozen):
    """The trials of a study that have ended, in the order in which they began.

    One complete trial has the present parameters. `name` is the study's name in the database;
    `loss` names the loss by which trials are compared.
    """

    database: Path
    name: str
    loss: str = LOSS
    trials: list[Trial]


def run_trial(task: TrialTask, part: TrialPart) -> tuple[int, Outcome]:
    """Train with the part's values; give the part's number and how the trial ended."""
    import_tensorflow()
    from tabular_lstm.network.build import build  # noqa: PLC0415
    from tabular_lstm.network.fit import train  # noqa: PLC0415
    from tabular_lstm.network.member_training import DivergedError  # noqa: PLC0415

    network, training = with_values(task.network, task.training, part.values)
    rows = task.train_set
    try:
        built = build(task.schema, network, training.seed)
        _, history = train(
            built,
            rows.sequences,
            rows.labels.to_numpy(),
            training,
            rows.weights,
            rows.groups,
        )
    except DivergedError as end:
        return part.number, _outcome("diverged", end.losses)
    loss = next(value for name, value in history.items() if name.startswith("out_of_fold_"))
    return part.number, _outcome("complete", history["validation_loss"], loss)


def _outcome(end: End, losses: list[float], log_loss: float | None = None) -> Outcome:
    finite = [loss for loss in losses if np.isfinite(loss)]
    return Outcome(end=end if finite else "diverged", log_loss=log_loss, losses=finite)


class Measured(Frozen):
    """A complete trial: its number, its loss, and the values of the tuned parameters by name."""

    trial: int
    log_loss: float
    values: dict[str, Any]


class BestParameters(Stored):
    """What a tuning found.

    Attributes:
        trials: How many trials have ended; `diverged` counts those whose loss was not finite.
        present: The trial with the present parameters.
        best: The trial with the lowest loss; the present one if no other is better.
        network, training: The blocks with the best values.
        loss: Name of the loss by which trials are compared.
    """

    run_id: str
    study: str
    trials: int
    diverged: int
    present: Measured
    best: Measured
    network: Network
    training: Training
    loss: str = unless(LOSS)

    @property
    def better(self) -> bool:
        """Whether the best parameters are better than the present ones."""
        return self.best.log_loss < self.present.log_loss

    def sentence(self) -> str:
        """Say how much better the best parameters are, and how reliable this is."""
        if not self.better:
            return (
                f"None of {counted(self.trials, 'trial')} was better than the present "
                f"parameters: {self.loss} {self.present.log_loss:.4f}"
            )
        gain = round(self.present.log_loss, 4) - round(self.best.log_loss, 4)
        return (
            f"The best of {counted(self.trials, 'trial')} is number {self.best.trial}: "
            f"{self.loss} {self.best.log_loss:.4f}, with the present parameters "
            f"{self.present.log_loss:.4f}, {gain:.4f} more. The best of many is partly luck on "
            "these rows; a retraining measures on test rows how good it is"
        )


def best_of(
    study: Study, network: Network, training: Training, tuning: Tuning, run_id: str
) -> BestParameters:
    """Take the trial with the lowest loss, and the trial with the present parameters."""
    complete = [
        Measured(trial=trial.number, log_loss=trial.log_loss, values=trial.values)
        for trial in study.trials
        if trial.log_loss is not None
    ]
    values = values_of(network, training, tuning.space)
    present = next(trial for trial in complete if trial.values == values)
    best = min([present, *complete], key=lambda trial: trial.log_loss)
    blocks = with_values(network, training, best.values)
    ends = [trial.end for trial in study.trials]
    return BestParameters(
        run_id=run_id,
        study=study.name,
        trials=len(ends),
        diverged=ends.count("diverged"),
        present=present,
        best=best,
        network=blocks[0],
        training=blocks[1],
        loss=study.loss,
    )
