"""The summary of a feature, or of a label that is no pair of classes: what later runs compare."""

from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import SerializerFunctionWrapHandler, model_serializer

from tabular_lstm.errors import shown
from tabular_lstm.frozen import Frozen, Share
from tabular_lstm.rows.numbers import scale

Kind = Literal["number", "date", "category"]
LETTERS = 30  # of a level


class FeatureSummary(Frozen):
    """What the valid rows, each counted once, say of a feature.

    Attributes:
        missing: Share of the rows without a value.
        mean: Of the measured numbers, or of dates as days since 1970-01-01, winsorized at the 1st
            and the 99th percentile; None of a category and where all is missing.
        deviation: Likewise, the standard deviation; 0 where the feature never varies.
        levels: The share of the rows by level, of the commonest of the `distinct` ones.
    """

    kind: Kind
    missing: Share
    mean: float | None = None
    deviation: float | None = None
    levels: dict[str, Share] = {}
    distinct: int | None = None

    @property
    def knows_all_levels(self) -> bool:
        """Tell whether a level that is not among these was not there at all."""
        return len(self.levels) == self.distinct

    @model_serializer(mode="wrap")
    def _without_what_is_not_there(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        dumped: dict[str, Any] = dump(self)
        return {name: value for name, value in dumped.items() if value not in (None, {})}


def of_levels(texts: pd.Series, most: int) -> FeatureSummary:
    """Summarize categories, NaN where missing; so many of the commonest are named."""
    shares = texts.value_counts(dropna=True) / len(texts)
    # Of equally many rows the first by its name, whatever the order of the rows.
    commonest = sorted(shares.items(), key=lambda level: (-level[1], str(level[0])))[:most]
    return FeatureSummary(
        kind="category",
        missing=rounded(texts.isna().mean()),
        levels={shown(level, LETTERS): rounded(share) for level, share in commonest},
        distinct=len(shares),
    )


def of_numbers(kind: Kind, values: np.ndarray) -> FeatureSummary:
    """Summarize numbers, or dates as days, NaN where missing."""
    known = values[~np.isnan(values)]
    missing = rounded(1 - len(known) / len(values))
    if not len(known):
        return FeatureSummary(kind=kind, missing=missing)
    mean, variance = scale(known)
    varies = known.min() < known.max()
    return FeatureSummary(
        kind=kind,
        missing=missing,
        # A date of today has five digits before the point.
        mean=rounded(mean, 7),
        deviation=rounded(variance**0.5) if varies else 0.0,
    )


def rounded(value: float, digits: int = 4) -> float:
    """Keep so many digits: fewer bytes, and equal data have equal numbers on any processor."""
    return float(f"{value:.{digits}g}")
