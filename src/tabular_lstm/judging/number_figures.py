"""The figures of a number: predictions beside the truth, and how often intervals hold it."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_lstm.judging import drawing
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.drawing import COLORS, GREY, amounts, styled
from tabular_lstm.judging.intervals import CENTRAL
from tabular_lstm.judging.metrics import CANDIDATE
from tabular_lstm.rows.weights import count_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 500
# The upper twentieth of the values is so many times as far from the median as the lower one.
LONG_TAIL = 4


@styled
def predicted_and_true(judged: Judged) -> "Figure":
    """Draw the true numbers against the candidate's, with the line on which they are equal.

    Where numbers above 0 have a long tail, both axes go by powers of ten.
    """
    truth, predicted = judged.labels, judged.predictions[CANDIDATE][:, 0]
    chosen = np.sort(np.random.default_rng(0).permutation(len(truth))[:POINTS])
    by_chance = f"; {len(chosen)} of {len(truth):,} rows, chosen by chance"
    name = f"predicted{by_chance if len(chosen) < len(truth) else ''}"
    figure, axes = drawing.new_axes(name, "true", height=4, lines=2)
    low, middle, high = np.quantile(truth, [0.05, 0.5, 0.95])
    lowest, highest = (end([truth[chosen], predicted[chosen]]) for end in (np.min, np.max))
    if lowest > 0 and high - middle > LONG_TAIL * (middle - low):
        axes.set(xscale="log", yscale="log")
    axes.plot(*[[lowest, highest]] * 2, ":", color=GREY, label="predicted = true")
    dot: Any = {"s": 9, "alpha": 0.5, "linewidths": 0, "color": COLORS[CANDIDATE]}
    axes.scatter(predicted[chosen], truth[chosen], label="a row", **dot)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(amounts())
    drawing.add_legend(figure)
    return figure


@styled
def interval_coverage(judged: Judged, declared: float) -> "Figure":
    """Draw by tenths of the predictions how often the intervals hold; `declared` is how often."""
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


def _tenths(predicted: np.ndarray) -> list[np.ndarray]:
    """Give the places of the rows of each tenth, by rising prediction; fewer of few rows."""
    order = np.argsort(predicted, kind="stable")
    return np.array_split(order, min(10, max(1, len(order) // 10)))


def _share(judged: Judged, holds: np.ndarray, rows: np.ndarray) -> tuple[float, tuple[float, ...]]:
    """Give the share of rows that hold, and its 95 % interval, Wilson's."""
    from scipy.stats import binomtest  # noqa: PLC0415

    weights, groups = _of(judged.weights, rows), _of(judged.groups, rows)
    share = float(np.average(holds[rows], weights=weights))
    count = round(count_rows(rows, weights, groups))
    found = binomtest(round(share * count), count).proportion_ci(CENTRAL, "wilson")
    return share, (found.low, found.high)


def _of(values: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if values is None else values[rows]
