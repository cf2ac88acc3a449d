"""A figure as JSON: what is saved is loaded, and there is no half of it."""

from pathlib import Path

import plotly.graph_objects as go
import pytest

from tabular_lstm.datasets import figure as module
from tabular_lstm.datasets.figure import FigureDataset


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    drawn = go.Figure().add_bar(x=[1, 2], y=[3, 4])
    FigureDataset(filepath=str(tmp_path / "figure.json")).save(drawn)
    reading = FigureDataset(filepath=str(tmp_path / "figure.json"))
    assert reading.load() == drawn
    assert reading.preview()["data"][0]["y"] == [3, 4]


def test_a_figure_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "figure.json"
    FigureDataset(filepath=str(path)).save(go.Figure())
    before = path.read_bytes()

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "replace", fail)
    with pytest.raises(Exception, match="No space left"):
        FigureDataset(filepath=str(path)).save(go.Figure().add_bar(x=[1], y=[1]))
    assert path.read_bytes() == before
