"""The health of champions: what a monitoring found, for `monitoring.json` and the page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import NonNegativeInt

from tabular_lstm.errors import counted
from tabular_lstm.frozen import Frozen
from tabular_lstm.judging import drawing
from tabular_lstm.judging.baselines import CANDIDATE, MODELS
from tabular_lstm.judging.drawing import (
    INK,
    amount_formatter,
    can_draw,
    images,
    styled,
    template,
    to_svg,
)
from tabular_lstm.judging.model_metrics import metric_text
from tabular_lstm.metrics import METRICS
from tabular_lstm.monitoring.drift import NAMED, Drift, Shift, writer_of
from tabular_lstm.monitoring.performance import Estimate
from tabular_lstm.monitoring.reference import Profile, Reference, one_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class ScoringHealth(Frozen):
    """A finished scoring.

    Attributes:
        scored_at: UTC.
        labelled_rows: Scored rows whose label has arrived.
        moved: How many features and scores moved; None if nothing was compared.
        drift: What moved, in words; None if nothing moved.
        real: The real performance by metric, on the labelled rows; empty if these are too few.
    """

    run_id: str
    scored_at: str
    champion: str
    scored_rows: NonNegativeInt
    quarantined_rows: NonNegativeInt
    labelled_rows: NonNegativeInt
    moved: NonNegativeInt | None = None
    drift: str | None = None
    real: dict[str, Estimate] = {}


class ChampionHealth(Frozen):
    """A champion and everything that it scored.

    Attributes:
        promised: The promised performance by metric, from the test rows of its promotion.
        alarm: By how much it is worse than promised; None if it is not clearly worse.
    """

    run_id: str
    promoted_at: str
    scored_rows: NonNegativeInt
    labelled_rows: NonNegativeInt
    promised: dict[str, Estimate] = {}
    real: dict[str, Estimate] = {}
    alarm: str | None = None


class Health(Frozen):
    """What a monitoring found.

    Attributes:
        champion: The run id of the serving champion.
        alarm: The sentence of the alarm; None if the champion is well.
        advice, command: What to do, and with which command. `look` at first: the labelled rows are
            not like those that the champion was judged on.
        scorings, champions: The oldest first.
        newest: The drift of the champion's newest scoring that can tell whether the data moved; if
            none can, the drift of its newest scoring; None if there is no scoring.
        labels: Rows of the table of labels, each key once. `unknown_labels` of them belong to no
            scored row. `quarantined_labels` cannot be used, and are not counted in `labels`.
        notes: What does not count, and why, in sentences.
    """

    run_id: str
    at: str
    champion: str
    alarm: str | None
    advice: Literal["nothing", "look", "retrain"]
    command: str | None
    scorings: list[ScoringHealth]
    champions: list[ChampionHealth]
    newest: Drift | None
    labels: NonNegativeInt
    unknown_labels: NonNegativeInt
    quarantined_labels: NonNegativeInt = 0
    notes: list[str] = []

    @property
    def serving(self) -> ChampionHealth:
        """Return the health of the serving champion."""
        return next(health for health in self.champions if health.run_id == self.champion)

    def sentence(self) -> str:
        """Describe the champion's health in a sentence."""
        champion, metrics = self.serving, []
        for name, real in champion.real.items():
            promise = champion.promised.get(name)
            promised = f", promised {_with_interval(name, promise)}" if promise else ""
            metrics.append(f"{METRICS[name].words} {_with_interval(name, real)}{promised}")
        return (
            f"The champion of run {self.champion} scored {counted(champion.scored_rows, 'row')}, "
            f"of which {champion.labelled_rows} have a label{': ' if metrics else ''}"
            f"{'; '.join(metrics)}."
        )

    @property
    def what_to_do(self) -> str:
        """Say what to do, before the command."""
        if self.advice == "look":
            return (
                "Check which rows are scored and which labels have arrived. A retraining helps "
                "only if the rows to train on have changed in the same way"
            )
        if self.newest and self.newest.alarm:
            return (
                "Look at what moved: if it is a mistake, correct the rows and score them again; if "
                "it is intended, retrain on newly labelled rows"
            )
        return "To retrain"

    def closing_line(self) -> str:
        """State the alarm and what to do about it."""
        return f"{self.alarm}. {self.what_to_do}: {self.command}"


def _with_interval(name: str, estimate: Estimate) -> str:
    value, low, high = (metric_text(name, end) for end in estimate.model_dump().values())
    return f"{value} ({low} to {high})"


def cannot_tell(drift: Drift | None) -> str | None:
    """Say why a scoring cannot tell whether the data moved; None if it can."""
    if drift is None:
        return "its run left no usable comparison"
    return drift.not_compared or (None if drift.alarm else drift.few_rows)


def newest_that_tells(drifts: dict[str, Drift | None]) -> tuple[Drift | None, list[str]]:
    """Return the newest drift that can tell whether the data moved, and a note if a newer cannot.

    If none can, it is the drift of the newest scoring; None without scorings.

    Args:
        drifts: The drifts of a champion's scorings by run id, the oldest first.
    """
    if not drifts:
        return None, []
    newest, *earlier = reversed(drifts)
    if not (why := cannot_tell(drifts[newest])):
        return drifts[newest], []
    telling = next((run for run in earlier if cannot_tell(drifts[run]) is None), newest)
    return drifts[telling], [f"Scoring {newest} cannot tell whether the data moved: {why}"]


def each_once(notes: Sequence[tuple[str, str]]) -> list[str]:
    """Write the notes on scorings with their run ids; join equal notes."""
    runs: dict[str, list[str]] = {}
    for run, note in notes:
        runs.setdefault(note, []).append(run)
    return [
        f"Scoring {first}{f' and {len(rest)} more' if rest else ''}: {note}"
        for note, (first, *rest) in runs.items()
    ]


# Page ---------------------------------------------------------------------------------------------
# The page that says whether the champion is well: one HTML file that fetches nothing.
#
# Text and layout are in `monitoring.html.jinja`. This module fills them in, and draws its
# figures.

LISTED = 30  # scorings in the table
DRAWN = 60  # scorings in the figure
DISTRIBUTIONS = 8
CATEGORIES = 12
TICKS = 4
WIDTH = 4.2  # inches: the width of a phone, so that text is not scaled down
PANEL, LEGEND, BAR = 1.55, 0.9, 0.19  # inches
BLUE = MODELS[CANDIDATE].color
BEFORE = "#c6ccd3"  # the reference, behind the new rows


def health_page(health: Health, reference: Reference | None, title: str | None) -> str:
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
            distributions[name] = to_svg(
                draw_distribution(profiles[name], shift), drawing.short(name, 36)
            )
    if len(health.scorings) > 1 and _metrics(health) and can_draw():
        over_time = to_svg(draw_over_time(health), "Scorings, the newest on the right")
    is_known = health.serving.real or not cannot_tell(health.newest)
    return template("monitoring", "monitoring.html.jinja").render(
        health=health,
        state="alarm" if health.alarm else "well" if is_known else "unknown",
        scored=any(scoring.champion == health.champion for scoring in health.scorings),
        title=title,
        metrics=_metrics(health),
        metric_table=METRICS,
        over_time=images({"": over_time})[""] if over_time else None,
        can_draw=can_draw(),
        moved=moved,
        named=NAMED,
        distributions=images(distributions),
        listed=health.scorings[: -LISTED - 1 : -1],
    )


def _metrics(health: Health) -> list[str]:
    """Return the real metrics of any scoring, in the order of all metrics."""
    names = {name for scoring in health.scorings for name in scoring.real}
    return [name for name in METRICS if name in names]


@styled
def draw_over_time(health: Health) -> "Figure":
    """Draw the promised and the real metrics of the newest scorings."""
    scorings, metrics = health.scorings[-DRAWN:], _metrics(health)
    figure, panels = drawing.new_figure(LEGEND + PANEL * len(metrics), len(metrics))
    figure.set_figwidth(WIDTH)
    for axes, metric in zip(panels, metrics, strict=True):
        _draw_metric(axes, metric, health, scorings)
        axes.set_xlim(-0.8, len(scorings) - 0.2)
        axes.set_xticks([])
    step = -(-len(scorings) // TICKS)
    ticks = range((len(scorings) - 1) % step, len(scorings), step)
    days = {scoring.scored_at[:10] for scoring in scorings}
    part = slice(10) if len(days) > 1 else slice(11, 16)  # the day, or the time of the only day
    panels[-1].set_xticks(ticks, [scorings[place].scored_at[part] for place in ticks])
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=1)
    return figure


def _draw_metric(
    axes: "Axes", metric: str, health: Health, scorings: Sequence[ScoringHealth]
) -> None:
    """Draw a metric of each scoring, promised and real, with the 95 % interval."""
    better = {1: "lower is better", -1: "higher is better"}[METRICS[metric].worse]
    axes.set_title(f"{METRICS[metric].words}, {better}", loc="left", fontsize=9)
    promised = {champion.run_id: champion.promised.get(metric) for champion in health.champions}
    for place, scoring in enumerate(scorings):
        if promise := promised.get(scoring.champion):
            ends = [place - 0.5, place + 0.5]
            label = None if place else "promised"
            axes.plot(ends, [promise.value] * 2, color=INK, linestyle=":", label=label)
    real = {
        place: scoring.real[metric]
        for place, scoring in enumerate(scorings)
        if metric in scoring.real
    }
    if real:
        values, lows, highs = np.array([(e.value, e.low, e.high) for e in real.values()]).T
        lengths = np.array([values - lows, highs - values])
        style: Any = {"linestyle": "", "markersize": 5, "marker": "o", "color": BLUE}
        axes.errorbar([*real], values, lengths, label="real", **style)
    axes.locator_params(axis="y", nbins=4)
    if METRICS[metric].in_units:
        axes.yaxis.set_major_formatter(amount_formatter())


@styled
def draw_distribution(profile: Profile, shift: Shift) -> "Figure":
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
        return ["missing", *(one_of(c) if c[1:] else c[0] for c in profile.categories), "unknown"]
    edges = [writer_of(profile)(edge, 6) for edge in profile.edges]
    return ["missing", f"below {edges[0]}", *(f"from {edge}" for edge in edges)]
