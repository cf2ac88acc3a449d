"""The figures: numbers in, plotly figure out. One color to a model throughout."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.importance import Importance
from tabular_lstm.judging.metrics import Metrics, calibration_bins
from tabular_lstm.judging.names import CANDIDATE, METRICS, MODELS, TITLES

GREY = "#777777"
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
# Both axes from 0 to 1.
UNIT_SQUARE: Any = {"xaxis_range": [-0.01, 1.01], "yaxis_range": [-0.01, 1.02]}


def learning_curves(history: dict[str, Any]) -> go.Figure:
    """Draw loss per epoch, with the epoch whose weights were kept."""
    epochs = list(range(1, len(history["loss"]) + 1))
    figure = _figure("learning_curves", "epoch", "binary cross-entropy")
    curves = {
        "loss": ("rows trained on, with dropout", "#56B4E9"),
        "validation_loss": ("rows held out from each member", COLORS[CANDIDATE]),
    }
    for name, (label, color) in curves.items():
        if name in history:
            figure.add_scatter(x=epochs, y=history[name], name=label, line_color=color)
    best = history["best_epoch"]
    kept = "median epoch kept" if "best_epochs" in history else "epoch kept"
    return _mark(figure, best, f"{kept}: {best}")


def roc_curve(judged: Judged) -> go.Figure:
    """Draw the ROC curve of every model."""
    from sklearn.metrics import roc_curve as curve_of  # noqa: PLC0415

    figure = _figure("roc_curve", "false positive rate", "true positive rate", **UNIT_SQUARE)
    for name, p in judged.probabilities.items():
        x, y, _ = curve_of(judged.labels, p, sample_weight=judged.weights)
        _add_curve(figure, name, f"AUC {judged.metrics[name].roc_auc:.3f}", x=x, y=y)
    return figure


def precision_recall_curve(judged: Judged) -> go.Figure:
    """Draw precision against recall for every model."""
    from sklearn.metrics import precision_recall_curve as curve_of  # noqa: PLC0415

    figure = _figure("precision_recall_curve", "recall", "precision", **UNIT_SQUARE)
    for name, p in judged.probabilities.items():
        precision, recall, _ = curve_of(judged.labels, p, sample_weight=judged.weights)
        mean = judged.metrics[name].average_precision
        # Steps, as the average counts them: a straight line would promise points nobody can reach.
        _add_curve(figure, name, f"average {mean:.3f}", x=recall, y=precision, line_shape="hv")
    return figure


def calibration_curve(judged: Judged) -> go.Figure:
    """Draw observed against predicted share of positives, in ten bins."""
    axes = "predicted probability", "observed share of positives"
    figure = _figure("calibration_curve", *axes, **UNIT_SQUARE)
    perfect = {"color": "#bbbbbb", "dash": "dot"}
    figure.add_scatter(x=[0, 1], y=[0, 1], name="perfect", mode="lines", line=perfect)
    for name, p in judged.probabilities.items():
        rows, predicted, observed = calibration_bins(judged.labels, p, judged.weights)
        figure.add_scatter(
            x=predicted,
            y=observed,
            name=MODELS[name],
            mode="lines+markers",
            marker={"color": COLORS[name], "size": 5 + 15 * np.sqrt(rows / rows.max())},
            text=[f"{round(count, 1)} rows" for count in rows],
        )
    return figure


def confusion_matrix(judged: Judged, classes: dict[int, str]) -> go.Figure:
    """Draw the candidate's four counts; `classes` are the names of 0 and 1."""
    matrix = judged.metrics[CANDIDATE].confusion_matrix
    counts = [
        [matrix.true_negatives, matrix.false_positives],
        [matrix.false_negatives, matrix.true_positives],
    ]
    names = [f"class {classes[label]}" for label in (0, 1)]
    figure = _figure("confusion_matrix", "predicted", "actual", yaxis_autorange="reversed")
    return figure.add_heatmap(
        z=counts,
        x=names,
        y=names,
        text=[[round(count, 1) for count in counted] for counted in counts],
        texttemplate="%{text}",
        textfont_size=22,
        colorscale="Blues",
        zmin=0,
        showscale=False,
    )


def importance_chart(importance: Importance) -> go.Figure:
    """Draw what the features are worth, at most thirty of them, the most important on top."""
    shown = dict(list(importance.features.items())[SHOWN - 1 :: -1])
    count = len(importance.features)
    of_all = f"; {len(shown)} of {count} features" if count > len(shown) else ""
    axis = (
        f"{METRICS['roc_auc']} lost when shuffled, {importance.shuffles} times "
        f"{importance.rows} rows{of_all}"
    )
    return _figure("importance_chart", axis, "").add_bar(
        x=[lost.mean for lost in shown.values()],
        y=list(shown),
        error_x={"array": [lost.std for lost in shown.values()], "color": GREY},
        orientation="h",
        marker_color=COLORS[CANDIDATE],
    )


def score_distribution(judged: Judged, classes: dict[int, str]) -> go.Figure:
    """Draw how the candidate's probabilities spread in each class."""
    probabilities = judged.probabilities[CANDIDATE]
    axes = "predicted probability", "share of the class's rows"
    figure = _figure("score_distribution", *axes, barmode="overlay", xaxis_range=[0, 1])
    for label, color in enumerate(CLASS_COLORS):
        of_class = judged.labels == label
        counts, edges = np.histogram(
            probabilities[of_class],
            bins=20,
            range=(0, 1),
            weights=None if judged.weights is None else judged.weights[of_class],
        )
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts / counts.sum(),
            width=0.05,
            name=f"class {classes[label]}",
            marker_color=color,
            opacity=0.6,
        )
    return _mark(figure, judged.metrics[CANDIDATE].decision_threshold, "decision threshold")


def scored_probabilities(histograms: dict[str, list[int]], threshold: float) -> go.Figure:
    """Draw how the probabilities of new rows spread, and what the rows are called.

    Args:
        histograms: By the label's value that was decided on, the negative one first: rows in bins
            of one width from 0 to 1.
        threshold: The decision threshold.
    """
    axes = "predicted probability", "rows"
    stacked: Any = {"barmode": "stack", "legend_traceorder": "normal", "xaxis_range": [0, 1]}
    figure = _figure("scored_probabilities", *axes, **stacked)
    for (label, rows), color in zip(histograms.items(), CLASS_COLORS, strict=True):
        width = 1 / len(rows)
        figure.add_bar(
            x=(np.arange(len(rows)) + 0.5) * width,
            y=rows,
            width=width,
            name=f"called {label}: {sum(rows):,} rows",
            marker_color=color,
        )
    return _mark(figure, threshold, "decision threshold")


def quarantine_reasons(reasons: dict[str, int], quarantined: int, rows: int) -> go.Figure:
    """Draw why rows were set aside, the commonest reason on top.

    Args:
        reasons: Cells by reason, the commonest first; at most thirty are drawn.
        quarantined: Rows that were set aside.
        rows: All of them.
    """
    shown = dict(list(reasons.items())[SHOWN - 1 :: -1])
    axis = f"cells; {quarantined:,} of {rows:,} rows are in quarantine"
    figure = _figure("quarantine_reasons", axis, "")
    figure.update_layout(bargap=max(0.2, 1 - len(shown) / 8))  # a few bars are no thicker than many
    return figure.add_bar(x=list(shown.values()), y=list(shown), orientation="h", marker_color=GREY)


def intervals(models: dict[str, Metrics]) -> go.Figure:
    """Draw ROC AUC and log loss of each model with their 95 % intervals, the first model on top.

    Args:
        models: Metrics with intervals, by model: `candidate`, `champion`, and the baselines.
    """
    # Panels one above the other: so they fit a phone, and no name needs a legend.
    figure = _figure("intervals", "", "").set_subplots(rows=2, cols=1)
    panels = {"roc_auc": "more is better", "log_loss": "less is better"}
    for row, (metric, better) in enumerate(panels.items(), 1):
        for model, measured in models.items():
            low, high = measured.interval[metric]
            figure.add_scatter(
                x=[low, getattr(measured, metric), high],
                y=[MODELS[model]] * 3,
                name=MODELS[model],
                mode="lines+markers",
                line={"color": COLORS[model], "width": 3},
                marker={"color": COLORS[model], "size": [0, 12, 0], "opacity": 1},
                showlegend=False,
                row=row,
                col=1,
            )
        figure.update_xaxes(title_text=f"{METRICS[metric]}, {better}", row=row, col=1)
    return figure.update_yaxes(autorange="reversed")


def _figure(name: str, x: str, y: str, **layout: Any) -> go.Figure:
    return go.Figure(
        layout={
            "title": TITLES[name],
            "xaxis_title": x,
            "yaxis_title": y,
            "template": "plotly_white",
            "legend": {"orientation": "h", "y": -0.2},
            **layout,
        }
    )


def _add_curve(figure: go.Figure, model: str, value: str, **trace: Any) -> None:
    name, dash = f"{MODELS[model]}, {value}", "dot" if model == "majority_class" else "solid"
    figure.add_scatter(name=name, mode="lines", line_color=COLORS[model], line_dash=dash, **trace)


def _mark(figure: go.Figure, x: float, text: str) -> go.Figure:
    return figure.add_vline(x=x, line_dash="dot", line_color=GREY, annotation_text=text)
