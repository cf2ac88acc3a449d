"""Train the members in groups, each by itself and wherever there is room, and merge the groups.

What couples members is what stops them: the temperature of their kind, and its mean loss, which is
half of what stops each. Here both are those of the group's members. Everything else of a member is
its own, the initial weights, its rows and their order, or comes from the plan, which is of all
members. So a group's weights depend on which members are in it, and not on where or when it is
trained.
"""

from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import Any

import numpy as np

from tabular_lstm.network.plan import plan_training
from tabular_lstm.parameters import Ensemble, Training
from tabular_lstm.tensorflow_import import import_tensorflow


@dataclass(frozen=True)
class Task:
    """What every group needs, as plain values.

    Attributes:
        config: Of the network of all members.
        initial: Its weights, (k, …) each.
        sequences: float32 (rows, steps, features_per_step).
        labels: float32 (rows,).
        training: The parameters.
        weights: float64 (rows,), or None where all rows count alike.
        groups: int (rows,), the number of each row's group, or None where each is its own.
        limit: See `train`.
    """

    config: dict[str, Any]
    initial: list[np.ndarray]
    sequences: np.ndarray
    labels: np.ndarray
    training: Training
    weights: np.ndarray | None
    groups: np.ndarray | None
    limit: float = np.inf


@dataclass(frozen=True)
class Trained:
    """A trained group.

    Attributes:
        weights: The best ones of each member, (members of the group, …) each.
        history: See `train_members`.
        held_out: For each member the numbers of rows of its fold, see `Plan`.
        logits: And their logits.
    """

    weights: list[np.ndarray]
    history: dict[str, Any]
    held_out: list[np.ndarray]
    logits: list[np.ndarray]


def split(members: int, groups: int) -> list[range]:
    """Put members that follow each other in groups, as even as that goes.

    Examples:
        >>> split(8, 2), split(5, 4)
        ([range(0, 4), range(4, 8)], [range(0, 1), range(1, 2), range(2, 3), range(3, 5)])
    """
    count = min(members, groups)
    bounds = [members * place // count for place in range(count + 1)]
    return [range(*pair) for pair in pairwise(bounds)]


def train_group(task: Task, numbers: range) -> Trained:
    """Train some of the members, by their numbers."""
    import_tensorflow()  # not with this module: on a worker it would print its notes on GPUs
    from tabular_lstm.network.build import LSTMEnsemble  # noqa: PLC0415
    from tabular_lstm.network.members import Members, train_members  # noqa: PLC0415

    chosen = slice(numbers.start, numbers.stop)
    options = Ensemble.model_validate(task.config["options"])
    # Their initial weights are given: of their kinds only what is dropped is of account.
    some = options.model_copy(update={"members": len(numbers), "frequency_scale": [1.0]})
    few = LSTMEnsemble.from_config(task.config | {"options": some.model_dump()})
    few.set_weights([weight[chosen] for weight in task.initial])
    few.embed.dropped = np.array([dropped for _, dropped in options.each[chosen]], np.float32)
    plan = plan_training(
        options.count,
        task.labels,
        task.sequences[0].size,
        task.training,
        task.groups,
        len(options.frequency_scale),
        numbers,
    )
    members = Members(few, task.sequences, task.labels, task.training, task.weights, numbers.start)
    history = train_members(members, plan, task.labels, task.weights, task.limit)
    members.average_unseen_categories(plan)
    return Trained(
        members.in_shape(members.best),
        history,
        plan.held_out,
        members.logits(plan.held_out, best=True),
    )


def merge(groups: list[Trained]) -> Trained:
    """Merge groups, in the order of their members.

    An epoch's losses are means over the members that still trained in it; `kept_loss` is the
    mean of theirs.
    """
    histories = [group.history for group in groups]
    longest = max(len(history["kept_loss"]) for history in histories)
    kept = [history["kept_loss"] for history in histories]
    kept = [losses + losses[-1:] * (longest - len(losses)) for losses in kept]
    counts = [len(history["best_epochs"]) for history in histories]
    best_epochs = [epoch for history in histories for epoch in history["best_epochs"]]
    return Trained(
        [np.concatenate(pieces) for pieces in zip(*(g.weights for g in groups), strict=True)],
        {
            name: _means([history[name] for history in histories], counts)
            for name in ("loss", "validation_loss")
        }
        | {"kept_loss": _means(kept, counts)}
        | {"best_epoch": int(np.median(best_epochs)), "best_epochs": best_epochs},
        [rows for group in groups for rows in group.held_out],
        [logits for group in groups for logits in group.logits],
    )


def _means(losses: list[list[float]], members: list[int]) -> list[float]:
    """Give the mean of each epoch over the groups that got there, by their members."""
    means = []
    for of_epoch in zip_longest(*losses):
        there = [pair for pair in zip(of_epoch, members, strict=True) if pair[0] is not None]
        of_groups, counts = zip(*there, strict=True)
        # Not the mean of one, which may have another last bit.
        mean = np.average(of_groups, weights=counts) if len(there) > 1 else of_groups[0]
        means.append(float(mean))
    return means
