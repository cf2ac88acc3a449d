"""Copies of the project to run for real: as it is cloned, and after a run."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

# Before anything loads OpenMP: a thread of scikit-learn's that waits leaves its core to the other
# processes of the tests.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A shell's background job ignores SIGINT, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import hypothesis
import pytest
from kedro.framework.project import pipelines

# Before any test imports TensorFlow, so that it computes as in a run.
import tabular_lstm  # noqa: F401
from tabular_lstm.parameters import CLASSES, NUMBER

pytest.register_assert_rewrite("tests.helpers")

from tests.helpers.commands import RETRAINING, here, succeeds  # noqa: E402
from tests.helpers.once import Once  # noqa: E402
from tests.helpers.project import QUICK, TINY, Project, declare  # noqa: E402
from tests.helpers.tables import rows_to_learn, write_task  # noqa: E402

# No property of the code is a matter of milliseconds, and a failure says how to repeat it.
hypothesis.settings.register_profile("untimed", deadline=None, print_blob=True)
hypothesis.settings.load_profile("untimed")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A copy of what a run reads, in which the test works."""
    monkeypatch.chdir(tmp_path)
    yield Project.copied_to(tmp_path)
    pipelines.set_requested(None)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Once:
    """Give a project as some steps leave it, see `Once`."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "once"
    folder.mkdir(exist_ok=True)
    return Once(folder)


@pytest.fixture
def ran(project: Project, once: Once) -> Project:
    """A project after one tiny run."""
    return once("ran", project, lambda: project.run(**TINY))


@pytest.fixture
def quick(project: Project) -> Project:
    """A project whose retrainings promote, and take as long as TensorFlow takes to import."""
    rows_to_learn(project.raw).to_csv(project.raw, index=False)
    declare(project, **QUICK)
    return project


@pytest.fixture
def served(quick: Project, once: Once) -> Project:
    """A project after a first retraining."""
    return once("served", quick, lambda: succeeds(here(*RETRAINING)))


@pytest.fixture
def served_classes(project: Project, once: Once) -> Project:
    """A project of a label of three classes after a first retraining."""
    return once("classes", project, lambda: retrained(project, CLASSES))


@pytest.fixture
def served_number(project: Project, once: Once) -> Project:
    """A project of a label that is a number after a first retraining."""
    return once("number", project, lambda: retrained(project, NUMBER))


def retrained(project: Project, task: str) -> None:
    """Let a first candidate learn a label of that task and be promoted."""
    write_task(project, task, **QUICK)
    succeeds(here(*RETRAINING))
