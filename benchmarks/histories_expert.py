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

from tabular_lstm.task import CLASSES, TWO_CLASSES

LAST = 3
HALF_LIFE = 2  # rows
LAST_LABEL = "label: 1 before"


@dataclass(frozen=True, eq=False)
class Past:
    """A row and what is known by then.

    Attributes:
        row: Its place among the rows.
        earlier: Places of the earlier rows, the newest last.
        labelled: Places of those whose label is known.
    """

    row: int
    earlier: np.ndarray
    labelled: np.ndarray


def times_of(panel: Panel) -> np.ndarray:
    """Give the rows' times, of dates in days: float64 (rows,)."""
    times = panel.rows[TIME]
    if times.dtype.kind == "M":
        times = (times - times.min()) / pd.Timedelta(days=1)
    return times.to_numpy(float)


def pasts(panel: Panel) -> Iterator[Past]:
    """Give the past of each row, customer by customer."""
    times, has_label = times_of(panel), panel.labelled()
    customers = pd.factorize(panel.rows[CUSTOMER])[0]
    sorted_rows = np.lexsort((times, customers))
    for places in np.split(sorted_rows, np.cumsum(np.bincount(customers))[:-1]):
        customer_times = times[places]
        for row in places:
            earlier = places[: np.searchsorted(customer_times, times[row])]
            labelled = earlier[:0]
            if panel.known is not None:
                until = np.searchsorted(customer_times, times[row] - panel.known, "right")
                labelled = earlier[:until]
                labelled = labelled[has_label[labelled]]
            yield Past(row, earlier, labelled)


def numbers(values: np.ndarray, times: np.ndarray, time: float) -> dict[str, np.ndarray]:
    """Summarize earlier values, (earlier rows, columns), by columns: (columns,) each."""
    columns = values.shape[1]
    nothing = np.full(columns, np.nan)
    count = len(values)
    lags = {f"{lag} before": values[-lag] if count >= lag else nothing for lag in (1, 2, 3)}
    if not count:
        names = ("mean", "deviation", "least", "most", "mean of the last", "recent mean", "trend")
        return {**lags, **dict.fromkeys((*names, "change before", "led to"), nothing)}
    weights = 0.5 ** (np.arange(count)[::-1] / HALF_LIFE)[:, None] * ~np.isnan(values)
    slope = trend(values, times)
    mean = np.nanmean(values, 0)
    return {
        **lags,
        "mean": mean,
        "deviation": np.nanstd(values, 0) if count > 1 else nothing,
        "least": np.nanmin(values, 0),
        "most": np.nanmax(values, 0),
        "mean of the last": np.nanmean(values[-LAST:], 0),
        "recent mean": np.nansum(weights * np.nan_to_num(values), 0) / weights.sum(0),
        "trend": slope,
        "change before": values[-1] - values[-2] if count > 1 else nothing,
        "led to": mean + slope * (time - times.mean()),
    }


def trend(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Give the slopes of least squares over time, NaN of a single time: (columns,)."""
    is_number = ~np.isnan(values)
    counts = is_number.sum(0)
    time = np.where(is_number, times[:, None], 0)
    off = np.where(is_number, times[:, None] - time.sum(0) / counts, 0)
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
    conditions = codes | {
        name: rows[name].to_numpy() for name in amounts if rows[name].nunique() == 2
    }
    labels = rows[LABEL].to_numpy()
    one_hot = np.eye(int(np.nanmax(labels)) + 1) if panel.kind == CLASSES else None
    lines: list[dict[str, Any]] = [{} for _ in range(len(rows))]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for past in pasts(panel):
            line, time, before = lines[past.row], times[past.row], times[past.earlier]
            line |= gaps(before, time)
            for feature, columns in numbers(values[past.earlier], before, time).items():
                line |= {f"{name}: {feature}": columns[i] for i, name in enumerate(amounts)}
            for place, name in enumerate(amounts):
                value = values[past.row, place]
                line[f"{name}: less the one before"] = value - line[f"{name}: 1 before"]
                line[f"{name}: less the mean"] = value - line[f"{name}: mean"]
            for name, column in codes.items():
                seen_codes = np.append(column[past.earlier], column[past.row])
                line |= {f"{name}: {f}": v for f, v in category_features(seen_codes).items()}
            if panel.known is None:
                continue
            past_labels = labels[past.labelled]
            label_times = times[past.labelled]
            line["labels known"] = len(past_labels)
            line["since the last label"] = time - label_times[-1] if len(past_labels) else np.nan
            if one_hot is not None:
                shares = one_hot[past_labels.astype(int)].mean(0)
                line |= {f"label: share of {number}": s for number, s in enumerate(shares)}
            for feature, columns in numbers(past_labels[:, None], label_times, time).items():
                line[f"label: {feature}"] = columns[0]
            for name, column in conditions.items():
                same = column[past.labelled] == column[past.row]
                line[f"label: mean where {name} was so"] = past_labels[same].mean()
            if panel.kind == TWO_CLASSES:
                positive_times = label_times[past_labels == 1]
                since = time - positive_times[-1] if len(positive_times) else np.nan
                line |= {"label: since the last 1": since, "label: alike for": run(past_labels)}
    made = pd.DataFrame(lines, index=rows.index).astype(float)
    for name in categories:
        last = made[f"{name}: 1 before"].astype(int)
        made[f"{name}: 1 before"] = pd.Categorical.from_codes(last, rows[name].cat.categories)
    if panel.kind == CLASSES and LAST_LABEL in made:
        classes = made[LAST_LABEL].map("{:.0f}".format, "ignore")
        made["label: last class"] = classes.astype("category")
    features = pd.concat([rows[panel.features], made], axis="columns")
    features["order"] = np.nan if rows[TIME].dtype.kind == "M" else times
    return features.drop(columns=[name for name in features if features[name].nunique() < 2])


def gaps(before: np.ndarray, time: float) -> dict[str, float]:
    """Tell how many rows there were, and how far apart."""
    count = len(before)
    if not count:
        return {"rows before": 0}
    mean = (time - before[0]) / count
    return {
        "rows before": count,
        "since the first": time - before[0],
        "since the last": time - before[-1],
        "gap before": before[-1] - before[-2] if count > 1 else np.nan,
        "mean gap": mean,
        "since the last, in mean gaps": (time - before[-1]) / mean if mean else np.nan,
    }


def category_features(codes: np.ndarray) -> dict[str, float]:
    """Tell of a category's codes, the row's own last, what came before."""
    changes = np.diff(codes) != 0
    return {
        "changes": changes.sum(),
        "changed": changes[-1] if len(changes) else np.nan,
        "share before": np.mean(codes[:-1] == codes[-1]),
        "1 before": codes[-2] if len(changes) else -1,
    }


def run(labels: np.ndarray) -> int:
    """Count how many of the last labels are alike."""
    if not len(labels):
        return 0
    different = np.flatnonzero(labels != labels[-1])
    return len(labels) - (int(different[-1]) + 1 if len(different) else 0)
