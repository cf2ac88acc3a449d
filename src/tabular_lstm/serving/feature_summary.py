"""A summary of each feature for the report: missing cells, range, and a small histogram."""

from dataclasses import dataclass

import numpy as np

from tabular_lstm.errors import amount, shown
from tabular_lstm.monitoring.reference import Profile, Reference

BARS = 20
CATEGORIES = 3  # named in a summary
NAME = 24


@dataclass(frozen=True)
class FeatureSummary:
    """A feature's summary over train rows and test rows.

    Attributes:
        kind: number, date or category.
        missing: Share of the rows without a value.
        range: Lowest to highest value, or the commonest categories.
        center: Mean and standard deviation of a number; else "".
        bars: Heights of the histogram's bars, from 0 to 1; a bar is a bin of equal width, or one of
            the commonest categories.
    """

    name: str
    kind: str
    missing: float
    range: str
    center: str
    bars: tuple[float, ...]


def summaries_of(reference: Reference) -> list[FeatureSummary]:
    """Summarize the features in the order of their columns."""
    return [_summary(name, of) for name, of in reference.features.items()]


def _summary(name: str, of: Profile) -> FeatureSummary:
    missing = of.counts[0] / (of.rows or 1)
    if of.kind == "category":
        order = np.argsort(of.counts[1:-1])[::-1][:BARS]
        counts = np.array(of.counts[1:-1])[order]
        names = [shown(" or ".join(of.categories[place]), NAME) for place in order[:CATEGORIES]]
        more = len(of.categories) - len(names)
        listed = ", ".join(names) + (f" and {more} more" if more > 0 else "")
        return FeatureSummary(name, of.kind, missing, listed, "", _heights(counts))
    low, high = of.edges[0], of.edges[-1]
    as_date = of.kind == "date"
    ends = [_day(value) if as_date else amount(value) for value in (low, high)]
    spread = [] if as_date else [of.mean, of.deviation]
    center = " ± ".join(amount(value) for value in spread if value is not None)
    return FeatureSummary(name, of.kind, missing, " to ".join(ends), center, _histogram(of))


def _histogram(of: Profile) -> tuple[float, ...]:
    """Distribute the counts between edges over bins of equal width."""
    counts = np.array(of.counts[2:], float)  # between each edge and the next one
    if len(of.edges) == 1:
        return _heights(counts)
    below = np.concatenate([[0.0], np.cumsum(counts[:-1])])
    at = np.interp(np.linspace(of.edges[0], of.edges[-1], BARS + 1), of.edges, below)
    bins = np.diff(at)
    bins[-1] += counts[-1]
    return _heights(bins)


def _heights(counts: np.ndarray) -> tuple[float, ...]:
    return tuple((counts / max(counts.max(initial=0), 1e-9)).round(3).tolist())


def _day(days: float) -> str:
    return str(np.datetime64(round(days), "D"))
