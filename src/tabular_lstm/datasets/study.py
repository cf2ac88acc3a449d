"""The studies of a tuning in the catalog: a file for each, which the trials are added to."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from tabular_lstm.datasets.kedro_private import JSONPreview
from tabular_lstm.datasets.typed_json import preview
from tabular_lstm.errors import DataError
from tabular_lstm.tuning.found import Study
from tabular_lstm.tuning.search import Search, refuse_without_optuna

# What Optuna's journals end in.
ENDING = ".jsonl"


class StudyDataset(AbstractDataset[Search, Study]):
    """A folder of studies: `save` runs the trials that a study does not have yet.

    `load` gives the study that was saved, or that was written last.
    """

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self.folder = Path(filepath)
        self.metadata = metadata
        self._study: Study | None = None

    def save(self, data: Search) -> None:
        """Run the trials, each kept as soon as it has ended: see `tuning.study`."""
        refuse_without_optuna()
        from tabular_lstm.tuning.study import search_in  # noqa: PLC0415

        self._study = search_in(self.folder, data)

    def load(self) -> Study:
        """Give what was saved, or read the newest file.

        Raises:
            DataError: There is none, or it is damaged.
        """
        if self._study is not None:
            return self._study
        if not (files := self._files()):
            raise DataError(f"{self.folder}: there is no study yet: kedro run --pipelines tuning.")
        refuse_without_optuna()
        from tabular_lstm.tuning.study import read  # noqa: PLC0415

        return read(max(files, key=lambda file: (file.stat().st_mtime_ns, file.name)))

    def preview(self) -> JSONPreview:
        """Show the newest study: the best trial, and how much each parameter matters."""
        study = self.load()
        best = study.best.model_dump(exclude={"losses"}) if study.complete else None
        trials = {"trials": len(study.trials), "complete": len(study.complete)}
        return preview(trials | {"best": best, "importances": study.importances})

    def _files(self) -> list[Path]:
        return [*self.folder.glob(f"*{ENDING}")]

    def _exists(self) -> bool:
        return bool(self._files())

    def _release(self) -> None:
        self._study = None

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self.folder}
