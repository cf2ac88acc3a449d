"""The block `columns.history`: which rows are one history, in which order, and how many."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StrictInt, model_validator

from tabular_lstm.errors import counted, shown
from tabular_lstm.frozen import Number, Parameters

MOST_STEPS = 200
DAYS = {"day": 1.0, "hour": 1 / 24, "minute": 1 / 1440, "week": 7.0}
TIME = re.compile("[0-9]{1,9} (minute|hour|day|week)s?")


def delay_of(time: float | str) -> float:
    """Read `30 days` or `12 hours` as days; a number stays as it is."""
    if not isinstance(time, str):
        return time
    count, unit = time.split(" ")
    return float(count) * DAYS[unit.removesuffix("s")]


def _checked(time: float | str) -> float | str:
    if TIME.fullmatch(time) if isinstance(time, str) else time >= 0:
        return time
    raise ValueError("expected '30 days', '12 hours' or the like, or a number of 0 or more")


class History(Parameters):
    """Which rows are one sequence: a row and the earlier rows of the same customer.

    Attributes:
        of: Column that identifies the customer: a person, a patient, a machine.
        order: Column with the time of the row: dates, or numbers below 2^53 that grow with time.
            Rows with the same time are not earlier than each other.
        steps: Most rows in a sequence, including the row itself: 1 to 200. Default: 20.
        known_after: Time from a row until its label is known: a number in the unit of `order` (days
            if `order` has dates), or for dates a text such as `30 days` or `12 hours`. An earlier
            label is a feature if it is known at the time of the predicted row. Default: earlier
            labels are never features.
        predict: Column that marks the rows to predict in a scoring: 1, yes or true. Default: the
            last row of each customer.
    """

    of: str
    order: str
    steps: Annotated[StrictInt, Field(ge=1, le=MOST_STEPS)] = 20
    known_after: Annotated[Number | str, AfterValidator(_checked)] | None = None
    predict: str | None = None

    @model_validator(mode="after")
    def _columns_differ(self) -> Self:
        if self.of == self.order or self.predict in (self.of, self.order):
            raise ValueError("of, order and predict: expected a different column for each")
        return self

    @property
    def columns(self) -> set[str]:
        """Name the columns that the block names."""
        return {name for name in (self.of, self.order, self.predict) if name is not None}

    @property
    def words(self) -> str:
        """Say which rows are a history."""
        most = counted(self.steps, "row")
        return f"{most} at most of each {shown(self.of)}, by {shown(self.order)}"
