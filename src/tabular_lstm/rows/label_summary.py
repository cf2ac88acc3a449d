"""The summary of labels of more than two classes or of numbers, for comparison by later runs."""

from typing import Literal

import numpy as np
import pandas as pd

from tabular_lstm.errors import shown
from tabular_lstm.frozen import Frozen, Share, unless
from tabular_lstm.rows.schema import scale

LETTERS = 30  # of a class


class LabelSummary(Frozen):
    """The labels of the valid rows; each row counts once.

    Attributes:
        kind: `number`, or `category` for classes.
        missing: Share of the rows without a label, always 0.
        mean: Mean of numbers, winsorized at the 1st and the 99th percentile; None for classes.
        deviation: Standard deviation, likewise; 0 if the label never varies.
        levels: The share of the rows by class, the commonest first.
        distinct: How many classes there are.
    """

    kind: Literal["number", "category"]
    missing: Share
    mean: float | None = unless(None)
    deviation: float | None = unless(None)
    levels: dict[str, Share] = unless({})
    distinct: int | None = unless(None)


def of_classes(names: pd.Series) -> LabelSummary:
    """Summarize the classes of rows."""
    shares = names.value_counts() / len(names)
    # Equally common classes are sorted by name, so that the order of the rows does not count.
    commonest = sorted(shares.items(), key=lambda level: (-level[1], str(level[0])))
    return LabelSummary(
        kind="category",
        missing=0.0,
        levels={shown(name, LETTERS): rounded(share) for name, share in commonest},
        distinct=len(shares),
    )


def of_numbers(values: np.ndarray) -> LabelSummary:
    """Summarize the numbers of rows."""
    mean, variance = scale(values)
    varies = values.min() < values.max()
    return LabelSummary(
        kind="number",
        missing=0.0,
        mean=rounded(mean, 7),
        deviation=rounded(variance**0.5) if varies else 0.0,
    )


def rounded(value: float, digits: int = 4) -> float:
    """Round to `digits` significant digits: equal data then give equal numbers on any processor."""
    return float(f"{value:.{digits}g}")
