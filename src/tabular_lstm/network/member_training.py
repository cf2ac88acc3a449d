"""Train members in groups, each group alone on any worker, and merge the groups.

Members depend on each other only in stopping: half of a member's stopping criterion is the mean
loss of its kind, and one temperature calibrates the kind. Both use only the group's members. So a
group's weights depend on which members are in it, and not on where or when it is trained.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from tabular_lstm.errors import DataError
from tabular_lstm.network.outputs import Outputs
from tabular_lstm.network.plan import LONG_ROWS, Plan, TrainingInputs
from tabular_lstm.parameters.hyperparameters import TrainingOptions
from tabular_lstm.progress import progress
from tabular_lstm.tensorflow_import import import_tensorflow


@dataclass(frozen=True)
class Trained:
    """Trained members."""

    weights: list[np.ndarray]  # weights of each member's best epoch, (members, …) each
    outputs: list[np.ndarray]  # each member's outputs for its held-out rows, (rows, o)
    best_epochs: list[int]  # counted from 1; 0 where the member's loss was never a number
    losses: dict[str, list[float]]  # losses of each epoch, see `fit.train`


# If this share of the members makes no progress, training does not wait for the others.
QUORUM = 0.8
# A kind is clearly worse if its loss is so many times the other's.
CLEARLY = 1.01


class DivergedError(DataError):
    """A loss in training, or a member's loss on its fold, is not a finite number."""

    def __init__(
        self, losses: list[float], training: TrainingOptions, other_advice: str = ""
    ) -> None:
        super().__init__(
            f"Training failed: expected a finite loss, got {losses}. Lower "
            f"training.learning_rate = {training.learning_rate} or "
            f"training.weight_decay = {training.weight_decay}. {other_advice}".rstrip()
        )
        self.losses = losses


def split(members: int, groups: int) -> list[range]:
    """Split the members, in their order, into groups of sizes as equal as possible.

    Examples:
        >>> split(8, 2), split(5, 4)
        ([range(0, 4), range(4, 8)], [range(0, 1), range(1, 2), range(2, 3), range(3, 5)])
    """
    count = min(members, groups)
    bounds = [members * place // count for place in range(count + 1)]
    return [range(*pair) for pair in pairwise(bounds)]


def train_group(inputs: TrainingInputs, numbers: range) -> Trained:
    """Train some of the members, by their numbers, until each has stopped.

    A member's learning rate falls to 0 after `plan.patience` epochs in which its loss, or most
    members' losses, did not fall; at the latest in the last epochs. Then the member stops. After
    `plan.trial`, a kind that is clearly worse stops at once. A member keeps the weights of its best
    epoch.
    """
    import_tensorflow()  # not at import, so that workers print no notes on GPUs
    from tabular_lstm.network.members import Members  # noqa: PLC0415

    return train_members(Members(inputs, numbers), inputs.plan.of_members(numbers), inputs)


def train_members(members: Any, plan: Plan, inputs: TrainingInputs) -> Trained:
    """Train `Members` by their part of the plan; see `train_group`."""
    kind, count = np.array(plan.kind), len(plan.kind)
    best_loss, best_epoch = np.full(count, np.inf), np.zeros(count, int)
    # Each member's last epoch with progress, and the loss below which the next progress counts.
    progressed, below = best_epoch.copy(), best_loss.copy()
    task_outputs = members.task_outputs
    pace, constant = task_outputs.pace, task_outputs.loss_of_constant(inputs.targets)
    is_short = len(plan.fold) <= LONG_ROWS
    best, outputs = members.weights.copy(), [np.empty(0)] * count
    best_outputs = [*outputs]
    # The epoch after which each member's learning rate starts to fall, and the epoch where it is 0.
    starts, ends = np.full(count, plan.last_start), np.full(count, plan.epochs)
    losses, validation_losses = [], []
    for epoch, batches in enumerate(progress(plan.batches(), "Epochs", plan.epochs), 1):
        run = np.flatnonzero(epoch <= ends)
        rates = plan.rates(epoch, starts, ends)
        epoch_losses, new_outputs = members.train_epoch(
            run, batches[:, run], rates[:, run], [plan.held_out[place] for place in run]
        )
        losses.append(float(epoch_losses.mean()))
        for place, member_outputs in zip(run, new_outputs, strict=True):
            outputs[place] = member_outputs
        loss = fold_losses(task_outputs, inputs.targets, plan, outputs, inputs.weights)
        validation_losses.append(float(loss.mean()))
        # A fold has few rows, so half of a member's criterion is its kind's mean loss.
        means = [loss[kind == member_kind].mean() for member_kind in kind]
        stops = (loss + means) / 2
        members.drop_less(loss.mean() / constant)
        improved = run[stops[run] < best_loss[run]]
        best_loss[improved], best_epoch[improved] = stops[improved], epoch
        best[improved] = members.weights[improved]
        for place in improved:
            best_outputs[place] = outputs[place]
        if not np.isfinite(losses[-1]):
            break
        # A loss near 0 falls a little in every epoch: then only a larger fall counts.
        fell = run[stops[run] < below[run]]
        least = (pace.learned * constant - stops[fell]) / 10
        below[fell] = stops[fell] - np.maximum(least, is_short * pace.falls * constant)
        progressed[fell] = epoch
        if epoch == plan.trial:
            worse = np.array(means) > CLEARLY * min(means)
            starts[worse], ends[worse] = epoch - 1, epoch
        # In a short table, where a number's loss is little below a constant's, a late small fall is
        # mostly chance.
        share = 1.0
        if is_short and pace.told:
            share = np.clip((1 - best_loss / constant) / pace.told, 0, 1)
        patience = np.maximum(plan.patience, pace.waits * share * progressed)
        waits = (epoch - progressed >= patience) | (epoch > starts)
        # Each of the last few members would take a whole graph's time and hardly change the mean.
        falls = (waits | (waits.mean() >= QUORUM)) & (epoch < starts)
        starts[falls], ends[falls] = epoch, min(epoch + plan.cooldown(epoch), plan.epochs)
        if (epoch >= ends).all():
            break
    weights = members.in_shape(best)
    members.average_unseen_categories(weights, plan)
    return Trained(
        weights,
        best_outputs,
        best_epoch.tolist(),
        {"loss": losses, "validation_loss": validation_losses},
    )


def fold_losses(
    task_outputs: Outputs,
    targets: np.ndarray,
    plan: Plan,
    outputs: Sequence[np.ndarray],
    row_weights: np.ndarray | None = None,
) -> np.ndarray:
    """Return each member's mean loss on its fold, calibrated by its kind's temperature.

    When a member's logits become too large, the loss rises, although the member still learns which
    rows are likelier positive. Calibration corrects the size of the logits at the end, so it must
    not stop a member.

    Source: Berta, Holzmüller, Jordan and Bach, "Rethinking Early Stopping: Refine, Then Calibrate",
    2025.

    Args:
        task_outputs: The task's `Outputs`.
        targets: (rows,).
        plan: The plan of the members.
        outputs: Each member's outputs for its fold, (rows, o).
        row_weights: The rows' weights, (rows,), above 0. Default: all rows count alike.

    Returns:
        float64 (members,); for classes, in nats.
    """
    losses = np.empty(len(outputs))
    for kind in set(plan.kind):
        numbers = [number for number, member_kind in enumerate(plan.kind) if member_kind == kind]
        held_out = [plan.held_out[number] for number in numbers]
        temperature = task_outputs.fit_temperature(
            targets[np.concatenate(held_out)],
            np.concatenate([outputs[number] for number in numbers]),
            None if row_weights is None else row_weights[np.concatenate(held_out)],
        )
        for number, rows in zip(numbers, held_out, strict=True):
            weights = None if row_weights is None else row_weights[rows]
            calibrated = task_outputs.losses(targets[rows], outputs[number] / temperature)
            losses[number] = np.average(calibrated, weights=weights)
    return losses


def merge(groups: list[Trained]) -> Trained:
    """Merge groups, in the order of their members.

    An epoch's losses are means over the members; a group that has stopped counts with its last
    losses.
    """
    if len(groups) == 1:
        return groups[0]
    counts = [len(group.best_epochs) for group in groups]
    return Trained(
        [np.concatenate(pieces) for pieces in zip(*(g.weights for g in groups), strict=True)],
        [outputs for group in groups for outputs in group.outputs],
        [epoch for group in groups for epoch in group.best_epochs],
        {
            name: mean_by_epoch([group.losses[name] for group in groups], counts)
            for name in groups[0].losses
        },
    )


def mean_by_epoch(
    losses: Sequence[Sequence[float]], counts: Sequence[int] | None = None
) -> list[float]:
    """Average curves of losses of different lengths; what has stopped counts with its last loss."""
    longest = max(map(len, losses))
    padded = [np.pad(curve, (0, longest - len(curve)), "edge") for curve in losses]
    return [*map(float, np.average(padded, axis=0, weights=counts))]
