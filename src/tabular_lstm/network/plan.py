"""Plan a training: each member's fold, the batch size, the number of epochs."""

import logging
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

    def shuffles(self) -> list[np.random.Generator]:
        """Give each member a random generator of its own for the order of its rows."""
        return [np.random.default_rng([self.seed, 1, m]) for m in range(len(self.fitted))]

    def batches(self, shuffles: list[np.random.Generator]) -> np.ndarray:
        """Shuffle each member's rows for an epoch: row numbers (steps, k, batch)."""
        batches = np.empty((self.steps, len(self.fitted), self.batch), np.int32)
        for member, (rng, rows) in enumerate(zip(shuffles, self.fitted, strict=True)):
            order = rng.permutation(rows)[: self.steps * self.batch]
            batches[:, member] = order.reshape(self.steps, self.batch)
        return batches


def plan_training(members: int, labels: np.ndarray, training: Training) -> Plan:
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
    limit = training.epochs or epochs(rows)
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


def epochs(rows: int) -> int:
    """Choose how often the rows are passed over at most: less often where they are many.

    Examples:
        >>> [epochs(rows) for rows in (768, 5000, 100_000, 1_000_000)]
        [200, 200, 30, 12]
    """
    return int(np.clip(3_000_000 // max(rows, 1), 12, 200))
