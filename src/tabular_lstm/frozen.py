"""Base classes of immutable typed values that refuse unknown fields; types of numbers."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    ValidationError,
    model_validator,
)

from tabular_lstm import __version__
from tabular_lstm.errors import DataError, unknown_name

Number = Annotated[float, Field(strict=True)]
Fraction = Annotated[Number, Field(ge=0, lt=1)]
Positive = Annotated[Number, Field(gt=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
Count = Annotated[StrictInt, Field(ge=1)]
Seed = Annotated[StrictInt, Field(ge=0, lt=2**32)]


def unless(default: Any) -> Any:
    """Declare a field that is not written if it has its default: older files keep their hash."""
    return Field(default, exclude_if=lambda value: value == default)


def matching(pattern: str, expected: str) -> AfterValidator:
    """Let a text be valid if it matches a regular expression from its start to its end."""

    def match(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError(f"expected {expected}, got {text[:60]!r}")
        return text

    return AfterValidator(match)


Kept = TypeVar("Kept", bound=BaseModel)


class Frozen(BaseModel):
    """A value that crosses from one room to another, or is kept as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class NewerVersionError(DataError):
    """A file has a format or a field that this version does not read: a newer version wrote it."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"it was written by a newer version of tabular-lstm than {__version__}, which reads "
            f"{found}. Install that version, or go back as docs/upgrading.md says"
        )


def refuse_unknown_format(document: Any, newest: int = 1) -> None:
    """Refuse a file whose `format` is not 1 to `newest`; without one it is 1.

    Raises:
        NewerVersionError: It is a higher number.
        ValueError: It is something else, which no version writes.
    """
    number = document.get("format", 1) if isinstance(document, dict) else 1
    if type(number) is not int or number < 1:
        raise ValueError(f"its format is {number!r:.40}, expected a whole number from 1 on")
    if number > newest:
        raise NewerVersionError(
            f"format {' and '.join(map(str, range(1, newest + 1)))}, and its format is "
            f"{number!r:.40}"
        )


class Stored(Frozen):
    """A value in a file that later versions read: docs/upgrading.md says what may change.

    Attributes:
        format: The number of the file's format. Default: 1, as in files without a number.
        newest_format: The highest number that this version reads.
    """

    newest_format: ClassVar[int] = 1

    format: int = 1

    @model_validator(mode="before")
    @classmethod
    def _format_is_known(cls, document: Any) -> Any:
        refuse_unknown_format(document, cls.newest_format)
        return document


def validated(validate: Callable[..., Kept], content: Any) -> Kept:
    """Validate what a file holds, by a method of its type such as `model_validate_json`.

    Raises:
        NewerVersionError: Its format is a newer one, or nothing but unknown fields is wrong.
        ValidationError: It is something else.
    """
    try:
        return validate(content)
    except ValidationError as error:
        faults = error.errors()
        for cause in [fault.get("ctx", {}).get("error") for fault in faults]:
            if isinstance(cause, NewerVersionError):
                raise cause from error
        try:
            validate(content, extra="ignore")
        except ValidationError:
            raise error from None
        # A value that can be of several types has faults for each; the right type has no others.
        others = {fault["loc"][:-1] for fault in faults if fault["type"] != "extra_forbidden"}
        place = min((fault["loc"] for fault in faults), key=lambda place: place[:-1] in others)
        raise NewerVersionError(f"no field '{'.'.join(map(str, place))}'") from error


def from_json(model: type[Kept], path: Path, expected: str = "") -> Kept:
    """Read a value that is stored as JSON.

    Args:
        model: The type of the value.
        path: Its file.
        expected: The file and its expected content, for the message. Default: the type's name.

    Raises:
        FileNotFoundError: The file does not exist.
        DataError: The file cannot be read, holds something else, or is of a newer version.
    """
    expected = expected or f"{path}: expected a {model.__name__} as JSON"
    try:
        return validated(model.model_validate_json, path.read_bytes())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataError(f"{expected}; {error.strerror}.") from error
    except NewerVersionError as error:
        raise DataError(f"{expected}; {error}.") from error
    except ValidationError as error:
        raise DataError(f"{expected}; {first_fault(error)}.") from error


def first_fault(error: ValidationError) -> str:
    """Return the place of the first fault, then its message."""
    fault = error.errors()[0]
    place, message = ".".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, ")
    return f"{place or 'the whole'}: {message}"


class Parameters(Frozen):
    """A block of parameters: numbers are finite, and each fault is one line."""

    model_config = ConfigDict(allow_inf_nan=False)
    secret: ClassVar[bool] = False  # whether values may be secret, so that no message shows them

    @classmethod
    def model_validate(cls, obj: Any, **kwargs: Any) -> Self:
        """Build the block, or raise an error with a line for each fault.

        Raises:
            ValueError: An unknown name, with the closest known one, or an impossible value.
        """
        try:
            return super().model_validate(obj, **kwargs)
        except ValidationError as error:
            faults = [cls._fault(**fault) for fault in error.errors()]
            raise ValueError("; ".join(faults)) from error

    @classmethod
    def _fault(cls, type: str, loc: tuple[int | str, ...], msg: str, input: Any, **_: Any) -> str:
        path = ".".join(str(part) for part in loc)
        if type == "missing":
            return f"'{path}' is missing"
        if type != "extra_forbidden":
            msg = msg.removeprefix("Value error, ")
            setting = path if cls.secret else f"{path} = {input!r}"
            return f"{setting}: {msg}" if path else msg
        block = cls
        for part in loc[:-1]:
            block = block.model_fields[str(part)].annotation  # type: ignore[assignment]
        return unknown_name(path, [f.alias or name for name, f in block.model_fields.items()])
