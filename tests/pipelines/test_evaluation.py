"""The evaluation nodes: which rows judge, the baselines, the numbers, sentences and figures."""

import json
import logging
from typing import Any

import keras
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_info

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Costs, Evaluation, Network, Objective, Training
from tabular_lstm.pipelines.evaluation.nodes import (
    assemble_metrics,
    choose_evaluated_rows,
    compare_with_baselines,
    draw_figures,
    evaluate,
    measure_importance,
    predict_with_baselines,
    predict_with_candidate,
)
from tabular_lstm.pipelines.evaluation.pipeline import FIGURES
from tabular_lstm.rows.schema import Schema, fingerprint
from tabular_lstm.rows.summary import DataSummary
from tests.helpers.outputs import JUDGED

EVALUATION = Evaluation(bootstrap_resamples=100, importance_repeats=2)
SUMMARY = DataSummary(
    rows=400,
    train_rows=311,
    test_rows=77,
    quarantined_rows=10,
    superseded_rows=2,
    sha256="ab" * 32,
    file="rows.csv",
    valid_rows=388,
    features=["a"],
    label_share=0.5,
    test_rows_sha256="cd" * 32,
    split={},
)
BASELINES = ["majority_class", "logistic_regression", "hist_gradient_boosting"]
THRESHOLDS = dict(zip(BASELINES, (0.5, 0.4, 0.6), strict=True))
HISTORY = {"loss": [0.7, 0.6, 0.65], "best_epoch": 2, "decision_threshold": 0.45}
OBJECTIVES = {
    "accuracy": Objective(),
    "f1": Objective(kind="f1"),
    "costs": Objective(kind="costs", costs=Costs(false_positive=1, false_negative=5)),
}
NAN = float("nan")


def schema_of(features: int = 4, categories: dict[str, int] | None = None) -> dict[str, Any]:
    """A schema of up to four features, some with so many categories."""
    return Schema(
        features=["a", "b", "c", "d"][:features],
        steps=2,
        features_per_step=2,
        categories={
            name: [f"{place:03}" for place in range(count)]
            for name, count in (categories or {}).items()
        },
        missing={},
        mean=[0.0] * features,
        variance=[1.0] * features,
        label="state",
        positive_class="sick",
        negative_class="well",
    ).model_dump()


def rows_of(count: int, seed: int = 0) -> tuple[np.ndarray, pd.Series]:
    """Sequences whose third feature tells the classes apart, and labels under row numbers."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % 3 == 0).astype("int64")
    sequences = rng.normal(size=(count, 2, 2)).astype(np.float32)
    sequences[:, 1, 0] += 2 * labels
    index = pd.Index(rng.permutation(count) + 1, name="row")
    return sequences, pd.Series(labels, index=index, name="state")


def candidate_of(weights: list[float]) -> keras.Model:
    """A network that weighs and adds up its four slots."""
    network = keras.Sequential(
        [
            keras.Input((2, 2)),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    network.set_weights([np.array(weights, np.float32)[:, None], np.zeros(1, np.float32)])
    return network


# Which rows judge


def test_test_rows_judge_where_there_are_any() -> None:
    train, train_labels = rows_of(9)
    test, test_labels = rows_of(6, seed=1)
    sequences, labels, side = choose_evaluated_rows(train, train_labels, test, test_labels)
    assert side == "test"
    np.testing.assert_array_equal(sequences, test)
    pd.testing.assert_series_equal(labels, test_labels)


def test_train_rows_judge_with_a_warning_where_nothing_was_held_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    train, train_labels = rows_of(9)
    sequences, labels, side = choose_evaluated_rows(train, train_labels, *rows_of(0))
    assert side == "train"
    np.testing.assert_array_equal(sequences, train)
    pd.testing.assert_series_equal(labels, train_labels)
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "test_fraction is 0" in warning.message


@pytest.mark.parametrize("change", ["fewer rows", "other labels", "other slots", "other steps"])
def test_a_candidate_of_other_train_rows_is_not_judged(change: str) -> None:
    train, labels = rows_of(9)
    history = {"trained_on": fingerprint(train, labels.to_numpy())}
    now = {
        "fewer rows": (train[1:], labels.iloc[1:]),
        "other labels": (train, 1 - labels),
        "other slots": (train[:, ::-1], labels),
        "other steps": (train.reshape(len(train), 1, -1), labels),
    }
    with pytest.raises(DataError, match="trained on other rows"):
        predict_with_candidate(None, history, *now[change], *rows_of(6, seed=1))


# Predictions


def test_candidate_predictions_name_each_row() -> None:
    sequences, labels = rows_of(12)
    history = {"trained_on": fingerprint(sequences, labels.to_numpy())}
    predictions = predict_with_candidate(
        candidate_of([0, 0, 3, 0]), history, sequences, labels, sequences, labels
    )
    assert list(predictions) == ["row", "label", "network"]
    assert list(predictions["row"]) == list(labels.index)
    assert list(predictions["label"]) == list(labels)
    expected = 1 / (1 + np.exp(-3 * sequences[:, 1, 0].astype(np.float64)))
    np.testing.assert_allclose(predictions["network"], expected, rtol=1e-5)
    assert labels.name == "state"


def baselines_of(
    train: np.ndarray, labels: pd.Series, evaluated: np.ndarray, features: int = 4
) -> pd.DataFrame:
    predictions, _ = predict_with_baselines(
        train, labels, evaluated, schema_of(features), Training(), EVALUATION
    )
    return predictions


@pytest.fixture(scope="module")
def judged() -> pd.DataFrame:
    """The baselines' predictions of rows that they were not fitted on, with the rows' labels."""
    fresh, labels = rows_of(90, seed=1)
    return baselines_of(*rows_of(150), fresh).assign(label=labels.to_numpy())


def test_each_baseline_gives_a_column_of_probabilities(judged: pd.DataFrame) -> None:
    predictions = judged[BASELINES]
    assert list(judged) == [*BASELINES, "label"]
    assert len(predictions) == 90
    assert predictions.to_numpy().min() >= 0
    assert predictions.to_numpy().max() <= 1


def test_majority_class_predicts_the_train_rows_share_of_positives(judged: pd.DataFrame) -> None:
    np.testing.assert_allclose(judged["majority_class"], 50 / 150)


@pytest.mark.parametrize("name", BASELINES[1:])
def test_learned_baselines_rank_rows_they_were_not_fitted_on(
    name: str, judged: pd.DataFrame
) -> None:
    assert roc_auc_score(judged["label"], judged[name]) > 0.7


def test_baselines_take_missing_values() -> None:
    train, labels = rows_of(120)
    evaluated, _ = rows_of(30, seed=1)
    train[::4, 0, 1] = NAN
    evaluated[::2, 1, 0] = NAN
    evaluated[0] = NAN
    before = train.copy(), evaluated.copy()
    predictions = baselines_of(train, labels, evaluated)
    assert predictions.notna().all(axis=None)
    np.testing.assert_array_equal(train, before[0])
    np.testing.assert_array_equal(evaluated, before[1])


def test_baselines_do_not_wait_for_busy_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []
    fit = HistGradientBoostingClassifier.fit

    def counted(self: Any, *arguments: Any, **options: Any) -> Any:
        threads.append(max(pool["num_threads"] for pool in threadpool_info()))
        return fit(self, *arguments, **options)

    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", counted)
    train, labels = rows_of(60)
    baselines_of(train, labels, train)
    assert threads == [1] * 6


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


def test_baselines_take_as_few_rows_of_a_class_as_the_split_lets_through() -> None:
    train, labels = rows_of(60)
    few = labels.where(labels.cumsum().le(2), 0)
    predictions = baselines_of(train, few, train)
    assert few.sum() == 2
    np.testing.assert_allclose(predictions["majority_class"], 2 / 60)
    assert predictions.notna().all(axis=None)


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
    return predict_with_baselines(train, labels, evaluated, schema, Training(), EVALUATION)[0]


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


def test_gradient_boosting_splits_categories_as_categories() -> None:
    train, labels = letters(200, categories=20)
    evaluated, _ = letters(60, categories=20, seed=1)
    predicted = with_categories(train, labels, evaluated, {"a": 20})["hist_gradient_boosting"]

    def boosted(categorical: list[int]) -> np.ndarray:
        model = HistGradientBoostingClassifier(categorical_features=categorical, random_state=0)
        model.fit(train.reshape(-1, 4), labels)
        return model.predict_proba(evaluated.reshape(-1, 4))[:, 1]

    np.testing.assert_array_equal(predicted, boosted([0]))
    assert (predicted != boosted([])).any()


def test_an_unseen_category_gets_a_probability_and_is_no_known_one() -> None:
    train, labels = letters(200)
    evaluated, _ = letters(6, seed=1)
    evaluated[:] = evaluated[0]
    evaluated[:, 0, 0] = [0, 1, 2, 3, 4, NAN]
    predictions = with_categories(train, labels, evaluated, {"a": 4})
    assert predictions.notna().all(axis=None)
    known, unseen = np.split(predictions["logistic_regression"].to_numpy(), [4])
    assert (unseen > known[[0, 2]].max()).all()
    assert (unseen < known[[1, 3]].min()).all()


def test_a_missing_category_tells_what_it_told_in_the_train_rows() -> None:
    train, labels = letters(200)
    train[:60, 0, 0] = NAN
    labels.iloc[:60] = 1
    evaluated, _ = letters(3, seed=1)
    evaluated[:, 0, 0] = NAN
    predictions = with_categories(train, labels, evaluated, {"a": 4})
    assert (predictions[BASELINES[1:]] > 0.8).all(axis=None)


@pytest.mark.parametrize("count", [1, 254, 255, 256])
def test_baselines_take_any_number_of_categories(count: int) -> None:
    """Boosting takes at most 255 of them; of a feature with more it splits the places."""
    train, labels = letters(max(120, 2 * count), categories=count)
    evaluated, other = letters(max(120, 2 * count), categories=count, seed=1)
    evaluated[0, 0, 0], evaluated[1, 0, 0] = count, NAN
    predictions = with_categories(train, labels, evaluated, {"a": count})
    assert predictions.notna().all(axis=None)
    if count > 1:
        assert roc_auc_score(other[2:], predictions["logistic_regression"][2:]) > 0.8


def test_all_features_may_be_categories_and_one_of_them_without_any() -> None:
    sequences, labels = rows_of(120)
    sequences[:] = np.random.default_rng(0).integers(4, size=sequences.shape)
    sequences[::7, 0, 1] = NAN
    sequences[:, 1, 1] = NAN
    predictions = with_categories(sequences, labels, sequences, {"a": 4, "b": 4, "c": 4, "d": 0})
    assert predictions.notna().all(axis=None)


# The baselines' thresholds


def noisy_letters() -> tuple[np.ndarray, pd.Series]:
    """Rows with a category, missing numbers and labels that nothing tells for sure."""
    train, labels = letters(150)
    train[::8, 1, 0] = NAN
    labels = labels.mask(np.random.default_rng(1).random(150) < 0.25, 0)
    return train, labels


@pytest.fixture(scope="module")
def out_of_fold() -> dict[str, np.ndarray]:
    """What the baselines give for the rows of each fold, fitted on the others, put by hand."""
    train, labels = noisy_letters()
    slots, truth = train.reshape(-1, 4), labels.to_numpy()
    encoded = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), [0]), remainder=StandardScaler()
    )
    logistic = make_pipeline(encoded, LogisticRegression(max_iter=1000))
    boosting = HistGradientBoostingClassifier(categorical_features=[0], random_state=0)
    given = {name: np.empty(len(truth)) for name in BASELINES}
    for fitted, held_out in StratifiedKFold(5, shuffle=True, random_state=0).split(slots, truth):
        given["majority_class"][held_out] = truth[fitted].mean()
        filled = np.where(np.isnan(slots), np.nanmedian(slots[fitted], axis=0), slots)
        for name, model, rows in zip(
            BASELINES[1:], (logistic, boosting), (filled, slots), strict=True
        ):
            model.fit(rows[fitted], truth[fitted])
            given[name][held_out] = model.predict_proba(rows[held_out])[:, 1]
    return given


def worth(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float, objective: Objective
) -> float:
    """Measure what a threshold is worth to the objective, the more the better."""
    called = probabilities >= threshold
    hits = np.sum(called & (labels == 1))
    false_positives, misses = np.sum(called & (labels == 0)), np.sum(~called & (labels == 1))
    if objective.kind == "f1":
        return float(2 * hits / (2 * hits + false_positives + misses))
    costs = objective.costs
    return -float(costs.false_positive * false_positives + costs.false_negative * misses)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_each_baselines_threshold_serves_the_objective_best_out_of_fold(
    kind: str, out_of_fold: dict[str, np.ndarray]
) -> None:
    objective = OBJECTIVES[kind]
    train, labels = noisy_letters()
    _, thresholds = predict_with_baselines(
        train,
        labels,
        train[:1],
        schema_of(categories={"a": 4}),
        Training(objective=objective),
        EVALUATION,
    )
    assert list(thresholds) == BASELINES
    for name, probabilities in out_of_fold.items():
        served = [
            worth(labels.to_numpy(), probabilities, threshold, objective)
            for threshold in [thresholds[name], *probabilities, 1.1]
        ]
        assert served[0] == max(served), name
        assert type(thresholds[name]) is float


# Numbers


def predictions_of(count: int = 90) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The predictions of a fair network and of three baselines, as the nodes give them."""
    rng = np.random.default_rng(0)
    labels = (np.arange(count) % 3 == 0).astype("int64")

    def probabilities(skill: float) -> np.ndarray:
        return np.clip(0.3 + skill * labels + rng.normal(0, 0.2, count), 0.01, 0.99)

    candidate = pd.DataFrame(
        {"row": np.arange(1, count + 1), "label": labels, "network": probabilities(0.3)}
    )
    baselines = pd.DataFrame(
        {
            "majority_class": np.full(count, labels.mean()),
            "logistic_regression": probabilities(0.3),
            "hist_gradient_boosting": probabilities(0.1),
        }
    )
    return candidate, baselines


def plain_types(value: Any) -> set[type]:
    """The types of all values of a document."""
    if isinstance(value, dict):
        return {type(value)}.union(*(plain_types(v) for v in [*value, *value.values()]))
    if isinstance(value, list):
        return {type(value)}.union(*map(plain_types, value))
    return {type(value)}


def scores_on(
    side: str = "test", threshold: float = 0.45, thresholds: dict[str, float] = THRESHOLDS
) -> dict[str, Any]:
    """Judge the models of `predictions_of`, deciding at these thresholds."""
    candidate, baselines = predictions_of()
    history = {**HISTORY, "decision_threshold": threshold}
    return evaluate(candidate, history, baselines, thresholds, side, EVALUATION)


def metrics_of(side: str = "test") -> dict[str, Any]:
    scores = scores_on(side)
    candidate = candidate_of([1, 1, 1, 1])
    return assemble_metrics("2026-01-01", SUMMARY, candidate, HISTORY, Network(), scores)


def test_metrics_have_every_promised_number() -> None:
    metrics = metrics_of()
    assert metrics["run_id"] == "2026-01-01"
    assert metrics["evaluated_on"] == "test"
    assert set(metrics["data"]) >= {
        "rows",
        "train_rows",
        "test_rows",
        "quarantined_rows",
        "sha256",
    }
    assert metrics["network"] == {
        "kind": "ensemble",
        "parameters": 5,
        "epochs": 3,
        "best_epoch": 2,
    }
    assert set(metrics["test"]) == JUDGED
    assert set(metrics["baselines"]) == set(BASELINES)
    for judged in (metrics["test"], *metrics["baselines"].values()):
        assert set(judged) >= JUDGED
        assert set(judged["interval"]) == {"accuracy", "roc_auc", "log_loss"}
        assert sum(judged["confusion_matrix"].values()) == 90
        for metric, (low, high) in judged["interval"].items():
            assert low <= judged[metric] + 1e-12
            assert judged[metric] <= high + 1e-12


def test_metrics_are_plain_json() -> None:
    metrics = metrics_of()
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert plain_types(metrics) == {dict, list, str, int, float}


def test_metrics_of_train_rows_say_so() -> None:
    metrics = metrics_of("train")
    assert metrics["evaluated_on"] == "train"
    assert set(metrics["train"]) == JUDGED
    assert "test" not in metrics


def test_evaluating_twice_gives_the_same_bytes() -> None:
    assert json.dumps(metrics_of()) == json.dumps(metrics_of())


def test_baselines_are_judged_on_the_same_rows_and_resamples() -> None:
    candidate, baselines = predictions_of()
    twin = baselines.assign(logistic_regression=candidate["network"])
    thresholds = {**THRESHOLDS, "logistic_regression": HISTORY["decision_threshold"]}
    scores = evaluate(candidate, HISTORY, twin, thresholds, "test", EVALUATION)
    same = scores["baselines"]["logistic_regression"]
    differences = same.pop("network_minus_baseline")
    assert same == scores["test"]
    for difference in differences.values():
        assert difference == {"difference": 0.0, "interval": [0.0, 0.0]}


def test_differences_are_network_minus_baseline() -> None:
    scores = scores_on("test")
    for baseline in scores["baselines"].values():
        for metric, difference in baseline["network_minus_baseline"].items():
            expected = scores["test"][metric] - baseline[metric]
            low, high = difference["interval"]
            assert difference["difference"] == pytest.approx(expected)
            assert low <= difference["difference"] <= high


def test_each_model_is_judged_at_its_own_threshold() -> None:
    candidate, baselines = predictions_of()
    scores = scores_on(threshold=0.31, thresholds=THRESHOLDS)
    judged = {"network": scores["test"], **scores["baselines"]}
    probabilities = {"network": candidate["network"], **baselines}
    for name, threshold in {"network": 0.31, **THRESHOLDS}.items():
        called = probabilities[name] >= threshold
        matrix = judged[name]["confusion_matrix"]
        assert judged[name]["decision_threshold"] == threshold
        assert matrix["true_positives"] + matrix["false_positives"] == called.sum()
        assert judged[name]["accuracy"] == np.mean(called == candidate["label"])
        low, high = judged[name]["interval"]["accuracy"]
        assert low < judged[name]["accuracy"] < high


def test_thresholds_decide_nothing_but_the_rows_called_positive() -> None:
    one, other = scores_on(threshold=0.1)["test"], scores_on(threshold=0.9)["test"]
    differing = {name for name in one if one[name] != other[name]}
    assert differing == {"accuracy", "confusion_matrix", "decision_threshold", "interval"}
    for metric in ("roc_auc", "log_loss"):
        assert one["interval"][metric] == other["interval"][metric]


# Sentences


def scores_of(
    baseline_auc: dict[str, float],
    interval: list[float],
    network_auc: float = 0.8,
    side: str = "test",
) -> dict[str, Any]:
    """Scores with these ROC AUCs, and one interval for the differences of all baselines."""
    network = {
        "roc_auc": network_auc,
        "accuracy": 0.761,
        "log_loss": 0.512,
        "interval": {
            "roc_auc": [0.701, 0.872],
            "accuracy": [0.714, 0.803],
            "log_loss": [0.455, 0.566],
        },
    }
    baselines = {
        name: {
            "roc_auc": baseline_auc.get(name, 0.5),
            "accuracy": 0.652,
            "network_minus_baseline": {
                "roc_auc": {
                    "difference": network_auc - baseline_auc.get(name, 0.5),
                    "interval": interval,
                }
            },
        }
        for name in BASELINES
    }
    return {"evaluated_on": side, side: network, "baselines": baselines}


def sentences_of(scores: dict[str, Any]) -> list[str]:
    return compare_with_baselines(scores, SUMMARY)


def about(sentences: list[str], name: str) -> str:
    """The one sentence that compares the network with this baseline."""
    (found,) = [sentence for sentence in sentences if name in sentence]
    return found


@pytest.mark.parametrize(
    ("baseline", "interval", "verdict"),
    [
        (0.7, [0.001, 0.2], "beats logistic regression:"),
        (0.7, [-0.001, 0.2], "is ahead of logistic regression, within chance:"),
        (0.7, [0.0, 0.2], "is ahead of logistic regression, within chance:"),
        (0.9, [-0.2, 0.001], "is behind logistic regression, within chance:"),
        (0.9, [-0.2, 0.0], "is behind logistic regression, within chance:"),
        (0.9, [-0.2, -0.001], "loses to logistic regression:"),
    ],
)
def test_the_interval_decides_the_verdict(
    baseline: float, interval: list[float], verdict: str
) -> None:
    sentences = sentences_of(scores_of({"logistic_regression": baseline}, interval))
    assert f"The network {verdict}" in about(sentences, "logistic regression")


def test_an_equal_network_is_not_ahead() -> None:
    scores = scores_of({"majority_class": 0.5}, [0.0, 0.0], network_auc=0.5)
    sentence = about(sentences_of(scores), "majority class")
    for verdict in ("beats", "ahead", "behind", "loses"):
        assert verdict not in sentence


def test_sentences_hold_the_numbers() -> None:
    sentences = sentences_of(scores_of({"hist_gradient_boosting": 0.74}, [-0.034, 0.151]))
    sentence = about(sentences, "gradient boosting")
    for number in ("0.800 against 0.740", "+0.060", "[-0.034, +0.151]", "76.1 % against 65.2 %"):
        assert number in sentence
    summary = about(sentences, "77 test rows")
    for number in ("0.800", "[0.701, 0.872]", "76.1 %", "[71.4, 80.3]", "0.512", "[0.455, 0.566]"):
        assert number in summary


def test_each_baseline_has_a_sentence_after_the_summary() -> None:
    sentences = sentences_of(scores_of({}, [0.1, 0.3]))
    assert len(sentences) == 4
    assert "77 test rows" in sentences[0]
    for name in ("majority class", "logistic regression", "gradient boosting"):
        assert about(sentences[1:], name)


def test_train_rows_are_called_train_rows() -> None:
    assert "311 train rows" in sentences_of(scores_of({}, [0.1, 0.3], side="train"))[0]


@pytest.mark.parametrize(
    ("baseline_auc", "first"),
    [
        ({"logistic_regression": 0.801}, True),
        ({"logistic_regression": 0.9}, True),
        ({"logistic_regression": 0.8}, False),
        ({"logistic_regression": 0.799}, False),
        ({"logistic_regression": 0.7, "hist_gradient_boosting": 0.9}, False),
        ({"logistic_regression": 0.85, "hist_gradient_boosting": 0.9}, True),
    ],
)
def test_logistic_regression_is_named_first_exactly_when_it_wins(
    baseline_auc: dict[str, float], first: bool
) -> None:
    sentences = sentences_of(scores_of(baseline_auc, [-0.1, 0.1]))
    assert ("logistic regression" in sentences[0]) is first
    assert len(sentences) == 4


# Importance


def importance_of(
    sequences: np.ndarray, labels: pd.Series, features: int = 4, rows: int = 1000
) -> dict[str, dict[str, float]]:
    evaluation = EVALUATION.model_copy(update={"importance_rows": rows})
    candidate = candidate_of([0, 0, 3, 0])
    predictions = labels.rename("label").to_frame()
    return measure_importance(candidate, sequences, predictions, schema_of(features), evaluation)


@pytest.mark.parametrize("importance_rows", [2, 21, 1000])
def test_importance_takes_rows_of_both_classes_from_sorted_data(importance_rows: int) -> None:
    sequences, labels = rows_of(90)
    order = np.argsort(labels.to_numpy(), kind="stable")
    measured = importance_of(sequences[order], labels.iloc[order], rows=importance_rows)
    assert set(measured) == {"a", "b", "c", "d"}
    for feature in "abd":
        assert measured[feature] == {"mean": 0.0, "std": 0.0}
    if importance_rows > 2:
        assert next(iter(measured)) == "c"
        assert measured["c"]["mean"] > 0.15


def test_importance_takes_all_rows_of_a_small_class() -> None:
    sequences, labels = rows_of(90)
    few = np.concatenate([np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:3]])
    measured = importance_of(sequences[few], labels.iloc[few], rows=20)
    assert measured["c"]["mean"] > 0.1


def test_padded_slots_have_no_importance() -> None:
    assert set(importance_of(*rows_of(30), features=3)) == {"a", "b", "c"}


def test_importance_is_plain_json_and_the_same_each_time() -> None:
    measured = importance_of(*rows_of(30))
    assert json.loads(json.dumps(measured, allow_nan=False)) == measured
    assert measured == importance_of(*rows_of(30))


# Figures


@pytest.fixture(scope="module")
def drawn() -> dict[str, go.Figure]:
    """The figures by name, of rows that were held out, from an ensemble."""
    candidate, baselines = predictions_of()
    history = {"loss": [0.7, 0.6], "validation_loss": [0.65, 0.66], "best_epoch": 1}
    importance = {"c": {"mean": 0.2, "std": 0.01}, "a": {"mean": 0.0, "std": 0.0}}
    scores = scores_on("test")
    figures = draw_figures(history, candidate, baselines, scores, importance, schema_of())
    return dict(zip(FIGURES, figures, strict=True))


@pytest.mark.parametrize(
    ("name", "title"),
    {
        "learning_curves": "Learning curves",
        "roc_curve": "ROC",
        "precision_recall_curve": "Precision and recall",
        "calibration_curve": "Calibration",
        "confusion_matrix": "Confusion matrix",
        "importance_chart": "Permutation importance",
        "score_distribution": "Scores by class",
    }.items(),
)
def test_each_figure_has_its_name_and_can_be_saved(
    name: str, title: str, drawn: dict[str, go.Figure]
) -> None:
    figure = drawn[name]
    assert isinstance(figure, go.Figure)
    assert figure.layout.title.text.startswith(title)
    assert len(json.loads(figure.to_json())["data"]) == len(figure.data) > 0


def test_the_pipeline_names_seven_figures() -> None:
    assert len(FIGURES) == 7


@pytest.mark.parametrize("name", ["roc_curve", "precision_recall_curve", "calibration_curve"])
def test_curves_compare_the_network_with_every_baseline(
    name: str, drawn: dict[str, go.Figure]
) -> None:
    names = [trace.name.split(",")[0] for trace in drawn[name].data if trace.name != "perfect"]
    assert names == ["network", "majority class", "logistic regression", "gradient boosting"]


def test_roc_shows_the_area_of_the_metrics(drawn: dict[str, go.Figure]) -> None:
    area = scores_on("test")["test"]["roc_auc"]
    curve = drawn["roc_curve"].data[0]
    assert np.trapezoid(curve.y, curve.x) == pytest.approx(area)


def test_confusion_matrix_and_scores_are_the_networks(drawn: dict[str, go.Figure]) -> None:
    candidate, _ = predictions_of()
    counts = scores_on("test")["test"]["confusion_matrix"]
    (heatmap,) = drawn["confusion_matrix"].data
    assert [count for row in heatmap.z for count in row] == list(counts.values())
    assert list(heatmap.x) == list(heatmap.y) == ["class well", "class sick"]

    well, sick = drawn["score_distribution"].data
    assert (well.name, sick.name) == ("class well", "class sick")
    for bars, label in ((well, 0), (sick, 1)):
        probabilities = candidate.loc[candidate["label"] == label, "network"]
        below_half = np.sum(np.asarray(bars.y)[np.asarray(bars.x) < 0.5])
        assert below_half == pytest.approx(np.mean(probabilities < 0.5))
    (line,) = drawn["score_distribution"].layout.shapes
    assert line.x0 == line.x1 == HISTORY["decision_threshold"]


def test_figures_of_train_rows_without_held_out_rows() -> None:
    history = {"loss": [0.7, 0.6, 0.5], "best_epoch": 3}
    scores = scores_on("train")
    learning_curves, *others = draw_figures(history, *predictions_of(), scores, {}, schema_of())
    (curve,) = learning_curves.data
    assert list(curve.y) == [0.7, 0.6, 0.5]
    assert all(figure.layout.title.text.endswith(", 90 train rows") for figure in others)


def test_learning_curves_show_the_loss_on_held_out_rows(drawn: dict[str, go.Figure]) -> None:
    fitted, held_out = drawn["learning_curves"].data
    assert list(fitted.y) == [0.7, 0.6]
    assert list(held_out.y) == [0.65, 0.66]
