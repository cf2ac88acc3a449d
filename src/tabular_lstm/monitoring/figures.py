"""The figures of the page: scorings over time, and the distribution of a feature's rows."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_lstm.judging import drawing
from tabular_lstm.judging.drawing import COLORS, GREY, INK, ORANGE, SKY, amounts, short, styled
from tabular_lstm.judging.metrics import CANDIDATE, IN_UNITS, METRICS, WORSE
from tabular_lstm.monitoring.drift import Shift
from tabular_lstm.monitoring.expected import Estimate
from tabular_lstm.monitoring.health import Health, ScoringHealth
from tabular_lstm.monitoring.reference import Profile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEWEST = 60  # scorings in a figure
TICKS = 4
WIDTH = 4.2  # inches: the width of a phone, so that text is not scaled down
CATEGORIES = 12
BLUE, VERMILION = COLORS[CANDIDATE], "#D55E00"
BEFORE = "#c6ccd3"  # the reference, behind the new rows
MARKERS = {"promoted": ("^", "-", "promotion"), "rolled_back": ("v", "--", "rollback")}
PANEL, LEGEND = 1.55, 0.45  # inches


# Scorings in the order of time ---------------------------------------------------------------


@styled
def rows_over_time(health: Health) -> "Figure":
    """Draw each scoring's rows, how many are labelled, and the share in quarantine."""
    drawn, aside = health.scorings[-NEWEST:], [_set_aside(one) for one in health.scorings[-NEWEST:]]
    figure, panels = _panels(1 + any(aside), lines=2)
    rows = panels[0]
    rows.bar(range(len(drawn)), [one.scored_rows for one in drawn], color=SKY, label="scored rows")
    labelled = [one.labelled_rows for one in drawn]
    rows.bar(range(len(drawn)), labelled, color=BLUE, width=0.5, label="of them, labelled so far")
    _name(rows, "rows")
    rows.yaxis.set_major_formatter(amounts())
    if any(aside):
        panels[1].bar(range(len(drawn)), aside, color=ORANGE)
        _name(panels[1], "rows in quarantine, in %")
    _finish(figure, panels, health)
    return figure


@styled
def moved_over_time(health: Health) -> "Figure":
    """Draw how many features and scores moved in each scoring; mark scorings without comparison."""
    drawn = health.scorings[-NEWEST:]
    not_compared = [place for place, one in enumerate(drawn) if one.moved is None]
    figure, (axes,) = _panels(1, lines=bool(not_compared))
    axes.bar(range(len(drawn)), [one.moved or 0 for one in drawn], color=VERMILION)
    if not_compared:
        cross: Any = {"color": GREY, "clip_on": False, "label": "not compared"}
        axes.plot(not_compared, [0] * len(not_compared), "x", **cross)
    _name(axes, "features and scores that moved")
    axes.locator_params(axis="y", integer=True, nbins=4)
    axes.set_ylim(0, max(1, *(one.moved or 0 for one in drawn)) * 1.1)
    _finish(figure, [axes], health)
    return figure


@styled
def performance_over_time(health: Health) -> "Figure":
    """Draw expected, real and promised metrics with their 95 % intervals."""
    drawn, metrics = health.scorings[-NEWEST:], metrics_of(health)
    figure, panels = _panels(len(metrics), lines=3)
    promised = {one.run_id: one.promised for one in health.champions}
    for axes, metric in zip(panels, metrics, strict=True):
        known = [promised.get(one.champion, {}).get(metric) for one in drawn]
        for estimate, first, last in _stretches(known):
            ends = [first - 0.5, last + 0.5]
            axes.fill_between(ends, estimate.low, estimate.high, color=BEFORE, alpha=0.6, lw=0)
            axes.plot(ends, [estimate.value] * 2, color=INK, linestyle=":", label="promised")
        for _, of_champion in groupby(enumerate(drawn), lambda one: one[1].champion):
            _draw_expected(axes, {at: one.expected.get(metric) for at, one in of_champion})
        for place, one in enumerate(drawn):
            if found := one.real.get(metric):
                axes.vlines(place, found.low, found.high, color=BLUE, linewidth=2)
                axes.plot(place, found.value, "o", color=BLUE, markersize=6, label="real")
        better = {1: "less is better", -1: "more is better"}[WORSE[metric]]
        _name(axes, f"{METRICS[metric]}, {better}")
        if metric in IN_UNITS:
            axes.yaxis.set_major_formatter(amounts())
        axes.locator_params(axis="y", nbins=4)
    _finish(figure, panels, health)
    return figure


def metrics_of(health: Health) -> list[str]:
    """Return the expected or real metrics of any scoring, in the order of all metrics."""
    known = {name for one in health.scorings for name in (*one.expected, *one.real)}
    return [name for name in METRICS if name in known and name in WORSE]


def _draw_expected(axes: "Axes", known: dict[int, Estimate | None]) -> None:
    """Draw a diamond with its interval at each place, joined by a line with a band."""
    values = np.array([[e.low, e.value, e.high] if e else [np.nan] * 3 for e in known.values()]).T
    places = [*known]
    axes.fill_between(places, values[0], values[2], color=ORANGE, alpha=0.3, linewidth=0)
    axes.vlines(places, values[0], values[2], color=ORANGE, linewidth=1)
    axes.plot(places, values[1], "D-", color=ORANGE, markersize=4, label="expected without labels")


def _stretches(known: Sequence[Estimate | None]) -> list[tuple[Estimate, int, int]]:
    """Join equal neighbours; return each value with its first and last place."""
    found: list[tuple[Estimate, int, int]] = []
    for place, estimate in enumerate(known):
        if estimate is None:
            continue
        if found and found[-1][0] == estimate and found[-1][2] == place - 1:
            found[-1] = (estimate, found[-1][1], place)
        else:
            found.append((estimate, place, place))
    return found


def _set_aside(one: ScoringHealth) -> float:
    return 100 * one.quarantined_rows / max(1, one.scored_rows + one.quarantined_rows)


def _panels(count: int, lines: int) -> "tuple[Figure, list[Axes]]":
    """Make a figure of panels one above the other, with a common axis of scorings."""
    height = LEGEND + PANEL * count + drawing.LEGEND_LINE * (lines + len(MARKERS))
    figure, panels = drawing.new_figure(height, count)
    figure.set_figwidth(WIDTH)
    return figure, panels


def _name(axes: "Axes", text: str) -> None:
    """Write above a panel what it shows; a phone has no room beside it."""
    axes.set_title(text, loc="left", fontsize=9, pad=9)


def _finish(figure: "Figure", panels: "list[Axes]", health: Health) -> None:
    """Mark promotions and rollbacks, label a few scorings with their time, add the legend."""
    drawn = health.scorings[-NEWEST:]
    for axes in panels:
        for change in health.changes:
            place = sum(one.run_id < change.run_id for one in drawn) - 0.5
            if change.action not in MARKERS or (place < 0 and len(drawn) < len(health.scorings)):
                continue
            shape, line, _ = MARKERS[change.action]
            axes.axvline(place, color=GREY, linewidth=1, linestyle=line)
            on_top: Any = {"transform": axes.get_xaxis_transform(), "clip_on": False}
            axes.plot(place, 1.04, shape, color=INK, markersize=6, **on_top)
        axes.set_xlim(-0.8, len(drawn) - 0.2)
        axes.grid(visible=False, axis="x")
        axes.set_xticks([])
    step = -(-len(drawn) // TICKS)
    named = {_when(drawn[at], drawn): at for at in range((len(drawn) - 1) % step, len(drawn), step)}
    panels[-1].set_xticks([*named.values()], [*named])
    _add_legend(figure, panels, {change.action for change in health.changes})


def _when(one: ScoringHealth, drawn: Sequence[ScoringHealth]) -> str:
    """Name a scoring by its day, or by its time if all are from one day."""
    days = {other.scored_at[:10] for other in drawn}
    return one.scored_at[:10] if len(days) > 1 else one.scored_at[11:16]


def _add_legend(figure: "Figure", panels: "list[Axes]", actions: set[str]) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415

    handles, labels = [], []
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            if label not in labels:
                handles.append(handle)
                labels.append(label)
    for action, (shape, line, name) in MARKERS.items():
        if action in actions:
            style: Any = {"color": GREY, "linestyle": line, "linewidth": 1, "marker": shape}
            handles.append(Line2D([], [], markerfacecolor=INK, markeredgecolor=INK, **style))
            labels.append(name)
    figure.legend(handles, labels, loc="outside lower left", ncols=1)


# How the rows of a feature, or a score, spread ------------------------------------------------


def distributions(profile: Profile, shift: Shift) -> "Figure":
    """Draw the share of rows in each cell of a profile, in the reference and now."""
    before, now = np.array(profile.counts), np.array(shift.counts)
    shares = 100 * np.array([before / max(1, before.sum()), now / max(1, now.sum())])
    if profile.kind == "category":
        # A cell with several categories is named after the first one.
        several = ("", " and {} more")
        known = [c[0] + several[len(c) > 1].format(len(c) - 1) for c in profile.categories]
        names = ["missing", *known, "unknown"]
        return _category_bars(*_largest(names, shares))
    return _number_bars(profile, shares)


def _largest(names: Sequence[str], shares: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Keep the categories with the largest shares, and join the others."""
    known = [place for place in range(len(names)) if shares[:, place].any()]
    first = sorted(known, key=lambda place: -shares[:, place].max())[:CATEGORIES]
    rest = [place for place in known if place not in first]
    kept = [names[place] for place in first], shares[:, first]
    if not rest:
        return kept
    others = f"{len(rest)} others"
    return [*kept[0], others], np.column_stack([kept[1], shares[:, rest].sum(axis=1)])


@styled
def _category_bars(names: list[str], shares: np.ndarray) -> "Figure":
    figure, (axes,) = drawing.new_figure(1.2 + 0.3 * max(2, len(names)))
    figure.set_figwidth(WIDTH)
    places = np.arange(len(names))
    axes.barh(places, shares[0], color=BEFORE, height=0.85, label="in the reference")
    axes.barh(places, shares[1], color=BLUE, height=0.4, label="now")
    drawing.name_rows(axes, names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel("% of the rows")
    drawing.add_legend(figure)
    return figure


@styled
def _number_bars(profile: Profile, shares: np.ndarray) -> "Figure":
    """Draw cells with the same width, because each has about as many rows in the reference."""
    figure, axes = drawing.new_axes("", "% of the rows", height=2.4, lines=2)
    figure.set_figwidth(WIDTH)
    cells = len(profile.edges) - 1
    gap = max(0.7, cells / 6)
    beyond = {0: ("missing", cells + 2.6 * gap), 1: ("below", -1 - gap), -1: ("above", cells + gap)}
    shown = {place: at for place, at in beyond.items() if shares[:, place].any()}
    places = np.array([*range(cells), *(at for _, at in shown.values())])
    tall = np.column_stack([shares[:, 2:-1], *(shares[:, place] for place in shown)])
    wide = [1.0] * cells + [max(1.0, gap / 2)] * len(shown)
    axes.bar(places, tall[0], wide, color=BEFORE, label="in the reference")
    axes.bar(places, tall[1], 0.5 * np.array(wide), color=BLUE, label="now")
    some = np.unique(np.linspace(0, cells, TICKS if profile.kind != "date" else 3).round())
    edges = [_edge(profile.edges[int(place)], profile.kind) for place in some]
    ticks = [*(some - 0.5), *(at for _, at in shown.values())]
    axes.set_xticks(ticks, [*edges, *(f"\n{name}" for name, _ in shown.values())])
    axes.get_xticklabels()[0].set_horizontalalignment("left")
    axes.grid(visible=False, axis="x")
    drawing.add_legend(figure)
    return figure


def _edge(value: float, kind: str) -> str:
    """Write an edge: a day, up to four digits (such as a year), or a short large number."""
    if kind == "date":
        return str(np.datetime64(round(value), "D"))
    if abs(value) < 1e4:
        return f"{value:.4g}" if abs(value) >= 1000 else f"{value:.3g}"
    return amounts()(float(f"{value:.3g}"))


def title_of(name: str) -> str:
    """Return the title of a feature's or a score's figure."""
    return short(name, 36)
