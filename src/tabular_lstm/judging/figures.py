"""The figures: numbers in, matplotlib figure out; and which of them a task has."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_lstm.judging import class_figures, number_figures
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.drawing import (
    BAR,
    COLORS,
    GREY,
    ORANGE,
    PINK,
    SKY,
    add_legend,
    amount,
    draw_cells,
    in_full,
    mark,
    name_rows,
    new_axes,
    new_figure,
    new_rows,
    new_unit_square,
    short,
    styled,
)
from tabular_lstm.judging.importance import Importance
from tabular_lstm.judging.metrics import CANDIDATE, METRICS, MODELS, WORSE, Metrics, calibration_bins
from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES, Kind, Task

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 30
COMPARED = ("roc_auc", "log_loss", "rmse", "mae")
LOSSES = {
    TWO_CLASSES: "binary cross-entropy",
    CLASSES: "cross-entropy",
    NUMBER: "squared error / the label's variance",
}
AXES_OF_CALIBRATION = {
    TWO_CLASSES: ("predicted probability", "observed share of positives"),
    CLASSES: ("probability of the likeliest class", "share of rows that have it"),
}
# How sure a decision is, by the probability of its class.
SURE = {"probability above 0.8": (0.8, 1), "0.5 to 0.8": (0.5, 0.8), "0.5 or less": (0, 0.5)}
BLUES = (COLORS[CANDIDATE], SKY, "#BFDDEF")
CLASS_COLORS = (ORANGE, PINK)  # the negative one's, the positive one's


@styled
def learning_curves(history: dict[str, Any], task: Task) -> "Figure":
    """Draw loss per epoch, with the epoch whose weights were kept."""
    figure, axes = new_axes("epoch", LOSSES[task.kind], lines=2)
    curves = {
        "loss": ("rows trained on, with dropout", SKY),
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

    axes_names = "false positive rate", "true positive rate"
    figure, axes = new_unit_square(*axes_names, len(judged.predictions))
    for name, p in judged.predictions.items():
        x, y, _ = curve_of(judged.labels, p, sample_weight=judged.weights)
        _add_curve(axes, name, f"AUC {judged.metrics[name].roc_auc:.3f}", x, y)
    add_legend(figure)
    return figure


@styled
def precision_recall_curve(judged: Judged) -> "Figure":
    """Draw precision against recall for every model."""
    from sklearn.metrics import precision_recall_curve as curve_of  # noqa: PLC0415

    figure, axes = new_unit_square("recall", "precision", len(judged.predictions))
    for name, p in judged.predictions.items():
        precision, recall, _ = curve_of(judged.labels, p, sample_weight=judged.weights)
        mean = judged.metrics[name].average_precision
        # Steps, as the average counts them: a straight line would promise points nobody can reach.
        _add_curve(axes, name, f"average {mean:.3f}", recall, precision, "steps-post")
    add_legend(figure)
    return figure


@styled
def calibration_curve(judged: Judged) -> "Figure":
    """Draw observed against predicted share of positives; a point's area is its bin's rows.

    Of more classes, of the class that a model gives the largest probability.
    """
    axes_names = AXES_OF_CALIBRATION[judged.task.kind]
    figure, axes = new_unit_square(*axes_names, 1 + len(judged.predictions))
    axes.plot([0, 1], [0, 1], label="perfect", linestyle=":", color="#999999")
    for name, p in judged.predictions.items():
        whether = (judged.labels, p) if p.ndim == 1 else (p.argmax(1) == judged.labels, p.max(1))
        rows, predicted, observed = calibration_bins(*whether, judged.weights)
        axes.plot(predicted, observed, label=MODELS[name], color=COLORS[name])
        sizes = (3 + 9 * np.sqrt(rows / rows.max())) ** 2
        axes.scatter(predicted, observed, sizes, color=COLORS[name], linewidths=0, zorder=3)
    add_legend(figure)
    return figure


@styled
def confusion_matrix(judged: Judged) -> "Figure":
    """Draw the candidate's four counts."""
    matrix = judged.metrics[CANDIDATE].confusion_matrix
    counts = np.reshape([*matrix.model_dump().values()], (2, 2))
    figure, axes = new_axes("predicted", "actual", height=2.8)
    draw_cells(axes, counts, counts.max(), 16, [[in_full(c) for c in row] for row in counts])
    names = [f"class\n{short(label, 18)}" for label in judged.task.classes]
    axes.set_xticks([0.5, 1.5], names)
    axes.set_yticks([0.5, 1.5], names)
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
def score_distribution(judged: Judged) -> "Figure":
    """Draw how the candidate's probabilities spread in each class."""
    probabilities = judged.predictions[CANDIDATE]
    figure, axes = new_axes("predicted probability", "share of the class's rows", lines=2)
    axes.set_xlim(0, 1)
    for label, color in enumerate(CLASS_COLORS):
        of_class = judged.labels == label
        weights = None if judged.weights is None else judged.weights[of_class]
        counts, edges = np.histogram(probabilities[of_class], 20, (0, 1), weights=weights)
        name = f"class {short(judged.task.classes[label])}"
        axes.stairs(counts / counts.sum(), edges, fill=True, alpha=0.6, color=color, label=name)
    mark(axes, judged.metrics[CANDIDATE].decision_threshold, "decision threshold")
    add_legend(figure)
    return figure


@styled
def scored_probabilities(histograms: dict[str, list[int]], threshold: float) -> "Figure":
    """Draw how the probabilities of new rows spread, and what the rows are called.

    `histograms` has, by the label decided on, the rows in equal bins from 0 to 1, the negative
    one first. They stand on each other.
    """
    figure, axes = new_axes("predicted probability", "rows", lines=2)
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
def scored_decisions(histograms: dict[str, list[int]]) -> "Figure":
    """Draw how many new rows are called what, and how sure that is, the commonest class on top.

    `histograms` has, by the class decided on, the rows by its probability in bins from 0 to 1.
    """
    commonest = sorted(histograms, key=lambda name: -sum(histograms[name]))[:SHOWN]
    of_all = f"; the commonest of {len(histograms)} classes" if len(histograms) > SHOWN else ""
    figure, axes = new_rows(commonest, f"rows{of_all}", 3)
    bins = np.array([histograms[name] for name in commonest])
    ends = np.linspace(0, 1, bins.shape[1] + 1)[1:]
    left = np.zeros(len(bins))
    for (text, below), color in zip(SURE.items(), BLUES, strict=True):
        rows = bins[:, (ends > below[0]) & (ends <= below[1])].sum(axis=1)
        axes.barh(range(len(bins)), rows, left=left, color=color, height=0.7, label=text)
        left += rows
    axes.bar_label(axes.containers[-1], [f"{rows:,.0f}" for rows in left], padding=3, fontsize=9)
    axes.margins(x=0.15)
    axes.locator_params(axis="x", integer=True, nbins=5)
    axes.xaxis.set_major_formatter(amount)
    add_legend(figure)
    return figure


@styled
def scored_numbers(bins: list[int], ends: tuple[float, float]) -> "Figure":
    """Draw how the numbers predicted of new rows spread.

    `bins` has rows in equal bins between the ends; the first and the last have all beyond, too.
    """
    figure, axes = new_axes("predicted; the outermost bars have all that is beyond", "rows")
    filled = np.flatnonzero(bins)
    first, last = (filled[0], filled[-1] + 1) if len(filled) else (0, len(bins))
    edges = np.linspace(*ends, len(bins) + 1)[first : last + 1]
    axes.stairs(bins[first:last], edges, fill=True, color=COLORS[CANDIDATE])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(amount)
    axes.locator_params(axis="y", integer=True)
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
    """Draw the gate's metrics of each model with their 95 % intervals, the first model on top."""
    # Panels one above the other: so they fit a phone, and no name needs a legend.
    figure, panels = new_figure(1.6 + 2 * BAR * (len(models) + 1), panels=2)
    known = next(iter(models.values())).interval
    for axes, metric in zip(panels, (name for name in COMPARED if name in known), strict=True):
        direction = "less is better" if WORSE[metric] > 0 else "more is better"
        for place, (model, measured) in enumerate(models.items()):
            color, name = COLORS[model], MODELS[model]
            axes.plot(measured.interval[metric], [place] * 2, color=color, linewidth=3, label=name)
            axes.plot([getattr(measured, metric)], [place], color=color, marker="o", markersize=8)
        name_rows(axes, [MODELS[model] for model in models])
        axes.set_ylim(len(models) - 0.4, -0.6)
        axes.set_xlabel(f"{METRICS[metric]}, {direction}")
    return figure


# Those that need nothing but what is judged, by the names of `drawing.FIGURES`.
DRAWINGS: "dict[Kind, dict[str, Callable[[Judged], Figure]]]" = {
    TWO_CLASSES: {
        "roc_curve": roc_curve,
        "precision_recall_curve": precision_recall_curve,
        "calibration_curve": calibration_curve,
        "confusion_matrix": confusion_matrix,
        "score_distribution": score_distribution,
    },
    CLASSES: {
        "class_roc_curves": class_figures.roc_curves,
        "class_rates": class_figures.rates,
        "calibration_curve": calibration_curve,
        "confusion_matrix": class_figures.confusion_matrix,
        "class_probabilities": class_figures.probabilities,
    },
    NUMBER: {
        "predicted_and_true": number_figures.predicted_and_true,
        "errors_by_prediction": number_figures.errors_by_prediction,
        "absolute_errors": number_figures.absolute_errors,
    },
}


def figures_of(
    history: dict[str, Any], judged: Judged, importance: Importance
) -> "dict[str, Figure]":
    """Draw all that is to be seen of a candidate, by the names of `drawing.FIGURES`."""
    drawn = {
        "learning_curves": learning_curves(history, judged.task),
        "importance_chart": importance_chart(importance),
    } | {name: draw(judged) for name, draw in DRAWINGS[judged.task.kind].items()}
    if "coverage" in history:  # of a number
        drawn["interval_coverage"] = number_figures.interval_coverage(judged, history["coverage"])
    return drawn


def _bars(values: dict[str, float] | dict[str, int], x: str, color: str) -> "tuple[Figure, Axes]":
    """Draw a horizontal bar for each value, the first on top."""
    figure, axes = new_rows(list(values), x)
    axes.barh(range(len(values)), list(values.values()), color=color, height=0.7)
    return figure, axes


def _add_curve(
    axes: "Axes", model: str, value: str, x: np.ndarray, y: np.ndarray, steps: str = "default"
) -> None:
    dash, name = ":" if model == "majority_class" else "-", f"{MODELS[model]}, {value}"
    axes.plot(x, y, label=name, color=COLORS[model], linestyle=dash, drawstyle=steps)
