"""The record of a decision and what it is based on, and the champions so far.

`judging.gate.outcome` decides, in the node `decide` of `pipelines.promotion`.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tabular_lstm.errors import DataError
from tabular_lstm.exit_codes import DONE, Severity
from tabular_lstm.frozen import Frozen, unless
from tabular_lstm.judging.comparison import StrongerBaseline
from tabular_lstm.judging.gate import (
    ArtifactCheck,
    ChampionCheck,
    ComparedChampion,
    DataCheck,
    DriftCheck,
    FloorCheck,
)
from tabular_lstm.judging.model_metrics import Metrics, metric_text
from tabular_lstm.metrics import METRICS
from tabular_lstm.monitoring.drift import Drift
from tabular_lstm.monitoring.performance import Estimate, promised_by
from tabular_lstm.monitoring.reference import Reference
from tabular_lstm.parameters.columns import ColumnsOptions, Moment, SplitOptions
from tabular_lstm.parameters.runs import RetrainingOptions
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.examples import JudgedOn
from tabular_lstm.rows.fingerprints import Fingerprints
from tabular_lstm.serving.promotion_log import REFERENCES, Inputs, LogEntry, Outcome

if TYPE_CHECKING:
    from tabular_lstm.serving.artifact import Artifact

logger = logging.getLogger(__name__)

Checks = tuple[DataCheck, DriftCheck, FloorCheck, ChampionCheck, ArtifactCheck]


class Provenance(Frozen):
    """What a run depends on, besides its data.

    Attributes:
        run_id: The run.
        time: When it began, UTC.
        outputs: Folder of its outputs, for messages like `run_command`.
        packages: Versions of packages and of Python.
        git_commit: The project's commit, with "+" if files differ from it; None outside a
            repository.
        code_sha256: Hash of this package's files and the packages' versions.
        parameters: All blocks but `notify` and `mlflow`, with defaults.
        parameters_sha256: Hash of what can change a decision: the parameters, and how raw rows are
            read.
        user: The user whose process it is, and `host` the machine. Default: None, not known.
    """

    run_id: str
    time: str
    environment: str
    outputs: str
    run_command: str
    packages: dict[str, str]
    git_commit: str | None
    code_sha256: str
    parameters: dict[str, Any]
    parameters_sha256: str
    user: str | None = None
    host: str | None = None

    def of_decision(self) -> dict[str, Any]:
        """Return the fields that every decision records."""
        return self.model_dump(
            exclude={"outputs", "run_command", "code_sha256", "parameters_sha256"}
        )

    def way_back_to(self, run: str) -> str:
        """Say how a champion that was rolled back may serve again."""
        return (
            f"was rolled back. To let it serve again: {self.run_command} --pipelines rollback "
            f"--params rollback.run_id={run}"
        )

    def inputs(self, data_sha256: str, rows_sha256: str | None = None) -> Inputs:
        """Return what a candidate is made from, including its data and the rows that count."""
        return Inputs(
            data=data_sha256,
            rows=rows_sha256,
            parameters=self.parameters_sha256,
            code=self.code_sha256,
        )


class Looks(Frozen):
    """How often these test rows, or any, were used, including this run: more uses, more luck."""

    these_test_rows: int
    all: int


class Judgement(Frozen):
    """What a candidate was judged by: the gate's checks, and metrics on the same test rows.

    `champions` are the standing champions, the previous champion first. `fingerprints_sha256` is
    the hash of the fingerprints of the candidate's train rows. `best_baseline` has the lowest
    out-of-fold loss; "" in earlier versions. `stronger_baseline` is shown to be better than the
    candidate; None if none is, and in earlier versions. `drift` compares this run's test
    rows with the champion's reference, see `comparable_champions.data_drift`; None if there was no
    champion.
    `judged_on` says which rows of histories judged, see `JudgingRows.definition`.
    `features` and `changes` are fields of earlier versions, kept for their hash.
    """

    checks: Checks
    candidate: Metrics
    candidate_sha256: str
    fingerprints_sha256: str
    champions: list[ComparedChampion]
    baselines: dict[str, Metrics]
    best_baseline: str = unless("")
    data: DataSummary
    inputs: Inputs
    looks: Looks
    features: dict[str, Any] = unless({})
    changes: dict[str, Any] | None = unless(None)
    drift: Drift | None = unless(None)
    judged_on: JudgedOn | None = unless(None)
    stronger_baseline: StrongerBaseline | None = unless(None)

    @property
    def said(self) -> str:
        """State the candidate's metrics, with the serving champion's in brackets if compared.

        Such as: ROC AUC 0.846 (champion 0.840), log loss 0.458 (0.463).
        """
        candidate = self.candidate
        champion = self.champions[0].metrics if self.champions else None
        task = self.data.task
        names = [name for name in task.shown if name in task.compared]
        texts = [
            f"{METRICS[name].words} {metric_text(name, getattr(candidate, name))}" for name in names
        ]
        if champion is not None:
            values = [metric_text(name, getattr(champion, name)) for name in names]
            values[0] = f"champion {values[0]}"
            texts = [f"{text} ({value})" for text, value in zip(texts, values, strict=True)]
        return ", ".join(texts)


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

    @property
    def severity(self) -> Severity:
        """Return how severe it is that a run decided so, without an alarm.

        A rejection needs a person if the data moved or the champion fell.
        """
        if self.judgement is None or self.action != "rejected":
            return "done"
        data, champion_now = self.judgement.checks[:2]
        return "done" if data.passed and champion_now.passed else "untrusted data"

    def exit_code(self, retraining: RetrainingOptions) -> int:
        """Return the exit code of a run that decided so, without that of an alarm."""
        if self.judgement is None or self.action != "rejected":
            return DONE
        code = DONE if self.judgement.checks[0].passed else retraining.exit_on_untrusted_data
        return code or retraining.exit_on_rejection

    def closing_line(self, report: str) -> str:
        """Say what was decided, for the last line of a run's log, and which baseline is better.

        Args:
            report: Path of the report.
        """
        champion = self.serves_now
        stays = (
            f"Run {champion} is still the champion" if champion else "There is still no champion"
        )
        sentences = {
            "promoted": f"Promoted run {self.run_id}: {self.judgement and self.judgement.said}.",
            "rejected": f"Rejected run {self.run_id}: {self.reason}. {stays}.",
            "rolled_back": f"Rolled back to {self.reason}.",
        }
        lead = self.judgement.stronger_baseline if self.judgement else None
        return f"{sentences[self.action]}{f' {lead.sentence}.' if lead else ''} Report: {report}"

    def log_entry(self) -> LogEntry:
        """Return the line of the promotion log that records it."""
        return LogEntry.of(self.model_dump_json().encode())

    def fingerprint(self) -> str:
        """Return the hash by which the promotion log names it."""
        return self.log_entry().decision_sha256


def looks(log: Sequence[LogEntry], test_rows_sha256: str) -> Looks:
    """Count how often test rows were used in judgements, including the current one."""
    rows = [entry.test_rows_sha256 for entry in log if entry.inputs]
    return Looks(these_test_rows=1 + rows.count(test_rows_sha256), all=1 + len(rows))


# The champions ------------------------------------------------------------------------------------

# Splits that share a boundary have these in common.
DECIDING = ("kind", "time", "test_fraction")


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
        return promised_by(judgement.candidate, judgement.data.task) if judgement else {}

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

    def boundary(self, columns: ColumnsOptions, split: SplitOptions) -> Moment | None:
        """Find the boundary that a split by time must keep.

        It is the boundary of the newest decision with the same time column and `test_fraction`;
        None if there is no such decision, or if the split is not by time.

        Raises:
            DataError: A decision that may have had a newer boundary is unreadable, so rows might
                change sides.
        """
        if split.kind != "time":
            return None
        present = (split.kind, columns.time, split.test_fraction)
        for entry in reversed(self.log):
            try:
                judgement = self._decision(entry).judgement
            except (KeyError, DataError) as error:
                if split.from_ is not None:
                    continue
                raise DataError(
                    f"decision.json of run {entry.run_id} cannot be used "
                    f"({error if isinstance(error, DataError) else 'it is gone'}), but may hold "
                    "the boundary that rows were split at. Name it in split.from; otherwise rows "
                    "would change sides."
                ) from error
            data = judgement.data if judgement else None
            if data and tuple(data.split.get(name) for name in DECIDING) == present:
                return data.boundary
        return None

    def _decision(self, entry: LogEntry) -> Decision:
        decision = self.decisions[entry.run_id]
        if decision.fingerprint() != entry.decision_sha256:
            raise DataError("its decision.json is not the one that the promotion log names")
        return decision
