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
MOST_CELLS = 12
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
    worst = _some(shown, known, "smallest AUC")
    axes_names = f"false positive rate{worst}", "true positive rate"
    figure, axes = drawing.new_unit_square(*axes_names, len(shown))
    for number, color in zip(shown, CLASS_COLORS, strict=False):
        p = judged.predictions[CANDIDATE][:, number]
        x, y, _ = roc_curve(judged.labels == number, p, sample_weight=judged.weights)
        name = f"{short(judged.task.classes[number])}, AUC {areas[number]:.3f}"
        axes.plot(x, y, label=name, color=color)
    drawing.add_legend(figure)
    return figure


@styled
def confusion_matrix(judged: Judged) -> "Figure":
    """Draw which classes the candidate takes for which; of many classes, the most confused."""
    measured: Any = judged.metrics[CANDIDATE]
    counts = np.array(measured.confusion_matrix)
    rows = counts.sum(axis=1)
    confused = rows + counts.sum(axis=0) - 2 * counts.diagonal()
    shown = np.sort(np.argsort(-confused, kind="stable")[:MOST_CELLS])
    shares = (counts / np.maximum(rows, 1e-9)[:, None])[np.ix_(shown, shown)]
    most = _some(shown, rows, "most errors")
    axis = drawing.wrapped(f"predicted, in % of the actual class's rows{most}")
    figure, axes = drawing.new_axes(axis, "actual", 1.2 + max(2.0, 0.32 * len(shown)))
    texts = [f"{100 * share:.0f}" if share else "" for share in shares.flat]
    drawing.draw_cells(axes, shares, 1, 9, texts)
    names = [short(judged.task.classes[number], 14) for number in shown]
    places = np.arange(len(names)) + 0.5
    axes.set_xticks(places, names, **(TILTED if sum(map(len, names)) > 30 else {}))
    actual = zip(names, rows[shown], strict=True)
    axes.set_yticks(places, [f"{name} ({drawing.in_full(count)})" for name, count in actual])
    return figure


def _some(shown: Any, classes: Any, which: str) -> str:
    some, every = len(shown), len(classes)
    return f"; the {some} of {every} classes with the {which}" if some < every else ""
