"""The outputs of a scoring: predictions, in a folder for each run, and the rows in quarantine."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
from kedro.io import AbstractDataset
from kedro.io.core import generate_timestamp, get_filepath_str
from kedro_datasets.pandas import CSVDataset
from pyarrow import parquet

from tabular_lstm.datasets.kedro_private import TablePreview
from tabular_lstm.errors import DataError
from tabular_lstm.files import make_folder, new_file, not_written, settle_folder, sha256
from tabular_lstm.rows.raw_rows import WHOLE
from tabular_lstm.rows.validation import Quarantine
from tabular_lstm.serving.manifest import (
    MANIFEST,
    FileOfRows,
    Manifest,
    finished_runs,
    part_name,
    publish,
    read_manifest,
    read_part,
)
from tabular_lstm.serving.prediction_parts import Predictions
from tabular_lstm.serving.row_scoring import ScoredPart

PREVIEWED = 5


class PredictionsDataset(AbstractDataset[Predictions, pd.DataFrame]):
    """The rows that finished runs scored, in one folder.

    `run_id` names the run whose rows are loaded. Default: the newest finished run whose date is not
    in the future; if all dates are in the future, the last run. `run_command` is for messages.
    """

    def __init__(
        self,
        filepath: str,
        run_id: str | None = None,
        run_command: str = "kedro run",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self.folder = Path(filepath)
        self._run_id = run_id
        self._run_command = run_command
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """Read a finished run's rows.

        Raises:
            DataError: No run has finished, or a part does not match the manifest.
        """
        manifest, folder = self._manifest()
        parts = [self._part(folder, part, manifest) for part in manifest.parts]
        # Each part has its own dictionaries; a pandas column needs one.
        table = pa.concat_tables(parts).unify_dictionaries()
        frame: pd.DataFrame = table.to_pandas()
        # Pandas would make floats of whole numbers beside a missing cell, and round large ones.
        for field in table.schema:
            if field.type in WHOLE and table[field.name].null_count:
                frame[field.name] = table[field.name].to_pandas(types_mapper=WHOLE.get)
        return frame

    def save(self, data: Predictions) -> None:
        """Score the rows, write them, and then write the manifest.

        Raises:
            DataError: See `Predictions.parts`; or a file cannot be written. The folder is removed.
        """
        folder = self.folder / data.run_id
        try:
            make_folder(self.folder)
            folder.mkdir()  # only this run's
        except FileExistsError as error:
            raise DataError(
                f"{error.filename or folder} exists already, but the scoring must make this "
                "folder. Move the existing file or folder elsewhere."
            ) from error
        except OSError as error:
            raise not_written(error, folder) from error
        try:
            with contextlib.closing(data.parts(folder)) as parts:
                written_files = _write(folder, parts)
            publish(folder, data.manifest(written_files))
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise not_written(error, folder) from error
            raise
        self._run_id = data.run_id

    def preview(self) -> TablePreview:
        """Give the first rows of the newest finished run."""
        manifest, folder = self._manifest()
        file = parquet.ParquetFile(folder / manifest.parts[0].file)
        rows = next(file.iter_batches(PREVIEWED), pa.table(file.schema_arrow.empty_table()))
        return TablePreview(json.loads(rows.to_pandas().to_json(orient="split", date_format="iso")))

    def _manifest(self) -> tuple[Manifest, Path]:
        finished = finished_runs(self.folder, generate_timestamp())
        scoring = f"{self._run_command} --pipelines scoring"
        if not self._run_id and not finished:
            raise DataError(f"{self.folder}: no scoring has finished yet. {scoring} scores rows.")
        folder = self.folder / (self._run_id or finished[-1])
        try:
            return read_manifest(folder), folder
        except FileNotFoundError as error:
            finished_names = ", ".join(finished) or "none"
            raise DataError(
                f"{folder}: it has no {MANIFEST}, so the run was never finished, or its folder is "
                f"gone. Finished runs: {finished_names}. {scoring} scores rows."
            ) from error
        except DataError as error:
            raise DataError(
                f"{error} Put the file back, or score the rows again: {scoring}."
            ) from error

    def _part(self, folder: Path, expected: FileOfRows, manifest: Manifest) -> pa.Table:
        try:
            content = read_part(folder, expected)
        except OSError as error:
            raise DataError(
                f"{folder / expected.file}: expected SHA-256 {expected.sha256}, as {MANIFEST} of "
                f"run {manifest.run_id} has it, got {error.strerror}. These predictions are not "
                "whole any more, and none of them was loaded. Put the file back, or score the rows "
                f"again: {self._run_command} --pipelines scoring."
            ) from error
        return parquet.read_table(pa.BufferReader(content))

    def _exists(self) -> bool:
        return bool(finished_runs(self.folder, generate_timestamp()))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self.folder, "run_id": self._run_id}


def _write(folder: Path, parts: Iterator[ScoredPart]) -> list[FileOfRows]:
    """Write each part to a file."""
    written_files: list[FileOfRows] = []
    for part in parts:
        path = folder / part_name(len(written_files))
        with new_file(path) as file:
            file.write(part.content)
        written_files.append(
            FileOfRows(file=path.name, rows=part.rows, sha256=sha256(part.content))
        )
    settle_folder(folder)
    return written_files


class QuarantineDataset(CSVDataset):  # type: ignore[misc]
    """A CSV on a local disk: `save` takes the quarantine, `load` gives its rows as a frame."""

    def save(self, data: Quarantine) -> None:
        """Subscribe a writer, which writes the rows as they come."""
        data.subscribe(_Writer(Path(get_filepath_str(self._get_save_path(), self._protocol))))


class _Writer:
    """Writes to another name, and renames the file once all rows are written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f".{path.name}.new")
        self._file: BinaryIO | None = None
        self._opened = contextlib.ExitStack()

    def keep(self, rows: pd.DataFrame) -> None:
        """Write rows; write a header above the first rows."""
        with self._blamed():
            first = self._file is None
            if self._file is None:
                make_folder(self._path.parent)
                self._file = self._opened.enter_context(new_file(self._beside))
            if first or len(rows):
                rows.to_csv(self._file, index=False, header=first, mode="wb")

    def close(self, is_complete: bool) -> None:
        """Rename the file if it is complete; otherwise remove it."""
        if self._file is None:
            return
        if not is_complete:
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
            raise not_written(error, self._path) from error
