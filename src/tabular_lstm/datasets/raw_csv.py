"""The raw CSV as the catalog reads it: text cells, and the SHA-256 of the file's bytes."""

import hashlib

import pandas as pd
from kedro.io.core import get_filepath_str
from kedro_datasets.pandas import CSVDataset

from tabular_lstm.datasets.kedro_private import TablePreview
from tabular_lstm.datasets.raw_files import RawFiles
from tabular_lstm.rows.blocks import refuse_other_columns
from tabular_lstm.rows.csv_text import read_cells
from tabular_lstm.rows.load_args import marks_of

CSV = {".csv": "CSV"}


class RawCSVDataset(CSVDataset):  # type: ignore[misc]
    """A CSV, or a directory of them, of which every cell stays the text it is in the file.

    `load_args` are those of `pandas.read_csv` that say where cells begin and end, and which marks
    numbers are written with, see `tabular_lstm.rows.load_args.LOAD_ARGS`.

    Where `filepath` is a directory, every file directly in it that is named `*.csv`, in whatever
    case, and is not hidden is read with the same `load_args`, in the order of the names by their
    bytes, as `LC_ALL=C ls` has it. Each needs the same columns, in any order; the first file's
    order is kept. What else is in the directory is named in a warning.
    """

    def load(self) -> pd.DataFrame:
        """Read the file, or each file of the directory, once.

        Returns:
            A frame of text, one row per data row. Its index `row` counts from 1 below the header;
            with a directory it is text, file and number, as in `2026-11-01.csv:3`. `attrs` holds
            `file`, the path; `marks`, what numbers are written with; `sha256`, the hash of the
            bytes that the rows were parsed from: of a directory what
            `cd directory && sha256sum *.[cC][sS][vV] | sha256sum` prints in C locale, of names
            without backslash and line end; and `files`, the names of the files read (for a
            directory alone).

        Raises:
            DataError: There is no such file, it is no regular file or cannot be opened,
                `tabular_lstm.rows.csv_text.read_cells` cannot read it, or a directory holds no
                CSV, one whose name is not UTF-8, or files of different columns.
        """
        files = self._files()
        names, others = files.names()
        files.warn_of_others(others)
        frames: dict[str, pd.DataFrame] = {}
        hashes: dict[str, str] = {}
        for name in names:
            content = files.read(self._fs.cat_file, name)
            frame = read_cells(content, files.file(name), self._load_args)
            rows = range(1, len(frame) + 1)
            frame.index = pd.Index([f"{name}:{row}" for row in rows] if name else rows, name="row")
            frames[name] = frame
            hashes[name] = hashlib.sha256(content).hexdigest()
            first = frames[names[0]].columns
            refuse_other_columns(frame.columns, files.file(name), first, names[0])
        # By column name, in the order of the first.
        together = pd.concat(frames.values())
        together.attrs = {
            "file": files.path,
            "sha256": _hash_of(hashes),
            "marks": marks_of(self._load_args),
        }
        if "" not in frames:
            together.attrs["files"] = names
        return together

    def sha256(self) -> str:
        """Give the hash that `load` would, without parsing; raise what it would of a path."""
        files = self._files()
        names, _ = files.names()
        return _hash_of({name: files.read(self._hash, name) for name in names})

    def preview(self, nrows: int = 5) -> TablePreview:
        """Give the first rows: `nrows` of each file are read, and `nrows` of them all shown."""
        preview = super().preview(nrows)
        return TablePreview(
            {name: part if name == "columns" else part[:nrows] for name, part in preview.items()}
        )

    def _files(self) -> RawFiles:
        path = get_filepath_str(self._get_load_path(), self._protocol)
        return RawFiles(self._fs, str(path), CSV)

    def _hash(self, path: str) -> str:
        with self._fs.open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def _hash_of(hashes: dict[str, str]) -> str:
    """Give the file's hash, or of a directory that of the lines that sha256sum prints."""
    if "" in hashes:
        return hashes[""]
    lines = "".join(f"{digest}  {name}\n" for name, digest in hashes.items())
    return hashlib.sha256(lines.encode()).hexdigest()
