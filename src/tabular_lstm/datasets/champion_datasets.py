"""The catalog's entries for the promotion log, the champions' files, and the serving champion."""

import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from tabular_lstm.datasets.candidate import read_fingerprints
from tabular_lstm.datasets.kedro_private import JSONPreview
from tabular_lstm.datasets.read_only import ReadOnlyDataset
from tabular_lstm.datasets.typed_json import preview
from tabular_lstm.frozen import from_json
from tabular_lstm.monitoring.reference import Reference
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.champion import read_champion
from tabular_lstm.serving.decision import Champions, Decision
from tabular_lstm.serving.promotion_log import (
    CANDIDATES,
    DECISIONS,
    FINGERPRINTS,
    LOG,
    REFERENCES,
    LogEntry,
    Versions,
    append,
    read_log,
)

logger = logging.getLogger(__name__)


class ChampionsDataset(AbstractDataset[LogEntry, Champions]):
    """All files of the champions; `save` appends an entry to the promotion log.

    Args:
        path: The folder of the environment's outputs, with the subfolders named in this project's
            catalog.

    Attributes:
        commit: Writes an entry to object storage, if the log is kept there: see
            `promotion_log.append`. Default: none.
    """

    commit: Callable[[bytes], None] | None = None

    def __init__(self, path: str, metadata: dict[str, Any] | None = None) -> None:
        self._outputs = Path(path)
        self.metadata = metadata

    def load(self) -> Champions:
        """Read the log; other files are read when needed."""
        return Champions(
            log=read_log(self._outputs / LOG),
            artifacts=Versions(self._outputs / CANDIDATES, Artifact.read),
            decisions=Versions(self._outputs / DECISIONS, partial(from_json, Decision)),
            fingerprints=Versions(self._outputs / FINGERPRINTS, read_fingerprints),
            references=Versions(self._outputs / REFERENCES, partial(from_json, Reference)),
        )

    def save(self, data: LogEntry) -> None:
        """Append an entry, after flushing to disk all files, which the entry depends on."""
        os.sync()
        append(self._outputs / LOG, data, self.commit)
        if data.action != "rejected":
            file = Versions(self._outputs / CANDIDATES, Artifact.read).path(str(data.serves_now))
            logger.info("What serves now: %s", file)

    def preview(self) -> JSONPreview:
        """Show the twenty newest entries, newest first."""
        return preview([entry.model_dump(mode="json") for entry in self.load().log[:-21:-1]])

    def _exists(self) -> bool:
        return (self._outputs / LOG).exists()

    def _describe(self) -> dict[str, Any]:
        return {"path": self._outputs}


class ChampionDataset(ReadOnlyDataset):
    """The serving artifact, checked against the promotion log on each load.

    Args:
        path: The folder of the environment's outputs.
        run_command: The command that runs in this environment, for messages.
    """

    def __init__(
        self, path: str, run_command: str = "kedro run", metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(path, metadata)
        self._outputs, self._run_command = Path(path), run_command
        self._pinned: Artifact | None = None

    def load(self) -> Artifact:
        """Read the champion, see `read_champion`, unless it is pinned."""
        return self._pinned or read_champion(self._outputs, self._run_command)

    def pin(self) -> Artifact:
        """Read the champion once for the whole run, so that a promotion does not change the run."""
        self._pinned = self.load()
        return self._pinned

    def _exists(self) -> bool:
        return (self._outputs / LOG).exists()
