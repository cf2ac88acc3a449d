"""The reference of a candidate: the distribution of its rows and scores, in counts."""

from collections.abc import Container, Iterator, Sequence
from math import prod
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, FiniteFloat, NonNegativeInt, model_validator

from tabular_lstm.frozen import Frozen, Stored
from tabular_lstm.monitoring.category_cells import (
    categories_of,
    cells_of,
    count_categories,
    would_be_unknown,
)
from tabular_lstm.monitoring.expected import estimates, sums
from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES, Task
from tabular_lstm.rows.schema import Schema

Watched = Literal["number", "date", "category", "score"]
Count = Annotated[int, Field(ge=0, le=10**15)]
BINS = 20
FEW = 20  # up to this many distinct values have a cell each
ENOUGH = 100_000  # values, enough for quantiles
DIGITS = (
    2  # significant digits of the distance between edges: no edge reveals the value of a single row
)


class Profile(Frozen):
    """The distribution of a feature or a score, as counts of cells.

    Attributes:
        edges: For numbers, dates (days since 1970-01-01) and scores, rounded. The first is the
            lowest value, the last is just above the highest value. Between them are the distinct
            values, if at most 20; else quantiles, and both ends of each value that many rows have.
            0 if all values are missing.
        categories: For a category: the schema's categories by cell, see `cells_of`.
        counts: For a category: the rows without a value, the rows of each cell of `categories`, and
            the unknown rows, see `would_be_unknown`. Otherwise: the rows without a value, below the
            lowest edge, between neighbouring edges, and from the highest edge on.
        mean, deviation: Mean and standard deviation of the known values; None for a category, and
            if all values are missing.
    """

    kind: Watched
    edges: tuple[FiniteFloat, ...] = ()
    categories: tuple[tuple[str, ...], ...] = ()
    counts: tuple[Count, ...]
    mean: FiniteFloat | None = None
    deviation: Annotated[FiniteFloat, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """Refuse the content of a damaged file, which would be compared wrongly."""
        cells = len(self.categories if self.kind == "category" else self.edges) + 2
        if len(self.counts) != cells:
            raise ValueError(f"{len(self.counts)} counts; expected one for each of {cells} cells")
        if self.kind != "category" and not (self.edges and np.all(np.diff(self.edges) > 0)):
            raise ValueError("the edges do not ascend; expected one at least, each once, in order")
        return self

    @property
    def rows(self) -> int:
        """Count the rows."""
        return sum(self.counts)


class Reference(Stored):
    """What later rows are compared with.

    Attributes:
        candidate_sha256: The hash of the candidate whose reference this is.
        task: What it predicts.
        features: The profiles by column, from the rows of both sides. Without a key, equal rows are
            on the same side, so neither side alone is like new rows. With histories, unlabelled
            rows count too, because rows without a prediction count in a scoring.
        scores: The profiles by score (see `scores_of`), from rows that it was judged on, not
            trained on. With histories, only each customer's last score counts, as in a scoring.
        rows, quarantined_rows: Rows of the file; with histories, without unlabelled rows.
        evaluated_rows: How many rows it was judged on. Default: 0, as in earlier versions.
        estimated: The metrics of these rows, estimated from its predictions alone, see
            `expected.estimates`. Default: none.
        rows_each: The mean size of a row's group: this many rows count as one. Default: 1, without
            groups.
    """

    candidate_sha256: str
    task: Task
    features: dict[str, Profile]
    scores: dict[str, Profile]
    rows: NonNegativeInt
    quarantined_rows: NonNegativeInt
    evaluated_rows: NonNegativeInt = 0
    estimated: dict[str, float] = {}
    rows_each: Annotated[FiniteFloat, Field(ge=1)] = 1.0

    @model_validator(mode="after")
    def _counts_rows(self) -> Self:
        """Refuse more rows in quarantine than there are."""
        if self.quarantined_rows > self.rows:
            raise ValueError(f"{self.quarantined_rows} quarantined rows of {self.rows}")
        return self

    @classmethod
    def of(
        cls,
        sides: Sequence[np.ndarray],
        predictions: np.ndarray,
        schema: Schema,
        groups: np.ndarray | None = None,
        watched: np.ndarray | None = None,
        **facts: object,
    ) -> Self:
        """Count the sequences of both sides, and the predictions of evaluated rows.

        Args:
            sides: The sequences of train rows, from which the schema was learned, then the others;
                with histories the rows themselves.
            predictions: The predictions of the evaluated rows.
            schema: The schema of the candidate.
            groups: For each train row, a value that is the same within a group. Default: each row
                is a group.
            watched: Which of the predictions count as scores. Default: all.
            facts: Further attributes.
        """
        features = {}
        for columns in zip(*(columns_of(sequences, schema) for sequences in sides), strict=True):
            name, values = columns[0][0], np.concatenate([column for _, column in columns])
            if (kind := _kind(name, schema)) == "category":
                categories = schema.categories[name]
                alone = would_be_unknown(values[: len(sides[0])], groups)
                values[: len(sides[0])][alone] = len(categories)
                features[name] = profile(kind, values, categories)
            else:
                features[name] = profile(kind, values)
        said = scores_of(predictions if watched is None else predictions[watched], schema).items()
        scores = {name: profile("score", column) for name, column in said}
        estimated = estimates(sums(predictions, schema.task), schema.task)
        counted = {"features": features, "scores": scores, "estimated": estimated}
        evaluated_rows = len(predictions)
        return cls.model_validate(
            {"task": schema.task, "evaluated_rows": evaluated_rows, **counted, **facts}
        )


def rows_each(groups: Sequence[np.ndarray]) -> float:
    """Return the mean size of a row's group: this many rows count as one, if group rows are equal.

    Source: Kish, "Survey Sampling", 1965, 8.2.

    Args:
        groups: For each side, a value for each row that is the same within a group.
    """
    counted = [np.unique(of_side, return_counts=True)[1] for of_side in groups if len(of_side)]
    sizes = np.concatenate([*counted, np.zeros(0, int)])
    return float((sizes**2).sum() / sizes.sum()) if len(sizes) else 1.0


def columns_of(sequences: np.ndarray, schema: Schema) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each column as float32 (rows,), dates as days."""
    slots = sequences.reshape(len(sequences), prod(sequences.shape[1:]))
    for name, places in schema.slots.items():
        yield name, np.ascontiguousarray(slots[:, places[0]])


def _of_two(predictions: np.ndarray, task: Task) -> dict[str, np.ndarray]:
    return {f"probability of {task.classes[1]}": predictions}


def _of_classes(predictions: np.ndarray, task: Task) -> dict[str, np.ndarray]:
    return {f"probability of {c}": predictions[:, i] for i, c in enumerate(task.classes)}


def _of_number(predictions: np.ndarray, task: Task) -> dict[str, np.ndarray]:
    return {"prediction": predictions[:, 0]}


SCORES = {TWO_CLASSES: _of_two, CLASSES: _of_classes, NUMBER: _of_number}


def scores_of(predictions: np.ndarray, schema: Schema) -> dict[str, np.ndarray]:
    """Return the watched columns of predictions by name, each (rows,)."""
    scores = SCORES[schema.task.kind](predictions, schema.task)
    return {apart(name, schema.slots): column for name, column in scores.items()}


def apart(name: str, columns: Container[str]) -> str:
    """Change a score's name until no column has the same name.

    Examples:
        >>> apart("prediction", ["age"]), apart("prediction", ["prediction"])
        ('prediction', 'the prediction')
    """
    while name in columns:
        name = f"the {name}"
    return name


def profile(kind: Watched, values: np.ndarray, categories: Sequence[str] = ()) -> Profile:
    """Count the values of a column, NaN where missing; a category is its place."""
    if kind == "category":
        counts = count_categories(values, cells_of(categories))
        named = categories_of(categories)
        return Profile(kind=kind, categories=named, counts=tuple(counts.tolist()))
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
    """Return at least one edge for these values, see `Profile`.

    With many values, quantiles are computed from a regular sample.
    """
    some = known[:: 1 + len(known) // ENOUGH]
    few = np.unique(some)
    few = np.unique(known) if len(few) <= FEW else few
    ranks = np.linspace(0, 1, BINS + 1)[1:-1]
    quantiles, times = np.unique(np.quantile(some, ranks, method="nearest"), return_counts=True)
    low, high = float(known.min()), float(known.max())
    # A value of many rows has a cell of its own.
    above = [known[known > often].min() for often in quantiles[times > 1] if often < high]
    points = few if len(few) <= FEW else np.unique([low, *quantiles, *above, high])
    near = np.diff(points, prepend=-np.inf, append=np.inf)
    apart = np.minimum(near[:-1], near[1:])
    if len(points) == 1:
        apart = np.abs(points) / 100 if low else np.ones(1)
    places = [DIGITS - 1 - int(np.floor(np.log10(gap))) for gap in apart]
    first, *rounded = [_not_above(float(p), at) for p, at in zip(points, places, strict=True)]
    last, step = round(high, places[-1]), 10.0 ** -places[-1]
    while np.float32(last) <= np.float32(high):
        last, step = round(high + step, places[-1]), 2 * step
    if len(few) > FEW and high not in {*quantiles, *above}:
        rounded.pop()  # the highest value needs no cell
    return (first, *sorted({edge for edge in rounded if first < edge < last}), last)


def _not_above(value: float, digits: int) -> float:
    """Round a value down, so that it stays in the cell that begins at the rounded value."""
    rounded = round(value, digits)
    if np.float32(rounded) > np.float32(value):
        rounded = round(value - 10.0**-digits, digits)
    return rounded


def count_numbers(values: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    """Count numbers in the order of `Profile.counts`: int64 (edges + 2,)."""
    values = np.ascontiguousarray(values, np.float32)
    # Comparing with each edge takes a tenth of the time of a search.
    below = [np.count_nonzero(values < edge) for edge in np.asarray(edges, np.float32)]
    missing = np.count_nonzero(np.isnan(values))
    return np.array([missing, *np.diff([0, *below, len(values) - missing])], np.int64)


def kinds_of(schema: Schema) -> dict[str, Watched]:
    """Return the kind of each column, in the order of `columns_of`."""
    return {name: _kind(name, schema) for name in schema.slots}


def _kind(name: str, schema: Schema) -> Watched:
    if name in schema.categories:
        return "category"
    return "date" if name in schema.dates else "number"
