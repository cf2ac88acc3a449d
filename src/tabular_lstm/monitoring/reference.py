"""The reference of a candidate: how its rows and its scores spread, in counts."""

from collections.abc import Iterator, Sequence
from typing import Literal, Self

import numpy as np
from pydantic import NonNegativeInt

from tabular_lstm.frozen import Frozen
from tabular_lstm.monitoring.expected import estimates, sums
from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES, Kind, Task
from tabular_lstm.rows.schema import Schema

Watched = Literal["number", "date", "category", "score"]
BINS = 20
NAMED = 50  # categories that have a cell of their own
ENOUGH = 100_000  # values, to tell quantiles
DIGITS = 2  # of an edge's distance from the next one: no edge is a value of a single row


class Profile(Frozen):
    """How a feature or a score spreads, as counts of cells.

    Attributes:
        edges: Of numbers, dates (days since 1970-01-01) and scores, the lowest value, quantiles,
            the two ends of each value that many rows have, and what is just above the highest
            one; rounded. 0 where all is missing.
        categories: Of a category the commonest ones, at most 50, in the schema's order.
        counts: Of a category the rows without a value, those of each of `categories`, of the
            schema's other ones together, and of those that the schema does not know. Of any other
            the rows without a value, below the lowest edge, between an edge and the next one, and
            from the highest on.
        mean, deviation: Of the values that are known; None of a category and where all is missing.
    """

    kind: Watched
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
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
        features: By column, of the rows of both sides: without a key, rows that are alike are all
            on one side, so that neither side is like new rows.
        scores: By name, of the rows that it was judged on, which it was not trained on.
        rows, quarantined_rows: Of the file, without unlabelled ones.
        evaluated_rows: How many it was judged on. Default: 0, as in an earlier version's.
        estimated: Their metrics by its predictions alone, see `expected.estimates`. Default: none.
        rows_each: The mean size of a row's group: so many rows count as one. Default: 1, where
            each row is its own.
    """

    candidate_sha256: str
    task: Task
    features: dict[str, Profile]
    scores: dict[str, Profile]
    rows: NonNegativeInt
    quarantined_rows: NonNegativeInt
    evaluated_rows: NonNegativeInt = 0
    estimated: dict[str, float] = {}
    rows_each: float = 1.0

    @classmethod
    def of(
        cls, sides: Sequence[np.ndarray], predictions: np.ndarray, schema: Schema, **facts: object
    ) -> Self:
        """Count the sequences of both sides, and the predictions of evaluated rows."""
        features = {}
        for columns in zip(*(columns_of(sequences, schema) for sequences in sides), strict=True):
            name, values = columns[0][0], np.concatenate([column for _, column in columns])
            categories = schema.categories.get(name, [])
            features[name] = profile(_kind(name, schema), values, categories)
        scores = {
            name: profile("score", column)
            for name, column in scores_of(predictions, schema.task).items()
            if name not in features  # a column may be called `prediction`
        }
        estimated = estimates(sums(predictions, schema.task), schema.task)
        counted = {"features": features, "scores": scores, "estimated": estimated}
        evaluated_rows = len(predictions)
        return cls.model_validate(
            {"task": schema.task, "evaluated_rows": evaluated_rows, **counted, **facts}
        )


def rows_each(groups: Sequence[np.ndarray]) -> float:
    """Give the mean size of a row's group: so many rows prove no more than one, if all are alike.

    Source: Kish, "Survey Sampling", 1965, 8.2.

    Args:
        groups: Of each side, a value for each row that is the same within a group.
    """
    counted = [np.unique(of_side, return_counts=True)[1] for of_side in groups if len(of_side)]
    sizes = np.concatenate([*counted, np.zeros(0, int)])
    return float((sizes**2).sum() / sizes.sum()) if len(sizes) else 1.0


def columns_of(sequences: np.ndarray, schema: Schema) -> Iterator[tuple[str, np.ndarray]]:
    """Give each column as float32 (rows,), of dates the days."""
    slots = sequences.reshape(len(sequences), np.prod(sequences.shape[1:]))
    for name, places in schema.slots.items():
        yield name, np.ascontiguousarray(slots[:, places[0]])


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


def profile(kind: Watched, values: np.ndarray, categories: Sequence[str] = ()) -> Profile:
    """Count the values of a column, NaN where missing; a category is its place."""
    if kind == "category":
        common = _commonest(values, categories)
        counts = count_categories(values, cells_of(common, categories))
        return Profile(kind=kind, categories=common, counts=tuple(counts.tolist()))
    values = values.astype(np.float32)
    known = values[~np.isnan(values)].astype(np.float64)
    edges = edges_of(known) if len(known) else (0.0,)
    return Profile(
        kind=kind,
        edges=edges,
        counts=tuple(count_numbers(values, edges).tolist()),
        mean=float(known.mean()) if len(known) else None,
        deviation=float(known.std()) if len(known) else None,
    )


def edges_of(known: np.ndarray) -> tuple[float, ...]:
    """Give the edges of values, one at least: see `Profile`.

    Quantiles are those of every so many-th value where there are many.
    """
    some = known[:: 1 + len(known) // ENOUGH]
    ranks = np.linspace(0, 1, BINS + 1)[1:-1]
    quantiles, times = np.unique(np.quantile(some, ranks, method="nearest"), return_counts=True)
    low, high = float(known.min()), float(known.max())
    # A value of many rows has a cell of its own.
    above = [known[known > often].min() for often in quantiles[times > 1] if often < high]
    points = np.unique([low, *quantiles, *above, high])
    near = np.diff(points, prepend=-np.inf, append=np.inf)
    apart = np.minimum(near[:-1], near[1:])
    if len(points) == 1:
        apart = np.abs(points) / 100 if low else np.ones(1)
    places = [DIGITS - 1 - int(np.floor(np.log10(gap))) for gap in apart]
    first, last = round(low, places[0]), round(high, places[-1])
    if first > low:
        first = round(low - 10.0 ** -places[0], places[0])
    step = 10.0 ** -places[-1]
    while np.float32(last) <= np.float32(high):
        last, step = round(high + step, places[-1]), 2 * step
    ends = {low, high} - {*quantiles}
    rounded = {round(float(p), at) for p, at in zip(points, places, strict=True) if p not in ends}
    return (first, *sorted(edge for edge in rounded if first < edge < last), last)


def count_numbers(values: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    """Count numbers as `Profile.counts` has them: int64 (edges + 2,)."""
    values = np.ascontiguousarray(values, np.float32)
    # To compare with each edge takes a tenth of the time of a search.
    below = [np.count_nonzero(values < edge) for edge in np.asarray(edges, np.float32)]
    missing = np.count_nonzero(np.isnan(values))
    return np.array([missing, *np.diff([0, *below, len(values) - missing])], np.int64)


def cells_of(common: Sequence[str], categories: Sequence[str]) -> np.ndarray:
    """Give the cell of `Profile.counts` of each place in the schema's list, int64 (places + 2,).

    The last ones are of a category that the schema does not know, and of a missing value.
    """
    cells = {category: cell for cell, category in enumerate(common, 1)}
    others = len(common) + 1
    return np.array([*(cells.get(c, others) for c in categories), others + 1, 0], np.int64)


def count_categories(places: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Count categories as `Profile.counts` has them, by `cells_of`: int64."""
    which = np.where(np.isnan(places), len(cells) - 1, places).astype(np.int64)
    rows = np.bincount(which, minlength=len(cells))
    counts = np.zeros(cells.max() + 1, np.int64)
    np.add.at(counts, cells, rows)
    return counts


def _commonest(places: np.ndarray, categories: Sequence[str]) -> tuple[str, ...]:
    rows = np.bincount(places[~np.isnan(places)].astype(np.int64), minlength=len(categories) + 1)
    most = np.argsort(-rows[:-1], kind="stable")[:NAMED]
    return tuple(categories[place] for place in sorted(most))


def _kind(name: str, schema: Schema) -> Watched:
    if name in schema.categories:
        return "category"
    return "date" if name in schema.dates else "number"
