"""Projects in which something serves."""

import subprocess
from pathlib import Path

import pytest

from tests.helpers.champions import log_of
from tests.helpers.disks import UNSHARED
from tests.helpers.once import Once
from tests.helpers.project import Project


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave every test of this folder to `make faults`: each is made of whole runs."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.faults)


@pytest.fixture(autouse=True)
def _not_measured(no_cover: None) -> None:
    """Whole runs, of which other tests cover each part: without coverage they take half as long."""


@pytest.fixture
def mounts() -> None:
    """Skip where the system does not let a process mount a disk for itself."""
    tried = subprocess.run(
        [*UNSHARED, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=False, capture_output=True
    )
    if tried.returncode:
        pytest.skip(f"no disk can be mounted here: {tried.stderr.decode().strip()}")


@pytest.fixture
def served_twice(served: Project, once: Once, task: str) -> Project:
    """A project after two retrainings, of which both promoted."""
    once(f"served twice {task}", served, lambda: served.run("retraining", training={"seed": 1}))
    assert [line["action"] for line in log_of(served)] == ["promoted", "promoted"]
    return served
