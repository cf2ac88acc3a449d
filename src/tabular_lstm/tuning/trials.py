"""A trial: a training with some values of the tuned parameters, and its out-of-fold log loss.

A trial is a part for an engine's workers (`tabular_lstm.engine`), and what is sent is plain.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from tabular_lstm.frozen import Frozen, Number
from tabular_lstm.parameters import Network, Training, with_values
from tabular_lstm.rows.schema import Schema
from tabular_lstm.tensorflow_import import import_tensorflow

# What a training says of itself, each trial would say again.
SAID_BY_A_TRAINING = "tabular_lstm.network"

Loss = Annotated[Number, Field(ge=0, allow_inf_nan=False)]
End = Literal["complete", "pruned", "diverged"]


@dataclass(frozen=True)
class TrialTask:
    """What every trial needs, as plain values.

    Attributes:
        schema: Of the sequences.
        network: The parameters in force, of which a trial changes some.
        training: Likewise.
        sequences: float32 (rows, steps, features_per_step).
        labels: float32 (rows,).
        weights: float64 (rows,), or None where all rows count alike.
        groups: int (rows,), the number of each row's group, or None where each is its own.
    """

    schema: Schema
    network: Network
    training: Training
    sequences: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None
    groups: np.ndarray | None


@dataclass(frozen=True)
class TrialPart:
    """What one trial tries.

    Attributes:
        number: Of the trial in its study.
        values: Of the tuned parameters.
        limit: The loss above which it is given up where it no longer falls: see `train`.
    """

    number: int
    values: dict[str, Any]
    limit: float


class Outcome(Frozen):
    """How a trial ended.

    Attributes:
        end: `complete`; `pruned`, given up because it did not improve and others were better; or
            `diverged`, the loss was not finite.
        log_loss: Of the calibrated out-of-fold probabilities; None if it is not complete.
        losses: Of each epoch, the calibrated loss on the members' folds with the weights that they
            keep so far, of the kind of members where it is lower.
    """

    end: End
    log_loss: Loss | None
    losses: list[Loss]

    @model_validator(mode="after")
    def _as_it_ended(self) -> Self:
        if (self.log_loss is not None) != (self.end == "complete"):
            raise ValueError(f"log_loss = {self.log_loss} of a trial that is {self.end}")
        if not self.losses and self.end != "diverged":
            raise ValueError(f"no losses of a trial that is {self.end}")
        return self


def run_trial(task: TrialTask, part: TrialPart) -> tuple[int, Outcome]:
    """Train with the part's values.

    Returns:
        The trial's number, and how it ended.
    """
    import_tensorflow()
    from tabular_lstm.network.build import build  # noqa: PLC0415
    from tabular_lstm.network.fit import train  # noqa: PLC0415
    from tabular_lstm.network.member_training import DivergedError, HopelessError  # noqa: PLC0415

    network, training = with_values(task.network, task.training, part.values)
    rows = task.sequences, task.labels, training, task.weights, task.groups
    with _silent():
        try:
            built = build(task.schema, network, training.seed)
            _, history = train(built, *rows, limit=part.limit)
        except HopelessError as end:
            return part.number, _outcome("pruned", end.kept_losses)
        except DivergedError as end:
            return part.number, _outcome("diverged", end.kept_losses)
    losses, log_loss = history["kept_loss"], history["out_of_fold_log_loss"]
    return part.number, _outcome("complete", losses, log_loss)


def _outcome(end: End, losses: list[float], log_loss: float | None = None) -> Outcome:
    finite = [loss for loss in losses if np.isfinite(loss)]
    return Outcome(end=end if finite else "diverged", log_loss=log_loss, losses=finite)


@contextmanager
def _silent() -> Iterator[None]:
    logger = logging.getLogger(SAID_BY_A_TRAINING)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
