"""The catalog's entries for raw rows to train on or to score, read in batches from files."""

import json
import re
from pathlib import PurePosixPath
from typing import Any

import fsspec
from kedro.io.core import get_protocol_and_path

from tabular_lstm.datasets.kedro_private import TablePreview
from tabular_lstm.datasets.read_only import ReadOnlyDataset
from tabular_lstm.errors import DataError
from tabular_lstm.rows.csv_files import read_arguments
from tabular_lstm.rows.raw_files import RawFiles, State
from tabular_lstm.rows.raw_rows import Table

# User and password in a URL; the password may contain a slash.
USER = r"(?<=://)(?:[^/?#]*:.*|[^/?#]*)@"


def without_secrets(path: str) -> str:
    """Remove user, password and options, which may hold secrets, from a path for a message."""
    return re.sub(r"(://[^?]*)\?.*", r"\1", re.sub(USER, "", path))


def storage_of(filepath: str, **options: Any) -> tuple[Any, str]:
    """Return fsspec's storage of a file or folder, and the path in this storage.

    Args:
        filepath: A path on this machine, or in a storage whose package is installed, such as
            `s3://bucket/rows.csv`.
        options: Options of the storage, such as credentials.

    Raises:
        DataError: There is no such storage, its package is not installed, it needs other options,
            or the path contains a password.
    """
    try:
        if any(":" in user for user in re.findall(USER, filepath)):
            raise ValueError("a path with a password; put that into credentials.yml")
        protocol, path = get_protocol_and_path(filepath)
        return fsspec.filesystem(protocol, **options), str(PurePosixPath(path))
    except (ImportError, ValueError, OSError, TypeError, AttributeError) as error:
        raise DataError(
            f"{without_secrets(filepath)}: {error}. Expected a path on this machine, or in a "
            "storage whose package is installed. Or copy the rows to this machine."
        ) from error


class RawRowsDataset(ReadOnlyDataset):
    """A CSV or Parquet file, or a directory of either; the cells of a CSV stay text.

    A file is read as Parquet if its name ends in `.parquet`, and as CSV otherwise. For `load_args`
    see `tabular_lstm.rows.csv_files.LoadArguments`. In a directory, files named `*.csv` or
    `*.parquet`, in upper or lower case, are read in the byte order of their names; hidden files and
    subdirectories are not read. All files need the same columns, in any order; the first file's
    order is used. With `where: {country: at}`, only rows with this value are used.
    """

    def __init__(
        self,
        filepath: str,
        load_args: dict[str, Any] | None = None,
        where: dict[str, str] | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        options = {**(credentials or {}), **(fs_args or {})}
        self._storage, path = storage_of(filepath, **options)
        super().__init__(path, metadata)
        self._load_args = load_args or {}
        self._where = {name: str(value) for name, value in dict(where or {}).items()}
        self._hashed: dict[tuple[str, State], str] = {}

    def load(self) -> Table:
        """List the files; `Table` reads their bytes later.

        Raises:
            DataError: See `RawFiles.at` and `read_arguments`.
        """
        files = self._files()
        read_arguments(files.file(files.names[0]), self._load_args)
        return Table(files, self._load_args, self._where)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows of the first file."""
        # Kedro-Viz does not know the model, and so does not know the value of `where`.
        first = next(Table(self._files(), self._load_args).parts())[:nrows]
        return TablePreview(json.loads(first.to_json(orient="split", date_format="iso")))

    def _files(self) -> RawFiles:
        return RawFiles.at(self._storage, self._path, hashed=self._hashed)

    def _exists(self) -> bool:
        return bool(self._storage.exists(self._path))


# Names used in conf of earlier versions.
RawCSVDataset = RowsToScoreDataset = RawRowsDataset


class LateLabelsDataset(RawRowsDataset):
    """A table of labels, see `RawRowsDataset`; None if no labels have arrived yet.

    `given` is the path if the command line names one; it must exist.
    """

    def __init__(self, filepath: str, given: str | None = None, **arguments: Any) -> None:
        super().__init__(filepath, **arguments)
        self._must_exist = given is not None

    def load(self) -> Table | None:  # type: ignore[override]
        """List the files, see `RawRowsDataset`; None if there are none and `given` is not set."""
        return super().load() if self._must_exist or self._exists() else None
