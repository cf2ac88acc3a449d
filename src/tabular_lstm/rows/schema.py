"""The schema: all that turns a row into a sequence, learned from the train rows once."""

from collections.abc import Collection
from hashlib import blake2b
from typing import Any

import numpy as np
from scipy.special import ndtr

from tabular_lstm.frozen import Frozen, Positive, unless
from tabular_lstm.parameters.columns import DateFormat, History
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.task import Class, Task, Value

Bounds = tuple[float | None, float | None]
ANY: Bounds = (None, None)

# The features of a date, see `tabular_lstm.rows.dates.date_parts`.
PARTS = (
    "days",
    "day of year, sine",
    "day of year, cosine",
    "weekday, sine",
    "weekday, cosine",
)


def parts_of(date: str) -> list[str]:
    """Name the features that a column of dates becomes."""
    return [f"{date} ({part})" for part in PARTS]


MICROSECONDS_A_DAY = 86_400e6
# The normal scores of a number's quantiles.
SCORES = np.arange(-3, 3.25, 0.25)


class Target(Frozen):
    """How the network learns a label that is a number, and how predictions return to its unit.

    Attributes:
        mean: Mean of the train rows' labels, winsorized at the 1st and the 99th percentile; on the
            scale that is learned.
        deviation: Their standard deviation, likewise, above 0.
        asinh: The labels are divided by this number, and asinh of the result is learned. Default:
            the labels are learned as they are.
        scale: Which scale is learned, and why, in words. Default: nothing is said.
        bounds: No prediction and no end of an interval is outside of these. Default: they are open.
        median: Whether the prediction is the median of what is possible, not its mean. Default: no.
    """

    mean: float
    deviation: Positive
    asinh: Positive | None = unless(None)
    scale: str = unless("")
    bounds: Bounds = unless(ANY)
    median: bool = unless(False)

    def learned(self, labels: np.ndarray) -> np.ndarray:
        """Turn labels into what is learned, float64."""
        scaled = labels if self.asinh is None else np.arcsinh(labels / self.asinh)
        return (scaled - self.mean) / self.deviation

    def in_own_unit(self, learned: np.ndarray) -> np.ndarray:
        """Turn what was learned into the label's unit, within the bounds."""
        scaled = self.mean + self.deviation * learned
        # Far outside the bounds sinh would overflow.
        values = scaled if self.asinh is None else self.asinh * np.sinh(scaled.clip(-500, 500))
        return np.clip(values, *self.bounds)


class HistoryLayout(History):
    """How rows become histories, see `tabular_lstm.rows.histories`.

    Attributes:
        dates: Whether the times in `order` are dates; otherwise they are numbers.
        form: The format of text in `order`, if it is dates, see `Schema.dates`.
        gap: Name of the feature that is the time since the row before (in days for dates).
        number: Name of the feature that is the order itself; None if the order is not a feature.
        labels: Names of the features that hold the known label: one feature, or one for each class
            of more than two. Default: none.
        half_lives: After these times an earlier row counts half as much in recent counts, sums and
            means, in the unit of `gap`. Default: there are none, as before version 0.2.0.
    """

    dates: bool
    form: DateFormat = unless(None)
    gap: str
    number: str | None = unless(None)
    labels: tuple[str, ...] = unless(())
    half_lives: tuple[float, ...] = unless(())

    @property
    def unit(self) -> float:
        """Return the unit of `gap`: for dates a day in microseconds, for numbers 1."""
        return MICROSECONDS_A_DAY if self.dates else 1.0

    @property
    def derived(self) -> list[str]:
        """Name the features that are computed and are not columns."""
        return [name for name in (self.gap, self.number, *self.labels) if name is not None]


class Schema(Frozen):
    """Which feature goes where in a sequence, and what the train rows say about each feature.

    Attributes:
        features: Names in the order of the sequence's slots: for a column of dates those of
            `parts_of`, for any other column its name.
        dates: The columns of dates, each with the format of its text, None for ISO 8601; or with a
            list of formats, of which the first that fits reads a cell.
        categories: For each categorical feature, its categories in the train rows, sorted.
        missing: Values that mean "not measured", for each feature that has any.
        bounds: Lowest and highest possible value of a feature, and of a label that is a number;
            None for an open end. Default: any number is possible.
        units: The unit of a feature, and of a label that is a number, see `Columns`. Default: none.
        marks: The number format of the file of the train rows. Default: a point before the
            fraction.
        mean: Mean of each feature over the train rows, without missing values, winsorized at the
            1st and the 99th percentile; 0 for a category.
        variance: Likewise; 1 for a category, or if the feature never varies.
        origin: What is subtracted from a feature in float64, before float32: of features whose
            values are far from 0 and close together, see `origin_of`. Sequences and past features
            are made of what is left. Default: 0, as in version 0.1.0.
        quantiles: Of each column of numbers, the quantiles of its measured values in the train
            rows: a standard normal variable has them at `SCORES`. Version 0.1.0 has them for
            histories alone. Default: none.
        scores: Whether the embedding reads numbers by their normal scores too, which come from the
            quantiles. Histories have the scores in the read-out alone: in the embedding they made
            the network worse. Default: no, as in version 0.1.0.
        positive_class: With two classes, the label's value whose probability the network gives.
        negative_class: The other one.
        classes: With more classes, the label's values, in the order of their probabilities.
        target: The unit of a label that is a number.
        history: How rows become histories, with all features of a row as one step. Default: each
            row is a sequence by itself.
        row: For histories, the schema of a row and its past features, which the first kind of
            members reads. Default: no members read them, as in version 0.1.0.
        lineage: What only version 0.1.0 wrote; nothing reads it. Default: None.
    """

    features: list[str]
    steps: int
    features_per_step: int
    categories: dict[str, list[str]] = {}
    missing: dict[str, list[Value]]
    bounds: dict[str, Bounds] = {}
    dates: dict[str, DateFormat] = {}
    units: dict[str, str] = unless({})
    marks: NumberFormat = POINT
    mean: list[float]
    variance: list[float]
    origin: dict[str, float] = unless({})
    quantiles: dict[str, list[float]] = unless({})
    scores: bool = unless(False)
    label: str
    positive_class: Class | None = unless(None)
    negative_class: Class | None = unless(None)
    classes: tuple[Class, ...] | None = unless(None)
    target: Target | None = unless(None)
    history: HistoryLayout | None = unless(None)
    row: "Schema | None" = unless(None)
    lineage: Any = unless(None)

    @property
    def task(self) -> Task:
        """Say what is predicted."""
        if self.target is not None:
            return Task.of_number(self.target.median)
        return Task.of_classes(self.classes or [self.negative_class, self.positive_class])  # type: ignore[list-item]

    @property
    def categorical(self) -> Collection[str]:
        """Name the columns of categories."""
        return self.categories

    @property
    def file_format(self) -> int:
        """The format of a network's file: 2 with `scores`, or with them in `row`, otherwise 1."""
        return 1 + (self.scores or self.row is not None)

    @property
    def padded_slots(self) -> int:
        """Slots at the end of the last step that no feature fills."""
        return self.steps * self.features_per_step - len(self.features)

    @property
    def slots(self) -> dict[str, list[int]]:
        """The slots of each column, in the order of the columns' first slots."""
        column = {part: date for date in self.dates for part in parts_of(date)}
        slots: dict[str, list[int]] = {}
        for slot, feature in enumerate(self.features):
            slots.setdefault(column.get(feature, feature), []).append(slot)
        return slots

    def in_own_unit(self, feature: str, values: np.ndarray) -> np.ndarray:
        """Add its `origin` to a feature of sequences: float64 if it has one, else as it is."""
        return values + np.float64(self.origin[feature]) if feature in self.origin else values

    @property
    def columns(self) -> list[str]:
        """The columns of features that a row needs."""
        if self.history is not None:
            return [name for name in self.slots if name not in self.history.derived]
        return list(self.slots) if self.dates else self.features

    @property
    def roles(self) -> list[str]:
        """The columns that say which rows are a history, and the label if it is a feature."""
        if self.history is None:
            return []
        label = [self.label] if self.history.labels else []
        return [self.history.of, self.history.order, *filter(None, [self.history.then]), *label]


def training_fingerprint(
    sequences: Any, labels: np.ndarray, weights: np.ndarray | None = None
) -> str:
    """Hash sequences, labels and weights, to check that a candidate was trained on these."""
    digest = blake2b(repr(sequences.shape).encode(), digest_size=16)
    for array in getattr(sequences, "arrays", (sequences,)):  # histories have several
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    # A class's number takes one byte.
    fits_byte = labels.size and labels.min() >= 0 and labels.max() < 256 and not (labels % 1).any()
    digest.update(labels.astype(np.uint8 if fits_byte else "<f8").tobytes())
    if weights is not None:
        digest.update(weights.astype("<f8").tobytes())
    return digest.hexdigest()


def scale(values: np.ndarray) -> tuple[float, float]:
    """Return mean and variance of the measured values, winsorized; 0 and 1 if there are none.

    Values are winsorized at the 1st and the 99th percentile, unless that leaves a single value.
    Otherwise one wrong number, such as 9999 among ages, would be most of the variance.
    """
    if not values.size:
        return 0.0, 1.0
    low = np.quantile(values, 0.01, method="higher")
    high = np.quantile(values, 0.99, method="lower")
    inner = values.clip(low, max(low, high))
    if inner.min() < inner.max():
        values = inner
    return float(values.mean()), float(values.var()) if values.min() < values.max() else 1.0


def origin_of(values: np.ndarray) -> float:
    """Return the number to subtract from measured values, float64 (n,), before they are float32.

    It is the median of the distinct values if at least twice as many of them stay distinct without
    it as with it, such as seconds since 1970 within a minute. Otherwise it is 0.
    """
    distinct = np.unique(values)
    middle = distinct[len(distinct) // 2] if distinct.size else 0.0
    shifted = distinct - middle
    shifted[np.abs(shifted) < 1e-14 * np.abs(middle)] = 0  # rounding errors mean nothing
    count, count_if_shifted = (
        len(np.unique(part.astype(np.float32))) for part in (distinct, shifted)
    )
    return float(middle) if 2 * count <= count_if_shifted else 0.0


def quantiles(values: np.ndarray) -> list[float]:
    """Return the `Schema.quantiles` of measured values; none if there are no values."""
    return np.quantile(values, ndtr(SCORES), method="nearest").tolist() if values.size else []
