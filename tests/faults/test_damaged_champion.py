"""A champion's file that is not what was promoted: refused, with the ways out."""

import json
import re
import shlex
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kedro.io import DatasetError

from tabular_lstm import load_champion
from tabular_lstm.errors import DataError
from tabular_lstm.files import sha256
from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES
from tabular_lstm.rows.schema import Schema
from tests.helpers.champions import (
    LOCK,
    assert_settled,
    champion_of,
    champion_path,
    forge,
    log_of,
    on_disk,
)
from tests.helpers.commands import RETRAINING, here, message_of, seed, succeeds
from tests.helpers.networks import LABELS, ensemble_of
from tests.helpers.project import Project
from tests.helpers.scorings import SCORING, finished, unfinished

OF_LABEL = dict.fromkeys(["positive_class", "negative_class", "classes", "target"])
RISING = [0.02 * place for place in range(50)]
Change = Callable[[Path], None]


def cut_off(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flipped(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4000] + bytes([content[4000] ^ 1]) + content[4001:])


def of_task(task: str) -> Change:
    """Put the network of another task, with the same features, in a network's place."""

    def change(path: Path) -> None:
        schema = champion_schema(path).model_copy(update={**OF_LABEL, **LABELS[task]})
        ensemble_of(schema, calibration={"coverage": 0.9} if task == NUMBER else {}).save(path)

    return change


def champion_schema(path: Path) -> Schema:
    with zipfile.ZipFile(path) as file:
        return Schema.model_validate(json.loads(file.read("config.json"))["config"]["schema"])


@pytest.mark.parametrize(
    ("damage", "command", "serves", "task"),
    [
        (flipped, 0, "first", TWO_CLASSES),
        (cut_off, 1, "new", NUMBER),
        (of_task(NUMBER), 0, "first", CLASSES),
    ],
)
def test_a_damaged_champion_is_refused_and_mended_by_the_command_that_the_message_names(
    served_twice: Project, damage: Change, command: int, serves: str
) -> None:
    first, second = (line["sha256"] for line in log_of(served_twice))
    path = champion_path(served_twice)
    damage(path)
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


def configured(**changed: Any) -> Change:
    """Change arguments of a network in its file, as by hand."""

    def change(path: Path) -> None:
        with zipfile.ZipFile(path) as old:
            parts = {name: old.read(name) for name in old.namelist()}
        config = json.loads(parts["config.json"])
        config["config"] |= changed
        with zipfile.ZipFile(path, "w") as new:
            for name, part in {**parts, "config.json": json.dumps(config)}.items():
                new.writestr(name, part)

    return change


@pytest.mark.parametrize(
    ("task", "change", "said"),
    [
        (NUMBER, configured(residuals=[*RISING[:20], np.nan, *RISING[21:]]), "residuals.20: Input"),
        (NUMBER, configured(residuals=RISING[::-1]), "residuals that do not fall"),
        (NUMBER, configured(residuals=[-0.1, *RISING[1:]]), "residuals.0: Input should be"),
        (NUMBER, of_task(CLASSES), "columns.task was not set and is 'number'"),
        (CLASSES, configured(costs=[[0, 1], [1, 0]]), "expected a row of 3 costs for each"),
        (CLASSES, configured(temperature=0), "temperature: Input should be"),
        (CLASSES, of_task(NUMBER), "columns.task was 'number' and is not set"),
    ],
)
def test_what_no_run_promotes_predicts_nothing_though_the_log_has_its_hash(
    served: Project, change: Change, said: str
) -> None:
    path = champion_path(served)
    change(path)
    forge(served, path.read_bytes())
    before = outputs(served)

    message = message_of(here(*SCORING))
    assert str(path) in message
    assert said in message
    if "columns" not in said:  # which is a whole network, of a table with another label
        with pytest.raises(DataError, match=r"candidate\.keras: expected a whole"):
            load_champion()
        assert said in message_of(here(*RETRAINING, *seed(5)))
    assert before.items() <= outputs(served).items()
    assert (finished(served), unfinished(served)) == ([], [])

    # Who starts over has a champion again.
    succeeds(here(*RETRAINING, "--params", "promotion.start_over=true"))
    assert_settled(served)
    succeeds(here(*SCORING))
    assert len(finished(served)) == 1


def outputs(project: Project) -> dict[str, str]:
    """The hash of every output; the lock's file, which stays behind, is none."""
    files = project.files()
    files.pop(LOCK)
    return {name: sha256(content) for name, content in files.items()}
