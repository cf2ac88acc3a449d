"""Each name of a model, a metric and a figure that people see is written once."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tabular_lstm
from tabular_lstm.judging.drawing import TITLES
from tabular_lstm.judging.metrics import CANDIDATE, METRICS, MODELS

SOURCES = Path(tabular_lstm.__file__).parent
HOME = SOURCES / "judging/names.py"
# "candidate" and "champion" are also plain words of any sentence, and "accuracy" is a setting's
# value and a metric's name in metrics.json: a string that holds more is said to people.
PLAIN = {MODELS[CANDIDATE], MODELS["champion"]}
SEEN = sorted({*MODELS.values(), *METRICS.values(), *TITLES.values()} - PLAIN)


def texts(path: Path) -> Iterator[str]:
    """The strings of a file that are no docstrings; of a template all that is no comment."""
    if path.suffix != ".py":
        yield re.sub(r"{#.*?#}", "", path.read_text(), flags=re.DOTALL)
        return
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and id(node) not in docstrings:
            yield text


def found_in(text: str, name: str) -> bool:
    """Whether a name stands in a text; a name of a single lower-case word beside other words."""
    single = name.isalpha() and name.islower()
    if single and re.fullmatch(r"\w+", text):
        return False
    return bool(re.search(rf"(?<![\w.'\"]){re.escape(name)}(?![\w'\"])", text, re.IGNORECASE))


def written() -> list[Path]:
    return [
        path
        for pattern in ("*.py", "*.jinja")
        for path in sorted(SOURCES.rglob(pattern))
        if path != HOME
    ]


@pytest.mark.parametrize("name", SEEN)
def test_a_name_that_people_see_is_written_once(name: str) -> None:
    elsewhere = {
        str(path.relative_to(SOURCES)): text
        for path in written()
        for text in texts(path)
        if found_in(text, name)
    }
    assert not elsewhere
    assert [*MODELS.values(), *METRICS.values(), *TITLES.values()].count(name) == 1


def test_every_source_is_looked_at() -> None:
    names = {path.name for path in written()}
    assert {"verdict.py", "gate.py", "figures.py", "report.html.jinja"} <= names
    assert not next(texts(HOME)).startswith("The names")


def test_a_name_is_found_where_it_is_said(tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text('"""Log loss."""\nx = f"its log loss {1:.3f}", "accuracy", "more accuracy "\n')
    said = [*texts(code)]
    assert [text for text in said if found_in(text, "log loss")] == ["its log loss "]
    assert [text for text in said if found_in(text, "accuracy")] == ["more accuracy "]
