"""The page that says whether the champion is well: one HTML file that fetches nothing.

Text and layout are in `monitoring.html.jinja`. This module fills them in, and draws its figures.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_lstm.judging import drawing
from tabular_lstm.judging.drawing import COLORS, INK, ORANGE, SKY, amounts, can_draw, styled, to_svg
from tabular_lstm.judging.metrics import CANDIDATE, IN_UNITS, METRICS, WORSE
from tabular_lstm.judging.pages import images, template
from tabular_lstm.monitoring.drift import NAMED, Shift, writer_of
from tabular_lstm.monitoring.health import Health, ScoringHealth, cannot_tell
from tabular_lstm.monitoring.performance import Estimate
from tabular_lstm.monitoring.reference import Profile, Reference

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LISTED = 30  # scorings in the table
DRAWN = 60  # scorings in the figure
DISTRIBUTIONS = 8
CATEGORIES = 12
TICKS = 4
WIDTH = 4.2  # inches: the width of a phone, so that text is not scaled down
PANEL, LEGEND, BAR = 1.55, 1.4, 0.19  # inches
BLUE, VERMILION = COLORS[CANDIDATE], "#D55E00"
BEFORE = "#c6ccd3"  # the reference, behind the new rows


def page(health: Health, reference: Reference | None, title: str | None) -> str:
    """Write the page; without matplotlib it has no figures, and says so.

    Args:
        health: What a monitoring found.
        reference: The reference of the newest scoring's champion; None if there is none.
        title: The report's title; None if conf has none.
    """
    profiles = reference.features | reference.scores if reference else {}
    moved = health.newest.moved if health.newest else {}
    distributions, over_time = {}, None
    for name, shift in [*moved.items()][:DISTRIBUTIONS] if can_draw() else []:
        if name in profiles and len(shift.counts) == len(profiles[name].counts):
            figure = distribution(profiles[name], shift)
            distributions[name] = to_svg(figure, drawing.short(name, 36))
    if len(health.scorings) > 1 and can_draw():
        over_time = to_svg(draw_over_time(health), "Scorings, the newest at the right")
    return template("monitoring", "monitoring.html.jinja").render(
        health=health,
        state=_state(health),
        scored=any(scoring.champion == health.champion for scoring in health.scorings),
        title=title,
        metrics=_metrics(health),
        metric_names=METRICS,
        over_time=images({"": over_time})[""] if over_time else None,
        can_draw=can_draw(),
        moved=moved,
        named=NAMED,
        distributions=images(distributions),
        listed=health.scorings[: -LISTED - 1 : -1],
    )


def _state(health: Health) -> str:
    """Return `alarm`, `well`, or `unknown` if nothing is known about the serving champion."""
    if health.alarm:
        return "alarm"
    return "well" if health.serving.real or not cannot_tell(health.newest) else "unknown"


def _metrics(health: Health) -> list[str]:
    """Return the expected or real metrics of any scoring, in the order of all metrics."""
    names = {name for scoring in health.scorings for name in (*scoring.expected, *scoring.real)}
    return [name for name in METRICS if name in names and name in WORSE]


@styled
def draw_over_time(health: Health) -> "Figure":
    """Draw rows, what moved, and expected, real and promised metrics of the newest scorings."""
    scorings, metrics = health.scorings[-DRAWN:], _metrics(health)
    places = np.arange(len(scorings))
    figure, panels = drawing.new_figure(LEGEND + PANEL * (2 + len(metrics)), 2 + len(metrics))
    figure.set_figwidth(WIDTH)
    rows, moved, *metric_panels = panels
    rows.set_title("rows", loc="left", fontsize=9)
    rows.bar(places, [scoring.scored_rows for scoring in scorings], color=SKY, label="scored rows")
    labelled_rows = [scoring.labelled_rows for scoring in scorings]
    rows.bar(places, labelled_rows, 0.5, color=BLUE, label="of them, labelled so far")
    rows.yaxis.set_major_formatter(amounts())
    counts = [scoring.moved or 0 for scoring in scorings]
    moved.set_title("features and scores that moved", loc="left", fontsize=9)
    moved.bar(places, counts, color=VERMILION)
    moved.set_ylim(0, 1.1 * max(1, *counts))
    moved.locator_params(axis="y", integer=True, nbins=4)
    for axes, metric in zip(metric_panels, metrics, strict=True):
        _draw_metric(axes, metric, health, scorings)
    for axes in panels:
        axes.set_xlim(-0.8, len(scorings) - 0.2)
        axes.set_xticks([])
    step = -(-len(scorings) // TICKS)
    ticks = range((len(scorings) - 1) % step, len(scorings), step)
    days = {scoring.scored_at[:10] for scoring in scorings}
    part = slice(10) if len(days) > 1 else slice(11, 16)  # the day, or the time of the only day
    panels[-1].set_xticks(ticks, [scorings[place].scored_at[part] for place in ticks])
    handles, labels = rows.get_legend_handles_labels()
    metric_handles, metric_labels = panels[-1].get_legend_handles_labels()
    legend = [*handles, *metric_handles], [*labels, *metric_labels]
    figure.legend(*legend, loc="outside lower left", ncols=1)
    return figure


def _draw_metric(
    axes: "Axes", metric: str, health: Health, scorings: Sequence[ScoringHealth]
) -> None:
    """Draw a metric of each scoring: promised, expected and real."""
    better = {1: "less is better", -1: "more is better"}[WORSE[metric]]
    axes.set_title(f"{METRICS[metric]}, {better}", loc="left", fontsize=9)
    promised = {champion.run_id: champion.promised.get(metric) for champion in health.champions}
    for place, scoring in enumerate(scorings):
        if promise := promised.get(scoring.champion):
            ends = [place - 0.5, place + 0.5]
            label = None if place else "promised"
            axes.plot(ends, [promise.value] * 2, color=INK, linestyle=":", label=label)
    expected = [scoring.expected.get(metric) for scoring in scorings]
    _draw_intervals(axes, expected, marker="D", color=ORANGE, label="expected without labels")
    real = [scoring.real.get(metric) for scoring in scorings]
    _draw_intervals(axes, real, marker="o", color=BLUE, label="real")
    axes.locator_params(axis="y", nbins=4)
    if metric in IN_UNITS:
        axes.yaxis.set_major_formatter(amounts())


def _draw_intervals(axes: "Axes", estimates: Sequence[Estimate | None], **style: Any) -> None:
    """Draw each estimate with its 95 % interval at its scoring's place."""
    present = {place: estimate for place, estimate in enumerate(estimates) if estimate}
    if present:
        values, lows, highs = zip(
            *((e.value, e.low, e.high) for e in present.values()), strict=True
        )
        ends = np.array([np.subtract(values, lows), np.subtract(highs, values)])
        axes.errorbar([*present], values, ends, linestyle="", markersize=5, **style)


@styled
def distribution(profile: Profile, shift: Shift) -> "Figure":
    """Draw the share of rows in each cell of a profile, in the reference and now."""
    sides = np.array(profile.counts), np.array(shift.counts)
    shares = 100 * np.array([counts / max(1, counts.sum()) for counts in sides])
    names, cells = _names_of_cells(profile), np.flatnonzero(shares.any(axis=0))
    if profile.kind == "category":
        cells = cells[np.argsort(-shares[:, cells].max(axis=0), kind="stable")[:CATEGORIES]]
    rest = 100 - shares[:, cells].sum(axis=1, keepdims=True)
    names, bars = [names[cell] for cell in cells], shares[:, cells]
    if rest.max() > 0.01:
        names, bars = [*names, "others"], np.hstack([bars, rest])
    figure, (axes,) = drawing.new_figure(1.2 + BAR * max(2, len(names)))
    figure.set_figwidth(WIDTH)
    axes.barh(range(len(names)), bars[0], 0.85, color=BEFORE, label="in the reference")
    axes.barh(range(len(names)), bars[1], 0.4, color=BLUE, label="now")
    drawing.name_rows(axes, names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel("% of the rows")
    drawing.add_legend(figure)
    return figure


def _names_of_cells(profile: Profile) -> list[str]:
    if profile.kind == "category":
        cells = [", ".join(cell[:2]) + ", …" * (len(cell) > 2) for cell in profile.categories]
        return ["missing", *cells, "unknown"]
    edges = [writer_of(profile)(edge, 6) for edge in profile.edges]
    return ["missing", f"below {edges[0]}", *(f"from {edge}" for edge in edges)]
