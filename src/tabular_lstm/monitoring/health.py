"""The health of champions: what a monitoring found, as `monitoring.json` and the page have it."""

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
        labelled_rows: Scored rows whose label has come.
        moved: Features and scores that moved; None where nothing was compared.
        drift: What moved; None where nothing did.
        expected: By metric, without labels; empty where it is not known.
        real: By metric, of the labelled rows; empty where they are too few.
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
    """A champion with all that it scored.

    Attributes:
        promised: By metric, on the test rows of its promotion.
        alarm: By how much it is worse than promised; None where that is not clear.
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
        champion: Who serves.
        alarm: The sentence of the alarm; None where the champion is well.
        advice, command: What to do, and by which command.
        scorings, champions, changes: The oldest first.
        newest: The drift of the newest scoring; None where there is no scoring.
        labels: Rows of the table of labels, each key once; `unknown_labels` are of no scored row,
            and `quarantined_labels` cannot be used and are not among them.
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
        """Say in a sentence how the champion is."""
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

    def closing_line(self) -> str:
        """Say the alarm and what to do about it."""
        return f"{self.alarm}. To {self.advice}: {self.command}"


def _written(name: str, of: Estimate) -> str:
    low, high = written(name, of.low), written(name, of.high)
    return f"{written(name, of.value)} ({low} to {high})"


def together(scorings: list[ScoringHealth]) -> dict[str, Estimate]:
    """Average what was expected of scorings by their rows.

    Their intervals are averaged too, as most of each is the error of the same promise.
    """
    expected = {}
    for name in dict.fromkeys(name for one in scorings for name in one.expected):
        known = [one for one in scorings if name in one.expected]
        weights = [one.scored_rows for one in known]
        ends = [[*one.expected[name].model_dump().values()] for one in known]
        value, low, high = np.average(ends, axis=0, weights=weights)
        expected[name] = Estimate(value=float(value), low=float(low), high=float(high))
    return expected


def advise(now: ChampionHealth, before: ChampionHealth | None, drift: str | None) -> Advice:
    """Say what to do about the champion.

    Roll back only where the champion is worse than promised though the newest rows are as they
    were, and the one before kept its promise and was clearly better on its own labelled rows.

    Args:
        now: Who serves.
        before: Whom a rollback would restore; None where there is none.
        drift: What moved in the newest rows; None where nothing did.
    """
    if not now.alarm:
        return "retrain" if drift else "nothing"
    if drift or before is None or before.alarm or not before.promised:
        return "retrain"
    both = {"log_loss", "rmse"} & now.real.keys() & before.real.keys()
    better = any(now.real[name].low > before.real[name].high for name in both)
    return "roll back" if better else "retrain"
