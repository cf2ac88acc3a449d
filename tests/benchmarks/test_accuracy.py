"""Which sets are measured, and that measuring goes on where it stopped."""

import csv
from pathlib import Path

import accuracy
import numpy as np
import pandas as pd
import pytest
from sets import CHOSEN_ON, REPORTED_ON, Labelled
from sklearn.linear_model import LogisticRegression


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


def test_folds_that_are_done_are_not_measured_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(accuracy, "load", of_size)
    monkeypatch.setattr(accuracy, "RESULTS", tmp_path / "accuracy.csv")
    monkeypatch.setitem(accuracy.METHODS, "logistic", lambda categories: LogisticRegression())

    accuracy.measure("small", "logistic", {("small", "logistic", "3")})

    with (tmp_path / "accuracy.csv").open() as file:
        lines = list(csv.reader(file))
    assert [line[:3] for line in lines] == [["small", "logistic", fold] for fold in "0124"]
    assert {len(line) for line in lines} == {len(accuracy.COLUMNS)}
    assert all(float(line[-1]) > 0 for line in lines)
