"""What is counted of a scoring while its rows pass, and the summary that it gives at the end."""

from collections import Counter

import numpy as np

from tabular_lstm.errors import counted
from tabular_lstm.frozen import Frozen
from tabular_lstm.parameters import Class
from tabular_lstm.rows.scoring_validation import CheckedRows
from tabular_lstm.serving.manifest import ScoredBy
from tabular_lstm.serving.row_scoring import BINS, ScoredBatch


class ScoringSummary(Frozen):
    """A scoring in numbers.

    Attributes:
        positive_class: The label's value whose probability was given.
        decisions: Rows by the label's value that was decided on, the negative one first.
        mean_probability: None where no row was scored.
        histograms: Likewise, rows by probability, in 50 bins from 0 to 1.
        quarantined_by_reason: Cells by column and kind of problem, the commonest first.
        unknown_categories: Rows by column, where the champion was not trained with the category.
    """

    run_id: str
    champion: ScoredBy
    positive_class: Class | None = None  # of an earlier version's
    rows: int
    scored_rows: int
    quarantined_rows: int
    decisions: dict[str, int]
    decision_threshold: float
    mean_probability: float | None
    histograms: dict[str, list[int]]
    quarantined_by_reason: dict[str, int]
    unknown_categories: dict[str, int]

    def sentence(self) -> str:
        """Say what was scored, and by whom."""
        counts = reversed(self.decisions.items())
        decided = ", ".join(f"{rows} as {label}" for label, rows in counts)
        return (
            f"Scored {self.scored_rows} of {counted(self.rows, 'row')} with the champion of run "
            f"{self.champion.run_id}, probability of {self.positive_class}: {decided}; "
            f"{self.quarantined_rows} in quarantine."
        )


class Tally:
    """Counts the rows that pass.

    Attributes:
        rows_by_file: Rows that were read, by file; "" is a lone one.
    """

    def __init__(self, checked: CheckedRows) -> None:
        self.rows_by_file: Counter[str] = Counter()
        self._checked = checked
        self._sum = 0.0
        self._histograms = np.zeros((2, BINS), np.int64)  # called negative, called positive
        self._unknown: Counter[str] = Counter()

    @property
    def scored_rows(self) -> int:
        """Rows that have a probability."""
        return int(self._histograms.sum())

    def add(self, batch: ScoredBatch) -> None:
        """Count a batch."""
        self.rows_by_file[batch.checked.file or ""] += batch.checked.count
        self._sum += batch.total
        self._histograms += batch.histograms
        self._unknown.update(batch.unknown)

    def summary(self, run_id: str, champion: ScoredBy, threshold: float) -> ScoringSummary:
        """Give the numbers; complete once the rows have passed."""
        schema, quarantine = self._checked.check.schema, self._checked.quarantine
        classes = (str(schema.negative_class), str(schema.positive_class))
        by_class = dict(zip(classes, self._histograms.tolist(), strict=True))
        return ScoringSummary(
            run_id=run_id,
            champion=champion,
            positive_class=schema.positive_class,
            rows=self.rows_by_file.total(),
            scored_rows=self.scored_rows,
            quarantined_rows=quarantine.rows,
            decisions={label: sum(rows) for label, rows in by_class.items()},
            decision_threshold=threshold,
            mean_probability=self._sum / self.scored_rows if self.scored_rows else None,
            histograms=by_class,
            quarantined_by_reason=quarantine.kinds.counts(),
            unknown_categories={name: rows for name, rows in self._unknown.items() if rows},
        )
