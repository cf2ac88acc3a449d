"""Each figure of a number holds the data that it claims to show."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import binomtest

from tabular_lstm.judging import figures
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.importance import Importance, Lost
from tabular_lstm.parameters import NUMBER, Evaluation, Task

HISTORY = {"loss": [0.7, 0.6], "validation_loss": [0.65, 0.66], "best_epoch": 1, "coverage": 0.8}
IMPORTANCE = Importance(rows=9, shuffles=2, measure="r2", features={"a": Lost(mean=0.3, std=0.1)})


def judged(labels: np.ndarray, predicted: np.ndarray, half: float = 1.0) -> Judged:
    """What a candidate, with intervals so wide to each side, and the mean say of labels."""
    models = {"candidate": predicted, "mean": np.full(len(labels), labels.mean())}
    intervals = {name: np.stack([p, p - half, p + half], 1) for name, p in models.items()}
    measured = Judged(labels, task=Task(kind=NUMBER))
    return measured.with_models(
        intervals, dict.fromkeys(models), Evaluation(bootstrap_resamples=100)
    )


def normal(count: int = 300) -> Judged:
    rng = np.random.default_rng(0)
    predicted = rng.normal(size=count)
    return judged(predicted + rng.normal(0, 0.7, count), predicted)


def axes_of(figure: Figure) -> Axes:
    (axes,) = figure.axes
    return axes


def points_of(figure: Figure) -> np.ndarray:
    (*_, points) = [found for found in axes_of(figure).collections if len(found.get_offsets()) > 1]
    return np.asarray(points.get_offsets())


def test_a_run_of_a_number_has_its_figures() -> None:
    drawn = figures.figures_of(HISTORY, normal(), IMPORTANCE)
    assert set(drawn) == {
        "learning_curves",
        "predicted_and_true",
        "errors_by_prediction",
        "interval_coverage",
        "importance_chart",
    }
    assert axes_of(drawn["learning_curves"]).get_ylabel() == "quantile loss, in standard deviations"
    assert str(drawn["importance_chart"].get_supxlabel()).startswith("R² lost when shuffled")


def test_each_row_is_a_point() -> None:
    rows = normal()
    predicted = rows.predictions["candidate"][:, 0]
    figure = figures.predicted_and_true(rows)
    np.testing.assert_allclose(points_of(figure), np.stack([predicted, rows.labels], 1))
    axes = axes_of(figure)
    assert axes.get_xlim() == axes.get_ylim()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")


def test_errors_are_drawn_by_prediction_with_the_median_of_each_tenth() -> None:
    rows = normal()
    predicted = rows.predictions["candidate"][:, 0]
    figure = figures.errors_by_prediction(rows)
    both = np.stack([predicted, rows.labels - predicted], 1)
    np.testing.assert_allclose(points_of(figure), both)
    zero, medians = axes_of(figure).lines
    assert set(zero.get_ydata()) == {0}
    tenths = both[np.argsort(predicted)].reshape(10, 30, 2)
    np.testing.assert_allclose(np.stack(medians.get_data(), 1), np.median(tenths, axis=1))


def test_of_many_rows_some_are_drawn_and_those_far_out_are_counted() -> None:
    rows = normal(2000)
    figure = figures.predicted_and_true(rows)
    assert len(points_of(figure)) == 500
    assert axes_of(figure).get_xlabel() == "predicted; 500 of 2,000 rows, chosen at random"
    rows.labels[:3] = 1e9
    rows = judged(rows.labels, rows.predictions["candidate"][:, 0])
    for draw in (figures.predicted_and_true, figures.errors_by_prediction):
        axes = axes_of(draw(rows))
        said = " ".join(axes.get_xlabel().split())
        assert said.endswith("rows, chosen at random; beyond the edges: 3 of 2,000 rows")
        assert axes.get_ylim()[1] < 10


def test_a_label_with_a_long_tail_is_shown_by_its_powers_of_ten() -> None:
    price = np.exp(11 + np.random.default_rng(0).normal(size=500))
    axes = axes_of(figures.predicted_and_true(judged(price, price * 1.1)))
    assert axes.get_xscale() == axes.get_yscale() == "log"
    axes = axes_of(figures.errors_by_prediction(judged(price, price * 1.1)))
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    assert axes_of(figures.predicted_and_true(normal())).get_xscale() == "linear"


def test_coverage_is_of_each_tenth_of_the_predictions_with_its_interval() -> None:
    rows = normal()
    predicted, low, high = rows.predictions["candidate"].T
    axes = axes_of(figures.interval_coverage(rows, 0.8))
    declared, shares = axes.lines
    assert set(declared.get_ydata()) == {0.8}
    holds = ((low <= rows.labels) & (rows.labels <= high))[np.argsort(predicted)].reshape(10, 30)
    np.testing.assert_allclose(shares.get_ydata(), holds.mean(axis=1))
    (bars,) = axes.collections
    for ends, held in zip(bars.get_segments(), holds.sum(axis=1), strict=True):  # type: ignore[attr-defined]
        expected = binomtest(int(held), 30).proportion_ci(method="wilson")
        assert ends[:, 1] == pytest.approx([expected.low, expected.high])


@pytest.mark.parametrize("rows", [judged(np.arange(4.0), np.full(4, 2.0)), normal(12)])
def test_few_rows_and_one_prediction_for_all_can_be_drawn(rows: Judged) -> None:
    for figure in figures.figures_of(HISTORY, rows, IMPORTANCE).values():
        figure.canvas.draw()
