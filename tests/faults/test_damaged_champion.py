"""A champion's file that is not what was promoted: refused, with the ways out."""

import re
import shlex

import pytest
from kedro.io import DatasetError

from tabular_lstm.files import sha256
from tests.helpers.champions import (
    LOCK,
    assert_settled,
    champion_of,
    champion_path,
    log_of,
    on_disk,
)
from tests.helpers.commands import RETRAINING, here, message_of, seed, succeeds
from tests.helpers.project import Project


@pytest.mark.parametrize(("command", "serves"), [(0, "first"), (1, "new")])
def test_a_damaged_champion_is_refused_and_mended_by_the_command_that_the_message_names(
    served_twice: Project, command: int, serves: str
) -> None:
    first, second = (line["sha256"] for line in log_of(served_twice))
    path = champion_path(served_twice)
    whole = path.read_bytes()
    path.write_bytes(whole[:4000] + bytes([whole[4000] ^ 1]) + whole[4001:])
    damaged = on_disk(served_twice)
    before = outputs(served_twice)

    with pytest.raises(DatasetError) as error:
        champion_of(served_twice)
    message = message_of(served_twice.command(*RETRAINING, *seed(5)))
    assert message in str(error.value)
    assert outputs(served_twice) == before
    for named in (str(path), damaged, second):
        assert named in message

    # The first lets the champion before it serve, the second promotes a new one.
    commands = re.findall(r"(kedro run .*?)\.(?: |$)", message)
    assert len(commands) == 2
    _kedro, *arguments = shlex.split(commands[command])
    succeeds(here(*arguments))
    assert (on_disk(served_twice) == first) == (serves == "first")
    assert_settled(served_twice)


def outputs(project: Project) -> dict[str, str]:
    """The hash of every output; the lock's file, which stays behind, is none."""
    files = project.files()
    files.pop(LOCK)
    return {name: sha256(content) for name, content in files.items()}
