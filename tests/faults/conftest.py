"""Projects in which something serves."""

import pytest

from tests.helpers.champions import log_of
from tests.helpers.commands import RETRAINING, here, succeeds
from tests.helpers.once import Once
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.tables import rows_to_learn


@pytest.fixture(autouse=True)
def _not_measured(no_cover: None) -> None:
    """Whole runs, of which other tests cover each part: without coverage they take half as long."""


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
def served_twice(served: Project, once: Once) -> Project:
    """A project after two retrainings, of which both promoted."""
    once("served twice", served, lambda: served.run("retraining", training={"seed": 1}))
    assert [line["action"] for line in log_of(served)] == ["promoted", "promoted"]
    return served
