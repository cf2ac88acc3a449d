"""Bags: each member is stopped by rows that it was not trained on, and all are averaged."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import tuned
from bagged import Bagged, Fold
from bagged_networks import Imputed
from peers import Named
from tuned import Tuned

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

    fold_of = stratified_folds(LABELS, 8, 0)
    for fold in folds:
        assert fold.held_rows.index.tolist() == np.flatnonzero(fold_of == fold.number).tolist()
        assert fold.rows.index.tolist() == np.flatnonzero(fold_of != fold.number).tolist()
        assert fold.labels.tolist() == LABELS[fold_of != fold.number].tolist()
        assert fold.held_labels.tolist() == LABELS[fold_of == fold.number].tolist()
    assert bag.predict_proba(ROWS)[:, 1] == pytest.approx(0.45)
    assert set(bag.predict(ROWS)) == {0}
    own = (fold_of + 1) / 10
    expected = -np.mean(np.log(np.where(LABELS == 1, own, 1 - own)))
    assert bag.loss == pytest.approx(expected)


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
def test_out_of_fold_numbers_and_classes_are_of_members_that_did_not_see_the_row(
    number: bool,
) -> None:
    labels = np.arange(80.0) if number else np.repeat([0, 1, 2], [10, 20, 50])
    bag = Bagged(Mean, number).fit(ROWS, labels)

    held = [member.held for member in bag.members]
    assert sorted(row for rows in held for row in rows) == list(range(80))
    assert {len(rows) for rows in held} == {10}
    own = [next(member for member in bag.members if row in member.held) for row in range(80)]
    if number:
        assert bag.out_of_fold == pytest.approx([member.mean for member in own])
        assert bag.loss == pytest.approx(np.mean((bag.out_of_fold - labels) ** 2))
        assert bag.predict(ROWS) == pytest.approx(np.mean([m.mean for m in bag.members]))
        return
    # The rarest class is in each fold.
    assert all(any(row < 10 for row in rows) for rows in held)
    assert bag.out_of_fold == pytest.approx(np.array([member.shares for member in own]))
    assert bag.predict_proba(ROWS).shape == (80, 3)
    assert set(bag.predict(ROWS)) == {2}


def test_the_best_trial_is_kept_and_the_search_repeats_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tuned, "TRIALS", 12)
    tried: list[list[float]] = []

    def searched() -> Tuned:
        seen: list[float] = []
        tried.append(seen)

        def space(trial: Any) -> dict[str, Any]:
            seen.append(trial.suggest_float("probability", 0.01, 0.99))
            return {"probability": seen[-1]}

        return Tuned(space, lambda fold, probability: Constant(probability)).fit(ROWS, LABELS)

    one, other = searched(), searched()

    assert len(tried[0]) == 12
    assert tried[0] == tried[1]
    # Of constants the least log loss is that of the share of the positive class.
    share = LABELS.mean()
    losses = [-share * np.log(p) - (1 - share) * np.log(1 - p) for p in tried[0]]
    assert one.predict_proba(ROWS)[0, 1] == pytest.approx(tried[0][int(np.argmin(losses))])
    assert (one.predict_proba(ROWS) == other.predict_proba(ROWS)).all()


class Remembers:
    """Keeps what it is given."""

    def fit(self, rows: pd.DataFrame, labels: np.ndarray, **held: Any) -> None:
        self.rows, self.held = rows, held

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        self.scored = rows
        return np.full((len(rows), 2), 0.5)


def test_a_missing_category_has_a_name_and_others_keep_theirs() -> None:
    rows = pd.DataFrame({"kind": ["a", None, "b"], "full": ["c", "d", "c"], "number": [1, None, 3]})
    rows = rows.astype({"kind": "category", "full": "category"})
    model = Named(Remembers(), ["kind", "full"])

    model.fit(rows, np.array([0, 1, 0]), (rows[:2], np.array([0, 1])))

    assert model.model.rows["kind"].tolist() == ["a", "missing", "b"]
    assert model.model.rows["full"].tolist() == ["c", "d", "c"]
    assert model.model.rows["number"].isna().tolist() == [False, True, False]
    assert model.model.held["eval_set"][0]["kind"].tolist() == ["a", "missing"]
    model.predict_proba(rows[1:])
    assert model.model.scored["kind"].tolist() == ["missing", "b"]


def test_missing_numbers_become_the_mean_of_the_train_rows_and_are_marked() -> None:
    train = pd.DataFrame({"number": [1.0, None, 3.0], "kind": ["a", "b", "a"]})
    train["kind"] = train["kind"].astype("category")
    model = Imputed(Remembers())

    model.fit(train, np.array([0, 1, 0]))
    model.predict_proba(train.assign(number=[None, 5.0, 9.0]))

    assert model.model.rows["number"].tolist() == [1, 2, 3]
    assert model.model.rows["missingindicator_number"].tolist() == [0, 1, 0]
    assert model.model.scored["number"].tolist() == [2, 5, 9]
    assert model.model.scored["kind"].dtype == "category"
