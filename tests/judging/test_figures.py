"""Each figure holds the data that it claims to show."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from sklearn import metrics as sk

from tabular_lstm.judging import figures
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.metrics import MODELS, ConfusionMatrix
from tabular_lstm.parameters import Evaluation, Task

LABELS = np.array([0, 0, 1, 1, 0, 1])
PREDICTIONS = {
    "candidate": np.array([0.1, 0.6, 0.4, 0.9, 0.3, 1.0]),
    "majority_class": np.full(6, 0.5),
    "logistic_regression": np.array([0.2, 0.3, 0.8, 0.7, 0.4, 0.6]),
    "hist_gradient_boosting": np.array([0.9, 0.1, 0.2, 0.8, 0.5, 0.5]),
}
JUDGED = Judged(LABELS, task=Task.of_classes(["well", "sick"])).with_models(
    PREDICTIONS, dict.fromkeys(PREDICTIONS, 0.35), Evaluation(bootstrap_resamples=100)
)


def axes_of(figure: Figure) -> Axes:
    """The one panel."""
    (axes,) = figure.axes
    return axes


def line(figure: Figure, name: str) -> Line2D:
    """The one curve whose name in the legend starts so."""
    (found,) = [line for line in axes_of(figure).lines if str(line.get_label()).startswith(name)]
    return found


def legend(figure: Figure) -> list[str]:
    (drawn,) = figure.legends
    return [text.get_text() for text in drawn.get_texts()]


def marked(figure: Figure) -> tuple[float, str]:
    """Where the dotted line across stands, and what it says."""
    axes = axes_of(figure)
    (across,) = [line for line in axes.lines if line.get_transform() != axes.transData]
    (text,) = axes.texts
    x, _ = across.get_xdata()
    return float(x), text.get_text()


def test_learning_curves_show_both_losses_and_the_kept_epoch() -> None:
    history = {
        "loss": [0.7, 0.6, 0.5],
        "validation_loss": [0.65, 0.55, 0.6],
        "best_epoch": 2,
        "best_epochs": [3, 2, 2],
    }
    figure = figures.learning_curves(history, JUDGED.task)
    names = {
        "rows trained on, with dropout": "loss",
        "rows held out from each member, calibrated": "validation_loss",
    }
    assert legend(figure) == [*names]
    for name, losses in names.items():
        assert list(line(figure, name).get_xdata()) == [1, 2, 3]
        assert list(line(figure, name).get_ydata()) == history[losses]
    assert marked(figure) == (2, "median epoch kept: 2")


def test_roc_has_a_curve_of_every_model() -> None:
    figure = figures.roc_curve(JUDGED)
    assert len(legend(figure)) == 4
    for model, probabilities in PREDICTIONS.items():
        x, y = line(figure, MODELS[model]).get_data()
        assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
        area = sk.roc_auc_score(LABELS, probabilities)
        assert np.trapezoid(y, x) == pytest.approx(area)
        assert f"{MODELS[model]}, AUC {area:.3f}" in legend(figure)


def test_calibration_has_the_bins_of_every_model_beside_the_perfect_line() -> None:
    figure = figures.calibration_curve(JUDGED)
    assert legend(figure) == ["perfect", *(MODELS[model] for model in PREDICTIONS)]
    perfect = line(figure, "perfect")
    assert list(perfect.get_xdata()) == list(perfect.get_ydata()) == [0, 1]
    x, y = line(figure, MODELS["majority_class"]).get_data()
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
    judged = replace(JUDGED, metrics={"candidate": metrics})
    axes = axes_of(figures.confusion_matrix(judged))
    names = ["class\nwell", "class\nsick"]
    for axis, name in ((axes.xaxis, "predicted"), (axes.yaxis, "actual")):
        assert [label.get_text() for label in axis.get_ticklabels()] == names
        assert axis.get_label_text() == name
    assert axes.yaxis_inverted()
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {
        (0.5, 0.5): "50\n88 %",
        (1.5, 0.5): "7\n12 %",
        (0.5, 1.5): "11\n0 %",
        (1.5, 1.5): "32,000.2\n100 %",
    }
    (mesh,) = axes.collections
    np.testing.assert_array_equal(mesh.get_array(), [[50, 7], [11, 32000.25]])
