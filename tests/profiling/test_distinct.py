"""Cells that are counted piece by piece are those that are counted at once."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tabular_lstm.profiling import distinct
from tabular_lstm.profiling.distinct import Counted, cells_of


@pytest.mark.parametrize("merged", [1, 40, 10**6])
@pytest.mark.parametrize("values", [5, 300, 10**6])
def test_pieces_are_counted_as_the_whole_is(
    values: int, merged: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distinct, "MERGED", merged)
    rng = np.random.default_rng(0)
    words = np.array(["", "NA", "?", " padded ", "null"])
    texts = [*rng.choice(words, 200), *map(str, rng.integers(0, values, 800))]
    rng.shuffle(texts)
    counted = Counted()
    for start in range(0, len(texts), 90):
        counted.add(pa.array(texts[start : start + 90], pa.large_string()))
    cells, whole = counted.cells(), cells_of(pa.chunked_array([pa.array(texts, pa.large_string())]))
    assert cells.texts.to_pylist() == whole.texts.to_pylist()
    assert cells.counts.tolist() == whole.counts.tolist()
    assert (cells.missing, cells.words) == (whole.missing, whole.words)
    expected = pd.Series(texts).str.strip()
    expected = expected[~expected.isin(["", "NA", "null"])].value_counts()
    assert dict(zip(cells.texts.to_pylist(), cells.counts.tolist(), strict=True)) == dict(expected)


def test_cells_that_come_again_in_another_piece_are_not_unique() -> None:
    counted = Counted()
    counted.add(pa.array(["a", "b"], pa.large_string()))
    assert counted.are_unique()
    counted.add(pa.array(["c", "a"], pa.large_string()))
    assert not counted.are_unique()


@pytest.mark.parametrize(
    ("texts", "rising"),
    [
        (["a", "a", "b", " c", "d"], True),
        (["a", "b", "c", "d", "a"], False),  # the distinct ones rise all the same
        (["a", "c", "b", "d", "e"], False),
        ([" a", "b", "b", "a", "c"], False),
    ],
)
@pytest.mark.parametrize("together", [1, 2, 5])
def test_texts_rise_where_those_of_the_rows_do(
    texts: list[str], rising: bool, together: int
) -> None:
    counted = Counted()
    for start in range(0, len(texts), together):
        counted.add(pa.array(texts[start : start + together], pa.large_string()))
    assert counted.cells().rising is rising
