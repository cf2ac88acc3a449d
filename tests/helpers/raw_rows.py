"""Raw rows of files, as the catalog gives them, and of cells in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd

from tabular_lstm.rows.raw_files import RawFiles
from tabular_lstm.rows.raw_rows import Table


def rows_at(path: Path, **load_args: Any) -> Table:
    """Give the rows of a file, or of a folder's files."""
    return Table(RawFiles.at(fsspec.filesystem("file"), str(path)), load_args)


def whole(rows: Table) -> pd.DataFrame:
    """Read all rows into one frame."""
    return pd.concat(rows.parts())


@dataclass(frozen=True)
class InMemory(Table):
    """Rows that no file has."""

    frame: pd.DataFrame = field(default_factory=pd.DataFrame)

    def parts(self) -> Iterator[pd.DataFrame]:
        """Give them at once."""
        yield self.frame

    def sha256(self) -> str:
        """Give a hash that no file has."""
        return "0" * 64


def of_frame(frame: pd.DataFrame, names: Sequence[str] = ()) -> Table:
    """Give cells as those of a file, or of a folder's files of these names."""
    return InMemory(RawFiles(None, "rows.csv", tuple(names) or ("",)), frame=frame)
