"""What is kept of rows that are read part by part: the valid ones, and those set aside."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.rows.cells import Problems
from tabular_lstm.rows.quarantine import Kinds, set_aside


class KeptRows:
    """Takes the parts of rows one after the other, and gives the rows of them all.

    Attributes:
        parts: How many were taken.
        kinds: What is wrong with rows.
    """

    def __init__(self) -> None:
        self.parts, self.kinds = 0, Kinds()
        self._bad: dict[str, set[str]] = {}
        self._columns: dict[str, _Column] = {}
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
            kinds = {text.rpartition(" is ")[2]: text for text in of_column.values()}
            self._bad.setdefault(name, set()).update(kinds.values())
        for name, (values, _) in read.items():
            column = self._columns.setdefault(name, _Column(values.dtype))
            column.add(pd.Series(values.array[is_valid]))
        self._names.append(part.index)
        self._is_valid.append(is_valid)
        if len(aside) or not self._aside:
            self._aside.append(aside)
        self.parts += 1

    @property
    def bad(self) -> dict[str, set[str]]:
        """Give, of the columns that have any, problems: of each part one of each kind."""
        return {name: problems for name, problems in self._bad.items() if problems}

    def valid(self) -> pd.DataFrame:
        """Give the valid rows of all parts, once: what is joined is freed here."""
        is_valid = np.concatenate(self._is_valid)
        names = self._names[0].append(self._names[1:])
        self._names = []
        if not is_valid.all():
            names = names[is_valid]
        columns = {name: self._columns.pop(name).joined() for name in [*self._columns]}
        # Many rows stay column by column, without a copy; a wide table is one block.
        return pd.DataFrame(columns, index=names, copy=self.parts == 1)

    def quarantined(self) -> pd.DataFrame:
        """Give the rows set aside: `row`, `reason`, and the cells as they were."""
        some = [aside for aside in self._aside if len(aside)] or self._aside[:1]
        return pd.concat(some, ignore_index=True)


class _Column:
    """The values of a column: numbers in one array that grows, text as it comes.

    The system makes a long array longer where it is. Short ones, joined and freed, would stay with
    the process as gaps in its memory.
    """

    def __init__(self, dtype: Any) -> None:
        self._texts: list[pd.Series] = []
        self._numbers = np.empty(0, dtype) if isinstance(dtype, np.dtype) else None

    def add(self, values: pd.Series) -> None:
        """Take the values of a part."""
        if self._numbers is None:
            self._texts.append(values)
            return
        before = len(self._numbers)
        self._numbers.resize(before + len(values), refcheck=False)
        self._numbers[before:] = values.to_numpy()

    def joined(self) -> Any:
        """Give the values of all parts."""
        if self._numbers is None:
            return pd.concat(self._texts, ignore_index=True).array
        return self._numbers


def repeated_rows(rows: pd.DataFrame) -> int:
    """Count the distinct rows that stand in more than one file of a folder, value by value alike.

    Rows are told apart by 8 bytes of a hash: among ten million that are not alike, the odds that
    any two have the same are 1 to 370,000.

    Args:
        rows: With the index `row`, such as 2026-11-01.csv:3.
    """
    hashes = pd.util.hash_pandas_object(rows, index=False).to_numpy()
    again = pd.Series(hashes).duplicated(keep=False).to_numpy()
    files = [str(name).rpartition(":")[0] for name in rows.index[again]]
    times = pd.DataFrame({"row": hashes[again], "file": files}).drop_duplicates()["row"]
    return int(times[times.duplicated()].nunique())
