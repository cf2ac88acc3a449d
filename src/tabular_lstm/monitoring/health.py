"""The health of champions: what a monitoring found, for `monitoring.json` and the page."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import NonNegativeInt

from tabular_lstm.errors import counted
from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.metrics import METRICS, written
from tabular_lstm.monitoring.drift import Drift
from tabular_lstm.monitoring.expected import Estimate

Action = Literal["promoted", "rejected", "rolled_back"]
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
    expected: dict[str, Estimate] = {}
    real: dict[str, Estimate] = {}
    alarm: str | None = None


class Change(Frozen):
    """A decision of the promotion log."""

    run_id: str
    at: str
    action: Action
    serves_now: str | None


class Health(Frozen):
    """What a monitoring found.

    Attributes:
        champion: The run id of the serving champion.
        alarm: The sentence of the alarm; None if the champion is well.
        advice, command: What to do, and with which command.
        scorings, champions, changes: The oldest first.
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
    changes: list[Change]
    newest: Drift | None
    labels: NonNegativeInt
    unknown_labels: NonNegativeInt
    quarantined_labels: NonNegativeInt = 0
    notes: list[str] = []

    def sentence(self) -> str:
        """Describe the champion's health in a sentence."""
        its = next(one for one in self.champions if one.run_id == self.champion)
        said = [
            f"{METRICS[name]} {_written(name, real)}"
            + (f", promised {_written(name, its.promised[name])}" if name in its.promised else "")
            for name, real in its.real.items()
        ]
        found = f": {'; '.join(said)}" if said else ""
        return (
            f"The champion of run {self.champion} scored {counted(its.scored_rows, 'row')}, of "
            f"which {its.labelled_rows} have a label{found}."
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


def _written(name: str, of: Estimate) -> str:
    low, high = written(name, of.low), written(name, of.high)
    return f"{written(name, of.value)} ({low} to {high})"


def together(scorings: list[ScoringHealth]) -> dict[str, Estimate]:
    """Average the expected performance of scorings, weighted by their rows.

    The intervals are averaged too, because most of each comes from the error of the same metric.
    """
    expected = {}
    for name in dict.fromkeys(name for one in scorings for name in one.expected):
        known = [one for one in scorings if name in one.expected]
        weights = [one.scored_rows for one in known]
        ends = [[*one.expected[name].model_dump().values()] for one in known]
        value, low, high = np.average(ends, axis=0, weights=weights)
        expected[name] = Estimate(value=float(value), low=float(low), high=float(high))
    return expected


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
    """Return the newest drift that can tell whether the data moved, and notes on newer ones.

    If none can, it is the drift of the newest scoring.

    Args:
        drifts: The drifts of a champion's scorings by run id, the oldest first.
    """
    why = {run: cannot_tell(drift) for run, drift in drifts.items()}
    runs = [*reversed(why)]
    tells = next((place for place, run in enumerate(runs) if why[run] is None), len(runs))
    if not tells:
        return drifts[runs[0]] if runs else None, []
    before = f" and {tells - 1} before it cannot" if tells > 1 else " cannot"
    said = f"Scoring {runs[0]}{before} tell whether the data moved: {why[runs[0]]}"
    return drifts[runs[tells if tells < len(runs) else 0]], [said]


def each_once(notes: Sequence[tuple[str, str]]) -> list[str]:
    """Write the notes on scorings with their run ids; join equal notes."""
    runs: dict[str, list[str]] = {}
    for run, note in notes:
        runs.setdefault(note, []).append(run)
    return [
        f"Scoring {of[0]}{f' and {len(of) - 1} more' if of[1:] else ''}: {note}"
        for note, of in runs.items()
    ]
