"""A figure in the catalog, as a JSON file that is there whole or not at all."""

from pathlib import Path
from typing import Any

from kedro.io.core import get_filepath_str
from kedro_datasets.plotly import JSONDataset

from tabular_lstm.files import replace


class FigureDataset(JSONDataset):  # type: ignore[misc]
    """A plotly figure as JSON on a local disk."""

    def save(self, data: Any) -> None:
        """Write the figure."""
        path = Path(get_filepath_str(self._get_save_path(), self._protocol))
        replace(path, data.to_json(**self._save_args).encode())
