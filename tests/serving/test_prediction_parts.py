"""Predictions as a stream: the next block is read meanwhile, and columns keep their types."""

import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular_lstm.engine import Workers, one_by_one
from tabular_lstm.errors import DataError
from tabular_lstm.serving.prediction_parts import ahead, in_order, refuse_names, scored_parts
from tabular_lstm.serving.row_scoring import one_of, same
from tests.helpers.raw_rows import rows_at


def test_one_item_is_made_ahead_and_no_more() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(5):
            made.append(number)
            yield number

    taken = []
    for item in ahead(items()):
        until = time.monotonic() + 10
        while len(made) < min(item + 2, 5) and time.monotonic() < until:
            time.sleep(0.001)
        assert made == list(range(min(item + 2, 5)))
        taken.append(item)
    assert taken == list(range(5))


def test_what_an_item_fails_with_is_raised_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise DataError("no second one")

    stream = ahead(items())
    assert next(stream) == 1
    with pytest.raises(DataError, match="no second one"):
        next(stream)


def test_items_are_closed_when_nobody_takes_more() -> None:
    closed, here = [], threading.current_thread()

    def items() -> Generator[int]:
        try:
            for number in range(100):
                assert threading.current_thread() is not here
                yield number
        finally:
            closed.append(1)

    stream = ahead(items())
    assert next(stream) == 0
    stream.close()
    assert closed == [1]


@given(st.permutations(range(8)))
def test_what_is_done_early_waits_for_its_turn(order: list[int]) -> None:
    done = ((place, f"part {place}") for place in order)
    assert list(in_order(done)) == [f"part {place}" for place in range(8)]


@pytest.mark.parametrize("workers", [None, one_by_one], ids=["here", "there"])
def test_of_faults_in_two_files_of_a_part_the_first_is_named(
    workers: Workers | None, tmp_path: Path
) -> None:
    for name, text in {"a": "1,2\n", "b": "1,2\n3\n", "c": '1,"2\n'}.items():
        (tmp_path / f"{name}.csv").write_text(f"a,y\n{text}")
    check = SimpleNamespace(of=lambda batch: batch.cells)
    scoring: Any = SimpleNamespace(check=check, part=list)
    with pytest.raises(DataError, match=r"b\.csv: row 2: expected 2 cells"):
        list(scored_parts(scoring, rows_at(tmp_path).batches(), workers))


def test_text_is_kept_once() -> None:
    column = same("champion", 3)
    assert column.to_pylist() == ["champion"] * 3
    assert column.dictionary.to_pylist() == ["champion"]
    assert same("champion", 0).to_pylist() == []


@pytest.mark.parametrize(
    ("values", "kind"),
    [(["no", "yes"], pa.dictionary(pa.int32(), pa.string())), ([0, 1], pa.int64())],
)
def test_a_decision_is_the_value_itself(values: list[object], kind: pa.DataType) -> None:
    column = one_of(pa.array(values), np.array([1, 0, 1], np.int32))
    assert column.type == kind
    assert column.to_pylist() == [values[1], values[0], values[1]]


@pytest.mark.parametrize("name", ["row", "file", "decision", "champion", "reason_1", "effect_2"])
def test_a_name_of_the_predictions_own_is_refused_with_the_reason(name: str) -> None:
    refuse_names({"age": "Conf names it", "rows": "Conf names it"}, "rows.csv")
    with pytest.raises(DataError) as refused:
        refuse_names({"age": "Conf names it", name: "It is the label"}, "rows.csv")
    assert f"rows.csv: column '{name}' would be copied" in str(refused.value)
    assert "It is the label. Rename it" in str(refused.value)
