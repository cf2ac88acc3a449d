"""The quarantine: rows that cannot be used, with the reasons in words and counted by kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd

from tabular_lstm.errors import LISTED, counted, row_list, shown
from tabular_lstm.rows.cells import Problems

SHOWN = 5
NAME = 200  # characters of a column's name that a reason shows


def set_aside(
    rows: pd.DataFrame, problems: Mapping[str, Problems]
) -> tuple[pd.DataFrame, np.ndarray]:
    """Take out the rows where a cell has a problem.

    Returns:
        The rows set aside: `row`, `reason`, and the cells as they were.
        Which rows are left, bool (rows,).
    """
    reasons: dict[int, list[str]] = {}
    for name, of_column in problems.items():
        named = shown(name, NAME)
        for place, problem in of_column.items():
            reasons.setdefault(place, []).append(f"{named}: {problem}")
    bad = sorted(reasons)
    aside = rows.iloc[bad].reset_index(allow_duplicates=True)
    joined = pd.Series(["; ".join(reasons[place]) for place in bad], dtype=object)
    aside.insert(1, "reason", joined, allow_duplicates=True)
    is_left = np.ones(len(rows), bool)
    is_left[bad] = False
    return aside, is_left


@dataclass
class _Kind:
    example: str
    count: int = 0
    rows: list[int | str] = field(default_factory=list)  # the first of them


class Kinds:
    """The problems of rows, counted by column and kind."""

    def __init__(self) -> None:
        self._found: dict[str, _Kind] = {}

    def add(
        self, problems: Mapping[str, Problems], rows: pd.Index | Mapping[int, int | str]
    ) -> None:
        """Count the problems of some rows, by column; `rows` names the row at each place."""
        for name, of_column in problems.items():
            named = shown(name, NAME)
            for place, problem in of_column.items():
                kind = f"{named}: {problem.rpartition(' is ')[2]}"
                if (found := self._found.get(kind)) is None:
                    found = self._found[kind] = _Kind(f"{named}: {problem}")
                found.count += 1
                if len(found.rows) < LISTED:
                    found.rows.append(rows[place])

    def counts(self) -> dict[str, int]:
        """Give how many cells have each kind of problem, the commonest first."""
        return {kind: found.count for kind, found in self._by_count()}

    def listed(self) -> list[str]:
        """List the kinds, a line for each with its first example, commonest first."""
        by_count, listed = self._by_count(), []
        for _, found in by_count[:SHOWN]:
            alike = ", and the like" if found.count > 1 else ""
            listed.append(f"{row_list(found.rows, found.count)}: {found.example}{alike}")
        hidden = len(by_count) - SHOWN
        return [*listed, *([f"and {counted(hidden, 'more reason')}"] if hidden > 0 else [])]

    def _by_count(self) -> list[tuple[str, _Kind]]:
        found = self._found.items()
        return sorted(found, key=lambda item: (-item[1].count, item[1].example))


class Keeper(Protocol):
    """Writes the rows that a stream sets aside."""

    def keep(self, rows: pd.DataFrame) -> None:
        """Take the bad rows of a batch: `file` if there are several, `row`, `reason`, cells."""

    def close(self, whole: bool) -> None:
        """Finish; `whole` tells whether the stream was read to its end."""


class Quarantine:
    """The bad rows of a stream: each keeper that subscribes gets them as they come."""

    def __init__(self) -> None:
        self.kinds, self.rows = Kinds(), 0
        self._keepers: list[Keeper] = []

    def subscribe(self, keeper: Keeper) -> None:
        """Give this keeper all rows that come from now on."""
        self._keepers.append(keeper)

    def add(self, aside: pd.DataFrame) -> None:
        """Pass on the rows of a batch that were set aside; there may be none."""
        self.rows += len(aside)
        for keeper in self._keepers:
            keeper.keep(aside)

    def close(self, whole: bool) -> None:
        """Say that the stream has ended."""
        for keeper in self._keepers:
            keeper.close(whole)
