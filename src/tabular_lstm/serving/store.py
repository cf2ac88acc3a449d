"""The store: reads and repairs the champion's file, and checks it against the promotion log.

The promotion log is what counts; `champion.keras` follows from it, as a copy of the candidate that
the log names.
"""

import dataclasses
import logging
import os
import shlex
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
    def of_outputs(cls, outputs: Path, run_command: str) -> "Store":
        """Find the store in a folder of outputs, where the catalog of this project puts it."""
        file = outputs / "06_models/champion.keras"
        return cls(file, file.with_name("candidate.keras"), _log_of(file), run_command)

    @classmethod
    def of_champion(cls, path: Path) -> "Store | None":
        """Find the store of a champion's file where the catalog of this project puts it.

        Returns:
            None where the file is not `06_models/champion.keras`, such as a copy elsewhere.
        """
        # Any folder on the way may be a link, and so may the file: the log says which way is meant.
        ways = (path.absolute(), path.parent.resolve() / path.name, path.resolve())
        files = [way for way in ways if way.parts[-2:] == ("06_models", "champion.keras")]
        if not files:
            return None
        file = next((way for way in files if os.path.lexists(_log_of(way))), files[0])
        return cls.of_outputs(file.parents[1], f"kedro run{_env_of(files[0])}")

    def champion(self) -> Artifact:
        """Read the champion, checked against the hash in the promotion log.

        Where a run was stopped between the log's entry and the file, the artifact that the entry
        names is read from among the candidates.

        Raises:
            DataError: There is none yet, the file is not what was promoted, or it cannot be read;
                says how to put it back.
        """
        while True:
            log, content = self._changes(), self._content()
            if log:
                if content is not None and sha256(content) == log[-1].sha256:
                    return Artifact(content, str(self.champion_file), log[-1].serves_now)
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
        """Finish a change that a run was stopped in, and keep both copies where that can be done.

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
            copy = self._copy(named)
            try:
                copy.unlink(missing_ok=True)  # who may not read it takes nothing over from it
                replace(copy, artifact.content)
            except OSError as error:
                logger.warning(
                    "%s: expected the second copy of the champion, and could not write it: %s. "
                    "The champion itself is whole. Move away what is there: the next run that "
                    "decides writes the copy",
                    copy,
                    error.strerror,
                )

    def exists(self) -> bool:
        """Tell whether there is, or should be, a champion."""
        return bool(self._changes()) or self.champion_file.exists()

    def _refusal(self, log: list[LogEntry], content: bytes | None) -> str:
        """Say why the file is not loaded, and how to mend that."""
        retraining = f"{self.run_command} --pipelines retraining"
        rollback = f"{self.run_command} --pipelines rollback"
        file = self.champion_file
        if not log and content is None:
            return f"{file}: no champion yet. {self._way_to_first(retraining)}"
        if not log:
            return (
                f"{file} is there, but the promotion log, {self.log_file}, names no champion. "
                "Put back a copy of the log. Where 06_models alone was copied here, copy "
                "08_reporting/promotions.jsonl beside it too, or load the file from a folder of "
                f"another name, unchecked. To start anew, move {file.name} away."
            )
        named, known = log[-1], promoted(log)
        found = "is not there" if content is None else f"has SHA-256 {sha256(content)}"
        run, ways = named.serves_now, ""
        again = f"{rollback} --params rollback.run_id={run}."
        if self._kept(named):
            ways += f" To put the artifact of run {run} back: {again}"
        elif self._hidden(named):
            copy = self._copy(named)
            ways += f" Its copy, {copy}, may not be read by this user. As one who may: {again}"
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

    def _way_to_first(self, retraining: str) -> str:
        """Say how to get a champion; where a candidate was rejected, why."""
        if not (log := read_log(self.log_file)):
            return f"{retraining} trains and judges a candidate, and promotes it if it passes."
        run = log[-1].run_id
        report = self.log_file.with_name("report.html") / run / "report.html"
        more = f" Its report: {report}." if report.exists() else ""
        return (
            f"The last candidate, of run {run}, was rejected: {log[-1].reason}.{more} Mend that "
            f"first; {retraining} judges another one."
        )

    def _changes(self) -> list[LogEntry]:
        return changes(read_log(self.log_file))

    def _content(self) -> bytes | None:
        try:
            return Artifact.read(self.champion_file).content
        except FileNotFoundError:
            return None
        except DataError as error:
            if isinstance(error.__cause__, PermissionError):
                raise
            raise DataError(
                f"{error} Move what is there away: a run that decides then puts back the champion "
                "that the promotion log names, or says what to do."
            ) from error

    def _copy(self, entry: LogEntry) -> Path:
        return self.candidates / str(entry.serves_now) / self.candidates.name

    def _kept(self, entry: LogEntry) -> Artifact | None:
        """Read an entry's artifact among the candidates; None if it is gone or another one.

        None too if it cannot be read.
        """
        try:
            kept = Artifact.read(self._copy(entry))
        except (FileNotFoundError, DataError):
            return None
        named = dataclasses.replace(kept, run_id=entry.serves_now)
        return named if named.sha256 == entry.sha256 else None

    def _hidden(self, entry: LogEntry) -> bool:
        """Tell whether an entry's artifact is among the candidates, but not for this user."""
        try:
            Artifact.read(self._copy(entry))
        except (FileNotFoundError, DataError) as error:
            return isinstance(error.__cause__, PermissionError)
        return False


def _log_of(champion_file: Path) -> Path:
    return champion_file.parents[1] / "08_reporting/promotions.jsonl"


def _env_of(champion_file: Path) -> str:
    """Give the option of the environment whose outputs are in `data/<name>/`, for a command."""
    outputs = champion_file.parents[1]
    if outputs.name == "data" or outputs.parent.name != "data":
        return ""
    return f" --env {shlex.quote(outputs.name)}"
