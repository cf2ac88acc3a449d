"""Trainings that end without a candidate."""

from typing import Any

import numpy as np

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Training


class HopelessError(Exception):
    """A training was given up: its loss no longer fell, and was above a limit.

    Attributes:
        kept_losses: Of each epoch so far, see `train_members`.
    """

    def __init__(self, kept_losses: list[float]) -> None:
        super().__init__(kept_losses)
        self.kept_losses = kept_losses


class DivergedError(DataError):
    """A training whose loss is no longer a number.

    Attributes:
        kept_losses: Of each epoch, see `train_members`.
    """

    def __init__(self, message: str, kept_losses: list[float]) -> None:
        super().__init__(message)
        self.kept_losses = kept_losses


def refuse_diverged(history: dict[str, Any], training: Training) -> None:
    """Refuse a training with a loss, of its steps or of a member on its fold, that is no number.

    Args:
        history: See `fit.train`.
        training: The parameters, for the message.

    Raises:
        DivergedError: It is one.
    """
    # A member whose loss on its fold is never a number has no best epoch.
    if np.isfinite(history["loss"]).all() and all(history.get("best_epochs", [1])):
        return
    # The network `tutorial`, which has no members, has no weight decay either.
    too = f" or training.weight_decay = {training.weight_decay}" if "best_epochs" in history else ""
    raise DivergedError(
        f"Training failed: expected a finite loss, got {history['loss']}. Lower "
        f"training.learning_rate = {training.learning_rate}{too}.",
        history.get("kept_loss", []),
    )
