"""The promotion log, and what it and its runs say of the champions, in the catalog."""

import os
from functools import partial
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from tabular_lstm.datasets.candidate import read_fingerprints
from tabular_lstm.datasets.kedro_private import JSONPreview
from tabular_lstm.datasets.typed_json import preview
from tabular_lstm.errors import DataError
from tabular_lstm.files import read_regular
from tabular_lstm.frozen import from_json
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.champion import read_champion
from tabular_lstm.serving.champions import Champions, Versions
from tabular_lstm.serving.decision import Decision
from tabular_lstm.serving.promotion_log import LogEntry, append, read_log


class _ReadOnlyDataset(AbstractDataset[None, Any]):
    """What follows from the promotion log and the candidates.

    Entries of paths are below a `filepath` of their own, which Kedro makes absolute.
    """

    def __init__(
        self, filepath: str, candidates: dict[str, str], metadata: dict[str, Any] | None = None
    ) -> None:
        self._log, self._candidates = Path(filepath), Path(candidates["filepath"])
        self.metadata = metadata

    def save(self, data: None) -> None:
        """Refuse: nothing but the promotion log says who serves."""
        raise DataError(f"{self._log}: only the entry promotions adds to the log.")

    def _exists(self) -> bool:
        return self._log.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._log, "candidates": self._candidates}


class PromotionLogDataset(AbstractDataset[LogEntry, list[LogEntry]]):
    """The promotion log: `load` gives all entries, `save` appends one."""

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> list[LogEntry]:
        """Read all entries, oldest first; none where there is no file yet."""
        return read_log(self._filepath)

    def save(self, data: LogEntry) -> None:
        """Append an entry, once all that it rests on has reached the disk."""
        os.sync()
        append(self._filepath, data)

    def preview(self) -> JSONPreview:
        """Show the newest entries, newest first."""
        return preview([entry.model_dump(mode="json") for entry in self.load()[::-1]])

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}


class ChampionsDataset(_ReadOnlyDataset):
    """All that is left of the champions.

    Args:
        filepath: The promotion log.
        candidates: The `filepath` of the candidates' versions.
        decisions: Likewise, of the decisions'.
        fingerprints: Likewise, of the fingerprints'.
    """

    def __init__(
        self, *, decisions: dict[str, str], fingerprints: dict[str, str], **arguments: Any
    ) -> None:
        super().__init__(**arguments)
        self._decisions = Path(decisions["filepath"])
        self._fingerprints = Path(fingerprints["filepath"])

    def load(self) -> Champions:
        """Read the log; the rest is read when it is asked for."""
        return Champions(
            log=read_log(self._log),
            artifacts=Versions(self._candidates, Artifact.read),
            decisions=Versions(self._decisions, _read_decision),
            fingerprints=Versions(self._fingerprints, read_fingerprints),
        )


def _read_decision(path: Path) -> Decision:
    return from_json(Decision, partial(read_regular, path), f"{path}: expected a Decision as JSON")


class ChampionDataset(_ReadOnlyDataset):
    """The artifact that serves, checked against the promotion log on each load.

    Args:
        run_command: How to run in this environment, for messages.
        arguments: The promotion log and the candidates, see `ChampionsDataset`.
    """

    def __init__(self, *, run_command: str = "kedro run", **arguments: Any) -> None:
        super().__init__(**arguments)
        self._run_command = run_command
        self._pinned: Artifact | None = None

    def load(self) -> Artifact:
        """Read the champion, see `read_champion`, unless it is pinned."""
        return self._pinned or read_champion(self._log, self._candidates, self._run_command)

    def pin(self) -> Artifact:
        """Read the champion for the whole run: a promotion meanwhile changes nothing in it."""
        self._pinned = self.load()
        return self._pinned

    def preview(self) -> JSONPreview:
        """Name the run that trained it, and its file."""
        champion = self.load()
        return preview(
            {"run_id": champion.run_id, "file": champion.file, "sha256": champion.sha256}
        )
