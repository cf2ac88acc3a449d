"""Medians in place of missing numbers, for the logistic regression: one column after the other.

scikit-learn's imputer sorts all columns at once, and holds several copies of them meanwhile.
"""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin


class Medians(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Give numbers as float64, missing ones as the median of their column; 0 where it has none.

    As float64: in float32, what a logistic regression ends at depends on the processor.
    """

    def fit(self, rows: np.ndarray, labels: Any = None) -> Self:
        """Find the medians of rows, (rows, columns), NaN where missing."""
        known = (column[~np.isnan(column)] for column in rows.T)
        self.medians_ = np.array([np.median(c.astype(float)) if c.size else 0.0 for c in known])
        return self

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Give a copy without missing numbers."""
        filled = rows.astype(np.float64)
        np.copyto(filled, self.medians_, where=np.isnan(filled))
        return filled
