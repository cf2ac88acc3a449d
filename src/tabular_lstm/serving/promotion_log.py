"""The promotion log: one line per decision, the last says who serves; and the runs' outputs.

A line names the run that trained the champion, and the SHA-256 of the champion's artifact, which
lies among the candidates. Appending the line is the commit; no other step follows.

Each line holds the SHA-256 of the line before it, including its line feed: line 4 holds what `sed
-n 3p promotions.jsonl | sha256sum` prints. So a line that was changed, moved or removed is found,
unless it is the last one, or all lines after it were rewritten.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from tabular_lstm.errors import DataError
from tabular_lstm.files import replace, sha256
from tabular_lstm.frozen import (
    Frozen,
    NewerVersionError,
    Stored,
    first_fault,
    matching,
    unless,
    validated,
)

# Run id -------------------------------------------------------------------------------------------

FORMAT = "%Y-%m-%dT%H.%M.%S.%fZ"
RUN_ID = r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{3}Z"
RunId = Annotated[str, matching(RUN_ID, "a run id such as 2026-11-26T03.45.48.123Z")]


def is_run_id(name: str) -> bool:
    """Return whether the name of a folder is a run id.

    Examples:
        >>> is_run_id("2026-11-26T03.45.48.123Z"), is_run_id("../champion")
        (True, False)
    """
    return re.fullmatch(RUN_ID, name, re.ASCII) is not None


def began(run_id: str) -> datetime:
    """Return the time that a run id stands for."""
    return datetime.strptime(run_id, FORMAT).replace(tzinfo=UTC)


def next_run_id(run_id: str) -> str:
    """Return the run id of a millisecond later.

    Examples:
        >>> next_run_id("2026-12-31T23.59.59.999Z")
        '2027-01-01T00.00.00.000Z'
    """
    later = began(run_id) + timedelta(milliseconds=1)
    return f"{later.strftime(FORMAT)[:-4]}Z"


def by_age(runs: Iterable[str], timestamp: str) -> list[str]:
    """Sort run ids, the newest last; ids later than the timestamp count as the oldest.

    Such ids mean that their clock was ahead, or that the clock is behind now.

    Args:
        runs: Run ids.
        timestamp: The run id of a run that begins now.

    Examples:
        >>> runs = ["2025-01-01T00.00.00.000Z", "2036-01-01T00.00.00.000Z"]
        >>> by_age(runs, timestamp="2026-01-01T00.00.00.000Z")
        ['2036-01-01T00.00.00.000Z', '2025-01-01T00.00.00.000Z']
    """
    return sorted(runs, key=lambda run: (run <= timestamp, run))


def far_apart(first_run: str, second_run: str, least: timedelta) -> bool:
    """Return whether two runs began at least `least` apart, in either order."""
    return abs(began(first_run) - began(second_run)) > least


# The entries --------------------------------------------------------------------------------------

Action = Literal["promoted", "rejected", "rolled_back"]


class Inputs(Frozen):
    """SHA-256 of what a candidate is made from; the same inputs give the same candidate.

    Attributes:
        data: Hash of the file, or of the model's rows in it.
        rows: `DataSummary.rows_sha256`, of the rows that count. Default: None, not known, as in
            earlier versions and before the rows are read.
    """

    data: str
    parameters: str
    code: str
    rows: str | None = unless(None)


class Outcome(Stored):
    """What a run decided.

    Attributes:
        time: When the run began, UTC.
        reason: Why, in a sentence without its final period; from `gate` or `rollback`.
        served_before: Run id of the champion until now; None if there was none.
        serves_now: Run id of the champion from now on; None if there is none.
        sha256: Hash of the artifact that serves from now on; None if there is none.
        on_hold: Whether `promotion.hold` let nothing be promoted. Default: no.
        user: The user whose process decided. Default: None, not known, as in earlier versions.
        host: The machine that it ran on, likewise.
    """

    run_id: RunId
    time: str
    action: Action
    reason: str
    served_before: RunId | None
    serves_now: RunId | None
    sha256: str | None
    on_hold: bool = unless(False)
    user: str | None = unless(None)
    host: str | None = unless(None)


class LogEntry(Outcome):
    """A decision in short: its outcome, what was judged and on which rows.

    Attributes:
        inputs: What the judged candidate was made from; None without a candidate, as in a rollback.
        test_rows_sha256: Hash of the test rows that it was judged on; None like `inputs`.
        decision_sha256: Hash of the decision as JSON, independent of white space and of its
            format's number.
        line_before: SHA-256 of the line before it in the log, set by `append`; None in the first
            line.
    """

    inputs: Inputs | None
    test_rows_sha256: str | None
    decision_sha256: str
    line_before: str | None

    @classmethod
    def of(cls, decision: bytes) -> Self:
        """Make the entry of a decision, a `serving.decision.Decision` as JSON."""
        content = from_json(decision)
        judgement = content["judgement"]
        return cls(
            **{name: content[name] for name in Outcome.model_fields if name in content},
            inputs=judgement and judgement["inputs"],
            test_rows_sha256=judgement and judgement["data"]["test_rows_sha256"],
            decision_sha256=sha256(to_json({n: content[n] for n in content if n != "format"})),
            line_before=None,
        )


# What follows from the entries ---------------------------------------------------------------


def changes(log: Sequence[LogEntry]) -> list[LogEntry]:
    """Return the entries that changed the champion."""
    return [entry for entry in log if entry.action != "rejected"]


def champion_of(log: Sequence[LogEntry]) -> str | None:
    """Return the run whose artifact serves; None if there is none."""
    return log[-1].serves_now if log else None


def promoted(log: Sequence[LogEntry]) -> dict[str, LogEntry]:
    """Return, by run id, the entry in which each champion was promoted."""
    return {entry.run_id: entry for entry in log if entry.action == "promoted"}


def standing(log: Sequence[LogEntry]) -> list[str]:
    """Return the standing champions: the serving one, the one it replaced, and so on.

    A champion that a rollback replaced is not among them.
    """
    replaced = {run: entry.served_before for run, entry in promoted(log).items()}
    run, runs = champion_of(log), []
    while run is not None:
        runs.append(run)
        run = replaced.get(run)
    return runs


def distinct_standing(log: Sequence[LogEntry], keep: int) -> list[str]:
    """Return `keep` standing champions, the serving one first.

    The same inputs give the same network: of such champions only the latest is among them.
    """
    promotions, by_inputs = promoted(log), dict[Inputs | str, str]()
    for run in standing(log):
        by_inputs.setdefault(promotions[run].inputs or run, run)
    return [*by_inputs.values()][:keep]


def restorable(log: Sequence[LogEntry], keep: int) -> list[str]:
    """Return the champions to keep, latest first: the last `keep` to serve, and `keep` standing."""
    served = list(dict.fromkeys(entry.serves_now for entry in reversed(changes(log))))
    restorable_runs = {*served[:keep], *distinct_standing(log, keep)}
    return [run for run in served if run is not None and run in restorable_runs]


# The file ------------------------------------------------------------------------------------


def read_log(path: Path) -> list[LogEntry]:
    """Read all entries, oldest first; an empty list if there is no file yet.

    Raises:
        DataError: A line is not a decision, does not hold the hash of the line before it, or
            contradicts the lines before it; the error names the line and what to do. Or the file
            cannot be read.
    """
    return _chained(path, _read_lines(path)).log


def append(path: Path, entry: LogEntry, commit: Callable[[bytes], None] | None = None) -> None:
    """Append an entry: the file is replaced by one with this line, wholly or not at all.

    Args:
        path: The log.
        entry: The entry, without the hash of the line before it.
        commit: If the file is only a copy of the log: a function that takes the line, commits it
            and renews the copy. Default: None, the file is the log.

    Raises:
        DataError: See `read_log`; or the entry does not follow from the log.
        OSError: There is no space or no permission.
    """
    lines = _read_lines(path)
    chain = _chained(path, lines)
    line = entry.model_copy(update={"line_before": chain.line_before}).model_dump_json().encode()
    try:
        chain.add(line)
    except ValueError as error:
        raise DataError(
            f"{path} has changed since run {entry.run_id} began, so its decision no longer follows "
            f"from it: {error}. Nothing was decided. Run it again."
        ) from error
    if commit:
        return commit(line + b"\n")
    replace(path, b"".join(each + b"\n" for each in [*lines, line]))


def _read_lines(path: Path) -> list[bytes]:
    """Return the lines without their line feeds."""
    try:
        return path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(
            f"{path}, the promotion log: {error.strerror}. Give this user the right to read it."
        ) from error


def _chained(path: Path, lines: list[bytes]) -> "_Chain":
    chain = _Chain()
    for number, line in enumerate(lines, 1):
        try:
            chain.add(line)
        except NewerVersionError as error:
            raise DataError(f"{path}, line {number}: {error}.") from error
        except ValueError as error:
            raise DataError(
                f"{path}, line {number}: {error}. The line begins {line[:60]!r}. The log is only "
                "ever appended to, so it was changed or damaged. Restore it from a copy. Or, to "
                "start over, move it away and retrain with promotion.start_over=true."
            ) from error
    return chain


class _Chain:
    """The entries read so far, and what the next one must agree with."""

    def __init__(self) -> None:
        self.log: list[LogEntry] = []
        self.line_before: str | None = None
        self._lines: dict[str, int] = {}
        self._sha256: dict[str | None, str | None] = {None: None}  # of each promoted run

    def add(self, line: bytes) -> None:
        """Read the next line.

        Raises:
            NewerVersionError: A newer version wrote the line.
            ValueError: Says what was expected and what was found.
        """
        try:
            entry = validated(LogEntry.model_validate_json, line)
        except ValidationError as error:
            raise ValueError(
                "expected a decision as a JSON object with "
                f"{', '.join(LogEntry.model_fields)}, got something else ({first_fault(error)})"
            ) from error
        self._check(entry)
        self.log.append(entry)
        self.line_before = sha256(line + b"\n")
        self._lines[entry.run_id] = len(self.log)
        if entry.action == "promoted":
            self._sha256[entry.run_id] = entry.sha256

    def _check(self, entry: LogEntry) -> None:
        """Check an entry against the lines above: who serves, and what was promoted."""
        if entry.run_id in self._lines:
            raise ValueError(
                f"run_id: expected one that is in no line above, got {entry.run_id}, which decided "
                f"in line {self._lines[entry.run_id]}"
            )
        served = champion_of(self.log)
        was_promoted = entry.serves_now is not None and entry.serves_now in self._sha256
        restored = entry.serves_now if was_promoted else "a run that was promoted"
        serves = {"promoted": entry.run_id, "rejected": served, "rolled_back": restored}
        expected = {
            "line_before": self.line_before,
            "served_before": served,
            "serves_now": serves[entry.action],
            "sha256": self._sha256.get(entry.serves_now, entry.sha256 or "that of the artifact"),
        }
        for name, value in expected.items():
            if (got := getattr(entry, name)) != value:
                raise ValueError(
                    f"{name}: expected {value or 'null'}, given action {entry.action} and the "
                    f"lines above, got {got or 'null'}"
                )


# Champion history ---------------------------------------------------------------------------------

# Paths in the folder of an environment's outputs; the other outputs are versions by run id.
LOG = "08_reporting/promotions.jsonl"
CANDIDATES = "06_models/candidate.keras"
DECISIONS = "08_reporting/decision.json"
FINGERPRINTS = "06_models/train_fingerprints.npz"
REFERENCES = "07_model_output/reference.json"
Value = TypeVar("Value")


@dataclass(frozen=True)
class Versions(Mapping[str, Value], Generic[Value]):
    """The versions of an output by run id, `folder/<run id>/<name of the folder>`.

    A version is read on access: KeyError if it is gone, DataError if it cannot be read.
    """

    folder: Path
    read: Callable[[Path], Value]

    def path(self, run: str) -> Path:
        """Return the path of a run's version."""
        return self.folder / run / self.folder.name

    def __getitem__(self, run: str) -> Value:
        """Read a run's version."""
        try:
            return self.read(self.path(run))
        except FileNotFoundError as error:
            raise KeyError(run) from error

    def __iter__(self) -> Iterator[str]:
        """List the runs, oldest first."""
        return (path.parent.name for path in sorted(self.folder.glob(f"*/{self.folder.name}")))

    def __len__(self) -> int:
        """Count the runs."""
        return sum(1 for _ in self)
