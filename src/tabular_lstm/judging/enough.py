"""Whether the rows of each class are enough to tell a good candidate from a lucky one."""

import numpy as np

from tabular_lstm.rows.weights import effective_rows


def rows_by_class(labels: np.ndarray, weights: np.ndarray | None) -> tuple[float, float]:
    """Count the rows of class 0 and of class 1 by what they tell, see `effective_rows`."""
    negatives, positives = (
        effective_rows(int(of_class.sum()), None if weights is None else weights[of_class])
        for of_class in (labels != 1, labels == 1)
    )
    return negatives, positives


def few_rows(labels: np.ndarray, weights: np.ndarray | None, needed: int) -> tuple[int, str]:
    """Count the rows of the class that has fewer, and say so if they are too few.

    Rows that do not count alike are as many as they tell, see `effective_rows`.
    """
    negatives, positives = map(int, rows_by_class(labels, weights))
    fewest, name = min((positives, "positive"), (negatives, "negative"))
    if fewest >= needed:
        return fewest, ""
    alike = "" if weights is None else ", counted by what they tell with their weights"
    return fewest, (
        f"{fewest} of {len(labels)} test rows are {name}{alike}, too few to tell a good "
        f"candidate from a lucky one: expected at least {needed} of each class "
        "(promotion.min_test_rows_per_class). Wait for more rows, or raise split.test_fraction"
    )
