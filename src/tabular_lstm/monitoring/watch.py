"""Count rows as a reference does, batch by batch, in whatever process scores them."""

from dataclasses import dataclass

import numpy as np

from tabular_lstm.monitoring.expected import sums
from tabular_lstm.monitoring.reference import (
    Profile,
    Reference,
    columns_of,
    count_categories,
    count_numbers,
    scores_of,
)
from tabular_lstm.rows.schema import Schema


@dataclass(frozen=True)
class Seen:
    """What is counted of rows; the counts of batches add up.

    Attributes:
        counts: By feature, then by score, in the reference's order: the counts of its cells.
        moments: float64 (features + scores, 3): how many are known, and the sums of their
            distances from the reference's mean, in its deviations, and of the squares of these.
        estimate: What the performance that is expected is made of: `expected.sums`.
    """

    counts: tuple[np.ndarray, ...]
    moments: np.ndarray
    estimate: np.ndarray

    def __add__(self, other: "Seen") -> "Seen":
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return Seen(counts, self.moments + other.moments, self.estimate + other.estimate)


@dataclass(frozen=True)
class Watch:
    """Counts the rows of a champion as its reference does."""

    reference: Reference
    schema: Schema

    @property
    def profiles(self) -> dict[str, Profile]:
        """Give what is watched, the features first."""
        return self.reference.features | self.reference.scores

    def count(self, sequences: np.ndarray, predictions: np.ndarray) -> Seen:
        """Count rows that are scored.

        Args:
            sequences: float32 (rows, steps, features_per_step), by the champion's schema.
            predictions: What the champion says of them.
        """
        columns = [column for _, column in columns_of(sequences, self.schema)]
        columns += scores_of(predictions, self.reference.task).values()
        profiles = self.profiles.values()
        counted = [_count(one, column) for one, column in zip(profiles, columns, strict=True)]
        return Seen(
            tuple(c for c, _ in counted),
            np.array([m for _, m in counted]),
            sums(predictions, self.reference.task),
        )


def _count(profile: Profile, values: np.ndarray) -> tuple[np.ndarray, tuple[float, float, float]]:
    if profile.kind == "category":
        return count_categories(values, len(profile.counts) - 2), (0.0, 0.0, 0.0)
    counts, known = count_numbers(values, profile.edges), values[~np.isnan(values)]
    if profile.mean is None:
        return counts, (float(len(known)), 0.0, 0.0)
    away = (known.astype(np.float64) - profile.mean) / (profile.deviation or 1.0)
    return counts, (float(len(known)), float(away.sum()), float(away @ away))
