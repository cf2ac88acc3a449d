"""The fingerprints of the rows that a candidate was trained on, as a file beside it."""

import io
import json
import math
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from kedro.io import AbstractVersionedDataset, DatasetError, Version

from tabular_lstm.archives import refuse_what_unpacks
from tabular_lstm.datasets.kedro_private import JSONPreview
from tabular_lstm.errors import DataError
from tabular_lstm.files import replace
from tabular_lstm.rows.fingerprints import Fingerprints

MEMBERS = ("sequences.npy", "keys.npy", "key.npy")
# Where the rows have groups.
OF_GROUPS = ("groups.npy", "group.npy")


class FingerprintsDataset(AbstractVersionedDataset[Fingerprints, Fingerprints]):
    """An `.npz` file of NumPy, which has a checksum.

    It holds `sequences`, `keys` and their name `key`; where rows have groups, also `groups` and
    `group`.
    """

    def __init__(
        self, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(PurePosixPath(filepath), version)
        self.metadata = metadata

    def load(self) -> Fingerprints:
        """Read the file.

        Raises:
            DataError: It is damaged, holds something else, or unpacks to more than it is.
        """
        path = Path(self._get_load_path())
        content = path.read_bytes()
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                grouped = OF_GROUPS[0] in archive.namelist()
                members = MEMBERS + OF_GROUPS if grouped else MEMBERS
                refuse_what_unpacks(archive, members, len(content))
                sequences, *named = (_array(archive.read(name)) for name in members)
            keys, *groups = zip(named[::2], map(_name, named[1::2]), strict=True)
            return Fingerprints(sequences, *keys, *(groups[0] if groups else ()))
        except Exception as error:  # NumPy and zipfile raise what they like
            raise DataError(f"{path}: expected fingerprints of rows; {error}.") from error

    def save(self, data: Fingerprints) -> None:
        """Write the file."""
        content = io.BytesIO()
        key = np.array([] if data.key is None else [data.key], str)
        of_groups: dict[str, Any] = {}
        if data.group is not None:
            of_groups = {"groups": data.groups, "group": np.array([data.group])}
        np.savez(content, sequences=data.sequences, keys=data.keys, key=key, **of_groups)
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
        if kept.group is not None:
            counts |= {"groups": len(kept.groups), "group": kept.group}
        return JSONPreview(json.dumps(counts))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "version": self._version}


def _name(array: np.ndarray) -> str | None:
    """Take a column's name out of its array; None where it is empty."""
    if array.dtype.kind != "U" or array.ndim != 1 or len(array) > 1:
        raise ValueError(f"expected the name of a column, got {array.dtype} {array.shape}")
    return str(array[0]) if len(array) else None


def _array(member: bytes) -> np.ndarray:
    """Read an array that is all there, and no larger; `np.load` believes what the header says."""
    file = io.BytesIO(member)
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    content = member[file.tell() :]
    size = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or size != len(content):
        raise ValueError(f"expected {dtype} {shape} of {size} bytes, got {len(content)} bytes")
    return np.frombuffer(content, dtype).reshape(shape)
