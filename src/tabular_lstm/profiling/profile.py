"""The profile of a table: of each column its kind, and what else its cells tell."""

from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from pydantic import Field

from tabular_lstm.frozen import Frozen
from tabular_lstm.profiling.distinct import Cells
from tabular_lstm.profiling.kinds import SHOWN, kind_of
from tabular_lstm.rows.number_format import POINT, NumberFormat

Kind = Literal[
    "number", "category", "boolean", "date", "quantity", "text", "identifier", "constant", "empty"
]
NotNegative = Annotated[int, Field(ge=0)]
EXAMPLES = 3


class ColumnProfile(Frozen):
    """What the cells of a column tell.

    Attributes:
        kind: `number`; `category`, words or codes; `boolean`, a pair of words such as yes and no;
            `date`; `quantity`, numbers with a unit; `text`, whole sentences; `identifier`, a value
            of its own in nearly each row; `constant`, one value; `empty`.
        present: Cells that hold a value.
        missing: Cells that are empty or hold a word that always means "missing".
        words: These words, with their counts.
        distinct: How many distinct values there are beside these.
        most_frequent: How many rows have that of them which most have.
        unique: Whether each row has one, and one of its own in its file.
        examples: The first of them.
        counts: How often each is there, the most frequent first, where there are twenty at most.
        coded: Values that probably mean "not measured", with their counts.
        lowest: Of the numbers that are no codes; so `highest`.
        whole: Whether all numbers are whole.
        lump: Whether 0 is no code for sure, but far more frequent than any other number.
        in_order: Whether they number the rows, 1, 2, 3; of dates and years, whether later rows have
            none that are earlier.
        odd: Cells that are no numbers among numbers, the first ones.
        formats: Of dates: those of `datetime.strptime` that fit all cells.
        unit: Of a quantity.
        words_on_average: Of text.
    """

    name: str
    kind: Kind
    present: NotNegative
    missing: NotNegative
    words: dict[str, int] = {}
    distinct: NotNegative
    most_frequent: NotNegative = 0
    unique: bool = False
    examples: list[str]
    counts: dict[str, int] = {}
    coded: list[tuple[str | int | float, int]] = []
    lowest: float | None = None
    highest: float | None = None
    whole: bool = False
    lump: bool = False
    in_order: bool = False
    odd: dict[str, int] = {}
    formats: list[str] = []
    unit: str | None = None
    words_on_average: float | None = None

    @property
    def codes(self) -> dict[str | int | float, int]:
        """Give the values that probably mean "not measured", with their counts."""
        return dict(self.coded)


class Profile(Frozen):
    """What a file holds, column by column.

    Attributes:
        file: Path of the file or directory, as the catalog has it.
        marks: What its numbers are written with.
        columns: In the file's order.
    """

    file: str
    rows: NotNegative
    marks: NumberFormat = POINT
    columns: list[ColumnProfile]

    def column(self, name: str) -> ColumnProfile:
        """Give the column of a name."""
        return next(column for column in self.columns if column.name == name)


def profile_of(
    columns: Mapping[str, Cells],
    rows: int,
    file: str,
    marks: NumberFormat = POINT,
    unique: Collection[str] = (),
) -> Profile:
    """Look at all cells of a table.

    Args:
        columns: The cells of each column, see `tabular_lstm.profiling.distinct`.
        rows: How many there are.
        file: Name of the file or directory.
        marks: What numbers are written with.
        unique: Columns of a folder whose values are once in each file.
    """
    profiled = [
        _column(name, cells, rows, marks, name in unique) for name, cells in columns.items()
    ]
    return Profile(file=file, rows=rows, marks=marks, columns=profiled)


def _column(
    name: str, cells: Cells, rows: int, marks: NumberFormat, unique_in_files: bool
) -> ColumnProfile:
    found = kind_of(name, cells, rows, marks)
    codes: dict[str | int | float, int] = found.pop("codes", {})
    few = len(cells.texts) <= SHOWN
    return ColumnProfile(
        name=name,
        present=cells.present - sum(codes.values()),
        missing=cells.missing,
        words=dict(list(cells.words.items())[:EXAMPLES]),
        distinct=len(cells.texts),
        most_frequent=int(cells.counts.max(initial=0)),
        examples=cells.texts[:EXAMPLES].to_pylist(),
        counts=cells.top(SHOWN) if few else {},
        unique=not cells.missing and (unique_in_files or len(cells.texts) == rows),
        coded=list(codes.items()),
        **found,
    )
