"""The raw CSV as the catalog reads it: text cells, and the SHA-256 of the file's bytes."""

import hashlib
import logging
import os
from collections.abc import Callable
from typing import Any

import pandas as pd
from kedro.io.core import get_filepath_str
from kedro_datasets.pandas import CSVDataset

from tabular_lstm.datasets.kedro_private import TablePreview
from tabular_lstm.errors import LISTED, DataError
from tabular_lstm.rows.csv_text import read_cells
from tabular_lstm.rows.load_args import marks_of

logger = logging.getLogger(__name__)


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
        path = self._path()
        names, others = self._names()
        _warn_of_others(path, others)
        frames: dict[str, pd.DataFrame] = {}
        hashes: dict[str, str] = {}
        for name in names:
            file = f"{path}/{name}" if name else path
            content = self._read(self._fs.cat_file, name)
            frame = read_cells(content, file, self._load_args)
            rows = range(1, len(frame) + 1)
            frame.index = pd.Index([f"{name}:{row}" for row in rows] if name else rows, name="row")
            frames[name] = frame
            hashes[name] = hashlib.sha256(content).hexdigest()
            _refuse_other_columns(frame, file, frames[names[0]], names[0])
        # By column name, in the order of the first.
        together = pd.concat(frames.values())
        together.attrs = {
            "file": path,
            "sha256": _hash_of(hashes),
            "marks": marks_of(self._load_args),
        }
        if "" not in frames:
            together.attrs["files"] = names
        return together

    def sha256(self) -> str:
        """Give the hash that `load` would, without parsing; raise what it would of a path."""
        names, _ = self._names()
        return _hash_of({name: self._read(self._hash, name) for name in names})

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

    def _read(self, read: Callable[[str], Any], name: str) -> Any:
        """Read the file, here named "", or a file of the directory."""
        path = self._path()
        file = f"{path}/{name}" if name else path
        try:
            return read(file)
        except FileNotFoundError as error:
            raise DataError(
                f"{file}: no such file, though it was there a moment ago; expected the files to "
                "stay while they are read. Run again when they do."
            ) from error
        except OSError as error:
            raise DataError(f"{file}: {error.strerror or error}") from error

    def _kind(self, path: str) -> str:
        """Tell what a path leads to, without opening it: a FIFO would wait for a writer."""
        try:
            return str(self._fs.info(path)["type"])
        except FileNotFoundError:
            return "nothing"
        except OSError as error:
            raise DataError(f"{path}: {error.strerror or error}") from error

    def _names(self) -> tuple[list[str], list[str]]:
        """Name the files to read, here "" for a lone one, and what else is in the directory."""
        # Other storage than the disk may remember what was here yesterday.
        self._invalidate_cache()
        path = self._path()
        kind = self._kind(path)
        if kind == "nothing":
            raise DataError(
                f"{path}: no such file or directory. The catalog entry with this filepath says "
                "what is read."
            )
        if kind != "directory":
            _refuse_other_kinds(path, kind)
            return [""], []
        names, others = self._listed(path)
        if not names:
            raise DataError(
                f"{path}: the directory holds no CSV; expected at least one file named *.csv "
                f"directly in it, got {', '.join(others[:LISTED]) or 'no file'}. The catalog entry "
                "with this filepath says what is read."
            )
        return sorted(names, key=os.fsencode), others

    def _listed(self, path: str) -> tuple[list[str], list[str]]:
        """Name the directory's CSV files, and in the words of `ls -ap` all else."""
        names, others = [], []
        try:
            entries = self._fs.ls(path, detail=True)
        except OSError as error:
            raise DataError(f"{path}: {error.strerror or error}") from error
        for entry in entries:
            name = entry["name"].rstrip("/").rpartition("/")[2]
            is_csv = name.lower().endswith(".csv") and not name.startswith(".")
            # Of a link, what it leads to.
            kind = self._kind(f"{path}/{name}") if is_csv else entry["type"]
            if is_csv and kind != "directory":
                _refuse_other_kinds(f"{path}/{name}", kind)
                names.append(name)
            else:
                others.append(f"{_readable(name)}{'/' if kind == 'directory' else ''}")
        return names, sorted(others)


def _refuse_other_kinds(path: str, kind: str) -> None:
    """Stop at what is no regular file, and at a name that is not UTF-8."""
    if kind not in {"file", "nothing"}:
        raise DataError(
            f"{path}: it is a FIFO, a socket or a device; expected a regular file, which can be "
            "read twice. Write its content to a file, and name that."
        )
    if _readable(path) != path:
        raise DataError(
            f"{_readable(path)}: the file's name is not UTF-8, and rows are named by it. Rename it."
        )


def _readable(name: str) -> str:
    """Write a name with escapes for the bytes that are not UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _warn_of_others(path: str, others: list[str]) -> None:
    """Name what is passed over."""
    hidden = [name for name in others if name.startswith(".")]
    seen = [name for name in others if not name.startswith(".")]
    for level, names in ((logging.WARNING, seen), (logging.INFO, hidden)):
        if names:
            logger.log(
                level,
                "%s: passed over %s; only files named *.csv directly in it are read, and no "
                "hidden ones",
                path,
                ", ".join(names),
            )


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
