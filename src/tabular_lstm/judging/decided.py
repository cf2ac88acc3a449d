"""What the decision threshold does: rows by class and by what they were taken for."""

from tabular_lstm.frozen import Frozen

RATES = ("precision", "recall", "f1")


class ConfusionMatrix(Frozen):
    """Rows by class and by what they were taken for; sums of weights where these differ."""

    true_negatives: int | float
    false_positives: int | float
    false_negatives: int | float
    true_positives: int | float

    @property
    def precision(self) -> float | None:
        """Of the rows taken for positive, the share that are; None where there are none."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float | None:
        """Of the positive rows, the share taken for positive; None where there are none."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of the two; None where no row is positive or taken for it."""
        wrong = self.false_positives + self.false_negatives
        return _share(2 * self.true_positives, 2 * self.true_positives + wrong)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
