"""The evaluation nodes: which rows judge, the numbers, the importances and the figures."""

import json
import logging
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tabular_lstm.errors import DataError
from tabular_lstm.judging.baselines import CANDIDATE
from tabular_lstm.judging.comparison import Evaluation, by_segment, sentences_of
from tabular_lstm.judging.drawing import TITLES
from tabular_lstm.judging.importance import Dependence, Importance, Lost
from tabular_lstm.judging.model_metrics import Baselines
from tabular_lstm.network import fit
from tabular_lstm.network.own_network import OwnNetwork, Settings
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.parameters.hyperparameters import (
    EvaluationOptions,
    NetworkOptions,
)
from tabular_lstm.pipelines.evaluation.nodes import (
    assemble_metrics,
    draw_figures,
    evaluate,
    measure_importance,
    predict_with_candidate,
)
from tabular_lstm.pipelines.reshaping.nodes import reshape_test_rows
from tabular_lstm.rows.examples import Examples, JudgingRows
from tabular_lstm.rows.fingerprints import Fingerprints, keys_of, together_of
from tabular_lstm.rows.schema import HistoryLayout
from tests.helpers import networks
from tests.helpers.decisions import DATA, PROVENANCE
from tests.helpers.judged import BASELINES, predictions_of, rows_of, set_of
from tests.helpers.outputs import FIGURES, JUDGED

EVALUATION = EvaluationOptions(bootstrap_resamples=100, importance_repeats=2)
COLUMNS = ColumnsOptions(label="state", positive_class="sick", negative_class="well")
LOSSES = {"loss": [0.7, 0.6, 0.65], "best_epoch": 2, "decision_threshold": 0.45, "parameters": 5}
Rows = tuple[np.ndarray, pd.Series]


def candidate_of(weights: list[float]) -> OwnNetwork:
    """A network that weighs and adds up its four slots."""
    sequence = keras.Input((2, 2))
    network = keras.Model(sequence, keras.layers.Dense(1)(keras.layers.Flatten()(sequence)))
    network.set_weights([np.array(weights, np.float32)[:, None], np.zeros(1, np.float32)])
    options = NetworkOptions(kind="keras", build="churn.networks.build")
    settings = Settings(schema=set_of(*rows_of(2)).schema, options=options)
    return OwnNetwork.of(network, settings, "candidate.keras")


# Which rows judge


def predicted(
    train: Rows,
    evaluated: Examples,
    columns: ColumnsOptions = COLUMNS,
    keys: str = "AB",
    wards: str = "12",
    **training_log: Any,
) -> pd.DataFrame:
    """Predict with a candidate that was trained on the train rows, unless others are named."""
    candidate, train_set = candidate_of([0, 0, 3, 0]), set_of(*train)
    frames = [
        pd.DataFrame(
            {"id": [f"{key}{place}" for place in range(len(rows.labels))], "ward": ward},
            rows.labels.index,
            dtype="str",
        )
        for rows, key, ward in zip((train_set, evaluated), keys, wards, strict=True)
    ]
    trained_on, tested = ((keys_of(rows, columns), together_of(rows, columns)) for rows in frames)
    fingerprints = Fingerprints.of_rows(train[0], *trained_on)
    training_log = {"learned": fit.fingerprint_network(candidate), **training_log}
    training_log = {"trained_on": train_set.fingerprint, **training_log}
    test_set = replace(evaluated, keys=tested[0], together=tested[1])
    return predict_with_candidate(candidate, training_log, fingerprints, train_set, test_set)


def test_a_candidate_of_other_rows_weights_or_history_is_not_judged() -> None:
    train, labels = rows_of(9)
    test = set_of(*rows_of(6, seed=1))
    weights = pd.Series(np.arange(1.0, 10), labels.index)
    for trained_on in (
        set_of(train[1:], labels.iloc[1:]),
        set_of(train, 1 - labels),
        set_of(train[:, ::-1], labels),
        set_of(train, labels, weights),
    ):
        with pytest.raises(DataError, match="trained on rows, features or weights other than"):
            predicted((train, labels), test, trained_on=trained_on.fingerprint)
    another = fit.fingerprint_network(candidate_of([0, 3, 0, 0]))
    with pytest.raises(DataError, match="candidate: the training log belongs to another network"):
        predicted((train, labels), test, learned=another)
    with pytest.raises(DataError, match=r"expected unknown.*or from an earlier version"):
        predicted((train, labels), test, learned=None)


def test_no_row_key_or_group_that_the_candidate_was_trained_on_judges() -> None:
    """Which a row's side rules out; here the sides are forged."""
    train, (test, labels) = rows_of(9), rows_of(6, seed=1)
    keyed = COLUMNS.model_copy(update={"key": "id"})
    grouped = keyed.model_copy(update={"group": "ward"})
    test[2], test[4] = train[0][7], train[0][0]
    known = f"rows {labels.index[2]}, {labels.index[4]}: the newest candidate was trained on"
    with pytest.raises(DataError, match=f"Test {known} rows with the same features"):
        predicted(train, set_of(test, labels))
    # With keys, rows may look alike.
    assert len(predicted(train, set_of(test, labels), keyed)) == 6
    with pytest.raises(DataError, match="trained on rows with the same id; expected"):
        predicted(train, set_of(test, labels), keyed, keys="AA")
    assert len(predicted(train, set_of(test, labels), grouped)) == 6
    with pytest.raises(DataError, match="trained on rows with the same id or ward; expected"):
        predicted(train, set_of(test, labels), grouped, wards="11")


def test_train_rows_judge_with_a_warning_where_nothing_was_held_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    train_set, test_set = (set_of(*rows_of(count)) for count in (9, 0))
    chosen = reshape_test_rows(test_set, train_set)
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
    of_models = weighted, flat, {"decision_threshold": 0.5}, weighted_set
    judged = evaluate(*of_models, weighted_set, EVALUATION)
    p = weighted[CANDIDATE].to_numpy()
    expected = roc_auc_score(labels, p, sample_weight=weights)
    assert judged.metrics[CANDIDATE].roc_auc == pytest.approx(expected, rel=1e-5)
    assert expected != pytest.approx(roc_auc_score(labels, p), rel=1e-3)

    # Counts of rows are counts of those that judge, whatever these weigh.
    judges = np.arange(60) < 30
    some = replace(weighted_set, judging=JudgingRows("last rows", judges, judges))
    judged = evaluate(*of_models, some, EVALUATION)
    matrix = judged.metrics[CANDIDATE].confusion_matrix
    assert sum(matrix.model_dump().values()) == pytest.approx(30)
    assert judged.all_rows[0] == 60


# Numbers


def judged_at(side: str = "test", **own: np.ndarray) -> Evaluation:
    """Judge the models of `predictions_of`, and own baselines with these predictions."""
    candidate, baselines = predictions_of()
    baselines = baselines.assign(**own)
    judging = set_of(np.empty((90, 2, 2)), candidate["label"], side=side)
    thresholds = dict(zip(BASELINES, (0.5, 0.4, 0.6), strict=True))
    losses = dict(zip(BASELINES, (0.6, 0.5, 0.4), strict=True))
    thresholds |= dict.fromkeys(own, 0.5)
    models = Baselines(thresholds=thresholds, losses=losses, predictions=baselines.to_dict("list"))
    return evaluate(candidate, models, LOSSES, judging, judging, EVALUATION)


def test_each_value_of_a_segment_has_the_metrics_of_its_rows() -> None:
    judged = judged_at()
    p, labels = judged.predictions[CANDIDATE][:, 1], judged.labels
    region = pd.Series(np.where(np.arange(90) < 50, "north", "south"))
    region[85:], arm = None, pd.Series([1.0] * 87 + [2.0] * 3)
    north, south, missing, one, two = by_segment(
        judged, pd.DataFrame({"region": region, "arm": arm}), EVALUATION
    )
    names = [(part.column, part.value, part.evaluated_rows) for part in (north, south, missing)]
    assert names == [("region", "north", 50), ("region", "south", 35), ("region", "(missing)", 5)]
    assert (one.value, one.evaluated_rows, two.value, two.metrics) == ("1", 87, "2", None)
    for part, rows in ((north, slice(0, 50)), (south, slice(50, 85))):
        assert part.metrics is not None
        assert part.metrics.roc_auc == pytest.approx(roc_auc_score(labels[rows], p[rows]))
        low, high = part.metrics.interval["roc_auc"]
        assert low < part.metrics.roc_auc < high
    assert missing.metrics is None


def test_of_many_values_the_commonest_twenty_are_segments_and_all_others_are_one() -> None:
    judged, rows = judged_at(), np.arange(90)
    towns = pd.DataFrame(
        {
            "twenty": rows % 20,
            "many": np.where(rows < 54, rows % 18, rows + 100).astype(str),  # 18 have three rows
        }
    )
    towns.loc[89, "many"] = "(34 other values)"  # a cell may be so
    segments = by_segment(judged, towns, EVALUATION)
    assert [segment.column for segment in segments] == ["twenty"] * 20 + ["many"] * 21
    named, others = segments[20:40], segments[40]
    expected = [*sorted(map(str, range(18))), "(34 other values)", "154"]
    assert [segment.value for segment in named] == expected
    assert all("other_values" not in segment.model_dump() for segment in segments[:40])
    assert (others.value, others.other_values, others.evaluated_rows) == (
        "(34 other values)",
        34,
        34,
    )
    p, labels = judged.predictions[CANDIDATE][55:89, 1], judged.labels[55:89]
    assert others.metrics is not None
    assert others.metrics.roc_auc == pytest.approx(roc_auc_score(labels, p))


def test_the_best_baseline_is_the_best_out_of_fold_not_on_test_rows() -> None:
    judged = judged_at()
    assert judged.best_baseline == "hist_gradient_boosting"
    losses = {name: judged.metrics[name].log_loss for name in BASELINES}  # type: ignore[union-attr]
    assert min(losses, key=losses.__getitem__) == "logistic_regression"


@pytest.mark.parametrize(("skill", "better"), [(0.95, ["sure"]), (0.3, [])])
def test_a_baseline_that_is_shown_to_be_better_is_named(skill: float, better: list[str]) -> None:
    """By the rule by which the verdict says that the candidate loses to it."""
    labels = (np.arange(90) % 3 == 0).astype(float)
    noise = np.random.default_rng(1).normal(0, 0.2, 90)
    own = {
        "sure": np.clip(0.01 + skill * labels, 0.01, 0.99),
        "less so": np.clip(0.2 + 0.6 * labels + noise, 0.01, 0.99),
    }
    if not better:  # as the candidate
        own = {name: np.clip(0.3 + 0.3 * labels + noise, 0.01, 0.99) for name in own}
    judged = judged_at(**own)
    sentences = sentences_of(judged, EVALUATION)
    lost = [name for name in own if any(f"loses to {name}:" in said for said in sentences)]
    assert ("sure" in lost) is bool(better)
    stronger = judged.stronger_baseline
    if stronger is None:
        assert not better
        assert not any("ahead of the candidate" in said for said in sentences)
        return
    # Of several it is the best one, and what is said is what is measured.
    assert [stronger.name] == better
    difference, _ = judged.minus(CANDIDATE, "sure", "roc_auc")
    assert (stronger.metric, stronger.lead) == ("roc_auc", -difference)
    low, high = judged.interval(CANDIDATE, "sure", "roc_auc")
    assert stronger.interval == (-high, -low)
    said = f"sure is ahead of the candidate by {-difference:.3f} [{-high:.3f}, {-low:.3f}] ROC AUC"
    assert sentences[0] == stronger.sentence == said
    # On rows that it was fitted on nothing is shown.
    assert judged_at("train", **own).stronger_baseline is None


def test_metrics_have_every_promised_number() -> None:
    metrics = assemble_metrics(DATA, LOSSES, NetworkOptions(), judged_at(), PROVENANCE)
    assert "by_segment" not in metrics
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert metrics["run_id"] == PROVENANCE.run_id
    assert metrics["evaluated_on"] == "test"
    assert metrics["data"]["test_rows"] == DATA.test_rows
    counts = {"parameters": 5, "epochs": 3, "best_epoch": 2}
    assert metrics["network"] == {"kind": "ensemble", "asked_for": "", "label_scale": "", **counts}
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
        Evaluation(sorted_set.labels.to_numpy()),
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
    affordable: int, rows: int, shuffles: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "CHANGES", affordable)
    schema = networks.schema_of(10)
    labels = pd.Series(np.arange(60) % 2)
    evaluated = set_of(networks.sequences_of(schema, rows=60), labels, schema=schema)
    judged, network = Evaluation(labels.to_numpy()), networks.ensemble_of(schema)
    measured = measure_importance(network, evaluated, judged, EVALUATION)
    assert (measured.rows, measured.shuffles) == (rows, shuffles)

    # Each of the rows of a history is changed: of these sixty histories 150, of four features.
    monkeypatch.setattr(fit, "CHANGES", 4 * 50)
    layout = HistoryLayout(
        of="who", order="day", steps=9, dates=False, gap="f3", labels=("f2",), known_after=1
    )
    schema = networks.schema_of(4, 4).model_copy(update={"history": layout})
    last, table = np.arange(60), networks.sequences_of(schema, rows=60)[:, 0]
    histories = networks.histories_at(table, last // 4 * 4, last, layout.steps)
    network = networks.ensemble_of(schema)
    evaluated = Examples(histories, labels, schema=schema)
    measured = measure_importance(network, evaluated, judged, EVALUATION)
    assert (measured.rows, measured.shuffles) == (20, 1)
    # No row has its own label, so no curve says what the prediction would be with another one.
    assert measured.dependence.keys() == measured.features.keys() - {"f2"}


# Figures


def test_each_figure_has_its_title_and_tells_of_which_rows() -> None:
    losses = {"loss": [0.7, 0.6], "validation_loss": [0.65, 0.66], "best_epoch": 1}
    lost = {"c": Lost(mean=0.2, std=0.01), "a": Lost(mean=0.0, std=0.0)}
    curve = Dependence(values=["x", "y"], mean=[0.2, 0.3], low=[0.1, 0.2], high=[0.4, 0.4])
    importance = Importance(rows=90, shuffles=2, features=lost, dependence={"c": curve})
    drawn = draw_figures(losses, judged_at("train"), importance)
    assert list(drawn) == FIGURES
    for name in drawn:
        title = TITLES[name]
        of_rows = ", 90 train rows" * (name not in ("learning_curves", "partial_dependence"))
        said = [element.text for element in ElementTree.fromstring(drawn[name]).iter()]
        assert f"{title}{of_rows}" in said
    area = judged_at().metrics["candidate"].roc_auc
    assert f"candidate, AUC {area:.3f}" in drawn["roc_curve"]
    assert "well" in drawn["confusion_matrix"]
    assert "sick" in drawn["confusion_matrix"]
