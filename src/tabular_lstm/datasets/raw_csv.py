"""The raw CSV as the catalog reads it: text cells, and the SHA-256 of the file's bytes."""

import hashlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
from kedro.io.core import get_filepath_str
from kedro_datasets.pandas import CSVDataset

from tabular_lstm.datasets.kedro_private import TablePreview
from tabular_lstm.errors import LISTED, DataError
from tabular_lstm.rows.csv_text import read_cells


class RawCSVDataset(CSVDataset):  # type: ignore[misc]
    """A CSV, or a directory of them, of which every cell stays the text it is in the file.

    `load_args` are those of `pandas.read_csv` that say where cells begin and end, see
    `tabular_lstm.rows.csv_text.LOAD_ARGS`; `decimal` is the only one to change a cell: numbers are
    given back with a decimal point.

    Where `filepath` is a directory, every `*.csv` directly in it that is not hidden is read with
    the same `load_args`, in the order of the names by their bytes, as `LC_ALL=C ls` has it. Each
    needs the same columns, in any order; the first file's order is kept.
    """

    def load(self) -> pd.DataFrame:
        """Read the file, or each file of the directory, once.

        Returns:
            A frame of text, one row per data row. Its index `row` counts from 1 below the header;
            with a directory it is text, file and number, as in `2026-11-01.csv:3`. `attrs` holds
            `file`, the path, and `sha256`, the hash of the bytes that the rows were parsed from:
            of a directory what `cd directory && sha256sum *.csv | sha256sum` prints in C locale,
            and `files`, the names of the files read (for a directory alone).

        Raises:
            DataError: There is no such file, `tabular_lstm.rows.csv_text.read_cells` cannot read
                it, or a directory holds no CSV, or files of different columns.
        """
        path = self._path()
        frames: dict[str, pd.DataFrame] = {}
        hashes: dict[str, str] = {}
        for name, content in self._each(self._fs.cat_file):
            file = f"{path}/{name}" if name else path
            frame = read_cells(content, file, self._load_args)
            rows = range(1, len(frame) + 1)
            frame.index = pd.Index([f"{name}:{row}" for row in rows] if name else rows, name="row")
            frames[name] = frame
            hashes[name] = hashlib.sha256(content).hexdigest()
            first = next(iter(frames))
            _refuse_other_columns(frame, file, frames[first], first)
        # By column name, in the order of the first.
        together = pd.concat(frames.values())
        together.attrs = {"file": path, "sha256": _hash_of(hashes)}
        if "" not in frames:
            together.attrs["files"] = list(frames)
        return together

    def sha256(self) -> str:
        """Give the hash that `load` would, without parsing; raise what it would of a path."""
        return _hash_of(dict(self._each(self._hash)))

    def preview(self, nrows: int = 5) -> TablePreview:
        """Give the first rows: `nrows` of each file are read, and `nrows` of them all shown."""
        preview = super().preview(nrows)
        return TablePreview(
            {name: part if name == "columns" else part[:nrows] for name, part in preview.items()}
        )

    def _path(self) -> str:
        return str(get_filepath_str(self._get_load_path(), self._protocol))

    def _hash(self, path: str) -> str:
        with self._fs.open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _each(self, read: Callable[[str], Any]) -> Iterator[tuple[str, Any]]:
        """Read the file, here named "", or each file of the directory by its name."""
        path = self._path()
        try:
            only = read(path)
        except (FileNotFoundError, IsADirectoryError):
            names = self._csv_names(path)
        else:
            yield "", only
            return
        for name in names:
            try:
                content = read(f"{path}/{name}")
            except (FileNotFoundError, IsADirectoryError) as error:
                raise DataError(
                    f"{path}/{name}: no such file, though {path} listed it a moment ago; expected "
                    "the files to stay while they are read. Run again when they do."
                ) from error
            yield name, content

    def _csv_names(self, path: str) -> list[str]:
        # Other storage than the disk may remember what was here yesterday.
        self._invalidate_cache()
        if not self._fs.isdir(path):
            raise DataError(
                f"{path}: no such file or directory. The catalog entry with this filepath says "
                "what is read."
            )
        entries = self._fs.ls(path, detail=True)
        files = [e["name"].rpartition("/")[2] for e in entries if e["type"] != "directory"]
        names = [name for name in files if name.endswith(".csv") and not name.startswith(".")]
        if not names:
            raise DataError(
                f"{path}: the directory holds no CSV; expected at least one file named *.csv "
                f"directly in it, got {', '.join(sorted(files)[:LISTED]) or 'no file'}. The "
                "catalog entry with this filepath says what is read."
            )
        return sorted(names, key=os.fsencode)


def _hash_of(hashes: dict[str, str]) -> str:
    """Give the file's hash, or of a directory that of the lines that sha256sum prints."""
    if "" in hashes:
        return hashes[""]
    lines = "".join(f"{digest}  {name}\n" for name, digest in hashes.items())
    return hashlib.sha256(lines.encode()).hexdigest()


def _refuse_other_columns(
    frame: pd.DataFrame, file: str, first: pd.DataFrame, first_name: str
) -> None:
    """Stop at a file of a directory that has not the columns of the first one."""
    lacking = [name for name in first.columns if name not in frame.columns]
    added = [name for name in frame.columns if name not in first.columns]
    found = {"lacks": lacking, "has in addition": added}
    faults = [f"{what} {', '.join(map(repr, names))}" for what, names in found.items() if names]
    if faults:
        raise DataError(
            f"{file}: against {first_name}, the first of the directory, it "
            f"{' and '.join(faults)}; expected the same columns in every file, in any order. "
            "Mend its header, or move the file elsewhere."
        )
