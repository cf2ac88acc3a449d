"""A run's id, its decision (promoted, rejected, rolled back), and what the decision is based on."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from tabular_lstm.files import sha256
from tabular_lstm.frozen import Frozen, Stored, unless
from tabular_lstm.judging.gate import (
    ArtifactCheck,
    Champion,
    ChampionCheck,
    DataCheck,
    DriftCheck,
    FloorCheck,
)
from tabular_lstm.judging.metrics import COMPARED, METRICS, Metrics, written
from tabular_lstm.monitoring.drift import Drift
from tabular_lstm.rows.data_summary import DataSummary

# Run id -------------------------------------------------------------------------------------------

FORMAT = "%Y-%m-%dT%H.%M.%S.%fZ"


def is_run_id(name: str) -> bool:
    """Return whether the name of a folder is a run id.

    Examples:
        >>> is_run_id("2026-11-26T03.45.48.123Z"), is_run_id("../champion")
        (True, False)
    """
    return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{3}Z", name, re.ASCII) is not None


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


def _check_run_id(name: str) -> str:
    if not is_run_id(name):
        raise ValueError(f"expected a run id such as 2026-11-26T03.45.48.123Z, got {name[:60]!r}")
    return name


RunId = Annotated[str, AfterValidator(_check_run_id)]


# Decision -----------------------------------------------------------------------------------------

Checks = tuple[DataCheck, DriftCheck, FloorCheck, ChampionCheck, ArtifactCheck]
Action = Literal["promoted", "rejected", "rolled_back"]


class Provenance(Frozen):
    """What a run depends on, besides its data.

    Attributes:
        time: When the run began, UTC.
        outputs: Folder of its outputs, for messages like `run_command`.
        packages: Versions of packages and of Python.
        git_commit: The project's commit, with "+" if files differ from it; None outside a
            repository.
        code_sha256: Hash of this package's files and the packages' versions.
        parameters: All blocks but `notify` and `mlflow`, with defaults.
        parameters_sha256: Hash of what can change a decision: the parameters, and how raw rows are
            read.
    """

    time: str
    environment: str
    outputs: str
    run_command: str
    packages: dict[str, str]
    git_commit: str | None
    code_sha256: str
    parameters: dict[str, Any]
    parameters_sha256: str

    def of_decision(self) -> dict[str, Any]:
        """Return the fields that every decision records."""
        names = {"time", "environment", "parameters", "packages", "git_commit"}
        return self.model_dump(include=names)

    def inputs(self, data_sha256: str) -> "Inputs":
        """Return what a candidate is made from, including its data."""
        return Inputs(data=data_sha256, parameters=self.parameters_sha256, code=self.code_sha256)


class Inputs(Frozen):
    """SHA-256 of what a candidate is made from; the same inputs give the same candidate."""

    data: str
    parameters: str
    code: str


class Looks(Frozen):
    """How often these, or any, test rows were used, with this run; more uses make luck likelier."""

    these_test_rows: int
    all: int


class Judgement(Frozen):
    """What a candidate was judged by: the gate's checks, and metrics on the same test rows.

    `champions` are the standing champions, the previous champion first. `fingerprints_sha256` is
    the hash of the fingerprints of the candidate's train rows. `drift` compares this run's test
    rows with the champion's reference, see `serving.data_drift`; None if there was no champion.
    `features` and `changes` are fields of earlier versions, kept for their hash.
    """

    checks: Checks
    candidate: Metrics
    candidate_sha256: str
    fingerprints_sha256: str
    champions: list[Champion]
    baselines: dict[str, Metrics]
    data: DataSummary
    inputs: Inputs
    looks: Looks
    features: dict[str, Any] = unless({})
    changes: dict[str, Any] | None = unless(None)
    drift: Drift | None = unless(None)

    @property
    def said(self) -> str:
        """Say the candidate's metrics, with the champion's in brackets if they were compared."""
        candidate = self.candidate
        champion = self.champions[0].metrics if self.champions else None
        names = [name for name in COMPARED if hasattr(candidate, name)]
        texts = [f"{METRICS[name]} {written(name, getattr(candidate, name))}" for name in names]
        if champion is not None:
            values = [written(name, getattr(champion, name)) for name in names]
            values[0] = f"champion {values[0]}"
            texts = [f"{text} ({value})" for text, value in zip(texts, values, strict=True)]
        return ", ".join(texts)


class Outcome(Stored):
    """What a run decided.

    Attributes:
        time: When the run began, UTC.
        reason: Why, in a sentence without its final period; from `gate` or `rollback`.
        served_before: Run id of the champion until now; None if there was none.
        serves_now: Run id of the champion from now on; None if there is none.
        sha256: Hash of the artifact that serves from now on; None if there is none.
    """

    run_id: RunId
    time: str
    action: Action
    reason: str
    served_before: RunId | None
    serves_now: RunId | None
    sha256: str | None


class Decision(Outcome):
    """What a run decided, and what the decision is based on; a rollback judges no candidate."""

    judgement: Judgement | None
    environment: str
    parameters: dict[str, Any]
    packages: dict[str, str]
    git_commit: str | None

    @property
    def alarm(self) -> str | None:
        """Return the drift's alarm; None if there is none."""
        drift = self.judgement and self.judgement.drift
        return drift.alarm if drift else None

    def closing_line(self, report: str) -> str:
        """Say what was decided, for the last line of a run's log.

        Args:
            report: Path of the report.
        """
        sentences = {
            "promoted": f"Promoted run {self.run_id}: {self.judgement and self.judgement.said}.",
            "rejected": f"Rejected run {self.run_id}: {self.reason}. {self._stays}",
            "rolled_back": f"Rolled back to {self.reason}.",
        }
        return f"{sentences[self.action]} Report: {report}"

    @property
    def _stays(self) -> str:
        run = self.serves_now
        return f"The champion stays run {run}." if run else "There is still no champion."

    def fingerprint(self) -> str:
        """Hash the content, independent of the file's layout and of the number of its format."""
        as_read = self.model_validate_json(self.model_dump_json())
        return sha256(as_read.model_dump_json(exclude={"format"}).encode())
