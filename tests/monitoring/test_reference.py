"""A reference counts as its profiles say, has no value of a single row, and counts in batches."""

import itertools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydantic import ValidationError

from tabular_lstm.errors import DataError
from tabular_lstm.monitoring.drift import Drift, compare
from tabular_lstm.monitoring.reference import (
    CELLS,
    Profile,
    Reference,
    Watch,
    category_cells,
    cells_of,
    count_categories,
    count_numbers,
    profile_of,
)
from tabular_lstm.parameters.runs import MonitoringOptions
from tabular_lstm.rows.schema import Schema, parts_of
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.judged import both
from tests.helpers.networks import schema_of, sequences_of

FLOATS = st.floats(-(2.0**99), 2.0**99, width=32) | st.sampled_from([0.0, 1.0, np.nan])
COLUMNS = arrays.arrays(np.float32, st.integers(1, 200), elements=FLOATS)
FACTS = {"candidate_sha256": "0", "rows": 9, "quarantined_rows": 0}


@given(COLUMNS, COLUMNS)
def test_counts_are_those_of_all_rows_and_none_of_the_training_is_outside(
    values: np.ndarray, new: np.ndarray
) -> None:
    counted = profile_of("number", values)
    edges = counted.edges
    missing, below, *inside, above = counted.counts
    assert (counted.rows, missing) == (len(values), np.isnan(values).sum())
    assert (below, above) == (0, 0)
    assert len(inside) == len(edges) - 1 <= 30
    assert list(edges) == sorted(edges)
    # As NumPy's search has it.
    counts, numbers = count_numbers(new, edges), new[~np.isnan(new)]
    cells = np.searchsorted(np.asarray(edges, np.float32), numbers, side="right")
    expected = [len(new) - len(numbers), *np.bincount(cells, minlength=len(edges) + 1)]
    assert counts.tolist() == expected


def test_no_edge_has_more_digits_than_tell_it_from_the_next() -> None:
    values = np.random.default_rng(0).normal(120, 30, 5000).astype(np.float32)
    edges = profile_of("number", values).edges
    assert len(edges) == 21
    assert all(edge == round(edge, 2) for edge in edges)
    assert not {*edges} & {*values.astype(np.float64).tolist()}
    # Infinite numbers are outside.
    counts = count_numbers(np.array([-np.inf, np.inf, np.inf, np.nan], np.float32), edges)
    assert (counts[0], counts[1], counts[-1]) == (1, 1, 2)


@pytest.mark.parametrize(
    ("values", "edges", "counts"),
    [
        ([0, 1, 1, 0, 1], (0.0, 1.0, 1.1), (0, 0, 2, 3, 0)),
        ([147.3] * 4, (147.3, 147.4), (0, 0, 4, 0)),
        ([np.nan] * 3, (0.0,), (3, 0, 0)),
        ([np.nan, 5], (5.0, 5.001), (1, 0, 1, 0)),
        # Most rows have one value: it has a cell of its own.
        ([0] * 98 + [1 / 3, 2 / 3], (0.0, 0.33, 0.66, 0.67), (0, 0, 98, 1, 1, 0)),
        ([0] * 970 + [*range(1, 31)], (0.0, 1.0, 31.0), (0, 0, 970, 30, 0)),
        ([-1] * 3 + [0] * 194 + [1] * 3, (-1.0, 0.0, 1.0, 1.1), (0, 0, 3, 194, 3, 0)),
        # Each of few values has a cell.
        ([0] * 10**5 + [*range(20)], (*map(float, range(20)), 19.1), (0, 0, 100_001, *[1] * 19, 0)),
    ],
)
def test_columns_of_few_values(
    values: list[float], edges: tuple[float, ...], counts: tuple[int, ...]
) -> None:
    counted = profile_of("number", np.array(values, np.float32))
    assert (counted.edges, counted.counts) == (edges, counts)


@pytest.mark.parametrize(("middle", "spread"), [(1e9, 1e4), (-2e20, 1e16), (1e-20, 1e-22)])
def test_large_numbers_that_lie_close_together_are_told_apart(middle: float, spread: float) -> None:
    values = np.random.default_rng(0).normal(middle, spread, 4000).astype(np.float32)
    counted = profile_of("number", values)
    assert len(counted.edges) == 21
    assert max(counted.counts) < 0.06 * len(values)
    # A shift of one standard deviation is seen.
    moved = count_numbers((values + np.float32(spread)).astype(np.float32), counted.edges)
    assert moved[-1] + moved[-2] > 3 * counted.counts[-2]


@pytest.mark.parametrize("many", [1, 200, 201, 5000])
def test_each_category_has_a_cell_and_of_many_some_share_one(many: int) -> None:
    categories = [f"c{place:04}" for place in range(many)]
    named, cells = category_cells(categories), cells_of(categories)
    assert len(named) == many if many <= CELLS else 120 < len(named) <= CELLS
    assert sorted(category for cell in named for category in cell) == categories
    assert max(map(len, named)) <= (1 if many <= CELLS else 6 + many // 60)
    assert all(categories[place] in named[cell - 1] for place, cell in enumerate(cells[:-2]))
    # A category stays where it is, whatever others there are.
    if many > CELLS + 1:
        alike = category_cells(categories[1:])
        assert sum(cell in named for cell in alike) >= len(named) - 2
    new = count_categories(np.array([many, many, np.nan, many - 1, 0], np.float32), cells)
    assert (new[0], new[-1], new.sum()) == (1, 2, 5)


def of_cities(categories: list[str]) -> Schema:
    """A schema of one category."""
    cities = {"features": ["city"], "categories": {"city": categories}}
    return schema_of(1, 1, task=NUMBER).model_copy(update=cities)


def test_a_train_row_whose_category_no_other_group_has_counts_as_unknown() -> None:
    trained = np.array([0, 0, 0, 1, 1, 2, np.nan], np.float32).reshape(-1, 1, 1)
    tested = np.array([3, 2], np.float32).reshape(-1, 1, 1)  # the first is unknown in any case
    for groups, counts in (
        (None, (1, 3, 2, 1, 2)),
        (np.array([1, 1, 2, 3, 3, 3, 3]), (1, 3, 0, 1, 4)),
    ):
        sides, scores = [trained, tested], np.zeros((2, 3))
        counted = Reference.of(sides, scores, of_cities([*"abc"]), groups=groups, **FACTS)
        assert counted.features["city"].counts == counts


@pytest.mark.parametrize(
    "damaged",
    [
        {"kind": "number", "edges": [0, 1], "counts": [0, 0, 5]},
        {"kind": "number", "edges": [], "counts": [0, 0]},
        {"kind": "number", "edges": [1, 0], "counts": [0, 0, 5, 0]},
        {"kind": "number", "edges": [0, "NaN"], "counts": [0, 0, 5, 0]},
        {"kind": "category", "categories": [["a"], ["b"]], "counts": [0, 5, 0]},
        {"kind": "category", "categories": [["a"]], "counts": [0, None, 0]},
        {"kind": "category", "categories": [["a"]], "counts": [0, 10**20, 0]},
    ],
)
def test_a_damaged_profile_is_refused(damaged: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Profile.model_validate(damaged)


# Rows in the cells of a reference ------------------------------------------------------------

SCORES = {
    TWO_CLASSES: ["probability of 1"],
    CLASSES: ["probability of bus", "probability of car", "probability of van"],
    NUMBER: ["prediction"],
}
ROWS = 500


def predictions_of(task: str) -> np.ndarray:
    """Predictions by chance."""
    drawn = np.random.default_rng(1).random((ROWS, 3))
    return both(drawn[:, 0]) if task == TWO_CLASSES else drawn


def watch_of(schema: Schema, sequences: np.ndarray, predictions: np.ndarray) -> Watch:
    """Watch by the reference of these rows, as it was written and read."""
    facts = {**FACTS, "rows": len(sequences)}
    reference = Reference.of([sequences], predictions, schema, **facts)
    return Watch(Reference.model_validate_json(reference.model_dump_json()), schema)


@pytest.mark.parametrize("task", SCORES)
def test_the_rows_of_the_training_are_counted_as_in_the_reference(task: str) -> None:
    schema = schema_of(task=task, names=(2,))
    sequences, predictions = sequences_of(schema, ROWS, 0.1), predictions_of(task)
    watch = watch_of(schema, sequences, predictions)
    assert list(watch.profiles) == [*schema.features, *SCORES[task]]

    seen = watch.count(sequences, predictions)
    assert [tuple(counts) for counts in seen.counts] == [p.counts for p in watch.profiles.values()]
    for (values, total), column in zip(seen.moments, watch.profiles.values(), strict=True):
        if column.kind != "category":
            assert values == ROWS - column.counts[0]
            assert total == pytest.approx(0, abs=1e-3)

    # In batches, on workers; and none.
    sent = pickle.loads(pickle.dumps(watch))
    parts = [
        sent.count(sequences[start:end], predictions[start:end])
        for start, end in itertools.pairwise((0, 1, 200, ROWS))
    ]
    none = watch.count(sequences[:0], predictions[:0])
    together = sum(parts, none)
    assert all(map(np.array_equal, together.counts, seen.counts))
    np.testing.assert_allclose(together.moments, seen.moments, rtol=1e-9, atol=1e-6)
    assert not any(counts.any() for counts in none.counts)


def test_a_column_of_dates_is_watched_by_its_day_and_a_score_whatever_columns_are_called() -> None:
    schema = schema_of(6, 3, task=NUMBER).model_copy(
        update={"features": [*parts_of("seen"), "prediction"], "dates": {"seen": None}}
    )
    sequences, predictions = sequences_of(schema, ROWS), predictions_of(NUMBER)
    sequences[:, 0, 0] = np.arange(ROWS) + 20_000
    watch = watch_of(schema, sequences, predictions)
    assert list(watch.profiles) == ["seen", "prediction", "the prediction"]
    assert [*watch.reference.scores] == ["the prediction"]
    seen = watch.profiles["seen"]
    assert (seen.kind, seen.edges[0], seen.edges[-1]) == ("date", 20_000, 20_500)
    sequences[:, 0, 0] += 365
    later, *_ = watch.count(sequences, predictions).counts
    assert later[-1] == 365


def fewer_rows(columns: dict[str, Any]) -> dict[str, Any]:
    name, column = [*columns.items()][-1]
    return columns | {name: column | {"counts": [count // 2 for count in column["counts"]]}}


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (lambda columns: dict([*columns.items()][1:]), "features"),
        (lambda columns: dict([*columns.items()][1:]), "scores"),
        (lambda columns: dict(reversed(columns.items())), "features"),
        (lambda columns: {f"{name}?": columns[name] for name in columns}, "features"),
        (lambda columns: {f"{name}?": columns[name] for name in columns}, "scores"),
        (lambda columns: dict.fromkeys(columns, next(iter(columns.values()))), "features"),
        (fewer_rows, "features"),
    ],
)
def test_a_reference_of_other_columns_is_refused(
    damage: Callable[[dict[str, Any]], dict[str, Any]], part: str
) -> None:
    schema = schema_of(task=CLASSES, names=(2,))
    sequences, predictions = sequences_of(schema, ROWS, 0.1), predictions_of(CLASSES)
    facts = watch_of(schema, sequences, predictions).reference.model_dump()
    facts[part] = damage(facts[part])
    with pytest.raises(DataError, match=r"reference.json and the champion differ in '.+'"):
        Watch(Reference.model_validate(facts), schema)


def test_scores_and_the_quarantine_raise_an_alarm_whatever_columns_are_called() -> None:
    names = ["probability of 1", "quarantined rows", "the quarantined rows"]
    schema = schema_of(3, 3).model_copy(update={"features": names})
    sequences, predictions = sequences_of(schema, ROWS), predictions_of(TWO_CLASSES)
    watch = watch_of(schema, sequences, predictions)
    seen = watch.count(sequences, predictions / 9)
    drift = compare(watch, seen, "run", "champion", MonitoringOptions(ignore=names), ROWS)
    assert drift.features == {}  # they are ignored
    assert {*drift.moved} == {"the probability of 1", "quarantined rows"}
    drift = compare(watch, seen, "run", "champion", MonitoringOptions(), ROWS)
    assert {*drift.features} == {*names}
    assert {*drift.moved} == {"the probability of 1", "the the quarantined rows"}


def drift_of_codes(trained: np.ndarray, tested: np.ndarray, new: np.ndarray) -> Drift:
    """Compare new rows of one categorical column, whose schema knows the train rows alone."""
    codes = np.unique(trained)
    schema = of_cities([f"c{code:03}" for code in codes])

    def sequences(values: np.ndarray) -> np.ndarray:
        places = np.where(np.isin(values, codes), np.searchsorted(codes, values), len(codes))
        return places.astype(np.float32).reshape(-1, 1, 1)

    sides, scores = [sequences(trained), sequences(tested)], np.zeros((len(new), 3))
    watch = Watch(Reference.of(sides, scores, schema, **FACTS), schema)
    seen = watch.count(sequences(new), scores)
    return compare(watch, seen, "run", "champion", MonitoringOptions(false_alarms=0.1), 0)


@pytest.mark.long
def test_many_categories_raise_no_alarm_until_a_rare_one_becomes_common() -> None:
    alarms, runs = 0, 0
    for seed, (many, zipf) in enumerate(itertools.product((60, 100, 200, 500), (False, True))):
        rows = 600 if many // 100 % 2 == zipf else 3200
        drawn = np.random.default_rng(seed)
        shares = 1 / np.arange(1, many + 1) if zipf else np.ones(many)

        def draw(count: int, shares: np.ndarray = shares, by: Any = drawn) -> np.ndarray:
            return by.choice(len(shares), count, p=shares / shares.sum())

        each = []
        for _ in range(4):
            trained, tested, new = draw(rows), draw(rows // 4), draw(1000)
            each.append(drift_of_codes(trained, tested, new).alarm is not None)
        assert sum(each) <= 3, (many, zipf, rows)
        alarms, runs = alarms + sum(each), runs + len(each)

        assert drift_of_codes(trained, tested, np.append(trained, tested)).alarm is None
        codes, counts = np.unique(trained, return_counts=True)
        rare = codes[counts.argmin()]
        new[:100] = rare
        moved = drift_of_codes(trained, tested, new).features["city"]
        assert moved.moved
        if many < 500:
            assert f"are 'c{rare:03}', previously" in moved.sentence

    # One of ten, and of such a binomial number 1 of 1,000 is above.
    assert runs == 32
    assert alarms <= 9
