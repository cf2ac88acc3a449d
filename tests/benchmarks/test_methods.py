"""The methods: each member of a bag is stopped by rows that it was not trained on."""

from typing import Any

import methods
import numpy as np
import pandas as pd
import pytest
from methods import Bagged, Fold, TunedCatBoost

from tabular_lstm.network.plan import stratified_folds

ROWS = pd.DataFrame({"number": np.arange(80.0)})
LABELS = np.tile([0, 0, 1, 0, 1], 16)


class Constant:
    """Gives each row one probability."""

    def __init__(self, probability: float) -> None:
        self.probability = probability

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        return np.tile([1 - self.probability, self.probability], (len(rows), 1))


def test_members_are_held_out_from_the_networks_folds_and_averaged() -> None:
    folds: list[Fold] = []

    def fit_member(fold: Fold) -> Constant:
        folds.append(fold)
        return Constant((fold.number + 1) / 10)

    bag = Bagged(fit_member).fit(ROWS, LABELS)
    row_folds = stratified_folds(LABELS, 8, 0)
    for fold in folds:
        held = row_folds == fold.number
        assert fold.held_rows.index.tolist() == np.flatnonzero(held).tolist()
        assert fold.rows.index.tolist() == np.flatnonzero(~held).tolist()
        assert fold.labels.tolist() == LABELS[~held].tolist()
        assert fold.held_labels.tolist() == LABELS[held].tolist()
    assert bag.predict_proba(ROWS)[:, 1] == pytest.approx(0.45)
    assert set(bag.predict(ROWS)) == {0}
    p = (row_folds + 1) / 10
    assert bag.loss == pytest.approx(-np.mean(np.log(np.where(LABELS == 1, p, 1 - p))))


class Mean:
    """Gives each row the mean of the labels of the rows that it saw, or the shares of classes."""

    def __init__(self, fold: Fold) -> None:
        self.held = set(fold.held_rows.index)
        self.mean = fold.labels.mean()
        self.shares = np.bincount(fold.labels.astype(int), minlength=3) / len(fold.labels)

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return np.full(len(rows), self.mean)

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        return np.tile(self.shares, (len(rows), 1))


@pytest.mark.parametrize("number", [True, False], ids=["numbers", "three classes"])
def test_the_loss_of_numbers_and_classes_is_of_members_that_did_not_see_the_row(
    number: bool,
) -> None:
    labels = np.arange(80.0) if number else np.repeat([0, 1, 2], [10, 20, 50])
    bag = Bagged(Mean, number).fit(ROWS, labels)

    held = [member.held for member in bag.members]
    assert sorted(row for rows in held for row in rows) == list(range(80))
    assert {len(rows) for rows in held} == {10}
    unseen_by = [next(member for member in bag.members if row in member.held) for row in range(80)]
    if number:
        assert bag.loss == pytest.approx(
            np.mean((np.array([m.mean for m in unseen_by]) - labels) ** 2)
        )
        assert bag.predict(ROWS) == pytest.approx(np.mean([m.mean for m in bag.members]))
        return
    # The rarest class is in each fold.
    assert all(any(row < 10 for row in rows) for rows in held)
    right = [
        member.shares[label] for member, label in zip(unseen_by, labels.astype(int), strict=True)
    ]
    assert bag.loss == pytest.approx(-np.mean(np.log(right)))
    assert bag.predict_proba(ROWS).shape == (80, 3)
    assert set(bag.predict(ROWS)) == {2}


def test_the_best_trial_is_kept_and_the_search_repeats_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(methods, "TRIALS", 6)
    tried: list[float] = []

    def fit_member(categories: list[str], fold: Fold, **parameters: Any) -> Constant:
        tried.append(parameters["bagging_temperature"])
        return Constant(0.01 + 0.98 * tried[-1])

    monkeypatch.setattr(methods, "fit_catboost", fit_member)
    first, second = (TunedCatBoost([]).fit(ROWS, LABELS) for _ in range(2))

    probabilities = 0.01 + 0.98 * np.array(tried[:: methods.MEMBERS])
    assert len(probabilities) == 12
    # Of constants the least log loss is that of the share of the positive class.
    share = LABELS.mean()
    losses = -share * np.log(probabilities) - (1 - share) * np.log(1 - probabilities)
    assert first.predict_proba(ROWS)[0, 1] == pytest.approx(probabilities[np.argmin(losses)])
    assert (first.predict_proba(ROWS) == second.predict_proba(ROWS)).all()
