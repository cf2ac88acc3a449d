"""Which sets are measured, and that measuring goes on where it stopped."""

import csv
from pathlib import Path

import accuracy
import numpy as np
import pandas as pd
import pytest
from sets import Labelled, kind_of
from sets_files import numbered

from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES


def small(name: str) -> Labelled:
    numbers = np.random.default_rng(0).normal(size=40)
    return pd.DataFrame({"number": numbers}), (numbers > 0).astype(int)


def test_words_stand_for_sets_of_a_task() -> None:
    for prefix, kind, count in (("", TWO_CLASSES, 71), ("classes_", CLASSES, 22)):
        chosen, reported = (accuracy.GROUPS[f"{prefix}{word}"] for word in ("chosen", "reported"))
        assert {kind_of(name) for name in (*chosen, *reported)} == {kind}
        assert len({*chosen, *reported}) == len(chosen) + len(reported) == count
        assert len(chosen) < count / 2.5
    assert {kind_of(name) for name in accuracy.GROUPS["numbers_chosen"]} == {NUMBER}
    # Rows of a class that some fold would not have are left out.
    kept, numbers = numbered(pd.Series(["b"] * 10 + ["a"] * 9 + ["c"] * 11))
    assert np.flatnonzero(~kept).tolist() == list(range(10, 19))
    assert numbers.tolist() == [0] * 10 + [1] * 11


def lines_of(path: Path) -> list[list[str]]:
    with path.open() as file:
        return list(csv.reader(file))


def test_folds_that_are_done_are_not_measured_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(accuracy, "load", small)
    results = tmp_path / "accuracy.csv"

    accuracy.measure("small", "linear", results)
    header, *lines = lines_of(results)
    accuracy.measure("small", "linear", results)
    assert lines_of(results) == [header, *lines]
    with results.open("w", newline="") as file:
        csv.writer(file).writerows([header, *lines[:3], lines[4]])
    accuracy.measure("small", "linear", results)

    assert [line[:3] for line in lines_of(results)[1:]] == [
        ["small", "linear", fold] for fold in "01243"
    ]
    assert {len(line) for line in lines} == {len(header)}
    assert all(float(line[-1]) > 0 for line in lines)


class Interval:
    """A model that predicts 3, within 2 to 5."""

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return np.full(len(rows), 3.0)

    def predict_interval(self, rows: pd.DataFrame) -> np.ndarray:
        return np.tile([2.0, 5.0], (len(rows), 1))


def test_a_number_is_scored_by_shares_of_the_spread_of_all_labels() -> None:
    labels, rows = np.array([1.0, 2.0, 4.0, 5.0]), pd.DataFrame(index=range(4))
    nrmse, r2, covered, width = accuracy.scores(Interval(), NUMBER, rows, labels, 2 * labels)
    spread = 2 * np.sqrt(2.5)
    assert (nrmse, r2, covered, width) == pytest.approx(
        (np.sqrt(2.5) / spread, 0, 0.75, 3 / spread)
    )
