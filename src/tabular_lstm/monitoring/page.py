"""The page that says whether the champion is well: one HTML file that fetches nothing.

Text and layout are in `monitoring.html.jinja`. This module fills them in.
"""

from tabular_lstm.judging.drawing import can_draw, to_svg
from tabular_lstm.judging.metrics import METRICS
from tabular_lstm.judging.pages import images, template
from tabular_lstm.monitoring import figures as draw
from tabular_lstm.monitoring.drift import NAMED
from tabular_lstm.monitoring.health import Health, cannot_tell
from tabular_lstm.monitoring.reference import Reference

LISTED = 30  # scorings
DISTRIBUTIONS = 8
TITLES = {
    "rows": "Scored rows",
    "performance": "Expected and real performance",
    "moved": "What moved",
}


def page(health: Health, reference: Reference | None, title: str | None) -> str:
    """Write the page; without matplotlib it has no figures, and says so.

    Args:
        health: What a monitoring found.
        reference: The reference of the newest scoring's champion; None if there is none.
        title: The report's title; None if conf has none.
    """
    profiles = reference.features | reference.scores if reference else {}
    moved = health.newest.moved if health.newest else {}
    clearest = [
        name
        for name in moved
        if name in profiles and len(moved[name].counts) == len(profiles[name].counts)
    ][:DISTRIBUTIONS]
    drawn = {
        name: to_svg(draw.distributions(profiles[name], moved[name]), draw.title_of(name))
        for name in (clearest if can_draw() else [])
    }
    serving = [change for change in health.changes if change.action != "rejected"]
    return template("monitoring", "monitoring.html.jinja").render(
        health=health,
        state=_state(health),
        scored=[one for one in health.scorings if one.champion == health.champion],
        since=serving[-1].at if serving else None,
        title=title,
        metrics=draw.metrics_of(health),
        metric_names=METRICS,
        over_time=images(_over_time(health)),
        titles=TITLES,
        can_draw=can_draw(),
        worse=next((one.alarm for one in health.champions if one.run_id == health.champion), None),
        all_moved=moved,
        named=NAMED,
        moved={name: moved[name] for name in clearest},
        distributions=images(drawn),
        listed=health.scorings[: -LISTED - 1 : -1],
        in_figures=draw.NEWEST,
    )


def _over_time(health: Health) -> dict[str, str]:
    """Draw figures of two or more scorings; the page has a sentence instead of an empty figure."""
    some, drawn = health.scorings, {}
    if len(some) > 1 and can_draw():
        drawn["rows"] = draw.rows_over_time(health)
        if draw.metrics_of(health):
            drawn["performance"] = draw.performance_over_time(health)
        if any(one.moved for one in some):
            drawn["moved"] = draw.moved_over_time(health)
    return {name: to_svg(figure, TITLES[name]) for name, figure in drawn.items()}


def _state(health: Health) -> str:
    """Return `alarm`, `well`, or `unknown` if nothing is known about the serving champion."""
    if health.alarm:
        return "alarm"
    its = next(one for one in health.champions if one.run_id == health.champion)
    return "well" if its.real or not cannot_tell(health.newest) else "unknown"
