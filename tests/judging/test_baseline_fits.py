"""The baselines: fitted on the train rows alone, with a threshold that serves the objective."""

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from tabular_lstm.judging import baseline_fits
from tabular_lstm.judging.baseline_fits import _splits, as_frame, fit_baselines
from tabular_lstm.network import plan
from tabular_lstm.parameters.hyperparameters import EvaluationOptions, TrainingOptions
from tabular_lstm.rows.examples import Examples
from tabular_lstm.rows.schema import Schema, Target
from tabular_lstm.rows.weights import scaled
from tests.helpers.judged import BASELINES, rows_of, schema_of, set_of
from tests.helpers.own_baselines import Recorder

EVALUATION = EvaluationOptions()
# A file that another test left open is closed at any time.
quiet = pytest.mark.filterwarnings("error", "ignore::ResourceWarning")
NAN = float("nan")


def fitted(train_set: Examples, evaluated: np.ndarray, schema: Schema | None = None) -> Any:
    """Predictions, thresholds and losses of the baselines, with the usual options."""
    options = schema or schema_of(), TrainingOptions(), EVALUATION
    return fit_baselines(train_set, evaluated, *options)


def predictions_of(
    train: np.ndarray,
    labels: pd.Series,
    evaluated: np.ndarray,
    schema: Schema | None = None,
    weights: pd.Series | None = None,
) -> pd.DataFrame:
    """The baselines' predictions of rows that they were not fitted on."""
    predictions, *_ = fitted(set_of(train, labels, weights), evaluated, schema)
    return pd.DataFrame({name: p[:, 1] for name, p in predictions.items()})


def test_of_very_many_rows_the_folds_have_some(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (train, labels), (evaluated, _) = rows_of(600), rows_of(50, seed=1)
    # Ten are positive, of which a share of 200 rows would be three.
    labels[:] = (np.arange(600) % 60 == 0).astype(int)
    groups = np.arange(600) // 2
    arguments = set_of(train, labels, None, groups), evaluated
    whole, _, losses = fitted(*arguments)
    for module in (baseline_fits, plan):
        monkeypatch.setattr(module, "MANY_ROWS", 200)
    caplog.set_level(logging.INFO)
    again, _, other_losses = fitted(*arguments)
    assert not np.array_equal(whole.pop(BASELINES[2]), again.pop(BASELINES[2]))
    np.testing.assert_equal(whole, again)
    assert all(losses[name] != other_losses[name] for name in BASELINES)
    learned = "gradient boosting and the baselines' thresholds or intervals are learned from a"
    assert f"many rows, 600: {learned} random sample of 196" in caplog.text
    held_out = np.concatenate([part for _, part in _splits(labels.to_numpy(), groups, 0)])
    assert len(np.unique(held_out)) == len(held_out) <= 200
    assert labels.to_numpy()[held_out].sum() == 10


@quiet
def test_baselines_rank_new_rows_and_see_neither_padded_nor_empty_slots() -> None:
    train, labels = rows_of(150)
    evaluated, fresh_labels = rows_of(90, seed=1)
    expected = predictions_of(train, labels, evaluated, schema_of(3))
    for name in BASELINES[1:]:
        assert roc_auc_score(fresh_labels, expected[name]) > 0.7
    # To the bit: the same rows give the same baselines, whatever stands in the padded slot.
    train[:, 1, 1], evaluated[:, 1, 1] = labels, 9.0
    padded = predictions_of(train, labels, evaluated, schema_of(3))
    pd.testing.assert_frame_equal(padded, expected, check_exact=True)
    # Where a single row has a value, some fold is fitted on none.
    for values in (1, 0):
        train[values:, 1, 1] = evaluated[::2, 1, 1] = NAN
        assert predictions_of(train, labels, evaluated).notna().all(axis=None)


def letters(count: int, categories: int = 4, seed: int = 0) -> tuple[np.ndarray, pd.Series]:
    """Rows whose first feature, a category, tells the classes apart by whether its place is odd."""
    rng = np.random.default_rng(seed)
    sequences = rng.normal(size=(count, 2, 2)).astype(np.float32)
    sequences[:, 0, 0] = rng.permutation(np.arange(count) % categories)
    labels = (sequences[:, 0, 0] + (rng.random(count) < 0.1)) % 2
    index = pd.RangeIndex(1, count + 1, name="row")
    return sequences, pd.Series(labels.astype("int64"), index=index, name="state")


@pytest.mark.parametrize("by_weight", [False, True])
def test_logistic_regression_gets_categories_one_hot_beside_standardized_numbers(
    by_weight: bool,
) -> None:
    train, labels = letters(200)
    evaluated, _ = letters(60, seed=1)
    train[::9, 0, 0] = evaluated[:4, 0, 0] = NAN
    weights = pd.Series(np.random.default_rng(2).uniform(0.1, 4, 200), index=labels.index)
    counts = weights if by_weight else None
    predicted = predictions_of(train, labels, evaluated, schema_of(categories={"a": 4}), counts)
    share = np.average(labels, weights=counts)
    np.testing.assert_allclose(predicted["majority_class"], share, rtol=1e-6)

    def encoded(sequences: np.ndarray) -> np.ndarray:
        place, *numbers = sequences.reshape(len(sequences), 4).T
        # A missing category is a category of its own.
        known = [*(place == known for known in range(4)), np.isnan(place)]
        fitted = train.reshape(-1, 4).T[1:]
        pairs = zip(numbers, fitted, strict=True)
        return np.column_stack([*known, *((x - of.mean()) / of.std() for x, of in pairs)])

    model = LogisticRegression(max_iter=1000).fit(encoded(train), labels, scaled(counts))
    expected = model.predict_proba(encoded(evaluated))[:, 1]
    np.testing.assert_allclose(predicted["logistic_regression"], expected, atol=1e-3)
    if by_weight:
        alike = predictions_of(train, labels, evaluated, schema_of(categories={"a": 4}))
        boosting = "hist_gradient_boosting"
        assert not np.allclose(predicted[boosting], alike[boosting], atol=1e-3)


@pytest.mark.parametrize("count", [1, 256])
def test_baselines_take_any_number_of_categories(count: int) -> None:
    """Boosting takes at most 255 of them; of a feature with more it splits the places."""
    train, labels = letters(max(120, 2 * count), categories=count)
    evaluated, other = letters(max(120, 2 * count), categories=count, seed=1)
    evaluated[0, 0, 0], evaluated[1, 0, 0] = count, NAN
    predictions = predictions_of(train, labels, evaluated, schema_of(categories={"a": count}))
    assert predictions.notna().all(axis=None)
    if count > 1:
        assert roc_auc_score(other[2:], predictions["logistic_regression"][2:]) > 0.8


def test_boosting_tells_a_single_category_from_a_missing_value() -> None:
    train, labels = rows_of(200)
    filled = np.where(labels == 1, 0.0, NAN)
    train[:, 0, 0] = filled
    predicted = predictions_of(train, labels, train, schema_of(categories={"a": 1}))
    assert roc_auc_score(labels, predicted[BASELINES[2]]) > 0.99


def test_thresholds_are_chosen_on_groups_that_a_model_was_not_fitted_on() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 4)
    labels = pd.Series(np.repeat(rng.integers(2, size=60), 4))
    sequences = np.repeat(rng.normal(size=(60, 2, 2)), 4, axis=0).astype(np.float32)
    for others, held_out in _splits(labels.to_numpy(), groups, 0):
        assert set(groups[others]).isdisjoint(groups[held_out])
    by_rows, by_groups, by_single_rows = (
        fitted(set_of(sequences, labels, None, of), sequences)[1]
        for of in (None, groups, np.arange(240))
    )
    assert by_rows["hist_gradient_boosting"] != by_groups["hist_gradient_boosting"]
    assert by_single_rows == by_rows


def of_task(labels: np.ndarray, **task: Any) -> dict[str, np.ndarray]:
    """The baselines' predictions of ninety rows, fitted on the others."""
    sequences, _ = rows_of(len(labels))
    spread = labels.std()
    sequences[:, 0, 0] = labels / spread + np.random.default_rng(1).normal(0, 0.3, len(labels))
    schema = schema_of().model_copy(update={"positive_class": None, "negative_class": None, **task})
    train_set = set_of(sequences[90:], pd.Series(labels[90:]))
    predictions, thresholds, _ = fitted(train_set, sequences[:90], schema)
    assert not thresholds
    return predictions


def test_baselines_of_classes_give_a_probability_for_each_class() -> None:
    labels = np.array([0, 1, 2, 1] * 100)[:390]  # of the class 3 there is no train row
    predictions = of_task(labels, classes=("a", "b", "c", "d"))
    assert [*predictions] == BASELINES
    for name, p in predictions.items():
        assert p.shape == (90, 4)
        np.testing.assert_allclose(p.sum(axis=1), 1)
        assert not p[:, 3].any()
        if name != "majority_class":
            assert np.mean(p.argmax(axis=1) == labels[:90]) > 0.7


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_baselines_of_a_number_give_intervals_that_hold_their_share(unit: float) -> None:
    labels = unit * np.random.default_rng(0).normal(3, 1, 390)
    predictions = of_task(labels, target=Target(mean=3 * unit, deviation=unit))
    assert [*predictions] == ["mean", "linear_regression", "hist_gradient_boosting"]
    held = labels[:90]
    for name, p in predictions.items():
        middle, lower, upper = p.T
        assert 0.8 < np.mean((lower <= held) & (held <= upper)) <= 1
        np.testing.assert_allclose(upper - middle, middle - lower)
        error = np.sqrt(np.mean((middle - held) ** 2)) / unit
        assert error < (1.2 if name == "mean" else 0.5)
    np.testing.assert_allclose(predictions["mean"][:, 0], labels[90:].mean(), rtol=1e-5)


@pytest.mark.parametrize("median", [False, True])
def test_baselines_predict_a_skewed_number_as_the_network_does(median: bool) -> None:
    rng = np.random.default_rng(0)
    labels = np.exp(rng.normal(5, 1, 1090))
    target = Target(
        mean=5, deviation=1, asinh=0.5, bounds=(labels.min(), labels.max()), median=median
    )
    predictions = of_task(labels, target=target)
    held = labels[:90]
    for name in ("linear_regression", "hist_gradient_boosting"):
        _, lower, upper = predictions[name].T
        assert predictions[name].min() >= labels.min()
        assert predictions[name].max() <= labels.max()
        assert 0.8 < np.mean((lower <= held) & (held <= upper)) <= 1
        assert (lower < upper).all()
    if median:
        np.testing.assert_allclose(predictions["median"][:, 0], np.median(labels[90:]), 1e-5)
        errors = {name: np.abs(p[:, 0] - held).mean() for name, p in predictions.items()}
        assert max(errors, key=errors.__getitem__) == "median"
    else:
        np.testing.assert_allclose(predictions["mean"][:, 0], labels[90:].mean(), 1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_boosting_stops_early_and_is_calibrated(classes: int) -> None:
    """scikit-learn's defaults learn the noise of such rows: their loss is above chance."""
    rng = np.random.default_rng(0)
    sequences = rng.normal(size=(1400, 2, 2)).astype(np.float32)
    logits = sequences[:, 0, :1] * np.linspace(-0.5, 0.5, classes) + rng.gumbel(
        size=(1400, classes)
    )
    labels = pd.Series(logits.argmax(1))
    task = {"positive_class": None, "negative_class": None, "classes": ("a", "b", "c")}
    schema = schema_of().model_copy(update=task if classes == 3 else {})
    train_set = set_of(sequences[:400], labels[:400])
    predictions, _, losses = fitted(train_set, sequences[400:], schema)
    probabilities = predictions["hist_gradient_boosting"]
    train, evaluated = sequences[:400].reshape(400, -1), sequences[400:].reshape(1000, -1)
    by_default = HistGradientBoostingClassifier().fit(train, labels[:400]).predict_proba(evaluated)
    loss = log_loss(labels[400:], probabilities)
    assert loss < np.log(classes) - 0.005
    assert log_loss(labels[400:], by_default) > loss + 0.1
    # Sharper or flatter probabilities are not much better.
    for power in (0.7, 1.4):
        other = probabilities**power
        other /= other.sum(axis=1, keepdims=True)
        assert log_loss(labels[400:], other) > loss - 0.002
    assert losses["hist_gradient_boosting"] == pytest.approx(loss, abs=0.04)
    assert losses["majority_class"] == pytest.approx(np.log(classes), abs=0.02)


@quiet
@pytest.mark.parametrize("classes", [2, 3])
def test_a_class_may_have_two_rows_and_a_group_a_class(classes: int) -> None:
    train, labels = rows_of(60)
    labels[:] = np.where(np.arange(60) < 2, classes - 1, np.arange(60) % (classes - 1))
    task = {"positive_class": None, "negative_class": None, "classes": ("a", "b", "c")}
    schema = schema_of().model_copy(update=task if classes == 3 else {})
    weights = pd.Series(np.linspace(1, 2, 60), index=labels.index)
    for groups in (None, labels.to_numpy(), np.zeros(60, int)):
        predictions, _, losses = fitted(set_of(train, labels, weights, groups), train, schema)
        assert np.isfinite([*losses.values()]).all()
        for p in predictions.values():
            assert np.isfinite(p).all()
            assert (np.abs(p[:, -1] - 0.5) <= 0.5).all()


# A user's own

HELPERS = "tests.helpers.own_baselines"


def own_of(
    train_set: Examples, evaluated: np.ndarray, schema: Schema | None = None, **own: Any
) -> dict[str, np.ndarray]:
    """The predictions of own baselines."""
    options = EvaluationOptions.model_validate({"baselines": own})
    schema = schema or schema_of()
    predictions, *_ = fit_baselines(train_set, evaluated, schema, TrainingOptions(), options)
    return {name: predictions[name] for name in own if name in predictions}


def test_a_frame_has_codes_for_unknown_and_missing_categories_and_names_that_libraries_take() -> (
    None
):
    names = ["a", "b, less c", "b_less c", 'd {"e": [1]}']
    update = {"features": names, "categories": {"a": ["x", "y"]}, "origin": {"b_less c": 1e9}}
    schema = schema_of().model_copy(update=update)
    rows = np.array([[0, 1, 2, 3], [1, NAN, 0.5, 4], [2, 1, 2, 3], [NAN, 1, 2, NAN]], np.float32)
    frame = as_frame(rows, schema)
    assert [*frame] == ["a_0", "b_less c_1", "b_less c_2", "d _e__1__3"]
    assert frame["a_0"].tolist() == [0, 1, 2, 3]
    assert frame["b_less c_2"].tolist() == [1e9 + 2, 1e9 + 0.5, 1e9 + 2, 1e9 + 2]
    assert [str(dtype) for dtype in frame.dtypes] == ["int64", *["float64"] * 3]
    assert frame.isna().sum().tolist() == [0, 1, 0, 1]
    alone = schema.model_copy(update={"features": ["a", "b, less c", "c", "d"]})
    assert [*as_frame(rows, alone)] == ["a", "b_less c", "c", "d"]


@pytest.mark.parametrize(
    ("path", "options"),
    [
        (
            "catboost.CatBoostClassifier",
            {"iterations": 5, "logging_level": "Silent", "random_seed": 1},
        ),
        ("lightgbm.LGBMClassifier", {"n_estimators": 5, "verbosity": -1, "num_threads": 2}),
        ("sklearn.svm.SVC", {}),
        (f"{HELPERS}.filled", {"max_iter": 50}),
    ],
)
def test_an_own_baseline_gets_what_conf_says(
    path: str, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A library refuses an argument under two of its names; SVC has no probabilities."""
    train, labels = letters(200)
    train_set = set_of(train, labels, pd.Series(np.tile([1.0, 3.0], 100), index=labels.index))
    schema = schema_of(categories={"a": 4})
    predicted = own_of(train_set, train[:50], schema, mine={"class": path, **options})
    if path.endswith("SVC"):
        assert "mine (sklearn.svm.SVC) is left out: TypeError: expected a classifier" in caplog.text
        return
    assert "left out" not in caplog.text
    assert np.ptp(predicted["mine"][:, 1]) > 0.01


@pytest.mark.parametrize("path", ["catboost.CatBoostClassifier", "lightgbm.LGBMClassifier"])
def test_a_library_prints_nothing(path: str, capfd: pytest.CaptureFixture[str]) -> None:
    train, labels = letters(200)
    own = {"class": path, "n_estimators": 5}
    assert own_of(set_of(train, labels), train[:50], schema_of(categories={"a": 4}), mine=own)
    assert capfd.readouterr() == ("", "")


def test_the_seed_of_conf_and_the_weights_reach_an_own_baseline() -> None:
    train, labels = letters(200)
    weights = pd.Series(np.tile([1.0, 3.0], 100), index=labels.index)
    path = f"{HELPERS}.Recorder"
    for counts, told in ((weights, {"random_state": 7}), (None, {"word": "a"})):
        Recorder.seen.clear()
        own_of(set_of(train, labels, counts), train[:50], mine={"class": path, **told})
        for fold in Recorder.seen:
            assert fold["seed"] == told.get("random_state", 0)
            assert fold["word"] == told.get("word", "")
            assert fold["cat_features"] == []
            if counts is None:
                assert fold["weights"] is None
            else:
                assert {*fold["weights"]} == {0.5, 1.5}


def test_weights_reach_the_last_step_of_an_own_pipeline() -> None:
    train, labels = letters(200)
    weights = pd.Series(np.where(labels == 1, 9.0, 1.0), index=labels.index)
    given = {"mine": f"{HELPERS}.filled"}
    plain, weighted = (
        own_of(set_of(train, labels, counts), train[:50], **given)["mine"]
        for counts in (None, weights)
    )
    assert weighted[:, 1].mean() > plain[:, 1].mean() + 0.2


def test_an_own_baseline_of_a_number_learns_it_in_its_own_unit() -> None:
    labels = np.random.default_rng(0).poisson(3, 390)
    update = {"target": Target(mean=3.1, deviation=1.7)}
    schema = schema_of().model_copy(
        update={"positive_class": None, "negative_class": None, **update}
    )
    sequences, _ = rows_of(390)
    train_set = set_of(sequences[90:], pd.Series(labels[90:].astype(float)))
    poisson = "sklearn.linear_model.PoissonRegressor"
    own = {"counts": f"{HELPERS}.Counts", "poisson": poisson}
    predicted = own_of(train_set, sequences[:90], schema, **own)
    for name in own:
        middle, lower, upper = predicted[name].T
        assert middle.mean() == pytest.approx(3, abs=0.3)
        assert (lower < middle).all()
        assert (middle < upper).all()


def test_an_own_baseline_of_classes_has_no_probability_of_a_class_without_rows() -> None:
    labels = np.array([0, 1, 3, 1] * 100)[:390]
    classes = ("a", "b", "c", "d")
    update = {"positive_class": None, "negative_class": None, "classes": classes}
    schema = schema_of().model_copy(update=update)
    sequences, _ = rows_of(390)
    train_set = set_of(sequences[90:], pd.Series(labels[90:]))
    forest = {"class": "sklearn.ensemble.RandomForestClassifier", "n_estimators": 10}
    p = own_of(train_set, sequences[:90], schema, forest=forest)["forest"]
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert not p[:, 2].any()
