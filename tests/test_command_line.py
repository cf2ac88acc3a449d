"""Each mistake on the command line of `kedro run`: one clear message, and no file touched."""

import pytest
from kedro.framework.session import KedroServiceSession

from tabular_lstm.errors import DataError
from tests.helpers.commands import here, message_of
from tests.helpers.project import Project

# Options of `kedro run`, and what the line says.
MISTAKES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a runner in several processes": (
        ("--runner", "ParallelRunner"),
        ("--runner ParallelRunner",),
    ),
    "a runner's parameter": (("--runner-params", "workers=2"), ("--runner-params",)),
    "an unknown tag": (("--tags", "x"), ("no nodes",)),
    "a value from the environment": (
        ("--params", "training.seed=${oc.env:HOME}"),
        ("seed = '${oc.env:HOME}'", "valid integer"),
    ),
    "an option twice, of which the last one counts": (
        ("--runner", "SequentialRunner", "--runner=ThreadRunner"),
        ("--runner ThreadRunner",),
    ),
    "pipelines one by one": (
        ("--pipelines", "training", "--pipelines=evaluation,monitoring"),
        ("data_summary, test_set, train_set would come from an earlier run",),
    ),
    "a pipeline beside one that runs alone": (
        ("--pipelines", "scoring,monitoring"),
        ("--pipelines scoring,monitoring", "run alone", "before or after it"),
    ),
    "an unknown parameter": (
        ("--params", "threshold=5"),
        ("'threshold' is unknown", "your own parameters go in a block named after your"),
    ),
    "an unknown block": (("--params", "trainig.epochs=5"), ("'trainig' is unknown", "'training'")),
    "a pipeline that is gone": (
        ("--pipelines", "tuning"),
        ("pipeline tuning is gone: docs/tuning.md shows a search",),
    ),
    "a block that is gone": (("--params", "tuning.trials=3"), ("pipeline tuning is gone",)),
    "an impossible value": (
        ("--params", "split.test_fraction=1.5"),
        ("'split'", "test_fraction = 1.5", "less than 1"),
    ),
    "half a value": (("--params", "training={seed"), ("expected ',' or '}'",)),
}
# What is no name of an environment, though a folder in conf/ may be called so.
NO_NAMES = ["../conf/nightly", "$(id)"]


def test_a_mistake_on_the_command_line_gets_no_traceback_and_changes_nothing(
    project: Project,
) -> None:
    before = project.files()
    for name, (options, facts) in MISTAKES.items():
        message = message_of(here("run", *options))
        missing = [fact for fact in facts if fact not in message]
        assert not missing, f"{name}: {message}"
        assert project.files() == before, name


@pytest.mark.parametrize("name", NO_NAMES)
def test_an_environment_is_a_name_and_writes_nowhere_else(project: Project, name: str) -> None:
    (project.path / "conf" / name).mkdir(parents=True, exist_ok=True)
    before = {*project.path.rglob("*")}
    message = message_of(here("run", "--pipelines", "data_processing", f"--env={name}"))
    assert f"Environment {name!r}" in message
    assert "expected the name of a folder" in message
    assert {*project.path.rglob("*")} == before


def test_an_environment_without_a_folder_is_unknown_and_a_similar_one_is_named(
    project: Project,
) -> None:
    message = message_of(here("run", "--env", "concret"))
    assert message == (
        f"{project.path}/conf: environment 'concret' is unknown; did you mean 'concrete'?"
    )


def test_kedros_server_is_refused_and_so_is_its_session(project: Project) -> None:
    """It shares the hooks, and so the locks, among the runs of all requests."""
    finished = project.command("server", "start", "--port", "0")
    assert message_of(finished).startswith("kedro server and KedroServiceSession share hooks")
    before = project.files()
    with (
        KedroServiceSession.create(project_path=project.path, serving_mode=True) as session,
        pytest.raises(DataError, match="Use kedro run, which starts a process for each run"),
    ):
        session.run(pipeline_names=["data_processing"])
    assert project.files() == before


def test_conf_that_says_a_thing_twice_is_named_with_its_files(project: Project) -> None:
    for name in ("parameters_a.yml", "parameters_b.yml"):
        (project.path / "conf/local" / name).write_text("training: {seed: 1}")
    message = message_of(here("run"))
    assert "Duplicate keys" in message
    assert "parameters_a.yml" in message
    assert "training.seed" in message
