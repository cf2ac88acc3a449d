"""A side's rows as one value: features or sequences, labels, weights and groups."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.rows.cells import Problems, read_numbers
from tabular_lstm.rows.fingerprints import number_equal, of_sequences
from tabular_lstm.rows.histories import Sequences
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.schema import fingerprint

# Weights ------------------------------------------------------------------------------------------
# How much each row counts: its weight, a number of 0 or more.
#
# A row of weight 2 counts as two equal rows, and a row of weight 0 does not count. Only the
# proportions of weights count: before use, weights are scaled to a mean of 1.


def read_weights(
    cells: pd.Series, number_format: NumberFormat = POINT
) -> tuple[np.ndarray, Problems]:
    """Read a column of weights.

    Returns:
        float64 (rows,), with any value where the cell has a problem; and the problems: a cell that
        is empty, not a number, negative or infinite.
    """
    weights, problems = read_numbers(cells, (), (0, None), number_format)
    missing = np.flatnonzero(np.isnan(weights))
    return weights, dict.fromkeys(missing.tolist(), "no weight") | problems


def weights_of(rows: pd.DataFrame, columns: ColumnsOptions) -> pd.Series:
    """Give the rows' weights, float64 (rows,); ones if no column holds weights."""
    if columns.weight is None:
        return pd.Series(1.0, index=rows.index, name="weight")
    return rows[columns.weight].rename("weight")


def checked_weights(y: np.ndarray, sample_weight: Any, class_weight: Any) -> np.ndarray:
    """Multiply each row's own weight by the weight of its class, both as in scikit-learn.

    Returns:
        float64 (rows,), 0 or more.

    Raises:
        ValueError: The weights have another shape, are negative or are not finite.
    """
    # Imported here, so that scoring does not wait for scikit-learn.
    from sklearn.utils.class_weight import compute_class_weight  # noqa: PLC0415
    from sklearn.utils.validation import _check_sample_weight  # noqa: PLC0415

    weights = _check_sample_weight(
        sample_weight, y, dtype=np.float64, ensure_non_negative=True, copy=True
    )
    is_counted = weights > 0
    classes, class_places = np.unique(y[is_counted], return_inverse=True)
    class_weights = compute_class_weight(
        class_weight, classes=classes, y=y[is_counted], sample_weight=weights[is_counted]
    )
    if not (np.isfinite(class_weights) & (class_weights >= 0)).all():
        raise ValueError(f"class_weight = {class_weight!r}: expected finite weights of 0 or more.")
    weights[is_counted] *= class_weights[class_places]
    if not np.isfinite(weights).all():
        raise ValueError("sample_weight times class_weight: expected finite weights.")
    return np.asarray(weights)


def scaled(weights: np.ndarray | pd.Series | None) -> np.ndarray | None:
    """Scale weights, all above 0, to a mean of 1; None where all rows count alike.

    They are rounded to float32, because a common factor would change the last bits of a float64,
    and with these bits the trained network.

    Examples:
        >>> scaled(np.array([1, 1, 2])), scaled(np.array([3, 3]))
        (array([0.75, 0.75, 1.5 ]), None)
    """
    if weights is None or not len(weights):
        return None
    unscaled = np.asarray(weights, np.float64)
    if unscaled.min() == unscaled.max():
        return None
    if not np.isfinite(unscaled.sum()):
        unscaled = unscaled / unscaled.max()
    smallest = np.finfo(np.float32).tiny
    rounded = (unscaled / unscaled.mean()).clip(smallest).astype(np.float32)
    return np.asarray(rounded, np.float64)


def weights_note(weights: np.ndarray | None) -> str:
    """Give words to put after a number of rows: it is a number of effective rows."""
    return "" if weights is None else ", the effective number by their weights"


# Labelled set -------------------------------------------------------------------------------------

JudgedOn = Literal["marked rows", "last rows", "all rows"]


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """A side's rows, with the features separate from the label.

    Attributes:
        features: The schema's columns, in its order, (rows, features), with row numbers as index.
            For histories also the schema's roles; the last rows then only serve as earlier rows.
        labels: int64 (rows,), the number of the class, 1 for a positive class; or float64 (rows,),
            the number itself; with row numbers as index.
        weights: float64 (rows,), of mean 1; None if all rows count alike.
        groups: int (rows,), see `tabular_lstm.rows.fingerprints.number_groups`; None if each row
            is its own group.
        marked: bool (rows,): which rows of histories the column `history.predict` marks; None if
            there is no such column.
        by_content: Whether only the features decide a row's side, so that equal rows share it.
    """

    features: pd.DataFrame
    labels: pd.Series
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None
    marked: np.ndarray | None = None
    by_content: bool = False


@dataclass(frozen=True, eq=False)
class Examples:
    """A side's rows as the network takes them: the train set or the test set.

    Attributes:
        sequences: float32 (rows, steps, features_per_step), or the rows' histories.
        labels, weights, groups, by_content: See `LabelledRows`.
        judged_on: Of histories, which rows judge a model, because they are like those that a
            scoring predicts: `marked rows`, by the column `history.predict`; `last rows`, see
            `tabular_lstm.rows.timeline.last_rows`, if no row is marked; or `all rows`, if no
            labelled row is such a row.
            None without histories: all rows judge.
        judged: These rows, bool (rows,); None for all.
        newest: Of these rows at most one of each customer, as in a scoring: those of the newest
            time or, if there are none, the last ones; bool (rows,). Their scores are the reference.
    """

    sequences: Sequences
    labels: pd.Series
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None
    by_content: bool = field(default=False, kw_only=True)
    judged_on: JudgedOn | None = field(default=None, kw_only=True)
    judged: np.ndarray | None = field(default=None, kw_only=True)
    newest: np.ndarray | None = field(default=None, kw_only=True)

    @property
    def fingerprint(self) -> str:
        """Hash what a candidate is trained on: sequences, labels and weights."""
        return fingerprint(self.sequences, self.labels.to_numpy(), self.weights)

    @cached_property
    def fold_groups(self) -> np.ndarray | None:
        """Number the rows that are in one fold as on one side: a group's, else equal ones.

        int (rows,); None if each row is by itself.
        """
        if self.groups is None and self.by_content:
            return number_equal(of_sequences(self.sequences))
        return self.groups

    @property
    def judged_labels(self) -> pd.Series:
        """Give the labels of the rows that judge."""
        return self.labels if self.judged is None else self.labels[self.judged]

    @property
    def judged_sequences(self) -> Sequences:
        """Give the sequences of the rows that judge."""
        return self.sequences if self.judged is None else self.sequences[self.judged]


@dataclass(frozen=True, eq=False)
class EvaluatedSet(Examples):
    """The rows that models are evaluated on.

    Attributes:
        side: `test`, or `train` if nothing is held out.
    """

    side: Literal["train", "test"] = "test"
