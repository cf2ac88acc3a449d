"""The health of champions: what a monitoring found, as `monitoring.json` and the page have it."""

from typing import Literal

from pydantic import NonNegativeInt

from tabular_lstm.frozen import Frozen
from tabular_lstm.monitoring.drift import Drift

Action = Literal["promoted", "rejected", "rolled_back"]
Advice = Literal["nothing", "retrain", "roll back"]


class Estimate(Frozen):
    """A metric with its 95 % interval."""

    value: float
    low: float
    high: float


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
        labels: Rows of the table of labels, each key once; `unknown_labels` are of no scored row.
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
