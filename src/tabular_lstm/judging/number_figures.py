"""The figures of a number: how far predictions are off, and how often intervals hold the truth."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_lstm.judging import drawing
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.drawing import COLORS, GREY, ORANGE, amounts, styled
from tabular_lstm.judging.intervals import CENTRAL, NORMAL
from tabular_lstm.judging.metrics import CANDIDATE, MODELS
from tabular_lstm.rows.weights import count_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 500
# The upper twentieth of the values is so many times as far from the median as the lower one.
LONG_TAIL = 4
FAR = 1.0  # from the middle nine tenths of the values, in times of their range


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
    predicted, low, high = judged.predictions[CANDIDATE].T
    error = judged.labels - predicted
    figure, axes = drawing.new_axes("", "error: true - predicted", lines=3)
    _fit(axes, "x", predicted)
    _fit(axes, "y", error, by_powers=False)
    axes.axhline(0, linestyle=":", color=GREY)
    _add_points(axes, predicted, error)
    tenths = _tenths(predicted)
    middle, off, below, above = (
        [_quantiles(values[rows], 0.5, _of(judged.weights, rows)) for rows in tenths]
        for values in (predicted, error, low - predicted, high - predicted)
    )
    band: Any = {"color": COLORS[CANDIDATE], "alpha": 0.15, "linewidth": 0}
    axes.fill_between(middle, below, above, label="interval, median of each tenth", **band)
    axes.plot(middle, off, "o-", color=ORANGE, label="error, median of each tenth of the rows")
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
    names = [_short(np.median(predicted[rows])) for rows in tenths]
    axes.set_xticks(range(len(tenths)), names, rotation=45)
    axes.set_xlim(-0.6, len(tenths) - 0.4)
    return figure


@styled
def absolute_errors(judged: Judged) -> "Figure":
    """Draw of every model which share of the rows it predicts with at most so large an error."""
    axes_names = "error, without its sign", "share of rows up to that error"
    figure, axes = drawing.new_axes(*axes_names, lines=len(judged.predictions))
    steps = np.linspace(0, 1, 201)
    for name, predictions in judged.predictions.items():
        errors = _quantiles(abs(judged.labels - predictions[:, 0]), steps, judged.weights)
        named = f"{MODELS[name]}, median {_short(errors[100])}"
        axes.plot(errors, steps, label=named, color=COLORS[name])
        if name == CANDIDATE:
            axes.set(xlim=(0, 2 * errors[180] or None), ylim=(0, 1.02))
    axes.xaxis.set_major_formatter(amounts())
    drawing.add_legend(figure)
    return figure


def _add_points(axes: "Axes", x: np.ndarray, y: np.ndarray) -> None:
    """Draw a point for each row, or each of a sample, and say how many and which are not seen."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    beyond = int(np.sum((x < left) | (x > right) | (y < low) | (y > high)))
    chosen = np.sort(np.random.default_rng(0).permutation(len(x))[:POINTS])
    said = "predicted"
    if len(chosen) < len(x):
        said += f"; {len(chosen):,} of {len(x):,} rows, chosen by chance"
    if beyond:
        said += f"; {beyond:,} of {len(x):,} rows are beyond the edges"
    axes.set_xlabel(drawing.wrapped(said))
    dot: Any = {"s": 9, "alpha": 0.5, "linewidths": 0, "color": COLORS[CANDIDATE]}
    axes.scatter(x[chosen], y[chosen], label="a row", **dot)


def _fit(
    axes: "Axes", which: str, values: np.ndarray, *, by_powers: bool = True
) -> tuple[float, float]:
    """Let an axis, x or y, show all values, but for those that are far out; and give its ends.

    Where values above 0 have a long tail, it goes by powers of ten if it may.
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
    """Give the places of the rows of each tenth, by rising prediction; fewer of few rows."""
    order = np.argsort(predicted, kind="stable")
    return np.array_split(order, min(10, max(1, len(order) // 10)))


def _share(judged: Judged, holds: np.ndarray, rows: np.ndarray) -> tuple[float, tuple[float, ...]]:
    """Give the share of rows that hold, and its 95 % interval.

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal
    of the American Statistical Association 22, 1927.
    """
    weights, groups = _of(judged.weights, rows), _of(judged.groups, rows)
    share, n = float(np.average(holds[rows], weights=weights)), count_rows(rows, weights, groups)
    z2 = NORMAL.inv_cdf((1 + CENTRAL) / 2) ** 2
    off = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2)))
    return share, tuple((share + z2 / (2 * n) + side * off) / (1 + z2 / n) for side in (-1, 1))


def _quantiles(values: np.ndarray, at: Any, weights: np.ndarray | None) -> np.ndarray:
    how: Any = {} if weights is None else {"weights": weights, "method": "inverted_cdf"}
    return np.asarray(np.quantile(values, at, **how))


def _of(values: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if values is None else values[rows]


def _short(value: float) -> str:
    return amounts()(float(f"{value:.3g}"))
