"""The counts of a scoring while its rows pass, and its summary at the end."""

from collections import Counter
from functools import cached_property

from tabular_lstm.errors import amount, counted
from tabular_lstm.monitoring.drift import Drift, compare
from tabular_lstm.monitoring.reference import Seen
from tabular_lstm.parameters.runs import MonitoringOptions
from tabular_lstm.rows.scoring_validation import CheckedRows
from tabular_lstm.serving.manifest import AsGiven, ScoredBy
from tabular_lstm.serving.row_scoring import ScoredBatch, ScoringTask
from tabular_lstm.task import Class, TaskKind

NAMED = 5  # classes named in a sentence


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
    positive_class: Class | None = None  # None from earlier versions
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
        """Say how many rows each class got, the positive or the commonest first; or the mean."""
        if self.coverage is not None:
            mean = amount(self.means["prediction"]) if self.means else "none"
            return f": mean prediction {mean}, intervals at {100 * self.coverage:.4g} %"
        if self.classes is None:
            counts = [f"{rows} as {label}" for label, rows in reversed(self.decisions.items())]
            return f", probability of {self.positive_class}: {', '.join(counts)}"
        by_rows = sorted(self.decisions.items(), key=lambda decision: -decision[1])
        counts = [f"{rows} as {label}" for label, rows in by_rows[:NAMED]]
        return f": {', '.join(counts)}{', …' if len(by_rows) > NAMED else ''}"


class Tally:
    """Counts of a scoring's rows, added up while the rows pass.

    Attributes:
        rows_by_file: Rows that were read, by file; "" stands for a single file.
        history: With histories: `history_rows`, see `Manifest`.
        monitoring: When rows count as drifted, and what happens then.
    """

    def __init__(
        self, checked: CheckedRows, scoring: ScoringTask, monitoring: MonitoringOptions
    ) -> None:
        self.rows_by_file: Counter[str] = Counter()
        # With histories: how many rows are only history.
        self.history = {"history_rows": 0} if scoring.check.schema.history else {}
        self.monitoring = monitoring
        self._checked, self._scoring, self._answers = checked, scoring, scoring.answers
        self._counts = self._answers.count(self._answers.nothing)
        self._unknown: Counter[str] = Counter()
        self._seen: Seen | None = scoring.watch.nothing if scoring.watch else None

    @property
    def scored_rows(self) -> int:
        """Rows that have a prediction."""
        return self._counts.rows

    def add(self, batch: ScoredBatch) -> None:
        """Count a batch."""
        self.rows_by_file += batch.checked.read
        for name in self.history:
            self.history[name] += batch.checked.history
        self._counts += batch.counts
        self._unknown.update(batch.unknown)
        if self._seen is not None and batch.seen is not None:
            self._seen += batch.seen

    @cached_property
    def drift(self) -> Drift:
        """Compare the rows with the champion's reference, once they have passed."""
        scoring, champion = self._scoring, self._scoring.scored_by.run_id
        if scoring.watch is None or self._seen is None:
            why = "the champion has no reference that can be read"
            return Drift(run_id=scoring.run_id, champion=champion, not_compared=why)
        quarantined = self._checked.quarantine.rows
        return compare(
            scoring.watch, self._seen, scoring.run_id, champion, self.monitoring, quarantined
        )

    def summary(self) -> ScoringSummary:
        """Return the summary; it is complete once all rows have passed."""
        quarantine = self._checked.quarantine
        return ScoringSummary(
            run_id=self._scoring.run_id,
            champion=self._scoring.scored_by,
            rows=self.rows_by_file.total(),
            scored_rows=self.scored_rows,
            quarantined_rows=quarantine.rows,
            **self.history,
            **self._answers.summary_fields(self._counts),
            quarantined_by_reason=quarantine.kinds.counts(),
            unknown_categories={name: rows for name, rows in self._unknown.items() if rows},
        )
