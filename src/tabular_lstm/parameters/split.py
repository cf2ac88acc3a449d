"""The block `split`: which rows are test rows, by a hash or by time."""

from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from tabular_lstm.frozen import Fraction, Parameters


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
    if isinstance(value, date):  # YAML reads an unquoted date as a date
        return value.isoformat()
    try:
        known = value is None or (isinstance(value, str) and in_utc(value) is not None)
    except ValueError:
        known = False
    if not known and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError("expected an ISO date, such as 2026-03-01, a date-time or a number")
    return value


class Split(Parameters):
    """Which rows are test rows.

    Attributes:
        kind: `hash`: a hash of the row's group, key or features decides. `time`: the newest rows
            by `columns.time` are test rows.
        test_fraction: Share of test rows; a split by hash meets it only on average. With 0 there
            are no test rows, and the network is evaluated on its train rows.
        salt: Text that keys the hash, at most 64 bytes. Another salt gives another split.
        from_: `from` in conf, for the kind `time`: a row is a test row if its time is this date or
            number, or later. `test_fraction` is then not used. Default: about `test_fraction` of
            the rows, the newest, are test rows. Rows with the same time stay on one side.
        independent: Features whose rows with the same value are independent. Name a feature here if
            a run warns of it wrongly. No row changes its side. Default: none.
    """

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["hash", "time"] = "hash"
    test_fraction: Fraction = 0.2
    salt: Annotated[str, Field(min_length=1), AfterValidator(_hash_key)] = "tabular-lstm"
    from_: Annotated[Moment | None, BeforeValidator(_moment)] = Field(default=None, alias="from")
    independent: list[str] = []

    @model_validator(mode="after")
    def _from_is_used(self) -> Self:
        if self.from_ is None:
            return self
        if self.kind != "time":
            raise ValueError(f"from is given, but kind is {self.kind}; expected kind: time")
        if not self.test_fraction:
            raise ValueError("from is given, but test_fraction is 0, which holds nothing out")
        return self
