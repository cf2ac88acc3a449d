"""A JSON file that holds one of this project's typed values, checked when it is read."""

import json
from pathlib import Path
from typing import Any

from kedro.io.core import get_filepath_str
from kedro.utils import load_obj
from pydantic import BaseModel

from tabular_lstm.datasets.previewed_json import PreviewedJSONDataset
from tabular_lstm.files import replace
from tabular_lstm.frozen import from_json


class TypedJSONDataset(PreviewedJSONDataset):
    """A frozen value as JSON.

    Args:
        model: Its type, such as `tabular_lstm.rows.schema.Schema`.
        arguments: Those of Kedro's `json.JSONDataset`.
    """

    def __init__(self, *, model: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._model: type[BaseModel] = load_obj(model)

    def load(self) -> BaseModel:
        """Read the value.

        Raises:
            DataError: The file holds something else; names the first fault.
        """
        expected = f"{self._get_load_path()}: expected a {self._model.__name__} as JSON"
        return from_json(self._model, self._content, expected)

    def _content(self) -> bytes:
        path = get_filepath_str(self._get_load_path(), self._protocol)
        if self._protocol == "file":
            return Path(path).read_bytes()
        with self._fs.open(path, "rb") as file:
            return bytes(file.read())

    def save(self, data: BaseModel) -> None:
        """Write the value, on a local disk whole or not at all."""
        value = data.model_dump(mode="json")
        if self._protocol != "file":
            super().save(value)
            return
        path = Path(get_filepath_str(self._get_save_path(), self._protocol))
        replace(path, json.dumps(value, **self._save_args).encode())
