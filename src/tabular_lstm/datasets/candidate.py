"""The outputs of a training: the network's file, and the fingerprints of its train rows."""

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from kedro_datasets.pandas import ParquetDataset
from pyarrow import parquet

from tabular_lstm.datasets.kedro_private import JSONPreview
from tabular_lstm.datasets.typed_json import LocalFileDataset, preview
from tabular_lstm.errors import DataError
from tabular_lstm.files import replace
from tabular_lstm.rows.fingerprints import Fingerprints
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.tensorflow_import import import_tensorflow

# In memory ----------------------------------------------------------------------------------------
# Datasets that keep a saved value in memory, so that a run does not read its file again.
#
# Kedro's `CachedDataset` does this too, but Kedro-Viz cannot preview it.


class KeptInMemory:
    """Mixin for a dataset: the saved or loaded value is kept until Kedro releases the dataset."""

    _in_memory: Any = None

    def load(self) -> Any:
        """Give the kept value, or read the file."""
        if self._in_memory is None:
            self._in_memory = super().load()  # type: ignore[misc]
        return self._in_memory

    def save(self, data: Any) -> None:
        """Write the file."""
        super().save(data)  # type: ignore[misc]
        self._in_memory = data

    def _release(self) -> None:
        self._in_memory = None
        super()._release()  # type: ignore[misc]


class RowsDataset(KeptInMemory, ParquetDataset):  # type: ignore[misc]
    """Rows as a Parquet file."""

    def load(self) -> pd.DataFrame:
        """Give the rows as a new frame; pandas copies a column when it is changed."""
        rows: pd.DataFrame = super().load()
        return rows.copy(deep=False)

    def save(self, data: pd.DataFrame) -> None:
        """Write the same file as `to_parquet` of pandas.

        If the index is text, `to_parquet` makes a Python string of each name, and memory keeps it.
        """
        super().save(_Named(data) if isinstance(data.index.dtype, pd.StringDtype) else data)
        self._in_memory = data


class _Named:
    """Rows whose index is text."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self._rows = rows

    def to_parquet(self, file: Any, **options: Any) -> None:
        like = pa.Table.from_pandas(self._rows[:1]).schema
        table = pa.Table.from_pandas(self._rows.reset_index(drop=True), preserve_index=False)
        table = table.append_column(like.names[-1], pa.array(self._rows.index.array))
        parquet.write_table(table.replace_schema_metadata(like.metadata), file, **options)


# Candidate ----------------------------------------------------------------------------------------


class NetworkFileDataset(LocalFileDataset):
    """A Keras model as a `.keras` file, written whole or not at all.

    Keras loads the file in safe mode. Kedro's `tensorflow.TensorFlowModelDataset` is not used: it
    imports TensorFlow before the data are checked, and the import takes seconds.
    """

    def load(self) -> Any:
        """Read the file."""
        import_tensorflow()
        import keras  # noqa: PLC0415

        import tabular_lstm.network.build  # noqa: F401, PLC0415  Keras then finds its classes

        return keras.models.load_model(Path(self._get_load_path()))

    def artifact(self) -> Artifact:
        """Read the file as it is, without TensorFlow."""
        return Artifact.read(Path(self._get_load_path()))

    def save(self, data: Any) -> None:
        """Write the file."""
        path = Path(self._get_save_path())
        with tempfile.TemporaryDirectory() as folder:
            complete_file = Path(folder) / path.name
            try:
                data.save(complete_file)
            except OSError as error:  # Keras names no file
                error.filename = str(complete_file)
                raise
            replace(path, complete_file.read_bytes())


class NetworkDataset(KeptInMemory, NetworkFileDataset):
    """The network of a run; its file is not read again in the same run."""


class ArtifactDataset(LocalFileDataset):
    """A `.keras` file as an `Artifact`, read only: the entry `candidate@network` writes it."""

    def load(self) -> Artifact:
        """Read the file."""
        return Artifact.read(Path(self._get_load_path()))

    def save(self, data: None) -> None:
        """Refuse: another entry writes the file."""
        raise DataError(f"{self._filepath} is read only here.")


class FingerprintsDataset(LocalFileDataset):
    """The fingerprints of the rows that a candidate was trained on, as an `.npz` file of NumPy."""

    def load(self) -> Fingerprints:
        """Read the file."""
        return read_fingerprints(Path(self._get_load_path()))

    def save(self, data: Fingerprints) -> None:
        """Write the file: an array for each part that the rows have."""
        parts = {name: value for name, value in vars(data).items() if value is not None}
        content = io.BytesIO()
        np.savez(content, **parts)
        replace(Path(self._get_save_path()), content.getvalue())

    def preview(self) -> JSONPreview:
        """Count the fingerprints."""
        fingerprints = self.load()
        return preview({"sequences": len(fingerprints.sequences), "keys": len(fingerprints.keys)})


def read_fingerprints(path: Path) -> Fingerprints:
    """Read the fingerprints of a candidate's train rows.

    Raises:
        FileNotFoundError: There is no such file.
        DataError: It is damaged, or holds something else.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            parts: dict[str, Any] = dict(file)
        # A name is a scalar; earlier versions wrote a list of at most one name.
        for name in parts.keys() & {"key", "group"}:
            parts[name] = str(parts[name].item()) if parts[name].size else None
        parts.pop("lineage", None)  # which version 0.1.0 wrote
        return Fingerprints(**parts)
    except FileNotFoundError:
        raise
    except Exception as error:  # NumPy and zipfile raise many types
        raise DataError(f"{path}: expected fingerprints of rows; {error}.") from error
