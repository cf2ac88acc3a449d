"""The quarantined rows of a scoring in the catalog: a CSV that is written while rows pass."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pandas as pd
from kedro.io.core import get_filepath_str
from kedro_datasets.pandas import CSVDataset

from tabular_lstm.errors import DataError
from tabular_lstm.files import make_folder, new_file, settle_folder
from tabular_lstm.rows.quarantine import Quarantine


class QuarantineDataset(CSVDataset):  # type: ignore[misc]
    """A CSV on a local disk: `save` takes the quarantine, `load` gives its rows as a frame."""

    def save(self, data: Quarantine) -> None:
        """Let the rows be written as they come."""
        data.subscribe(_Writer(Path(get_filepath_str(self._get_save_path(), self._protocol))))


class _Writer:
    """Writes beside the file, and gives it its name once all rows have passed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f".{path.name}.new")
        self._file: BinaryIO | None = None
        self._opened = contextlib.ExitStack()

    def keep(self, rows: pd.DataFrame) -> None:
        """Write rows, below the names of their columns where they are the first."""
        with self._blamed():
            first = self._file is None
            if self._file is None:
                make_folder(self._path.parent)
                self._file = self._opened.enter_context(new_file(self._beside))
            if first or len(rows):
                rows.to_csv(self._file, index=False, header=first, mode="wb")

    def close(self, whole: bool) -> None:
        """Give the file its name if it is whole, and take it away if not."""
        if self._file is None:
            return
        if not whole:
            with contextlib.suppress(OSError):
                self._opened.close()
            with contextlib.suppress(OSError):
                self._beside.unlink()
                self._path.parent.rmdir()
            return
        with self._blamed():
            self._opened.close()
            self._beside.rename(self._path)
            settle_folder(self._path.parent)

    @contextlib.contextmanager
    def _blamed(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            fault = error.strerror or error
            raise DataError(f"{error.filename or self._path}: {fault}.") from error
