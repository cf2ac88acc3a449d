"""Which sets are measured, by what, and that measuring goes on where it stopped."""

import csv
from pathlib import Path

import accuracy
import numpy as np
import pandas as pd
import pytest
from sets import CHOSEN_ON, REPORTED_ON, Labelled, kind_of
from sets_files import numbered
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from tabular_lstm.parameters.task import CLASSES, NUMBER, TWO_CLASSES


def of_size(name: str) -> Labelled:
    rows = {"small": 40, "large": 80, "middle": 60}[name]
    numbers = np.random.default_rng(rows).normal(size=rows)
    return pd.DataFrame({"number": numbers}), (numbers > 0).astype(int)


def test_words_stand_for_sets_each_of_which_is_measured_once() -> None:
    everything = accuracy.sets_of(["all"], None)

    assert len(everything) == 71
    assert accuracy.sets_of(["chosen", "reported", "heart"], None) == everything
    assert accuracy.sets_of(["chosen"], None) == CHOSEN_ON
    assert accuracy.sets_of(["reported"], None) == REPORTED_ON
    assert len(accuracy.sets_of(["balanced"], None)) == 26


def test_the_smallest_come_first_where_size_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accuracy, "load", of_size)

    assert accuracy.sets_of(["middle", "large", "small"], 60) == ["small", "middle"]


def test_sets_of_a_task_are_chosen_on_or_reported_on_and_a_third_is_chosen_on() -> None:
    for word, kind, count in (("classes", CLASSES, 22), ("numbers", NUMBER, 25)):
        chosen = accuracy.sets_of([f"{word}_chosen"], None)
        reported = accuracy.sets_of([f"{word}_reported"], None)

        assert {kind_of(name) for name in [*chosen, *reported]} == {kind}
        assert len(chosen) + len(reported) == len({*chosen, *reported}) == count
        assert len(chosen) == -(-count // 3)


def test_rows_of_a_class_that_some_fold_would_not_have_are_left_out() -> None:
    kept, numbers = numbered(pd.Series(["b"] * 10 + ["a"] * 9 + ["c"] * 11))

    assert np.flatnonzero(~kept).tolist() == list(range(10, 19))
    assert numbers.tolist() == [0] * 10 + [1] * 11


def lines_of(path: Path) -> list[list[str]]:
    with path.open() as file:
        return list(csv.reader(file))


def test_folds_that_are_done_are_not_measured_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(accuracy, "load", of_size)
    methods = accuracy.METHODS[TWO_CLASSES]
    monkeypatch.setitem(methods, "logistic", lambda categories, number: LogisticRegression())
    done = {("small", "logistic", "3")}

    accuracy.measure("small", "logistic", tmp_path / "accuracy.csv", done)

    lines = lines_of(tmp_path / "accuracy.csv")
    assert [line[:3] for line in lines] == [["small", "logistic", fold] for fold in "0124"]
    assert {len(line) for line in lines} == {3 + len(accuracy.OF_CLASSES) + 2}
    assert all(float(line[-1]) > 0 for line in lines)


class Interval:
    """A model that predicts 3, within 2 to 5."""

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return np.full(len(rows), 3.0)

    def predict_interval(self, rows: pd.DataFrame) -> np.ndarray:
        return np.tile([2.0, 5.0], (len(rows), 1))


def test_a_number_is_scored_by_shares_of_the_spread_of_all_labels() -> None:
    labels = np.array([1.0, 2.0, 4.0, 5.0])
    rows = pd.DataFrame(index=range(4))

    nrmse, r2, covered, width = accuracy.scores(Interval(), NUMBER, rows, labels, 2 * labels)

    spread = 2 * np.sqrt(2.5)
    assert (nrmse, r2) == pytest.approx((np.sqrt(2.5) / spread, 0))
    assert (covered, width) == pytest.approx((0.75, 3 / spread))


def test_three_classes_are_measured_by_probabilities_in_the_order_of_their_numbers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows, labels = load_iris(return_X_y=True, as_frame=True)
    monkeypatch.setattr(accuracy, "load", lambda name: (rows, labels.to_numpy()))

    accuracy.measure("iris", "linear", tmp_path / "accuracy_classes.csv", set())

    lines = lines_of(tmp_path / "accuracy_classes.csv")
    assert len(lines) == 5
    area, accurate, loss, *_ = np.array([line[3:] for line in lines], float).mean(axis=0)
    assert area > 0.99
    assert accurate > 0.9
    assert loss < 0.2
