"""The catalog's entry for all finished scorings, used in monitoring."""

from functools import partial
from pathlib import Path
from typing import Any

from kedro.io.core import generate_timestamp

from tabular_lstm.datasets.read_only import ReadOnlyDataset
from tabular_lstm.errors import DataError
from tabular_lstm.frozen import from_json
from tabular_lstm.monitoring.drift import Drift
from tabular_lstm.serving.manifest import (
    FinishedScoring,
    FinishedScorings,
    finished_runs,
    read_manifest,
)
from tabular_lstm.serving.promotion_log import Versions


class FinishedScoringsDataset(ReadOnlyDataset):
    """The scorings in the folder of predictions; their parts are read only when needed.

    Args:
        filepath: The folder of predictions.
        drifts: The versions of `scoring_drift`.
        run_command: The command that runs in this environment, for messages.
    """

    def __init__(
        self,
        filepath: str,
        drifts: str,
        run_command: str = "kedro run",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(filepath, metadata)
        self._folder, self._run_command = Path(filepath), run_command
        self._drifts = Versions(Path(drifts), partial(from_json, Drift))

    def load(self) -> FinishedScorings:
        """Read manifests and drifts; an unreadable file does not keep others from being read."""
        scorings, faults = [], {}
        for run in finished_runs(self._folder, generate_timestamp()):
            try:
                manifest = read_manifest(self._folder / run)
            except (DataError, FileNotFoundError) as error:
                faults[run] = str(error)
                continue
            try:
                drift = self._drift(run)
            except DataError as error:
                drift, faults[run] = None, str(error)
            scorings.append(FinishedScoring(self._folder / run, manifest, drift))
        return FinishedScorings(tuple(scorings), faults, self._run_command)

    def _drift(self, run: str) -> Drift | None:
        drift = self._drifts.get(run)
        if drift and drift.run_id != run:
            raise DataError(
                f"{self._drifts.path(run)}: expected the drift of this run, got that of run "
                f"{drift.run_id}; it is not used"
            )
        return drift
