"""What is counted of the rows that judge: rows or, where several are of one group, groups.

Rows of one group say together about as much as one row says.
"""

import numpy as np


def count_groups(labels: np.ndarray, groups: np.ndarray | None) -> int:
    """Count the groups that rows have, given by their numbers; each row is its own without."""
    return len(labels) if groups is None else len(np.unique(groups))


def count_by_class(labels: np.ndarray, groups: np.ndarray | None) -> tuple[int, int]:
    """Count the rows of the negative and of the positive class, or the groups that have such."""
    negative, positive = (
        count_groups(labels[of], None if groups is None else groups[of])
        for of in (labels == 0, labels == 1)
    )
    return negative, positive


def few_rows(labels: np.ndarray, groups: np.ndarray | None, needed: int) -> tuple[int, str]:
    """Count the rows of the class that has fewer, or groups with such, and say if it is too few."""
    negatives, positives = count_by_class(labels, groups)
    fewest, name = min((positives, "positive"), (negatives, "negative"))
    if fewest >= needed:
        return fewest, ""
    count = count_groups(labels, groups)
    few = (
        f"{fewest} of {count} test rows are {name}"
        if count == len(labels)
        else f"{fewest} of {count} groups of test rows have {name} ones"
    )
    return fewest, (
        f"{few}, too few to tell a good candidate from a lucky one: expected at least {needed} of "
        "each class (promotion.min_test_rows_per_class). Wait for more rows, or raise "
        "split.test_fraction"
    )
