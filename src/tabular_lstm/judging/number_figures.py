"""The figures of a number: the errors of predictions, and how often intervals contain the label."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_lstm.judging import drawing
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.drawing import COLORS, GREY, ORANGE, amounts, styled
from tabular_lstm.judging.metrics import CANDIDATE
from tabular_lstm.rows.weights import count_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 500
# The 95 % quantile is this many times as far from the median as the 5 % quantile.
LONG_TAIL = 4
FAR = 1.0  # from the middle 90 % of the values, in units of their range


@styled
def predicted_and_true(judged: Judged) -> "Figure":
    """Draw the true numbers against the candidate's, with the line on which they are equal."""
    truth, predicted = judged.labels, judged.predictions[CANDIDATE][:, 0]
    figure, axes = drawing.new_axes("", "true", height=4, lines=2)
    both = np.concatenate([truth, predicted])
    ends = [_fit(axes, which, both) for which in ("x", "y")]
    axes.plot(*ends, ":", color=GREY, label="predicted = true")
    _add_points(axes, predicted, truth)
    drawing.add_legend(figure)
    return figure


@styled
def errors_by_prediction(judged: Judged) -> "Figure":
    """Draw the candidate's errors against its predictions, with the median of each tenth."""
    predicted = judged.predictions[CANDIDATE][:, 0]
    error = judged.labels - predicted
    figure, axes = drawing.new_axes("", "error: true - predicted", lines=2)
    _fit(axes, "x", predicted)
    _fit(axes, "y", error, by_powers=False)
    axes.axhline(0, linestyle=":", color=GREY)
    _add_points(axes, predicted, error)
    medians = [(np.median(predicted[rows]), np.median(error[rows])) for rows in _tenths(predicted)]
    axes.plot(*zip(*medians, strict=True), "o-", color=ORANGE, label="median of each tenth of rows")
    drawing.add_legend(figure)
    return figure


@styled
def interval_coverage(judged: Judged, declared: float) -> "Figure":
    """Draw how often the intervals contain the label, by tenths of the predictions."""
    predicted, low, high = judged.predictions[CANDIDATE].T
    holds, tenths = (low <= judged.labels) & (judged.labels <= high), _tenths(predicted)
    axes_names = "predicted, median of each tenth of the rows", "rows within their interval"
    figure, axes = drawing.new_axes(*axes_names)
    axes.axhline(declared, linestyle=":", color=GREY)
    said = f"dotted: declared, {100 * declared:g} %"
    axes.text(0, 1.02, said, transform=axes.transAxes, color=GREY, fontsize=9)
    shares, ends = zip(*(_share(judged, holds, rows) for rows in tenths), strict=True)
    axes.vlines(range(len(tenths)), *np.transpose(ends), color=COLORS[CANDIDATE])
    axes.plot(shares, "o", color=COLORS[CANDIDATE])
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.4g} %")
    names = [amounts()(float(f"{np.median(predicted[rows]):.3g}")) for rows in tenths]
    axes.set_xticks(range(len(tenths)), names, rotation=45)
    axes.set_xlim(-0.6, len(tenths) - 0.4)
    return figure


def _add_points(axes: "Axes", x: np.ndarray, y: np.ndarray) -> None:
    """Draw a point for each row of a sample, and write how many rows are not shown."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    beyond = int(np.sum((x < left) | (x > right) | (y < low) | (y > high)))
    chosen = np.sort(np.random.default_rng(0).permutation(len(x))[:POINTS])
    by_chance = f"; {len(chosen)} of {len(x):,} rows, chosen at random"
    edges = f"; beyond the edges: {beyond:,} of {len(x):,} rows"
    said = f"predicted{by_chance * (len(chosen) < len(x))}{edges * (beyond > 0)}"
    axes.set_xlabel(drawing.wrapped(said))
    dot: Any = {"s": 9, "alpha": 0.5, "linewidths": 0, "color": COLORS[CANDIDATE]}
    axes.scatter(x[chosen], y[chosen], label="a row", **dot)


def _fit(
    axes: "Axes", which: str, values: np.ndarray, *, by_powers: bool = True
) -> tuple[float, float]:
    """Fit an axis, x or y, to all values but outliers, and return its ends.

    With `by_powers`, positive values with a long tail get a logarithmic axis.
    """
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    powers = by_powers and low > 0 and high - middle > LONG_TAIL * (middle - low)
    known = np.log(values[values > 0]) if powers else values
    low, high = np.quantile(known, [0.05, 0.95])
    reach = FAR * (high - low) or np.inf
    near = known[(known >= low - reach) & (known <= high + reach)]
    room = 0.05 * np.ptp(near) or 1.0
    ends = near.min() - room, near.max() + room
    if powers:
        ends = float(np.exp(ends[0])), float(np.exp(ends[1]))
        axes.set(**{f"{which}scale": "log"})
    axes.set(**{f"{which}lim": ends})
    getattr(axes, f"{which}axis").set_major_formatter(amounts())
    return ends


def _tenths(predicted: np.ndarray) -> list[np.ndarray]:
    """Return the rows' places of each tenth, by rising prediction; few rows make fewer parts."""
    order = np.argsort(predicted, kind="stable")
    return np.array_split(order, min(10, max(1, len(order) // 10)))


def _share(judged: Judged, holds: np.ndarray, rows: np.ndarray) -> tuple[float, tuple[float, ...]]:
    weights, groups = _of(judged.weights, rows), _of(judged.groups, rows)
    share = float(np.average(holds[rows], weights=weights))
    return share, drawing.share_interval(share, count_rows(rows, weights, groups))


def _of(values: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if values is None else values[rows]
