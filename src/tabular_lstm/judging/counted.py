"""What is counted of the rows that judge: by what they tell, where they have weights or groups.

Rows of one group say together about as much as one row says, so groups are counted. With weights,
rows count by Kish's effective sample size of their weights, and groups by that of their sums.
"""

import numpy as np

from tabular_lstm.rows.weights import effective_rows


def count_groups(labels: np.ndarray, groups: np.ndarray | None) -> int:
    """Count the groups that rows have, given by their numbers; each row is its own without."""
    return len(labels) if groups is None else len(np.unique(groups))


def count_rows(
    labels: np.ndarray, weights: np.ndarray | None = None, groups: np.ndarray | None = None
) -> float:
    """Count rows, or groups, by what they tell, see `effective_rows`.

    Args:
        labels: (rows,).
        weights: (rows,), how much each row counts. Default: all count alike.
        groups: int (rows,), the number of each row's group. Default: each row is its own.
    """
    count = count_groups(labels, groups)
    if weights is None or groups is None:
        return effective_rows(count, weights)
    # Numbers that no row has are sums of 0, which tell nothing.
    return effective_rows(count, np.bincount(groups, weights))


def count_by_class(
    labels: np.ndarray, weights: np.ndarray | None = None, groups: np.ndarray | None = None
) -> tuple[float, float]:
    """Count the rows of the negative and of the positive class, or the groups that have such.

    By what they tell, see `count_rows`; of a group the rows of that class count.
    """

    def of(rows: np.ndarray) -> float:
        given = (None if values is None else values[rows] for values in (weights, groups))
        return count_rows(labels[rows], *given)

    return of(labels != 1), of(labels == 1)


def few_rows(
    labels: np.ndarray, weights: np.ndarray | None, groups: np.ndarray | None, needed: int
) -> tuple[int, str]:
    """Count the rows of the class that has fewer, or groups with such, and say if it is too few.

    For weights and groups see `count_rows`.
    """
    negatives, positives = map(int, count_by_class(labels, weights, groups))
    fewest, name = min((positives, "positive"), (negatives, "negative"))
    if fewest >= needed:
        return fewest, ""
    few = (
        f"{fewest} of {len(labels)} test rows are {name}"
        if groups is None
        else f"{fewest} of {count_groups(labels, groups)} groups of test rows have {name} ones"
    )
    return fewest, (
        f"{few}{by_what_they_tell(weights)}, too few to tell a good candidate from a lucky one: "
        f"expected at least {needed} of each class (promotion.min_test_rows_per_class). Wait for "
        "more rows, or raise split.test_fraction"
    )


def by_what_they_tell(weights: np.ndarray | None) -> str:
    """Say after a count that the rows in it do not count alike."""
    return "" if weights is None else ", counted by what they tell with their weights"
