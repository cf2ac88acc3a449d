"""Plan a training: each member's fold, the batch size, the number of epochs."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tabular_lstm.network.folds import folds_of
from tabular_lstm.parameters import Training

logger = logging.getLogger(__name__)

FOLDS = 8
# Of more rows than that, an epoch and the folds have as many as of so many.
MANY_ROWS = 2_000_000
# Rows that are looked at together where some of many are drawn.
DRAWN_AT_ONCE = 2**20


@dataclass(frozen=True)
class Plan:
    """Which rows each member learns from, in what batches and for how long.

    Attributes:
        fold: Of each row, uint8 (rows,).
        kind: Of each member, its number from 0.
        left_out: Of each member, the fold that it never learns from.
        held_out: For each member the numbers of the rows of that fold; of more than `MANY_ROWS` an
            eighth of so many at most, drawn once.
        batch: Rows of a batch.
        steps: Steps of the optimizer in an epoch.
        epochs: Passes over the rows, at most.
        patience: Epochs without progress before a member stops.
        rate: The highest learning rate.
        seed: Of the order of the rows.
        first: Number of the first of these members among all.
        who: Says which part of all they are, for the log; empty where they are all.
    """

    fold: np.ndarray
    kind: list[int]
    left_out: list[int]
    held_out: list[np.ndarray]
    batch: int
    steps: int
    epochs: int
    patience: int
    rate: float
    seed: int
    first: int = 0
    who: str = ""

    def of_members(self, numbers: range) -> "Plan":
        """Give the part of the plan that is of some members, by their numbers."""
        some = len(numbers) < len(self.left_out)
        chosen = slice(numbers.start, numbers.stop)
        return replace(
            self,
            kind=self.kind[chosen],
            left_out=self.left_out[chosen],
            held_out=self.held_out[chosen],
            first=numbers.start,
            who=_called(numbers) if some else "",
        )

    def batches(self) -> Iterator[np.ndarray]:
        """Give each epoch's row numbers, (steps, k, batch), each member's in a new random order.

        They are those of a random part of its rows where it passes over fewer than it has.
        """
        numbers = range(self.first, self.first + len(self.left_out))
        shuffles = [np.random.default_rng([self.seed, 1, member]) for member in numbers]
        used = self.steps * self.batch
        for _ in range(self.epochs):
            # int32: of many rows, the numbers of an epoch are most of the memory.
            orders = np.empty((len(numbers), used), np.int32)
            for order, rng, fold in zip(orders, shuffles, self.left_out, strict=True):
                order[:] = draw(rng, self.fold != fold, used)
            yield orders.reshape(-1, self.steps, self.batch).swapaxes(0, 1)

    def rates(self, epoch: int) -> np.ndarray:
        """Give the learning rates of the steps of an epoch, counted from 1: float32 (steps,).

        They are `rate` for the first half of all steps, in which members of few rows stop, and
        fall to 0 along half a cosine in the second one.

        Source: Hägele et al., "Scaling Laws and Compute-Optimal Training Beyond Fixed Training
        Durations", NeurIPS 2024, but for the shape of the fall.
        """
        steps = (epoch - 1) * self.steps + np.arange(self.steps)
        share = np.clip(2 * steps / (self.epochs * self.steps) - 1, 0, 1)
        return (self.rate * (1 + np.cos(np.pi * share)) / 2).astype(np.float32)


def draw(rng: np.random.Generator, among: np.ndarray, count: int) -> np.ndarray:
    """Draw rows without replacement, in random order.

    Of up to `MANY_ROWS` they are the first ones of a permutation. Of more, each block of rows gives
    as many as it has in a random draw of all, so that memory grows with what is drawn alone.

    Args:
        rng: What is drawn by.
        among: Which rows there are to draw from, bool (all rows,).
        count: How many to draw, at most as many as there are.

    Returns:
        Their numbers, int32 (count,).
    """
    if len(among) <= MANY_ROWS:
        return rng.permutation(np.flatnonzero(among).astype(np.int32))[:count]
    starts = range(0, len(among), DRAWN_AT_ONCE)
    blocks = [among[start : start + DRAWN_AT_ONCE] for start in starts]
    of_each = rng.multivariate_hypergeometric([*map(np.count_nonzero, blocks)], count)
    drawn = [
        start + rng.choice(np.flatnonzero(block).astype(np.int32), size, False, shuffle=False)
        for start, block, size in zip(starts, blocks, of_each, strict=True)
    ]
    return rng.permutation(np.concatenate(drawn, dtype=np.int32))


def draw_by_class(
    rng: np.random.Generator, labels: np.ndarray, among: np.ndarray, count: int
) -> np.ndarray:
    """Draw rows without replacement, of each class its share and, if it has them, at least ten.

    Args:
        rng: What they are drawn by.
        labels: 1 for the positive class, (all rows,).
        among: Which rows there are to draw from, bool (all rows,).
        count: How many to draw at most, 2 or more.

    Returns:
        Their numbers in their order, int32.
    """
    drawn, rows = [], int(np.count_nonzero(among))
    for of_class in (among & (labels == 1), among & (labels != 1)):
        there = int(np.count_nonzero(of_class))
        least = min(10, count // 2)
        share = max(least, (count - least) * there // rows)
        drawn.append(draw(rng, of_class, min(there, share)))
    return np.sort(np.concatenate(drawn))


def plan_training(
    members: int,
    labels: np.ndarray,
    features: int,
    training: Training,
    groups: np.ndarray | None = None,
    kinds: int = 1,
    numbers: range | None = None,
) -> Plan:
    """Choose what the parameters leave open, and log it.

    Args:
        members: How many, of all kinds.
        labels: (rows,).
        features: Slots of a row.
        training: The parameters.
        groups: int (rows,), the number of each row's group, from 0, whose rows are in one fold.
            Default: each row is its own.
        kinds: How many kinds there are, each with as many members. Default: 1.
        numbers: Of the members that the plan is to be of. Default: all.
    """
    rows = len(labels)
    folds = min(FOLDS, rows if groups is None else int(groups.max()) + 1)
    fold = folds_of(labels, folds, training.seed, groups)
    # The members of each kind have the same folds, so that each kind has a logit of the same rows.
    of_kind = members // kinds
    left_out = [member % of_kind % folds for member in range(members)]
    held_out = [_of_fold(labels, fold, number, training.seed) for number in range(folds)]
    # The members step together: in each epoch, each passes over as many rows as the one that has
    # fewest, and in whole batches. Which rows are left out is random.
    of_folds = np.bincount(fold, minlength=folds)
    smallest = rows - int(of_folds[left_out].max())
    many = rows > MANY_ROWS
    passed = min(smallest, MANY_ROWS * (FOLDS - 1) // FOLDS) if many else smallest
    batch = min(training.batch_size or batch_size(min(rows, MANY_ROWS)), passed)
    limit = training.epochs or epochs(rows, features)
    patience = training.patience or patience_of(limit)
    rate = training.learning_rate * (batch / 32) ** 0.5
    steps = passed // batch
    kind = [member // of_kind for member in range(members)]
    of_members = [held_out[number] for number in left_out]
    of_steps = (batch, steps, limit, patience, rate)
    plan = Plan(fold, kind, left_out, of_members, *of_steps, training.seed)
    plan = plan.of_members(numbers or range(members))
    whole = f"{members} members" + (f", {of_kind} of each kind" if kinds > 1 else "")
    logger.info(
        "Training %s, each on %d of %d rows; %d rows a step, %d steps an epoch, "
        "%d epochs at most, %d without progress",
        f"{plan.who} of {members}" if plan.who else whole,
        smallest,
        rows,
        batch,
        steps,
        limit,
        patience,
    )
    if many:
        logger.info(
            "The rows are many: an epoch passes over %d random ones of each member's, other ones "
            "each time; it is stopped, calibrated and given its threshold by %d of its fold's %d",
            steps * batch,
            len(held_out[0]),
            of_folds[0],
        )
    return plan


def _of_fold(labels: np.ndarray, fold: np.ndarray, number: int, seed: int) -> np.ndarray:
    """Give the numbers of a fold's rows, or of a random part of many, in their order: int32."""
    among, most = fold == number, MANY_ROWS // FOLDS
    if len(fold) <= MANY_ROWS or np.count_nonzero(among) <= most:
        return np.flatnonzero(among).astype(np.int32)
    return draw_by_class(np.random.default_rng([seed, 3, number]), labels, among, most)


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
        >>> [epochs(rows, 8) for rows in (768, 5000, 20_000, 100_000, 1_000_000)]
        [200, 100, 25, 12, 5]
        >>> [epochs(768, features) for features in (200, 500, 2000, 5000)]
        [200, 80, 20, 8]
    """
    rows = max(rows, 1)
    # Twelve are better than fewer, but of half a million rows or more too long.
    by_rows = np.clip(max(500_000 // rows, min(12, 5_000_000 // rows)), 5, 200)
    return int(min(by_rows, max(40_000 // features, 8)))


def patience_of(epochs: int) -> int:
    """Choose after how many epochs without progress a member stops: 20, or all that there are."""
    return min(20, epochs)


def _called(numbers: range) -> str:
    """Call members by their numbers, counted from 1."""
    first, last = numbers.start + 1, numbers.stop
    return f"member {first}" if first == last else f"members {first} to {last}"
