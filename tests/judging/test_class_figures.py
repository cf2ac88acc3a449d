"""Each figure of more than two classes holds the data that it claims to show."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn import metrics as sk

from tabular_lstm.judging import figures
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.parameters import Evaluation, Task

DRAWN = Evaluation(bootstrap_resamples=100)


def judged(
    classes: int, count: int = 400, skill: float = 1.5, weights: np.ndarray | None = None
) -> Judged:
    """What a candidate of some skill says of rows of so many classes; the last one has none."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes - 1, count)
    logits = rng.normal(size=(count, classes))
    logits[np.arange(count), labels] += skill
    p = np.exp(logits)
    task = Task.of_classes([f"species {number:02}" for number in range(classes)])
    measured = Judged(labels, weights, task=task)
    return measured.with_models(
        {"candidate": p / p.sum(1, keepdims=True)}, {"candidate": None}, DRAWN
    )


def axes_of(figure: Figure) -> Axes:
    (axes,) = figure.axes
    return axes


def legend(figure: Figure) -> tuple[str, list[str]]:
    """The note above the legend, and the names of what is drawn."""
    (drawn,) = figure.legends
    return drawn.get_title().get_text(), [text.get_text() for text in drawn.get_texts()]


def test_each_class_that_has_rows_has_a_roc_curve_the_worst_first() -> None:
    rows = judged(4, weights=np.linspace(0.5, 1.5, 400))
    figure = figures.class_roc_curves(rows)
    p, w = rows.predictions["candidate"], rows.weights
    areas = {n: sk.roc_auc_score(rows.labels == n, p[:, n], sample_weight=w) for n in range(3)}
    worst_first = sorted(areas, key=areas.__getitem__)
    assert legend(figure) == ("", [f"species {n:02}, AUC {areas[n]:.3f}" for n in worst_first])
    for line, number in zip(axes_of(figure).lines, worst_first, strict=True):
        assert np.trapezoid(*reversed(line.get_data())) == pytest.approx(areas[number])


def test_of_many_classes_the_worst_have_curves_and_the_legend_says_so() -> None:
    rows = judged(50)
    note, names = legend(figures.class_roc_curves(rows))
    assert note == "the 8 of 49 classes with the smallest AUC"
    p = rows.predictions["candidate"]
    areas = [sk.roc_auc_score(rows.labels == n, p[:, n]) for n in range(49)]
    assert names == [f"species {n:02}, AUC {areas[n]:.3f}" for n in np.argsort(areas)[:8]]


@pytest.mark.parametrize("classes", [4, 20])
def test_confusions_are_shares_of_the_actual_class(classes: int) -> None:
    rows = judged(classes)
    axes = axes_of(figures.class_confusions(rows))
    decided = rows.predictions["candidate"].argmax(axis=1)
    counts = sk.confusion_matrix(rows.labels, decided, labels=range(classes))
    named = [label.get_text() for label in axes.get_yticklabels()]
    shown = [int(name.split()[1]) for name in named]
    of_actual = counts.sum(axis=1)
    assert named == [f"species {n:02} ({of_actual[n]})" for n in shown]
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    for (actual, taken), count in np.ndenumerate(counts[np.ix_(shown, shown)]):
        share = 100 * count / max(of_actual[shown[actual]], 1)
        assert texts[taken + 0.5, actual + 0.5] == (f"{share:.0f}" if count else "")
    assert axes.yaxis_inverted()
    errors = counts.sum(0) + of_actual - 2 * counts.diagonal()
    left_out = [n for n in range(classes) if n not in shown]
    assert len(shown) == min(classes, 12)
    if left_out:
        assert max(errors[left_out]) <= min(errors[shown])
        said = " ".join(axes.get_xlabel().split())
        assert said.endswith("; the 12 of 20 classes with the most errors")


def test_calibration_is_of_the_likeliest_class() -> None:
    rows = judged(3, skill=9)
    line = axes_of(figures.calibration_curve(rows)).lines[1]
    assert line.get_ydata()[-1] == 1
    assert axes_of(figures.calibration_curve(rows)).get_xlabel() == (
        "probability of the likeliest class"
    )
