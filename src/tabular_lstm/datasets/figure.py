"""A figure in the catalog, as an SVG file that is there whole or not at all."""

import base64
from pathlib import Path

from kedro.io.core import get_filepath_str
from kedro_datasets.text import TextDataset

from tabular_lstm.datasets.kedro_private import HTMLPreview
from tabular_lstm.files import replace


class FigureDataset(TextDataset):  # type: ignore[misc]
    """The text of an SVG file; written whole or not at all on a local disk."""

    def save(self, data: str) -> None:
        """Write the figure."""
        if self._protocol != "file":
            super().save(data)
            return
        path = Path(get_filepath_str(self._get_save_path(), self._protocol))
        replace(path, data.encode())

    def preview(self) -> HTMLPreview:
        """Show the figure.

        Kedro-Viz takes for an image PNG alone, and of HTML any image that is within it.
        """
        coded = base64.b64encode(self.load().encode()).decode()
        return HTMLPreview(f'<img alt="" width="100%" src="data:image/svg+xml;base64,{coded}">')
