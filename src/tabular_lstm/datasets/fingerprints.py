"""The fingerprints of the rows that a candidate was trained on, as a file beside it."""

import io
import json
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from kedro.io import AbstractVersionedDataset, DatasetError, Version

from tabular_lstm.datasets.kedro_private import JSONPreview
from tabular_lstm.errors import DataError
from tabular_lstm.files import replace
from tabular_lstm.rows.fingerprints import Fingerprints


class FingerprintsDataset(AbstractVersionedDataset[Fingerprints, Fingerprints]):
    """An `.npz` file of NumPy, which has a checksum: `sequences`, `keys` and the name `key`."""

    def __init__(
        self, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(PurePosixPath(filepath), version)
        self.metadata = metadata

    def load(self) -> Fingerprints:
        """Read the file.

        Raises:
            DataError: It is damaged, or holds something else.
        """
        path = Path(self._get_load_path())
        content = path.read_bytes()
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                name = str(file["key"][0]) if len(file["key"]) else None
                return Fingerprints(file["sequences"], file["keys"], name)
        except Exception as error:  # NumPy and zipfile raise what they like
            raise DataError(f"{path}: expected fingerprints of rows; {error}.") from error

    def save(self, data: Fingerprints) -> None:
        """Write the file."""
        content = io.BytesIO()
        key = np.array([] if data.key is None else [data.key], str)
        np.savez(content, sequences=data.sequences, keys=data.keys, key=key)
        replace(Path(self._get_save_path()), content.getvalue())

    def _exists(self) -> bool:
        try:
            return Path(self._get_load_path()).is_file()
        except DatasetError:  # no version yet
            return False

    def preview(self) -> JSONPreview:
        """Count them."""
        kept = self.load()
        counts = {"sequences": len(kept.sequences), "keys": len(kept.keys), "key": kept.key}
        return JSONPreview(json.dumps(counts))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "version": self._version}
