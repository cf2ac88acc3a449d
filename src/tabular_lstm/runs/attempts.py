"""Attempts: which runs began and, once they ended, how.

Each retraining, scoring, monitoring and rollback leaves a version of a file of its own, such as
`08_reporting/scoring_attempt.json/<run id>/scoring_attempt.json`. The run writes it when it
begins, holds a lock on it while it is at work, and replaces it when it ends. So a killed run is one
that began, did not end and holds no lock.
"""

import contextlib
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from socket import gethostname
from typing import Literal

from kedro.io.core import generate_timestamp
from pydantic import Field, NonNegativeInt

from tabular_lstm import __version__
from tabular_lstm.errors import DataError, NoChampionError, NotEnoughRowsError
from tabular_lstm.exit_codes import FAILED, Severity
from tabular_lstm.files import opened, replace, writing
from tabular_lstm.frozen import Stored, from_json
from tabular_lstm.parameters.runs import Event
from tabular_lstm.runs.kept_outputs import KeptOutputs
from tabular_lstm.runs.lock import lock_file
from tabular_lstm.serving.promotion_log import (
    LOG,
    RunId,
    Versions,
    by_age,
    far_apart,
    promoted,
    read_log,
)

ENDS = {"promotions", "predictions@plan", "health"}  # each whole run produces one of these
TRACED = ("retraining", "scoring", "monitoring", "rollback")  # the pipelines
KILLED = {
    **{"outcome": "failed", "severity": "failed", "exit_code": FAILED},
    "message": "The run began but did not end: it was killed, its machine stopped, or it failed in "
    "a notebook.",
}
KEPT = 50  # of each pipeline, so that hourly scorings do not displace the retrainings


class Attempt(Stored):
    """How a run began and, once it ended, how it ended.

    Attributes:
        pipeline: One of `TRACED`; "" for a run of other pipelines, which leaves no file.
        version: The version of this package, and `host` the machine.
        outcome: The event of the run's end; or `measured`, a monitoring without an alarm; `locked`;
            `waiting`; `done`, a run of another pipeline. None until the run ends.
        severity, exit_code: See `exit_codes`. None until the run ends.
        message: The last sentence of the log, or the error.
        alarm: What the alarm says. Default: None, there is none.
        seconds: How long the run took.
        rows: How many rows it read: for a retraining, all rows of the table; for a scoring, the
            rows to score; for a monitoring, the scored rows with a label. None if not counted.
    """

    run_id: RunId
    pipeline: str
    version: str = __version__
    host: str = Field(default_factory=gethostname)
    outcome: Event | Literal["measured", "locked", "waiting", "done"] | None = None
    severity: Severity | None = None
    exit_code: int | None = None
    message: str = ""
    alarm: str | None = None
    seconds: float | None = None
    rows: NonNegativeInt | None = None


def attempts_of(outputs: Path, pipeline: str) -> Versions[Attempt]:
    """Return the attempts of a pipeline by run id, in the folder of an environment's outputs."""
    return Versions(outputs / f"08_reporting/{pipeline}_attempt.json", partial(from_json, Attempt))


@contextlib.contextmanager
def at_work(outputs: Path, attempt: Attempt, kept: KeptOutputs | None) -> Iterator[None]:
    """Record that a run began, delete its pipeline's oldest attempts, and hold the file's lock.

    Raises:
        DataError: The file cannot be written, here or in object storage.
    """
    versions = attempts_of(outputs, attempt.pipeline)

    def old(runs: Iterable[str]) -> list[str]:
        return by_age(runs, attempt.run_id)[:-KEPT]

    save(outputs, attempt, kept)
    for run in old({*versions}):
        shutil.rmtree(versions.folder / run, ignore_errors=True)
    if kept:
        kept.delete_versions([versions.folder], old)
    with opened(versions.path(attempt.run_id)) as descriptor:
        with contextlib.suppress(OSError):  # some shared disks have no locks
            lock_file(descriptor)
        yield


def save(outputs: Path, attempt: Attempt, kept: KeptOutputs | None) -> None:
    """Write an attempt, here and to object storage.

    Raises:
        DataError: The file cannot be written.
    """
    path = attempts_of(outputs, attempt.pipeline).path(attempt.run_id)
    with writing(path):
        replace(path, attempt.model_dump_json(indent=2).encode() + b"\n")
    if kept:
        kept.put(path)


def pipeline_of(names: Sequence[str] | None, outputs: Collection[str] = ENDS) -> str:
    """Return the first of these pipelines that is in `TRACED`; "" if none is, or only a part runs.

    `outputs` are what the run produces. Default: not known, so the pipeline counts as whole.
    """
    known = () if ENDS.isdisjoint(outputs) else TRACED
    return next((name for name in names or [] if name in known), "")


def why_waiting(
    outputs: Path, pipeline: str, fault: BaseException, kept: KeptOutputs | None
) -> str | None:
    """Say why a run failed if its model waits for its first champion; None if it does not.

    A retraining has too few labelled rows, or rows of one class; a scoring or a monitoring comes
    after such a retraining, or after one whose candidate was rejected.
    """
    with contextlib.suppress(DataError):
        if isinstance(fault, NotEnoughRowsError):
            return None if promoted(read_log(outputs / LOG)) else f"Error: {fault}"
        if isinstance(fault, NoChampionError):
            if kept:
                pull(outputs, "retraining", kept)
            for last in read_attempts(outputs, "retraining")[-1:]:
                if last.severity in {"waiting", "done"}:
                    done = "scored" if pipeline == "scoring" else "measured"
                    return f"Not {done}: no champion yet. {last.message}"
    return None


def read_attempts(outputs: Path, pipeline: str) -> list[Attempt]:
    """Read the attempts of a pipeline that have ended, the newest last; a killed one has failed.

    Attempts that a lock refused are left out.

    Raises:
        DataError: A file is damaged.
    """
    versions = attempts_of(outputs, pipeline)
    return [
        attempt if attempt.outcome else attempt.model_copy(update=KILLED)
        for attempt in (versions[run] for run in by_age(versions, generate_timestamp()))
        if attempt.outcome != "locked"
        and (attempt.outcome or not _is_at_work(versions.path(attempt.run_id), attempt))
    ]


def pull(outputs: Path, pipeline: str, kept: KeptOutputs) -> None:
    """Copy a pipeline's attempts here from object storage, unless they are here and have ended."""
    kept.renew(
        attempts_of(outputs, pipeline).folder,
        lambda path: b'"outcome": null' not in path.read_bytes(),
    )


def _is_at_work(path: Path, attempt: Attempt) -> bool:
    """Return whether a run holds the lock of its attempt or, on another machine, may hold it.

    Object storage has no locks: a run of the last day may still be at work elsewhere.
    """
    try:
        with opened(path) as descriptor:
            lock_file(descriptor, shared=True)
    except BlockingIOError:
        return True
    except OSError:
        pass
    is_of_today = not far_apart(attempt.run_id, generate_timestamp(), timedelta(days=1))
    return is_of_today and attempt.host != gethostname()
