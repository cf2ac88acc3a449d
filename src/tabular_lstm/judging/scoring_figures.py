"""The figures of a scoring: the predictions of new rows, and the reasons of the quarantine."""

from typing import TYPE_CHECKING

import numpy as np

from tabular_lstm.judging import drawing
from tabular_lstm.judging.drawing import CLASS_COLORS, COLORS, GREY, SHOWN, amounts, styled
from tabular_lstm.judging.metrics import CANDIDATE

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def scored_probabilities(histograms: dict[str, list[int]], threshold: float) -> "Figure":
    """Draw a histogram of the probabilities of new rows, by decision.

    `histograms` has for each decided label the number of rows in equal bins from 0 to 1; the
    negative label comes first. The bars are stacked.
    """
    figure, axes = drawing.new_axes("predicted probability", "rows", lines=2)
    axes.set_xlim(0, 1)
    below = np.zeros(len(next(iter(histograms.values()))))
    edges = np.linspace(0, 1, len(below) + 1)
    for (label, rows), color in zip(histograms.items(), CLASS_COLORS, strict=True):
        name = f"called {drawing.short(label)}: {sum(rows):,} {'row' if sum(rows) == 1 else 'rows'}"
        top = below + rows
        axes.stairs(top, edges, baseline=below, fill=True, color=color, label=name)
        below = top
    axes.locator_params(axis="y", integer=True)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    drawing.mark(axes, threshold, "decision threshold")
    drawing.add_legend(figure)
    return figure


@styled
def scored_decisions(decisions: dict[str, int]) -> "Figure":
    """Draw how many new rows each class has, the commonest class on top, at most thirty."""
    commonest = sorted(decisions.items(), key=lambda called: -called[1])[:SHOWN]
    of_all = f"; {len(commonest)} of {len(decisions)} classes"
    axis = f"rows of this decision{of_all if len(commonest) < len(decisions) else ''}"
    figure, axes = drawing.new_bars(dict(commonest), axis, COLORS[CANDIDATE])
    axes.locator_params(axis="x", integer=True)
    return figure


@styled
def scored_numbers(bins: list[int], ends: tuple[float, float]) -> "Figure":
    """Draw a histogram of the numbers predicted for new rows, in equal bins between the ends."""
    figure, axes = drawing.new_axes("predicted; the outer bars hold all rows beyond", "rows")
    axes.stairs(bins, np.linspace(*ends, len(bins) + 1), fill=True, color=COLORS[CANDIDATE])
    axes.locator_params(axis="y", integer=True)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(amounts())
    return figure


@styled
def quarantine_reasons(reasons: dict[str, int], quarantined: int, rows: int) -> "Figure":
    """Draw why `quarantined` of `rows` are in quarantine: cells by reason, the commonest on top."""
    axis = f"cells; {quarantined:,} of {rows:,} rows are in quarantine"
    figure, axes = drawing.new_bars(dict(list(reasons.items())[:SHOWN]), axis, GREY)
    axes.set_xlim(0, 1.05 * max([1, *reasons.values()]))
    axes.locator_params(axis="x", integer=True)
    return figure
