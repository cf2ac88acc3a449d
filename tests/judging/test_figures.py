"""Each figure holds the data that it claims to show."""

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
from sklearn import metrics as sk

from tabular_lstm.judging import figures
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.importance import Importance, Lost
from tabular_lstm.judging.metrics import ConfusionMatrix, point_metrics
from tabular_lstm.judging.names import MODELS
from tabular_lstm.parameters import Evaluation

LABELS = np.array([0, 0, 1, 1, 0, 1])
PREDICTIONS = {
    "candidate": np.array([0.1, 0.6, 0.4, 0.9, 0.3, 1.0]),
    "majority_class": np.full(6, 0.5),
    "logistic_regression": np.array([0.2, 0.3, 0.8, 0.7, 0.4, 0.6]),
    "hist_gradient_boosting": np.array([0.9, 0.1, 0.2, 0.8, 0.5, 0.5]),
}
JUDGED = Judged(LABELS).with_models(
    PREDICTIONS, dict.fromkeys(PREDICTIONS, 0.35), Evaluation(bootstrap_resamples=100)
)


def trace(figure: go.Figure, name: str) -> go.Scatter:
    """The one trace whose name starts so."""
    (found,) = [trace for trace in figure.data if trace.name.startswith(name)]
    return found


def test_learning_curves_show_both_losses_and_the_kept_epoch() -> None:
    history = {
        "loss": [0.7, 0.6, 0.5],
        "validation_loss": [0.65, 0.55, 0.6],
        "best_epoch": 2,
        "best_epochs": [3, 2, 2],
    }
    figure = figures.learning_curves(history)
    assert len(figure.data) == 2
    for name, losses in {
        "rows trained on, with dropout": "loss",
        "rows held out from each member": "validation_loss",
    }.items():
        assert list(trace(figure, name).x) == [1, 2, 3]
        assert list(trace(figure, name).y) == history[losses]
    (line,) = figure.layout.shapes
    assert line.x0 == line.x1 == 2
    assert figure.layout.annotations[0].text == "median epoch kept: 2"


def test_learning_curve_of_one_network_without_held_out_rows() -> None:
    figure = figures.learning_curves({"loss": [0.7, 0.6], "best_epoch": 2})
    (curve,) = figure.data
    assert list(curve.y) == [0.7, 0.6]
    assert figure.layout.shapes[0].x0 == 2
    assert figure.layout.annotations[0].text == "epoch kept: 2"


def test_roc_has_a_curve_of_every_model() -> None:
    figure = figures.roc_curve(JUDGED)
    assert len(figure.data) == 4
    for model, probabilities in PREDICTIONS.items():
        curve = trace(figure, MODELS[model])
        x, y = np.asarray(curve.x), np.asarray(curve.y)
        assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
        area = sk.roc_auc_score(LABELS, probabilities)
        assert np.trapezoid(y, x) == pytest.approx(area)
        assert f"AUC {area:.3f}" in curve.name


def test_precision_recall_has_a_curve_of_every_model() -> None:
    figure = figures.precision_recall_curve(JUDGED)
    assert len(figure.data) == 4
    for model, probabilities in PREDICTIONS.items():
        curve = trace(figure, MODELS[model])
        recall, precision = np.asarray(curve.x), np.asarray(curve.y)
        mean = sk.average_precision_score(LABELS, probabilities)
        assert -np.sum(np.diff(recall) * precision[:-1]) == pytest.approx(mean)
        assert f"average {mean:.3f}" in curve.name


def test_calibration_has_the_bins_of_every_model_beside_the_perfect_line() -> None:
    figure = figures.calibration_curve(JUDGED)
    assert len(figure.data) == 5
    perfect = trace(figure, "perfect")
    assert list(perfect.x) == list(perfect.y) == [0, 1]
    constant = trace(figure, MODELS["majority_class"])
    assert (list(constant.x), list(constant.y)) == ([0.5], [0.5])
    assert list(constant.text) == ["6 rows"]
    candidate = trace(figure, "candidate")
    # 0.9 and 1.0 share the last bin.
    assert list(candidate.x) == pytest.approx([0.1, 0.3, 0.4, 0.6, 0.95])
    assert list(candidate.y) == [0, 0, 1, 0, 1]
    assert list(candidate.text) == ["1 rows", "1 rows", "1 rows", "1 rows", "2 rows"]


def test_each_model_keeps_its_color() -> None:
    drawn = (
        figures.roc_curve(JUDGED),
        figures.precision_recall_curve(JUDGED),
        figures.calibration_curve(JUDGED),
    )
    for model in PREDICTIONS:
        for figure in drawn[:2]:
            assert trace(figure, MODELS[model]).line.color == figures.COLORS[model]
        assert trace(drawn[2], MODELS[model]).marker.color == figures.COLORS[model]
    assert figures.COLORS.keys() == MODELS.keys() == {*PREDICTIONS, "champion"}
    assert len(set(figures.COLORS.values())) == 5


def test_confusion_matrix_has_actual_classes_in_rows_and_predicted_in_columns() -> None:
    counts = ConfusionMatrix(
        true_negatives=50, false_positives=7, false_negatives=11, true_positives=32
    )
    metrics = JUDGED.metrics["candidate"].model_copy(update={"confusion_matrix": counts})
    judged = replace(JUDGED, metrics={"candidate": metrics})
    figure = figures.confusion_matrix(judged, {0: "well", 1: "sick"})
    (heatmap,) = figure.data
    cells = {
        (actual, predicted): heatmap.z[row][column]
        for row, actual in enumerate(heatmap.y)
        for column, predicted in enumerate(heatmap.x)
    }
    assert cells == {
        ("class well", "class well"): 50,
        ("class well", "class sick"): 7,
        ("class sick", "class well"): 11,
        ("class sick", "class sick"): 32,
    }
    assert [list(row) for row in heatmap.text] == [[50, 7], [11, 32]]
    assert figure.layout.xaxis.title.text == "predicted"
    assert figure.layout.yaxis.title.text == "actual"


def importance_of(lost: dict[str, tuple[float, float]]) -> Importance:
    features = {name: Lost(mean=mean, std=std) for name, (mean, std) in lost.items()}
    return Importance(rows=77, shuffles=2, features=features)


def test_most_important_feature_stands_on_top() -> None:
    lost = {"glucose": (0.2, 0.02), "age": (0.1, 0.01), "bmi": (-0.01, 0.03)}
    figure = figures.importance_chart(importance_of(lost))
    (bars,) = figure.data
    assert bars.orientation == "h"
    # Plotly draws the last one on top.
    assert list(bars.y) == ["bmi", "age", "glucose"]
    assert list(bars.x) == [-0.01, 0.1, 0.2]
    assert list(bars.error_x.array) == [0.03, 0.01, 0.02]
    assert figure.layout.xaxis.title.text == "ROC AUC lost when shuffled, 2 times 77 rows"


def test_of_many_features_the_thirty_most_important_are_drawn_and_the_chart_says_so() -> None:
    figure = figures.importance_chart(importance_of({f"f{i}": (-i, 0.1) for i in range(31)}))
    (bars,) = figure.data
    assert list(bars.y) == [f"f{i}" for i in range(30)][::-1]
    assert figure.layout.xaxis.title.text.endswith("77 rows; 30 of 31 features")


def test_score_distribution_holds_the_rows_of_both_classes() -> None:
    figure = figures.score_distribution(JUDGED, {0: "well", 1: "sick"})
    assert len(figure.data) == 2
    for name, probabilities in {
        "class well": [0.1, 0.6, 0.3],
        "class sick": [0.4, 0.9, 1.0],
    }.items():
        bars = trace(figure, name)
        heights = {round(float(x), 3): float(y) for x, y in zip(bars.x, bars.y, strict=True) if y}
        assert sum(heights.values()) == pytest.approx(1)
        for probability in probabilities:
            near = [x for x in heights if abs(x - probability) <= bars.width / 2 + 1e-9]
            assert near, probability
    (line,) = figure.layout.shapes
    assert line.x0 == line.x1 == 0.35


def test_every_probability_falls_into_a_bar() -> None:
    figure = figures.score_distribution(JUDGED, {0: "no", 1: "yes"})
    for bars in figure.data:
        assert sum(bars.y) == pytest.approx(1)
        assert min(bars.x) - bars.width / 2 >= -1e-9
        assert max(bars.x) + bars.width / 2 <= 1 + 1e-9


def test_intervals_stand_side_by_side_in_the_colors_of_their_models() -> None:
    measured = {
        model: point_metrics(LABELS, PREDICTIONS["candidate"], 0.5).model_copy(
            update={
                "roc_auc": 0.8 - place / 10,
                "log_loss": 0.4 + place / 10,
                "interval": {
                    "roc_auc": (0.7 - place / 10, 0.85 - place / 10),
                    "log_loss": (0.3 + place / 10, 0.55 + place / 10),
                },
            }
        )
        for place, model in enumerate(["candidate", "champion", *list(PREDICTIONS)[1:]])
    }
    figure = figures.intervals(measured)
    assert len(figure.data) == 10
    panels = {"roc_auc": ("y", figure.layout.xaxis), "log_loss": ("y2", figure.layout.xaxis2)}
    for metric, (panel, axis) in panels.items():
        lines = [line for line in figure.data if line.yaxis == panel]
        assert axis.title.text.startswith({"roc_auc": "ROC AUC", "log_loss": "log loss"}[metric])
        for line, (model, points) in zip(lines, measured.items(), strict=True):
            low, high = points.interval[metric]
            assert list(line.x) == [low, getattr(points, metric), high]
            assert set(line.y) == {line.name} == {MODELS[model]}
            assert line.line.color == line.marker.color == figures.COLORS[model]
    # The first model on top.
    assert figure.layout.yaxis.autorange == figure.layout.yaxis2.autorange == "reversed"


def test_scored_rows_are_drawn_by_what_they_are_called() -> None:
    histograms = {"no": [3, 1, 0, 0], "yes": [0, 1, 2, 5]}
    figure = figures.scored_probabilities(histograms, 0.4)
    assert [trace.name for trace in figure.data] == ["called no: 4 rows", "called yes: 8 rows"]
    for bars, rows in zip(figure.data, histograms.values(), strict=True):
        assert list(bars.x) == [0.125, 0.375, 0.625, 0.875]
        assert list(bars.y) == rows
        assert bars.width == 0.25
    assert figure.layout.barmode == "stack"
    (line,) = figure.layout.shapes
    assert line.x0 == line.x1 == 0.4


def test_reasons_of_the_quarantine_are_drawn_with_the_commonest_on_top() -> None:
    reasons = {f"column {number}: no key": 100 - number for number in range(40)}
    (bars,) = figures.quarantine_reasons(reasons, 90, 1000).data
    assert list(bars.y)[::-1] == list(reasons)[:30]
    assert list(bars.x)[::-1] == list(reasons.values())[:30]
    figure = figures.quarantine_reasons({}, 0, 20)
    assert figure.layout.xaxis.title.text == "cells; 0 of 20 rows are in quarantine"
