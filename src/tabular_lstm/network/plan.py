"""Plan a training: what is given to members, their folds, the batch size, the number of epochs."""

import heapq
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tabular_lstm.errors import counted
from tabular_lstm.network.offset import Offset
from tabular_lstm.parameters.hyperparameters import TrainingOptions
from tabular_lstm.rows.histories import Sequences

logger = logging.getLogger(__name__)

FOLDS = 8
# The length of a cooldown: a share of the epochs before it, but at least so many epochs.
COOLDOWN = 0.3
COOLDOWN_EPOCHS = 4
PATIENCE = 4
# A table with more rows is long: few members are as good as many, and each takes long.
LONG_ROWS = 20_000
# The most members of each kind in a long table.
LONG_MEMBERS = 4
# Steps of the optimizer after which the losses of two kinds tell which one is better.
TRIAL_STEPS = 1500
# With more rows than this, an epoch and the folds use as many rows as if there were this many.
MANY_ROWS = 2_000_000


@dataclass(frozen=True)
class Plan:
    """Which rows each member learns from, in what batches and for how long."""

    fold: np.ndarray  # each row's fold, uint8 (rows,)
    kind: list[int]  # each member's kind, numbered from 0
    left_out: list[int]  # for each member, the fold that it never learns from
    # For each member the numbers of that fold's rows, int32; with more than `MANY_ROWS` rows only
    # about an eighth of `MANY_ROWS`, drawn once.
    held_out: list[np.ndarray]
    batch: int  # rows of a batch
    steps: int  # steps of the optimizer in an epoch
    epochs: int  # passes over the rows, at most
    patience: int  # epochs without progress before a member's learning rate falls
    rate: float  # the highest learning rate
    seed: int  # seed of the rows' order
    # For histories: each row's customer, numbered from 0, (rows,).
    customers: np.ndarray | None = None
    first: int = 0  # the number of the first member of this plan
    # The epoch after which a kind that is clearly worse stops; 0 if none does. Not in a group:
    # other groups may have members of the same kind, and go on.
    trial: int = 0

    def of_members(self, numbers: range) -> "Plan":
        """Return the plan of some members, by their numbers."""
        chosen = slice(numbers.start, numbers.stop)
        return replace(
            self,
            kind=self.kind[chosen],
            left_out=self.left_out[chosen],
            held_out=self.held_out[chosen],
            first=numbers.start,
            trial=self.trial if len(numbers) == len(self.kind) else 0,
        )

    def batches(self) -> Iterator[np.ndarray]:
        """Yield each epoch's row numbers, (steps, k, batch), in a new random order for each member.

        A member that uses fewer rows than it has gets a random selection of them. Histories of one
        customer, which share rows, are drawn together: their rows are then embedded once.
        """
        numbers = range(self.first, self.first + len(self.left_out))
        shuffles = [np.random.default_rng([self.seed, 1, member]) for member in numbers]
        used, has_many_rows = self.steps * self.batch, len(self.fold) > MANY_ROWS
        for _ in range(self.epochs):
            # int32, because with many rows these numbers take most of the memory.
            orders = np.empty((len(numbers), used), np.int32)
            for order, rng, fold in zip(orders, shuffles, self.left_out, strict=True):
                rows = _row_numbers(self.fold != fold)
                if self.customers is not None:
                    rank = rng.permutation(int(self.customers.max()) + 1)[self.customers[rows]]
                    order[:] = rows[np.argsort(rank, kind="stable")[:used]]
                    continue
                # With many rows, drawing some takes a fifth of the time of shuffling all.
                order[:] = (
                    rng.choice(rows, used, False) if has_many_rows else rng.permutation(rows)[:used]
                )
            yield orders.reshape(-1, self.steps, self.batch).swapaxes(0, 1)

    @property
    def last_start(self) -> int:
        """The last epoch after which a cooldown can start and still end in time."""
        return max(0, min(int(self.epochs / (1 + COOLDOWN)), self.epochs - COOLDOWN_EPOCHS))

    def cooldown(self, epoch: int) -> int:
        """Return how many epochs a cooldown takes if it starts after this epoch."""
        return max(COOLDOWN_EPOCHS, math.ceil(COOLDOWN * epoch))

    def rates(self, epoch: int, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Return the learning rates of the steps of an epoch, counted from 1: float32 (steps, k).

        A member's rate is `rate` until the end of its epoch in `starts`, (k,), and then falls to 0
        at the end of its epoch in `ends`, (k,).

        Source: Hägele et al., "Scaling Laws and Compute-Optimal Training Beyond Fixed Training
        Durations", NeurIPS 2024.
        """
        passed = epoch - 1 + np.arange(self.steps)[:, None] / self.steps
        left = np.clip((ends - passed) / (ends - starts), 0, 1)
        return np.asarray(self.rate * left, np.float32)


@dataclass(frozen=True)
class TrainingInputs:
    """What every group of members needs to be trained, as plain values; see `fit.train`."""

    config: dict[str, Any]  # config of the network of all members
    initial: list[np.ndarray]  # its initial weights, (k, …) each
    sequences: Sequences
    targets: np.ndarray
    training: TrainingOptions
    weights: np.ndarray | None
    plan: Plan  # the plan of all members
    offset: Offset | None = None  # of a number's histories


def draw_by_class(
    rng: np.random.Generator, labels: np.ndarray, rows: np.ndarray, count: int
) -> np.ndarray:
    """Draw rows without replacement: each class's share, but at least ten rows if it has ten.

    Args:
        rng: The random generator.
        labels: Whole numbers of the classes, (all rows,).
        rows: The numbers of the rows to draw from, int32.
        count: How many to draw at most; not below the number of classes.

    Returns:
        The numbers of the drawn rows, ascending.
    """
    row_labels = labels[rows]
    by_class = [rows[row_labels == value] for value in np.unique(row_labels)[::-1]]
    least = min(10, count // len(by_class))
    left = count - least * (len(by_class) - 1)
    counts = [max(least, left * len(class_rows) // len(rows)) for class_rows in by_class]
    drawn_rows = [
        rng.permutation(class_rows)[:class_count]
        for class_rows, class_count in zip(by_class, counts, strict=True)
    ]
    return np.sort(np.concatenate(drawn_rows))


def plan_training(
    members: int,
    labels: np.ndarray,
    features: int,
    training: TrainingOptions,
    groups: np.ndarray | None = None,
    kinds: int = 1,
    speed: int = 1,
    are_customers: bool = False,
) -> Plan:
    """Choose what the parameters leave open, and log the choice.

    Args:
        members: Number of members of all kinds.
        labels: Whole numbers of the classes, or of the strata of a number, (rows,).
        features: Number of slots in a row.
        training: The parameters.
        groups: See `fit.train`.
        kinds: Number of kinds; each has the same number of members. Default: 1.
        speed: The task's factor of the learning rate; see `epochs` too.
        are_customers: Whether the groups are the customers of histories. Default: no.
    """
    rows = len(labels)
    fold = assign_folds(labels, groups, FOLDS, training.seed)
    folds = int(fold.max()) + 1
    customers = np.arange(rows) if groups is None else groups
    # The members of each kind have the same folds, so that each kind has outputs of the same rows.
    members_per_kind = members // kinds
    left_out = [member % members_per_kind % folds for member in range(members)]
    fold_rows = [_row_numbers(fold == number) for number in range(folds)]
    # The members step together. In an epoch, each uses as many rows as the smallest member has,
    # rounded down to whole batches. The rows left out are random.
    smallest = passed = rows - max(len(fold_rows[number]) for number in left_out)
    if rows > MANY_ROWS:
        passed = min(smallest, MANY_ROWS * (FOLDS - 1) // FOLDS)
        rngs = [np.random.default_rng([training.seed, 3, number]) for number in range(folds)]
        fold_rows = [
            draw_by_class(rng, labels, numbers, MANY_ROWS // FOLDS)
            for rng, numbers in zip(rngs, fold_rows, strict=True)
        ]
    if are_customers:
        fold_rows = [
            numbers[np.argsort(customers[numbers], kind="stable")] for numbers in fold_rows
        ]
    batch = min(training.batch_size or batch_size(rows), passed)
    steps = passed // batch
    limit = training.epochs or epochs(rows, features, speed)
    plan = Plan(
        fold=fold,
        kind=[member // members_per_kind for member in range(members)],
        left_out=left_out,
        held_out=[fold_rows[number] for number in left_out],
        batch=batch,
        steps=steps,
        epochs=limit,
        patience=training.patience or PATIENCE,
        rate=speed * training.learning_rate * (batch / 32) ** 0.5,
        seed=training.seed,
        customers=customers if are_customers else None,
        trial=-(-TRIAL_STEPS // steps) if rows > LONG_ROWS else 0,
    )
    logger.info(
        "Training %s, each on %d of %d rows; %s a step, %s an epoch, "
        "%s at most; a learning rate falls after %d epochs without progress",
        counted(members, "member"),
        smallest,
        rows,
        counted(plan.batch, "row"),
        counted(plan.steps, "step"),
        counted(plan.epochs, "epoch"),
        plan.patience,
    )
    return plan


def _row_numbers(are_chosen: np.ndarray) -> np.ndarray:
    """Return the numbers of the chosen rows, int32."""
    return np.flatnonzero(are_chosen).astype(np.int32)


def members_of_a_kind(members: int, rows: int) -> int:
    """Return how many of the members of each kind are trained: at most 4 in a long table."""
    return min(members, LONG_MEMBERS) if rows > LONG_ROWS else members


def batch_size(rows: int) -> int:
    """Choose how many rows make a step of the optimizer.

    Examples:
        >>> [batch_size(rows) for rows in (100, 768, 5000, 100_000, 1_000_000)]
        [32, 64, 256, 256, 1024]
    """
    rows = min(max(rows, 1), MANY_ROWS)
    size = 2 ** round(np.log2(rows / 16))
    largest = 2 ** round(np.log2(rows / 1000))
    return int(np.clip(size, 32, max(256, largest)))


def epochs(rows: int, features: int, speed: int = 1) -> int:
    """Choose the maximum number of epochs: fewer for many rows or many features.

    From 200 features on, doubling the features halves the epochs, down to 8, so that training does
    not take longer. At twice the speed, small tables get half the epochs. A long table has fewer
    members and, to make up for it, twice the epochs.

    Examples:
        >>> [epochs(rows, 8) for rows in (768, 5000, 20_000, 40_000, 100_000, 1_000_000)]
        [200, 100, 25, 25, 12, 5]
        >>> [epochs(768, features) for features in (200, 500, 2000, 5000)]
        [200, 80, 20, 8]
        >>> [epochs(rows, 8, speed=2) for rows in (768, 5000, 20_000)]
        [100, 100, 25]
    """
    rows = max(rows, 1)
    passed = 1_000_000 if rows > LONG_ROWS else 500_000
    # Twelve epochs are better than fewer, but take too long from half a million rows on.
    by_rows = np.clip(max(passed // rows, min(12, 5_000_000 // rows)), 5, 200 // speed)
    return int(min(by_rows, max(40_000 // features, 8)))


# Folds -------------------------------------------------------------------------------------------


def assign_folds(
    labels: np.ndarray, groups: np.ndarray | None, folds: int, seed: int
) -> np.ndarray:
    """Assign rows to at most so many folds, uint8 (rows,): a group's rows to one, if there are any.

    See `grouped_folds` and `stratified_folds`.
    """
    count = len(labels) if groups is None else int(groups.max()) + 1
    if groups is None or count == len(labels):
        return stratified_folds(labels, min(folds, count), seed)
    return grouped_folds(labels, groups, min(folds, count), seed)


def grouped_folds(labels: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Assign whole groups of rows to folds, each class as evenly as possible.

    The rarest class is assigned first. The groups with rows of a class are assigned one by one, the
    group with the most such rows first, each to the fold with the fewest such rows. On a tie, the
    fold with fewer rows gets the group; equal groups are in random order.

    Args:
        labels: Whole numbers of the classes, (rows,).
        groups: int (rows,), from 0.
        folds: Number of folds, at most the number of groups; no fold is empty.
        seed: Seed of the random order.

    Returns:
        The fold of each row, uint8 (rows,).
    """
    values, counts = np.unique(labels, return_counts=True)
    sizes = np.bincount(groups)
    fold = np.empty(len(sizes), np.uint8)
    left = np.random.default_rng([seed, folds]).permutation(len(sizes))
    placed = np.zeros(len(sizes), bool)
    for value in values[np.lexsort((-values.astype(float), counts))]:
        count = np.bincount(groups, labels == value).astype(int)
        has = count[left] > 0
        class_counts, rows = (
            np.bincount(fold[placed], group_counts[placed], folds)
            for group_counts in (count, sizes)
        )
        order, left = left[has], left[~has]
        placed[order] = True
        order = order[np.lexsort((-sizes[order], -count[order]))]
        heap = [*zip(class_counts.tolist(), rows.tolist(), range(folds), strict=True)]
        heapq.heapify(heap)
        for group, class_rows, size in zip(
            order.tolist(), count[order].tolist(), sizes[order].tolist(), strict=True
        ):
            have, filled, chosen = heap[0]
            heapq.heapreplace(heap, (have + class_rows, filled + size, chosen))
            fold[group] = chosen
    return np.asarray(fold[groups])


def stratified_folds(labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Assign rows to folds in random order, the rows of each class evenly.

    Returns:
        The fold of each row, uint8 (rows,). Folds differ by at most one row, in total and in each
        class.
    """
    # int32 here, and no argsort below: this saves 110 MB for ten million rows.
    numbers = np.arange(len(labels), dtype=np.int32)
    shuffled = np.random.default_rng([seed, folds]).permutation(numbers)
    shuffled_labels = labels[shuffled]
    by_class = [shuffled[shuffled_labels == value] for value in np.unique(labels)]
    fold = np.empty(len(labels), np.uint8)
    fold[np.concatenate(by_class)] = np.resize(np.arange(folds, dtype=np.uint8), len(labels))
    return fold
