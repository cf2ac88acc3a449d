"""Cells that are counted piece by piece are those that are counted at once."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tabular_lstm.profiling import table_profile
from tabular_lstm.profiling.table_profile import CellCounter
from tests.helpers.profiles import cells as counted_at_once


def counted(texts: list[str], together: int) -> CellCounter:
    counter = CellCounter()
    for start in range(0, len(texts), together):
        counter.add(pa.array(texts[start : start + together], pa.large_string()))
    return counter


@pytest.mark.parametrize("merged", [1, 40, 10**6])
@pytest.mark.parametrize("values", [5, 10**6])
def test_pieces_are_counted_as_the_whole_is(
    values: int, merged: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_profile, "MERGED", merged)
    rng = np.random.default_rng(0)
    words = np.array(["", "NA", "?", " padded ", "null"])
    texts = [*rng.choice(words, 200), *map(str, rng.integers(0, values, 800))]
    rng.shuffle(texts)
    cells, whole = counted(texts, 90).cells(), counted_at_once(texts)
    assert cells.texts.to_pylist() == whole.texts.to_pylist()
    assert cells.counts.tolist() == whole.counts.tolist()
    said = pd.Series(texts).str.strip()
    known = said[~said.isin(["", "NA", "null"])].value_counts()
    assert dict(zip(cells.texts.to_pylist(), cells.counts.tolist(), strict=True)) == dict(known)
    assert cells.missing == whole.missing == 1000 - known.sum()
