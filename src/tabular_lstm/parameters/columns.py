"""The blocks `columns` and `split`: column roles, the task, and which rows are test rows."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime
from hashlib import blake2b
from itertools import combinations, permutations, product
from math import isfinite
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictInt,
    Tag,
    model_validator,
)

from tabular_lstm.errors import counted, shown
from tabular_lstm.frozen import Fraction, Number, Parameters, matching, unless
from tabular_lstm.task import Task, Value

# History ------------------------------------------------------------------------------------------

MOST_STEPS = 200
MARKS = ("1", "yes", "true")  # of rows to predict, in the column under `predict`
DAYS = {"day": 1.0, "hour": 1 / 24, "minute": 1 / 1440, "week": 7.0}
TIME = re.compile("[0-9]{1,9} (minute|hour|day|week)s?")


def delay_of(time: float | str) -> float:
    """Read `30 days` or `12 hours` as days; a number stays as it is."""
    if not isinstance(time, str):
        return time
    count, unit = time.split(" ")
    return float(count) * DAYS[unit.removesuffix("s")]


def _delay(time: float | str) -> float | str:
    if TIME.fullmatch(time) if isinstance(time, str) else time >= 0:
        return time
    raise ValueError("expected '30 days', '12 hours' or the like, or a number of 0 or more")


# A column of marks, or one column and its values; a single value becomes a list.
Predict = Annotated[
    Annotated[str, Tag("column")]
    | Annotated[
        dict[
            str,
            Annotated[
                list[Value],
                Field(min_length=1),
                BeforeValidator(lambda values: values if isinstance(values, list) else [values]),
            ],
        ],
        Field(min_length=1, max_length=1),
        Tag("one column and its values"),
    ],
    Discriminator(lambda of: "one column and its values" if isinstance(of, dict) else "column"),
]


class History(Parameters):
    """Which rows form one sequence: a row and the earlier rows of the same customer.

    Attributes:
        of: Column that identifies the customer, such as a person, a patient or a machine.
        order: Column with the time of the row: dates, or numbers that increase with time. No
            row is earlier than another with the same time. Or a list of this column and `then`.
        steps: Maximum number of rows in a sequence, including the row itself: 1 to 200. Default:
            20.
        known_after: Time from a row until its label is known: a number in the unit of `order` (days
            if `order` has dates) or, for dates, a text such as `30 days` or `12 hours`. An earlier
            label is a feature if it is known at the time of the predicted row. Default: earlier
            labels are never features.
        predict: Column that marks the rows that a scoring predicts: 1, yes or true. Or one column
            and its value or values, such as `{event_type: order}`: a scoring predicts the last such
            row of each customer, so the model is evaluated on such rows, too. The column may also
            be a feature; a single value becomes a list. Default: the last row of each customer.
        then: In conf, the second of two columns under `order`: numbers that order rows with the
            same time, such as the lines of a receipt. Delays and gaps are still measured by the
            time. Default: none.
    """

    of: str
    order: str
    steps: Annotated[StrictInt, Field(ge=1, le=MOST_STEPS)] = 20
    known_after: Annotated[Number | str, AfterValidator(_delay)] | None = None
    predict: Predict | None = None
    then: str | None = unless(None)

    @model_validator(mode="before")
    @classmethod
    def _order_may_be_two(cls, block: Any) -> Any:
        match block:
            case {"order": [order, then], **others}:
                return {**others, "order": order, "then": then}
            case {"order": list()}:
                raise ValueError("order: expected one column, or a list of two")
        return block

    @model_validator(mode="after")
    def _columns_differ(self) -> Self:
        names = filter(None, (self.of, self.order, self.then, self.chosen_by))
        if any(name == other for name, other in combinations(names, 2)):
            raise ValueError("of, order and predict: expected different columns")
        return self

    @property
    def columns(self) -> set[str]:
        """Return the names of all columns in the block."""
        return {self.of, self.order, *filter(None, [self.then, self.mark])}

    @property
    def chosen_by(self) -> str | None:
        """Return the name of the column that says which rows a scoring may predict."""
        return next(iter(self.predict)) if isinstance(self.predict, dict) else self.predict

    @property
    def values(self) -> list[Value]:
        """Return the values of this column in these rows; marks are in lower case."""
        return self.predict[str(self.chosen_by)] if isinstance(self.predict, dict) else [*MARKS]

    @property
    def mark(self) -> str | None:
        """Return the name of the boolean column of valid rows that marks these rows."""
        # The column of values may also be a feature.
        return f"{self.chosen_by}, to predict" if isinstance(self.predict, dict) else self.predict

    @property
    def scored(self) -> Literal["marked rows", "chosen last rows", "last rows"]:
        """Say which rows a scoring predicts, as `JudgingRows.definition` does."""
        return (
            "last rows"
            if self.predict is None
            else "marked rows"
            if isinstance(self.predict, str)
            else "chosen last rows"
        )

    @property
    def words(self) -> str:
        """Say in words which rows form a history."""
        by = " and ".join(map(shown, filter(None, (self.order, self.then))))
        return f"at most {counted(self.steps, 'row')} of each {shown(self.of)}, by {by}"


# Split --------------------------------------------------------------------------------------------


def _hash_key(salt: str) -> str:
    if len(salt.encode()) > blake2b.MAX_KEY_SIZE:
        raise ValueError(f"expected at most {blake2b.MAX_KEY_SIZE} bytes")
    return salt


# The time of a row: a number, or an ISO date.
Moment = int | float | str


def in_utc(text: str) -> datetime:
    """Read an ISO date or date-time as a naive datetime, in UTC if the text has an offset.

    Raises:
        ValueError: The text is not an ISO date, or its year in UTC is outside 1 to 9999.
    """
    moment = datetime.fromisoformat(text)
    try:
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except OverflowError as error:
        raise ValueError(str(error)) from error


def _moment(value: Any) -> Any:
    """Check a `Moment` or None; a date, which YAML makes of unquoted text, becomes text."""
    if isinstance(value, date):
        return value.isoformat()
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    try:
        in_utc(value)
    except (TypeError, ValueError):
        raise ValueError(
            "expected an ISO date, such as 2026-03-01, a date-time or a number"
        ) from None
    return value


class SplitOptions(Parameters):
    """Which rows are test rows.

    Attributes:
        kind: `hash`: a hash of the row's group, key or features decides. `time`: the newest rows
            by `columns.time` are test rows.
        test_fraction: Share of test rows; a split by hash meets it only on average. With 0 there
            are no test rows, and the network is evaluated on its train rows.
        salt: Text that keys the hash, at most 64 bytes. Another salt gives another split.
        from_: `from` in conf, for the kind `time`: rows of this date or number, or later, are test
            rows, and `test_fraction` is not used. Default: the newest rows, about `test_fraction`
            of all, are test rows. Rows with the same time stay on one side.
        independent: Features for which rows with the same value are independent. Name a feature
            here if a run warns about it wrongly. No row changes sides. Default: none.
    """

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["hash", "time"] = "hash"
    test_fraction: Fraction = 0.2
    salt: Annotated[str, Field(min_length=1), AfterValidator(_hash_key)] = "tabular-lstm"
    from_: Annotated[Moment | None, BeforeValidator(_moment)] = Field(default=None, alias="from")
    independent: list[str] = []

    @model_validator(mode="after")
    def _from_is_used(self) -> Self:
        if self.from_ is not None and (self.kind != "time" or not self.test_fraction):
            raise ValueError(
                "from is given: expected kind: time and a test_fraction above 0, got kind: "
                f"{self.kind} and test_fraction: {self.test_fraction:g}"
            )
        return self


# Columns ------------------------------------------------------------------------------------------


def _with_formats(dates: Any) -> Any:
    """Turn a list of dates into a dictionary in which no date has a format."""
    is_list = isinstance(dates, list) and not any(isinstance(n, list | dict) for n in dates)
    if not (is_list or isinstance(dates, dict)):
        raise ValueError("expected a list of names, or a dictionary from names to formats")
    return dict.fromkeys(dates) if is_list else dates


# A unit does not begin or end with a digit, a blank, or one of . , ' + -
Unit = Annotated[
    str, matching(r"[^\d\s.,'+-](.*[^\d\s.,'+-])?", "a unit alone, such as $, % or km/h")
]

# One or more formats of a column's dates, for `datetime.strptime`; None means ISO 8601.
DateFormat = str | None | Annotated[list[str | None], Field(min_length=1)]
Dates = Annotated[dict[str, DateFormat], BeforeValidator(_with_formats)]

# Directives that depend on a machine's time zone or language.
OF_THE_MACHINE = re.compile("%[ZcxX]")
YEAR = re.compile("%[GYy]")
DAY = datetime(2001, 2, 3, tzinfo=UTC)  # its parts are a day, a month and a year in any order

# Names that declare the task.
PAIR = ("positive_class", "negative_class")
TASKS = {*PAIR, "classes", "declared_task", "task"}
# Roles of columns that are not features.
ROLES = ("label", "key", "weight", "group", "time")
# Places in the block that name columns, and pairs of places that may name the same column.
NUMBERS = ("bounds", "units")  # a label that is a number may have them too
PLACES = ("ignore", "features", "missing", "categorical", "dates", *NUMBERS, *ROLES, "history")
TOGETHER = {
    ("features", "missing"),
    NUMBERS,
    ("dates", "time"),
    *product(PLACES[1:3], PLACES[3:7]),
    *product(("dates", "group", "time"), ["history"]),
}
# With more classes, the network has too many outputs and each class too few rows.
MOST_CLASSES = 100


class ColumnsOptions(Parameters):
    """The role of each column.

    Attributes:
        label: Name of the column to predict.
        positive_class: For two classes, the label's value whose probability the network gives.
        negative_class: The label's other value.
        classes: For three to a hundred classes, the label's values, in the order of their
            probabilities.
        declared_task: `task` in conf: `number` if the label is a number. Default: the classes
            define what is predicted.
        key: Column that identifies a row and decides its side of the split. In a folder of files,
            only the last valid row of each key counts. 7.0 is the key 7; 007 and 7.00 are different
            keys. Default: none, the features identify the row.
        weight: Column that says how much a row counts, a number of 0 or more: a row of weight 2
            counts as two identical rows, a row of weight 0 does not count. Only the proportions
            matter. Default: none, all rows count equally.
        group: Column that says which rows belong together, such as a patient's visits. Rows of one
            group are on one side of the split and in one fold. Read like a key. Default: none.
        time: Column with the time of a row, for a split by time: dates in ISO 8601 or in the format
            given in `dates`, or numbers that increase with time. Default: none.
        history: Which rows form one sequence, see `History`. The customers are the groups, except
            in a split by time. Default: each row is one sequence, and its columns are the steps.
        features: Columns to learn from, in this order. Default: all columns without another role.
        categorical: Features that are categories. Default: none, all are numbers.
        dates: The features that are dates or date-times, and the time if it is one: a list of names
            for ISO 8601, or a dictionary from each name to a format of `datetime.strptime`, such as
            {visit: "%d.%m.%Y"}, to null for ISO 8601, or to a list of formats, of which the first
            that fits a cell is used. Two formats that read the same text as different days are
            refused, because nobody could tell which day a cell means. Default: none.
        ignore: Columns that are left out; none of their cells are read. Default: none.
        known_in_time: Features that you declare to be known before the label: they are not checked
            as possible leaks. Nothing else changes. Default: none.
        bounds: Lowest and highest value of a feature, or of a label that is a number; `null` means
            no limit. Default: ±1e30.
        missing: Values that mean "not measured", for each feature; write numbers without quotes. An
            empty cell, NA, N/A, NaN, null and None always mean missing.
        units: The unit that may stand before or after the numbers of a feature, or of the label:
            {amount: "$", rate: "%", term: months}; 4.5 % is read as 4.5. A cell with another unit
            goes to quarantine. Default: none.
    """

    label: str
    positive_class: Value | None = unless(None)
    negative_class: Value | None = unless(None)
    classes: Annotated[list[Value], Field(min_length=3, max_length=MOST_CLASSES)] | None = unless(
        None
    )
    declared_task: Annotated[Literal["number"] | None, Field(alias="task")] = unless(None)
    key: str | None = None
    weight: str | None = None
    group: str | None = None
    time: str | None = None
    history: History | None = unless(None)
    features: Annotated[list[str], Field(min_length=1)] | None = None
    categorical: list[str] = []
    dates: Dates = {}
    ignore: list[str] = []
    known_in_time: list[str] = unless([])
    bounds: dict[str, tuple[Number | None, Number | None]] = {}
    missing: dict[str, list[Value]] = {}
    units: dict[str, Unit] = unless({})

    @model_validator(mode="before")
    @classmethod
    def _customers_are_groups(cls, block: Any) -> Any:
        match block:
            case {"history": {"of": customer}, **roles} if roles.get("time") is None:
                if (group := roles.get("group")) not in (None, customer):
                    raise ValueError(
                        f"group is '{group}'; expected no group: the customers, history.of "
                        f"'{customer}', are the groups"
                    )
                return {**block, "group": customer}
        return block

    @model_validator(mode="after")
    def _one_task(self) -> Self:
        pair = [name for name in PAIR if getattr(self, name) is not None]
        declarations = [
            *([" and ".join(pair)] if pair else []),
            *(["classes"] if self.classes is not None else []),
            *(["task: number"] if self.declared_task else []),
        ]
        if len(declarations) != 1 or len(pair) == 1:
            raise ValueError(
                "expected exactly one of: positive_class and negative_class for two classes, "
                f"classes for more, or task: number; got {', '.join(declarations) or 'none'}"
            )
        return self

    @model_validator(mode="after")
    def _classes_differ(self) -> Self:
        declared = [self.positive_class, self.negative_class, *(self.classes or [])]
        for pair in combinations([name for name in declared if name is not None], 2):
            if _match_same_cells(*pair):
                block = "classes" if self.classes else "positive_class and negative_class"
                raise ValueError(f"{block}: {pair[0]!r} and {pair[1]!r} match the same cells")
        return self

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        features = self.features or []
        if len(set(features)) < len(features):
            raise ValueError(f"features names a column twice: {features}")
        for place, other_place in combinations(PLACES, 2):
            shared_columns = sorted(self._named(place) & self._named(other_place))
            described = self.declared_task and place in NUMBERS and other_place == "label"
            if shared_columns and (place, other_place) not in TOGETHER and not described:
                raise ValueError(
                    f"column '{shared_columns[0]}' is named under {place} and under "
                    f"{other_place}; expected one of them"
                )
        if self.history is not None and self.time not in (None, self.history.order):
            raise ValueError(
                f"time is '{self.time}' and history.order is '{self.history.order}'; expected one "
                "column for both"
            )
        if self.history is not None and self.history.chosen_by == self.label:
            raise ValueError(
                f"history.predict is the label '{self.label}'; expected a column that is known "
                "before the prediction"
            )
        if self.group is not None and self.time is not None:
            raise ValueError(f"group is '{self.group}' and time is '{self.time}'; expected one")
        return self

    @model_validator(mode="after")
    def _values_can_be_read(self) -> Self:
        for name, form_or_forms in self.dates.items():
            forms = forms_of(form_or_forms)
            if unclear := [form for form in forms if form is not None and not _says_a_day(form)]:
                raise ValueError(
                    f"dates of '{name}': the format {unclear[0]!r} does not give year, month and "
                    "day on every machine; expected one such as '%d.%m.%Y', or null for ISO 8601"
                )
            if unlike := [pair for pair in permutations(forms, 2) if read_differently(*pair)]:
                raise ValueError(
                    f"dates of '{name}': {in_words([*unlike[0]])} read the same text as different "
                    "days; expected formats that never do. Write the column in one of them"
                )
        for name, (low, high) in self.bounds.items():
            if low is not None and high is not None and low > high:
                raise ValueError(f"bounds of '{name}': the lowest, {low}, is above {high}")
        for name in sorted(self.missing.keys() - {*self.categorical, *self.dates}):
            texts = [code for code in self.missing[name] if isinstance(code, str)]
            if quoted := [code for code in texts if _as_number(code) is not None]:
                raise ValueError(
                    f"missing of '{name}', a feature of numbers, holds the text {quoted[0]!r}: "
                    "write it without quotes"
                )
        return self

    def _named(self, place: str) -> set[str]:
        """Return the names of the columns in one place of this block."""
        names = getattr(self, place)
        if isinstance(names, History):
            return names.columns
        return {names} if isinstance(names, str) else {*(names or [])}

    @property
    def task(self) -> Task:
        """Say what is predicted."""
        if self.declared_task:
            return Task.of_number()
        # Either the classes or the pair is given: see `_one_task`.
        return Task.of_classes(self.classes or [self.negative_class, self.positive_class])  # type: ignore[list-item]

    @property
    def not_features(self) -> set[str]:
        """Return the names of the columns of valid rows that are not features."""
        history_columns = self.history.columns if self.history else set()
        return {
            name for role in ROLES if (name := getattr(self, role)) is not None
        } | history_columns

    @property
    def times(self) -> set[str]:
        """Return the name of the column that is read as times, if there is one."""
        order = self.history.order if self.history else None
        return {name for name in (self.time, order) if name is not None}

    @property
    def of(self) -> str | None:
        """Return the name of the column of customers or groups; None if there are neither."""
        return self.history.of if self.history else self.group

    @property
    def together(self) -> str | None:
        """Return the column whose equal values keep rows on one side: the group or the time."""
        return self.group or self.time


def forms_of(form: DateFormat) -> list[str | None]:
    """Return the formats of a column's dates, in the order in which they are tried."""
    return form if isinstance(form, list) else [form]


def in_words(form: DateFormat) -> str:
    """Name the formats of a column's dates."""
    return " or ".join(one_form or "ISO 8601" for one_form in forms_of(form))


def read_differently(form: str | None, other_form: str | None) -> bool:
    """Return whether the second format reads another day from a text that the first one writes."""
    return _reread(form, other_form) not in {None, DAY.date()}


def _says_a_day(form: str) -> bool:
    """Return whether every machine reads a date in this format as the same day."""
    # From Python 3.13 on, strptime itself warns of a day without a year.
    is_clear = YEAR.search(form) and not OF_THE_MACHINE.search(form)
    return bool(is_clear) and _reread(form, form) == DAY.date()


def _reread(form: str | None, other_form: str | None) -> date | None:
    """Write `DAY` in the first format and read it in the second; None if that does not fit."""
    with suppress(ValueError, re.error):
        text = DAY.strftime(form or "%Y-%m-%d")
        return datetime.strptime(text, other_form or "%Y-%m-%d").date()
    return None


def _match_same_cells(first: Value, second: Value) -> bool:
    """Return whether two classes match the same cells."""
    texts = isinstance(first, str) and isinstance(second, str)
    return first == second or (not texts and _as_number(first) == _as_number(second) is not None)


def _as_number(value: Value) -> float | None:
    """Convert a number, or the text of one, to float; None for any other text."""
    try:
        number = float(value)
    except ValueError:
        return None
    return number if isfinite(number) and "_" not in str(value) else None
