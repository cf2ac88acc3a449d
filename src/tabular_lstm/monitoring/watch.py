"""Count rows in the cells of a reference, batch by batch, in the process that scores them."""

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from tabular_lstm.errors import DataError, shown
from tabular_lstm.monitoring.category_cells import categories_of, cells_of, count_categories
from tabular_lstm.monitoring.expected import sums
from tabular_lstm.monitoring.reference import (
    Profile,
    Reference,
    columns_of,
    count_numbers,
    kinds_of,
    scores_of,
)
from tabular_lstm.rows.histories import Histories, Sequences
from tabular_lstm.rows.schema import Schema


@dataclass(frozen=True)
class Seen:
    """Counts of rows; the counts of batches add up.

    Attributes:
        counts: For each feature, then each score, in the reference's order: counts by cell.
        moments: float64 (features + scores, 3): the number of known values; the sum of their
            distances from the reference's mean, in its standard deviations; the sum of the squared
            distances. 0 for a category, and if the reference has no mean.
        estimate: The sums for the expected performance, see `expected.sums`.
    """

    counts: tuple[np.ndarray, ...]
    moments: np.ndarray
    estimate: np.ndarray

    def __add__(self, other: "Seen") -> "Seen":
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return Seen(counts, self.moments + other.moments, self.estimate + other.estimate)


@dataclass(frozen=True)
class Watch:
    """Counts the rows of a champion in the cells of its reference.

    Raises:
        DataError: The reference does not fit the champion's schema, as in a damaged file.
    """

    reference: Reference
    schema: Schema

    def __post_init__(self) -> None:
        columns, scores = self.reference.features, self.reference.scores
        kinds = kinds_of(self.schema)
        odd = [
            name
            for name, kind in kinds.items()
            if name not in columns
            or columns[name].kind != kind
            or columns[name].rows != next(iter(columns.values())).rows
            or columns[name].categories != categories_of(self.schema.categories.get(name, []))
        ]
        none = np.zeros((0, max(1, len(self.schema.task.classes))))
        expected = [*kinds, *scores_of(none, self.schema)]
        if not odd and [*columns, *scores] != expected:
            odd = [*(columns | scores).keys() ^ {*expected}] or expected
        if odd:
            raise DataError(
                f"the champion's reference.json has another '{shown(sorted(odd)[0])}' than the "
                "champion; expected only its features and its scores"
            )

    @cached_property
    def profiles(self) -> dict[str, Profile]:
        """Return the profiles by name, the features first."""
        return self.reference.features | self.reference.scores

    @property
    def nothing(self) -> Seen:
        """Return the counts of zero rows."""
        counts = tuple(np.zeros(len(one.counts), np.int64) for one in self.profiles.values())
        return Seen(counts, np.zeros((len(counts), 3)), np.zeros(1))

    def count(
        self, sequences: Sequences, predictions: np.ndarray, which: Any = slice(None)
    ) -> Seen:
        """Count scored rows.

        Args:
            sequences: float32 (rows, steps, features_per_step), by the champion's schema; or
                histories: the rows of their table count, and each customer's last score.
            predictions: The champion's predictions.
            which: With histories: the rows of the table that count. Default: all.
        """
        scored = predictions
        if isinstance(sequences, Histories):
            scored, sequences = predictions[sequences.are_last], sequences.rows(which)
        scores = scores_of(scored, self.schema)
        watched = [(name, scores[name]) for name in self.reference.scores]
        counts, moments = [], []
        for name, column in chain(columns_of(sequences, self.schema), watched):
            profile = self.profiles[name]
            if profile.kind == "category":
                counts.append(count_categories(column, self._cells[name]))
            else:
                counts.append(count_numbers(column, profile.edges))
            moments.append(_moments(profile, column))
        estimate = sums(predictions, self.reference.task)
        return Seen(tuple(counts), np.array(moments), estimate)

    @cached_property
    def _cells(self) -> dict[str, np.ndarray]:
        return {name: cells_of(known) for name, known in self.schema.categories.items()}


def _moments(profile: Profile, values: np.ndarray) -> tuple[float, float, float]:
    if profile.mean is None or profile.deviation is None:
        return 0.0, 0.0, 0.0
    away = values.astype(np.float64)
    away -= profile.mean
    away /= profile.deviation or 1.0
    missing = np.isnan(away)
    away[missing] = 0.0
    # Without BLAS, whose last bits depend on its threads.
    squares = float(np.square(away).sum())
    return float(len(away) - np.count_nonzero(missing)), float(away.sum()), squares
