"""Each figure of more than two classes holds the data that it claims to show."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn import metrics as sk

from tabular_lstm.judging import class_figures, figures
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
    """What stands above the names of what is drawn, and these."""
    (drawn,) = figure.legends
    return drawn.get_title().get_text(), [text.get_text() for text in drawn.get_texts()]


def names(figure: Figure) -> list[str]:
    """The names of the rows, from top to bottom."""
    return [label.get_text() for label in axes_of(figure).get_yticklabels()]


def test_each_class_that_has_rows_has_a_roc_curve_the_worst_first() -> None:
    rows = judged(4)
    figure = class_figures.class_roc_curves(rows)
    p = rows.predictions["candidate"]
    areas = {n: sk.roc_auc_score(rows.labels == n, p[:, n]) for n in range(3)}
    worst_first = sorted(areas, key=areas.__getitem__)
    assert legend(figure) == ("", [f"species {n:02}, AUC {areas[n]:.3f}" for n in worst_first])
    for line, number in zip(axes_of(figure).lines, worst_first, strict=True):
        assert np.trapezoid(*reversed(line.get_data())) == pytest.approx(areas[number])


def test_of_many_classes_the_worst_are_shown_and_it_says_so() -> None:
    rows = judged(50)
    title, curves = legend(class_figures.class_roc_curves(rows))
    assert title == "the 8 of 49 classes with the smallest AUC"
    assert len(curves) == 8
    figure = class_figures.class_rates(rows)
    title, _ = legend(figure)
    assert title == "the 40 of 50 classes with the lowest F1"
    by_class = {name: rates.f1 or 0 for name, rates in rows.metrics["candidate"].by_class.items()}  # type: ignore[union-attr]
    shown = names(figure)
    assert shown == sorted(shown)
    left_out = [f1 for name, f1 in by_class.items() if name not in shown and name != "species 49"]
    assert max(by_class[name] for name in shown) <= min(left_out)


def test_rates_are_those_of_each_class_and_none_where_there_are_no_rows() -> None:
    rows = judged(4)
    figure = class_figures.class_rates(rows)
    decided = rows.predictions["candidate"].argmax(axis=1)
    assert names(figure) == [f"species {number:02}" for number in range(4)]
    for line, score in zip(
        axes_of(figure).lines, (sk.precision_score, sk.recall_score), strict=True
    ):
        expected = score(rows.labels, decided, labels=range(4), average=None, zero_division=np.nan)
        np.testing.assert_allclose(line.get_xdata(), expected)
        assert list(line.get_ydata()) == [0, 1, 2, 3]
    assert np.isnan(expected[3])


@pytest.mark.parametrize("classes", [4, 9])
def test_confusions_are_shares_of_the_actual_class(classes: int) -> None:
    rows = judged(classes)
    axes = axes_of(class_figures.confusion_matrix(rows))
    decided = rows.predictions["candidate"].argmax(axis=1)
    counts = sk.confusion_matrix(rows.labels, decided, labels=range(classes))
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    of_actual = counts.sum(axis=1)
    for (actual, taken), count in np.ndenumerate(counts):
        share = 100 * count / max(of_actual[actual], 1)
        expected = f"{count}\n{share:.1f} %" if classes == 4 else (f"{share:.0f}" if count else "")
        assert texts[taken + 0.5, actual + 0.5] == expected
    assert axes.yaxis_inverted()
    named = [label.get_text() for label in axes.get_yticklabels()]
    assert named == [f"species {n:02} ({of_actual[n]})" for n in range(classes)]


def test_of_many_classes_the_commonest_confusions_are_bars() -> None:
    rows = judged(20)
    figure = class_figures.confusion_matrix(rows)
    decided = rows.predictions["candidate"].argmax(axis=1)
    wrong = sk.confusion_matrix(rows.labels, decided, labels=range(20))
    np.fill_diagonal(wrong, 0)
    bars = [bar.get_width() for bar in axes_of(figure).patches]
    assert bars == sorted(wrong.ravel(), reverse=True)[:15]
    for name, length in zip(names(figure), bars, strict=True):
        actual, taken = (int(part[-2:]) for part in name.split("\n→ "))
        assert wrong[actual, taken] == length
    said = str(figure.get_supxlabel()).replace("\n", " ")
    assert f"{wrong.sum()} of 400 rows are taken for another class" in said


def test_certainty_is_of_the_likeliest_class_where_it_is_right_and_where_it_is_wrong() -> None:
    weights = np.linspace(0.5, 1.5, 400)
    rows = judged(4, weights=weights)
    figure = figures.certainty(rows)
    p = rows.predictions["candidate"]
    right = p.argmax(axis=1) == rows.labels
    assert legend(figure)[1] == [
        f"it is wrong: {np.sum(~right)} rows",
        f"it is right: {np.sum(right)} rows",
    ]
    for stairs, of_kind in zip(axes_of(figure).patches, (~right, right), strict=True):
        counts, _ = np.histogram(p.max(1)[of_kind], 20, (0, 1), weights=weights[of_kind])
        np.testing.assert_allclose(stairs.get_data().values, counts / counts.sum())  # type: ignore[attr-defined]


def test_calibration_is_of_the_likeliest_class() -> None:
    rows = judged(3, skill=9)
    line = axes_of(figures.calibration_curve(rows)).lines[1]
    assert line.get_ydata()[-1] == 1
    assert axes_of(figures.calibration_curve(rows)).get_xlabel() == (
        "probability of the likeliest class"
    )
