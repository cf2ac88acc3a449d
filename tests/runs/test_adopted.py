"""Parameters that are adopted: values in their places in a person's files, all else as it was."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import TUNABLE, Ensemble, Network, Training, values_of
from tabular_lstm.runs.adopted import NEW, adopt, changed, not_tuned, places
from tabular_lstm.tuning.found import BestParameters, Measured
from tests.helpers.project import Project

PLACE = Path("parameters.yml")
MINE = """\
# Mine.
columns: {label: diabetes, positive_class: 1, negative_class: 0} # as in base
training: # of last summer
  epochs: 50   # enough
  learning_rate: 0.003 # slow
  # nothing else
network:
    ensemble:
        units: [16] # small
report: {title: "0.003 # [16]"}
"""


def found(**training: Any) -> BestParameters:
    network = Network(ensemble=Ensemble(units=[32], dropout=0.25))
    block = Training(**{"epochs": 50, "learning_rate": 0.0125, **training})
    values = values_of(network, block, TUNABLE)
    measured = Measured(trial=3, log_loss=0.4, values=values)
    return BestParameters(
        run_id="2026-11-26T22.18.45.038Z",
        study="a",
        trials=3,
        pruned=0,
        diverged=0,
        present=measured,
        best=measured,
        network=network,
        training=block,
    )


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        ("a:\n  b: 1 # one\n", {"a": {"b": 2}}, "a:\n  b: 2 # one\n"),
        ("a:\n  b: # none\n  c: 1\n", {"a": {"b": 2}}, "a:\n  b: 2 # none\n  c: 1\n"),
        ("a:\r\n  b: 1\r\n", {"a": {"b": 2, "c": 3}}, "a:\r\n  c: 3\r\n  b: 2\r\n"),
        ("a: {b: 1, c: [1, 2]}", {"a": {"c": [3]}}, "a: {b: 1, c: [3]}"),
        ("a: {b: 1}", {"a": {"c": 2.5}}, "a: {c: 2.5, b: 1}"),
        ("a: {}", {"a": {"c": None}}, "a: {c: null}"),
        ("a:\n  b: 1\n", {"a": {"c": {"d": 1}}}, "a:\n  c: {d: 1}\n  b: 1\n"),
        ("é: 1\na:\n- 1\nb: x", {"b": 1e-05}, "é: 1\na:\n- 1\nb: 1.0e-05"),
    ],
)
def test_values_are_put_in_their_places(text: str, changes: dict[str, Any], expected: str) -> None:
    assert changed(text, changes, PLACE) == expected


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("a:\n  b:\n  - 1\n  # two\n  c: 1\n", {"a": {"b": [2]}}),
        ("x: &x {b: 1}\na: *x\n", {"a": {"b": 2}}),
        ("a: 5\n", {"a": {"b": 2}}),
        ("a:\n  b: [1, # one\n    2]\n", {"a": {"b": [3]}}),
        ("a:\n  b: &one 1\n", {"a": {"b": 2}}),
        ("a:\n  b: !!float 1\n", {"a": {"b": 2}}),
        ("a:\n  b: ${globals:one}\n", {"a": {"b": 2}}),
        ("- a\n", {"a": {"b": 2}}),
    ],
)
def test_what_would_change_something_else_is_refused(text: str, changes: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="cannot be changed without a doubt"):
        changed(text, changes, PLACE)


def test_an_environment_without_the_blocks_gets_a_file_of_its_own(project: Project) -> None:
    folder = project.path / "conf/mine"
    folder.mkdir()
    (folder / "catalog.yml").write_text("{}\n")
    assert adopt(found(), project.path / "conf", "mine") == [folder / NEW]
    content = (folder / NEW).read_text()
    assert content.startswith("# By kedro run --pipelines tuning, run 2026-11-26T22.18.45.038Z")
    assert yaml.safe_load(content) == {
        "network": found().network.model_dump(mode="json"),
        "training": found().training.model_dump(mode="json"),
    }
    assert {path.name for path in folder.iterdir()} == {"catalog.yml", NEW}
    # And another time that file is the one with the blocks.
    adopt(found(learning_rate=0.5), project.path / "conf", "mine")
    assert yaml.safe_load((folder / NEW).read_text())["training"]["learning_rate"] == 0.5


def test_a_persons_file_keeps_all_that_is_not_adopted(project: Project) -> None:
    folder = project.path / "conf/mine"
    folder.mkdir()
    (folder / "parameters.yml").write_text(MINE)
    assert places(folder)["training"] == folder / "parameters.yml"
    adopt(found(), project.path / "conf", "mine")
    expected = MINE.replace("learning_rate: 0.003 #", "learning_rate: 0.0125 #").replace(
        "units: [16] #", "dropout: 0.25\n        units: [32] #"
    )
    assert (folder / "parameters.yml").read_text() == expected
    assert [path.name for path in folder.iterdir()] == ["parameters.yml"]


def test_the_base_environment_is_adopted_to_local_and_base_stays(project: Project) -> None:
    base = {path: path.read_bytes() for path in (project.path / "conf/base").iterdir()}
    assert adopt(found(), project.path / "conf", None) == [project.path / "conf/local" / NEW]
    assert {path: path.read_bytes() for path in (project.path / "conf/base").iterdir()} == base


def test_what_cannot_be_adopted_leaves_all_as_it_was(project: Project) -> None:
    folder = project.path / "conf/mine"
    folder.mkdir()
    files = {
        "parameters_a.yml": "network:\n  ensemble:\n    dropout: 0.1\n",
        "parameters_b.yml": "training:\n  learning_rate: &rate 0.1\n  weight_decay: *rate\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    with pytest.raises(DataError, match=r"Not adopted.*parameters_b.yml.*by hand"):
        adopt(found(weight_decay=0.2), project.path / "conf", "mine")
    # Of two files none, and nothing beside the folder either.
    assert {path.name: path.read_text() for path in folder.iterdir()} == files
    assert not [path for path in (project.path / "conf").iterdir() if path.name.startswith(".")]


def test_a_block_is_looked_for_where_kedro_does(project: Project) -> None:
    """In folders too, and in nothing that is hidden."""
    folder = project.path / "conf/mine"
    (folder / "parameters").mkdir(parents=True)
    (folder / "parameters/a.yml").write_text("training: {epochs: 3}\n")
    (folder / ".parameters").mkdir()
    (folder / ".parameters/parameters_z.yml").write_text("training: {epochs: 4}\n")
    assert places(folder)["training"] == folder / "parameters/a.yml"
    assert adopt(found(), project.path / "conf", "mine")[1] == folder / "parameters/a.yml"


def test_conf_base_is_never_written(project: Project) -> None:
    """`--env base` reads nothing else."""
    with pytest.raises(DataError, match=r"Not adopted.*everybody's.*Leave --env out"):
        adopt(found(), project.path / "conf", "base")
    assert not [*(project.path / "conf/local").iterdir()]


def test_a_link_stays_one(project: Project) -> None:
    shared, link = project.path / "shared.yml", project.path / "conf/mine/parameters.yml"
    shared.write_text(MINE)
    link.parent.mkdir()
    link.symlink_to(shared)
    with pytest.raises(
        DataError, match=r"parameters.yml is a link, which a new file would replace"
    ):
        adopt(found(), project.path / "conf", "mine")
    assert link.is_symlink()
    assert shared.read_text() == MINE


def test_a_files_line_ends_stay(project: Project) -> None:
    folder = project.path / "conf/mine"
    folder.mkdir()
    (folder / "parameters.yml").write_bytes(MINE.replace("\n", "\r\n").encode())
    adopt(found(), project.path / "conf", "mine")
    content = (folder / "parameters.yml").read_bytes()
    assert content.count(b"\n") == content.count(b"\r\n") == MINE.count("\n") + 1


def test_what_the_command_line_alone_gave_is_not_adopted(project: Project) -> None:
    """The values were good with it, and conf has something else."""
    here = found(seed=7)
    with pytest.raises(DataError, match=r"training.seed = 7, which is not tuned, and conf has 0\."):
        adopt(here, project.path / "conf", None)
    assert not [*(project.path / "conf/local").iterdir()]
    given = {"training": {"seed": 7, "epochs": 3}, "tuning": {"trials": 3}}
    assert not_tuned(given, here) == ["training.seed"]
