"""Copies of the project to run for real: as it is cloned, and after a run."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

# Before anything loads OpenMP: a thread of scikit-learn's that waits leaves its core to the other
# processes of the tests.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Nor do threads of TensorFlow and OpenBLAS wait for each other while the other process computes.
# Their number changes no bit: test_run.py has a run with one thread for each core.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A shell's background job ignores SIGINT, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import hypothesis
import pytest
from kedro.framework.project import pipelines

# Before any test imports TensorFlow, so that it computes as in a run.
import tabular_lstm  # noqa: F401
from tabular_lstm.task import TWO_CLASSES

pytest.register_assert_rewrite("tests.helpers")

from tests.helpers.commands import RETRAINING, UNTRUSTED, here, seed, succeeds  # noqa: E402
from tests.helpers.once import Once  # noqa: E402
from tests.helpers.project import QUICK, TINY, Project  # noqa: E402
from tests.helpers.tables import spoil, write_task  # noqa: E402

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
    """A project after one tiny run; not for a module with a `project` of its own."""
    return once("ran", project, lambda: project.run(**TINY))


@pytest.fixture
def task() -> str:
    """The task of the project's label; a test is parametrized with others."""
    return TWO_CLASSES


@pytest.fixture
def quick(project: Project, task: str) -> Project:
    """A project whose retrainings promote, and take as long as TensorFlow takes to import."""
    write_task(project, task, **QUICK)
    return project


@pytest.fixture
def served(quick: Project, once: Once, task: str) -> Project:
    """A project after a first retraining."""
    return once(f"served {task}", quick, lambda: succeeds(here(*RETRAINING)))


@pytest.fixture(scope="session")
def three_retrainings(once: Once, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A first promotion, one over that champion, and a rejection of a hostile file: to be read."""
    project = Project.copied_to(tmp_path_factory.mktemp("three_retrainings"))

    def retrain() -> None:
        succeeds(here(*RETRAINING, *seed(1)))
        spoil(project.raw)
        succeeds(here(*RETRAINING, *seed(2)), UNTRUSTED)

    with contextlib.chdir(project.path):
        write_task(project, TWO_CLASSES, **QUICK)
        once(f"served {TWO_CLASSES}", project, lambda: succeeds(here(*RETRAINING)))
        return once("three retrainings", project, retrain)
