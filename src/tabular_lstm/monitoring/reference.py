"""The reference of a candidate: how its train rows and its scores spread, in counts."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from pydantic import NonNegativeInt

from tabular_lstm.frozen import Frozen
from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES, Kind, Task
from tabular_lstm.rows.schema import Schema

Watched = Literal["number", "date", "category", "score"]
BINS = 20
DIGITS = 4  # of an edge: no edge is a value of a single row


class Profile(Frozen):
    """How a feature or a score spreads, as counts of cells.

    Attributes:
        edges: Of numbers, dates (days since 1970-01-01) and scores, the lowest value, quantiles,
            and what is just above the highest one; rounded.
        counts: Of a category the rows without a value, those of each category of the schema, in
            its order, and of one that the schema does not know. Of any other the rows without a
            value, below the lowest edge, between an edge and the next one, and from the highest
            on.
        mean, deviation: Of the values that are known; None of a category and where all is missing.
    """

    kind: Watched
    edges: tuple[float, ...] = ()
    counts: tuple[NonNegativeInt, ...]
    mean: float | None = None
    deviation: float | None = None

    @property
    def rows(self) -> int:
        """Count the rows."""
        return sum(self.counts)


class Reference(Frozen):
    """What later rows are compared with.

    Attributes:
        candidate_sha256: The hash of the candidate whose reference this is.
        task: What it predicts.
        features: By column, of the train rows.
        scores: By name, of the rows that it was judged on, which it was not trained on.
        rows, quarantined_rows: Of the file, without unlabelled ones.
    """

    candidate_sha256: str
    task: Task
    features: dict[str, Profile]
    scores: dict[str, Profile]
    rows: NonNegativeInt
    quarantined_rows: NonNegativeInt

    @classmethod
    def of(
        cls, sequences: np.ndarray, predictions: np.ndarray, schema: Schema, **facts: object
    ) -> Self:
        """Count the sequences of train rows, and the predictions of evaluated rows."""
        features = {
            name: profile(_kind(name, schema), column, len(schema.categories.get(name, [])))
            for name, column in columns_of(sequences, schema)
        }
        scores = {
            name: profile("score", column)
            for name, column in scores_of(predictions, schema.task).items()
        }
        return cls.model_validate(
            {"task": schema.task, "features": features, "scores": scores, **facts}
        )


def columns_of(sequences: np.ndarray, schema: Schema) -> list[tuple[str, np.ndarray]]:
    """Give each column as float32 (rows,), of dates the days."""
    slots = sequences.reshape(len(sequences), np.prod(sequences.shape[1:]))
    return [(name, slots[:, places[0]]) for name, places in schema.slots.items()]


def _of_two(predictions: np.ndarray, task: Task) -> dict[str, np.ndarray]:
    return {f"probability of {task.classes[1]}": predictions}


def _of_classes(predictions: np.ndarray, task: Task) -> dict[str, np.ndarray]:
    return {f"probability of {c}": predictions[:, i] for i, c in enumerate(task.classes)}


def _of_number(predictions: np.ndarray, task: Task) -> dict[str, np.ndarray]:
    return {"prediction": predictions[:, 0]}


SCORES = {TWO_CLASSES: _of_two, CLASSES: _of_classes, NUMBER: _of_number}


def scores_of(predictions: np.ndarray, task: Task) -> dict[str, np.ndarray]:
    """Name what of predictions is watched, each (rows,)."""
    kind: Kind = task.kind
    return SCORES[kind](predictions, task)


def profile(kind: Watched, values: np.ndarray, categories: int = 0) -> Profile:
    """Count the values of a column, NaN where missing; a category is its place."""
    known = values[~np.isnan(values)].astype(np.float64)
    if kind == "category":
        return Profile(kind=kind, counts=tuple(count_categories(values, categories).tolist()))
    if not len(known):
        return Profile(kind=kind, counts=(len(values), 0))
    edges = edges_of(known)
    return Profile(
        kind=kind,
        edges=edges,
        counts=tuple(count_numbers(values, edges).tolist()),
        mean=float(known.mean()),
        deviation=float(known.std()),
    )


def edges_of(known: np.ndarray) -> tuple[float, ...]:
    """Give rounded quantiles of values, the first not above the lowest, the last above all."""
    inner = {_rounded(q) for q in np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])}
    low, high = _rounded(known.min(), down=True), _rounded(known.max(), down=False)
    return (low, *sorted(edge for edge in inner if low < edge < high), high)


def _rounded(value: float, down: bool | None = None) -> float:
    """Round to four digits; `down` not above the value, or, as float32, surely above it."""
    near = float(f"{value:.{DIGITS}g}")
    if down is None:
        return near
    step = 10.0 ** (np.floor(np.log10(abs(value) or 1.0)) - DIGITS + 1)
    while (near > value) if down else (np.float32(near) <= np.float32(value)):
        near += -step if down else step
    return near


def count_numbers(values: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    """Count numbers as `Profile.counts` has them: int64 (edges + 2,)."""
    missing = int(np.count_nonzero(np.isnan(values)))
    bins = np.searchsorted(np.asarray(edges, np.float32), values.astype(np.float32), side="right")
    counts = np.bincount(bins, minlength=len(edges) + 1)
    counts[-1] -= missing  # NaN is sorted last
    return np.concatenate([[missing], counts])


def count_categories(places: np.ndarray, categories: int) -> np.ndarray:
    """Count categories as `Profile.counts` has them: int64 (categories + 2,)."""
    missing = np.isnan(places)
    counts = np.bincount(places[~missing].astype(np.int64), minlength=categories + 1)
    return np.concatenate([[np.count_nonzero(missing)], counts])


def _kind(name: str, schema: Schema) -> Watched:
    if name in schema.categories:
        return "category"
    return "date" if name in schema.dates else "number"
