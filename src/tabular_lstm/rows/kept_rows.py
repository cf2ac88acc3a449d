"""What is kept of rows that are read part by part: the valid ones, and those set aside."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tabular_lstm.rows.cells import Problems
from tabular_lstm.rows.quarantine import Kinds, set_aside


class KeptRows:
    """Takes the parts of rows one after the other, and gives the rows of them all.

    Attributes:
        parts: How many were taken.
        kinds: What is wrong with rows.
        bad: By column, of those that have any, some of its problems: in each part one of each kind.
    """

    def __init__(self) -> None:
        self.parts, self.kinds = 0, Kinds()
        self.bad: dict[str, set[str]] = {}
        self._columns: dict[str, list[pd.Series]] = {}
        self._names: list[pd.Index] = []
        self._is_valid: list[np.ndarray] = []
        self._aside: list[pd.DataFrame] = []

    def add(self, part: pd.DataFrame, read: Mapping[str, tuple[pd.Series, Problems]]) -> None:
        """Take a part.

        Args:
            part: Text cells, with the index `row`.
            read: By column, the values and what is wrong with which cells.
        """
        problems = {name: of_column for name, (_, of_column) in read.items()}
        aside, is_valid = set_aside(part, problems)
        self.kinds.add(problems, part.index)
        for name, of_column in problems.items():
            if of_column:
                kinds = {text.rpartition(" is ")[2]: text for text in of_column.values()}
                self.bad.setdefault(name, set()).update(kinds.values())
        for name, (values, _) in read.items():
            # A copy: what was read in one pass for many columns is freed column by column.
            self._columns.setdefault(name, []).append(pd.Series(values.array[is_valid]))
        self._names.append(part.index)
        self._is_valid.append(is_valid)
        if len(aside) or not self._aside:
            self._aside.append(aside)
        self.parts += 1

    def valid(self) -> pd.DataFrame:
        """Give the valid rows of all parts, once: what is joined is freed here."""
        names = self._names[0].append(self._names[1:])[np.concatenate(self._is_valid)]
        columns = {}
        for name in [*self._columns]:
            column = pd.concat(self._columns.pop(name), ignore_index=True)
            columns[name] = column.set_axis(names)
        # Many rows stay column by column, without a copy; a wide table is one block.
        return pd.DataFrame(columns, index=names, copy=self.parts == 1)

    def quarantined(self) -> pd.DataFrame:
        """Give the rows set aside: `row`, `reason`, and the cells as they were."""
        some = [aside for aside in self._aside if len(aside)] or self._aside[:1]
        return pd.concat(some, ignore_index=True)
