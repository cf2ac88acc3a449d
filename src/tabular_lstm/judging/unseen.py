"""How far rows of a kind that the test rows do not hold may move the difference of two models.

A bootstrap knows nothing of such rows: where two models rank the rows perfectly, each in its own
order, all its values are the same. Of n rows without one of some kind, at confidence c, up to a
share 1 - (1 - c) ** (1 / n) of all rows may be of it, some 3 / n at 0.95: the rule of three.
Source: Hanley and Lippman-Hand, "If Nothing Goes Wrong, Is Everything All Right?", JAMA 249, 1983.
Where rows have weights or groups, n is what they tell: `counted.count_rows`.
"""

import numpy as np

from tabular_lstm.judging.counted import count_by_class, count_rows

EPSILON = float(np.finfo(float).eps)
MANY_ROWS = 20_000


def unseen_share(rows: float, confidence: float) -> float:
    """Give the largest share of rows of a kind that none of so many rows is of."""
    return float(1 - (1 - confidence) ** (1 / max(rows, 1)))


def unseen_roc_auc(
    labels: np.ndarray,
    one: np.ndarray,
    other: np.ndarray,
    confidence: float,
    weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> float:
    """Say by how much the difference of two ROC AUCs may be off for want of rows that tell.

    As many rows have to tell the models apart as would all favor the same one by chance in a
    share 1 - confidence of draws, that is log2(1 / (1 - confidence)), 4.3 at 0.95. If fewer do,
    rows of the smaller class may be ranked rightly by the one and wrongly by the other, in a share
    up to `unseen_share`.

    Returns:
        0 where enough rows tell, both give the same probabilities, or each the same to all rows.
    """
    if np.array_equal(one, other) or np.ptp(one) == np.ptp(other) == 0:
        return 0.0
    enough, step = np.log2(1 / (1 - confidence)), len(labels) // MANY_ROWS
    # If a part of many rows tells enough, all do.
    if groups is None and step > 1:
        part = None if weights is None else weights[::step]
        if _telling_rows(labels[::step], one[::step], other[::step], part) >= enough:
            return 0.0
    if _telling_rows(labels, one, other, weights, groups) >= enough:
        return 0.0
    return unseen_share(min(count_by_class(labels, weights, groups)), confidence)


def unseen_log_loss(
    labels: np.ndarray,
    one: np.ndarray,
    other: np.ndarray,
    confidence: float,
    weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> float:
    """Say by how much the difference of two log losses may be off where all rows' are the same.

    One model may be wrong where it, or the other, is as sure as it is anywhere on these rows.

    Returns:
        0 where the rows' differences vary, or the probabilities are the same.
    """
    losses, others = row_losses(labels, one), row_losses(labels, other)
    if np.array_equal(one, other) or np.ptp(losses - others) > np.sqrt(EPSILON):
        return 0.0
    surest = min(float(np.minimum(p, 1 - p).min()) for p in (one, other))
    rows = count_rows(labels, weights, groups)
    return unseen_share(rows, confidence) * float(-np.log(max(surest, EPSILON)))


def placements(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Give for each row the share of the other class's rows that it is ranked rightly against.

    A tie counts half; the mean over a class is the ROC AUC. Source: DeLong, DeLong and
    Clarke-Pearson, "Comparing the Areas under Two or More Correlated Receiver Operating
    Characteristic Curves", Biometrics 44, 1988.
    """
    placed = np.empty(len(labels))
    for value in (0, 1):
        own, others = probabilities[labels == value], probabilities[labels != value]
        order = np.argsort(others, kind="stable")
        counts = np.ones(len(others), int) if weights is None else weights[labels != value]
        others, up_to = others[order], np.concatenate([[0], np.cumsum(counts[order])])
        below = sum(up_to[np.searchsorted(others, own, side)] for side in ("left", "right"))
        share = below / (2 * up_to[-1] or 1)
        placed[labels == value] = share if value else 1 - share
    return placed


def row_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Give the log loss of each row, in nats."""
    of_class = np.where(labels == 1, probabilities, 1 - probabilities)
    losses: np.ndarray = -np.log(np.clip(of_class, EPSILON, None))
    return losses


def _telling_rows(
    labels: np.ndarray,
    one: np.ndarray,
    other: np.ndarray,
    weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> float:
    """Count the rows, or groups, that the variance of a difference of ROC AUCs comes from.

    Kish's effective sample size of the squared influences.
    """
    difference = placements(labels, one, weights) - placements(labels, other, weights)
    for value in np.unique(labels):
        of_class = labels == value
        counts = None if weights is None else weights[of_class]
        difference[of_class] -= np.average(difference[of_class], weights=counts)
        difference[of_class] /= of_class.sum()
        if counts is not None:
            difference[of_class] *= counts / counts.mean()
    if groups is not None:
        difference = np.bincount(groups, difference)
    squares = difference**2
    total = float(squares.sum())
    return total**2 / float((squares**2).sum()) if total > EPSILON**2 else 0.0
