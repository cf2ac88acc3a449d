"""Examples: a side's rows with their sequences, labels, weights and groups."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from tabular_lstm.rows.fingerprints import fingerprints_of_sequences, number_equal
from tabular_lstm.rows.histories import Sequences
from tabular_lstm.rows.schema import Schema, training_fingerprint

JudgedOn = Literal["marked rows", "chosen last rows", "last rows", "all rows"]
# The sequences of examples that are not reshaped yet.
NO_SEQUENCES = np.empty((0, 0, 0), np.float32)


@dataclass(frozen=True, eq=False)
class JudgingRows:
    """Which examples of histories judge a model: those that are like the rows of a scoring.

    Attributes:
        definition: `marked rows`, by the column `history.predict`; `last rows`, see
            `tabular_lstm.rows.timeline.last_rows`, if no row is marked; `chosen last rows`,
            likewise of the values in `history.predict`; or `all rows`, if no labelled row is such
            a row.
        rows: These rows, bool (examples,).
        newest: Of these rows at most one of each customer, as in a scoring: those of the newest
            time or, if there are none, the last ones; bool (examples,). Their scores are the
            reference.
    """

    definition: JudgedOn
    rows: np.ndarray
    newest: np.ndarray


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled rows as a network takes them: the train set or the test set.

    Attributes:
        sequences: float32 (examples, steps, features_per_step), or the rows' histories.
        labels: int64 (examples,), the number of the class, 1 for a positive class; or float64
            (examples,), the number itself; with the names of the rows as index.
        weights: float64 (examples,), of mean 1. Default: None, all rows count alike.
        groups: int (examples,), see `tabular_lstm.rows.fingerprints.number_groups`. Default: None,
            each row is its own group.
        schema: What was learned of the columns, and how a row becomes a sequence.
        rows: The valid rows that the examples are made of.
        earlier_rows: The rows that may be earlier in a history: rows that are only history and, for
            test rows, the train rows. Default: none.
        keys: The key of each row. Default: None, rows have no key.
        together: The time or the group of each row, as text: rows that share it are on one side.
            Default: None.
        by_time: Whether `together` holds times. Default: no, it holds groups.
        judging: Which examples judge a model. Default: None, all of them, as without histories.
        side: `test`; or `train` if these are train rows that are evaluated because no row is held
            out. Default: `test`.
    """

    sequences: Sequences
    labels: pd.Series
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None
    schema: Schema = field(kw_only=True)
    rows: pd.DataFrame = field(default_factory=pd.DataFrame, kw_only=True)
    earlier_rows: tuple[pd.DataFrame, ...] = field(default=(), kw_only=True)
    keys: pd.Series | None = field(default=None, kw_only=True)
    together: pd.Series | None = field(default=None, kw_only=True)
    by_time: bool = field(default=False, kw_only=True)
    judging: JudgingRows | None = field(default=None, kw_only=True)
    side: Literal["train", "test"] = field(default="test", kw_only=True)

    @property
    def fingerprint(self) -> str:
        """Hash what a candidate is trained on: sequences, labels and weights."""
        return training_fingerprint(self.sequences, self.labels.to_numpy(), self.weights)

    @cached_property
    def fold_groups(self) -> np.ndarray | None:
        """Number the rows that are in one fold as on one side: a group's, else equal ones.

        int (examples,); None if each row is by itself.
        """
        # Where only the features decide a row's side, equal rows share it.
        by_content = self.keys is None and self.together is None and self.schema.history is None
        if self.groups is None and by_content:
            return number_equal(fingerprints_of_sequences(self.sequences))
        return self.groups

    @property
    def judged(self) -> np.ndarray | None:
        """Return which examples judge: bool (examples,); None if all do."""
        return None if self.judging is None else self.judging.rows

    @property
    def judged_rows(self) -> pd.DataFrame:
        """Return the rows that judge."""
        return self.rows if self.judging is None else self.rows[self.judging.rows]

    @property
    def judged_sequences(self) -> Sequences:
        """Return the sequences of the rows that judge."""
        return self.sequences if self.judging is None else self.sequences[self.judging.rows]
