"""A JSON file that holds one of this project's typed values, and how Kedro-Viz shows it."""

import json
from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import AbstractVersionedDataset, DatasetError, Version
from kedro.utils import load_obj
from pydantic import BaseModel

from tabular_lstm.datasets.kedro_private import JSONPreview
from tabular_lstm.errors import DataError
from tabular_lstm.files import replace
from tabular_lstm.frozen import from_json, refuse_unknown_format

# Types by their names in catalogs of version 0.1.0.
MOVED = {"tabular_lstm.judging.metrics.Baselines": "tabular_lstm.judging.model_metrics.Baselines"}


class LocalFileDataset(AbstractVersionedDataset[Any, Any]):
    """A versioned file or folder on this machine; subclasses read and write it."""

    def __init__(
        self, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(PurePosixPath(filepath), version)
        self.metadata = metadata

    def _exists(self) -> bool:
        try:
            return Path(self._get_load_path()).exists()
        except DatasetError:  # no version yet
            return False

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "version": self._version}


class TypedJSONDataset(LocalFileDataset):
    """A value in a JSON file on this machine, checked when it is read.

    Args:
        model: The value's type, such as `tabular_lstm.rows.schema.Schema`. Default: any JSON.
        arguments: The file's path, and Kedro's arguments of a versioned dataset.
    """

    def __init__(self, *, model: str | None = None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._model: type[BaseModel] | None = load_obj(MOVED.get(model, model)) if model else None

    def load(self) -> Any:
        """Read the value.

        Raises:
            DataError: The file does not hold such a value, or is from a newer version.
        """
        path = Path(self._get_load_path())
        if self._model is not None:
            return from_json(self._model, path)
        value = json.loads(path.read_bytes())
        try:
            refuse_unknown_format(value)
        except ValueError as error:
            raise DataError(f"{path}: {error}.") from error
        return value

    def save(self, data: Any) -> None:
        """Write the value completely or not at all."""
        value = data.model_dump(mode="json") if isinstance(data, BaseModel) else data
        replace(Path(self._get_save_path()), json.dumps(value, indent=2).encode())

    def preview(self) -> JSONPreview:
        """Show the value."""
        return preview(self.load())


def preview(value: Any) -> JSONPreview:
    """Show a value as JSON; NaN and infinity become text, because a browser cannot read them."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return JSONPreview(json.dumps(json.loads(json.dumps(plain), parse_constant=str)))
