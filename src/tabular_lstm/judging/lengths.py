"""How long histories are, and how good the candidate is by that."""

import numpy as np

from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.metrics import CANDIDATE, METRICS, written
from tabular_lstm.parameters import Evaluation
from tabular_lstm.rows.histories import Histories
from tabular_lstm.rows.label_measures import ENOUGH_ROWS

FEW = 5  # rows, up to which a history is short


class Spread(Frozen):
    """How many rows the histories of a side have, the row itself included."""

    least: int
    median: float
    most: int


class Measured(Frozen):
    """A metric and its 95 % interval."""

    value: float
    interval: tuple[float, float]


class OfLength(Frozen):
    """The rows whose histories are about as long.

    Attributes:
        history: Rows of a history, such as `2 to 5`.
        train_rows, evaluated_rows: How many such rows there are.
        metrics: Of the candidate on the evaluated ones; none where fewer than ten of them, or of
            their customers, are of some class.
    """

    history: str
    train_rows: int
    evaluated_rows: int
    metrics: dict[str, Measured]


class ByLength(Frozen):
    """The lengths of histories, by side, and what that means; empty where rows have none."""

    spread: dict[str, Spread] = {}
    parts: list[OfLength] = []


def by_length(
    judged: Judged, train: Histories, evaluated: Histories, evaluation: Evaluation
) -> ByLength:
    """Measure the candidate on rows with a history of one row, of two to five, and of more."""
    lengths = {"train": train.lengths, judged.side: evaluated.lengths}
    parts = []
    for low, high in ((1, 1), (2, FEW), (FEW + 1, evaluated.steps)):
        most = min(high, evaluated.steps)
        if low <= most:
            fits = {side: (low <= of) & (of <= most) for side, of in lengths.items()}
            part = OfLength(
                history=str(low) if low == most else f"{low} to {most}",
                train_rows=int(fits["train"].sum()),
                evaluated_rows=int(fits[judged.side].sum()),
                metrics=_measured(judged, fits[judged.side], evaluation),
            )
            parts.append(part)
    spread = {
        side: Spread(least=of.min(), median=np.median(of), most=of.max())
        for side, of in lengths.items()
    }
    return ByLength(spread=spread, parts=parts)


def said_of(by: ByLength, judged: Judged) -> str:
    """Say how good the candidate is by the length of histories, in a line."""
    metric = judged.measure.spoken[0]
    said = []
    for part in by.parts:
        of_rows = f"with {part.history} ({part.evaluated_rows} {judged.side} rows)"
        measured = part.metrics.get(metric)
        if measured is None:
            said.append(f"not measured {of_rows}")
        else:
            low, high = (written(metric, bound) for bound in measured.interval)
            said.append(f"{written(metric, measured.value)} [{low}, {high}] {of_rows}")
    return f"{METRICS[metric]} by the rows of a history: {', '.join(said)}"


def _measured(judged: Judged, counts: np.ndarray, evaluation: Evaluation) -> dict[str, Measured]:
    part = Judged(**vars(judged.part(counts)), task=judged.task)
    if judged.measure.fewest(part)[0] < ENOUGH_ROWS:
        return {}
    predictions = {CANDIDATE: judged.predictions[CANDIDATE][counts]}
    of = part.with_models(predictions, judged.rules, evaluation).metrics[CANDIDATE]
    return {
        metric: Measured(value=getattr(of, metric), interval=interval)
        for metric, interval in of.interval.items()
    }
