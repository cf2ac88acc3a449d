"""The champion's file and the candidates it came from: bytes with a hash, loaded without code."""

import io
import json
import logging
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import AbstractDataset, AbstractVersionedDataset, Version
from kedro_datasets._typing import JSONPreview

from tabular_lstm.errors import DataError
from tabular_lstm.files import replace, sha256
from tabular_lstm.serving.log import Line, PromotionLogDataset, changes, lineage, promoted

logger = logging.getLogger(__name__)

NETWORK = "tabular_lstm>LSTMEnsemble"


@dataclass(frozen=True)
class Artifact:
    """A saved network: what was hashed is what is loaded.

    Attributes:
        content: The bytes of a `.keras` file.
        file: Where they were read, for messages.
    """

    content: bytes
    file: str

    @cached_property
    def sha256(self) -> str:
        """Hash the content."""
        return sha256(self.content)

    @cached_property
    def network(self) -> Any:
        """Load the network: this project's ensemble and nothing else.

        Keras' safe mode refuses code that a file brings along; here a file that names any other
        class is refused before Keras sees it.

        Raises:
            DataError: The file holds something else, or is no whole `.keras` file.
        """
        import keras  # noqa: PLC0415

        import tabular_lstm.network.build  # noqa: F401, PLC0415  registers the class

        try:
            with zipfile.ZipFile(io.BytesIO(self.content)) as file:
                config = json.loads(file.read("config.json"))
            found = config.get("registered_name") or config.get("class_name")
            if found != NETWORK:
                raise DataError(
                    f"{self.file}: expected a network of kind ensemble ({NETWORK}), got {found!r}. "
                    "It was not loaded: a .keras file of another class can run code."
                )
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "artifact.keras"
                path.write_bytes(self.content)
                return keras.saving.load_model(path, safe_mode=True)
        except DataError:
            raise
        except Exception as error:  # Keras raises what it likes
            raise DataError(
                f"{self.file}: expected a whole .keras file of this project, Keras cannot load it: "
                f"{error}"
            ) from error


class ArtifactDataset(AbstractVersionedDataset[None, Artifact]):
    """A `.keras` file as an `Artifact`, read only: the entry that has its network writes it."""

    def __init__(
        self, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(PurePosixPath(filepath), version)
        self.metadata = metadata

    def load(self) -> Artifact:
        """Read the file."""
        path = Path(self._get_load_path())
        return Artifact(path.read_bytes(), str(path))

    def save(self, data: None) -> None:
        """Refuse: the file is another entry's."""
        raise DataError(f"{self._filepath} is read only here.")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "version": self._version}


class VersionsDataset(AbstractDataset[None, dict[str, Callable[[], Any]]]):
    """All versions of a versioned entry: run id → function that loads it.

    Args:
        dataset: That entry's type and filepath.
    """

    def __init__(self, dataset: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
        self._dataset = {**dataset, "versioned": True}
        self.metadata = metadata

    def load(self) -> dict[str, Callable[[], Any]]:
        """List the versions, oldest first."""
        runs = self._entry().list_versions(full_path=False)
        return {run: self._entry(run).load for run in sorted(runs)}

    def save(self, data: None) -> None:
        """Refuse: the versions are another entry's."""
        raise DataError(f"{self._dataset['filepath']} is read only here.")

    def _entry(self, run: str | None = None) -> Any:
        return AbstractDataset.from_config("version", self._dataset, load_version=run)

    def _describe(self) -> dict[str, Any]:
        return {"dataset": self._dataset}


class ChampionDataset(AbstractDataset[Artifact, Artifact]):
    """The file that serves, checked against the hash in the promotion log on each load.

    Args:
        filepath: Of the champion.
        log: `filepath` of the promotion log.
        artifacts: `filepath` of the versioned candidates, which the champion is a copy of.
        run_command: How to run in this environment, for messages.
    """

    def __init__(
        self,
        filepath: str,
        log: dict[str, str],
        artifacts: dict[str, str],
        run_command: str = "kedro run",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = Path(filepath)
        self._log = PromotionLogDataset(log["filepath"])
        self._artifacts = Path(artifacts["filepath"])
        self._retraining = f"{run_command} --pipelines retraining"
        self._rollback = f"{run_command} --pipelines rollback"
        self.metadata = metadata

    def load(self) -> Artifact:
        """Read the champion.

        Where a run was stopped between the log's line and the file, the artifact that the line
        names is read from among the candidates.

        Raises:
            DataError: There is none yet, or the file is not what was promoted; says how to put it
                back.
        """
        while True:
            lines, content = changes(self._log.load()), self._content()
            if lines:
                named = lines[-1]
                if content is not None and sha256(content) == named["sha256"]:
                    return Artifact(content, str(self._filepath))
                before = lines[-2]["sha256"] if len(lines) > 1 else None
                if (content is None or sha256(content) == before) and self._is_kept(named):
                    kept = self._kept(named["champion"])
                    return Artifact(kept.read_bytes(), str(kept))
            # A run may have changed the champion between the look at the log and that at the file.
            if changes(self._log.load()) == lines:
                raise DataError(self._refusal(lines, content))

    def _refusal(self, lines: list[Line], content: bytes | None) -> str:
        """Say why the file is not loaded, and what mends that."""
        if not lines and content is None:
            return (
                f"{self._filepath}: no champion yet. {self._retraining} trains, judges and "
                "promotes one."
            )
        if not lines:
            return (
                f"{self._filepath} is there, but the promotion log, {self._log.filepath}, names no "
                "champion. Put back a copy of the log; or, to start anew, move "
                f"{self._filepath.name} away."
            )
        named, known = lines[-1], promoted(lines)
        found = "is not there" if content is None else f"has SHA-256 {sha256(content)}"
        run = named["champion"]
        mended = []
        if self._is_kept(named):
            again = f"{self._rollback} --params rollback.run_id={run}"
            mended.append(f"To put the artifact of run {run} back: {again}.")
        if any(run in known and self._is_kept(known[run]) for run in lineage(lines)[1:2]):
            mended.append(f"To restore the champion before it: {self._rollback}.")
        if not mended:
            mended.append(
                "Its copy among the candidates is lost too. To promote a new one, judged "
                f"without it: {self._retraining} --params promotion.start_over=true."
            )
        return (
            f"{self._filepath} {found}; expected {named['sha256']} of run {run}, which the "
            f"promotion log names. It was not loaded. {' '.join(mended)}"
        )

    def save(self, data: Artifact) -> None:
        """Replace the file at once."""
        replace(self._filepath, data.content)

    def settle(self) -> None:
        """Finish a change that a run was stopped in, and keep both copies.

        Raises:
            DataError: See `load`.
        """
        artifact = self.load()
        if artifact.content != self._content():
            logger.warning(
                "%s was not there, or still the one before: put back as the promotion log has it",
                self._filepath,
            )
            self.save(artifact)
        named = changes(self._log.load())[-1]
        if not self._is_kept(named):
            replace(self._kept(named["champion"]), artifact.content)

    def preview(self) -> JSONPreview:
        """List the layers, each with the shapes of its weights."""
        return layers_preview(self.load().network)

    def _kept(self, run: str) -> Path:
        return self._artifacts / run / self._artifacts.name

    def _is_kept(self, named: Line) -> bool:
        kept = self._kept(named["champion"])
        return kept.exists() and sha256(kept.read_bytes()) == named["sha256"]

    def _content(self) -> bytes | None:
        try:
            return self._filepath.read_bytes()
        except FileNotFoundError:
            return None

    def _exists(self) -> bool:
        return bool(changes(self._log.load())) or self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "artifacts": self._artifacts}


def layers_preview(model: Any) -> JSONPreview:
    """List a model's layers, each with the shapes of its weights."""
    layers = {
        layer.name: {
            "type": type(layer).__name__,
            "weights": {weight.name: str(tuple(weight.shape)) for weight in layer.weights},
            "parameters": layer.count_params(),
        }
        for layer in model.layers
    }
    return JSONPreview(
        json.dumps({"network": model.name, "parameters": model.count_params(), "layers": layers})
    )
