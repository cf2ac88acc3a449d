"""The kinds of column that a feature may have: dates, categories and numbers.

A kind says how conf or a schema declares it, how its cells are read, what the schema learns of
them, which slots of a sequence they fill, and what it is called. A further kind is one more class
here, and what declares it in conf and in the schema.
"""

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import pandas as pd

from tabular_lstm.parameters.columns import ColumnsOptions, DateFormat, in_words
from tabular_lstm.rows.cells import (
    Problems,
    category_codes,
    category_of,
    distinct,
    is_categorical,
    read_category,
    read_numbers,
)
from tabular_lstm.rows.dates import date_parts, dates_as_seen, days, is_dates, read_dates
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.schema import (
    ANY,
    PARTS,
    Bounds,
    Schema,
    origin_of,
    parts_of,
    quantiles,
    scale,
)
from tabular_lstm.task import Value

# Mean and variance of a sine over a whole circle, even if train rows cover only part of a year.
CYCLE = (0.0, 0.5)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Declaration:
    """What is said of columns, where neither conf nor a schema says it; see `ColumnsOptions`."""

    categorical: Collection[str] = ()
    dates: Mapping[str, DateFormat] = field(default_factory=dict)
    missing: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    bounds: Mapping[str, Bounds] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)


Declared = ColumnsOptions | Schema | Declaration


class Learned(NamedTuple):
    """What the train rows say about a column.

    Attributes:
        scales: Mean and variance of each of its features.
        origin: The `Schema.origin` of its first feature. Default: 0.
        stored: What fields of the schema hold of the column. Default: none.
    """

    scales: list[tuple[float, float]]
    origin: float = 0.0
    stored: Mapping[str, Any] = {}


class Column(ABC):
    """A feature's column, as conf or a schema declares it.

    Attributes:
        kind: What the reference and the drift call the kind: it decides on the cells of a profile.
        declared_in: The field of conf and of a schema that names the columns of the kind; "" for
            numbers.
    """

    kind: ClassVar[Literal["number", "category", "date"]]
    declared_in: ClassVar[str] = ""

    def __init__(self, name: str, declared: Declared) -> None:
        self.name = name
        self.codes: Sequence[Value] = declared.missing.get(name, [])  # they mean "not measured"

    @property
    @abstractmethod
    def words(self) -> str:
        """Say what the column is read as."""

    @property
    def features(self) -> list[str]:
        """Name the features that the column becomes. Default: one, of its own name."""
        return [self.name]

    @abstractmethod
    def read(self, cells: pd.Series, number_format: NumberFormat = POINT) -> tuple[Any, Problems]:
        """Read cells as valid rows hold them, in which numbers and dates that are codes stay.

        Returns:
            float64 (rows,) of numbers, text of categories, datetime64[us] of dates; missing where
            the cell is. And the problems.
        """

    def seen(self, cells: pd.Series, number_format: NumberFormat = POINT) -> tuple[Any, Problems]:
        """Read cells likewise; codes and cells with a problem are missing. Default: `read`."""
        return self.read(cells, number_format)

    def amounts(self, values: pd.Series) -> np.ndarray | None:
        """Return the values of valid rows as float64, NaN where missing, dates as days since 1970.

        Default: None, the values have no order.
        """
        return None

    @abstractmethod
    def learn(self, values: Any) -> Learned:
        """Learn from the train rows' values, see `seen`."""

    @abstractmethod
    def slots(
        self, cells: pd.Series, schema: Schema, number_format: NumberFormat
    ) -> tuple[np.ndarray, Problems]:
        """Lay cells out: (rows, features), see `tabular_lstm.rows.sequences.slots_of`; problems."""


class NumberColumn(Column):
    """A column of numbers, which may have a unit: every column that is not declared otherwise."""

    kind = "number"

    def __init__(self, name: str, declared: Declared) -> None:
        super().__init__(name, declared)
        self.bounds, self.unit = declared.bounds.get(name, ANY), declared.units.get(name)

    @property
    def words(self) -> str:
        """Name the unit, if there is one."""
        return f"numbers in {self.unit}" if self.unit else "numbers"

    def read(self, cells: pd.Series, number_format: NumberFormat = POINT) -> tuple[Any, Problems]:
        """Read numbers, with the column's unit and within its bounds: float64."""
        return read_numbers(cells, self.codes, self.bounds, number_format.with_unit(self.unit))

    def seen(self, cells: pd.Series, number_format: NumberFormat = POINT) -> tuple[Any, Problems]:
        """Read numbers: float64, NaN where missing."""
        values, problems = self.read(cells, number_format)
        values[list(problems)] = np.nan
        return codes_as_missing(values, self.codes), problems

    def amounts(self, values: pd.Series) -> np.ndarray:
        """Return the numbers without codes."""
        return codes_as_missing(values.to_numpy(np.float64), self.codes)

    def learn(self, values: Any) -> Learned:
        """Learn scale, origin and quantiles."""
        measured = values[~np.isnan(values)]
        return Learned([scale(measured)], origin_of(measured), {"quantiles": quantiles(measured)})

    def slots(
        self, cells: pd.Series, schema: Schema, number_format: NumberFormat
    ) -> tuple[np.ndarray, Problems]:
        """Return the numbers, less their origin."""
        values, problems = self.seen(cells, number_format)
        return (values - schema.origin.get(self.name, 0))[:, None], problems


class CategoryColumn(Column):
    """A column of categories: any text is one."""

    kind, declared_in = "category", "categorical"
    words = "categories"

    def read(self, cells: pd.Series, number_format: NumberFormat = POINT) -> tuple[Any, Problems]:
        """Read texts; none is a problem."""
        return read_category(cells, self.codes, number_format), {}

    def learn(self, values: Any) -> Learned:
        """Learn which categories there are."""
        return Learned([(0.0, 1.0)], stored={"categories": sorted(values.array.dropna().unique())})

    def slots(
        self, cells: pd.Series, schema: Schema, number_format: NumberFormat
    ) -> tuple[np.ndarray, Problems]:
        """Return each cell's place among the categories; an unknown one follows the last."""
        categories = schema.categories[self.name]
        codes = category_codes(self.codes, number_format)
        by_text, by_value = _places(tuple(categories), tuple(sorted(codes)))
        unknown = len(categories)

        def place_of(cell: Any) -> float:
            text = category_of(cell, codes, number_format)
            if text is None:
                return np.nan
            if isinstance(cell, str) or text in by_text:
                return by_text.get(text, unknown)
            return by_value.get(_value_of(text), unknown)

        places, distinct_cells = distinct(cells)
        # The last place is for -1, a missing cell.
        distinct_places = np.array([*map(place_of, distinct_cells), np.nan], np.float32)
        return distinct_places[places, None], {}


class DateColumn(Column):
    """A column of dates or date-times."""

    kind, declared_in = "date", "dates"

    def __init__(self, name: str, declared: Declared) -> None:
        super().__init__(name, declared)
        self.form = declared.dates[name]  # None for ISO dates, or one format or several

    @property
    def words(self) -> str:
        """Say that the column has dates, and in which formats."""
        return f"dates of format {in_words(self.form)}"

    @property
    def features(self) -> list[str]:
        """Name the five parts of a date."""
        return parts_of(self.name)

    def read(self, cells: pd.Series, number_format: NumberFormat = POINT) -> tuple[Any, Problems]:
        """Read dates in the column's formats: datetime64[us]."""
        return read_dates(cells, self.codes, self.form)

    def seen(self, cells: pd.Series, number_format: NumberFormat = POINT) -> tuple[Any, Problems]:
        """Read dates: datetime64[us], NaT where missing."""
        return dates_as_seen(cells, self.codes, self.form)

    def amounts(self, values: pd.Series) -> np.ndarray:
        """Return days since 1970."""
        return days(self.seen(values)[0])

    def learn(self, values: Any) -> Learned:
        """Learn scale and origin of the days; the others are points on a circle."""
        measured = days(values[~np.isnat(values)])
        scales = [scale(measured), *[CYCLE] * (len(PARTS) - 1)]
        return Learned(scales, origin_of(measured), {"dates": self.form})

    def slots(
        self, cells: pd.Series, schema: Schema, number_format: NumberFormat
    ) -> tuple[np.ndarray, Problems]:
        """Return the five parts of each date, the days less their origin."""
        dates, problems = self.seen(cells)
        return date_parts(dates, schema.origin.get(self.features[0], 0)), problems


KINDS: tuple[type[Column], ...] = (DateColumn, CategoryColumn)  # all others are numbers


def column_of(name: str, declared: Declared) -> Column:
    """Return a column as the kind that it is declared to be."""
    kinds = (kind for kind in KINDS if name in getattr(declared, kind.declared_in))
    return next(kinds, NumberColumn)(name, declared)


def declared_by_dtype(rows: pd.DataFrame) -> Declaration:
    """Declare the columns of a frame by what they hold: dates, categories, or else numbers.

    Warns of a column that is mostly numbers, but has a few words and so becomes categories.
    """
    dates = [name for name in rows.columns if is_dates(rows[name])]
    categorical = [n for n in rows.columns if n not in dates and is_categorical(rows[n])]
    for name in categorical:
        if not isinstance(rows[name].dtype, pd.CategoricalDtype):
            is_number = pd.to_numeric(rows[name].astype(object), errors="coerce").notna()
            if is_number.mean() > 0.5:
                logger.warning(
                    "Column '%s' is read as categories, though %d of %d values are numbers. If the "
                    "column is numeric, replace its other values by NaN; if not, convert the "
                    "column to dtype category.",
                    name,
                    is_number.sum(),
                    len(is_number),
                )
    return Declaration(categorical, dict.fromkeys(dates))


def codes_as_missing(numbers: np.ndarray, missing: Sequence[Value]) -> np.ndarray:
    """Return numbers, float64, with NaN for each code that means "not measured"."""
    codes = [float(code) for code in missing if not isinstance(code, str)]
    # One bit pattern for NaN, because the fingerprint of sequences is a hash of their bytes.
    is_code = np.isin(numbers, codes) if codes else False
    return np.where(np.isnan(numbers) | is_code, np.nan, numbers)


@lru_cache(maxsize=256)
def _places(
    categories: tuple[str, ...], codes: tuple[str, ...]
) -> tuple[dict[str, float], dict[Any, float]]:
    """Return the categories' places by text; and by value, for values that only one text writes.

    The places by value have the codes for "not measured" too, with the place NaN.
    """
    by_text: dict[str, float] = {text: place for place, text in enumerate(categories)}
    places = dict.fromkeys(codes, np.nan) | by_text
    value_counts = Counter(map(_value_of, places))
    by_value = {
        _value_of(text): place
        for text, place in places.items()
        if value_counts[_value_of(text)] == 1
    }
    by_value.pop(None, None)
    return by_text, by_value


def _value_of(text: str) -> Any:
    """Return the number that a text stands for, or "true" or "false"; None for any other text."""
    if text.lower() in {"true", "false"}:
        return text.lower()
    try:
        return float(text)
    except ValueError:
        return None
