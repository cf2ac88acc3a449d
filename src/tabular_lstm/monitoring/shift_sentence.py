"""The sentence of a shift: what is other than in the reference, by how much, in plain words."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np

from tabular_lstm.errors import shown
from tabular_lstm.monitoring.reference import Profile

UNIT = math.log(1.5)  # a factor below is no change of the unit
ALIKE = 0.25  # of the factor's logarithm, by which the ratios of mean and deviation may differ
NEAR = 0.05  # of a power of ten, which is then named
OFF_ZERO = 0.3  # deviations that a mean is away from 0, where its ratio says something
OUTSIDE = 0.05  # of the rows, that are worth a word
MEDIAN = 2.5  # deviations that move a normal number's median by all rows, nearly


def sentence_of(profile: Profile, part: int, counts: np.ndarray, moments: np.ndarray) -> str:
    """Say what is other in new rows than in a profile.

    Args:
        profile: Of the feature or score.
        part: The place among `Counts.differences` of the clearest one.
        counts: Of the new rows, as `Profile.counts`.
        moments: Of the new rows, a row of `Seen.moments`.
    """
    was, now = (c / max(c.sum(), 1) for c in (np.array(profile.counts), counts))
    if part == 0:
        return "{} have no value, were {}".format(*_alike(now[0], was[0], percent))
    if profile.kind == "category":
        if part == len(now) - 1:
            share, before = _alike(now[-1], was[-1], percent)
            new = "of a category that the champion was not trained with"
            return f"{share} are {new}" + (f", expected {before}" if was[-1] else "")
        share, before = _alike(now[part], was[part], percent)
        return f"{share} are {name_of(profile.categories[part - 1])}, were {before}"
    if profile.mean is None or not moments[0]:
        return "{} have a value, were {}".format(*_alike(1 - now[0], 1 - was[0], percent))
    return _of_number(profile, part, was, now, moments)


def name_of(categories: Sequence[str]) -> str:
    """Name the categories of a cell.

    Examples:
        >>> name_of(["a"]), name_of(["a", "b", "c"])
        ("'a'", "of one of 3 categories ('a', 'b', …)")
    """
    named = [f"'{shown(category)}'" for category in categories[:2]]
    if len(categories) == 1:
        return named[0]
    more = ", …" if len(categories) > 2 else ""
    return f"of one of {len(categories)} categories ({', '.join(named)}{more})"


def _of_number(
    profile: Profile, part: int, was: np.ndarray, now: np.ndarray, moments: np.ndarray
) -> str:
    mean, unit = profile.mean or 0.0, profile.deviation or 1.0
    away, square = moments[1:] / moments[0]
    means = mean + unit * away, mean
    deviations = unit * math.sqrt(max(square - away**2, 0.0)), profile.deviation or 0.0
    write = _date if profile.kind == "date" else number
    if profile.kind == "number" and (said := _of_factor(means, deviations)):
        return said
    said = "mean {}, was {}".format(*_alike(*means, write))
    if profile.kind != "score":
        for side, cell, its in (("below", 1, 1), ("above", -1, len(was) - 2)):
            if now[cell] - was[cell] > OUTSIDE or (part == its and now[cell] > was[cell]):
                low, high = write(profile.edges[0]), write(profile.edges[-1])
                rows = f"{percent(now[cell])} of the rows are {side} the trained range"
                return f"{said}: {rows} {low} to {high}"
    below, once = np.cumsum(now[1:-1])[:-1], np.cumsum(was[1:-1])[:-1]
    most = int(np.abs(below - once).argmax())
    if abs(away) >= MEDIAN / 2 * abs(below[most] - once[most]):
        return said
    share, before = _alike(below[most], once[most], percent)
    return f"{share} are below {write(profile.edges[most])}, were {before}"


def _of_factor(means: tuple[float, float], deviations: tuple[float, float]) -> str:
    """Say that numbers come in another unit; empty where mean and deviation do not agree on it."""
    if min(deviations) <= 0:
        return ""
    spread = math.log(deviations[0] / deviations[1])
    if all(abs(m) < OFF_ZERO * d for m, d in zip(means, deviations, strict=True)):
        means, said = deviations, "standard deviation {}, was {}"
        times = ("about {} times as widely spread", "spread about {} times less")
    elif means[0] * means[1] > 0:
        said, times = "mean {}, was {}", ("about {} times as large", "about {} times smaller")
    else:
        return ""
    factor = math.log(means[0] / means[1])
    if abs(factor) < UNIT or abs(factor - spread) > ALIKE * abs(factor):
        return ""
    by = times[0 if factor > 0 else 1].format(_times(math.exp(abs(factor))))
    return f"{by} ({said.format(*_alike(*means, number))})"


def _times(factor: float) -> str:
    tens = 10.0 ** round(math.log10(factor))
    return number(tens if abs(factor / tens - 1) < NEAR else float(f"{factor:.2g}"))


def _alike(now: float, was: float, write: Callable[..., str]) -> tuple[str, str]:
    """Write two values with as many digits as tell them apart."""
    enough = (digits for digits in range(3, 8) if write(now, digits) != write(was, digits))
    digits = next(enough, 3)
    return write(now, digits), write(was, digits)


def number(value: float, digits: int = 3) -> str:
    """Write a number with three digits, or all before the point.

    Examples:
        >>> number(2077.3), number(41.234), number(0.00041)
        ('2077', '41.2', '0.00041')
    """
    if 10**digits <= abs(value) < 1e15:
        return f"{value:.0f}"
    return f"{value:.{digits}g}"


def percent(share: float, digits: int = 3) -> str:
    """Write a share.

    Examples:
        >>> percent(0.4), percent(0.0526), percent(0.0526, 4), percent(0.00081)
        ('40 %', '5 %', '5.3 %', '0.08 %')
    """
    left = digits - 3 + (0 if share == 0 else max(0, -math.floor(math.log10(100 * share) + 1e-9)))
    return f"{100 * share:.{left}f} %"


def _date(days: float, digits: int = 3) -> str:
    try:
        return datetime.fromtimestamp(round(days) * 86_400, UTC).date().isoformat()
    except (OverflowError, ValueError, OSError):
        return f"{number(days, digits)} days after 1970-01-01"
