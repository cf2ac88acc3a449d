"""The evaluation nodes: which rows judge, the numbers, the importances and the figures."""

import json
import logging
from typing import Any
from xml.etree import ElementTree

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tabular_lstm.errors import DataError
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.drawing import TITLES
from tabular_lstm.judging.importance import Importance, Lost
from tabular_lstm.judging.metrics import CANDIDATE, Baselines
from tabular_lstm.network import fit
from tabular_lstm.parameters import Columns, Evaluation, Network, Training
from tabular_lstm.pipelines.evaluation.nodes import (
    assemble_metrics,
    choose_evaluated_set,
    draw_figures,
    evaluate,
    measure_importance,
    predict_with_candidate,
)
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.fingerprints import Fingerprints, keys_of, together_of
from tabular_lstm.rows.labelled_set import EvaluatedSet, LabelledSet
from tabular_lstm.rows.schema import HistoryLayout
from tests.helpers import networks
from tests.helpers.judged import BASELINES, predictions_of, rows_of, schema_of, set_of
from tests.helpers.outputs import FIGURES, JUDGED

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
THRESHOLDS = dict(zip(BASELINES, (0.5, 0.4, 0.6), strict=True))
COLUMNS = Columns(label="state", positive_class="sick", negative_class="well")
HISTORY = {"loss": [0.7, 0.6, 0.65], "best_epoch": 2, "decision_threshold": 0.45}

Rows = tuple[np.ndarray, pd.Series]


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


def frame_of(rows: Rows, first: str, ward: str) -> pd.DataFrame:
    """Rows with keys that begin so, and a group."""
    places = [f"{first}{place}" for place in range(len(rows[1]))]
    return pd.DataFrame({"id": places, "ward": ward}, rows[1].index, dtype="str")


def predicted(
    train: Rows,
    evaluated: EvaluatedSet,
    columns: Columns = COLUMNS,
    trained_on: str | None = None,
    keys: tuple[str, str] = ("A", "B"),
    wards: tuple[str, str] = ("1", "2"),
    learned: str | None = fit.fingerprint(candidate_of([0, 0, 3, 0])),
) -> pd.DataFrame:
    """Predict with a candidate that was trained on the train rows, unless others are named."""
    train_set = set_of(*train)
    train_rows = frame_of(train, keys[0], wards[0])
    known = keys_of(train_rows, columns), together_of(train_rows, columns)
    return predict_with_candidate(
        candidate_of([0, 0, 3, 0]),
        {"trained_on": trained_on or train_set.fingerprint, "learned": learned},
        Fingerprints.of_rows(train[0], *known),
        train_set,
        evaluated,
        frame_of((evaluated.sequences, evaluated.labels), keys[1], wards[1]),
        columns,
    )


def test_a_candidate_of_other_train_rows_or_weights_is_not_judged() -> None:
    train, labels = rows_of(9)
    weights = pd.Series(np.arange(1.0, 10), labels.index)
    others = [
        set_of(train[1:], labels.iloc[1:]),
        set_of(train, 1 - labels),
        set_of(train[:, ::-1], labels),
        set_of(train, labels, weights),
    ]
    for other in others:
        with pytest.raises(DataError, match="trained on other rows"):
            predicted((train, labels), set_of(*rows_of(6, seed=1)), trained_on=other.fingerprint)


def test_a_candidate_is_judged_with_its_own_history_alone() -> None:
    train, test = rows_of(9), set_of(*rows_of(6, seed=1))
    with pytest.raises(DataError, match="candidate: the history belongs to another network"):
        predicted(train, test, learned=fit.fingerprint(candidate_of([0, 3, 0, 0])))
    with pytest.raises(DataError, match="or of an earlier version"):
        predicted(train, test, learned=None)


def test_no_row_key_or_group_that_the_candidate_was_trained_on_judges() -> None:
    """Which a row's side rules out; here the sides are forged."""
    train, (test, labels) = rows_of(9), rows_of(6, seed=1)
    keyed = COLUMNS.model_copy(update={"key": "id"})
    grouped = keyed.model_copy(update={"group": "ward"})
    test[2], test[4] = train[0][7], train[0][0]
    known = f"rows {labels.index[2]}, {labels.index[4]}: the newest candidate was trained on"
    with pytest.raises(DataError, match=f"Test {known} rows of the same features"):
        predicted(train, set_of(test, labels))
    # With keys, rows may look alike.
    assert len(predicted(train, set_of(test, labels), keyed)) == 6
    with pytest.raises(DataError, match="trained on rows of the same id; expected"):
        predicted(train, set_of(test, labels), keyed, keys=("A", "A"))
    assert len(predicted(train, set_of(test, labels), grouped)) == 6
    with pytest.raises(DataError, match="trained on rows of the same id or ward; expected"):
        predicted(train, set_of(test, labels), grouped, wards=("1", "1"))


def test_train_rows_judge_with_a_warning_where_nothing_was_held_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    train_set, test_set = (LabelledSet(*rows_of(count)) for count in (9, 0))
    chosen = choose_evaluated_set(train_set, test_set)
    assert vars(chosen) == {**vars(train_set), "side": "train"}
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "test_fraction is 0" in warning.message


def test_rows_are_judged_by_the_weights_beside_their_predictions() -> None:
    train, (test, labels) = rows_of(9), rows_of(60, seed=1)
    weights = pd.Series(np.random.default_rng(0).uniform(1, 5, 60), labels.index)
    alike = predicted(train, set_of(test, labels))
    assert list(alike) == ["row", "label", CANDIDATE]
    assert list(alike["row"]) == list(labels.index)
    expected = 1 / (1 + np.exp(-3 * test[:, 1, 0].astype(np.float64)))
    np.testing.assert_allclose(alike[CANDIDATE], expected, rtol=1e-5)
    weighted_set = set_of(test, labels, weights)
    weighted = predicted(train, weighted_set)
    assert list(weighted) == ["row", "label", "weight", CANDIDATE]
    np.testing.assert_allclose(weighted["weight"], weights / weights.mean(), rtol=1e-6)

    flat = Baselines(thresholds={"majority_class": 0.5}, predictions={"majority_class": [0.4] * 60})
    of_models = weighted, {"decision_threshold": 0.5}, flat
    judged = evaluate(*of_models, weighted_set, schema_of(), Training(), EVALUATION)
    p = weighted[CANDIDATE].to_numpy()
    expected = roc_auc_score(labels, p, sample_weight=weights)
    assert judged.metrics[CANDIDATE].roc_auc == pytest.approx(expected, rel=1e-5)
    assert expected != pytest.approx(roc_auc_score(labels, p), rel=1e-3)


# Numbers


def judged_at(
    threshold: float = 0.45,
    thresholds: dict[str, float] = THRESHOLDS,
    groups: np.ndarray | None = None,
    side: str = "test",
    **baselines: np.ndarray,
) -> Judged:
    """Judge the models of `predictions_of`, deciding at these thresholds."""
    candidate, others = predictions_of()
    history = {**HISTORY, "decision_threshold": threshold}
    judging = set_of(np.empty((90, 0)), candidate["label"], None, groups, side)
    predictions = others.assign(**baselines).to_dict("list")
    given = Baselines(thresholds=thresholds, predictions=predictions)
    return evaluate(candidate, history, given, judging, schema_of(), Training(), EVALUATION)


def metrics_of(judged: Judged | None = None) -> dict[str, Any]:
    return assemble_metrics(
        "2026-01-01",
        SUMMARY,
        candidate_of([1, 1, 1, 1]),
        HISTORY,
        Network(),
        judged or judged_at(),
        *[set_of(*rows_of(9))] * 2,
        EVALUATION,
    )


def test_metrics_have_every_promised_number() -> None:
    metrics = metrics_of()
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert metrics["run_id"] == "2026-01-01"
    assert metrics["evaluated_on"] == "test"
    assert metrics["data"]["train_rows"] == 311
    assert metrics["network"] == {
        "kind": "ensemble",
        "parameters": 5,
        "epochs": 3,
        "best_epoch": 2,
        "asked_for": "",
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


# Importance


@pytest.mark.parametrize("importance_rows", [2, 1000])
def test_importance_takes_rows_of_both_classes_from_sorted_data(importance_rows: int) -> None:
    sequences, labels = rows_of(90)
    order = np.argsort(labels.to_numpy(), kind="stable")
    sorted_set = set_of(sequences[order], labels.iloc[order])
    measured = measure_importance(
        candidate_of([0, 0, 3, 0]),
        sorted_set,
        Judged(sorted_set.labels.to_numpy()),
        schema_of(4),
        EVALUATION.model_copy(update={"importance_rows": importance_rows}),
    )
    assert set(measured.features) == {"a", "b", "c", "d"}
    for feature in "abd":
        assert measured.features[feature] == Lost(mean=0.0, std=0.0)
    if importance_rows > 2:
        assert next(iter(measured.features)) == "c"
        assert measured.features["c"].mean > 0.15


@pytest.mark.parametrize(
    ("affordable", "rows", "shuffles"),
    [(10 * 60 * 2, 60, 2), (10 * 60 * 2 - 1, 60, 1), (10 * 20, 20, 1), (1, 2, 1)],
)
def test_importance_of_many_features_takes_fewer_shuffles_then_fewer_rows(
    affordable: int,
    rows: int,
    shuffles: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fit, "CHANGES", affordable)
    schema = networks.schema_of(10)
    evaluated = set_of(networks.sequences_of(schema, rows=60), pd.Series(np.arange(60) % 2))
    judged = Judged(evaluated.labels.to_numpy())
    measured = measure_importance(
        networks.ensemble_of(schema), evaluated, judged, schema, EVALUATION
    )
    assert (measured.rows, measured.shuffles) == (rows, shuffles)


@pytest.mark.parametrize(
    ("affordable", "rows", "shuffles"), [(4 * 150 * 2, 60, 2), (4 * 150, 60, 1), (4 * 50, 20, 1)]
)
def test_importance_of_longer_histories_takes_fewer_shuffles_then_fewer_rows(
    affordable: int, rows: int, shuffles: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the rows of a history is changed: of these sixty histories 150, of four features."""
    monkeypatch.setattr(fit, "CHANGES", affordable)
    layout = HistoryLayout(of="who", order="day", steps=9, dates=False, gap="f3")
    schema = networks.schema_of(4, 4).model_copy(update={"history": layout})
    own, table = np.arange(60), networks.sequences_of(schema, rows=60)[:, 0]
    histories = networks.histories_at(table, own // 4 * 4, own, layout.steps)
    evaluated = EvaluatedSet(histories, pd.Series(own % 2))
    measured = measure_importance(
        networks.ensemble_of(schema), evaluated, Judged(own % 2), schema, EVALUATION
    )
    assert (measured.rows, measured.shuffles) == (rows, shuffles)


# Figures


@pytest.mark.parametrize("side", ["test", "train"])
def test_each_figure_has_its_title_and_tells_of_which_rows(side: str) -> None:
    history = {"loss": [0.7, 0.6], "validation_loss": [0.65, 0.66], "best_epoch": 1}
    lost = {"c": Lost(mean=0.2, std=0.01), "a": Lost(mean=0.0, std=0.0)}
    importance = Importance(rows=90, shuffles=2, features=lost)
    drawn = draw_figures(history, judged_at(side=side), importance)
    assert list(drawn) == FIGURES
    for name in drawn:
        title = TITLES[name]
        of_rows = "" if name == "learning_curves" else f", 90 {side} rows"
        said = [element.text for element in ElementTree.fromstring(drawn[name]).iter()]
        assert f"{title}{of_rows}" in said
    area = judged_at().metrics["candidate"].roc_auc
    assert f"candidate, AUC {area:.3f}" in drawn["roc_curve"]
    for name in ("confusion_matrix", "score_distribution"):
        assert "well" in drawn[name]
        assert "sick" in drawn[name]
