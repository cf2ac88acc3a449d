"""A manifest says what was scored, and that no row was lost or doubled."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tabular_lstm.errors import DataError
from tabular_lstm.serving.manifest import (
    Conditions,
    Manifest,
    finished_runs,
    publish,
    read_manifest,
    unfinished_runs,
)
from tests.helpers.logs import run

WHOLE: dict[str, Any] = {
    "run_id": run("s"),
    "scored_at": "2026-11-26T02:15:00Z",
    "champion": {"run_id": run("a"), "sha256": "of the champion"},
    "positive_class": "yes",
    "negative_class": "no",
    "rows": 10,
    "scored_rows": 7,
    "quarantined_rows": 3,
    "inputs": [
        {"file": "a.csv", "rows": 4, "sha256": "of a"},
        {"file": "b.csv", "rows": 6, "sha256": "of b"},
    ],
    "parts": [
        {"file": "part-00000.parquet", "rows": 5, "sha256": "of 0"},
        {"file": "part-00001.parquet", "rows": 2, "sha256": "of 1"},
    ],
    "parameters": {"scoring": {"reasons": 0, "pass_through": []}},
    "code_sha256": "of the code",
}


def test_what_is_published_is_read_and_the_manifest_of_another_run_is_refused(
    tmp_path: Path,
) -> None:
    folder, manifest = tmp_path / run("s"), Manifest.model_validate(WHOLE)
    folder.mkdir()
    publish(folder, manifest)
    assert read_manifest(folder) == manifest
    assert json.loads((folder / "manifest.json").read_text()) == {"format": 1, **WHOLE}
    assert [path.name for path in folder.iterdir()] == ["manifest.json"]
    other = shutil.copytree(folder, tmp_path / run("t"))
    with pytest.raises(DataError, match=f"of run {run('t')}; it is that of run {run('s')}"):
        read_manifest(other)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rows": 11}, r"scored_rows \+ history_rows \+ quarantined_rows are 10, but rows are 11"),
        ({"inputs": WHOLE["inputs"][:1]}, "the rows of inputs are 4, but rows are 10"),
        ({"parts": WHOLE["parts"][:1]}, "the rows of parts are 5, but scored_rows are 7"),
        ({"parts": []}, "expected part-00000.parquet, got none"),
        (
            {"parts": [{"file": "../a.parquet", "rows": 7, "sha256": "of a"}]},
            r"expected part-00000.parquet, got \.\./a\.parquet",
        ),
        ({"run_id": "today"}, "expected a run id"),
        ({"more": 1}, "Extra inputs"),
    ],
)
def test_a_row_that_is_lost_or_doubled_makes_no_manifest(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        Manifest.model_validate({**WHOLE, **changed})
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**WHOLE, **changed}))
    with pytest.raises(DataError, match="expected the manifest of a scoring") as refused:
        read_manifest(tmp_path)
    assert str(path) in str(refused.value)


def test_runs_are_finished_once_they_have_a_manifest(tmp_path: Path) -> None:
    folder = tmp_path / "predictions"
    assert finished_runs(folder, run("x")) == unfinished_runs(folder) == []
    for name in (run("b"), run("a"), run("c"), "mine"):
        (folder / name).mkdir(parents=True)
    for name in (run("b"), run("a"), "mine"):
        (folder / name / "manifest.json").touch()
    (folder / run("x")).touch()  # no folder
    assert finished_runs(folder, run("x")) == [run("a"), run("b")]
    assert unfinished_runs(folder) == [run("c")]


def test_the_same_rows_champion_and_conditions_are_the_same_scoring() -> None:
    same = Manifest.model_validate(WHOLE).same_as
    inputs, champion = {"a.csv": "of a", "b.csv": "of b"}, WHOLE["champion"]["sha256"]
    used = Conditions(parameters=WHOLE["parameters"], code_sha256=WHOLE["code_sha256"])
    assert same(inputs, champion, used)
    assert same(dict(reversed(inputs.items())), champion, used)
    for change in ({"parameters": {"scoring": {"reasons": 1}}}, {"code_sha256": "other"}):
        assert not same(inputs, champion, used.model_copy(update=change))
    assert not same(inputs, "of another", used)
    for others in ({"a.csv": "of a"}, {**inputs, "b.csv": "of c"}, {**inputs, "c.csv": "of c"}):
        assert not same(others, champion, used)
