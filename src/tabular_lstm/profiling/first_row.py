"""Whether the first row of a file names the columns, or is one of the rows."""

from collections.abc import Sequence

from tabular_lstm.profiling.kinds import PLACEHOLDERS, SIGNS
from tabular_lstm.profiling.number_marks import could_be_number
from tabular_lstm.rows.cells import is_missing

# Rows that have a vote.
VOTING = 100


def is_header(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Tell whether a row names the columns below it.

    Each column has a vote: it is for a header where it holds numbers and begins with a word, or
    holds few words and begins with another one; it is against where it begins like the rest.

    Args:
        first: The cells of the first row.
        below: Those of rows below it; ragged ones are left out.

    Examples:
        >>> is_header(["age", "sex"], [["7", "m"], ["8", "f"], ["9", "m"]])
        True
        >>> is_header(["6", "f"], [["7", "m"], ["8", "f"], ["9", "m"]])
        False
    """
    rows = [row for row in below if len(row) == len(first)][:VOTING]
    if not rows or counts_up(first):
        return True
    names = [name.strip() for name in first]
    votes = [_vote(name, [row[place].strip() for row in rows]) for place, name in enumerate(names)]
    if any(not name for name in names[1:]) or len({*names}) < len(names):
        return sum(votes) > 0  # a header seldom lacks names or has one twice
    return sum(votes) >= 0


def _vote(first: str, cells: list[str]) -> float:
    known = [cell for cell in cells if not _says_nothing(cell)]
    if not known or is_missing(first) or first in SIGNS:
        return 0
    numbers = sum(map(could_be_number, known))
    if numbers > 0.9 * len(known):
        return -1 if could_be_number(first) else 1
    distinct = {*known}
    if first in distinct:
        return -1
    if len(distinct) <= len(known) / 2:
        return 0.5
    same_length = len({len(cell) for cell in known}) == 1
    if same_length:
        return -0.5 if len(first) == len(known[0]) else 0.5
    return 0


def _says_nothing(cell: str) -> bool:
    return is_missing(cell) or cell.lower() in PLACEHOLDERS


def counts_up(names: Sequence[str]) -> bool:
    """Tell whether the names are 0, 1, 2 as a frame without names writes them."""
    counted = [str(place) for place in range(len(names) + 1)]
    return len(names) > 2 and (
        list(names[:-1]) == counted[: len(names) - 1] or list(names) == counted[1:]
    )
