"""The reference of a candidate: counts of its rows and scores, in cells, for later comparison."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import chain
from math import prod
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import (
    Field,
    FiniteFloat,
    NonNegativeInt,
    PlainSerializer,
    PlainValidator,
    model_validator,
)

from tabular_lstm.errors import DataError, counted, shown
from tabular_lstm.frozen import Frozen, Stored, unless
from tabular_lstm.rows.cells import category_codes
from tabular_lstm.rows.column_kinds import column_of
from tabular_lstm.rows.examples import JudgedOn
from tabular_lstm.rows.histories import Histories, Sequences
from tabular_lstm.rows.schema import Schema
from tabular_lstm.task import Task

Watched = Literal["number", "date", "category", "score"]
Count = Annotated[int, Field(ge=0, le=10**15)]
# An array in a value that is written as JSON.
Counted = Annotated[np.ndarray, PlainValidator(np.asarray), PlainSerializer(np.ndarray.tolist)]
BINS = 20
FEW = 20  # up to this many distinct values have a cell each
ENOUGH = 100_000  # values, enough for quantiles
DIGITS = 2  # significant digits of the distance between edges: no edge is the value of a row
CELLS = 200  # of categories


class Profile(Frozen):
    """The distribution of a feature or a score, as counts of cells.

    Attributes:
        edges: For numbers, dates (days since 1970-01-01) and scores, rounded. The first is the
            lowest value, the last is just above the highest value. Between them are the distinct
            values, if at most 20; else quantiles, and both ends of each value that many rows have.
            0 if all values are missing.
        categories: For a category: the schema's categories by cell, see `category_cells`.
        counts: For a category: the rows without a value, the rows of each cell of `categories`, and
            the unknown rows, see `would_be_unknown`. Otherwise: the rows without a value, below the
            lowest edge, between neighbouring edges, and from the highest edge on.
        mean, deviation: Mean and standard deviation of the values; None for a category, and if all
            values are missing.
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
            raise ValueError(
                "the edges do not ascend; expected at least one, in strictly ascending order"
            )
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
            rows count too, because rows without a prediction count in a scoring, see `like_scored`.
        scores: The profiles by score (see `scores_of`), from rows that it was judged on, not
            trained on. With histories, only one score of each customer counts, as in a scoring.
        rows, quarantined_rows: Rows of the file; with histories, without unlabelled rows.
        rows_each: The mean size of a row's group: this many rows count as one. Default: 1, without
            groups.
        judged_on: See `Examples.judged_on`. Default: None, without histories or in a file of an
            earlier version.
        evaluated_rows, estimated: Fields of earlier versions.
    """

    candidate_sha256: str
    task: Task
    features: dict[str, Profile]
    scores: dict[str, Profile]
    rows: NonNegativeInt
    quarantined_rows: NonNegativeInt
    rows_each: Annotated[FiniteFloat, Field(ge=1)] = 1.0
    evaluated_rows: NonNegativeInt = unless(0)
    estimated: dict[str, float] = unless({})
    judged_on: JudgedOn | None = unless(None)

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
        are_like_scored = [like_scored(side, schema) for side in sides]
        groups = groups if groups is None else groups[are_like_scored[0]]
        sides = [side[places] for side, places in zip(sides, are_like_scored, strict=True)]
        features, kinds, train_rows = {}, watched_kinds(schema), len(sides[0])
        for columns in zip(*(columns_of(sequences, schema) for sequences in sides), strict=True):
            name, values = columns[0][0], np.concatenate([column for _, column in columns])
            categories = schema.categories.get(name, ())
            if kinds[name] == "category":
                of_train = values[:train_rows]
                of_train[would_be_unknown(of_train, groups)] = len(categories)
            features[name] = profile_of(kinds[name], values, categories)
        scores = scores_of(predictions if watched is None else predictions[watched], schema)
        profiles = {name: profile_of("score", column) for name, column in scores.items()}
        return cls(task=schema.task, features=features, scores=profiles, **facts)


def rows_each(groups: Sequence[np.ndarray]) -> float:
    """Return the mean size of a row's group: this many rows count as one, if group rows are equal.

    Source: Kish, "Survey Sampling", 1965, 8.2.

    Args:
        groups: For each side, a value for each row that is the same within a group.
    """
    counts = [np.unique(side, return_counts=True)[1] for side in groups if len(side)]
    sizes = np.concatenate([*counts, np.zeros(0, int)])
    return float((sizes**2).sum() / sizes.sum()) if len(sizes) else 1.0


def columns_of(sequences: np.ndarray, schema: Schema) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each column in its own unit, dates as days: float32 (rows,), or float64 far from 0."""
    slots = sequences.reshape(len(sequences), prod(sequences.shape[1:]))
    for name, places in schema.slots.items():
        values = np.ascontiguousarray(slots[:, places[0]])
        yield name, schema.in_own_unit(schema.features[places[0]], values)


def like_scored(sequences: np.ndarray, schema: Schema) -> Any:
    """Return which rows of histories are of a kind that a scoring predicts: bool (rows,), or all.

    What happens to other known kinds of rows, such as visits where orders are predicted, is no
    drift; new kinds are compared too, because they may be orders that are spelt otherwise.
    """
    history = schema.history
    if history is None or history.chosen_by not in schema.categories:
        return slice(None)
    codes = category_codes(history.values, schema.marks)
    categories = schema.categories[history.chosen_by]
    others = [place for place, category in enumerate(categories) if category not in codes]
    return ~np.isin(sequences[:, 0, schema.features.index(history.chosen_by)], others)


def watched_kinds(schema: Schema) -> dict[str, Watched]:
    """Return the kind of each column, in the order of `columns_of`."""
    return {name: column_of(name, schema).kind for name in schema.slots}


def scores_of(predictions: np.ndarray, schema: Schema) -> dict[str, np.ndarray]:
    """Return the watched columns of predictions by name, each (rows,)."""
    return {
        apart(name, schema.slots): predictions[:, place]
        for name, place in schema.task.main_columns.items()
    }


def apart(name: str, columns: Container[str]) -> str:
    """Change a score's name until no column has the same name.

    Examples:
        >>> apart("prediction", ["age"]), apart("prediction", ["prediction"])
        ('prediction', 'the prediction')
    """
    while name in columns:
        name = f"the {name}"
    return name


# Cells ---------------------------------------------------------------------------------------


def profile_of(kind: Watched, values: np.ndarray, categories: Sequence[str] = ()) -> Profile:
    """Count the values of a column, NaN where missing; a category is its place."""
    if kind == "category":
        counts = count_categories(values, cells_of(categories)).tolist()
        return Profile(kind=kind, categories=category_cells(categories), counts=tuple(counts))
    values = values.astype(np.float32) if kind == "score" else values
    present = values[~np.isnan(values)]
    edges = edges_of(present) if len(present) else (0.0,)
    present = present.astype(np.float64)
    return Profile(
        kind=kind,
        edges=edges,
        counts=tuple(count_numbers(values, edges).tolist()),
        mean=float(present.mean()) if len(present) else None,
        deviation=float(present.std()) if len(present) else None,
    )


def category_cells(categories: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the categories of each cell, without the cells of missing and unknown values.

    At most 200 categories have a cell each, in the schema's order. More categories are distributed
    over 200 cells by a hash of their text; empty cells are left out. So the cells do not depend on
    counts that are compared later, and a rare category that becomes common changes its cell's
    share. With a single cell for all beyond 200, no alarm would show it.
    """
    if len(categories) <= CELLS:
        return tuple((category,) for category in categories)
    cells: dict[int, list[str]] = {}
    for category in categories:
        digest = blake2b(category.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        cells.setdefault(int.from_bytes(digest, "big") % CELLS, []).append(category)
    return tuple(tuple(cells[cell]) for cell in sorted(cells))


def one_of(cell: Sequence[str]) -> str:
    """Say which category a row of a cell has; of several, two are named.

    Examples:
        >>> print(one_of(["Rome"]), one_of(["Rome", "Oslo", "Lima"]), sep="; ")
        'Rome'; 'Rome' or 'Oslo' or 1 other
    """
    return " or ".join(f"'{shown(category)}'" for category in cell[:2]) + (
        f" or {counted(len(cell) - 2, 'other')}" if len(cell) > 2 else ""
    )


def cells_of(categories: Sequence[str]) -> np.ndarray:
    """Return the cell in `Profile.counts` for each place in the schema's list: int64 (places + 2,).

    The last two cells are for a category that the schema does not know, and a missing value.
    """
    cells = category_cells(categories)
    numbers = {category: number for number, cell in enumerate(cells, 1) for category in cell}
    return np.array([*(numbers[c] for c in categories), len(cells) + 1, 0], np.int64)


def count_categories(places: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Count categories in the order of `Profile.counts`, by `cells_of`: int64."""
    known_places = np.where(np.isnan(places), len(cells) - 1, places).astype(np.int64)
    rows = np.bincount(known_places, minlength=len(cells))
    return np.bincount(cells, weights=rows).astype(np.int64)


def would_be_unknown(places: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Return which train rows have a category that no row outside their group has, bool (rows,).

    The schema knows all categories of the train rows, but not all categories of new rows. Leaving
    out each train row in turn estimates the unknown share. So these rows count as unknown.

    Source: Good, "The population frequencies of species and the estimation of population
    parameters", Biometrika 40, 1953.
    """
    is_present = ~np.isnan(places)
    categories = places[is_present].astype(np.int64)
    if groups is not None and len(categories):
        group_codes = np.unique(groups[is_present], return_inverse=True)[1]
        pairs = np.unique(categories * len(places) + group_codes)
        groups_of_category = np.bincount(pairs // len(places))
    else:
        groups_of_category = np.bincount(categories)
    is_unknown = np.zeros(len(places), bool)
    is_unknown[is_present] = groups_of_category[categories] == 1
    return is_unknown


def edges_of(values: np.ndarray) -> tuple[float, ...]:
    """Return at least one edge for these values, none missing; see `Profile`.

    Values are compared with edges in the values' dtype. With many values, quantiles are computed
    from a regular sample.
    """
    rounded_as, values = values.dtype.type, values.astype(np.float64)
    sample = values[:: 1 + len(values) // ENOUGH]
    distinct = np.unique(sample)
    distinct = np.unique(values) if len(distinct) <= FEW else distinct
    ranks = np.linspace(0, 1, BINS + 1)[1:-1]
    quantiles, times = np.unique(np.quantile(sample, ranks, method="nearest"), return_counts=True)
    low, high = float(values.min()), float(values.max())
    # A value of many rows has a cell of its own.
    above = [values[values > often].min() for often in quantiles[times > 1] if often < high]
    points = distinct if len(distinct) <= FEW else np.unique([low, *quantiles, *above, high])
    near = np.diff(points, prepend=-np.inf, append=np.inf)
    gaps = np.minimum(near[:-1], near[1:])
    if len(points) == 1:
        gaps = np.abs(points) / 100 if low else np.ones(1)
    digits = [DIGITS - 1 - int(np.floor(np.log10(gap))) for gap in gaps]
    first, *rounded = [
        _not_above(float(p), d, rounded_as) for p, d in zip(points, digits, strict=True)
    ]
    last, step = round(high, digits[-1]), 10.0 ** -digits[-1]
    while rounded_as(last) <= rounded_as(high):
        last, step = round(high + step, digits[-1]), 2 * step
    if len(distinct) > FEW and high not in {*quantiles, *above}:
        rounded.pop()  # the highest value needs no cell
    return (first, *sorted({edge for edge in rounded if first < edge < last}), last)


def _not_above(value: float, digits: int, rounded_as: type[np.floating]) -> float:
    """Round a value down, so that it stays in the cell that begins at the rounded value."""
    rounded = round(value, digits)
    if rounded_as(rounded) > rounded_as(value):
        rounded = round(value - 10.0**-digits, digits)
    return rounded


def count_numbers(values: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    """Count numbers, float32 or float64, by ascending edges: int64 (edges + 2,).

    The counts are those of `Profile.counts`: the numbers that are missing (NaN), those below the
    first edge, those from each edge to the next one, and those from the last edge on.

    Examples:
        >>> count_numbers(np.array([np.nan, 0.5, 1.0, 1.5, 9.0]), [1.0, 2.0]).tolist()
        [1, 1, 2, 1]
    """
    # Comparing with each edge takes a tenth of the time of a search.
    below = [np.count_nonzero(values < edge) for edge in np.asarray(edges, values.dtype)]
    missing = np.count_nonzero(np.isnan(values))
    return np.array([missing, *np.diff([0, *below, len(values) - missing])], np.int64)


# Rows in the cells of a reference ------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """Counts of rows; the counts of batches add up.

    Attributes:
        counts: For each feature, then each score, in the reference's order: counts by cell.
        moments: float64 (features + scores, 2): the number of values, and the sum of their
            distances from the reference's mean, in its standard deviations. 0 for a category, and
            if the reference has no mean.
    """

    counts: tuple[Counted, ...]
    moments: Counted

    def __add__(self, other: "Seen") -> "Seen":
        return Seen(
            tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)),
            self.moments + other.moments,
        )


@dataclass(frozen=True)
class Watch:
    """Counts the rows of a champion in the cells of its reference, in the process that scores them.

    Raises:
        DataError: The reference does not fit the champion's schema, as in a damaged file.
    """

    reference: Reference
    schema: Schema

    def __post_init__(self) -> None:
        no_rows = np.zeros((0, max(1, len(self.schema.task.classes))))
        expected = [
            *(
                (n, kind, category_cells(self.schema.categories.get(n, ())))
                for n, kind in watched_kinds(self.schema).items()
            ),
            *((name, "score", ()) for name in scores_of(no_rows, self.schema)),
        ]
        got = [(name, column.kind, column.categories) for name, column in self.profiles.items()]
        if got != expected or len({column.rows for column in self.reference.features.values()}) > 1:
            odd = {name for name, *_ in {*got} ^ {*expected}} or {name for name, *_ in expected}
            raise DataError(
                f"the champion's reference.json and the champion differ in '{shown(min(odd))}'; "
                "expected exactly the champion's features and scores"
            )

    @cached_property
    def profiles(self) -> dict[str, Profile]:
        """Return the profiles by name, the features first."""
        return self.reference.features | self.reference.scores

    def count(self, sequences: Sequences, predictions: np.ndarray, rows: Any = slice(None)) -> Seen:
        """Count scored rows.

        Args:
            sequences: float32 (rows, steps, features_per_step), by the champion's schema; or
                histories: the rows of their table count, and each customer's last score.
            predictions: The champion's predictions.
            rows: With histories: the rows of the table that count. Default: all.
        """
        watched = predictions
        if isinstance(sequences, Histories):
            watched, table = predictions[sequences.are_last], sequences.rows(rows)
            sequences = np.asarray(table[like_scored(table, self.schema)])
        scores = scores_of(watched, self.schema)
        score_columns = [(name, scores[name]) for name in self.reference.scores]
        counts, moments = [], []
        for name, column in chain(columns_of(sequences, self.schema), score_columns):
            profile = self.profiles[name]
            if profile.kind == "category":
                counts.append(count_categories(column, self._cells[name]))
            else:
                dtype = np.float32 if profile.kind == "score" else column.dtype
                counts.append(count_numbers(column.astype(dtype, copy=False), profile.edges))
            moments.append(_moments(profile, column))
        return Seen(tuple(counts), np.array(moments))

    @cached_property
    def _cells(self) -> dict[str, np.ndarray]:
        return {name: cells_of(categories) for name, categories in self.schema.categories.items()}


def _moments(profile: Profile, values: np.ndarray) -> tuple[float, float]:
    """Return a row of `Seen.moments`."""
    if profile.mean is None or profile.deviation is None:
        return 0.0, 0.0
    known = values[~np.isnan(values)].astype(np.float64)
    return float(len(known)), float(((known - profile.mean) / (profile.deviation or 1.0)).sum())
