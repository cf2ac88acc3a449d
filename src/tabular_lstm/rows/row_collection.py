"""The rows of all batches together: the valid ones, and those set aside."""

from collections.abc import Mapping

import pandas as pd

from tabular_lstm.rows.cells import Problems
from tabular_lstm.rows.quarantine import Kinds, set_aside


class RowCollection:
    """Takes batches of rows one after the other, and gives the rows of them all.

    Attributes:
        kinds: What is wrong with rows.
    """

    def __init__(self) -> None:
        self.kinds = Kinds()
        self._names: list[pd.Index] = []
        self._values: dict[str, list[pd.Series]] = {}
        self._aside: list[pd.DataFrame] = []

    def add(self, part: pd.DataFrame, read: Mapping[str, tuple[pd.Series, Problems]]) -> None:
        """Take a batch.

        Args:
            part: Text cells, with the index `row`.
            read: By column, the values and what is wrong with which cells.
        """
        problems = {name: of_column for name, (_, of_column) in read.items()}
        aside, is_valid = set_aside(part, problems)
        self.kinds.add(problems, part.index)
        all_valid = is_valid.all()
        for name, (values, _) in read.items():
            of_column = values if all_valid else values[is_valid]
            self._values.setdefault(name, []).append(of_column)
        self._names.append(part.index if all_valid else part.index[is_valid])
        self._aside.append(aside)

    def valid(self) -> pd.DataFrame:
        """Give the valid rows, once: each column's values are freed as they are joined."""
        names = self._names[0].append(self._names[1:])
        columns = {
            name: pd.concat(self._values.pop(name), ignore_index=True).array
            for name in [*self._values]
        }
        # Many rows stay column by column, without a copy; a wide table is one block.
        return pd.DataFrame(columns, index=names, copy=len(self._aside) == 1)

    def quarantined(self) -> pd.DataFrame:
        """Give the rows set aside: `row`, `reason`, and the cells as they were."""
        some = [aside for aside in self._aside if len(aside)] or self._aside[:1]
        return pd.concat(some, ignore_index=True)


def repeated_rows(rows: pd.DataFrame) -> int:
    """Count the distinct rows that stand in more than one file of a folder, value by value alike.

    Rows are told apart by 8 bytes of a hash: among ten million that are not alike, the odds that
    any two have the same are 1 to 370,000.

    Args:
        rows: With the index `row`, see `RawRows.parts`.
    """
    hashes = pd.util.hash_pandas_object(rows, index=False).to_numpy()
    again = pd.Series(hashes).duplicated(keep=False).to_numpy()
    files = [str(name).rpartition(":")[0] for name in rows.index[again]]
    times = pd.DataFrame({"row": hashes[again], "file": files}).drop_duplicates()["row"]
    return int(times[times.duplicated()].nunique())
