"""Rows to score as the catalog reads them: a CSV or a Parquet file, or a folder of either."""

import json
from pathlib import PurePosixPath
from typing import Any

import fsspec
from kedro.io import AbstractDataset
from kedro.io.core import get_protocol_and_path

from tabular_lstm.datasets.kedro_private import TablePreview
from tabular_lstm.datasets.raw_files import RawFiles
from tabular_lstm.errors import DataError
from tabular_lstm.rows.rows_to_score import PARQUET, RowsToScore

ENDINGS = {".csv": "CSV", PARQUET: "Parquet file"}


class RowsToScoreDataset(AbstractDataset[Any, RowsToScore]):
    """A CSV or a Parquet file, or a directory of either, read as a stream of blocks of rows.

    `load_args` are those of a CSV, see `tabular_lstm.rows.load_args.LOAD_ARGS`. A file is Parquet
    where its name ends in `.parquet`, and a CSV otherwise. Which files of a directory count, and
    in which order, is as with `RawCSVDataset`.
    """

    def __init__(
        self,
        filepath: str,
        load_args: dict[str, Any] | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        protocol, path = get_protocol_and_path(filepath)
        storage = fsspec.filesystem(protocol, **(credentials or {}), **(fs_args or {}))
        self._files = RawFiles(storage, str(PurePosixPath(path)), ENDINGS)
        self._load_args = load_args or {}
        self.metadata = metadata

    def load(self) -> RowsToScore:
        """List the files; their bytes are read by what is given.

        Raises:
            DataError: There is no such file, it is no regular file, or a directory holds neither
                CSV nor Parquet, both, or one whose name is not UTF-8.
        """
        names, others = self._files.names()
        self._files.warn_of_others(others)
        if len({name.lower().endswith(PARQUET) for name in names}) > 1:
            raise DataError(
                f"{self._files.path}: the directory holds CSV and Parquet, as if the same rows "
                "were there twice; expected one of them. Move the others elsewhere."
            )
        return RowsToScore(self._files.path, tuple(names), self._files.open, self._load_args)

    def save(self, data: Any) -> None:
        """Refuse: whoever wants rows scored writes them."""
        raise DataError(f"{self._files.path} is read only here.")

    def preview(self, nrows: int = 5) -> TablePreview:
        """Give the first rows of the first file."""
        cells = self.load().head(nrows)
        return TablePreview(json.loads(cells.to_json(orient="split", date_format="iso")))

    def _exists(self) -> bool:
        return bool(self._files.fs.exists(self._files.path))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._files.path, "load_args": self._load_args}
