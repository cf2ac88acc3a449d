"""A side's rows as one value: their features or sequences, labels, weights and groups."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from tabular_lstm.rows.histories import Sequences
from tabular_lstm.rows.schema import fingerprint


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """A side's rows, with the features separate from the label.

    Attributes:
        features: The schema's columns, in its order, (rows, features), with row numbers as index.
            For histories also the schema's roles; the last rows then only serve as earlier rows.
        labels: int64 (rows,), the number of the class, 1 for a positive class; or float64 (rows,),
            the number itself; with row numbers as index.
        weights: float64 (rows,), of mean 1; None if all rows count alike.
        groups: int (rows,), see `tabular_lstm.rows.keys.number_groups`; None if each row is its own
            group.
    """

    features: pd.DataFrame
    labels: pd.Series
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """A side's rows as the network takes them: the train set or the test set.

    Attributes:
        sequences: float32 (rows, steps, features_per_step), or the rows' histories.
        labels, weights, groups: See `LabelledRows`.
    """

    sequences: Sequences
    labels: pd.Series
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None

    @property
    def fingerprint(self) -> str:
        """Hash what a candidate is trained on: sequences, labels and weights."""
        return fingerprint(self.sequences, self.labels.to_numpy(), self.weights)


@dataclass(frozen=True, eq=False)
class EvaluatedSet(LabelledSet):
    """The rows that models are evaluated on.

    Attributes:
        side: `test`, or `train` if nothing is held out.
    """

    side: Literal["train", "test"] = "test"
