"""What an expert would make of a history by hand, for models that read one row.

Of each row: its own columns; of each number that changes within a customer its lags, differences,
mean, spread, extremes, trend, and the same over the last three rows; of each such category the last
one and how often it changed; how many rows there were and how far apart; and of the labels known by
then the last three, their mean, trend and, of numbers, where the trend leads. Earlier rows are
those with a time strictly before, as for the network.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from histories_panel import CUSTOMER, LABEL, TIME, Panel

from tabular_lstm.parameters.task import CLASSES, TWO_CLASSES

LAST = 3
HALF_LIFE = 2  # rows
LAST_LABEL = "label: 1 before"


@dataclass(frozen=True, eq=False)
class Past:
    """A row and what is known by then.

    Attributes:
        own: Its place among the rows.
        earlier: Places of the earlier rows, the newest last.
        known: Places of those whose label is known.
    """

    own: int
    earlier: np.ndarray
    known: np.ndarray


def times_of(panel: Panel) -> np.ndarray:
    """Give the rows' times, of dates in days: float64 (rows,)."""
    times = panel.rows[TIME]
    if times.dtype.kind == "M":
        times = (times - times.min()) / pd.Timedelta(days=1)
    return times.to_numpy(float)


def pasts(panel: Panel) -> Iterator[Past]:
    """Give the past of each row, customer by customer."""
    times, labelled = times_of(panel), panel.labelled()
    customers = pd.factorize(panel.rows[CUSTOMER])[0]
    sorted_rows = np.lexsort((times, customers))
    for places in np.split(sorted_rows, np.cumsum(np.bincount(customers))[:-1]):
        of = times[places]
        for own in places:
            earlier = places[: np.searchsorted(of, times[own])]
            known = earlier[:0]
            if panel.known is not None:
                until = np.searchsorted(of, times[own] - panel.known, "right")
                known = earlier[:until]
                known = known[labelled[known]]
            yield Past(own, earlier, known)


def numbers(values: np.ndarray, times: np.ndarray, now: float) -> dict[str, np.ndarray]:
    """Summarize earlier values, (earlier rows, columns), by columns: (columns,) each."""
    columns = values.shape[1]
    nothing = np.full(columns, np.nan)
    count = len(values)
    found = {f"{lag} before": values[-lag] if count >= lag else nothing for lag in (1, 2, 3)}
    if not count:
        names = ("mean", "deviation", "least", "most", "mean of the last", "recent mean", "trend")
        return {**found, **dict.fromkeys((*names, "change before", "led to"), nothing)}
    weights = 0.5 ** (np.arange(count)[::-1] / HALF_LIFE)[:, None] * ~np.isnan(values)
    slope = trend(values, times)
    mean = np.nanmean(values, 0)
    return {
        **found,
        "mean": mean,
        "deviation": np.nanstd(values, 0) if count > 1 else nothing,
        "least": np.nanmin(values, 0),
        "most": np.nanmax(values, 0),
        "mean of the last": np.nanmean(values[-LAST:], 0),
        "recent mean": np.nansum(weights * np.nan_to_num(values), 0) / weights.sum(0),
        "trend": slope,
        "change before": values[-1] - values[-2] if count > 1 else nothing,
        "led to": mean + slope * (now - times.mean()),
    }


def trend(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Give the slopes of least squares over time, NaN of a single time: (columns,)."""
    there = ~np.isnan(values)
    counts = there.sum(0)
    time = np.where(there, times[:, None], 0)
    off = np.where(there, times[:, None] - time.sum(0) / counts, 0)
    squares = (off**2).sum(0)
    slope = (off * np.nan_to_num(values)).sum(0) / np.where(squares > 0, squares, np.nan)
    return np.asarray(np.where(counts > 1, slope, np.nan))


def change_within(panel: Panel) -> list[str]:
    """Name the features that change within some customer."""
    distinct = panel.rows.groupby(CUSTOMER)[panel.features].nunique()
    return [name for name in panel.features if (distinct[name] > 1).any()]


@cache
def features_of(panel: Panel) -> pd.DataFrame:
    """Make the features of a panel, (rows, features): float64 or category."""
    rows, times = panel.rows, times_of(panel)
    changing = change_within(panel)
    categories = [name for name in changing if rows[name].dtype == "category"]
    amounts = [name for name in changing if name not in categories]
    values = rows[amounts].to_numpy(float)
    codes = {name: rows[name].cat.codes.to_numpy() for name in categories}
    # Of these it is told how the labels were in rows like the row.
    alike = codes | {name: rows[name].to_numpy() for name in amounts if rows[name].nunique() == 2}
    labels = rows[LABEL].to_numpy()
    many = panel.kind == CLASSES
    shown = np.eye(int(np.nanmax(labels)) + 1) if many else None
    made: list[dict[str, Any]] = [{} for _ in range(len(rows))]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for past in pasts(panel):
            line, now, before = made[past.own], times[past.own], times[past.earlier]
            line |= gaps(before, now)
            for what, of in numbers(values[past.earlier], before, now).items():
                line |= {f"{name}: {what}": of[at] for at, name in enumerate(amounts)}
            for at, name in enumerate(amounts):
                own = values[past.own, at]
                line[f"{name}: less the one before"] = own - line[f"{name}: 1 before"]
                line[f"{name}: less the mean"] = own - line[f"{name}: mean"]
            for name, of in codes.items():
                told = of_category(np.append(of[past.earlier], of[past.own]))
                line |= {f"{name}: {what}": one for what, one in told.items()}
            if panel.known is None:
                continue
            known = labels[past.known]
            line["labels known"] = len(known)
            line["since the last label"] = now - times[past.known[-1]] if len(known) else np.nan
            if shown is not None:
                share = shown[known.astype(int)].mean(0)
                line |= {f"label: share of {place}": one for place, one in enumerate(share)}
            for what, of in numbers(known[:, None], times[past.known], now).items():
                line[f"label: {what}"] = of[0]
            for name, of in alike.items():
                same = of[past.known] == of[past.own]
                line[f"label: mean where {name} was so"] = known[same].mean()
            if panel.kind == TWO_CLASSES:
                ones = times[past.known[known == 1]]
                line["label: since the last 1"] = now - ones[-1] if len(ones) else np.nan
                line["label: alike for"] = run(known)
    found = pd.DataFrame(made, index=rows.index).astype(float)
    for name in categories:
        names = rows[name].cat.categories
        last = found[f"{name}: 1 before"].astype(int)
        found[f"{name}: 1 before"] = pd.Categorical.from_codes(last, names)
    if many and LAST_LABEL in found:
        classes = found[LAST_LABEL]
        found["label: last class"] = classes.map("{:.0f}".format, "ignore").astype("category")
    whole = pd.concat([rows[panel.features], found], axis="columns")
    whole["order"] = np.nan if rows[TIME].dtype.kind == "M" else times
    empty = [name for name in whole if whole[name].nunique() < 2]
    return whole.drop(columns=empty)


def gaps(before: np.ndarray, now: float) -> dict[str, float]:
    """Tell how many rows there were, and how far apart."""
    count = len(before)
    if not count:
        return {"rows before": 0}
    mean = (now - before[0]) / count
    return {
        "rows before": count,
        "since the first": now - before[0],
        "since the last": now - before[-1],
        "gap before": before[-1] - before[-2] if count > 1 else np.nan,
        "mean gap": mean,
        "since the last, in mean gaps": (now - before[-1]) / mean if mean else np.nan,
    }


def of_category(seen: np.ndarray) -> dict[str, float]:
    """Tell of a category's codes, the row's own last, what came before."""
    changes = np.diff(seen) != 0
    return {
        "changes": changes.sum(),
        "changed": changes[-1] if len(changes) else np.nan,
        "share before": np.mean(seen[:-1] == seen[-1]),
        "1 before": seen[-2] if len(changes) else -1,
    }


def run(known: np.ndarray) -> int:
    """Count how many of the last labels are alike."""
    if not len(known):
        return 0
    other = np.flatnonzero(known != known[-1])
    return len(known) - (int(other[-1]) + 1 if len(other) else 0)
