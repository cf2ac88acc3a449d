"""The figures: arrays in, plotly figure out. One color to a model throughout."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from sklearn import metrics as sk

from tabular_lstm.judging.metrics import calibration_bins

# Okabe and Ito's colors, told apart by color-blind readers too.
COLORS = {
    "network": "#0072B2",
    "logistic_regression": "#D55E00",
    "hist_gradient_boosting": "#009E73",
    "majority_class": "#777777",
}
NAMES = {
    "network": "network",
    "logistic_regression": "logistic regression",
    "hist_gradient_boosting": "gradient boosting",
    "majority_class": "majority class",
}
CHAMPION_COLOR = "#000000"
Predictions = dict[str, np.ndarray]


def learning_curves(history: dict[str, Any]) -> go.Figure:
    """Draw loss per epoch, with the epoch whose weights were kept."""
    epochs = list(range(1, len(history["loss"]) + 1))
    figure = _figure("Learning curves", "epoch", "binary cross-entropy")
    for name, color in {"loss": "#56B4E9", "validation_loss": COLORS["network"]}.items():
        if name in history:
            label = (
                "rows held out from each member"
                if name == "validation_loss"
                else "rows trained on, with dropout"
            )
            figure.add_scatter(x=epochs, y=history[name], name=label, line_color=color)
    best = history["best_epoch"]
    kept = "median epoch kept" if "best_epochs" in history else "epoch kept"
    figure.add_vline(
        x=best, line_dash="dot", line_color="#777777", annotation_text=f"{kept}: {best}"
    )
    return figure


def roc(labels: np.ndarray, predictions: Predictions) -> go.Figure:
    """Draw the ROC curve of every model that ranks rows."""
    figure = _figure("ROC", "false positive rate", "true positive rate")
    for name, p in predictions.items():
        false_positives, true_positives, _ = sk.roc_curve(labels, p)
        area = sk.auc(false_positives, true_positives)
        _line(figure, name, false_positives, true_positives, f"AUC {area:.3f}")
    return _square(figure)


def precision_recall(labels: np.ndarray, predictions: Predictions) -> go.Figure:
    """Draw precision against recall for every model."""
    figure = _figure("Precision and recall", "recall", "precision")
    for name, p in predictions.items():
        precision, recall, _ = sk.precision_recall_curve(labels, p)
        mean = sk.average_precision_score(labels, p)
        _line(figure, name, recall, precision, f"average {mean:.3f}")
    # Steps, as the average counts them: a straight line would promise points nobody can reach.
    figure.update_traces(line_shape="hv")
    return _square(figure)


def calibration(labels: np.ndarray, predictions: Predictions) -> go.Figure:
    """Draw observed against predicted share of positives, in ten bins."""
    figure = _figure("Calibration", "predicted probability", "observed share of positives")
    figure.add_scatter(
        x=[0, 1], y=[0, 1], name="perfect", mode="lines", line={"color": "#bbbbbb", "dash": "dot"}
    )
    for name, p in predictions.items():
        rows, predicted, observed = calibration_bins(labels, p)
        figure.add_scatter(
            x=predicted,
            y=observed,
            name=NAMES[name],
            mode="lines+markers",
            marker={"color": COLORS[name], "size": 5 + 15 * np.sqrt(rows / rows.max())},
            text=[f"{count} rows" for count in rows],
        )
    return _square(figure)


def confusion_matrix(matrix: dict[str, int], positive: str, negative: str) -> go.Figure:
    """Draw the four counts at the decision threshold."""
    counts = [
        [matrix["true_negatives"], matrix["false_positives"]],
        [matrix["false_negatives"], matrix["true_positives"]],
    ]
    figure = _figure("Confusion matrix of the network", "predicted", "actual")
    figure.add_heatmap(
        z=counts,
        x=[f"class {negative}", f"class {positive}"],
        y=[f"class {negative}", f"class {positive}"],
        text=counts,
        texttemplate="%{text}",
        textfont_size=22,
        colorscale="Blues",
        zmin=0,
        showscale=False,
    )
    figure.update_yaxes(autorange="reversed")
    return figure


def permutation_importance(importances: dict[str, dict[str, float]]) -> go.Figure:
    """Draw what each feature is worth, the most important on top."""
    names = list(importances)[::-1]
    figure = _figure("Permutation importance", "ROC AUC lost when shuffled", "")
    figure.add_bar(
        x=[importances[name]["mean"] for name in names],
        y=names,
        error_x={"array": [importances[name]["std"] for name in names], "color": "#777777"},
        orientation="h",
        marker_color=COLORS["network"],
    )
    return figure


def score_distribution(
    labels: np.ndarray, probabilities: np.ndarray, decision_threshold: float, names: dict[int, str]
) -> go.Figure:
    """Draw how the network's probabilities spread in each class."""
    figure = _figure("Scores by class", "predicted probability", "share of the class's rows")
    for label, color in {0: "#E69F00", 1: "#CC79A7"}.items():
        counts, edges = np.histogram(probabilities[labels == label], bins=20, range=(0, 1))
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts / counts.sum(),
            width=0.05,
            name=f"class {names[label]}",
            marker_color=color,
            opacity=0.6,
        )
    figure.add_vline(
        x=decision_threshold,
        line_dash="dot",
        line_color="#777777",
        annotation_text="decision threshold",
    )
    return figure.update_layout(barmode="overlay", xaxis_range=[0, 1])


def intervals(models: dict[str, dict[str, Any]]) -> go.Figure:
    """Draw ROC AUC and log loss of each model with their 95 % intervals, the first model on top.

    Args:
        models: Metrics by model: `network` for the candidate, `champion`, and the baselines.
    """
    # Panels one above the other: so they fit a phone, and no name needs a legend.
    figure = _figure("Candidate beside the others", "", "").set_subplots(rows=2, cols=1)
    colors = COLORS | {"champion": CHAMPION_COLOR}
    names = NAMES | {"network": "candidate", "champion": "champion"}
    panels = {"roc_auc": "ROC AUC, more is better", "log_loss": "log loss, less is better"}
    for row, (metric, title) in enumerate(panels.items(), 1):
        for model, measured in models.items():
            low, high = measured["interval"][metric]
            figure.add_scatter(
                x=[low, measured[metric], high],
                y=[names[model]] * 3,
                name=names[model],
                mode="lines+markers",
                line={"color": colors[model], "width": 3},
                marker={"color": colors[model], "size": [0, 12, 0], "opacity": 1},
                showlegend=False,
                row=row,
                col=1,
            )
        figure.update_xaxes(title_text=title, row=row, col=1)
    return figure.update_yaxes(autorange="reversed")


def _figure(title: str, x: str, y: str) -> go.Figure:
    return go.Figure(
        layout={
            "title": title,
            "xaxis_title": x,
            "yaxis_title": y,
            "template": "plotly_white",
            "legend": {"orientation": "h", "y": -0.2},
        }
    )


def _line(figure: go.Figure, name: str, x: np.ndarray, y: np.ndarray, value: str) -> None:
    dash = "dot" if name == "majority_class" else "solid"
    figure.add_scatter(
        x=x,
        y=y,
        name=f"{NAMES[name]}, {value}",
        mode="lines",
        line={"color": COLORS[name], "dash": dash},
    )


def _square(figure: go.Figure) -> go.Figure:
    """Show both axes from 0 to 1."""
    return figure.update_layout(xaxis_range=[-0.01, 1.01], yaxis_range=[-0.01, 1.02])
