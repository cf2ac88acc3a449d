"""Which sets are measured, and that measuring goes on where it stopped."""

import csv
from pathlib import Path

import accuracy
import numpy as np
import pandas as pd
import pytest
from sets import Labelled, kind_of
from sets_files import numbered
from sklearn.datasets import load_iris

from tabular_lstm.parameters.columns import CLASSES, NUMBER, TWO_CLASSES


def small(name: str) -> Labelled:
    numbers = np.random.default_rng(0).normal(size=40)
    return pd.DataFrame({"number": numbers}), (numbers > 0).astype(int)


def test_words_stand_for_sets_and_a_third_of_a_task_is_chosen_on() -> None:
    groups = accuracy.GROUPS

    assert (len(groups["chosen"]), len(groups["reported"])) == (27, 44)
    for prefix, kind, count in (("", TWO_CLASSES, 71), ("classes_", CLASSES, 22)):
        names = {*groups[f"{prefix}chosen"], *groups[f"{prefix}reported"]}
        assert {kind_of(name) for name in names} == {kind}
        assert len(names) == count
    assert len({*groups["numbers_chosen"], *groups["numbers_reported"]}) == 25
    assert {kind_of(name) for name in groups["numbers_chosen"]} == {NUMBER}
    assert (len(groups["classes_chosen"]), len(groups["numbers_chosen"])) == (8, 9)


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

    accuracy.measure("iris", "linear", tmp_path / "accuracy_classes.csv")

    _, *lines = lines_of(tmp_path / "accuracy_classes.csv")
    assert len(lines) == 5
    area, accurate, loss, *_ = np.array([line[3:] for line in lines], float).mean(axis=0)
    assert area > 0.99
    assert accurate > 0.9
    assert loss < 0.2
