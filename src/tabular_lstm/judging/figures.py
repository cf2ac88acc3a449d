"""The figures: numbers in, matplotlib figure out. One color to a model throughout."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.drawing import (
    GREY,
    INK,
    add_legend,
    mark,
    name_rows,
    new_figure,
    short,
    style,
    wrapped,
)
from tabular_lstm.judging.importance import Importance
from tabular_lstm.judging.metrics import (
    CANDIDATE,
    METRICS,
    MODELS,
    Metrics,
    TwoClassesMetrics,
    calibration_bins,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 30
# scikit-learn takes half a second to import, and a scoring draws without it.
# Okabe and Ito's colors, told apart by color-blind readers too.
COLORS = {
    CANDIDATE: "#0072B2",
    "champion": "#000000",
    "logistic_regression": "#D55E00",
    "hist_gradient_boosting": "#009E73",
    "majority_class": GREY,
}
CLASS_COLORS = ("#E69F00", "#CC79A7")  # the negative one's, the positive one's
# Inches.
HEIGHT, LEGEND_LINE, BAR = 3.5, 0.18, 0.21


def styled(draw: "Callable[..., Figure]") -> "Callable[..., Figure]":
    """Draw in the style of all figures: matplotlib looks it up where something is added."""

    @wraps(draw)
    def drawn(*arguments: Any) -> "Figure":
        with style():
            return draw(*arguments)

    return drawn


@styled
def learning_curves(history: dict[str, Any]) -> "Figure":
    """Draw loss per epoch, with the epoch whose weights were kept."""
    figure, axes = _figure("epoch", "binary cross-entropy", lines=2)
    curves = {
        "loss": ("rows trained on, with dropout", "#56B4E9"),
        "validation_loss": ("rows held out from each member, calibrated", COLORS[CANDIDATE]),
    }
    for name, (label, color) in curves.items():
        if name in history:
            epochs = range(1, len(history[name]) + 1)
            axes.plot(epochs, history[name], label=label, color=color)
    axes.locator_params(axis="x", integer=True)
    kept = "median epoch kept" if "best_epochs" in history else "epoch kept"
    mark(axes, history["best_epoch"], f"{kept}: {history['best_epoch']}")
    add_legend(figure)
    return figure


@styled
def roc_curve(judged: Judged) -> "Figure":
    """Draw the ROC curve of every model."""
    from sklearn.metrics import roc_curve as curve_of  # noqa: PLC0415

    figure, axes = _unit_square("false positive rate", "true positive rate", judged)
    for name, p in judged.predictions.items():
        x, y, _ = curve_of(judged.labels, p, sample_weight=judged.weights)
        _add_curve(axes, name, f"AUC {_metrics(judged, name).roc_auc:.3f}", x, y)
    add_legend(figure)
    return figure


@styled
def precision_recall_curve(judged: Judged) -> "Figure":
    """Draw precision against recall for every model."""
    from sklearn.metrics import precision_recall_curve as curve_of  # noqa: PLC0415

    figure, axes = _unit_square("recall", "precision", judged)
    for name, p in judged.predictions.items():
        precision, recall, _ = curve_of(judged.labels, p, sample_weight=judged.weights)
        mean = _metrics(judged, name).average_precision
        # Steps, as the average counts them: a straight line would promise points nobody can reach.
        _add_curve(axes, name, f"average {mean:.3f}", recall, precision, "steps-post")
    add_legend(figure)
    return figure


@styled
def calibration_curve(judged: Judged) -> "Figure":
    """Draw observed against predicted share of positives; a point's area is its bin's rows."""
    axes_names = "predicted probability", "observed share of positives"
    figure, axes = _unit_square(*axes_names, judged, more_lines=1)
    axes.plot([0, 1], [0, 1], label="perfect", linestyle=":", color="#999999")
    for name, p in judged.predictions.items():
        rows, predicted, observed = calibration_bins(judged.labels, p, judged.weights)
        axes.plot(predicted, observed, label=MODELS[name], color=COLORS[name])
        sizes = (3 + 9 * np.sqrt(rows / rows.max())) ** 2
        axes.scatter(predicted, observed, sizes, color=COLORS[name], linewidths=0, zorder=3)
    add_legend(figure)
    return figure


@styled
def confusion_matrix(judged: Judged, classes: dict[int, str]) -> "Figure":
    """Draw the candidate's four counts; `classes` are the names of 0 and 1."""
    matrix = _metrics(judged, CANDIDATE).confusion_matrix
    counts = np.reshape([*matrix.model_dump().values()], (2, 2))
    figure, axes = _figure("predicted", "actual", height=2.8)
    axes.pcolormesh(counts, cmap="Blues", vmin=0, edgecolors="white", linewidth=3)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if count > 0.55 * counts.max() else INK
        text = f"{round(float(count), 1):,g}" if count < 1e6 else f"{count:,.0f}"
        axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=16, color=color)
    names = [f"class\n{short(classes[label], 18)}" for label in (0, 1)]
    axes.set_xticks([0.5, 1.5], names)
    axes.set_yticks([0.5, 1.5], names)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.invert_yaxis()
    return figure


@styled
def importance_chart(importance: Importance) -> "Figure":
    """Draw what the features are worth, at most thirty of them, the most important on top."""
    shown, count = dict([*importance.features.items()][:SHOWN]), len(importance.features)
    of_all = f"; {len(shown)} of {count} features" if count > len(shown) else ""
    how = f"lost when shuffled, {importance.shuffles} times {importance.rows} rows{of_all}"
    axis = f"{METRICS['roc_auc']} {how}"
    figure, axes = _bars({name: lost.mean for name, lost in shown.items()}, axis, COLORS[CANDIDATE])
    means, deviations = zip(*((lost.mean, lost.std) for lost in shown.values()), strict=True)
    axes.errorbar(means, range(len(means)), xerr=deviations, fmt="none", ecolor=GREY, capsize=2)
    return figure


@styled
def score_distribution(judged: Judged, classes: dict[int, str]) -> "Figure":
    """Draw how the candidate's probabilities spread in each class."""
    probabilities = judged.predictions[CANDIDATE]
    figure, axes = _figure("predicted probability", "share of the class's rows", lines=2)
    axes.set_xlim(0, 1)
    for label, color in enumerate(CLASS_COLORS):
        of_class = judged.labels == label
        weights = None if judged.weights is None else judged.weights[of_class]
        counts, edges = np.histogram(probabilities[of_class], 20, (0, 1), weights=weights)
        name = f"class {short(classes[label])}"
        axes.stairs(counts / counts.sum(), edges, fill=True, alpha=0.6, color=color, label=name)
    mark(axes, _metrics(judged, CANDIDATE).decision_threshold, "decision threshold")
    add_legend(figure)
    return figure


@styled
def scored_probabilities(histograms: dict[str, list[int]], threshold: float) -> "Figure":
    """Draw how the probabilities of new rows spread, and what the rows are called.

    `histograms` has, by the label decided on, the rows in equal bins from 0 to 1, the negative
    one first. They stand on each other.
    """
    figure, axes = _figure("predicted probability", "rows", lines=2)
    axes.set_xlim(0, 1)
    below = np.zeros(len(next(iter(histograms.values()))))
    edges = np.linspace(0, 1, len(below) + 1)
    for (label, rows), color in zip(histograms.items(), CLASS_COLORS, strict=True):
        name = f"called {short(label)}: {sum(rows):,} {'row' if sum(rows) == 1 else 'rows'}"
        top = below + rows
        axes.stairs(top, edges, baseline=below, fill=True, color=color, label=name)
        below = top
    axes.locator_params(axis="y", integer=True)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    mark(axes, threshold, "decision threshold")
    add_legend(figure)
    return figure


@styled
def quarantine_reasons(reasons: dict[str, int], quarantined: int, rows: int) -> "Figure":
    """Draw why `quarantined` of `rows` were set aside: cells by reason, the commonest on top."""
    axis = f"cells; {quarantined:,} of {rows:,} rows are in quarantine"
    figure, axes = _bars(dict(list(reasons.items())[:SHOWN]), axis, GREY)
    axes.set_xlim(0, 1.05 * max([1, *reasons.values()]))
    axes.locator_params(axis="x", integer=True)
    return figure


@styled
def intervals(models: dict[str, Metrics]) -> "Figure":
    """Draw ROC AUC and log loss of each model with their 95 % intervals, the first model on top."""
    # Panels one above the other: so they fit a phone, and no name needs a legend.
    figure, panels = new_figure(1.6 + 2 * BAR * (len(models) + 1), panels=2)
    better = {"roc_auc": "more is better", "log_loss": "less is better"}
    for axes, (metric, direction) in zip(panels, better.items(), strict=True):
        for place, (model, measured) in enumerate(models.items()):
            color, name = COLORS[model], MODELS[model]
            axes.plot(measured.interval[metric], [place] * 2, color=color, linewidth=3, label=name)
            axes.plot([getattr(measured, metric)], [place], color=color, marker="o", markersize=8)
        name_rows(axes, [MODELS[model] for model in models])
        axes.set_ylim(len(models) - 0.4, -0.6)
        axes.set_xlabel(f"{METRICS[metric]}, {direction}")
    return figure


def _metrics(judged: Judged, name: str) -> TwoClassesMetrics:
    metrics = judged.metrics[name]
    if not isinstance(metrics, TwoClassesMetrics):
        raise TypeError(f"expected metrics of two classes, got {type(metrics).__name__}")
    return metrics


def _figure(x: str, y: str, height: float = HEIGHT, lines: int = 0) -> "tuple[Figure, Axes]":
    """Make a figure with a legend of so many lines, which take nothing from the plot."""
    figure, (axes,) = new_figure(height + LEGEND_LINE * lines)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return figure, axes


def _unit_square(x: str, y: str, judged: Judged, more_lines: int = 0) -> "tuple[Figure, Axes]":
    """Make a figure whose axes both go from 0 to 1, with a line of the legend for each model."""
    figure, axes = _figure(x, y, lines=len(judged.predictions) + more_lines)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    return figure, axes


def _bars(values: dict[str, float] | dict[str, int], x: str, color: str) -> "tuple[Figure, Axes]":
    """Draw a horizontal bar for each value, the first on top."""
    figure, (axes,) = new_figure(1.0 + BAR * max(3, len(values)))
    figure.supxlabel(wrapped(x), fontsize="medium")  # below all of it: names may take half of it
    axes.barh(range(len(values)), list(values.values()), color=color, height=0.7)
    name_rows(axes, list(values))
    axes.set_ylim(max(3, len(values)) - 0.4, -0.6)
    return figure, axes


def _add_curve(
    axes: "Axes", model: str, value: str, x: np.ndarray, y: np.ndarray, steps: str = "default"
) -> None:
    dash, name = ":" if model == "majority_class" else "-", f"{MODELS[model]}, {value}"
    axes.plot(x, y, label=name, color=COLORS[model], linestyle=dash, drawstyle=steps)
