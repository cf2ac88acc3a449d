"""Assign train rows to folds, each class evenly, and groups of rows as a whole."""

import heapq

import numpy as np


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
        The fold of each row, uint8 (rows,).
    """
    rare = float(2 * np.sum(labels) <= len(labels))
    sizes = np.bincount(groups)
    of_rare = np.bincount(groups, labels == rare).astype(int)
    counts = {True: of_rare, False: sizes - of_rare}
    fold = np.empty(len(sizes), np.uint8)
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
        The fold of each row, uint8 (rows,). Folds differ by at most one row, and so do a class's
        shares of them.
    """
    # int32 and, below, no argsort: of ten million rows 110 MB less are held for a moment.
    numbers = np.arange(len(labels), dtype=np.int32)
    shuffled = np.random.default_rng([seed, folds]).permutation(numbers)
    of_shuffled = labels[shuffled] > 0
    fold = np.empty(len(labels), np.uint8)
    fold[np.concatenate([shuffled[~of_shuffled], shuffled[of_shuffled]])] = np.resize(
        np.arange(folds, dtype=np.uint8), len(labels)
    )
    return fold
