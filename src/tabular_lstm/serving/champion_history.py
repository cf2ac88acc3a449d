"""The history of champions: the promotion log and, by run id, the outputs of their runs."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from tabular_lstm.errors import DataError
from tabular_lstm.frozen import from_json
from tabular_lstm.monitoring.expected import Estimate, promised_by
from tabular_lstm.monitoring.reference import Reference
from tabular_lstm.parameters import Columns, Moment, Split
from tabular_lstm.rows.fingerprints import Fingerprints
from tabular_lstm.serving.decision import Decision, Judgement
from tabular_lstm.serving.promotion_log import LogEntry, read_log

if TYPE_CHECKING:
    from tabular_lstm.serving.artifact import Artifact

# Paths in the folder of an environment's outputs; the other outputs are versions by run id.
LOG = "08_reporting/promotions.jsonl"
CANDIDATES = "06_models/candidate.keras"
DECISIONS = "08_reporting/decision.json"
FINGERPRINTS = "06_models/train_fingerprints.npz"
REFERENCES = "07_model_output/reference.json"
# Splits that share a boundary have these in common.
DECIDING = ("kind", "time", "test_fraction")
Value = TypeVar("Value")
logger = logging.getLogger(__name__)


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


def read_decision(path: Path) -> Decision:
    """Read a decision; see `from_json` for the errors."""
    return from_json(Decision, path.read_bytes, f"{path}: expected a Decision as JSON")


def read_checked_log(outputs: Path) -> list[LogEntry]:
    """Read the promotion log, and compare its last line with the decision of that run.

    No later line holds the hash of the last one. A decision that is gone or damaged is no fault.

    Raises:
        DataError: See `read_log`; or the line is not that of the decision.
    """
    log, decisions = read_log(outputs / LOG), Versions(outputs / DECISIONS, read_decision)
    try:
        decided = LogEntry.of(decisions[log[-1].run_id])
    except (IndexError, KeyError, DataError):
        return log
    for name, expected in decided:
        if name != "line_before" and (got := getattr(log[-1], name)) != expected:
            raise DataError(
                f"{outputs / LOG}, line {len(log)}: {name}: expected {expected or 'null'}, by "
                f"{decisions.path(decided.run_id)}, got {got or 'null'}. One of the two files was "
                "changed or damaged. Put back a copy of it. Or, to start anew, move the log away "
                "and retrain with promotion.start_over=true."
            )
    return log


@dataclass(frozen=True)
class Champions:
    """The promotion log, oldest entry first, and the outputs of each run by run id."""

    log: Sequence[LogEntry] = ()
    artifacts: Mapping[str, "Artifact"] = field(default_factory=dict)
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    fingerprints: Mapping[str, Fingerprints] = field(default_factory=dict)
    references: Mapping[str, Reference] = field(default_factory=dict)

    def judgement(self, run: str) -> Judgement | None:
        """Return how a champion was judged at its promotion; None if its decision is gone."""
        try:
            return self._decision({entry.run_id: entry for entry in self.log}[run]).judgement
        except KeyError:
            return None
        except DataError as error:
            logger.warning("What run %s promised is not known: %s", run, error)
            return None

    def promised(self, run: str) -> dict[str, Estimate]:
        """Return a champion's metrics at promotion; empty if its decision is gone."""
        judgement = self.judgement(run)
        return promised_by(judgement.candidate) if judgement else {}

    def reference_of(self, champion: "Artifact") -> Reference:
        """Read the champion's reference, with which scored rows and later test rows are compared.

        Raises:
            DataError: The reference is missing, as for a champion of an earlier version, or cannot
                be read, or belongs to another candidate.
        """
        run = str(champion.run_id)
        expected = f"{REFERENCES} of run {run}: expected the champion's reference, got"
        try:
            reference = self.references[run]
        except KeyError as error:
            raise DataError(f"{expected} no file") from error
        if reference.candidate_sha256 != champion.sha256:
            raise DataError(f"{expected} that of another candidate")
        return reference

    def boundary(self, columns: Columns, split: Split) -> Moment | None:
        """Find the boundary that a split by time must keep.

        It is the boundary of the newest kept decision with the same time column and
        `test_fraction`; None if there is no such decision, or if the split is not by time.

        Raises:
            DataError: No boundary is found, but a decision that may have had one is unreadable, so
                rows might change sides.
        """
        if split.kind != "time":
            return None
        present, unknown = (split.kind, columns.time, split.test_fraction), []
        for entry in reversed(self.log):
            try:
                judgement = self._decision(entry).judgement
            except (KeyError, DataError):
                unknown.append(entry.run_id)
                continue
            data = judgement.data if judgement else None
            if data and tuple(data.split.get(name) for name in DECIDING) == present:
                return data.boundary
        if unknown and split.from_ is None:
            raise DataError(
                f"decision.json of run {', '.join(unknown)} is gone, damaged or edited, and may "
                "have the boundary that rows were split at. Name it in split.from; otherwise rows "
                "would change sides."
            )
        return None

    def _decision(self, entry: LogEntry) -> Decision:
        decision = self.decisions[entry.run_id]
        if decision.fingerprint() != entry.decision_sha256:
            raise DataError("its decision.json is not the one that the promotion log names")
        return decision
