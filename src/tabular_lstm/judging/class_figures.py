"""The figures of more than two classes: what the candidate makes of each."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_lstm.judging import drawing
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.drawing import COLORS, ORANGE, PINK, SKY, short, styled
from tabular_lstm.judging.metrics import CANDIDATE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colors without yellow, which is hardly seen on white.
CLASS_COLORS = (*dict.fromkeys(COLORS.values()), ORANGE, SKY, PINK)
RATES: dict[str, tuple[str, dict[str, Any]]] = {
    "precision": (
        "precision: of those taken for it, the share that are",
        {"marker": "o", "markersize": 9, "fillstyle": "none", "color": ORANGE},
    ),
    "recall": (
        "recall: of its rows, the share taken for it",
        {"marker": "D", "markersize": 4, "color": COLORS[CANDIDATE]},
    ),
}
MOST_ROWS, MOST_CELLS, MOST_PAIRS = 40, 12, 15
TILTED: Any = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}


@styled
def class_roc_curves(judged: Judged) -> "Figure":
    """Draw the candidate's ROC curve of each class against the others, at most of the worst."""
    from sklearn.metrics import roc_curve  # noqa: PLC0415

    measured: Any = judged.metrics[CANDIDATE]
    areas = [found.roc_auc for found in measured.by_class.values()]
    known = [number for number, area in enumerate(areas) if area is not None]
    shown = sorted(known, key=areas.__getitem__)[: len(CLASS_COLORS)]
    axes_names = "false positive rate", "true positive rate"
    figure, axes = drawing.new_unit_square(*axes_names, 1 + len(shown))
    for number, color in zip(shown, CLASS_COLORS, strict=False):
        p = judged.predictions[CANDIDATE][:, number]
        x, y, _ = roc_curve(judged.labels == number, p, sample_weight=judged.weights)
        name = f"{short(judged.task.classes[number])}, AUC {areas[number]:.3f}"
        axes.plot(x, y, label=name, color=color)
    drawing.add_legend(figure, _some(shown, known, "smallest AUC"))
    return figure


@styled
def class_rates(judged: Judged) -> "Figure":
    """Draw the candidate's precision and recall of each class, at most of the forty worst."""
    measured: Any = judged.metrics[CANDIDATE]
    names, found = zip(*measured.by_class.items(), strict=True)
    f1 = np.array([rates.f1 for rates in found], float)
    shown = np.sort(np.argsort(f1, kind="stable")[:MOST_ROWS])  # NaN comes last
    figure, axes = drawing.new_rows([names[number] for number in shown], "share of rows", 3)
    for rate, (text, style) in RATES.items():
        values = np.array([getattr(found[number], rate) for number in shown], float)
        axes.plot(values, range(len(shown)), label=text, linestyle="none", **style)
    axes.set_xlim(-0.02, 1.02)
    drawing.add_legend(figure, _some(shown, names, "lowest F1"))
    return figure


@styled
def confusion_matrix(judged: Judged) -> "Figure":
    """Draw which classes the candidate takes for which; of many, the commonest confusions."""
    measured: Any = judged.metrics[CANDIDATE]
    counts = np.array(measured.confusion_matrix)
    rows = counts.sum(axis=1)
    shares = counts / np.maximum(rows, 1e-9)[:, None]
    if len(rows) > MOST_CELLS:
        return _commonest_confusions(counts, shares, judged)
    few = len(rows) <= MOST_CELLS // 2
    axis = "predicted" if few else "predicted, in % of the actual class's rows"
    height = 1.2 + max(2.0, 0.32 * len(rows))
    figure, axes = drawing.new_axes(axis, "actual", height)
    texts = [f"{100 * share:.{int(few)}f}" if few or share else "" for share in shares.flat]
    if few:
        both = zip(counts.flat, texts, strict=True)
        texts = [f"{drawing.in_full(count)}\n{text} %" for count, text in both]
    drawing.draw_cells(axes, shares, 1, 9, texts)
    names = [short(name, 14) for name in judged.task.classes]
    places = np.arange(len(names)) + 0.5
    axes.set_xticks(places, names, **(TILTED if sum(map(len, names)) > 30 else {}))
    actual = zip(names, rows, strict=True)
    axes.set_yticks(places, [f"{name} ({drawing.in_full(count)})" for name, count in actual])
    return figure


def _commonest_confusions(counts: np.ndarray, shares: np.ndarray, judged: Judged) -> "Figure":
    """Draw how many rows of a class are taken for another one, of the fifteen commonest pairs."""
    wrong = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    commonest = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = [divmod(int(place), len(counts)) for place in commonest if wrong.flat[place]]
    classes = [*map(short, judged.task.classes)]
    axis = (
        f"rows, with their share of the actual class; {drawing.in_full(wrong.sum())} of "
        f"{drawing.in_full(counts.sum())} rows are taken for another class, in "
        f"{np.sum(wrong > 0)} ways, of which {len(pairs)} are shown"
    )
    figure, axes = drawing.new_rows([""] * len(pairs), axis)
    figure.set_figheight(1.2 + 2 * drawing.LEGEND_LINE * max(3, len(pairs)))
    axes.set_yticks(range(len(pairs)), [f"{classes[a]}\n→ {classes[b]}" for a, b in pairs])
    values = [wrong[pair] for pair in pairs]
    bars = axes.barh(range(len(pairs)), values, color=COLORS[CANDIDATE], height=0.7)
    axes.bar_label(bars, [f"{100 * shares[pair]:.0f} %" for pair in pairs], padding=3, fontsize=9)
    axes.margins(x=0.15)
    axes.locator_params(axis="x", integer=True)
    return figure


def _some(shown: Any, classes: Any, which: str) -> str | None:
    some, every = len(shown), len(classes)
    return f"the {some} of {every} classes with the {which}" if some < every else None
