"""The scorings that have finished, as a monitoring reads them: manifest, drift, and parts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from tabular_lstm.errors import DataError
from tabular_lstm.monitoring.drift import Drift
from tabular_lstm.parameters import TWO_CLASSES, Task
from tabular_lstm.serving.manifest import Manifest, read_part


@dataclass(frozen=True)
class FinishedScoring:
    """A scoring with a manifest; `drift` is None where its run left none."""

    folder: Path
    manifest: Manifest
    drift: Drift | None

    @property
    def task(self) -> Task | None:
        """Say what was predicted; None where an earlier version did not write the classes down."""
        manifest = self.manifest
        if manifest.task != TWO_CLASSES:
            return Task(kind=manifest.task, classes=manifest.classes or ())
        both = manifest.negative_class, manifest.positive_class
        return None if None in both else Task(kind=TWO_CLASSES, classes=both)

    def parts(self, columns: list[str]) -> Iterator[pa.Table]:
        """Read these columns, one part after the other.

        Raises:
            DataError: A part is gone, not as the manifest has it, or lacks a column.
        """
        for part in self.manifest.parts:
            try:
                content = pa.BufferReader(read_part(self.folder, part))
            except OSError as error:
                raise DataError(
                    f"{self.folder / part.file}: expected SHA-256 {part.sha256}, as the manifest "
                    f"has it, got {error.strerror}"
                ) from error
            file = parquet.ParquetFile(content)
            if lacking := [name for name in columns if name not in file.schema_arrow.names]:
                raise DataError(f"{self.folder / part.file}: no column '{lacking[0]}'")
            yield file.read(columns)


@dataclass(frozen=True)
class FinishedScorings:
    """All of them, the oldest first.

    Attributes:
        scorings: Those whose manifest can be read.
        faults: Why another one does not count, or has no drift, by run id.
        run_command: How to run in this environment.
    """

    scorings: tuple[FinishedScoring, ...]
    faults: Mapping[str, str]
    run_command: str
