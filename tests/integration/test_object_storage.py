"""Outputs in object storage: SeaweedFS, clones that take turns and collide, kills, and faults."""

import contextlib
import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.runs import kept_outputs
from tabular_lstm.runs.lock import LockedError
from tabular_lstm.serving.promotion_log import LOG, LogEntry, append, read_log
from tabular_lstm.task import TWO_CLASSES
from tests.helpers.champions import log_of
from tests.helpers.commands import (
    RETRAINING,
    ROLLBACK,
    here,
    here_in,
    logged,
    message_of,
    sabotaged,
    seed,
    succeeds,
)
from tests.helpers.documents import BLOCK, text
from tests.helpers.logs import decided
from tests.helpers.object_storage import (
    READER,
    WRITER,
    Faults,
    at_each_call,
    block,
    champion_there,
    clone,
    failing,
    kept_in,
    seaweedfs,
    served_there,
    storage_at,
)
from tests.helpers.processes import at_work
from tests.helpers.project import QUICK, Project
from tests.helpers.scorings import SCORING, finished, folder_of
from tests.helpers.servers import free_port, hanging
from tests.helpers.tables import write_task

SECRETS = [WRITER["secret_access_key"], READER["secret_access_key"]]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with seaweedfs(tmp_path_factory.mktemp("weed")) as found:
        yield found


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, in which nobody waits for a disk; without such a disk, any folder."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else tmp_path) as folder:
        yield Path(folder)


def prefix() -> str:
    """A prefix of the test's own, in one bucket."""
    return f"of-{os.urandom(6).hex()}"


def entry(number: int) -> LogEntry:
    """A decision of a first run that was rejected."""
    run = f"2026-11-25T02.{number // 60_000:02}.{number // 1000 % 60:02}.{number % 1000:03}Z"
    return decided("a", "rejected", None, None).model_copy(update={"run_id": run})


# Two clones that take turns ------------------------------------------------------------------


def test_two_clones_that_take_turns_on_one_bucket_tell_one_story(
    quick: Project, tmp_path_factory: pytest.TempPathFactory, address: str, monkeypatch: Any
) -> None:
    folder, wanted = tmp_path_factory.mktemp("clones"), block(address, prefix())
    one, two = (clone(quick, folder / name, wanted, WRITER) for name in ("one", "two"))
    said = []

    def run(where: Project, *arguments: str) -> str:
        monkeypatch.chdir(where.path)
        said.append(logged(*arguments))
        return said[-1].splitlines()[-1]

    assert run(one, *RETRAINING).startswith("Promoted run")
    assert "had the same data, parameters and code" in run(two, *RETRAINING)
    # A new row without a label is found out once the rows are read, and nothing is kept of that.
    storage = storage_at(address, wanted["url"].rpartition("/")[2])
    there, table = {*storage.keys("02_intermediate")}, two.raw.read_text()
    two.raw.write_text(table + table.splitlines()[1].rpartition(",")[0] + ",\n")
    assert run(two, *RETRAINING).startswith("Unchanged: no new labelled rows since run ")
    assert {*storage.keys("02_intermediate")} == there
    two.raw.write_text(table)
    assert "with the champion of run" in run(two, *SCORING)
    assert run(one, *SCORING).startswith("Unchanged: run ")
    assert run(two, *RETRAINING, *seed(5)).startswith("Promoted run")
    first, second = (line["run_id"] for line in log_of(two))
    assert f"run {first}" in run(one, *ROLLBACK)
    assert f"champion of run {first}" in run(two, *SCORING, "--params", "scoring.force=true")

    # A scoring that was killed before its manifest was there is brought there by the next one.
    scored = finished(two)[-1]["run_id"]
    manifest = f"07_model_output/predictions/{scored}/manifest.json"
    storage.delete([manifest])
    assert run(two, *SCORING).startswith(f"Unchanged: run {scored} ")
    assert storage.get(manifest)

    # In a container that has nothing of all this.
    three = clone(quick, folder / "three", wanted, WRITER)
    assert "scored 40 rows" in run(three, "run", "--pipelines", "monitoring")
    assert "scored 40 rows" in run(three, "run", "--pipelines", "monitoring")
    run(three, "run", *seed(5))
    assert [line["serves_now"] for line in log_of(three)] == [first, second, first]
    assert len(list(folder_of(three).glob("*/part-00000.parquet"))) == 2
    latest = (three.path / "data/08_reporting/latest_metrics.json").read_bytes()
    assert storage.get("08_reporting/latest_metrics.json") == latest

    # The overview reads the bucket.
    four = clone(quick, folder / "four", wanted, WRITER)
    monkeypatch.chdir(four.path)
    (state,) = json.loads(succeeds(here("overview", "--json")))
    assert (state["needs"], state["champion"]) == ("done", first)
    assert {name: end["outcome"] for name, end in state["attempts"].items()} == {
        "retraining": "promoted",
        "rollback": "rolled_back",
        "scoring": "unchanged",
        "monitoring": "measured",
    }
    assert (four.path / state["links"]["report"]).is_file()

    # The log is its objects' bytes, and no secret is in a file or in what was said.
    keys = storage.keys("promotions")
    assert keys == [f"promotions/0000000{number}.json" for number in (1, 2, 3)]
    content = (three.path / "data" / LOG).read_bytes()
    assert content == b"".join(storage.get(key) or b"" for key in keys)
    for files in (project.files().values() for project in (one, two, three)):
        assert not [
            content for content in files for secret in SECRETS if secret.encode() in content
        ]
    assert not [line for line in said for secret in SECRETS if secret in line]


def test_the_page_is_followed_word_for_word_and_another_clone_goes_on(
    project: Project, address: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    blocks = BLOCK.findall(text("docs/production.md"))
    own = {"http://127.0.0.1:8333": address, "s3://models/diabetes": f"s3://outputs/{prefix()}"}
    own |= {"access_key_id: me": f"access_key_id: {WRITER['access_key_id']}"}
    (tmp := tmp_path_factory.mktemp("page") / "other").mkdir()
    other = Project.copied_to(tmp)
    for code in [code for kind, code in blocks if kind == "yaml example"]:
        path, ours = code.splitlines()[0].removeprefix("# "), code
        for old, new in own.items():
            ours = ours.replace(old, new)
        for where in (project, other):
            (where.path / path).parent.mkdir(exist_ok=True)
            (where.path / path).write_text(ours)
    said = [
        succeeds(where.command(*line.split()[1:], STORAGE_SECRET=WRITER["secret_access_key"]))
        for line, where in zip(
            [line for _, code in blocks for line in code.splitlines() if line.startswith("kedro")],
            (project, other, other),
            strict=True,
        )
    ]
    assert "INFO    Promoted run 20" in said[0]
    assert "INFO    Scored 20 of 20 rows with the champion of run" in said[1]
    assert "scored 20 rows, of which 0 have a label" in said[2]
    assert WRITER["secret_access_key"] not in "".join(said)


# Runs that collide ---------------------------------------------------------------------------


def test_of_six_that_decide_at_once_one_does_100_times_over(memory: Path, address: str) -> None:
    rounds, writers, of = 100, 6, prefix()
    barrier, lost = threading.Barrier(writers), list[str]()

    def write(writer: int) -> list[str]:
        outputs, won, storage = memory / str(writer), [], storage_at(address, of)
        for number in range(rounds):
            mine = entry(writers * number + writer)
            kept = kept_in(outputs, storage, mine.run_id)
            kept.pull_log()
            barrier.wait(60)
            try:
                append(outputs / LOG, mine, kept.commit)
                won.append(mine.run_id)
            except LockedError as error:
                lost.append(str(error))
            barrier.wait(60)
        return won

    with ThreadPoolExecutor(writers) as pool:
        won = sorted(run for runs in pool.map(write, range(writers)) for run in runs)
    kept_in(memory / "fresh", storage_at(address, of), "").pull_log()
    assert [line.run_id for line in read_log(memory / "fresh" / LOG)] == won
    assert len(won) == rounds
    assert len(lost) == rounds * (writers - 1)
    assert all("decided first (rejected)" in message for message in lost)


@pytest.fixture(scope="module")
def shared(address: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A clone that has promoted twice, its storage, and the block of it."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "origin").mkdir()
    origin, of = Project.copied_to(folder / "origin"), prefix()
    wanted = block(address, of)
    write_task(origin, TWO_CLASSES, **QUICK)
    project = clone(origin, folder / "one", wanted, WRITER)
    for number in (1, 2):
        here_in(project, *RETRAINING, *seed(number))
    return {"block": wanted, "project": project, "storage": storage_at(address, of)}


def test_a_run_that_another_clone_overtook_decides_nothing_and_says_who_did(
    shared: dict[str, Any], tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("overtaken")
    slow = clone(shared["project"], folder / "slow", shared["block"], WRITER)
    with at_work(slow, *ROLLBACK, node="Running rollback.record") as run:
        here_in(shared["project"], *RETRAINING, *seed(3))
        os.killpg(run.pid, signal.SIGCONT)
        rest = run.stdout.read()
        assert run.wait() == 75, rest
    third = log_of(shared["project"])[-1]["run_id"]
    assert f"run {third} decided first (promoted)" in rest
    assert champion_there(shared["project"], folder / "fresh").run_id == third

    succeeds(slow.command(*ROLLBACK))
    assert log_of(slow)[-1]["serves_now"] == log_of(shared["project"])[-1]["served_before"]


def test_a_champion_that_the_storage_has_deleted_is_there_again_after_a_rollback(
    shared: dict[str, Any], tmp_path_factory: Any
) -> None:
    """As a clone deletes an old run that another clone still has a copy of."""
    project, storage = shared["project"], shared["storage"]
    fresh = tmp_path_factory.mktemp("deleted") / "fresh"
    here_in(project, *RETRAINING, *seed(4))
    old = log_of(project)[-1]["served_before"]
    of_old = [key for key in storage.keys("06_models") if old in key]
    assert of_old
    storage.delete(of_old)
    here_in(project, *ROLLBACK, "--params", f"rollback.run_id={old}")
    assert champion_there(project, fresh).run_id == old


# Killed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [ROLLBACK, (*RETRAINING, *seed(11))])
def test_a_run_stopped_at_any_call_of_the_storage_leaves_the_old_champion_or_its_own(
    shared: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Any
) -> None:
    """From one call to the next a kill leaves the same objects."""
    monkeypatch.setattr(kept_outputs, "AT_ONCE", 1)
    storage, looks = shared["storage"], list[tuple[str, str]]()
    old = served_there(storage, tmp_path)
    with at_each_call(lambda call: looks.append((call, served_there(storage, tmp_path)))):
        here_in(shared["project"], *command)
    new = log_of(shared["project"])[-1]["serves_now"]
    assert served_there(storage, tmp_path) == new != old
    place = [call for call, _ in looks].index("create promotions")
    assert [serves for _, serves in looks] == [old] * (place + 1) + [new] * (len(looks) - place - 1)
    assert len([call for call, _ in looks if call.startswith("put ")]) >= 4
    assert looks[place + 1] == ("create promotions", new)


def test_the_next_run_goes_on_from_what_one_left_that_was_killed_at_its_commit(
    shared: dict[str, Any], tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    clones = [clone(shared["project"], folder / n, shared["block"], WRITER) for n in "12"]
    for number, output in enumerate(("decision", "promotions")):
        old = champion_there(clones[0], folder / "fresh").run_id
        killed = sabotaged(
            clones[number], output, "before=replace", *RETRAINING, *seed(20 + number)
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        now = champion_there(clones[0], folder / "fresh").run_id
        assert (now != old) == (output == "promotions")
    for number, project in enumerate(clones, 30):
        said = here_in(project, *RETRAINING, *seed(number))
        assert said.splitlines()[-1].startswith("Promoted run")
        assert champion_there(project, folder / "fresh").run_id == log_of(project)[-1]["run_id"]


# Faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["503", "done 503", "lost", "done 412", "done 409", "409", "slow"]
)
def test_an_entry_whose_answer_was_lost_or_late_is_decided_once(
    tmp_path: Path, address: str, fault: str
) -> None:
    of, left = prefix(), [fault, fault]
    faults = Faults(
        lambda method, path: (
            left.pop() if left and method == "PUT" and path.endswith("00000001.json") else None
        )
    )
    with failing(address, faults) as proxied:
        kept = kept_in(tmp_path, storage_at(proxied, of, 1.0), entry(1).run_id)
        append(tmp_path / LOG, entry(1), kept.commit)
    assert [line.run_id for line in read_log(tmp_path / LOG)] == [entry(1).run_id]
    assert storage_at(address, of).keys("promotions") == ["promotions/00000001.json"]


def test_where_the_storage_stays_unsure_nothing_is_decided_and_the_run_says_so(
    tmp_path: Path, address: str
) -> None:
    of = prefix()
    faults = Faults(
        lambda method, path: "409" if method == "PUT" and "promotions" in path else None
    )
    with failing(address, faults) as proxied:
        kept = kept_in(tmp_path, storage_at(proxied, of, 1.0), entry(1).run_id)
        with pytest.raises(DataError, match=r"00000001\.json was not created: it answered 409"):
            append(tmp_path / LOG, entry(1), kept.commit)
    assert not (tmp_path / LOG).exists()
    assert storage_at(address, of).keys("promotions") == []


@pytest.mark.parametrize("fault", ["503", "torn", "lost", "slow"])
def test_what_is_read_is_read_whole_or_the_run_says_why_not(
    tmp_path: Path, address: str, fault: str
) -> None:
    of, content = prefix(), os.urandom(100_000)
    storage_at(address, of).put("06_models/x", content)
    left = [fault]
    faults = Faults(lambda method, path: left.pop() if left and "06_models" in path else None)
    with failing(address, faults) as proxied:
        assert storage_at(proxied, of, 1.0).get("06_models/x") == content
        faults.fault = lambda method, path: fault
        began = time.monotonic()
        with pytest.raises(DataError, match="06_models/x was not read: ") as failed:
            storage_at(proxied, of, 1.0).get("06_models/x")
        assert time.monotonic() - began < 30
    assert "s3://outputs/of-" in str(failed.value)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("no bucket", "it answered 404 NoSuchBucket. Create the bucket"),
        ("reader", "it answered 403 AccessDenied. Allow these credentials"),
        ("wrong", "it answered 403 SignatureDoesNotMatch. Allow these credentials"),
        ("nobody there", "it could not be reached. Check storage.url"),
        ("silent", "it did not answer in time. Check storage.url"),
    ],
)
def test_a_storage_that_cannot_be_used_is_one_message_and_nothing_is_touched(
    quick: Project, address: str, tmp_path_factory: Any, what: str, expected: str
) -> None:
    wanted, user = block(address, prefix(), 1.0), WRITER
    if what == "no bucket":
        wanted["url"] = "s3://nowhere/of"
    elif what == "reader":
        user = READER
    elif what == "wrong":
        user = {**WRITER, "secret_access_key": SECRETS[1]}
    elif what == "nobody there":
        wanted["options"]["endpoint"] = f"http://127.0.0.1:{free_port()}"
    with hanging() as silent:
        if what == "silent":
            wanted["options"]["endpoint"] = silent
        project = clone(quick, tmp_path_factory.mktemp("refused") / "one", wanted, user)
        before, began = project.files(), time.monotonic()
        with contextlib.chdir(project.path):
            ended = here(*RETRAINING)
        assert time.monotonic() - began < 60
    message = message_of(ended)
    assert expected in message
    assert wanted["url"] in message
    assert not [secret for secret in SECRETS if secret in message + ended.stdout]
    assert project.files() == before


def test_a_storage_that_fails_before_the_decision_leaves_the_champion_and_says_so(
    shared: dict[str, Any], address: str, tmp_path_factory: Any
) -> None:
    folder, faults = tmp_path_factory.mktemp("fails"), Faults()
    old = champion_there(shared["project"], folder / "fresh").run_id
    with failing(address, faults) as proxied:
        wanted = {**block(proxied, "x", 1.0), "url": shared["block"]["url"]}
        project = clone(shared["project"], folder / "one", wanted, WRITER)
        faults.fault = lambda method, path: (
            "503" if "decision.json/2" in path and method == "PUT" else None
        )
        with contextlib.chdir(project.path):
            assert "was not written: it answered 503" in message_of(here(*ROLLBACK))
    assert champion_there(shared["project"], folder / "fresh").run_id == old
