"""Plan a training: each member's fold, the batch size, the number of epochs."""

import heapq
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tabular_lstm.parameters import Training

logger = logging.getLogger(__name__)

FOLDS = 8


@dataclass(frozen=True)
class Plan:
    """Which rows each member learns from, in what batches and for how long.

    Attributes:
        held_out: For each member the numbers of the rows of its fold, which it never learns from.
        fitted: For each member the numbers of the other rows.
        batch: Rows of a batch.
        steps: Steps of the optimizer in an epoch.
        epochs: Passes over the rows, at most.
        patience: Epochs without progress before a member stops.
        seed: Of the order of the rows.
        first: Number of the first of these members among all.
    """

    held_out: list[np.ndarray]
    fitted: list[np.ndarray]
    batch: int
    steps: int
    epochs: int
    patience: int
    seed: int
    first: int = 0

    def of_members(self, numbers: range) -> "Plan":
        """Give the part of the plan that is of some members, by their numbers."""
        chosen = slice(numbers.start, numbers.stop)
        return replace(
            self,
            held_out=self.held_out[chosen],
            fitted=self.fitted[chosen],
            first=numbers.start,
        )

    def batches(self) -> Iterator[np.ndarray]:
        """Give each epoch's row numbers, (steps, k, batch), each member's in a new random order."""
        numbers = range(self.first, self.first + len(self.fitted))
        shuffles = [np.random.default_rng([self.seed, 1, member]) for member in numbers]
        used = self.steps * self.batch
        for _ in range(self.epochs):
            pairs = zip(shuffles, self.fitted, strict=True)
            orders = np.stack([rng.permutation(rows)[:used] for rng, rows in pairs])
            yield orders.reshape(-1, self.steps, self.batch).swapaxes(0, 1)


def plan_training(
    members: int,
    labels: np.ndarray,
    features: int,
    training: Training,
    groups: np.ndarray | None = None,
) -> Plan:
    """Choose what the parameters leave open, and log it.

    Args:
        members: How many.
        labels: (rows,).
        features: Slots of a row.
        training: The parameters.
        groups: int (rows,), the number of each row's group, from 0, whose rows are in one fold.
            Default: each row is its own.
    """
    rows = len(labels)
    folds = min(FOLDS, rows if groups is None else int(groups.max()) + 1)
    fold = folds_of(labels, folds, training.seed, groups)
    # int32: with many rows these numbers, k times over, are most of the memory.
    numbers = np.arange(rows, dtype=np.int32)
    held_out = [numbers[fold == member % folds] for member in range(members)]
    fitted = [numbers[fold != member % folds] for member in range(members)]
    # The members step together: in each epoch, each passes over as many rows as the one that has
    # fewest, and in whole batches. Which rows are left out is random.
    smallest = min(map(len, fitted))
    batch = min(training.batch_size or batch_size(rows), smallest)
    limit = training.epochs or epochs(rows, features)
    patience = training.patience or patience_of(limit)
    steps = smallest // batch
    logger.info(
        "Training %d members, each on %d of %d rows; %d rows a step, %d steps an epoch, "
        "%d epochs at most, %d without progress",
        members,
        smallest,
        rows,
        batch,
        steps,
        limit,
        patience,
    )
    return Plan(held_out, fitted, batch, steps, limit, patience, training.seed)


def folds_of(
    labels: np.ndarray, folds: int, seed: int, groups: np.ndarray | None = None
) -> np.ndarray:
    """Assign rows to folds, groups of several rows as a whole."""
    if groups is None or int(groups.max()) + 1 == len(labels):
        return stratified_folds(labels, folds, seed)
    return grouped_folds(labels, groups, folds, seed)


def grouped_folds(labels: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Assign whole groups of rows to folds, each class as evenly as that goes.

    First the groups that have rows of the rarer class, those with most of them first, each to the
    fold that has fewest of them; then the others in the same way by the commoner class. Of folds
    that have as many, one with fewer rows gets the group; groups alike are in random order.
    Source: the rule of the longest first of Graham, "Bounds on Multiprocessing Timing Anomalies",
    SIAM Journal on Applied Mathematics 17, 1969.

    Args:
        labels: (rows,), 0 or 1.
        groups: int (rows,), from 0.
        folds: At most as many as there are groups; then none is empty.
        seed: Of the order.

    Returns:
        The fold of each row, (rows,).
    """
    rare = float(2 * np.sum(labels) <= len(labels))
    sizes = np.bincount(groups)
    of_rare = np.bincount(groups, labels == rare).astype(int)
    counts = {True: of_rare, False: sizes - of_rare}
    fold = np.empty(len(sizes), int)
    shuffled = np.random.default_rng([seed, folds]).permutation(len(sizes))
    # Of each class the rows in each fold so far.
    filled = {is_rare: [0] * folds for is_rare in counts}
    for is_rare, count in counts.items():
        placed = shuffled[(of_rare[shuffled] > 0) == is_rare]
        order = placed[np.lexsort((-sizes[placed], -count[placed]))]
        of_class, other = filled[is_rare], filled[not is_rare]
        heap = [(of_class[f], of_class[f] + other[f], f) for f in range(folds)]
        heapq.heapify(heap)
        for group, more, size in zip(
            order.tolist(), count[order].tolist(), sizes[order].tolist(), strict=True
        ):
            have, rows, chosen = heap[0]
            heapq.heapreplace(heap, (have + more, rows + size, chosen))
            fold[group] = chosen
            of_class[chosen] += more
            other[chosen] += size - more
    return np.asarray(fold[groups])


def stratified_folds(labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Assign rows to folds in random order, the rows of each class evenly.

    Returns:
        The fold of each row, (rows,). Folds differ by at most one row, and so do a class's
        shares of them.
    """
    shuffled = np.random.default_rng([seed, folds]).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    fold = np.empty(len(labels), int)
    fold[by_class] = np.arange(len(labels)) % folds
    return fold


def batch_size(rows: int) -> int:
    """Choose how many rows make a step of the optimizer.

    Examples:
        >>> [batch_size(rows) for rows in (100, 768, 5000, 100_000, 1_000_000)]
        [32, 64, 256, 256, 1024]
    """
    size = 2 ** round(np.log2(max(rows, 1) / 16))
    largest = 2 ** round(np.log2(max(rows, 1) / 1000))
    return int(np.clip(size, 32, max(256, largest)))


def epochs(rows: int, features: int) -> int:
    """Choose how often the rows are passed over at most: less often where they are many, or wide.

    From 200 features on, twice the features have half the epochs, so that a training does not take
    longer for them; down to 8 epochs.

    Examples:
        >>> [epochs(rows, 8) for rows in (768, 5000, 100_000, 1_000_000)]
        [200, 200, 30, 12]
        >>> [epochs(768, features) for features in (200, 500, 2000, 5000)]
        [200, 80, 20, 8]
    """
    by_rows = np.clip(3_000_000 // max(rows, 1), 12, 200)
    return int(min(by_rows, max(40_000 // features, 8)))


def patience_of(epochs: int) -> int:
    """Choose after how many epochs without progress a member stops: a sixteenth, at least 3."""
    return max(3, epochs // 16)
