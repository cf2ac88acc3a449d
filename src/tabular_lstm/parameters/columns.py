"""The block that says what each column of the CSV is."""

import re
from datetime import UTC, datetime
from itertools import combinations, product
from math import isfinite
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, StrictFloat, StrictInt, StrictStr, model_validator

from tabular_lstm.frozen import Number, Parameters


# YAML reads an unquoted yes or no as a boolean; strict types refuse it for a text or a number.
def _quoted(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("YAML reads an unquoted yes, no, true or false as a boolean; quote it")
    return value


Value = Annotated[StrictInt | StrictFloat | StrictStr, BeforeValidator(_quoted)]


def _with_formats(dates: Any) -> Any:
    """Give a list of dates as the dictionary that it stands for: no format is declared."""
    is_list = isinstance(dates, list) and not any(isinstance(n, list | dict) for n in dates)
    if not (is_list or isinstance(dates, dict)):
        raise ValueError("expected a list of names, or a dictionary from names to formats")
    return dict.fromkeys(dates) if is_list else dates


Dates = Annotated[dict[str, str | None], BeforeValidator(_with_formats)]

# What depends on a machine's time zone or language.
OF_THE_MACHINE = re.compile("%[ZcxX]")

# Of a column that is no feature.
ROLES = ("label", "key", "weight", "group", "time")
# Where the block may name a column, and which two places may name the same one.
PLACES = ("ignore", "features", "missing", "categorical", "dates", "bounds", *ROLES)
TOGETHER = {("features", "missing"), ("dates", "time"), *product(PLACES[1:3], PLACES[3:6])}


class Columns(Parameters):
    """The role of each column of the CSV.

    Attributes:
        label: Name of the column to predict.
        positive_class: The label's value whose probability the network gives.
        key: Column that identifies a row and decides its side of the split. In a folder of files
            the last valid row with a key counts. 7.0 is the key 7; 007 and 7.00 are others.
            Default: none, the features identify it.
        weight: Column that says how much a row counts, a number of 0 or more: a row of weight 2
            counts as two alike, one of weight 0 as if it were not there. Only the proportions
            count. Default: none, all rows count alike.
        group: Column whose rows belong together, such as a patient with several visits: they are
            on one side of the split and in one fold. Spelt as a key is. Default: none.
        time: Column that says when a row is from, for a split by time: dates, of ISO 8601 or of the
            format that `dates` has for it, or numbers, of which a later one is larger. Default:
            none.
        features: Columns to learn from, in this order. Default: all that have no other role.
        categorical: Features that are names and not amounts. Default: none, all are numbers.
        dates: Features, or the time, that are dates or date-times: a list of names, of dates as
            ISO 8601 has them, or a dictionary from the name to the format of `datetime.strptime`,
            such as {visit: "%d.%m.%Y"}; null for ISO 8601. Default: none.
        ignore: Columns that are left out, and no cell of them is read. Default: none.
        bounds: Lowest and highest value of a feature; `null` leaves an end open. Default: ±1e30.
        missing: Values that mean "not measured", for each feature; numbers without quotes. An
            empty cell and NA, N/A, NaN, null and None always do.
    """

    label: str
    positive_class: Value
    negative_class: Value
    key: str | None = None
    weight: str | None = None
    group: str | None = None
    time: str | None = None
    features: Annotated[list[str], Field(min_length=1)] | None = None
    categorical: list[str] = []
    dates: Dates = {}
    ignore: list[str] = []
    bounds: dict[str, tuple[Number | None, Number | None]] = {}
    missing: dict[str, list[Value]] = {}

    @model_validator(mode="after")
    def _classes_differ(self) -> Self:
        one, other = self.positive_class, self.negative_class
        texts = isinstance(one, str) and isinstance(other, str)
        # 1, 1.0 and "1" match the same cells.
        if one == other or (not texts and _number(one) == _number(other) is not None):
            raise ValueError(f"positive_class and negative_class are both {one!r}")
        return self

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        features = self.features or []
        if len(set(features)) < len(features):
            raise ValueError(f"features names a column twice: {features}")
        for one, other in combinations(PLACES, 2):
            both = sorted(self._named(one) & self._named(other))
            if both and (one, other) not in TOGETHER:
                raise ValueError(
                    f"column '{both[0]}' is named under {one} and under {other}; expected one of "
                    "them"
                )
        if self.group is not None and self.time is not None:
            raise ValueError(f"group is '{self.group}' and time is '{self.time}'; expected one")
        return self

    @model_validator(mode="after")
    def _values_can_be_read(self) -> Self:
        for name, form in self.dates.items():
            if form is not None and not _says_a_day(form):
                raise ValueError(
                    f"dates of '{name}': the format {form!r} does not say year, month and day on "
                    "any machine; expected one such as '%d.%m.%Y', or null for ISO 8601"
                )
        for name, (low, high) in self.bounds.items():
            if low is not None and high is not None and low > high:
                raise ValueError(f"bounds of '{name}': the lowest, {low}, is above {high}")
        for name in sorted(self.missing.keys() - {*self.categorical, *self.dates}):
            texts = [code for code in self.missing[name] if isinstance(code, str)]
            if quoted := [code for code in texts if _number(code) is not None]:
                raise ValueError(
                    f"missing of '{name}', a feature of numbers, holds the text {quoted[0]!r}: "
                    "write it without quotes"
                )
        return self

    def _named(self, place: str) -> set[str]:
        """Name the columns that stand at a place of this block."""
        names = getattr(self, place)
        return {names} if isinstance(names, str) else {*(names or [])}

    @property
    def classes(self) -> tuple[Value, Value]:
        """Give the positive and the negative class."""
        return self.positive_class, self.negative_class

    @property
    def not_features(self) -> set[str]:
        """Name the columns of valid rows that are no features."""
        return {name for role in ROLES if (name := getattr(self, role)) is not None}

    @property
    def together(self) -> str | None:
        """Name the column whose rows of one value are on one side: group, or time, if any."""
        return self.group or self.time


def _says_a_day(form: str) -> bool:
    """Tell whether a date that is written in a format is read as the same day, on any machine."""
    day = datetime(2026, 11, 28, tzinfo=UTC)
    try:
        read = datetime.strptime(day.strftime(form), form)
    except (ValueError, re.error):
        return False
    return read.date() == day.date() and not OF_THE_MACHINE.search(form)


def _number(value: Value) -> float | None:
    """Give the number that a value is or writes; None for any other text."""
    try:
        number = float(value)
    except ValueError:
        return None
    return number if isfinite(number) and "_" not in str(value) else None
