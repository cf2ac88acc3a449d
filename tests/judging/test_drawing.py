"""A figure becomes an SVG file: small, the same each time, and safe whatever names are in it."""

import warnings
from xml.etree import ElementTree

import matplotlib as mpl
import pytest

from tabular_lstm.judging import figures
from tabular_lstm.judging.drawing import short, to_svg
from tabular_lstm.judging.importance import Importance, Lost

HOSTILE = [
    "</text></svg><script>alert(1)</script>",
    "price in $ or $^2",
    "control\x1b\x00\nletters",
    "血糖値の平均、過去三回の測定、とその他の値",
    "مرحبا بالعالم",
    "the mean of the last three measurements of glucose",
]


def chart(names: list[str]) -> str:
    features = {name: Lost(mean=0.3 - i / 20, std=0.01) for i, name in enumerate(names)}
    importance = Importance(rows=77, shuffles=2, features=features)
    return to_svg(figures.importance_chart(importance), "Importance & more")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_stays_text_and_nothing_warns(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        root = ElementTree.fromstring(chart([name, "other"]))
    svg = "{http://www.w3.org/2000/svg}"
    assert not list(root.iter(f"{svg}script"))
    assert short(name) in ["".join(text.itertext()) for text in root.iter(f"{svg}text")]
    assert root[0].text == "Importance & more"
    assert (short("glucose"), short(HOSTILE[-1])) == ("glucose", "the mean of t…s of glucose")


def test_the_same_figure_is_the_same_file_whatever_the_users_settings() -> None:
    first = chart(["a", "b"])
    before = dict(mpl.rcParams)
    with mpl.rc_context({"svg.hashsalt": None, "font.size": 30, "svg.fonttype": "path"}):
        assert chart(["a", "b"]) == first
    assert dict(mpl.rcParams) == before
    assert "<dc:date" not in first
