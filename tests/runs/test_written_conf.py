"""Files of conf are written all or none: killed, in each other's way, and with links in theirs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.runs.written_conf import written
from tests.helpers import killed_writes

OLD = {"catalog.yml": "old", "parameters.yml": "old"}
NEW = killed_writes.NEW
OTHER = {"parameters_training.yml": "of the user"}
BLOCKS = {"catalog", "parameters"}
WRITES = """
import sys
from pathlib import Path
from tabular_lstm.errors import DataError
from tabular_lstm.runs.written_conf import written
folder, text, times, blocks = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), {*sys.argv[4:]}
for _ in range(times):
    try:
        with written(folder, {"catalog.yml": text, "parameters.yml": text}, blocks):
            print("written")
    except DataError as error:
        print(error)
"""


def put(folder: Path, texts: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text)


def held(folder: Path) -> dict[str, str]:
    return killed_writes.texts(folder)


@pytest.mark.parametrize("old", [{}, OTHER, OLD | OTHER])
def test_killed_at_any_step_there_are_all_old_files_or_all_new_ones(
    tmp_path: Path, old: dict[str, str]
) -> None:
    folder = tmp_path / "conf/mine"
    put(folder, old) if old else folder.parent.mkdir()
    told = subprocess.run(
        [sys.executable, killed_writes.__file__, str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    states = [json.loads(line) for line in told.stdout.splitlines()]
    new = {**old, **NEW}
    assert len(states) > 10
    assert {json.dumps(found, sort_keys=True) for found, _, _ in states} == {
        json.dumps(texts, sort_keys=True) for texts in (old, new)
    }
    for _, after, beside in states:
        assert after == new
        assert set(beside) <= {"mine", "before"}


def test_other_files_stay_what_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "conf/mine"
    put(folder, OLD | OTHER)
    put(folder / "deeper", {"a": "b"})
    (folder / "link").symlink_to("parameters_training.yml")
    with (folder / "parameters_training.yml").open("a") as opened:
        with written(folder, NEW, set()):
            pass
        opened.write(", and more")  # who has it open writes on
    assert (folder / "parameters_training.yml").read_text() == "of the user, and more"
    assert held(folder / "deeper") == {"a": "b"}
    assert (folder / "link").is_symlink()
    assert (folder / "catalog.yml").read_text() == "new"


def test_links_in_the_way_are_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    put(elsewhere, OLD)
    folder = tmp_path / "conf/mine"
    folder.parent.mkdir()
    (folder.parent / ".mine.new").symlink_to(elsewhere)
    with written(folder, NEW, BLOCKS):
        pass
    assert (held(elsewhere), held(folder)) == (OLD, NEW)
    (folder / "catalog.yml").unlink()
    (folder / "catalog.yml").symlink_to(elsewhere / "catalog.yml")
    with written(folder, NEW, set()):
        pass
    assert (held(elsewhere), held(folder)) == (OLD, NEW)
    other = tmp_path / "conf/other"
    other.symlink_to(elsewhere)
    with pytest.raises(OSError, match="expected a folder, got a link"), written(other, NEW, set()):
        pass
    assert held(elsewhere) == OLD


@pytest.mark.parametrize("old", [{}, OLD | OTHER])
def test_a_fault_afterwards_takes_all_back(tmp_path: Path, old: dict[str, str]) -> None:
    folder = tmp_path / "conf/mine"
    put(folder, old) if old else folder.parent.mkdir()

    def write_and_fail() -> None:
        with written(folder, NEW, set()):
            assert held(folder) == old | NEW
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_fail()
    assert held(folder) == old
    assert [path.name for path in folder.parent.iterdir()] == (["mine"] if old else [])


def test_a_file_that_comes_meanwhile_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the copy and the exchange somebody else writes."""
    folder = tmp_path / "conf/mine"
    put(folder, OTHER)
    put_in_place = "tabular_lstm.runs.written_conf._put_in_place"
    real = sys.modules["tabular_lstm.runs.written_conf"]._put_in_place
    for name, said in {"catalog.yml": "is there already", "parameters_b.yml": "changed"}.items():

        def late(beside: Path, folder: Path, name: str = name) -> None:
            (folder / name).write_text("of another")
            real(beside, folder)

        monkeypatch.setattr(put_in_place, late)
        with pytest.raises(DataError, match=said), written(folder, NEW, BLOCKS):
            pass
        assert held(folder) == {**OTHER, name: "of another"}
        (folder / name).unlink()


@pytest.mark.parametrize("blocks", [(), ("catalog", "parameters")])
def test_of_several_at_once_each_writes_both_files(tmp_path: Path, blocks: tuple[str, ...]) -> None:
    folder = tmp_path / "conf/mine"
    folder.parent.mkdir()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITES, str(folder), str(number), "20", *blocks],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    said = [line for writer in writers for line in writer.communicate()[0].splitlines()]
    assert {writer.returncode for writer in writers} == {0}
    assert said.count("written") == (1 if blocks else 80)
    assert all("is there already" in line for line in said if line != "written")
    assert len({*held(folder).values()}) == 1
    assert {*held(folder)} == {*NEW}
    assert [path.name for path in folder.parent.iterdir()] == ["mine"]
