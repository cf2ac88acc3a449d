"""Runs that may have outputs are known, and which of them are at work: real processes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kedro.framework.session import session

from tabular_lstm.datasets import RawCSVDataset
from tabular_lstm.runs.registry import Registry
from tests.helpers.champions import assert_settled, log_of
from tests.helpers.commands import RETRAINING, here, succeeds
from tests.helpers.errors import raises_data_error
from tests.helpers.logs import run
from tests.helpers.project import Project

AT_WORK = """
import sys, time
from pathlib import Path
from tabular_lstm.runs.registry import Registry
registered = Registry(Path(sys.argv[1])).enter(sys.argv[2])
print("registered", flush=True)
time.sleep(60)
"""


def test_a_run_is_at_work_until_its_process_ends_however_it_ends(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "data/.runs")
    assert registry.runs() == []
    command = [sys.executable, "-c", AT_WORK, str(registry.folder), run("a")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "registered\n"
        assert registry.runs() == [run("a")]
        with registry.finished(run("a")) as finished:
            assert not finished
        process.kill()
    with registry.finished(run("a")) as finished:
        assert finished
    registry.leave(run("a"))
    assert registry.runs() == []


def test_a_run_is_locked_before_it_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise another would find it finished, and forget it."""
    registry, link = Registry(tmp_path), os.link

    def look_before(path: Path, target: Path) -> None:
        assert registry.runs() == []
        link(path, target)

    monkeypatch.setattr(os, "link", look_before)
    _, registered = registry.enter(run("a"))
    with registry.finished(run("a")) as finished:
        assert not finished
    os.close(registered)
    assert os.listdir(tmp_path) == [run("a")]


def test_runs_that_begin_in_one_millisecond_have_an_id_each(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    entered = [registry.enter(run("a")) for _ in range(3)]
    assert [run_id for run_id, _ in entered] == [run("a"), run("b"), run("c")]
    for run_id, registered in entered:
        with registry.finished(run_id) as finished:
            assert not finished
        os.close(registered)


def test_the_outputs_of_runs_that_begin_in_one_millisecond_are_kept_apart(
    project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session, "generate_timestamp", lambda: run("a"))
    for letter in ("a", "b"):
        project.run("data_processing")
        assert f"Run {run(letter)} of environment base" in caplog.text
    assert registry_of(project).runs() == [run("a"), run("b")]
    for output in ("train_rows.parquet", "test_rows.parquet"):
        versions = [path.parent.name for path in project.versions(f"03_primary/{output}")]
        assert versions == [run("a"), run("b")]


def registry_of(project: Project) -> Registry:
    return Registry(project.path / "data/.runs")


def assert_finished(registry: Registry, count: int) -> None:
    assert len(registry.runs()) == count
    for name in registry.runs():
        with registry.finished(name) as finished:
            assert finished


def test_every_run_registers_and_is_finished_when_it_ends_or_fails(project: Project) -> None:
    project.run("data_processing")
    (version,) = project.versions("03_primary/train_rows.parquet")
    registry = registry_of(project)
    assert registry.runs() == [version.parent.name]
    assert_finished(registry, 1)

    project.raw.write_text(project.raw.read_text().replace("148", "?"))
    with raises_data_error(match="quarantined"):
        project.run("data_processing", validation={"max_quarantined_fraction": 0.0})
    assert_finished(registry, 2)


def test_a_run_is_at_work_while_its_nodes_run(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, load, seen = registry_of(project), RawCSVDataset.load, []

    def look(dataset: RawCSVDataset) -> object:
        (name,) = registry.runs()
        with registry.finished(name) as finished:
            seen.append(finished)
        return load(dataset)

    monkeypatch.setattr(RawCSVDataset, "load", look)
    project.run("data_processing")
    assert seen == [False]


def test_a_run_that_is_refused_leaves_nothing(project: Project) -> None:
    with pytest.raises(ValueError, match="not there to start from"):
        project.run("reshaping")
    assert registry_of(project).runs() == []


def test_a_run_that_cannot_register_goes_on_and_says_so(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    (project.path / "data/.runs").write_text("")
    project.run("data_processing")
    assert "This run is not registered, so that its outputs are never pruned" in caplog.text
    assert len(project.versions("03_primary/train_rows.parquet")) == 1


def as_file(folder: Path) -> None:
    folder.write_text("")


def as_link_to_itself(folder: Path) -> None:
    folder.symlink_to(folder)


@pytest.mark.parametrize("make", [as_file, as_link_to_itself])
def test_a_registry_that_cannot_be_read_stops_no_retraining(
    quick: Project, caplog: pytest.LogCaptureFixture, make: Callable[[Path], None]
) -> None:
    """Before the nodes, or after the promotion. Root may read what has mode 000."""
    make(quick.path / "data/.runs")
    succeeds(here(*RETRAINING))
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    unread = [message for message in said if "The run goes on, and nothing is pruned" in message]
    assert len(unread) == 2
    assert all(message.startswith(f"{quick.path}/data/.runs: ") for message in unread)
    assert [line["action"] for line in log_of(quick)] == ["promoted"]
    assert_settled(quick)
