"""Raw rows as the catalog reads them, to train on or to score: files, read batch by batch."""

import inspect
import json
import re
from pathlib import PurePosixPath
from typing import Any, ClassVar

import fsspec
from kedro.io import AbstractDataset
from kedro.io.core import get_protocol_and_path

from tabular_lstm.datasets.kedro_private import TablePreview
from tabular_lstm.errors import DataError
from tabular_lstm.rows.load_args import refuse_other_arguments
from tabular_lstm.rows.raw_files import RawFiles, State
from tabular_lstm.rows.raw_rows import PARQUET, RawRows

# User and password of a URL; a bare slash may be of the password.
USER = r"(?<=://)(?:[^/?#]*:.*|[^/?#]*)@"


def storage_of(filepath: str, **options: Any) -> tuple[Any, str]:
    """Give the storage of fsspec that holds a file or a folder, and the path in it.

    Args:
        filepath: On this machine or, as `s3://bucket/rows.csv`, in a storage whose package is
            installed.
        options: What the storage is opened with, such as credentials.

    Raises:
        DataError: There is no such storage, its package is not installed, it needs other options,
            or the path holds a password or names nothing in the storage.
    """
    named = re.sub(USER, "", filepath)  # for the message
    try:
        if any(":" in user for user in re.findall(USER, filepath)):
            raise ValueError("a path with a password; put that into credentials.yml")
        if "://" in filepath and "::" in filepath:
            raise ValueError("a storage within another")
        protocol, path = get_protocol_and_path(filepath)
        if protocol in {"http", "https"}:
            raise ValueError("a web page")
        # Before it is made: one that is half made leaves a traceback of its own.
        maker = fsspec.get_filesystem_class(protocol)
        inspect.signature(maker.__init__).bind(None, **options)
        if "://" in filepath and path in {"", "/"}:
            raise ValueError(f"no path in the storage, as in {protocol}:///folder/rows.csv")
        return maker(**options), str(PurePosixPath(path))
    except (ImportError, ValueError, OSError, TypeError, AttributeError) as error:
        raise DataError(
            f"{named}: {error}. Expected a path on this machine, or of a storage whose package "
            "is installed; or copy the rows here."
        ) from error


class RawRowsDataset(AbstractDataset[Any, RawRows]):
    """A CSV or a Parquet file, or a directory of either; a cell of a CSV stays its text.

    A file is Parquet where its name ends in `.parquet`, and a CSV otherwise. For `load_args` see
    `tabular_lstm.rows.load_args.LOAD_ARGS`. Of a directory, every file directly in it that is named
    `*.csv` or `*.parquet`, in whatever case, and is not hidden is read, in the order of the names
    by their bytes. Each needs the same columns, in any order; the first file's is kept.
    """

    ENDINGS: ClassVar[dict[str, str]] = {".csv": "CSV", PARQUET: "Parquet file"}

    def __init__(
        self,
        filepath: str,
        load_args: dict[str, Any] | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        options = {**(credentials or {}), **(fs_args or {})}
        self._storage, self._path = storage_of(filepath, **options)
        self._load_args = load_args or {}
        self._hashes: dict[tuple[str, State], str] = {}
        self.metadata = metadata

    def load(self) -> RawRows:
        """List the files; their bytes are read by what is given.

        Raises:
            DataError: See `RawFiles.at`; or an argument would not count.
        """
        files = self._files()
        files.warn_of_others()
        refuse_other_arguments(files.file(files.names[0]), self._load_args)
        return RawRows(files, self._load_args)

    def hashes(self) -> dict[str, str]:
        """Give the SHA-256 of each file, made once as long as the file stays; raise as `load`."""
        return self._files().hashes()

    def sha256(self) -> str:
        """Give the one hash of all files, see `RawFiles.sha256`; raise as `hashes` does."""
        return self._files().sha256()

    def save(self, data: Any) -> None:
        """Refuse: rows are written by whoever has them."""
        raise DataError(f"{self._path} is read only here.")

    def preview(self, nrows: int = 5) -> TablePreview:
        """Give the first rows of the first file."""
        first = next(self.load().parts())[:nrows]
        return TablePreview(json.loads(first.to_json(orient="split", date_format="iso")))

    def _files(self) -> RawFiles:
        return RawFiles.at(self._storage, self._path, self.ENDINGS, hashes=self._hashes)

    def _exists(self) -> bool:
        return bool(self._storage.exists(self._path))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._path, "load_args": self._load_args}


# The names that conf of earlier versions has.
RawCSVDataset = RowsToScoreDataset = RawRowsDataset


class LateLabelsDataset(RawRowsDataset):
    """A table of labels, see `RawRowsDataset`, that may not have come yet: None then.

    `given` is the path where the command line names it, which must be there.
    """

    def __init__(self, filepath: str, given: str | None = None, **arguments: Any) -> None:
        super().__init__(filepath, **arguments)
        self._must_exist = given is not None

    def load(self) -> RawRows | None:  # type: ignore[override]
        """List the files, see `RawRowsDataset`; None where there is none and none is named."""
        return super().load() if self._must_exist or self._exists() else None
