"""A champion's file that is not what was promoted: refused, with the ways out."""

import re
import shlex
from collections.abc import Callable

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


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    """One bit of the weights is another."""
    place = content.index(b"model.weights.h5") + 4000
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    ("damage", "command", "serves"),
    [(truncated, 0, "first"), (flipped, 1, "new")],
)
def test_a_damaged_champion_is_refused_and_mended_by_the_command_that_the_message_names(
    served_twice: Project, damage: Callable[[bytes], bytes], command: int, serves: str
) -> None:
    first, second = (line["sha256"] for line in log_of(served_twice))
    path = champion_path(served_twice)
    path.write_bytes(damage(path.read_bytes()))
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

    succeeds(here(*RETRAINING, *seed(5)))
    assert_settled(served_twice)
    assert champion_of(served_twice).network.training["seed"] == 5


def outputs(project: Project) -> dict[str, str]:
    """The hash of every output; the lock's file, which stays behind, is none."""
    files = project.files()
    files.pop(LOCK)
    return {name: sha256(content) for name, content in files.items()}
