"""A figure as SVG: what is saved is loaded, there is no half of it, and Kedro-Viz can show it."""

import base64
import inspect
import re
from pathlib import Path

import pytest

from tabular_lstm.datasets import figure as module
from tabular_lstm.datasets.figure import FigureDataset

SVG = '<svg xmlns="http://www.w3.org/2000/svg">\n<text>血</text></svg>'


def test_what_is_saved_is_loaded_and_previewed(tmp_path: Path) -> None:
    FigureDataset(filepath=str(tmp_path / "figure.svg")).save(SVG)
    reading = FigureDataset(filepath=str(tmp_path / "figure.svg"))
    assert reading.load() == SVG
    assert (tmp_path / "figure.svg").read_bytes() == SVG.encode()
    shown = reading.preview()
    # Kedro-Viz goes by the name of the type, and makes line breaks of line feeds.
    assert inspect.signature(reading.preview).return_annotation.__name__ == "HTMLPreview"
    assert "\n" not in shown
    (coded,) = re.fullmatch(r'<img [^>]*src="data:image/svg\+xml;base64,([^"]*)">', shown).groups()
    assert base64.b64decode(coded).decode() == SVG


def test_a_figure_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "figure.svg"
    FigureDataset(filepath=str(path)).save(SVG)

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "replace", fail)
    with pytest.raises(Exception, match="No space left"):
        FigureDataset(filepath=str(path)).save("<svg/>")
    assert path.read_text() == SVG
