"""The block that says which rows are one history: of whom, in which order, how many."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StrictInt

from tabular_lstm.frozen import Number, Parameters

MOST_STEPS = 200


def _days(value: Any) -> Any:
    """Read `30 days` or `12 hours` as days; a number stays as it is."""
    if not isinstance(value, str):
        return value
    count, _, unit = value.strip().partition(" ")
    units = {"day": 1.0, "hour": 1 / 24, "minute": 1 / 1440, "week": 7.0}
    try:
        return float(count) * units[unit.removesuffix("s")]
    except (KeyError, ValueError):
        raise ValueError(
            f"expected a time such as '30 days' or '12 hours', or a number in the unit of the "
            f"order, got {value!r}"
        ) from None


class History(Parameters):
    """Which rows are one sequence: a row and the earlier rows of the same customer.

    Attributes:
        of: Column that says whose row this is: a customer, a patient, a machine.
        order: Column that says when the row is from: dates, or numbers of which a later one is
            larger. Of rows with the same time neither is earlier.
        steps: How many rows a sequence has at most, the row itself included: 1 to 200. Default: 20.
        known_after: How long after its row a label is known: `30 days`, or a number in the unit of
            `order`. A label that is known by the time of the row that is predicted is a feature.
            Default: earlier labels are never features.
        predict: Column that marks the rows to predict in a scoring: 1, yes or true. Default: the
            last row of each customer.
    """

    of: str
    order: str
    steps: Annotated[StrictInt, Field(ge=1, le=MOST_STEPS)] = 20
    known_after: Annotated[Number | None, BeforeValidator(_days), Field(ge=0)] = None
    predict: str | None = None

    @property
    def columns(self) -> set[str]:
        """Name the columns that the block names."""
        return {name for name in (self.of, self.order, self.predict) if name is not None}
