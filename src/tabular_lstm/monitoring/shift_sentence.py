"""The sentence of a shift: what differs from the reference, and by how much."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np

from tabular_lstm.errors import shown
from tabular_lstm.monitoring.reference import Profile

UNIT = math.log(1.5)  # a smaller factor is not a change of the unit
NEAR = 0.05  # a factor within this share of a power of ten is named as that power
OFF_ZERO = 0.3  # least distance of a mean from 0, in standard deviations, for a useful ratio
UNSCALED = 0.1  # the largest share of rows in cells that the factor does not explain
WORTH, NEARLY = 0.5, 0.8  # parts of the largest change: worth a mention, nearly all
MOVED = (1.25, 6.0)  # if all values move: the mean's shift per largest change, in deviations
FLOAT32 = 6  # digits of a value
PRECISE = 1e-12  # a mean below this share of the summed size is 0
SAME, UNKNOWN = "as in the reference", "of a category that the champion was not trained with"

Pair = tuple[float, float]  # of new rows, and of the reference
Shares = tuple[np.ndarray, np.ndarray]  # of the reference, and of new rows


def sentence_of(profile: Profile, part: int, counts: np.ndarray, moments: np.ndarray) -> str:
    """Say how new rows differ from a profile.

    Args:
        profile: The reference of the feature or score.
        part: The place of the clearest of `Counts.differences`.
        counts: Counts of the new rows, as in `Profile.counts`.
        moments: Moments of the new rows, a row of `Seen.moments`.
    """
    was, now = (c / max(c.sum(), 1) for c in (np.array(profile.counts), counts))
    if part == 0 and was[0] == now[0]:
        return SAME
    if profile.kind == "category":
        return _of_category(profile, part, was, now)
    if profile.mean is None or not moments[0]:
        return _missing(was, now)
    return _of_number(profile, part, (was, now), moments)


def _missing(was: np.ndarray, now: np.ndarray) -> str:
    share, before = _alike(now[0], was[0], percent)
    if now[0] == 0 < was[0]:
        return f"no row is without a value, {before} were"
    return f"{share} have no value, were {before}"


def _of_category(profile: Profile, part: int, was: np.ndarray, now: np.ndarray) -> str:
    gained = now - was
    if gained.max() >= NEARLY * -gained[part]:
        part = part if gained[part] > 0 else int(gained.argmax())
    if part == 0:
        return _missing(was, now)
    share, before = _alike(now[part], was[part], percent)
    if part < len(now) - 1:
        return f"{share} are {name_of(profile.categories[part - 1])}, were {before}"
    said = f"{share} are {UNKNOWN}" + (f", expected {before}" if was[-1] else "")
    lost = 1 + int(gained[1:-1].argmin())
    if -gained[lost] < WORTH * gained[part]:
        return said
    share, before = _alike(now[lost], was[lost], percent)
    return f"{said}, and {name_of(profile.categories[lost - 1])} are {share}, were {before}"


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


def _of_number(profile: Profile, part: int, shares: Shares, moments: np.ndarray) -> str:
    was, now = shares
    mean, unit = profile.mean or 0.0, profile.deviation or 1.0
    away, square = moments[1:] / moments[0]
    summed = abs(mean) + unit * math.sqrt(square), profile.deviation or 0.0
    means = _precise(mean + unit * away, summed[0]), _precise(mean, summed[1])
    spread, write = max(square - away**2, 0.0), _date if profile.kind == "date" else number
    if now.max() == 1 and spread <= PRECISE * square:
        return f"all rows are {write(means[0], FLOAT32)} (mean was {write(means[1])})"
    deviations = unit * math.sqrt(spread), profile.deviation or 0.0
    gained = now - was
    below, once = np.cumsum(now[1:-1]), np.cumsum(was[1:-1])
    most = int(np.abs(below - once).argmax())
    change = max(abs(gained[0]), abs(below[most] - once[most]))
    moved = "mean {}, was {}".format(*_alike(*means, write))
    said = _of_factor(profile, shares, means, deviations, int(moments[0]))
    said = said or _of_cell(profile, part, shares, change, moved)
    if not said and part:
        if MOVED[0] <= away / ((once - below)[most] or 1.0) <= MOVED[1]:
            said = moved
        elif below[most] > once[most]:
            share, before = _alike(below[most], once[most], percent)
            said = f"{share} are below {write(profile.edges[most])}, were {before}"
        else:
            share, before = _alike(now[most + 2 :].sum(), was[most + 2 :].sum(), percent)
            said = f"{share} are {write(profile.edges[most])} or more, were {before}"
    missing = [_missing(was, now)] if part == 0 or abs(gained[0]) >= WORTH * change else []
    return ", and ".join([said, *missing] if said else missing)


def _precise(mean: float, summed: float) -> float:
    return mean if abs(mean) > PRECISE * summed else 0.0


def _of_cell(profile: Profile, part: int, shares: Shares, change: float, moved: str) -> str:
    """Say which cell gained nearly all moved rows, or which outer cell gained many; "" if none."""
    (was, now), write = shares, _date if profile.kind == "date" else number
    gained, last = now - was, len(now) - 1
    if profile.kind == "score":
        return ""
    for side, cell, its in (("below", 1, 1), ("above", last, last - 1)):
        if gained[cell] >= WORTH * change or (part == its and gained[cell] > 0):
            low, high = _alike(profile.edges[0], profile.edges[-1], write)
            rows = f"{percent(now[cell])} of the rows are {side} the trained range"
            return f"{rows} {low} to {high} ({moved})"
    cell = 1 + int(gained[1:].argmax())
    if gained[cell] < NEARLY * change or cell in (1, last):
        return ""
    low, high = _alike(profile.edges[cell - 2], profile.edges[cell - 1], write)
    share, before = _alike(now[cell], was[cell], percent)
    return f"{share} are between {low} and {high}, were {before}"


def _of_factor(profile: Profile, shares: Shares, means: Pair, deviations: Pair, rows: int) -> str:
    """Say that numbers have another unit; "" if mean, deviation or cells do not agree."""
    if profile.kind != "number" or min(deviations) <= 0:
        return ""
    spread = math.log(deviations[0] / deviations[1])
    both_signs = profile.edges[0] < 0 < profile.edges[-1]
    if both_signs and all(abs(m) < OFF_ZERO * d for m, d in zip(means, deviations, strict=True)):
        means, said = deviations, "standard deviation {}, was {}"
        times = ("about {} times as widely spread", "spread about {} times less")
    elif means[0] * means[1] > 0:
        said, times = "mean {}, was {}", ("about {} times as large", "about {} times smaller")
    else:
        return ""
    factor = math.log(means[0] / means[1])
    alike = abs(factor) >= UNIT and abs(factor - spread) <= 0.1 + 3 / math.sqrt(rows)
    if not alike or not _scaled(np.array(profile.edges), shares, math.exp(factor)):
        return ""
    by = times[0 if factor > 0 else 1].format(_times(math.exp(abs(factor))))
    return f"{by} ({said.format(*_alike(*means, number))})"


def _scaled(edges: np.ndarray, shares: Shares, factor: float) -> bool:
    """Return whether the cells fit the reference's values times a factor."""
    once, below = (np.cumsum(side[1:-1]) / side[1:].sum() for side in shares)
    ends = np.array([0.0, *once, 1.0])
    least = ends[np.searchsorted(edges, edges / factor, side="right")]
    most = ends[np.searchsorted(edges, edges / factor, side="left") + 1]
    off, unsure = np.maximum(least - below, below - most).max(), (most - least).max()
    change = np.abs(below - once).max()
    return bool(off <= min(UNSCALED, change / 4) and unsure <= change / 2)


def _times(factor: float) -> str:
    tens = 10.0 ** round(math.log10(factor))
    return number(tens if abs(factor / tens - 1) < NEAR else float(f"{factor:.2g}"))


def _alike(now: float, was: float, write: Callable[..., str]) -> tuple[str, str]:
    """Write two values with enough digits to differ."""
    enough = (digits for digits in range(3, 8) if write(now, digits) != write(was, digits))
    digits = next(enough, 3)
    return write(now, digits), write(was, digits)


def number(value: float, digits: int = 3) -> str:
    """Write a number with three digits, or with all digits before the point.

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
        >>> percent(0.4), percent(0.0526), percent(0.0526, 4), percent(0.00081), percent(0.9996)
        ('40 %', '5 %', '5.3 %', '0.08 %', '99.96 %')
    """
    end = round(min(share, 1 - share), 10)  # only the share of all rows is 100 %
    left = digits - 3 + (max(0, -math.floor(math.log10(100 * end) + 1e-9)) if end > 0 else 0)
    return f"{100 * share:.{left}f} %"


def _date(days: float, digits: int = 3) -> str:
    try:
        return datetime.fromtimestamp(round(days) * 86_400, UTC).date().isoformat()
    except (OverflowError, ValueError, OSError):
        return f"{number(days, digits)} days after 1970-01-01"
