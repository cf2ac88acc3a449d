"""Figures and pages in the catalog, and how Kedro-Viz shows them."""

import base64
import re
import shutil
from pathlib import Path

from kedro_datasets.text import TextDataset

from tabular_lstm.datasets.kedro_private import HTMLPreview
from tabular_lstm.datasets.typed_json import LocalFileDataset
from tabular_lstm.files import replace


class FiguresDataset(LocalFileDataset):
    """All figures of a run by name, as SVG files in a local folder; `save` writes all or none."""

    def load(self) -> dict[str, str]:
        """Read the figures, sorted by name."""
        files = sorted(Path(self._get_load_path()).glob("*.svg"))
        return {file.stem: file.read_text("utf-8") for file in files}

    def save(self, data: dict[str, str]) -> None:
        """Write all figures to a temporary folder, then rename the folder."""
        folder = Path(self._get_save_path())
        beside = folder.with_name(f".{folder.name}.new")
        try:
            beside.mkdir(parents=True, exist_ok=True)  # there may be no figures
            for name, figure in data.items():
                replace(beside / f"{name}.svg", figure.encode())
            beside.replace(folder)
        except OSError:
            shutil.rmtree(beside, ignore_errors=True)
            raise

    def preview(self) -> HTMLPreview:
        """Show the figures.

        Kedro-Viz previews only PNG files as images, but shows any image in HTML.
        """
        coded = (base64.b64encode(figure.encode()).decode() for figure in self.load().values())
        images = (f'<img alt="" width="100%" src="data:image/svg+xml;base64,{c}">' for c in coded)
        return HTMLPreview("".join(images))


class PageDataset(TextDataset):  # type: ignore[misc]
    """A page for people: an HTML file."""

    def preview(self) -> HTMLPreview:
        """Show the page without its head: Kedro-Viz would apply the head's styles to itself.

        Kedro-Viz shows each line end as a line break, and interprets two Markdown marks in one line
        as formatting. So an invisible carriage return ends the line before each mark.
        """
        page = self.load().partition("<main>")[2].partition("</main>")[0]
        page = re.sub(r"[_*`](?=[^<>]*>)", " ", page)  # in the alternative texts of images
        page = re.sub(r"[_*(](?=[^<>]*<)", r"<span hidden>&#13;</span>\g<0>", page)
        return HTMLPreview(page.translate({ord("\n"): " ", ord("`"): "\u02cb"}))
