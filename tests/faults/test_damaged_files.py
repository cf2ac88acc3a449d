"""Files that are not what a run wrote: refused with the ways out, nothing changed, and repaired."""

import json
import re
import shlex
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
from kedro.io import DatasetError

from tabular_lstm.errors import DataError
from tabular_lstm.files import sha256
from tabular_lstm.rows.schema import Schema
from tabular_lstm.serving.champion import load_champion
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.champions import (
    LOCK,
    assert_settled,
    champion_of,
    champion_path,
    forge,
    log_of,
    log_path,
    on_disk,
)
from tests.helpers.commands import RETRAINING, ROLLBACK, here, message_of, seed, succeeds
from tests.helpers.logs import write_chained
from tests.helpers.networks import LABELS, ensemble_of
from tests.helpers.project import Project
from tests.helpers.scorings import SCORING, finished, folder_of, predictions_of, unfinished

Change = Callable[[Path], None]


def outputs(project: Project) -> dict[str, str]:
    """The hash of every output; the lock's file, which stays behind, is none."""
    files = project.files()
    files.pop(LOCK)
    return {name: sha256(content) for name, content in files.items()}


# The champion


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def of_task(task: str) -> Change:
    """Put the network of another task, with the same features, in a network's place."""

    def change(path: Path) -> None:
        with zipfile.ZipFile(path) as file:
            schema = Schema.model_validate(json.loads(file.read("config.json"))["config"]["schema"])
        label = dict.fromkeys(["positive_class", "negative_class", "classes", "target"])
        schema = schema.model_copy(update={**label, **LABELS[task]})
        ensemble_of(schema, calibration={"coverage": 0.9} if task == NUMBER else {}).save(path)

    return change


def rewrite(path: Path, change: Callable[[Any], Any]) -> None:
    """Change what `config.json` in a `.keras` file says."""
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    config = json.loads(parts["config.json"])
    change(config)
    with zipfile.ZipFile(path, "w") as new:
        for name, part in {**parts, "config.json": json.dumps(config)}.items():
            new.writestr(name, part)


@pytest.mark.parametrize(
    ("damage", "command", "serves", "task"),
    [(flipped, 0, "first", TWO_CLASSES), (of_task(CLASSES), 1, "new", NUMBER)],
)
def test_a_damaged_champion_is_refused_and_mended_by_the_command_that_the_message_names(
    served_twice: Project, damage: Change, command: int, serves: str
) -> None:
    first, second = (line["sha256"] for line in log_of(served_twice))
    path = champion_path(served_twice)
    damage(path)
    damaged, before = on_disk(served_twice), outputs(served_twice)
    with pytest.raises(DatasetError) as error:
        champion_of(served_twice)
    message = message_of(served_twice.command(*RETRAINING, *seed(5)))
    assert message in str(error.value)
    for named in (str(path), damaged, second):
        assert named in message
    assert str(path) in message_of(here(*SCORING))
    assert finished(served_twice) == []
    assert before.items() <= outputs(served_twice).items()

    # The first lets the champion before it serve, the second promotes a new one.
    commands = re.findall(r"(kedro run .*?)\.(?: |$)", message)
    assert len(commands) == 2
    _kedro, *arguments = shlex.split(commands[command])
    succeeds(here(*arguments))
    assert (on_disk(served_twice) == first) == (serves == "first")
    assert_settled(served_twice)


@pytest.mark.parametrize(
    ("task", "change", "said"),
    [
        (NUMBER, of_task(CLASSES), "columns.task was not set and is 'number'"),
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


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_code_in_a_champion_is_not_run_though_the_log_has_its_hash(
    served_twice: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The real network has a loss that is code."""
    marker = tmp_path_factory.mktemp("marker") / "the code ran"

    def loss_on(path: str) -> Callable[..., None]:
        return lambda *losses: open(path, "w").close()

    with pytest.warns(UserWarning, match="This is unsafe"):
        code = keras.saving.serialize_keras_object(loss_on(str(marker)))
    forged = champion_path(served_twice)
    loss = {"compile_config": {"optimizer": "sgd", "loss": code}}
    rewrite(forged, lambda config: config.update(loss))
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        keras.saving.load_model(forged, safe_mode=False).loss(0, 0)
    marker.unlink()  # where it may, it does run
    forge(served_twice, forged.read_bytes())
    before = outputs(served_twice)

    champion = champion_of(served_twice)
    with pytest.raises(DataError, match=str(forged)):
        _ = champion.network
    for ended in (served_twice.command(*RETRAINING, *seed(5)), here(*ROLLBACK)):
        assert "candidate.keras: expected" in message_of(ended)
    assert not marker.exists()
    assert before.items() <= outputs(served_twice).items()


# The promotion log


def swapped(project: Project) -> None:
    """As it was seen: by the older line, which is now the last, the older model would serve."""
    first, second = log_path(project).read_text().splitlines()
    log_path(project).write_text(f"{second}\n{first}\n")


def out_of_the_folder(project: Project) -> None:
    first, second = log_of(project)
    evil = {"run_id": "../../../evil", "serves_now": "../../../evil"}
    write_chained(log_path(project), [first, {**second, **evil}])


@pytest.mark.parametrize(("edit", "line"), [(swapped, 1), (out_of_the_folder, 2)])
def test_a_log_that_was_edited_is_refused_with_the_ways_out_and_changes_nothing(
    served_twice: Project, edit: Callable[[Project], None], line: int
) -> None:
    whole = log_path(served_twice).read_bytes()
    edit(served_twice)
    before = outputs(served_twice)
    start_over = (*RETRAINING, "--params", "promotion.start_over=true")
    for command in ((*RETRAINING, *seed(5)), ROLLBACK, start_over):
        message = message_of(here(*command))
        assert message.startswith(f"{log_path(served_twice)}, line {line}: ")
        assert "Restore it from a copy." in message
        assert "Running" not in message
    with pytest.raises(DataError, match=rf"promotions\.jsonl, line {line}: "):
        load_champion(served_twice.path)
    assert outputs(served_twice) == before

    # The lock is free, and a copy put back is a way out.
    log_path(served_twice).write_bytes(whole)
    succeeds(here(*ROLLBACK))
    assert on_disk(served_twice) == log_of(served_twice)[0]["sha256"]
    assert_settled(served_twice)


def test_a_log_that_is_gone_stops_a_retraining_that_does_not_start_over(
    served_twice: Project,
) -> None:
    whole = log_path(served_twice).read_bytes()
    log_path(served_twice).unlink()
    message = message_of(here(*RETRAINING, *seed(5)))
    assert message.startswith(
        f"{log_path(served_twice)} is missing or an older copy: according to it, no"
    )
    assert "Running" not in message
    # The ways that the message names: a copy of the log, or a new log.
    log_path(served_twice).write_bytes(whole)
    succeeds(here(*RETRAINING, *seed(5)))
    assert log_of(served_twice)[2]["served_before"] == log_of(served_twice)[1]["run_id"]
    log_path(served_twice).unlink()
    succeeds(here(*RETRAINING, "--params", "training.seed=6,promotion.start_over=true"))
    assert [line["served_before"] for line in log_of(served_twice)] == [None]
    assert_settled(served_twice)


# Predictions


def changed_manifest(**changed: Any) -> Change:
    def change(path: Path) -> None:
        manifest = json.loads(path.read_text()) | changed
        kept = {name: value for name, value in manifest.items() if value is not None}
        path.write_text(json.dumps(kept))

    return change


@pytest.mark.parametrize("task", [NUMBER, CLASSES])
def test_predictions_that_somebody_changed_are_named_and_can_be_made_again(
    served: Project, task: str
) -> None:
    succeeds(here(*SCORING))
    (part,), (manifest,) = (
        [*folder_of(served).glob(name)] for name in ("*/*.parquet", "*/manifest.json")
    )
    part.with_name("part-00001.parquet").write_bytes(part.read_bytes())  # that no manifest names
    assert len(predictions_of(served)) == 20
    manifest_fields = "expected the manifest of a scoring"
    for path, change, said in (
        (part, Path.unlink, ""),
        (part, lambda path: path.write_bytes(b""), ""),
        (part, flipped, ""),
        (manifest, changed_manifest(rows=21), manifest_fields),
        (manifest, changed_manifest(parts=None), manifest_fields),
        (manifest, changed_manifest(task="colors"), manifest_fields),
    ):
        whole = path.read_bytes()
        change(path)
        with pytest.raises(DatasetError, match="score the rows again: kedro run --pip") as refused:
            predictions_of(served)
        assert str(path) in str(refused.value)
        assert said in str(refused.value)
        path.write_bytes(whole)

    flipped(part)
    succeeds(here(*SCORING))
    (newest,) = {*folder_of(served).glob("*/manifest.json")} - {manifest}
    assert len(predictions_of(served)) == 20
    changed_manifest(parts=None)(newest)
    succeeds(here(*SCORING))
    assert len(predictions_of(served)) == 20
