"""A scheduler with a umask of 077: whoever could load the champion still can."""

import os
import stat

from tests.helpers.champions import assert_settled, champion_path, log_of, log_path
from tests.helpers.commands import RETRAINING, ROLLBACK, here, seed, succeeds
from tests.helpers.project import Project


def modes(project: Project) -> list[int]:
    return [stat.S_IMODE(path(project).stat().st_mode) for path in (champion_path, log_path)]


def test_what_who_serves_reads_stays_readable(served: Project) -> None:
    assert modes(served) == [0o644, 0o644]
    before = os.umask(0o077)
    try:
        succeeds(here(*RETRAINING, *seed(5)))
        assert modes(served) == [0o644, 0o644]
        succeeds(here(*ROLLBACK))
    finally:
        os.umask(before)
    assert modes(served) == [0o644, 0o644]
    assert [line["action"] for line in log_of(served)] == ["promoted", "promoted", "rolled_back"]
    assert_settled(served)
