"""The champion is checked whenever it is read, and a stopped change of it is finished."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tabular_lstm import LSTMClassifier
from tabular_lstm.errors import DataError
from tabular_lstm.files import sha256
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.log_file import append, read_log
from tabular_lstm.serving.store import Store
from tests.helpers.logs import rejection, rollback, run
from tests.helpers.networks import schema_of
from tests.helpers.stores import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A champion of run a."""
    house = House(tmp_path)
    content = house.candidate("a", 0)
    house.record("a", content)
    house.store.put(Artifact(content, "a"))
    return house


def test_the_champion_is_the_promoted_file_to_the_byte(house: House) -> None:
    loaded = house.store.champion()
    assert loaded.content == house.file.read_bytes() == house.kept("a").read_bytes()
    assert loaded.sha256 == read_log(house.log)[-1].sha256
    assert loaded.network.schema == schema_of()
    sequences = np.zeros((3, 2, 2), np.float32)
    assert loaded.network(sequences).shape == (3, 1)


def test_without_a_promotion_there_is_none(tmp_path: Path) -> None:
    store = House(tmp_path).store
    assert not store.exists()
    with pytest.raises(DataError, match=r"no champion yet\. kedro run --pipelines retraining"):
        store.champion()


def test_after_a_rejection_there_is_none_and_why_is_said(tmp_path: Path) -> None:
    house = House(tmp_path)
    append(house.log, rejection("x", None))
    with pytest.raises(DataError) as refused:
        house.store.champion()
    said = str(refused.value)
    assert f"no champion yet. The last candidate, of run {run('x')}, was rejected: to see." in said
    assert "promotes" not in said
    report = house.log.with_name("report.html") / run("x") / "report.html"
    assert str(report) not in said
    report.parent.mkdir(parents=True)
    report.touch()
    with pytest.raises(DataError, match="Its report: "):
        house.store.champion()


def flipped(content: bytes) -> bytes:
    return content[:100] + bytes([content[100] ^ 1]) + content[101:]


@pytest.mark.parametrize("damage", [flipped, lambda content: content[:-1], lambda content: b""])
def test_a_damaged_champion_is_refused_with_the_way_back(house: House, damage: Any) -> None:
    whole = house.file.read_bytes()
    house.file.write_bytes(damage(whole))
    for use in (house.store.champion, house.store.settle):
        with pytest.raises(DataError) as refused:
            use()
        message = str(refused.value)
        assert f"{house.file} has SHA-256 {sha256(house.file.read_bytes())}" in message
        assert f"expected {sha256(whole)} of run {run('a')}" in message
        # There is no champion before it, so that no other way is named.
        assert message.endswith(
            f"put the artifact of run {run('a')} back: kedro run --pipelines rollback --params "
            f"rollback.run_id={run('a')}."
        )
    assert house.file.read_bytes() == damage(whole)


def test_where_no_copy_is_left_a_new_champion_is_the_way(house: House) -> None:
    house.file.write_bytes(b"")
    house.kept("a").unlink()
    with pytest.raises(DataError) as refused:
        house.store.champion()
    assert "rollback" not in str(refused.value)
    assert str(refused.value).endswith(
        "kedro run --pipelines retraining --params promotion.start_over=true."
    )


def test_a_champion_that_the_log_does_not_know_is_not_replaced(house: House) -> None:
    house.log.unlink()
    for use in (house.store.champion, house.store.settle):
        with pytest.raises(DataError) as refused:
            use()
        assert str(refused.value).startswith(
            f"{house.file} is there, but the promotion log, {house.log}, "
            "names no champion. Put back a copy"
        )
    assert house.store.exists()


def test_a_promotion_stopped_after_its_line_holds_and_is_finished(house: House) -> None:
    new = house.candidate("b", 1)
    house.record("b", new, "a")
    assert house.store.champion().content == new != house.file.read_bytes()
    house.store.settle()
    assert house.file.read_bytes() == new


def test_a_first_promotion_stopped_after_its_line_holds_too(tmp_path: Path) -> None:
    house = House(tmp_path)
    content = house.candidate("a", 0)
    house.record("a", content)
    assert house.store.exists()
    assert house.store.champion().content == content
    assert not house.file.exists()
    house.store.settle()
    assert house.file.read_bytes() == content


def test_a_first_promotion_amid_loading_is_no_lost_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path)
    content = house.candidate("a", 0)
    read_file = Store._content

    def promote_before(store: Store) -> bytes | None:
        monkeypatch.undo()
        house.record("a", content)
        house.store.put(Artifact(content, "a"))
        return read_file(store)

    monkeypatch.setattr(Store, "_content", promote_before)
    assert house.store.champion().content == content


def test_an_older_champion_in_its_place_is_no_stopped_promotion(house: House) -> None:
    old = house.file.read_bytes()
    for letter, before in (("b", "a"), ("c", "b")):
        content = house.candidate(letter, ord(letter))
        house.record(letter, content, before)
        house.store.settle()
    house.file.write_bytes(old)
    with pytest.raises(DataError, match=f"of run {run('c')}, which the promotion log names"):
        house.store.champion()


def test_where_the_kept_copy_is_damaged_too_nothing_is_made_up(house: House) -> None:
    new = house.candidate("b", 1)
    house.record("b", new, "a")
    house.kept("b").write_bytes(flipped(new))
    with pytest.raises(DataError, match=f"of run {run('b')}"):
        house.store.champion()
    house.file.unlink()
    with pytest.raises(DataError, match=r"champion.keras is not there; expected") as refused:
        house.store.champion()
    # A command that could not work is not named.
    assert "rollback.run_id" not in str(refused.value)
    assert str(refused.value).endswith("the champion before it: kedro run --pipelines rollback.")


@pytest.mark.parametrize("lost", [True, False])
def test_the_champion_mends_its_kept_copy(house: House, lost: bool) -> None:
    kept, whole = house.kept("a"), house.file.read_bytes()
    kept.unlink() if lost else kept.write_bytes(flipped(whole))
    house.store.settle()
    assert kept.read_bytes() == whole


def test_a_champion_that_fails_to_be_written_leaves_the_old_one(house: House) -> None:
    before = house.file.read_bytes()
    (house.file.parent / ".champion.keras.new").mkdir()
    with pytest.raises(OSError, match=r"\.champion\.keras\.new"):
        house.store.put(Artifact(b"new", "b"))
    assert house.file.read_bytes() == before


def test_a_last_line_that_was_taken_out_is_seen_by_the_file_alone(house: House) -> None:
    """What docs/retraining.md says of it, which is a limit and no promise."""
    old, new = house.file.read_bytes(), house.candidate("b", 1)
    before_promotion = house.log.read_bytes()
    house.record("b", new, "a")
    house.store.settle()
    before_rollback = house.log.read_bytes()
    back = rollback("r", "a", "b").model_copy(update={"sha256": sha256(old)})
    append(house.log, back)
    house.store.put(Artifact(old, "a"))
    assert house.store.champion().content == old

    house.log.write_bytes(before_rollback)
    assert house.store.champion().content == new
    house.store.settle()

    house.log.write_bytes(before_promotion)
    with pytest.raises(DataError, match=f"of run {run('a')}, which the promotion log names"):
        house.store.champion()
    house.file.write_bytes(old)
    assert house.store.champion().content == old


def test_a_kept_copy_that_cannot_be_mended_is_warned_of_and_blocks_nothing(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    kept, whole = house.kept("a"), house.file.read_bytes()
    kept.unlink()
    kept.mkdir()
    house.store.settle()
    assert f"{kept}: expected the second copy of the champion" in caplog.text
    kept.rmdir()
    kept.parent.rmdir()
    kept.parent.write_text("a file where a folder was")
    caplog.clear()
    house.store.settle()
    assert f"{kept}: expected the second copy of the champion" in caplog.text
    assert house.store.champion().content == whole
    kept.parent.unlink()
    house.store.settle()
    assert kept.read_bytes() == whole


@contextmanager
def another_user() -> Iterator[None]:
    """Open files as a user who owns nothing here."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def refused_as_another_user(store: Store) -> str:
    with another_user(), pytest.raises(DataError) as refused:
        store.champion()
    return str(refused.value)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_who_may_not_read_is_told_which_file_and_what_to_do() -> None:
    with tempfile.TemporaryDirectory() as folder:  # the folders above `tmp_path` are closed
        Path(folder).chmod(0o755)
        house = House(Path(folder))
        for letter, before in (("a", None), ("b", "a")):
            house.record(letter, house.candidate(letter, ord(letter)), before)
        # Run b was killed between its line of the log and the rename.
        house.store.put(Artifact.read(house.kept("a")))
        copy = house.kept("b")
        with another_user():
            assert house.store.champion().content == copy.read_bytes()
        copy.chmod(0o600)
        told = refused_as_another_user(house.store)
        assert f"Its copy, {copy}, may not be read by this user. As one who may: kedro run" in told
        assert "is lost" not in told
        house.file.chmod(0o600)
        told = refused_as_another_user(house.store)
        assert told.startswith(f"{house.file}: Permission denied. Expected a .keras file")
        house.log.chmod(0o600)
        assert refused_as_another_user(house.store).endswith("Let this user read it.")


# A champion's file by its path


@pytest.mark.parametrize(
    ("folder", "command"),
    [("data", "kedro run"), ("data/nightly", "kedro run --env nightly")],
)
@pytest.mark.parametrize("relative", [True, False])
def test_a_champion_by_its_path_is_checked_against_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, command: str, relative: bool
) -> None:
    house = House(tmp_path / folder)
    content = house.candidate("a", 0)
    house.record("a", content)
    house.store.put(Artifact(content, "a"))
    monkeypatch.chdir(house.file.parent if relative else tmp_path)
    store = Store.of_champion(Path(house.file.name) if relative else house.file)
    assert store is not None
    assert store.champion().content == content

    house.file.write_bytes(flipped(content))
    with pytest.raises(DataError) as refused:
        store.champion()
    message = str(refused.value)
    assert f"expected {sha256(content)} of run {run('a')}" in message
    assert f"{command} --pipelines rollback --params rollback.run_id={run('a')}." in message

    house.log.write_text("")
    with pytest.raises(DataError, match=r"promotions\.jsonl, names no champion\. Put back a copy"):
        store.champion()


def test_other_files_have_no_store(house: House, tmp_path: Path) -> None:
    assert Store.of_champion(house.kept("a")) is None
    assert Store.of_champion(house.file.with_name("other.keras")) is None
    assert Store.of_champion(tmp_path / "a copy/champion.keras") is None


def test_a_champion_without_its_log_is_refused(house: House) -> None:
    house.file.write_bytes(b"any")
    house.log.unlink(missing_ok=True)
    store = Store.of_champion(house.file)
    assert store is not None
    with pytest.raises(DataError, match="names no champion"):
        store.champion()


@pytest.mark.parametrize("name", ["champion.keras", "model.keras"])
def test_a_link_to_the_champion_is_checked_like_it(house: House, tmp_path: Path, name: str) -> None:
    content = house.file.read_bytes()
    link = tmp_path / name
    link.symlink_to(house.file)
    store = Store.of_champion(link)
    assert store is not None
    assert store.champion().content == content
    house.file.write_bytes(flipped(content))
    with pytest.raises(DataError, match="expected"):
        store.champion()


@pytest.mark.parametrize("linked", ["data/06_models", "data/08_reporting", "data"])
@pytest.mark.parametrize("named", ["06_models", "another"])
def test_a_champion_in_a_folder_that_is_a_link_is_checked_against_its_log(
    tmp_path: Path, linked: str, named: str
) -> None:
    house = House(tmp_path / "data")
    content = house.candidate("a", 0)
    house.record("a", content)
    house.store.put(Artifact(content, "a"))
    elsewhere = tmp_path / "disk" / named
    elsewhere.parent.mkdir()
    (tmp_path / linked).rename(elsewhere)
    (tmp_path / linked).symlink_to(elsewhere)
    store = Store.of_champion(house.file)
    assert store is not None
    assert store.champion().content == content
    house.file.write_bytes(flipped(content))
    with pytest.raises(DataError, match=r": kedro run --pipelines rollback --params"):
        store.champion()


def test_the_environment_in_a_command_is_that_of_the_outputs_or_is_left_out(
    tmp_path: Path,
) -> None:
    for folder, command in (
        ("data", "kedro run"),
        ("data/my patients", "kedro run --env 'my patients'"),
        ("on the server", "kedro run"),
    ):
        store = Store.of_champion(tmp_path / folder / "06_models/champion.keras")
        assert store is not None
        assert store.run_command == command
    # A link to the champion leads to its environment, and one on the way does not change it.
    (tmp_path / "data/nightly/06_models").mkdir(parents=True)
    champion = tmp_path / "data/nightly/06_models/champion.keras"
    (tmp_path / "now.keras").symlink_to(champion)
    (tmp_path / "data/linked").symlink_to(tmp_path / "data/nightly")
    for path, env in ((tmp_path / "now.keras", "nightly"), (champion, "nightly")):
        store = Store.of_champion(path)
        assert store is not None
        assert store.run_command == f"kedro run --env {env}"
    store = Store.of_champion(tmp_path / "data/linked/06_models/champion.keras")
    assert store is not None
    assert store.run_command == "kedro run --env linked"


def test_a_copy_of_the_folder_alone_is_refused_with_what_it_lacks(
    house: House, tmp_path: Path
) -> None:
    there = tmp_path / "server/06_models"
    shutil.copytree(house.file.parent, there)
    with pytest.raises(DataError, match=r"copy 08_reporting/promotions\.jsonl beside it too"):
        LSTMClassifier.load(there / "champion.keras")
    (tmp_path / "server/08_reporting").mkdir()
    shutil.copy(house.log, tmp_path / "server/08_reporting")
    store = Store.of_champion(there / "champion.keras")
    assert store is not None
    assert store.champion().content == house.file.read_bytes()


def test_a_champion_that_is_a_link_is_replaced_and_what_it_leads_to_stays(
    house: House, tmp_path: Path
) -> None:
    before, elsewhere = house.file.read_bytes(), tmp_path / "elsewhere.keras"
    house.file.rename(elsewhere)
    house.file.symlink_to(elsewhere)
    assert house.store.champion().content == before
    new = house.candidate("b", 1)
    house.record("b", new, "a")
    house.store.settle()
    assert house.file.read_bytes() == new
    assert not house.file.is_symlink()
    assert elsewhere.read_bytes() == before
