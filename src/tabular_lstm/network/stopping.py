"""When members stop: by the loss on their folds, as calibration will leave it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tabular_lstm.network.calibration import fit_temperature, log_losses
from tabular_lstm.network.plan import Plan


def fold_losses(
    labels: np.ndarray, plan: Plan, logits: Sequence[np.ndarray], of_rows: np.ndarray | None = None
) -> np.ndarray:
    """Give each member's mean loss on its fold, calibrated by one temperature of its kind.

    A member still learns which rows are likelier positive when its logits have become too large.
    That raises the loss, but calibration mends it at the end, so it must not stop a member.

    Source: Berta, Holzmüller, Jordan and Bach, "Rethinking Early Stopping: Refine, Then Calibrate",
    2025.

    Args:
        labels: (rows,).
        plan: Of the members.
        logits: Of each member, those of the rows of its fold.
        of_rows: The rows' weights, (rows,), above 0. Default: all rows count alike.

    Returns:
        float64 (members,), in nats.
    """
    losses = np.empty(len(logits))
    for kind in set(plan.kind):
        numbers = [number for number, other in enumerate(plan.kind) if other == kind]
        rows = np.concatenate([plan.held_out[number] for number in numbers])
        of_kind = np.concatenate([logits[number] for number in numbers])
        weights = None if of_rows is None else of_rows[rows]
        temperature = fit_temperature(labels[rows], of_kind, weights)
        for number in numbers:
            calibrated = logits[number] / temperature
            losses[number] = _mean_loss(labels, plan.held_out[number], calibrated, of_rows)
    return losses


def stalls(losses: list[float], epochs: int) -> bool:
    """Tell whether a loss has not fallen for so many epochs."""
    return len(losses) > epochs and losses[-1] >= losses[-1 - epochs]


def _mean_loss(
    labels: np.ndarray, rows: np.ndarray, logits: np.ndarray, of_rows: np.ndarray | None
) -> Any:
    """Give the mean loss of some rows, by their numbers and their logits."""
    weights = None if of_rows is None else of_rows[rows]
    return np.average(log_losses(labels[rows], logits), weights=weights)
