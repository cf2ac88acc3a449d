"""The outputs of a training: the network's file, and the fingerprints of its train rows."""

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tabular_lstm.datasets.in_memory import KeptInMemory
from tabular_lstm.datasets.typed_json import LocalFileDataset
from tabular_lstm.errors import DataError
from tabular_lstm.files import replace
from tabular_lstm.frozen import NewerVersionError
from tabular_lstm.rows.fingerprints import Fingerprints
from tabular_lstm.serving.artifact import Artifact


class NetworkFileDataset(LocalFileDataset):
    """A Keras model in a `.keras` file, written completely or not at all.

    Kedro's `tensorflow.TensorFlowModelDataset` is not used because it imports TensorFlow, which
    takes seconds, before the data are checked.
    """

    def load(self) -> Any:
        """Read the file."""
        return Artifact.read(Path(self._get_load_path())).network

    def save(self, data: Any) -> None:
        """Write the file."""
        path = Path(self._get_save_path())
        with tempfile.TemporaryDirectory() as folder:
            complete_file = Path(folder) / path.name
            try:
                data.save(complete_file)
            except OSError as error:  # Keras does not name the file
                error.filename = str(complete_file)
                raise
            replace(path, complete_file.read_bytes())


class NetworkDataset(KeptInMemory, NetworkFileDataset):
    """The network of a run, whose file is not read again in the same run."""


class ArtifactDataset(LocalFileDataset):
    """A read-only `.keras` file as an `Artifact`; the entry `candidate@network` writes it."""

    def load(self) -> Artifact:
        """Read the file."""
        return Artifact.read(Path(self._get_load_path()))

    def save(self, data: None) -> None:
        """Refuse to save: another entry writes the file."""
        raise DataError(f"{self._filepath} is read-only here.")


class FingerprintsDataset(LocalFileDataset):
    """The fingerprints of the rows that a candidate was trained on, as a NumPy `.npz` file."""

    def load(self) -> Fingerprints:
        """Read the file."""
        return read_fingerprints(Path(self._get_load_path()))

    def save(self, data: Fingerprints) -> None:
        """Write the file, with one array for each part that the rows have."""
        parts = {name: value for name, value in vars(data).items() if value is not None}
        content = io.BytesIO()
        np.savez(content, **parts)
        replace(Path(self._get_save_path()), content.getvalue())


def read_fingerprints(path: Path) -> Fingerprints:
    """Read the fingerprints of a candidate's train rows.

    Raises:
        FileNotFoundError: There is no such file.
        DataError: The file is damaged, holds something else, or is from a newer version.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            parts: dict[str, Any] = dict(file)
        # A name is a scalar; earlier versions wrote a list of at most one name.
        for name in parts.keys() & {"key", "group"}:
            parts[name] = str(parts[name].item()) if parts[name].size else None
        parts.pop("lineage", None)  # written by version 0.1.0
        unknown = parts.keys() - {*Fingerprints.__match_args__}
        if unknown and {"sequences", "keys"} < parts.keys():
            raise NewerVersionError(f"no array '{min(unknown)}'")
        return Fingerprints(**parts)
    except FileNotFoundError:
        raise
    except Exception as error:  # NumPy and zipfile raise many types
        raise DataError(f"{path}: expected fingerprints of rows; {error}.") from error
