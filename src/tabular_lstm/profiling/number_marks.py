"""The marks that the numbers of a table are written with: those that read the most columns."""

import re
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import pyarrow.compute as pc

from tabular_lstm.frozen import Frozen
from tabular_lstm.profiling.distinct import Cells
from tabular_lstm.rows.looks import ALL_MARKS, is_number
from tabular_lstm.rows.number_format import POINT, NumberFormat, all_pointed

# A quick look at what may be a number by any marks.
ANY = re.compile(r"[+-]?[0-9.,' ]*[0-9][0-9.,' ]*(?:[eE][+-]?[0-9]+)?")
MOSTLY = 0.9
# Distinct cells of a column that have a vote.
VOTING = 1000
# A comma in a cell is between groups of digits, and before no fraction, where these alone fit.
GROUPS = "[+-]?(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]{1,3})"


class FoundMarks(Frozen):
    """The marks of a table's numbers.

    Attributes:
        marks: Of all its numbers.
        example: A number that is written with them; None where they are the default.
        doubtful: Whether the numbers could be read otherwise.
    """

    marks: NumberFormat = POINT
    example: str | None = None
    doubtful: bool = False


@lru_cache(2**16)
def could_be_number(text: str) -> bool:
    """Tell whether a text is a number by some marks.

    Args:
        text: Without white space around it.
    """
    if not ANY.fullmatch(text):
        return False
    return is_number(text)


def marks_of_table(columns: Iterable[Cells], delimiter: str) -> FoundMarks:
    """Find the marks by which the most columns are numbers.

    Args:
        columns: The cells of each column.
        delimiter: What stands between cells: a comma makes another one in a number rare.
    """
    marked = [cells.first(VOTING) for cells in columns if _has_marks(cells)]
    if all(_reads(cells, POINT) for cells in marked):
        return FoundMarks()
    read = [sum(_reads(cells, marks) for cells in marked) for marks in ALL_MARKS]
    if not any(read[1:]) or max(read) == read[0]:
        return FoundMarks()
    best = [marks for marks, count in zip(ALL_MARKS, read, strict=True) if count == max(read)]
    marks, doubtful = best[0], False
    if {NumberFormat(decimal=","), NumberFormat(thousands=",")} <= {*best}:
        doubtful = True
        grouped = all(
            cells.all_match(GROUPS) for cells in marked if _reads(cells, NumberFormat(decimal=","))
        )
        marks = (
            NumberFormat(thousands=",")
            if delimiter == "," or grouped
            else NumberFormat(decimal=",")
        )
    used = {marks.decimal, marks.thousands} - {POINT.decimal, None}
    texts = [t for cells in marked if _reads(cells, marks) for t in cells.texts.to_pylist()]
    example = max(texts, key=lambda text: sum(text.count(mark) > 0 for mark in used if mark))
    return FoundMarks(marks=marks, example=example, doubtful=doubtful)


def _has_marks(cells: Cells) -> bool:
    """Tell whether a column may be of numbers with marks: digits and a mark, and no number yet."""
    some = cells.texts[:50].to_pylist()
    like = sum(ANY.fullmatch(text) is not None for text in some)
    if like < MOSTLY / 2 * len(some) or not like:
        return False
    return bool(pc.any(pc.match_substring_regex(cells.texts, "[0-9][,' .]")).as_py())


def _reads(cells: Cells, marks: NumberFormat) -> bool:
    found = pc.is_valid(all_pointed(cells.texts, marks)).to_numpy(zero_copy_only=False)
    return cells.share(np.asarray(found)) >= MOSTLY
