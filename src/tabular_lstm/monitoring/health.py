"""The health of champions: what a monitoring found, for `monitoring.json` and the page."""

from collections.abc import Sequence
from typing import Literal

from pydantic import NonNegativeInt

from tabular_lstm.errors import counted
from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.metrics import METRICS, written
from tabular_lstm.monitoring.drift import Drift
from tabular_lstm.monitoring.performance import Estimate

Advice = Literal["nothing", "retrain", "roll back"]


class ScoringHealth(Frozen):
    """A finished scoring.

    Attributes:
        scored_at: UTC.
        labelled_rows: Scored rows whose label has arrived.
        moved: How many features and scores moved; None if nothing was compared.
        drift: What moved, in words; None if nothing moved.
        expected: The expected performance by metric, without labels; empty if not known.
        real: The real performance by metric, on the labelled rows; empty if these are too few.
    """

    run_id: str
    scored_at: str
    champion: str
    scored_rows: NonNegativeInt
    quarantined_rows: NonNegativeInt
    labelled_rows: NonNegativeInt
    moved: NonNegativeInt | None = None
    drift: str | None = None
    expected: dict[str, Estimate] = {}
    real: dict[str, Estimate] = {}


class ChampionHealth(Frozen):
    """A champion and everything that it scored.

    Attributes:
        promised: The promised performance by metric, from the test rows of its promotion.
        alarm: By how much it is worse than promised; None if it is not clearly worse.
    """

    run_id: str
    promoted_at: str
    scored_rows: NonNegativeInt
    labelled_rows: NonNegativeInt
    promised: dict[str, Estimate] = {}
    real: dict[str, Estimate] = {}
    alarm: str | None = None


class Health(Frozen):
    """What a monitoring found.

    Attributes:
        champion: The run id of the serving champion.
        alarm: The sentence of the alarm; None if the champion is well.
        advice, command: What to do, and with which command.
        scorings, champions: The oldest first.
        newest: The drift of the champion's newest scoring that can tell whether the data moved; if
            none can, the drift of its newest scoring; None if there is no scoring.
        labels: Rows of the table of labels, each key once. `unknown_labels` of them belong to no
            scored row. `quarantined_labels` cannot be used, and are not counted in `labels`.
        notes: What does not count, and why, in sentences.
    """

    run_id: str
    at: str
    champion: str
    alarm: str | None
    advice: Advice
    command: str | None
    scorings: list[ScoringHealth]
    champions: list[ChampionHealth]
    newest: Drift | None
    labels: NonNegativeInt
    unknown_labels: NonNegativeInt
    quarantined_labels: NonNegativeInt = 0
    notes: list[str] = []

    @property
    def serving(self) -> ChampionHealth:
        """Return the health of the serving champion."""
        return next(health for health in self.champions if health.run_id == self.champion)

    def sentence(self) -> str:
        """Describe the champion's health in a sentence."""
        champion, metrics = self.serving, []
        for name, real in champion.real.items():
            promise = champion.promised.get(name)
            promised = f", promised {_written(name, promise)}" if promise else ""
            metrics.append(f"{METRICS[name]} {_written(name, real)}{promised}")
        return (
            f"The champion of run {self.champion} scored {counted(champion.scored_rows, 'row')}, "
            f"of which {champion.labelled_rows} have a label{': ' if metrics else ''}"
            f"{'; '.join(metrics)}."
        )

    @property
    def what_to_do(self) -> str:
        """Say what to do, before the command."""
        if self.newest and self.newest.alarm:
            return (
                "Look at what moved: if it is a mistake, correct the rows and score them again; if "
                "it is intended, retrain on newly labelled rows"
            )
        return f"To {self.advice}"

    def closing_line(self) -> str:
        """Say the alarm and what to do about it."""
        return f"{self.alarm}. {self.what_to_do}: {self.command}"


def _written(name: str, estimate: Estimate) -> str:
    value, low, high = (written(name, end) for end in estimate.model_dump().values())
    return f"{value} ({low} to {high})"


def advise(worse: str | None, before_is_better: bool, drift: str | None) -> Advice:
    """Decide what to do about the champion.

    A rollback is advised only if the champion is worse than promised, the newest rows have not
    moved, and the champion before is clearly better on rows that both scored. Rows of different
    times cannot be compared, because the meaning of labels may have changed between them.

    Args:
        worse: By how much the champion is worse than promised; None if it is not worse.
        before_is_better: Whether the champion that a rollback would restore is clearly better.
        drift: What moved in the newest rows; None if nothing moved.
    """
    if not worse and not drift:
        return "nothing"
    return "roll back" if worse and before_is_better and not drift else "retrain"


def cannot_tell(drift: Drift | None) -> str | None:
    """Say why a scoring cannot tell whether the data moved; None if it can."""
    if drift is None:
        return "its run left no comparison that can be used"
    return drift.not_compared or (None if drift.alarm else drift.few_rows)


def newest_that_tells(drifts: dict[str, Drift | None]) -> tuple[Drift | None, list[str]]:
    """Return the newest drift that can tell whether the data moved, and a note if a newer cannot.

    If none can, it is the drift of the newest scoring; None without scorings.

    Args:
        drifts: The drifts of a champion's scorings by run id, the oldest first.
    """
    if not drifts:
        return None, []
    newest, *earlier = reversed(drifts)
    if not (why := cannot_tell(drifts[newest])):
        return drifts[newest], []
    telling = next((run for run in earlier if cannot_tell(drifts[run]) is None), newest)
    return drifts[telling], [f"Scoring {newest} cannot tell whether the data moved: {why}"]


def each_once(notes: Sequence[tuple[str, str]]) -> list[str]:
    """Write the notes on scorings with their run ids; join equal notes."""
    runs: dict[str, list[str]] = {}
    for run, note in notes:
        runs.setdefault(note, []).append(run)
    return [
        f"Scoring {first}{f' and {len(rest)} more' if rest else ''}: {note}"
        for note, (first, *rest) in runs.items()
    ]
