"""The store: reads and repairs the champion's file, and checks it against the promotion log.

The promotion log is what counts; `champion.keras` follows from it, as a copy of the candidate that
the log names.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

from tabular_lstm.errors import DataError
from tabular_lstm.files import replace, sha256
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.log_file import read_log
from tabular_lstm.serving.promotion_log import LogEntry, changes, promoted, standing

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Store:
    """Where the champion, the candidates by run id, and the promotion log are kept.

    `run_command` says how to run in this environment, for messages.
    """

    champion_file: Path
    candidates: Path
    log_file: Path
    run_command: str = "kedro run"

    @classmethod
    def of_champion(cls, path: Path) -> "Store | None":
        """Find the store of a champion's file where the catalog of this project puts it.

        Returns:
            None where the file is not `06_models/champion.keras`, such as a copy elsewhere.
        """
        # A link to the champion is the champion, and so is a champion that is a link.
        for file in (path.parent.resolve() / path.name, path.resolve()):
            if file.parts[-2:] == ("06_models", "champion.keras"):
                outputs = file.parents[1]
                log = outputs / "08_reporting/promotions.jsonl"
                env = "" if outputs.name == "data" else f" --env {outputs.name}"
                return cls(file, file.with_name("candidate.keras"), log, f"kedro run{env}")
        return None

    def champion(self) -> Artifact:
        """Read the champion, checked against the hash in the promotion log.

        Where a run was stopped between the log's entry and the file, the artifact that the entry
        names is read from among the candidates.

        Raises:
            DataError: There is none yet, or the file is not what was promoted; says how to put it
                back.
        """
        while True:
            log, content = self._changes(), self._content()
            if log:
                if content is not None and sha256(content) == log[-1].sha256:
                    return Artifact(content, str(self.champion_file))
                before = log[-2].sha256 if len(log) > 1 else None
                stopped = content is None or sha256(content) == before
                if stopped and (kept := self._kept(log[-1])):
                    return kept
            # A run may have changed the champion between the look at the log and that at the file.
            if self._changes() == log:
                raise DataError(self._refusal(log, content))

    def put(self, artifact: Artifact) -> None:
        """Replace the champion's file at once."""
        replace(self.champion_file, artifact.content)

    def settle(self) -> None:
        """Finish a change that a run was stopped in, and keep both copies.

        Raises:
            DataError: See `champion`.
        """
        artifact = self.champion()
        if artifact.content != self._content():
            logger.warning(
                "%s was not there, or still the one before: put back as the promotion log has it",
                self.champion_file,
            )
            self.put(artifact)
        named = self._changes()[-1]
        if not self._kept(named):
            replace(self._copy(named), artifact.content)

    def exists(self) -> bool:
        """Tell whether there is, or should be, a champion."""
        return bool(self._changes()) or self.champion_file.exists()

    def _refusal(self, log: list[LogEntry], content: bytes | None) -> str:
        """Say why the file is not loaded, and how to mend that."""
        retraining = f"{self.run_command} --pipelines retraining"
        rollback = f"{self.run_command} --pipelines rollback"
        file = self.champion_file
        if not log and content is None:
            return f"{file}: no champion yet. {retraining} trains, judges and promotes one."
        if not log:
            return (
                f"{file} is there, but the promotion log, {self.log_file}, names no champion. "
                f"Put back a copy of the log; or, to start anew, move {file.name} away."
            )
        named, known = log[-1], promoted(log)
        found = "is not there" if content is None else f"has SHA-256 {sha256(content)}"
        run, ways = named.serves_now, ""
        if self._kept(named):
            again = f"{rollback} --params rollback.run_id={run}"
            ways += f" To put the artifact of run {run} back: {again}."
        if any(before in known and self._kept(known[before]) for before in standing(log)[1:2]):
            ways += f" To restore the champion before it: {rollback}."
        if not ways:
            ways = (
                " Its copy among the candidates is lost too. To promote a new one, judged without "
                f"it: {retraining} --params promotion.start_over=true."
            )
        return (
            f"{file} {found}; expected {named.sha256} of run {run}, which the promotion log names. "
            f"It was not loaded.{ways}"
        )

    def _changes(self) -> list[LogEntry]:
        return changes(read_log(self.log_file))

    def _content(self) -> bytes | None:
        try:
            return self.champion_file.read_bytes()
        except FileNotFoundError:
            return None

    def _copy(self, entry: LogEntry) -> Path:
        return self.candidates / str(entry.serves_now) / self.candidates.name

    def _kept(self, entry: LogEntry) -> Artifact | None:
        """Read an entry's artifact among the candidates; None if it is gone or another one."""
        file = self._copy(entry)
        kept = Artifact(file.read_bytes(), str(file)) if file.exists() else None
        return kept if kept and kept.sha256 == entry.sha256 else None
