"""Figures and pages: what is saved is loaded, whole or not at all, and Kedro-Viz shows it."""

import base64
import inspect
import re
from pathlib import Path

import pytest
from kedro.io import Version

from tabular_lstm.datasets.figure_folder import FiguresDataset, PageDataset
from tests.helpers.disks import files_of_at_most

SVG = '<svg xmlns="http://www.w3.org/2000/svg">\n<text>血</text></svg>'
DRAWN = {"roc_curve": SVG, "a_chart": "<svg/>"}


def test_what_is_saved_is_loaded_and_previewed(tmp_path: Path) -> None:
    path = str(tmp_path / "figures")
    FiguresDataset(path, Version(None, "run")).save(DRAWN)
    reading = FiguresDataset(path, Version(None, None))
    assert reading.exists()
    assert reading.load() == DRAWN
    assert (tmp_path / "figures/run/figures/roc_curve.svg").read_bytes() == SVG.encode()
    shown = reading.preview()
    # Kedro-Viz goes by the name of the type, and makes line breaks of line feeds.
    assert inspect.signature(reading.preview).return_annotation.__name__ == "HTMLPreview"
    assert "\n" not in shown
    images = re.findall(r'<img [^>]*src="data:image/svg\+xml;base64,([^"]*)">', shown)
    assert [base64.b64decode(coded).decode() for coded in images] == ["<svg/>", SVG]


def test_figures_that_cannot_all_be_written_leave_none(tmp_path: Path) -> None:
    dataset = FiguresDataset(str(tmp_path / "figures"), Version(None, "run"))
    large = {**DRAWN, "large": "<svg>" * 10_000}
    with files_of_at_most(1000), pytest.raises(Exception, match="File too large"):
        dataset.save(large)
    assert not [*(tmp_path / "figures/run").iterdir()]
    assert not dataset.exists()


def test_a_page_is_previewed_without_its_head(tmp_path: Path) -> None:
    page = PageDataset(filepath=str(tmp_path / "report.html"))
    page.save("<head><style>p {}</style></head><main><p>Promoted\nnow</p></main>")
    assert page.preview() == "<p>Promoted now</p>"
    assert inspect.signature(page.preview).return_annotation.__name__ == "HTMLPreview"
