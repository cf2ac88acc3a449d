"""Rows that stand in more than one file of a folder, cell by cell alike."""

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tabular_lstm.rows.numbers import as_texts

TEXT = pa.large_string()


class Repeats:
    """Counts such rows as the parts of the rows pass.

    Rows are told apart by 8 bytes of a hash: among ten million that are not alike, the odds that
    any two have the same are 1 to 370,000.
    """

    def __init__(self, ignore: Collection[str]) -> None:
        self._ignore, self._of_files = ignore, dict[str, list[np.ndarray]]()

    def passing(self, parts: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Look at parts, each of one file and with its rows' names, and pass them on."""
        for part in parts:
            yield part
            file = str(part.index[0]).rpartition(":")[0]
            hashes = _hashes(part.drop(columns=[*self._ignore]))
            self._of_files.setdefault(file, []).append(hashes)

    def count(self) -> int:
        """Count the distinct rows that are in more than one file."""
        files = [np.unique(np.concatenate(parts)) for parts in self._of_files.values()]
        _, times = np.unique(np.concatenate(files), return_counts=True)
        return int((times > 1).sum())


def _hashes(rows: pd.DataFrame) -> np.ndarray:
    """Hash the cells of each row: uint64 (rows,)."""
    cells = [as_texts(column) for _, column in rows.items()]
    # With their lengths at the end nothing in a cell is taken for a mark between cells.
    lengths = [pc.binary_length(column).cast(TEXT) for column in cells]
    joined = pc.binary_join_element_wise(*cells, *lengths, pa.scalar(",", TEXT))
    texts = joined.to_numpy(zero_copy_only=False)
    return pd.util.hash_array(texts, categorize=False)
