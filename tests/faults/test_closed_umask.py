"""A scheduler with a umask of 077: whoever could load the champion still can."""

import os
import stat
from collections.abc import Iterator

import pytest

from tests.helpers.champions import assert_settled, champion_path, log_path
from tests.helpers.commands import RETRAINING, ROLLBACK, here, seed, succeeds
from tests.helpers.project import Project


@pytest.fixture(autouse=True)
def closed_umask(served: Project) -> Iterator[None]:  # that is there before
    before = os.umask(0o077)
    yield
    os.umask(before)


def modes(project: Project) -> list[int]:
    return [stat.S_IMODE(path(project).stat().st_mode) for path in (champion_path, log_path)]


def test_what_who_serves_reads_stays_readable(served: Project) -> None:
    assert modes(served) == [0o644, 0o644]
    succeeds(here(*RETRAINING, *seed(5)))
    assert modes(served) == [0o644, 0o644]
    succeeds(here(*ROLLBACK))
    assert modes(served) == [0o644, 0o644]
    candidate = champion_path(served)
    folders = [folder for folder in candidate.parents if served.path in folder.parents]
    assert {stat.S_IMODE(folder.stat().st_mode) & 0o555 for folder in folders} == {0o555}
    assert_settled(served)
