"""The baselines: fitted on the train rows alone, with a threshold that serves the objective."""

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from tabular_lstm.judging import baselines
from tabular_lstm.judging.baselines import _splits, predict_with_baselines
from tabular_lstm.network import plan
from tabular_lstm.parameters import Evaluation, Training
from tabular_lstm.rows.schema import Target
from tests.helpers.judged import BASELINES, rows_of, schema_of, set_of

EVALUATION = Evaluation()
NAN = float("nan")


def baselines_of(
    train: np.ndarray, labels: pd.Series, evaluated: np.ndarray, features: int = 4
) -> pd.DataFrame:
    predictions, _ = predict_with_baselines(
        set_of(train, labels), evaluated, schema_of(features), Training(), EVALUATION
    )
    return pd.DataFrame(predictions)


@pytest.fixture(scope="module")
def judged() -> pd.DataFrame:
    """The baselines' predictions of rows that they were not fitted on, with the rows' labels."""
    fresh, labels = rows_of(90, seed=1)
    return baselines_of(*rows_of(150), fresh).assign(label=labels.to_numpy())


@pytest.mark.parametrize("name", BASELINES[1:])
def test_learned_baselines_rank_rows_they_were_not_fitted_on(
    name: str, judged: pd.DataFrame
) -> None:
    assert roc_auc_score(judged["label"], judged[name]) > 0.7


def test_of_very_many_rows_all_are_fitted_on_and_some_choose_the_threshold(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (train, labels), (evaluated, _) = rows_of(600), rows_of(50, seed=1)
    # Ten are positive, of which a share of 200 rows would be three.
    labels[:] = (np.arange(600) % 60 == 0).astype(int)
    groups = np.arange(600) // 2
    train_set = set_of(train, labels, None, groups)
    given = train_set, evaluated, schema_of(4), Training(), EVALUATION
    whole, of_whole = predict_with_baselines(*given)
    for module in (baselines, plan):
        monkeypatch.setattr(module, "MANY_ROWS", 200)
    caplog.set_level(logging.INFO)
    again, of_some = predict_with_baselines(*given)
    np.testing.assert_equal(whole, again)
    assert of_whole != of_some
    assert "fitted on all 600, and their thresholds are chosen by cross-validation on 196" in (
        caplog.text
    )
    held_out = np.concatenate([part for _, part in _splits(labels.to_numpy(), groups, 0)])
    assert len(np.unique(held_out)) == len(held_out) <= 200
    assert labels.to_numpy()[held_out].sum() == 10


@pytest.mark.parametrize("values", [0, 1])
@pytest.mark.filterwarnings("error")
def test_baselines_take_a_feature_with_hardly_any_value(values: int) -> None:
    """Where a single row has one, some fold is fitted on none."""
    train, labels = rows_of(120)
    evaluated, _ = rows_of(30, seed=1)
    train[values:, 1, 1] = NAN
    evaluated[::2, 1, 1] = NAN
    assert baselines_of(train, labels, evaluated).notna().all(axis=None)


def test_baselines_do_not_see_padded_slots() -> None:
    train, labels = rows_of(120)
    evaluated, _ = rows_of(30, seed=1)
    expected = baselines_of(train, labels, evaluated, features=3)
    train[:, 1, 1], evaluated[:, 1, 1] = labels, 9.0
    # To the bit: the same rows give the same baselines, whatever stands in the padded slot.
    pd.testing.assert_frame_equal(
        baselines_of(train, labels, evaluated, features=3), expected, check_exact=True
    )


# The baselines' categories


def letters(count: int, categories: int = 4, seed: int = 0) -> tuple[np.ndarray, pd.Series]:
    """Rows whose first feature, a category, tells the classes apart by whether its place is odd."""
    rng = np.random.default_rng(seed)
    sequences = rng.normal(size=(count, 2, 2)).astype(np.float32)
    sequences[:, 0, 0] = rng.permutation(np.arange(count) % categories)
    labels = (sequences[:, 0, 0] + (rng.random(count) < 0.1)) % 2
    index = pd.RangeIndex(1, count + 1, name="row")
    return sequences, pd.Series(labels.astype("int64"), index=index, name="state")


def with_categories(
    train: np.ndarray, labels: pd.Series, evaluated: np.ndarray, categories: dict[str, int]
) -> pd.DataFrame:
    schema = schema_of(categories=categories)
    train_set = set_of(train, labels)
    predictions, _ = predict_with_baselines(train_set, evaluated, schema, Training(), EVALUATION)
    return pd.DataFrame(predictions)


def test_logistic_regression_gets_categories_one_hot_beside_standardized_numbers() -> None:
    train, labels = letters(200)
    evaluated, _ = letters(60, seed=1)
    train[::9, 0, 0] = NAN
    evaluated[:4, 0, 0] = NAN
    predicted = with_categories(train, labels, evaluated, {"a": 4})["logistic_regression"]

    def encoded(sequences: np.ndarray) -> np.ndarray:
        place, *numbers = sequences.reshape(len(sequences), 4).T
        # A missing category is a category of its own.
        known = [*(place == known for known in range(4)), np.isnan(place)]
        scaled = [
            (number - fitted.mean()) / fitted.std()
            for number, fitted in zip(numbers, train.reshape(-1, 4).T[1:], strict=True)
        ]
        return np.column_stack([*known, *scaled])

    model = LogisticRegression(max_iter=1000).fit(encoded(train), labels)
    expected = model.predict_proba(encoded(evaluated))[:, 1]
    np.testing.assert_allclose(predicted, expected, atol=1e-3)


@pytest.mark.parametrize("count", [1, 256])
def test_baselines_take_any_number_of_categories(count: int) -> None:
    """Boosting takes at most 255 of them; of a feature with more it splits the places."""
    train, labels = letters(max(120, 2 * count), categories=count)
    evaluated, other = letters(max(120, 2 * count), categories=count, seed=1)
    evaluated[0, 0, 0], evaluated[1, 0, 0] = count, NAN
    predictions = with_categories(train, labels, evaluated, {"a": count})
    assert predictions.notna().all(axis=None)
    if count > 1:
        assert roc_auc_score(other[2:], predictions["logistic_regression"][2:]) > 0.8


# The baselines' thresholds


def test_thresholds_are_chosen_on_groups_that_a_model_was_not_fitted_on() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 4)
    labels = pd.Series(np.repeat(rng.integers(2, size=60), 4))
    sequences = np.repeat(rng.normal(size=(60, 2, 2)), 4, axis=0).astype(np.float32)
    for others, held_out in _splits(labels.to_numpy(), groups, 0):
        assert set(groups[others]).isdisjoint(groups[held_out])
    by_rows, by_groups, by_own = (
        predict_with_baselines(
            set_of(sequences, labels, None, of), sequences, schema_of(), Training(), EVALUATION
        )[1]
        for of in (None, groups, np.arange(240))
    )
    assert by_rows["hist_gradient_boosting"] != by_groups["hist_gradient_boosting"]
    assert by_own == by_rows


# Classes and a number


def of_task(labels: np.ndarray, unit: float = 1.0, **task: Any) -> dict[str, np.ndarray]:
    """The baselines' predictions of ninety rows, fitted on the others."""
    sequences, _ = rows_of(len(labels))
    sequences[:, 0, 0] = labels + np.random.default_rng(1).normal(0, 0.3, len(labels))
    schema = schema_of().model_copy(update={"positive_class": None, "negative_class": None, **task})
    train_set = set_of(sequences[90:], pd.Series(unit * labels[90:] if unit != 1 else labels[90:]))
    predictions, thresholds = predict_with_baselines(
        train_set, sequences[:90], schema, Training(), EVALUATION
    )
    assert not thresholds
    return predictions


def test_baselines_of_classes_give_a_probability_for_each_class() -> None:
    labels = np.arange(390) % 4
    # Of the class 3 there is no train row.
    predictions = of_task(np.where(labels == 3, 1, labels), classes=("a", "b", "c", "d"))
    assert [*predictions] == BASELINES
    for name, p in predictions.items():
        assert p.shape == (90, 4)
        np.testing.assert_allclose(p.sum(axis=1), 1)
        assert not p[:, 3].any()
        if name != "majority_class":
            assert np.mean(p.argmax(axis=1) == np.where(labels == 3, 1, labels)[:90]) > 0.7


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_baselines_of_a_number_give_intervals_that_hold_their_share(unit: float) -> None:
    labels = np.random.default_rng(0).normal(3, 1, 390)
    predictions = of_task(labels, unit, target=Target(mean=3 * unit, deviation=unit))
    assert [*predictions] == ["mean", "linear_regression", "hist_gradient_boosting"]
    held = unit * labels[:90]
    for name, p in predictions.items():
        middle, lower, upper = p.T
        assert 0.8 < np.mean((lower <= held) & (held <= upper)) <= 1
        np.testing.assert_allclose(upper - middle, middle - lower)
        error = np.sqrt(np.mean((middle - held) ** 2)) / unit
        assert error < (1.2 if name == "mean" else 0.5)
    np.testing.assert_allclose(predictions["mean"][:, 0], unit * labels[90:].mean(), rtol=1e-5)
