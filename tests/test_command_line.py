"""Each mistake on the command line of a real `kedro run`: one clear line, and no file touched."""

from pathlib import Path

import pytest

from tests.helpers.commands import here, message_of
from tests.helpers.project import Project

# Options of `kedro run`, and what the line says.
MISTAKES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a runner in several processes": (
        ("--runner", "ParallelRunner"),
        ("--runner ParallelRunner", "SequentialRunner"),
    ),
    "a runner that is not there": (("--runner", "Nonsense"), ("--runner Nonsense",)),
    "a runner's parameter": (("--runner-params", "workers=2"), ("--runner-params", "workers")),
    "an unknown tag": (("--tags", "x"), ("no nodes",)),
    "unknown nodes": (("--nodes", "x,y"), ("'x'", "'y'")),
    "an unknown input": (("--from-inputs", "x"), ("'x'",)),
    "an unknown namespace": (("--namespaces", "x"), ("'x'",)),
    "a value from the environment": (
        ("--params", "training.seed=${oc.env:HOME}"),
        ("training.seed: ", "oc.env"),
    ),
    "half a value": (("--params", "training={seed"), ("--params: ", "expected ',' or '}'")),
    "half a version": (("--load-versions", "x"), ("load_versions", "found x instead")),
    "a value that is not there": (("--params", "training.seed=${x}"), ("training.seed: ", "'x'")),
}
# What is no name of an environment, though a folder in conf/ may be called so.
NO_NAMES = ["../conf/nightly", "$(id)", "a\nb"]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_on_the_command_line_gets_one_line_and_changes_nothing(
    project: Project, name: str
) -> None:
    options, facts = MISTAKES[name]
    before = project.files()
    message = message_of(here("run", *options))
    assert "\n" not in message
    assert all(fact in message for fact in facts), message
    assert project.files() == before


@pytest.mark.parametrize("name", NO_NAMES)
def test_an_environment_is_a_name_and_writes_nowhere_else(project: Project, name: str) -> None:
    (project.path / "conf" / name).mkdir(parents=True, exist_ok=True)
    before = _everything(project)
    message = message_of(here("run", "--pipelines", "data_processing", f"--env={name}"))
    assert f"Environment {name!r}" in message
    assert "expected the name of a folder" in message
    assert _everything(project) == before


def test_a_path_in_kedros_environment_variable_is_refused_alike(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.path / "conf/nightly").mkdir()
    monkeypatch.setenv("KEDRO_ENV", "../conf/nightly")
    assert "Environment '../conf/nightly'" in message_of(here("run"))


def test_conf_that_says_a_thing_twice_is_named_with_its_files(project: Project) -> None:
    for name in ("parameters_a.yml", "parameters_b.yml"):
        (project.path / "conf/local" / name).write_text("training: {seed: 1}")
    message = message_of(here("run"))
    assert "Duplicate keys" in message
    assert "parameters_a.yml" in message
    assert "training.seed" in message


def _everything(project: Project) -> set[Path]:
    return set(project.path.rglob("*"))
