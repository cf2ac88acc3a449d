"""Predictions as a stream: the next block is read meanwhile, and columns keep their types."""

import threading
import time
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular_lstm.engine import Workers, one_by_one
from tabular_lstm.errors import DataError
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.serving.answers import answers_of
from tabular_lstm.serving.prediction_parts import ahead, in_order, refuse_names, scored_parts
from tests.helpers.networks import ensemble_of, schema_of
from tests.helpers.raw_rows import rows_at

ANSWERS = answers_of(Scorer.of(ensemble_of(schema_of())))


def test_one_item_is_made_ahead_elsewhere_and_items_are_closed_when_nobody_takes_more() -> None:
    made: list[int] = []
    closed, here = [], threading.current_thread()

    def items() -> Generator[int]:
        try:
            for number in range(5):
                assert threading.current_thread() is not here
                made.append(number)
                yield number
        finally:
            closed.append(1)

    stream, taken = ahead(items()), []
    for item in stream:
        until = time.monotonic() + 10
        while len(made) < min(item + 2, 5) and time.monotonic() < until:
            time.sleep(0.001)
        assert made == list(range(min(item + 2, 5)))
        taken.append(item)
    assert taken == list(range(5))
    stream = ahead(items())
    assert next(stream) == 0
    stream.close()
    assert closed == [1, 1]


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


@pytest.mark.parametrize("name", ["row", "decision", "champion", "reason_1"])
def test_a_name_of_the_predictions_own_is_refused_with_the_reason(name: str) -> None:
    refuse_names({"age": "Conf names it", "rows": "Conf names it"}, "rows.csv", ANSWERS)
    with pytest.raises(DataError) as refused:
        refuse_names({"age": "Conf names it", name: "It is the label"}, "rows.csv", ANSWERS)
    assert f"rows.csv: column '{name}' would be copied" in str(refused.value)
    assert "It is the label. Rename it" in str(refused.value)
