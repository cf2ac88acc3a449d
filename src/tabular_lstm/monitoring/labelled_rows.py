"""A champion's scored rows that have a label: each key once, with its last prediction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from tabular_lstm.monitoring.expected import TAIL
from tabular_lstm.monitoring.performance import FEWEST, Losses, MeasuredRows, losses_of, measure
from tabular_lstm.parameters import Task


@dataclass(frozen=True)
class LabelledRows:
    """The labelled rows of a champion, each key once, with its last prediction.

    Attributes:
        scorings: Run ids of the scorings with labelled rows, in order.
        scored_by: Place of each row's scoring in `scorings`, int (rows,), ascending.
        places: Places of the rows' labels, int (rows,).
        predictions: See `performance.measure`.
    """

    scorings: tuple[str, ...]
    scored_by: np.ndarray
    places: np.ndarray
    predictions: np.ndarray

    @classmethod
    def of(cls, by_scoring: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Self:
        """Join places and predictions of one scoring or more, the oldest first."""
        every = {run: one for run, one in by_scoring.items() if len(one[0])}
        joined = [np.concatenate(of) for of in zip(*(every or by_scoring).values(), strict=True)]
        last = ~pd.Index(joined[0]).duplicated(keep="last")
        scored_by = np.repeat(
            range(len(every)), np.array([len(of) for of, _ in every.values()], int)
        )
        return cls((*every,), scored_by[last], joined[0][last], joined[1][last])

    def measured(self, labels: np.ndarray, task: Task) -> MeasuredRows:
        """Measure the rows; `labels` are all late labels."""
        own = labels[self.places]
        losses = losses_of(own, self.predictions, task)
        firsts = np.searchsorted(self.scored_by, range(len(self.scorings)))
        since = {
            run: Losses.of(losses[first:]) for run, first in zip(self.scorings, firsts, strict=True)
        }
        return MeasuredRows(len(own), measure(own, self.predictions, task), since)

    def clearly_better_than(self, other: "LabelledRows", labels: np.ndarray, task: Task) -> bool:
        """Return whether the mean loss is lower on common keys, by the paired 95 % interval.

        False for fewer than 30 common keys.
        """
        _, ours, theirs = np.intersect1d(self.places, other.places, return_indices=True)
        if len(ours) < FEWEST:
            return False
        own, others = (
            losses_of(labels[rows.places[at]], rows.predictions[at], task)
            for rows, at in ((self, ours), (other, theirs))
        )
        found = Losses.of(own - others)
        return bool(found.mean + TAIL * found.deviation / found.rows**0.5 < 0)
