"""The summary of a scoring: what people read about it."""

from tabular_lstm.errors import amount, counted
from tabular_lstm.serving.manifest import AsGiven, ScoredBy
from tabular_lstm.task import NUMBER, TWO_CLASSES, Class, TaskKind

MOST_NAMED = 5  # classes in a sentence


class ScoringSummary(AsGiven):
    """A scoring in numbers; `tabular_lstm.serving.answers` sets the fields of each task.

    Attributes:
        positive_class: With two classes: the label's value whose probability was predicted.
        classes: With more classes: the label's values.
        coverage: For a number: the declared rate of its intervals.
        decisions: Rows by decided class; with two classes, the negative class comes first.
        mean_probability: Mean probability of the positive class; None if no row was scored.
        means: The mean probability of each class, or of `prediction`, `lower` and `upper`; None if
            no row was scored.
        quarantined_by_reason: Cells by column and kind of problem, the commonest first.
        unknown_categories: By column, the number of rows whose category was not in the training.
        histograms, histogram_range: Fields of earlier versions.
    """

    run_id: str
    champion: ScoredBy
    task: TaskKind = "two classes"
    positive_class: Class | None = None
    classes: tuple[Class, ...] | None = None
    coverage: float | None = None
    rows: int
    scored_rows: int
    history_rows: int = 0
    quarantined_rows: int
    decisions: dict[str, int] = {}
    decision_threshold: float | None = None
    mean_probability: float | None = None
    means: dict[str, float] | None = None
    quarantined_by_reason: dict[str, int]
    unknown_categories: dict[str, int]
    histograms: dict[str, list[int]] = {}
    histogram_range: tuple[float, float] = (0.0, 1.0)

    def sentence(self) -> str:
        """Say what was scored, and by which champion."""
        history = f"{self.history_rows} are history, " if self.history_rows else ""
        return (
            f"Scored {self.scored_rows} of {counted(self.rows, 'row')} with the champion of run "
            f"{self.champion.run_id}{self._outcome()}; "
            f"{history}{self.quarantined_rows} in quarantine."
        )

    def _outcome(self) -> str:
        """Say the mean of a number's predictions; or how many rows were decided for each class."""
        if self.task == NUMBER:
            mean = amount(self.means["prediction"]) if self.means else "none"
            return f": mean prediction {mean}, intervals at {100 * (self.coverage or 0):.4g} %"
        if self.task == TWO_CLASSES:  # the positive class, which is the last one, is named first
            counts = [f"{rows} as {label}" for label, rows in reversed(self.decisions.items())]
            return f", probability of {self.positive_class}: {', '.join(counts)}"
        commonest = sorted(self.decisions.items(), key=lambda decision: -decision[1])
        counts = [f"{rows} as {label}" for label, rows in commonest[:MOST_NAMED]]
        return f": {', '.join(counts)}{', …' if len(commonest) > MOST_NAMED else ''}"
