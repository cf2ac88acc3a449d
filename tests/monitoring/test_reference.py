"""A reference counts as its profiles say, and has no value of a single row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tabular_lstm.monitoring.reference import (
    NAMED,
    cells_of,
    count_categories,
    count_numbers,
    profile,
)

FLOATS = st.floats(-(2.0**99), 2.0**99, width=32) | st.sampled_from([0.0, 1.0, np.nan])
COLUMNS = arrays.arrays(np.float32, st.integers(1, 200), elements=FLOATS)


@given(COLUMNS, COLUMNS)
def test_counts_are_those_of_all_rows_and_none_of_the_training_is_outside(
    values: np.ndarray, new: np.ndarray
) -> None:
    found = profile("number", values)
    missing, below, *inside, above = found.counts
    assert found.rows == len(values)
    assert missing == np.isnan(values).sum()
    assert (below, above) == (0, 0)
    assert len(inside) == len(found.edges) - 1
    assert list(found.edges) == sorted(found.edges)
    # As NumPy's search has it.
    counts, known = count_numbers(new, found.edges), new[~np.isnan(new)]
    cells = np.searchsorted(np.asarray(found.edges, np.float32), known, side="right")
    assert counts.tolist() == [
        len(new) - len(known),
        *np.bincount(cells, minlength=len(found.edges) + 1),
    ]


@given(arrays.arrays(np.float32, st.integers(50, 300), elements=st.floats(1, 1e6, width=32)))
def test_edges_are_rounded_and_beyond_the_highest_value(values: np.ndarray) -> None:
    edges = profile("number", values).edges
    assert edges[0] <= values.min()
    assert np.float32(edges[-1]) > values.max()
    assert len(edges) <= 31


def test_no_edge_has_more_digits_than_tell_it_from_the_next() -> None:
    values = np.random.default_rng(0).normal(120, 30, 5000).astype(np.float32)
    edges = profile("number", values).edges
    assert len(edges) == 21
    assert all(edge == round(edge, 2) for edge in edges)
    assert not {*edges} & {*values.astype(np.float64).tolist()}


@pytest.mark.parametrize(
    ("values", "edges", "counts"),
    [
        ([0, 1, 1, 0, 1], (0.0, 1.0, 1.1), (0, 0, 2, 3, 0)),
        ([147.3] * 4, (147.3, 147.4), (0, 0, 4, 0)),
        ([0, 0], (0.0, 0.1), (0, 0, 2, 0)),
        ([np.nan] * 3, (0.0,), (3, 0, 0)),
        ([np.nan, 5], (5.0, 5.001), (1, 0, 1, 0)),
        # Most rows have one value: it has a cell of its own.
        ([0] * 95 + [20, 40, 60, 80, 90], (0.0, 20.0, 91.0), (0, 0, 95, 5, 0)),
    ],
)
def test_columns_of_few_values(
    values: list[float], edges: tuple[float, ...], counts: tuple[int, ...]
) -> None:
    found = profile("number", np.array(values, np.float32))
    assert (found.edges, found.counts) == (edges, counts)
    assert count_numbers(np.array(values, np.float32), edges).tolist() == list(counts)


@pytest.mark.parametrize(("middle", "spread"), [(1e9, 1e4), (-2e20, 1e16), (1e-20, 1e-22)])
def test_large_numbers_that_lie_close_together_are_told_apart(middle: float, spread: float) -> None:
    drawn = np.random.default_rng(0)
    values = drawn.normal(middle, spread, 4000).astype(np.float32)
    found = profile("number", values)
    assert len(found.edges) == 21
    assert max(found.counts) < 0.06 * len(values)
    # A shift of one standard deviation is seen.
    moved = count_numbers((values + np.float32(spread)).astype(np.float32), found.edges)
    assert moved[-1] + moved[-2] > 3 * found.counts[-2]


def test_infinite_numbers_are_outside() -> None:
    edges = profile("number", np.arange(100, dtype=np.float32)).edges
    counts = count_numbers(np.array([-np.inf, np.inf, np.inf, np.nan], np.float32), edges)
    assert (counts[0], counts[1], counts[-1]) == (1, 1, 2)


def test_the_commonest_categories_have_a_cell_each_and_the_others_one() -> None:
    categories = [f"c{place:03}" for place in range(200)]
    # The later ones of the list are the commonest.
    places = np.repeat(np.arange(200), np.arange(200)).astype(np.float32)
    found = profile("category", np.append(places, np.nan), categories)
    assert found.categories == tuple(categories[-NAMED:])
    assert found.rows == len(places) + 1
    missing, first, *_, last, others, unknown = found.counts
    assert (missing, first, last, unknown) == (1, 150, 199, 0)
    assert others == sum(range(150))

    cells = cells_of(found.categories, categories)
    new = count_categories(np.array([200, 200, np.nan, 199, 0], np.float32), cells)
    assert [new[0], *new[-3:]] == [1, 1, 1, 2]
    assert new.sum() == 5
