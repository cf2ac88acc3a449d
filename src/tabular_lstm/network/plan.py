"""Plan a training: each member's fold, the batch size, the number of epochs."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

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
    """

    held_out: list[np.ndarray]
    fitted: list[np.ndarray]
    batch: int
    steps: int
    epochs: int
    patience: int
    seed: int

    def batches(self) -> Iterator[np.ndarray]:
        """Give each epoch's row numbers, (steps, k, batch), each member's in a new random order."""
        shuffles = [np.random.default_rng([self.seed, 1, m]) for m in range(len(self.fitted))]
        used = self.steps * self.batch
        for _ in range(self.epochs):
            pairs = zip(shuffles, self.fitted, strict=True)
            orders = np.stack([rng.permutation(rows)[:used] for rng, rows in pairs])
            yield orders.reshape(-1, self.steps, self.batch).swapaxes(0, 1)


def plan_training(members: int, labels: np.ndarray, features: int, training: Training) -> Plan:
    """Choose what the parameters leave open, and log it."""
    rows = len(labels)
    folds = min(FOLDS, rows)
    fold = stratified_folds(labels, folds, training.seed)
    # int32: with many rows these numbers, k times over, are most of the memory.
    numbers = np.arange(rows, dtype=np.int32)
    held_out = [numbers[fold == member % folds] for member in range(members)]
    fitted = [numbers[fold != member % folds] for member in range(members)]
    # The members step together: in each epoch, each passes over as many rows as the one that has
    # fewest, and in whole batches. Which rows are left out is random.
    smallest = min(map(len, fitted))
    batch = min(training.batch_size or batch_size(rows), smallest)
    limit = training.epochs or epochs(rows, features)
    patience = training.patience or max(3, limit // 16)
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
