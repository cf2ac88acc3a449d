"""The champion's file and the promotion log in the catalog."""

import os
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from tabular_lstm.datasets.kedro_private import JSONPreview
from tabular_lstm.datasets.previewed_json import preview
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.log_file import append, read_log
from tabular_lstm.serving.promotion_log import LogEntry
from tabular_lstm.serving.store import Store


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


class ChampionDataset(AbstractDataset[Artifact, Artifact]):
    """The file that serves, checked against the hash in the promotion log on each load.

    `log` and `candidates` have the `filepath` of the promotion log and of the versioned candidates,
    of which the champion is a copy; `run_command` is for messages.
    """

    def __init__(
        self,
        filepath: str,
        log: dict[str, str],
        candidates: dict[str, str],
        run_command: str = "kedro run",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self.store = Store(
            Path(filepath), Path(candidates["filepath"]), Path(log["filepath"]), run_command
        )
        self.metadata = metadata
        self._pinned: Artifact | None = None

    def load(self) -> Artifact:
        """Read the champion, see `Store.champion`, unless it is pinned."""
        return self._pinned or self.store.champion()

    def pin(self) -> Artifact:
        """Read the champion for the whole run: a promotion meanwhile changes nothing in it."""
        self._pinned = self.store.champion()
        return self._pinned

    def save(self, data: Artifact) -> None:
        """Replace the file at once."""
        self.store.put(data)

    def preview(self) -> JSONPreview:
        """Name the run that trained it, and list the layers, each with its weights' shapes."""
        champion = self.store.champion()
        layers = champion.scorer.layers
        described = {
            name: {
                "weights": {part: str(weight.shape) for part, weight in layer._asdict().items()},
                "parameters": sum(weight.size for weight in layer),
            }
            for name, layer in layers.items()
        }
        parameters = sum(weight.size for layer in layers.values() for weight in layer)
        return preview({"run_id": champion.run_id, "parameters": parameters, "layers": described})

    def _exists(self) -> bool:
        return self.store.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self.store.champion_file, "candidates": self.store.candidates}
