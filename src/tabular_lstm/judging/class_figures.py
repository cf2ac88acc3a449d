"""The figures of more than two classes: what the candidate makes of each."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.drawing import (
    COLORS,
    GREY,
    INK,
    ORANGE,
    PINK,
    SKY,
    add_legend,
    draw_cells,
    in_full,
    new_axes,
    new_rows,
    new_unit_square,
    quantiles,
    short,
    styled,
)
from tabular_lstm.judging.metrics import CANDIDATE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colors without yellow, which is hardly seen on white.
CLASS_COLORS = (*dict.fromkeys(COLORS.values()), ORANGE, SKY, PINK)
RATES = {
    "precision": "precision: of those taken for it, the share that are",
    "recall": "recall: of its rows, the share taken for it",
}
MOST_ROWS, MOST_CELLS, MOST_PAIRS = 40, 12, 20


@styled
def roc_curves(judged: Judged) -> "Figure":
    """Draw the candidate's ROC curve of each class against the rest, at most of the eight worst."""
    from sklearn.metrics import auc, roc_curve  # noqa: PLC0415

    curves, classes = [], judged.task.classes
    for number, name in enumerate(classes):
        of_class, p = judged.labels == number, judged.predictions[CANDIDATE][:, number]
        if 0 < of_class.sum() < len(of_class):
            x, y, _ = roc_curve(of_class, p, sample_weight=judged.weights)
            curves.append((auc(x, y), name, x, y))
    shown = sorted(curves, key=lambda curve: curve[0])[: len(CLASS_COLORS)]
    figure, axes = new_unit_square("false positive rate", "true positive rate", 1 + len(shown))
    for (area, name, x, y), color in zip(shown, CLASS_COLORS, strict=False):
        axes.plot(x, y, label=f"{short(name)}, AUC {area:.3f}", color=color)
    add_legend(figure, _of(len(shown), len(curves), "smallest AUC"))
    return figure


@styled
def confusion_matrix(judged: Judged) -> "Figure":
    """Draw which classes the candidate takes for which; of many, its commonest confusions."""
    counts, classes = _counts(judged), [short(name, 14) for name in judged.task.classes]
    rows = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(rows, 1e-9)
    if len(classes) > MOST_CELLS:
        return _commonest_confusions(counts, shares, classes)
    few = len(classes) <= MOST_CELLS // 2
    axis = "predicted" if few else "predicted, in % of the actual class's rows"
    figure, axes = new_axes(axis, "actual", height=1.2 + max(2.0, 0.32 * len(classes)))
    texts = [
        [_cell(count, share, few) for count, share in zip(*row, strict=True)]
        for row in zip(counts, shares, strict=True)
    ]
    draw_cells(axes, shares, 1, 9, texts)
    places = np.arange(len(classes)) + 0.5
    tilted: Any = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    wide = len(classes) * max(map(len, classes)) > 40
    axes.set_xticks(places, classes, **(tilted if wide else {}))
    named = [f"{name} ({in_full(count)})" for name, count in zip(classes, rows[:, 0], strict=True)]
    axes.set_yticks(places, named)
    return figure


@styled
def rates(judged: Judged) -> "Figure":
    """Draw the candidate's precision and recall of each class, at most of the forty worst."""
    measured: Any = judged.metrics[CANDIDATE]
    found = [*measured.by_class.values()]
    f1 = np.array([one.f1 for one in found], float)
    figure, axes, shown = _rows_of_classes(judged, f1, "share of rows")
    marks = {
        "precision": {"marker": "o", "markersize": 9, "fillstyle": "none", "color": ORANGE},
        "recall": {"marker": "D", "markersize": 4, "color": COLORS[CANDIDATE]},
    }
    for name, mark in marks.items():
        values = np.array([getattr(found[number], name) for number in shown], float)
        axes.plot(values, range(len(shown)), label=RATES[name], linestyle="none", **mark)
    axes.set_xlim(-0.02, 1.02)
    add_legend(figure, _of(len(shown), len(found), "lowest F1"))
    return figure


@styled
def probabilities(judged: Judged) -> "Figure":
    """Draw how the candidate's probability of the right class spreads over each class's rows."""
    labels, at = judged.labels, (0.05, 0.25, 0.5, 0.75, 0.95)
    right = judged.predictions[CANDIDATE][np.arange(len(labels)), labels]
    spread = np.full((len(judged.task.classes), len(at)), np.nan)
    for number in np.unique(labels):
        rows = labels == number
        weights = None if judged.weights is None else judged.weights[rows]
        spread[number] = quantiles(right[rows], at, weights)
    axis = "probability of the row's own class"
    figure, axes, shown = _rows_of_classes(judged, spread[:, 2], axis)
    low, below, middle, above, high = spread[shown].T
    places, color = range(len(shown)), COLORS[CANDIDATE]
    axes.hlines(places, low, high, color=GREY, label="nine tenths of the class's rows")
    axes.hlines(places, below, above, color=color, linewidth=6, label="half of them")
    axes.plot(middle, places, "o", color="white", markeredgecolor=INK, label="their median")
    add_legend(figure, _of(len(shown), len(spread), "lowest medians"))
    return figure


def _counts(judged: Judged) -> np.ndarray:
    """Give the candidate's rows by actual class and by the class decided on."""
    return np.asarray(judged.metrics[CANDIDATE].confusion_matrix, float)


def _cell(count: float, share: float, with_count: bool) -> str:
    if with_count:
        return f"{in_full(count)}\n{100 * share:.1f} %" if count else "0"
    return f"{100 * share:.0f}" if count else ""


def _commonest_confusions(
    counts: np.ndarray, shares: np.ndarray, classes: list[str]
) -> "Figure":
    """Draw how many rows of a class are taken for another one, of the twenty commonest pairs."""
    wrong = np.where(np.eye(len(classes), dtype=bool), 0, counts)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = [divmod(int(place), len(classes)) for place in order if wrong.flat[place]]
    names = [f"{short(classes[actual], 11)} → {short(classes[taken], 11)}" for actual, taken in pairs]
    total, all_rows = wrong.sum(), counts.sum()
    axis = (
        f"rows, with their share of the actual class; the commonest of {np.sum(wrong > 0)} "
        f"confusions. {in_full(total)} of {in_full(all_rows)} rows are taken for another class"
    )
    figure, axes = new_rows(names, axis)
    values = [wrong[pair] for pair in pairs]
    bars = axes.barh(range(len(pairs)), values, color=COLORS[CANDIDATE], height=0.7)
    axes.bar_label(bars, [f"{100 * shares[pair]:.0f} %" for pair in pairs], padding=3, fontsize=9)
    axes.margins(x=0.12)
    axes.locator_params(axis="x", integer=True)
    return figure


def _rows_of_classes(
    judged: Judged, worth: np.ndarray, axis: str
) -> "tuple[Figure, Axes, np.ndarray]":
    """Make a figure with a row for each class, at most for the forty worth least; and which."""
    classes = judged.task.classes
    shown = np.sort(np.argsort(worth, kind="stable")[:MOST_ROWS])  # NaN is worth most
    figure, axes = new_rows([str(classes[number]) for number in shown], axis, 4)
    axes.set_xlim(0, 1)
    return figure, axes, shown


def _of(shown: int, classes: int, which: str) -> str | None:
    return f"the {shown} of {classes} classes with the {which}" if shown < classes else None
