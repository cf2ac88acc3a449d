"""The manifest of a scoring, written last: its rows, champion and files; and finished scorings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
from pyarrow import parquet
from pydantic import (
    NonNegativeInt,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from tabular_lstm.errors import DataError
from tabular_lstm.files import replace, sha256
from tabular_lstm.frozen import Frozen, Stored, from_json
from tabular_lstm.monitoring.drift import Drift
from tabular_lstm.serving.promotion_log import RunId, by_age, is_run_id
from tabular_lstm.task import Class, Task, TaskKind

MANIFEST = "manifest.json"


class FileOfRows(Frozen):
    """A file: its name without folders, its number of rows, and the SHA-256 of its bytes."""

    file: str
    rows: NonNegativeInt
    sha256: str


class AsGiven(Frozen):
    """A value that writes its format and only the given fields, so none of other tasks."""

    @model_serializer(mode="wrap")
    def _given_fields(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        field_names = {"format", *self.model_fields_set}
        return {n: value for n, value in dump(self).items() if n in field_names}


class ScoredBy(Frozen):
    """The champion that scored: the run that trained it, and the hash of its artifact."""

    run_id: RunId
    sha256: str


class Conditions(Frozen):
    """What predictions depend on, besides the rows and the champion.

    Attributes:
        parameters: The blocks that a scoring reads, and how the rows are read.
        code_sha256: Hash of this package's files and the packages' versions.
    """

    parameters: dict[str, Any]
    code_sha256: str


def part_name(place: int) -> str:
    """Return the file name of a part, by its place from 0."""
    return f"part-{place:05}.parquet"


class Manifest(AsGiven, Stored):
    """A finished scoring; rows = scored rows + history rows + quarantined rows.

    Attributes:
        scored_at: When the run began, UTC.
        task: What was predicted. Default: two classes.
        positive_class: With two classes: the label's value whose probability was predicted.
        classes: With more classes: the label's values; each has its column `probability_<class>`.
        coverage: For a number: the share of true values that the intervals should contain.
        history_rows: With histories: rows that are only history, or are superseded.
        inputs: The files that were read.
        parts: The files of predictions, in the order of their rows.
        parameters, code_sha256: See `Conditions`.
    """

    run_id: RunId
    scored_at: str
    champion: ScoredBy
    task: TaskKind = "two classes"
    positive_class: Class | None = None
    negative_class: Class | None = None
    classes: tuple[Class, ...] | None = None
    coverage: float | None = None
    rows: NonNegativeInt
    scored_rows: NonNegativeInt
    history_rows: NonNegativeInt = 0
    quarantined_rows: NonNegativeInt
    inputs: tuple[FileOfRows, ...]
    parts: tuple[FileOfRows, ...]
    parameters: dict[str, Any]
    code_sha256: str

    @field_validator("parts")
    @classmethod
    def _parts_are_files_of_the_run(cls, parts: tuple[FileOfRows, ...]) -> tuple[FileOfRows, ...]:
        expected = tuple(part_name(place) for place in range(max(1, len(parts))))
        if (names := tuple(part.file for part in parts)) != expected:
            raise ValueError(f"expected {', '.join(expected)}, got {', '.join(names) or 'none'}")
        return parts

    @model_validator(mode="after")
    def _no_row_is_lost_or_doubled(self) -> Self:
        counted_rows = self.scored_rows + self.history_rows + self.quarantined_rows
        read_rows, written_rows = (
            sum(file.rows for file in files) for files in (self.inputs, self.parts)
        )
        for addends, row_sum, total_name, expected in (
            ("scored_rows + history_rows + quarantined_rows", counted_rows, "rows", self.rows),
            ("the rows of inputs", read_rows, "rows", self.rows),
            ("the rows of parts", written_rows, "scored_rows", self.scored_rows),
        ):
            if row_sum != expected:
                raise ValueError(f"{addends} are {row_sum}, but {total_name} are {expected}")
        return self

    def same_as(self, inputs: dict[str, str], champion_sha256: str, conditions: Conditions) -> bool:
        """Return whether a new scoring of `inputs` (file: SHA-256) would repeat this scoring."""
        return (
            {file.file: file.sha256 for file in self.inputs} == inputs
            and self.champion.sha256 == champion_sha256
            and self.code_sha256 == conditions.code_sha256
            # As JSON, which has no tuples.
            and self.model_dump(mode="json", include={"parameters"})
            == conditions.model_dump(mode="json", include={"parameters"})
        )


def finished_runs(folder: Path, timestamp: str) -> list[str]:
    """Return the runs with a manifest below a folder, sorted by `by_age`."""
    return by_age(_finished(folder), timestamp)


def unfinished_runs(folder: Path) -> list[str]:
    """Return the runs whose folder has no manifest."""
    begun = {path.name for path in folder.glob("*/") if is_run_id(path.name)}
    return sorted(begun - _finished(folder))


def _finished(folder: Path) -> set[str]:
    return {
        path.parent.name
        for path in folder.glob(f"*/{MANIFEST}")
        if is_run_id(path.parent.name) and path.is_file()
    }


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest in a run's folder.

    Raises:
        FileNotFoundError: There is no manifest: the run has not finished.
        DataError: It cannot be read, holds something else, or is of another run.
    """
    path = folder / MANIFEST
    expected = f"{path}: expected the manifest of a scoring"
    manifest = from_json(Manifest, path, expected)
    if manifest.run_id != folder.name:
        raise DataError(f"{expected} of run {folder.name}; it is that of run {manifest.run_id}.")
    return manifest


def read_part(folder: Path, part: FileOfRows) -> bytes:
    """Read a part of a run's predictions.

    Raises:
        DataError: It cannot be read, or its bytes differ from the manifest.
    """
    path = folder / part.file
    try:
        content = path.read_bytes()
        found = f"SHA-256 {sha256(content)}"
    except OSError as error:
        content, found = b"", str(error.strerror)
    if found != (expected := f"SHA-256 {part.sha256}"):
        raise DataError(f"{path}: expected {expected}, as recorded in {MANIFEST}, got {found}.")
    return content


def publish(folder: Path, manifest: Manifest) -> None:
    """Write the manifest; from then on, the run counts as finished.

    Raises:
        OSError: There is no space or no permission.
    """
    replace(folder / MANIFEST, manifest.model_dump_json(indent=2).encode() + b"\n")


# Finished scorings --------------------------------------------------------------------------------


@dataclass(frozen=True)
class FinishedScoring:
    """A scoring with a manifest; `drift` is None if its run left none."""

    folder: Path
    manifest: Manifest
    drift: Drift | None

    def refuse_another(self, task: Task) -> None:
        """Refuse a task that was not predicted.

        Raises:
            DataError: Names both tasks.
        """
        given = self.manifest.model_dump(mode="json", exclude_none=True)
        names = ("negative_class", "positive_class", "classes")
        classes = {name: given[name] for name in names if name in given}
        predicted = classes or {"task": self.manifest.task}
        if predicted != task.declared:
            raise DataError(f"it predicted {predicted}, but conf names {task.declared}")

    def parts(self, columns: list[str]) -> Iterator[pa.Table]:
        """Read these columns, one part after the other.

        Raises:
            DataError: A part is gone, differs from the manifest, or lacks a column.
        """
        for part in self.manifest.parts:
            file = parquet.ParquetFile(pa.BufferReader(read_part(self.folder, part)))
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
