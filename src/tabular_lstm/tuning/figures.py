"""The figures of a tuning: numbers in, matplotlib figure out."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_lstm.judging.drawing import GREY, add_legend, name_rows, new_figure, wrapped
from tabular_lstm.judging.figures import COLORS, styled
from tabular_lstm.judging.names import CANDIDATE
from tabular_lstm.parameters import Range
from tabular_lstm.tuning.found import ENOUGH, LOSS, BestParameters, Study, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOR, PRESENT = COLORS[CANDIDATE], "#D55E00"
# Inches.
HEIGHT, PANEL, BAR = 3.9, 1.55, 0.25


@styled
def history(study: Study, found: BestParameters) -> "Figure":
    """Draw the loss of each trial, and the best so far."""
    figure, (axes,) = new_figure(HEIGHT)
    axes.set(xlabel="trial", ylabel=LOSS)
    axes.locator_params(axis="x", integer=True)
    numbers = [trial.number for trial in study.complete]
    losses = [found_loss(trial.log_loss) for trial in study.complete]
    axes.plot(numbers, losses, "o", color=COLOR, markersize=5, label="a trial")
    best = np.minimum.accumulate(losses)
    axes.plot(numbers, best, drawstyle="steps-post", color=COLOR, label="the best so far")
    axes.axhline(
        found.present.log_loss, linestyle=":", color=PRESENT, label="with the present parameters"
    )
    if early := [trial.number for trial in study.trials if trial.log_loss is None]:
        # At the top, because their loss is not known.
        axes.plot(
            early,
            [0.98] * len(early),
            "x",
            transform=axes.get_xaxis_transform(),
            color=GREY,
            label="given up early; how high means nothing",
        )
    add_legend(figure)
    return figure


@styled
def importances(study: Study) -> "Figure":
    """Draw each parameter's share of how the loss varies, the largest on top."""
    shares = study.importances
    figure, (axes,) = new_figure(1.2 + BAR * max(3, len(shares)))
    said = (
        f"share of the variance, by fANOVA of {len(study.complete)} complete trials"
        if shares
        else f"{len(study.complete)} complete trials are too few to tell: it takes {ENOUGH}"
    )
    figure.supxlabel(wrapped(said), fontsize="medium")
    axes.barh(range(len(shares)), list(shares.values()), color=COLOR, height=0.7)
    name_rows(figure, axes, [short_name(name) for name in shares])
    axes.set_ylim(max(3, len(shares)) - 0.4, -0.6)
    axes.set_xlim(left=0)
    return figure


@styled
def slices(study: Study, found: BestParameters, space: Mapping[str, Range]) -> "Figure":
    """Draw the loss of complete trials against each parameter."""
    figure, panels = new_figure(0.9 + PANEL * len(space), panels=len(space))
    figure.supylabel(LOSS, fontsize="medium")
    best, present = (study.trials[m.trial - 1] for m in (found.best, found.present))
    marked: dict[str, tuple[Sequence[Trial], str, str, int]] = {
        "a trial": (study.complete, "o", COLOR, 4),
        "the best": ([best], "*", COLOR, 13),
        "the present parameters": ([present], "D", PRESENT, 5),
    }
    for axes, (name, where) in zip(panels, space.items(), strict=True):
        _lay_out(axes, where)
        axes.margins(y=0.15)
        axes.set_xlabel(short_name(name), labelpad=1)
        for label, (trials, marker, color, size) in marked.items():
            axes.plot(
                [_x(where, trial.numbers.get(name)) for trial in trials],
                [found_loss(trial.log_loss) for trial in trials],
                marker,
                color=color,
                markersize=size,
                markeredgecolor="white",
                markeredgewidth=0.6,
                # One legend for all panels.
                label=label if axes is panels[0] else None,
            )
    add_legend(figure)
    return figure


def short_name(name: str) -> str:
    """Give the last part of a parameter's name, which no other that can be tuned has."""
    return name.rpartition(".")[2]


def found_loss(log_loss: float | None) -> float:
    """Give a loss that is known."""
    return np.nan if log_loss is None else log_loss


def _lay_out(axes: "Axes", where: Range) -> None:
    if where.choices is not None:
        texts = [json.dumps(choice) for choice in where.choices]
        axes.set_xticks(range(len(texts)), texts)
        axes.set_xlim(-0.5, len(texts) - 0.5)
        return
    axes.axvspan(*where.bounds, alpha=0)  # so that all of the space is shown
    if where.log:
        axes.set_xscale("log", subs=[2, 3, 4, 5, 6, 7, 8, 9])
        axes.xaxis.get_major_locator().set_params(subs=(1, 3))  # type: ignore[call-arg]
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")


def _x(where: Range, value: Any) -> float:
    """Give the place of a value on the axis; NaN where it has none there."""
    if where.choices is not None:
        return where.choices.index(value) if value in where.choices else np.nan
    return np.nan if value is None else float(value)
