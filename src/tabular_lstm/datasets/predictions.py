"""Predictions, in one folder per run: scored, counted, and read back."""

import contextlib
import shutil
from collections.abc import Iterator
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
from kedro.io import AbstractDataset
from kedro.io.core import generate_timestamp
from kedro_datasets.pandas import CSVDataset
from pyarrow import parquet

from tabular_lstm.datasets.read_only import ReadOnlyDataset
from tabular_lstm.errors import DataError
from tabular_lstm.files import new_file, not_written, settle_folder, sha256, writing
from tabular_lstm.rows.raw_rows import WHOLE
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
from tabular_lstm.serving.prediction_parts import ScoringPlan
from tabular_lstm.serving.row_scoring import ScoringCounts

# A name in conf of version 0.1.0.
QuarantineDataset = CSVDataset


class PredictionsDataset(ReadOnlyDataset):
    """The rows that finished runs scored, in one folder.

    `run_id` names the run whose rows are loaded. Default: the newest finished run whose date is not
    in the future or, if all dates are in the future, the last run. `run_command` is used in
    messages.
    """

    def __init__(
        self,
        filepath: str,
        run_id: str | None = None,
        run_command: str = "kedro run",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(filepath, metadata)
        self.folder = Path(filepath)
        self._run_id = run_id
        self._scoring = f"{run_command} --pipelines scoring"

    def load(self) -> pd.DataFrame:
        """Read a finished run's rows.

        Raises:
            DataError: No run has finished, or a part does not match the manifest.
        """
        manifest, folder = self._manifest()
        try:
            contents = [read_part(folder, part) for part in manifest.parts]
        except DataError as error:
            raise self._damaged(f"{error} None of the predictions was loaded.") from error
        parts = [parquet.read_table(pa.BufferReader(content)) for content in contents]
        # Each part has its own dictionaries; a pandas column needs one.
        table = pa.concat_tables(parts).unify_dictionaries()
        frame: pd.DataFrame = table.to_pandas()
        # With a missing cell, pandas would convert whole numbers to floats, and round large ones.
        for field in table.schema:
            if field.type in WHOLE and table[field.name].null_count:
                frame[field.name] = table[field.name].to_pandas(types_mapper=WHOLE.get)
        return frame

    def _manifest(self) -> tuple[Manifest, Path]:
        finished = finished_runs(self.folder, generate_timestamp())
        if not self._run_id and not finished:
            raise DataError(
                f"{self.folder}: no scoring has finished yet. {self._scoring} scores rows."
            )
        folder = self.folder / (self._run_id or finished[-1])
        try:
            return read_manifest(folder), folder
        except FileNotFoundError as error:
            raise self._damaged(f"{folder} has no {MANIFEST}: its run is not finished.") from error
        except DataError as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, fault: str) -> DataError:
        return DataError(f"{fault} Put the file back, or score the rows again: {self._scoring}.")

    def _exists(self) -> bool:
        return bool(finished_runs(self.folder, generate_timestamp()))


# A scoring ----------------------------------------------------------------------------------------


class ScoringPlanDataset(AbstractDataset[ScoringPlan, None]):
    """Saving a plan scores its rows.

    Rows in quarantine are saved, too, if all rows could be read, even if there are so many of them
    that there are no predictions.

    Args:
        filepath: The folder of all runs' predictions.
        quarantine: The `filepath` of the catalog's entry `quarantined_rows_to_score`. Kedro makes
            such a path absolute at any depth.
    """

    def __init__(
        self, filepath: str, quarantine: dict[str, str], metadata: dict[str, Any] | None = None
    ) -> None:
        self._folder, self._quarantine = Path(filepath), Path(quarantine["filepath"])
        self.metadata = metadata

    def save(self, data: ScoringPlan) -> None:
        """Score the rows, write them, and then write the manifest.

        Raises:
            DataError: See `ScoringPlan`; or a file cannot be written. The folder is then removed.
        """
        folder = self._folder / data.scorer.run_id
        with writing(folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            folder.mkdir()  # only this run's
        quarantine = self._quarantine / data.scorer.run_id / self._quarantine.name
        try:
            counts, parts = _write(data, folder, quarantine)
            data.refuse(counts)
            publish(folder, data.manifest(counts, parts))
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise not_written(error, folder) from error
            raise

    def load(self) -> None:
        """Refuse to load: a plan can only be saved."""
        raise DataError(f"{self._folder}: load predictions by the catalog's entry predictions.")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._folder}


class ScoringCountsDataset(ReadOnlyDataset):
    """The counts of a finished scoring.

    Args:
        filepath: The folder of all runs' predictions.
    """

    run_id = ""  # set by a hook

    def load(self) -> ScoringCounts:
        """Read the counts of a run.

        Raises:
            DataError, FileNotFoundError: The run has not finished.
        """
        folder = Path(self._path) / self.run_id
        files = (folder / part.file for part in read_manifest(folder).parts)
        return reduce(add, map(ScoringCounts.of_part, files))


def _write(
    plan: ScoringPlan, folder: Path, quarantine: Path
) -> tuple[ScoringCounts, list[FileOfRows]]:
    """Write each part to a file, and all rows in quarantine to another one."""
    counts, files = list[ScoringCounts](), list[FileOfRows]()
    with (
        _quarantine_file(quarantine) as quarantine_file,
        contextlib.closing(plan.parts(folder)) as parts,
    ):
        for part in parts:
            for rows in part.aside:
                is_first = not quarantine_file.tell()
                if is_first or len(rows):
                    rows.to_csv(quarantine_file, index=False, header=is_first, mode="wb")
            path = folder / part_name(len(files))
            with new_file(path) as file:
                file.write(part.content)
            scored_rows = part.counts.predicted.rows
            files.append(FileOfRows(file=path.name, rows=scored_rows, sha256=sha256(part.content)))
            counts.append(part.counts)
    settle_folder(folder)
    return reduce(add, counts), files


@contextlib.contextmanager
def _quarantine_file(path: Path) -> Iterator[BinaryIO]:
    """Create a file that gets its name when it is complete; an error leaves nothing behind."""
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with new_file(beside) as file:
            yield file
        beside.rename(path)
        settle_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
            path.parent.rmdir()
        raise
