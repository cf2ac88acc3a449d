"""Finished scorings, as monitoring reads them: manifest, drift and parts."""

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
    """A scoring with a manifest; `drift` is None if its run left none."""

    folder: Path
    manifest: Manifest
    drift: Drift | None

    def refuse_another(self, task: Task) -> None:
        """Refuse a task that was not predicted; a class that the manifest lacks matches any class.

        Raises:
            DataError: Names both tasks.
        """
        manifest = self.manifest
        two = manifest.task == TWO_CLASSES
        both = manifest.negative_class, manifest.positive_class
        classes = both if two else manifest.classes or ()
        if manifest.task == task.kind and len(classes) == len(task.classes):
            pairs = zip(classes, task.classes, strict=True)
            if all(was == now or (two and was is None) for was, now in pairs):
                return
        was = ", ".join(str(c) for c in classes if c is not None)
        now = ", ".join(map(str, task.classes))
        words = Task(kind=manifest.task, classes=manifest.classes or ()).in_words
        raise DataError(
            f"it predicted {words}{': ' * bool(was)}{was}, and conf names {task.in_words}"
            f"{': ' * bool(now)}{now}"
        )

    def parts(self, columns: list[str]) -> Iterator[pa.Table]:
        """Read these columns, one part after the other.

        Raises:
            DataError: A part is gone, differs from the manifest, or lacks a column.
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
    """All finished scorings, the oldest first.

    Attributes:
        scorings: The scorings whose manifest can be read.
        faults: By run id: why another scoring does not count, or why a scoring has no drift.
        run_command: The command for runs in this environment.
    """

    scorings: tuple[FinishedScoring, ...]
    faults: Mapping[str, str]
    run_command: str
