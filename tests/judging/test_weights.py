"""A row of weight 2 is judged as two rows, one of weight 0 as none."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from tabular_lstm.judging import gate, metrics
from tabular_lstm.judging.baselines import predict_with_baselines
from tabular_lstm.judging.changes import check_data, check_drift
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.gate import Champion
from tabular_lstm.judging.metrics import CANDIDATE, calibration_bins, point_metrics
from tabular_lstm.parameters import Evaluation, Promotion, Training, Validation
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.labelled_set import scaled
from tests.helpers.judged import rows_of, schema_of, set_of

DATA = DataSummary(
    rows=400,
    train_rows=300,
    test_rows=100,
    quarantined_rows=0,
    superseded_rows=0,
    sha256="ab" * 32,
    file="rows.csv",
    valid_rows=400,
    features=["a"],
    label_share=0.5,
    test_rows_sha256="cd" * 32,
    split={},
)
RESAMPLED = Evaluation(bootstrap_resamples=200)
# Label, probability (with ties) and weight of each row.
rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(1, 9), st.integers(0, 3)), min_size=4, max_size=30
).filter(lambda given: {label for label, _, weight in given if weight} == {0, 1})


def arrays(given: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels, tenths, counts = np.array(given).T
    return labels, tenths / 10, counts


def noisy(count: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels, the probabilities of two models that say something about them, and weights."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=count)
    one, other = (
        np.clip(0.3 + skill * labels + rng.normal(0, 0.25, count), 0.01, 0.99)
        for skill in (0.4, 0.2)
    )
    return labels, one, other, rng.uniform(0.2, 3, count)


def numbers(measured: metrics.Metrics) -> list[float]:
    matrix = measured.confusion_matrix.model_dump()
    points = measured.model_dump(exclude={"confusion_matrix", "interval"})
    return [np.nan if value is None else value for value in (*points.values(), *matrix.values())]


# Metrics


@settings(max_examples=30, deadline=None)
@given(rows)
def test_each_metric_takes_a_weight_for_so_many_rows(given: list[tuple[int, int, int]]) -> None:
    labels, probabilities, counts = arrays(given)
    weighted = point_metrics(labels, probabilities, 0.5, weights=counts.astype(float))
    repeated = point_metrics(labels.repeat(counts), probabilities.repeat(counts), 0.5)
    np.testing.assert_allclose(numbers(weighted), numbers(repeated), rtol=1e-9, atol=1e-12)
    bins = calibration_bins(labels, probabilities, counts)
    expected = calibration_bins(labels.repeat(counts), probabilities.repeat(counts))
    np.testing.assert_allclose(bins, expected, atol=1e-12)


# The gate


def floor_of(weights: np.ndarray | None) -> Any:
    labels, one, other, _ = noisy()
    names = (CANDIDATE, "majority_class", "logistic_regression")
    models = dict(zip(names, (one, np.full(120, 0.5), other), strict=True))
    judged = Judged(labels, weights=weights).with_models(
        models, dict.fromkeys(names, 0.5), RESAMPLED
    )
    return gate.check_floor(judged, Promotion(min_test_rows_per_class=20))


def test_few_rows_with_all_the_weight_are_too_few() -> None:
    assert floor_of(None).passed
    check = floor_of(scaled(np.where(np.arange(120) < 20, 1e4, 1.0)))
    assert not check.enough_rows
    assert check.smaller_class_rows < 12
    assert "the effective number by their weights, too few to tell a good" in check.sentence


@pytest.mark.parametrize(
    ("now", "then", "said"),
    [
        ("w", None, "rows count by 'w', and counted all alike when the champion was judged"),
        ("v", "w", "rows count by 'v', and counted by 'w' when the champion was judged"),
        ("w", "w", ""),
    ],
)
def test_another_column_of_weights_is_told_and_makes_no_fall(
    now: str | None, then: str | None, said: str
) -> None:
    data, before = (DATA.model_copy(update={"weight": weight}) for weight in (now, then))
    labels, _, other, _ = noisy(400)
    higher = {"roc_auc": 0.99, "interval": {"roc_auc": (0.98, 1.0)}}
    was = point_metrics(labels, other, 0.5).model_copy(update=higher)
    champions = [Champion(run_id="b", sha256="of b", data=before, promoted_with=was)]
    judged = Judged(labels).with_models({"b": other}, {"b": 0.5}, RESAMPLED)
    drift = check_drift(judged, champions, Promotion(), data)
    checked = check_data(data, champions, Promotion(), Validation())
    assert checked.passed
    assert said in checked.sentence
    assert ("rows count" in checked.sentence) == bool(said)
    # What was measured by other weights has not fallen.
    assert drift.passed == bool(said)
    assert said in drift.sentence


# Baselines and importance


def test_the_baselines_count_rows_by_their_weights() -> None:
    sequences, labels = rows_of(90)
    evaluated, _ = rows_of(40, seed=1)
    weights = pd.Series(np.random.default_rng(2).uniform(0.1, 4, 90), index=labels.index)

    def fitted(by: pd.Series | None) -> tuple[pd.DataFrame, dict[str, float]]:
        train_set = set_of(sequences, labels, by)
        return predict_with_baselines(train_set, evaluated, schema_of(), Training(), RESAMPLED)

    predictions, _ = fitted(weights)

    share = np.average(labels, weights=weights)
    np.testing.assert_allclose(predictions["majority_class"], share, rtol=1e-6)
    scale = StandardScaler().fit(sequences.reshape(90, 4).astype(float))
    model = LogisticRegression(max_iter=1000).fit(
        scale.transform(sequences.reshape(90, 4).astype(float)), labels, scaled(weights)
    )
    expected = model.predict_proba(scale.transform(evaluated.reshape(40, 4).astype(float)))[:, 1]
    np.testing.assert_allclose(predictions["logistic_regression"], expected, atol=1e-4)
    without, _ = fitted(None)
    assert not np.allclose(
        predictions["hist_gradient_boosting"], without["hist_gradient_boosting"], atol=1e-3
    )
