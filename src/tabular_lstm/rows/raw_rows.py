"""Raw rows: text cells as a file has them, read one part of the rows after the other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd

from tabular_lstm.rows.number_format import POINT, NumberFormat


@dataclass(frozen=True)
class RawRows:
    """The rows of a file, or of the files of a folder.

    Attributes:
        file: Path of the file or the folder.
        parts: Reads them from the start each time that it is called, as frames of text, each of
            one file. Their index `row` counts from 1 below the header; in a folder it is text,
            file and number, as in `2026-11-01.csv:3`.
        sha256: Gives the hash of the bytes that the parts were parsed from, once all were read.
        marks: What numbers are written with. Default: a point before the fraction.
        names: Of the files in the folder, in their order; none of a lone file.
    """

    file: str
    parts: Callable[[], Iterator[pd.DataFrame]]
    sha256: Callable[[], str]
    marks: NumberFormat = POINT
    names: tuple[str, ...] = ()

    def whole(self) -> pd.DataFrame:
        """Read all rows into one frame, in memory.

        Raises:
            DataError: See `tabular_lstm.datasets.RawCSVDataset`.
        """
        return pd.concat(self.parts())
