"""A JSON file that holds one of this project's typed values, and how Kedro-Viz shows it."""

import json
import math
from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import AbstractVersionedDataset, DatasetError, Version
from kedro.utils import load_obj
from pydantic import BaseModel

from tabular_lstm.datasets.kedro_private import JSONPreview
from tabular_lstm.files import replace
from tabular_lstm.frozen import from_json

# What is decided or scored, in this order.
FIRST = ("action", "reason", "passed", "sentence", "roc_auc", "log_loss", "accuracy", "interval")
RUNS = ("run_id", "served_before", "serves_now")
LAST = {"inputs", "parameters", "packages", "git_commit", "trained_on", "line_before"}
# Of longer lists and objects.
SHOWN = 20


class LocalFileDataset(AbstractVersionedDataset[Any, Any]):
    """A file with versions on this machine, of which a class says how to read and write it."""

    def __init__(
        self, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(PurePosixPath(filepath), version)
        self.metadata = metadata

    def _exists(self) -> bool:
        try:
            return Path(self._get_load_path()).is_file()
        except DatasetError:  # no version yet
            return False

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "version": self._version}


class TypedJSONDataset(LocalFileDataset):
    """A value as a JSON file on this machine, checked when it is read.

    Args:
        model: The value's type, such as `tabular_lstm.rows.schema.Schema`. Default: any JSON.
        arguments: The file's path, and what Kedro gives a versioned dataset.
    """

    def __init__(self, *, model: str | None = None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._model: type[BaseModel] | None = load_obj(model) if model else None

    def load(self) -> Any:
        """Read the value.

        Raises:
            DataError: The file holds something else; names the first fault.
        """
        path = Path(self._get_load_path())
        if self._model is None:
            return json.loads(path.read_bytes())
        expected = f"{path}: expected a {self._model.__name__} as JSON"
        return from_json(self._model, path.read_bytes, expected)

    def save(self, data: Any) -> None:
        """Write the value whole or not at all."""
        value = data.model_dump(mode="json") if isinstance(data, BaseModel) else data
        replace(Path(self._get_save_path()), json.dumps(value, indent=2).encode())

    def preview(self) -> JSONPreview:
        """Show the value."""
        return preview(self.load())


def preview(value: Any) -> JSONPreview:
    """Show a value as JSON, in the order in which people look for its parts."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return JSONPreview(json.dumps(_in_short(plain)))


def _in_short(value: Any) -> Any:
    if isinstance(value, dict):
        items = sorted(value.items(), key=_place)  # the others keep their order
        shown = {name: _in_short(part) for name, part in items[:SHOWN]}
        return shown | ({"…": f"{len(items) - SHOWN} more"} if len(items) > SHOWN else {})
    if isinstance(value, list):
        if len(value) == 2 and all(isinstance(bound, float) for bound in value):
            return json.dumps(value)  # an interval, which would be folded in the side panel
        more = [f"… {len(value) - SHOWN} more"] if len(value) > SHOWN else []
        return [_in_short(part) for part in value[:SHOWN]] + more
    # A browser reads no NaN.
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _place(item: tuple[str, Any]) -> tuple[int, int]:
    """Give the place of an object's part: numbers and texts before what has parts of its own."""
    name, value = item
    nested = isinstance(value, dict | list)
    if name in FIRST:
        return 0, FIRST.index(name)
    if nested and "roc_auc" in value:  # a model's scores
        return 1, 0
    if name in RUNS:
        return 2, RUNS.index(name)
    of_provenance = name.endswith("sha256") or (name in LAST and not isinstance(value, int))
    return (4 if of_provenance else 3), nested
