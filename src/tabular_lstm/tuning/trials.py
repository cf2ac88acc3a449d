"""A trial trains with some values of the tuned parameters; the best trial has the lowest loss."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


class Trial(Frozen):
    """A trial that has ended.

    Attributes:
        trial: Its number; trials are counted from 1.
        log_loss: Loss of the calibrated out-of-fold outputs, see `LOSSES`; infinite if the training
            diverged.
        values: Values of the tuned parameters, by name.
    """

    trial: int
    log_loss: float
    values: dict[str, Any]


class Study(Frozen):
    """The trials of a study that have ended, in the order in which they began.

    One that did not diverge has the present parameters. `name` is the study's name in the database;
    `loss` names the loss by which trials are compared.
    """

    database: Path
    name: str
    loss: str = LOSS
    trials: list[Trial]


def run_trial(task: TrialTask, values: dict[str, Any]) -> float:
    """Train with these values of tuned parameters; give the loss, infinite after a divergence."""
    import_tensorflow()
    from tabular_lstm.network.build import build  # noqa: PLC0415
    from tabular_lstm.network.fit import train  # noqa: PLC0415
    from tabular_lstm.network.member_training import DivergedError  # noqa: PLC0415

    network, training = with_values(task.network, task.training, values)
    built, rows = build(task.schema, network, training.seed), task.train_set
    labels = rows.labels.to_numpy()
    try:
        of_rows = rows.weights, rows.fold_groups
        _, history = train(built, rows.sequences, labels, training, *of_rows, judged=rows.judged)
    except DivergedError:
        return math.inf
    return float(next(loss for name, loss in history.items() if name.startswith("out_of_fold_")))


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
    present: Trial
    best: Trial
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
    present_values = values_of(network, training, tuning.space)
    losses = [trial.log_loss for trial in study.trials]
    present = next(
        trial
        for trial in study.trials
        if trial.values == present_values and math.isfinite(trial.log_loss)
    )
    best = min([present, *study.trials], key=lambda trial: trial.log_loss)
    best_network, best_training = with_values(network, training, best.values)
    return BestParameters(
        run_id=run_id,
        study=study.name,
        trials=len(losses),
        diverged=losses.count(math.inf),
        present=present,
        best=best,
        network=best_network,
        training=best_training,
        loss=study.loss,
    )
