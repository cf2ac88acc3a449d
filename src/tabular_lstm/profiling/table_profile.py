"""The profile of a table: the distinct cells of each column, and what follows from them.

The cells are counted piece by piece; the rest follows from the distinct cells and their counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tabular_lstm.rows.cells import EMPTY
from tabular_lstm.rows.number_format import POINT, NumberFormat

Kind = Literal["number", "category", "date", "quantity", "text", "identifier", "constant", "empty"]
Code = str | int | float
FIRST = 50  # cells that rule out most patterns before all cells are checked
# Pieces are merged once they have more distinct cells than this.
MERGED = 2**16


@dataclass(frozen=True)
class DistinctCells:
    """The distinct cells of a column.

    Attributes:
        texts: Arrow's large_string, stripped of white space, in the order in which they first
            appear.
        counts: How often each text is in the column, int64.
        missing: How many cells are empty or a word for "missing"; they are not in `texts`.
        rising: Whether the texts of the rows are sorted.
    """

    texts: pa.Array
    counts: np.ndarray
    missing: int
    rising: bool = False

    @property
    def present(self) -> int:
        """How many cells are not missing."""
        return int(self.counts.sum())

    def only(self, chosen: np.ndarray) -> "DistinctCells":
        """Give only the distinct cells that a mask chooses."""
        texts = self.texts.filter(pa.array(chosen))
        return DistinctCells(texts, self.counts[chosen], self.missing, self.rising)

    def first(self, count: int) -> "DistinctCells":
        """Give only the first distinct cells."""
        return self.only(np.arange(len(self.texts)) < count)

    def top(self, count: int) -> dict[str, int]:
        """Give the most frequent cells; equally frequent ones stay in their order."""
        order = np.argsort(-self.counts, kind="stable")[:count]
        texts = self.texts.take(pa.array(order)).to_pylist()
        return dict(zip(texts, self.counts[order].tolist(), strict=True))

    def share(self, chosen: np.ndarray) -> float:
        """Give the share of these distinct cells among the column's present cells."""
        return float(self.counts[chosen].sum()) / max(self.present, 1)

    def are_among(self, words: frozenset[str]) -> np.ndarray:
        """Tell which distinct cells are one of these words, in upper or lower case."""
        known = pa.array(sorted(words), self.texts.type)
        return _mask(pc.is_in(pc.utf8_lower(self.texts), known))

    def all_match(self, pattern: str) -> bool:
        """Tell whether the pattern matches each cell as a whole."""
        whole = f"^(?:{pattern})$"
        return all(
            pc.all(pc.match_substring_regex(texts, whole)).as_py()
            for texts in (self.texts.slice(0, 1), self.texts.slice(0, FIRST), self.texts)
        )


@dataclass(frozen=True)
class ColumnProfile:
    """The profile of a column.

    Attributes:
        kind: `number`; `category`, words or codes; `date`; `quantity`, numbers with a unit;
            `text`, whole sentences; `identifier`, a value of its own in nearly each row;
            `constant`, one value; `empty`.
        cells: All cells, counted.
        codes: Values that probably mean "not measured", with their counts.
        lowest, highest: Range of the numbers that are not codes.
        whole: Whether all numbers are whole.
        float32_fault: See `tabular_lstm.rows.numbers.float32_fault`.
        many_zeros: Whether 0 is far more frequent than any other number, but not surely a code.
        in_order: Whether the cells number the rows, 1, 2, 3; for dates, whether the rows are sorted
            by date.
        odd: How many cells of a column of numbers are not numbers; `odd_example` is the first one.
        formats: For dates, the formats of `datetime.strptime` that fit all cells, at most two.
        number_format: The number format of the column.
    """

    name: str
    kind: Kind
    cells: DistinctCells
    codes: dict[Code, int] = field(default_factory=dict)
    lowest: float | None = None
    highest: float | None = None
    whole: bool = False
    float32_fault: str = ""
    many_zeros: bool = False
    in_order: bool = False
    odd: int = 0
    odd_example: str = ""
    formats: Sequence[str] = ()
    number_format: NumberFormat = POINT

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        return self.cells.present + self.cells.missing

    @property
    def present(self) -> int:
        """How many rows hold a value that is not a code."""
        return self.cells.present - sum(self.codes.values())

    @property
    def distinct(self) -> int:
        """How many distinct values there are, codes among them."""
        return len(self.cells.texts)

    @property
    def example(self) -> str:
        """The first value, "" if there is none."""
        return str(self.cells.texts[0]) if self.distinct else ""


@dataclass(frozen=True)
class TableProfile:
    """The profile of a file or of a folder of files.

    Attributes:
        file: The path, as in the catalog.
        columns: The columns' profiles in the file's order; at least one.
        number_format: The number format of the file.
    """

    file: str
    columns: Sequence[ColumnProfile]
    number_format: NumberFormat = POINT

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.columns[0].rows

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]

    def column(self, name: str) -> ColumnProfile:
        """Give the column of a name."""
        return self.columns[self.names.index(name)]


class CellCounter:
    """Counts a column's distinct cells piece by piece; memory holds each of them once or twice."""

    def __init__(self) -> None:
        # Distinct texts and their counts: of all merged pieces, and of each later piece.
        self._texts: list[pa.Array] = []
        self._counts: list[np.ndarray] = []
        self._most = MERGED
        self._rising, self._last = True, ""

    def add(self, column: pa.Array) -> None:
        """Count the cells of the next piece, large_string."""
        if self._rising and len(column):
            texts = pc.utf8_trim_whitespace(column)
            later = pc.all(pc.less_equal(texts[:-1], texts[1:]), min_count=0).as_py()
            self._rising = bool(later) and self._last <= texts[0].as_py()
            self._last = texts[-1].as_py()
        if sum(map(len, self._counts)) > self._most:
            self._merge()
        found = column.value_counts()
        self._texts.append(found.field("values"))
        self._counts.append(found.field("counts").to_numpy(zero_copy_only=False))

    def cells(self) -> DistinctCells:
        """Give all counted cells."""
        self._merge()
        texts, counts = self._texts[0], self._counts[0]
        trimmed = pc.utf8_trim_whitespace(texts)
        if not trimmed.equals(texts):
            texts, counts = _counted_together(trimmed, counts)
        is_missing = _says_missing(texts)
        return DistinctCells(
            texts.filter(pa.array(~is_missing)),
            counts[~is_missing],
            int(counts[is_missing].sum()),
            self._rising,
        )

    def _merge(self) -> None:
        if len(self._texts) == 1:
            return
        texts, counts = pa.concat_arrays(self._texts), np.concatenate(self._counts)
        self._texts.clear()
        self._counts.clear()
        texts, counts = _counted_together(texts, counts)
        # A merge takes time for all cells, so the next merge waits for three times as many cells.
        self._most = max(MERGED, 3 * len(texts))
        self._texts.append(texts)
        self._counts.append(counts)


def _says_missing(texts: pa.Array) -> np.ndarray:
    """Tell which texts are empty or a word that always means "missing"."""
    longest = max(map(len, EMPTY))
    found = _mask(pc.less_equal(pc.binary_length(texts), longest)).copy()
    lower = pc.utf8_lower(texts.filter(pa.array(found)))
    found[found] = _mask(pc.is_in(lower, pa.array(sorted(EMPTY), lower.type)))
    return found


def _counted_together(texts: pa.Array, counts: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    """Add up the counts of equal texts."""
    encoded = texts.dictionary_encode()
    together = np.bincount(encoded.indices, counts, minlength=len(encoded.dictionary))
    return encoded.dictionary, together.astype(np.int64)


def _mask(flags: pa.Array) -> np.ndarray:
    mask: np.ndarray = flags.to_numpy(zero_copy_only=False)
    return mask
