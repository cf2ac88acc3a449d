"""Each figure holds the data that it claims to show."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from sklearn import metrics as sk

from tabular_lstm.judging import figures
from tabular_lstm.judging.baselines import MODELS
from tabular_lstm.judging.comparison import Evaluation
from tabular_lstm.judging.importance import Importance, Lost
from tabular_lstm.judging.model_metrics import ConfusionMatrix
from tabular_lstm.parameters.hyperparameters import EvaluationOptions
from tabular_lstm.task import NUMBER, Task
from tests.helpers.judged import ruled

DRAWN = EvaluationOptions(bootstrap_resamples=100)
LABELS = np.array([0, 0, 1, 1, 0, 1])
PREDICTIONS = {
    "candidate": np.array([0.1, 0.6, 0.4, 0.9, 0.3, 1.0]),
    "majority_class": np.full(6, 0.5),
    "logistic_regression": np.array([0.2, 0.3, 0.8, 0.7, 0.4, 0.6]),
    "hist_gradient_boosting": np.array([0.9, 0.1, 0.2, 0.8, 0.5, 0.5]),
}
JUDGED = Evaluation(LABELS, task=Task.of_classes(["well", "sick"])).with_models(
    ruled(PREDICTIONS, dict.fromkeys(PREDICTIONS, 0.35)), DRAWN
)
HISTORY: dict[str, Any] = {
    "loss": [0.7, 0.6, 0.5],
    "validation_loss": [0.65, 0.55, 0.6],
    "best_epoch": 2,
    "best_epochs": [3, 2, 2],
}


def axes_of(figure: Figure) -> Axes:
    (axes,) = figure.axes
    return axes


def line(figure: Figure, name: str) -> Line2D:
    """The one curve whose name in the legend starts so."""
    (curve,) = [line for line in axes_of(figure).lines if str(line.get_label()).startswith(name)]
    return curve


def legend(figure: Figure) -> list[str]:
    """The names of what is drawn."""
    (drawn,) = figure.legends
    return [text.get_text() for text in drawn.get_texts()]


def x_label(axes: Axes) -> str:
    return " ".join(axes.get_xlabel().split())


def test_learning_curves_show_both_losses_and_the_kept_epoch() -> None:
    figure = figures.learning_curves(HISTORY, JUDGED.task)
    names = {
        "rows trained on, with dropout": "loss",
        "rows held out from each member, calibrated": "validation_loss",
    }
    assert legend(figure) == [*names]
    for name, losses in names.items():
        assert list(line(figure, name).get_xdata()) == [1, 2, 3]
        assert list(line(figure, name).get_ydata()) == HISTORY[losses]
    axes = axes_of(figure)
    (across,) = [line for line in axes.lines if line.get_transform() != axes.transData]
    assert (across.get_xdata()[0], axes.get_title("right")) == (2, "median epoch kept: 2")


def test_own_baselines_have_their_names_and_colors_of_their_own() -> None:
    own = {"CatBoost (tuned)": LABELS * 0.5 + 0.2, "forest": np.full(len(LABELS), 0.4)}
    judged = JUDGED.with_models(ruled(own, dict.fromkeys(own, 0.5)), DRAWN)
    for figure in (figures.roc_curve(judged), figures.calibration_curve(judged)):
        colors = [str(line(figure, name).get_color()) for name in own]
        assert len({*colors}) == 2
        assert {model.color for model in MODELS.values()}.isdisjoint(colors)


def test_roc_and_calibration_have_a_curve_of_every_model() -> None:
    figure = figures.roc_curve(JUDGED)
    for model, probabilities in PREDICTIONS.items():
        x, y = line(figure, MODELS[model].words).get_data()
        assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
        area = sk.roc_auc_score(LABELS, probabilities)
        assert np.trapezoid(y, x) == pytest.approx(area)
        assert f"{MODELS[model].words}, AUC {area:.3f}" in legend(figure)
    figure = figures.calibration_curve(JUDGED)
    assert legend(figure) == ["perfect", *(MODELS[model].words for model in PREDICTIONS)]
    x, y = line(figure, MODELS["majority_class"].words).get_data()
    assert (list(x), list(y)) == ([0.5], [0.5])
    x, y = line(figure, "candidate").get_data()
    # 0.9 and 1.0 share the last bin.
    assert list(x) == pytest.approx([0.1, 0.3, 0.4, 0.6, 0.95])
    assert list(y) == [0, 0, 1, 0, 1]


def test_confusion_matrix_has_actual_classes_in_rows_and_predicted_in_columns() -> None:
    counts = ConfusionMatrix(
        true_negatives=50, false_positives=7, false_negatives=11, true_positives=32000.25
    )
    metrics = JUDGED.metrics["candidate"].model_copy(update={"confusion_matrix": counts})
    axes = axes_of(figures.confusion_matrix(replace(JUDGED, metrics={"candidate": metrics})))
    for axis, name in ((axes.xaxis, "predicted"), (axes.yaxis, "actual")):
        assert [text.get_text() for text in axis.get_ticklabels()] == ["class\nwell", "class\nsick"]
        assert axis.get_label_text() == name
    assert axes.yaxis_inverted()
    assert {text.get_position(): text.get_text() for text in axes.texts} == {
        (0.5, 0.5): "50\n88 %",
        (1.5, 0.5): "7\n12 %",
        (0.5, 1.5): "11\n0 %",
        (1.5, 1.5): "32,000.2\n100 %",
    }
    (mesh,) = axes.collections
    np.testing.assert_array_equal(mesh.get_array(), [[50, 7], [11, 32000.25]])


def of_classes(classes: int, weights: np.ndarray | None = None) -> Evaluation:
    """What a candidate of some skill says of rows of so many classes; the last one has none."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes - 1, 400)
    logits = rng.normal(size=(400, classes))
    logits[np.arange(400), labels] += 1.5
    p = np.exp(logits)
    task = Task.of_classes([f"species {number:02}" for number in range(classes)])
    p /= p.sum(1, keepdims=True)
    return Evaluation(labels, weights, task=task).with_models(
        ruled({"candidate": p}, {"candidate": None}), DRAWN
    )


@pytest.mark.parametrize("classes", [4, 20])
def test_confusions_are_shares_of_the_actual_class(classes: int) -> None:
    rows = of_classes(classes)
    likeliest = axes_of(figures.calibration_curve(rows)).get_xlabel()
    assert likeliest == "probability of the likeliest class"
    axes = axes_of(figures.class_confusions(rows))
    decided = rows.predictions["candidate"].argmax(axis=1)
    counts = sk.confusion_matrix(rows.labels, decided, labels=range(classes))
    named = [text.get_text() for text in axes.get_yticklabels()]
    shown = [int(name.split()[1]) for name in named]
    actual_counts = counts.sum(axis=1)
    assert named == [f"species {n:02} ({actual_counts[n]})" for n in shown]
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    for (actual, taken), count in np.ndenumerate(counts[np.ix_(shown, shown)]):
        share = 100 * count / max(actual_counts[shown[actual]], 1)
        assert texts[taken + 0.5, actual + 0.5] == (f"{share:.0f}" if count else "")
    errors = counts.sum(0) + actual_counts - 2 * counts.diagonal()
    left_out = [n for n in range(classes) if n not in shown]
    assert len(shown) == min(classes, 12)
    if left_out:
        assert max(errors[left_out]) <= min(errors[shown])
        assert x_label(axes).endswith("; the 12 of 20 classes with the most errors")


# A number

IMPORTANCE = Importance(rows=9, shuffles=2, measure="r2", features={"a": Lost(mean=0.3, std=0.1)})


def of_number(labels: np.ndarray, predicted: np.ndarray) -> Evaluation:
    """What a candidate, with intervals so wide to each side, and the mean say of labels."""
    models = {"candidate": predicted, "mean": np.full(len(labels), labels.mean())}
    intervals = {name: np.stack([p, p - 1, p + 1], 1) for name, p in models.items()}
    return Evaluation(labels, task=Task(kind=NUMBER)).with_models(
        ruled(intervals, dict.fromkeys(models)), DRAWN
    )


def normal(count: int = 300) -> Evaluation:
    rng = np.random.default_rng(0)
    predicted = rng.normal(size=count)
    return of_number(predicted + rng.normal(0, 0.7, count), predicted)


def points_of(figure: Figure) -> np.ndarray:
    (*_, points) = [c for c in axes_of(figure).collections if len(c.get_offsets()) > 1]
    return np.asarray(points.get_offsets())


@pytest.mark.parametrize("rows", [normal(), of_number(np.arange(4.0), np.full(4, 2.0)), normal(12)])
def test_a_run_of_a_number_has_its_figures_also_of_few_rows(rows: Evaluation) -> None:
    drawn = figures.figures_of(HISTORY, rows, IMPORTANCE)
    for figure in drawn.values():
        figure.canvas.draw()
    assert axes_of(drawn["learning_curves"]).get_ylabel() == "quantile loss, in standard deviations"
    assert str(drawn["importance_chart"].get_supxlabel()).startswith("R² lost when shuffled")
    assert {*drawn} == {"learning_curves", "predicted_and_true", "importance_chart"}


def test_each_row_is_a_point() -> None:
    rows = normal()
    predicted = rows.predictions["candidate"][:, 0]
    figure = figures.predicted_and_true(rows)
    np.testing.assert_allclose(points_of(figure), np.stack([predicted, rows.labels], 1))
    axes = axes_of(figure)
    assert axes.get_xlim() == axes.get_ylim()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")


def test_of_many_rows_some_are_drawn_and_those_far_out_are_counted() -> None:
    rows = normal(2000)
    figure = figures.predicted_and_true(rows)
    assert len(points_of(figure)) == 500
    assert axes_of(figure).get_xlabel() == "predicted; 500 of 2,000 rows, chosen at random"
    rows.labels[:3] = 1e9
    rows = of_number(rows.labels, rows.predictions["candidate"][:, 0])
    axes = axes_of(figures.predicted_and_true(rows))
    assert x_label(axes).endswith("at random; beyond the edges: 3 of 2,000 rows")
    assert axes.get_ylim()[1] < 10
    # A label with a long tail is shown by its powers of ten.
    price = np.exp(11 + np.random.default_rng(0).normal(size=500))
    axes = axes_of(figures.predicted_and_true(of_number(price, price * 1.1)))
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert axes_of(figure).get_xscale() == "linear"
