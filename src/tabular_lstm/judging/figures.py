"""The figures of a candidate, and which figures each task has."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_lstm.judging.baselines import CANDIDATE, MODELS, models_named
from tabular_lstm.judging.comparison import Evaluation
from tabular_lstm.judging.drawing import (
    BAR,
    GREY,
    SHOWN,
    SKY,
    add_legend,
    amount_formatter,
    draw_cells,
    in_full,
    name_rows,
    new_axes,
    new_bars,
    new_figure,
    new_unit_square,
    share_interval,
    short,
    styled,
    wrapped,
)
from tabular_lstm.judging.importance import Importance
from tabular_lstm.judging.model_metrics import Metrics, calibration_bins
from tabular_lstm.metrics import METRICS
from tabular_lstm.task import Task

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE = MODELS[CANDIDATE].color
MOST_CLASSES = 12  # shown in a confusion matrix
NEAR = 1e-4  # a smaller range, in units of the largest value, needs more than three digits
POINTS = 500  # the most that are drawn of predicted and true numbers
# The 95 % quantile is this many times as far from the median as the 5 % quantile.
LONG_TAIL = 4
FAR = 1.0  # distance from the middle 90 % of the values, in units of their range


@styled
def learning_curves(history: dict[str, Any], task: Task) -> "Figure":
    """Draw the loss per epoch, and mark the epoch whose weights were kept."""
    figure, axes = new_axes("epoch", task.traits.loss_in_words, lines=2)
    curves = {
        "loss": ("rows trained on, with dropout", SKY),
        "validation_loss": ("rows held out from each member, calibrated", BLUE),
    }
    for name, (label, color) in curves.items():
        if name in history:
            axes.plot(range(1, len(history[name]) + 1), history[name], label=label, color=color)
    axes.locator_params(axis="x", integer=True)
    epoch_name = "median epoch kept" if "best_epochs" in history else "epoch kept"
    axes.axvline(history["best_epoch"], linestyle=":", color=GREY)
    axes.set_title(f"{epoch_name}: {history['best_epoch']}", loc="right", color=GREY, fontsize=9)
    add_legend(figure)
    return figure


@styled
def roc_curve(judged: Evaluation) -> "Figure":
    """Draw the ROC curve of every model."""
    from sklearn.metrics import roc_curve as curve_of  # noqa: PLC0415

    axes_names = "false positive rate", "true positive rate"
    figure, axes = new_unit_square(*axes_names, len(judged.predictions))
    for name, p in judged.predictions.items():
        x, y, _ = curve_of(judged.labels, p[:, 1], sample_weight=judged.weights)
        _add_curve(axes, judged, name, ("roc_auc", "AUC"), x, y)
    add_legend(figure)
    return figure


@styled
def precision_recall_curve(judged: Evaluation) -> "Figure":
    """Draw precision against recall for every model."""
    from sklearn.metrics import precision_recall_curve as curve_of  # noqa: PLC0415

    figure, axes = new_unit_square("recall", "precision", len(judged.predictions))
    for name, p in judged.predictions.items():
        precision, recall, _ = curve_of(judged.labels, p[:, 1], sample_weight=judged.weights)
        # Steps, like the average precision: no threshold reaches points on a straight line.
        _add_curve(
            axes, judged, name, ("average_precision", "average"), recall, precision, "steps-post"
        )
    add_legend(figure)
    return figure


@styled
def calibration_curve(judged: Evaluation) -> "Figure":
    """Draw the observed against the predicted share of positives; larger points have more rows.

    The candidate's points have 95 % intervals. With more than two classes, only each row's
    likeliest class counts.
    """
    figure, axes = new_unit_square(*judged.task.traits.calibration, 1 + len(judged.predictions))
    axes.plot([0, 1], [0, 1], label="perfect", linestyle=":", color="#999999")
    for name, model in models_named(judged.predictions).items():
        rows, predicted, observed = calibration_bins(*_likeliest_hits(judged, name), judged.weights)
        axes.plot(predicted, observed, label=model.words, color=model.color)
        sizes = (3 + 9 * np.sqrt(rows / rows.max())) ** 2
        axes.scatter(predicted, observed, sizes, color=model.color, linewidths=0, zorder=3)
        if name == CANDIDATE:
            ends = [*map(share_interval, observed, rows * judged.count / rows.sum())]
            axes.vlines(predicted, *np.transpose(ends), color=model.color, linewidth=1)
    add_legend(figure)
    return figure


@styled
def confusion_matrix(judged: Evaluation) -> "Figure":
    """Draw the candidate's four counts, each also as a share of its actual class."""
    measured: Any = judged.metrics[CANDIDATE]
    counts = np.reshape([*measured.confusion_matrix.model_dump().values()], (2, 2))
    figure, axes = new_axes("predicted", "actual", height=2.8)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-9)
    texts = [
        f"{in_full(count)}\n{100 * share:.0f} %"
        for count, share in zip(counts.flat, shares.flat, strict=True)
    ]
    draw_cells(axes, counts, counts.max(), 14, texts)
    names = [f"class\n{short(label, 18)}" for label in judged.task.classes]
    axes.set_xticks([0.5, 1.5], names)
    axes.set_yticks([0.5, 1.5], names)
    return figure


@styled
def class_confusions(judged: Evaluation) -> "Figure":
    """Draw which classes the candidate confuses; of many classes, those confused most."""
    measured: Any = judged.metrics[CANDIDATE]
    counts = np.array(measured.confusion_matrix)
    rows = counts.sum(axis=1)
    confused = rows + counts.sum(axis=0) - 2 * counts.diagonal()
    shown_classes = np.sort(np.argsort(-confused, kind="stable")[:MOST_CLASSES])
    shares = (counts / np.maximum(rows, 1e-9)[:, None])[np.ix_(shown_classes, shown_classes)]
    note = f"; the {len(shown_classes)} of {len(rows)} classes with the most errors"
    note = note if len(shown_classes) < len(rows) else ""
    axis = f"predicted, in % of the actual class's rows{note}"
    figure, axes = new_axes(wrapped(axis), "actual", 1.2 + max(2.0, 0.32 * len(shown_classes)))
    draw_cells(axes, shares, 1, 9, [f"{100 * share:.0f}" if share else "" for share in shares.flat])
    names = [short(judged.task.classes[number], 14) for number in shown_classes]
    places = np.arange(len(names)) + 0.5
    axes.set_xticks(places, names, rotation=40, ha="right", rotation_mode="anchor")
    actual = zip(names, rows[shown_classes], strict=True)
    axes.set_yticks(places, [f"{name} ({in_full(count)})" for name, count in actual])
    return figure


@styled
def predicted_and_true(judged: Evaluation) -> "Figure":
    """Draw the true numbers against the candidate's, with the line where they are equal.

    If there are many rows, only some are drawn; the axis says how many, and how many rows lie
    beyond its ends.
    """
    truth, predicted = judged.labels, judged.predictions[CANDIDATE][:, 0]
    scale, low, high = _axis_for(np.concatenate([truth, predicted]))
    chosen = np.sort(np.random.default_rng(0).permutation(len(truth))[:POINTS])
    is_beyond = (np.minimum(truth, predicted) < low) | (np.maximum(truth, predicted) > high)
    axis_text = "predicted"
    if len(chosen) < len(truth):
        axis_text += f"; {len(chosen)} of {len(truth):,} rows, chosen at random"
    if is_beyond.any():
        axis_text += f"; beyond the edges: {is_beyond.sum():,} of {len(truth):,} rows"
    figure, axes = new_axes(wrapped(axis_text), "true", height=4, lines=2)
    axes.set(xscale=scale, yscale=scale, xlim=(low, high), ylim=(low, high))
    axes.xaxis.set_major_formatter(amount_formatter())
    axes.yaxis.set_major_formatter(amount_formatter())
    axes.plot([low, high], [low, high], ":", color=GREY, label="predicted = true")
    dot: Any = {"s": 9, "alpha": 0.5, "linewidths": 0, "color": BLUE}
    axes.scatter(predicted[chosen], truth[chosen], label="a row", **dot)
    add_legend(figure)
    return figure


def _axis_for(values: np.ndarray) -> tuple[str, float, float]:
    """Choose the scale and the ends of an axis that shows all values but outliers.

    The scale is `linear`, or `log` for positive values with a long tail.
    """
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    scale = "log" if low > 0 and high - middle > LONG_TAIL * (middle - low) else "linear"
    scaled_values = np.log(values[values > 0]) if scale == "log" else values
    low, high = np.quantile(scaled_values, [0.05, 0.95])
    reach = FAR * (high - low) or np.inf
    near = scaled_values[(scaled_values >= low - reach) & (scaled_values <= high + reach)]
    room = 0.05 * np.ptp(near) or 1.0
    ends = np.array([near.min() - room, near.max() + room])
    low, high = np.exp(ends) if scale == "log" else ends
    return scale, float(low), float(high)


@styled
def importance_chart(importance: Importance) -> "Figure":
    """Draw the importance of at most thirty features, the most important on top."""
    count = len(importance.features)
    shown_features = dict([*importance.features.items()][:SHOWN])
    note = f"; {len(shown_features)} of {count} features" if count > len(shown_features) else ""
    axis = (
        f"{METRICS[importance.measure].words} lost when shuffled, {importance.shuffles} times on "
        f"{importance.rows} rows{note}"
    )
    figure, axes = new_bars({name: lost.mean for name, lost in shown_features.items()}, axis, BLUE)
    means, deviations = zip(
        *((lost.mean, lost.std) for lost in shown_features.values()), strict=True
    )
    axes.errorbar(means, range(len(means)), xerr=deviations, fmt="none", ecolor=GREY, capsize=2)
    return figure


@styled
def dependence_curves(importance: Importance) -> "Figure":
    """Draw the mean prediction and its spread for the values of each important feature."""
    count = len(importance.dependence)
    figure, panels = new_figure(0.4 + 1.7 * count, count)
    for axes, (feature, curve) in zip(panels, importance.dependence.items(), strict=True):
        if isinstance(curve.values[0], str):
            places: Any = range(len(curve.values))
            axes.vlines(places, curve.low, curve.high, color=BLUE, alpha=0.3, lw=6)
            names = [short(name, 10) for name in curve.values]
            axes.set_xticks(places, names, rotation=30, ha="right", rotation_mode="anchor")
        else:
            places = curve.values
            axes.fill_between(places, curve.low, curve.high, color=BLUE, alpha=0.2)
            axes.plot(places, curve.mean, color=BLUE)
            if np.ptp(places) >= NEAR * np.abs(places).max():  # else as Matplotlib does
                axes.xaxis.set_major_formatter(amount_formatter())
        axes.plot(places, curve.mean, "o", color=BLUE, markersize=4)
        axes.yaxis.set_major_formatter(amount_formatter())
        of_class = f": probability of {short(curve.class_name)}" if curve.class_name else ""
        axes.set_title(f"{short(feature)}{of_class}", fontsize=9, loc="left")
    return figure


@styled
def intervals(models: dict[str, Metrics], task: Task) -> "Figure":
    """Draw the gate's metrics of each model with their 95 % intervals, the first model on top."""
    metrics = [name for name in task.shown if name in task.compared]
    # Panels stacked vertically fit a phone and need no legend.
    height = len(metrics) * (0.8 + BAR * (len(models) + 1))
    figure, panels = new_figure(height, panels=len(metrics))
    for axes, metric in zip(panels, metrics, strict=True):
        direction = "lower is better" if METRICS[metric].worse > 0 else "higher is better"
        for place, (name, model) in enumerate(models_named(models).items()):
            color, measured = model.color, models[name]
            axes.plot(
                measured.interval[metric], [place] * 2, color=color, linewidth=3, label=model.words
            )
            axes.plot([getattr(measured, metric)], [place], color=color, marker="o", markersize=8)
        name_rows(axes, [model.words for model in models_named(models).values()])
        axes.set_ylim(len(models) - 0.4, -0.6)
        axes.set_xlabel(f"{METRICS[metric].words}, {direction}")
        if METRICS[metric].in_units:
            axes.xaxis.set_major_formatter(amount_formatter())
    return figure


# The figures of a task, see `Traits.figures`.
DRAWINGS: "dict[str, Callable[[Evaluation], Figure]]" = {
    "roc_curve": roc_curve,
    "precision_recall_curve": precision_recall_curve,
    "calibration_curve": calibration_curve,
    "confusion_matrix": confusion_matrix,
    "class_confusions": class_confusions,
    "predicted_and_true": predicted_and_true,
}


def figures_of(
    history: dict[str, Any], judged: Evaluation, importance: Importance
) -> "dict[str, Figure]":
    """Draw all figures of a candidate, by their names in `drawing.FIGURES`."""
    figures = {name: DRAWINGS[name](judged) for name in judged.task.traits.figures}
    if importance.dependence:
        figures["partial_dependence"] = dependence_curves(importance)
    return figures | {
        "learning_curves": learning_curves(history, judged.task),
        "importance_chart": importance_chart(importance),
    }


def _likeliest_hits(judged: Evaluation, model: str) -> tuple[np.ndarray, np.ndarray]:
    """Return whether each row has its likeliest (or positive) class, and its probability."""
    p = judged.predictions[model]
    if judged.task.has_threshold:
        return judged.labels, p[:, 1]
    return p.argmax(axis=1) == judged.labels, p.max(axis=1)


def _add_curve(
    axes: "Axes",
    judged: Evaluation,
    model: str,
    area: tuple[str, str],
    x: np.ndarray,
    y: np.ndarray,
    drawstyle: Any = "default",
) -> None:
    """Draw a model's curve; `area` is the metric in its legend, and the word for it."""
    (metric, area_words), shown_model = area, models_named(judged.predictions)[model]
    label = f"{shown_model.words}, {area_words} {getattr(judged.metrics[model], metric):.3f}"
    style: Any = {"color": shown_model.color, "drawstyle": drawstyle}
    axes.plot(x, y, ":" if shown_model.role == "simplest" else "-", label=label, **style)
