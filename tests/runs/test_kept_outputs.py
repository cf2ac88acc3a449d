"""The log here is made from the objects of a storage, or the run is refused."""

from pathlib import Path
from typing import Any

import pytest
from kedro.config import OmegaConfigLoader

from tabular_lstm.errors import DataError
from tabular_lstm.parameters.runs import StorageOptions
from tabular_lstm.runs import kept_outputs
from tabular_lstm.runs.kept_outputs import KeptOutputs
from tabular_lstm.runs.lock import LockedError
from tabular_lstm.serving.promotion_log import LOG, append, read_log
from tests.helpers.logs import LOG as ENTRIES
from tests.helpers.logs import letters, promotion, run
from tests.helpers.objects import Objects


@pytest.fixture
def lines(tmp_path: Path) -> list[bytes]:
    """The lines of a log with each kind of entry."""
    for entry in ENTRIES:
        append(tmp_path / "whole.jsonl", entry)
    return (tmp_path / "whole.jsonl").read_bytes().splitlines(keepends=True)


@pytest.fixture
def objects(lines: list[bytes]) -> Objects:
    return Objects((f"promotions/{n:08}.json", line) for n, line in enumerate(lines, 1))


def kept_in(outputs: Path, objects: Any) -> KeptOutputs:
    (outputs / ".runs").mkdir(parents=True, exist_ok=True)
    return KeptOutputs(objects, outputs)


def log_here(outputs: Path, content: bytes) -> Path:
    path = outputs / LOG
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("known", [None, 0, 1, 7, 8])
def test_a_log_that_is_behind_becomes_that_of_the_storage(
    tmp_path: Path, objects: Objects, lines: list[bytes], known: int | None
) -> None:
    path = tmp_path / LOG
    if known is not None:
        log_here(tmp_path, b"".join(lines[:known]))
    kept_in(tmp_path, objects).pull_log()
    assert path.read_bytes() == b"".join(lines)


@pytest.mark.parametrize("what", ["longer", "other", "torn", "first"])
def test_a_log_with_what_the_storage_does_not_have_is_refused_and_stays(
    tmp_path: Path, objects: Objects, lines: list[bytes], what: str
) -> None:
    if what == "longer":
        del objects["promotions/00000008.json"]
    elif what == "first":
        objects.clear()
    content = b"".join(lines)
    if what == "other":
        content = content[:-20] + b"f" * 18 + content[-2:]
    if what == "torn":
        content += b'{"run_id": "2026'
    path = log_here(tmp_path, content)
    with pytest.raises(DataError, match=r"not in s3://bucket/of/data/promotions\. Either the log"):
        kept_in(tmp_path, objects).pull_log()
    assert path.read_bytes() == content


def test_a_decision_that_is_missing_or_cut_short_among_the_objects_is_named(
    tmp_path: Path, objects: Objects
) -> None:
    """Cut short it is no decision on its way, as at the end of a file: objects are whole."""
    newest = "promotions/00000008.json"
    objects[newest] = objects[newest][:-7]
    with pytest.raises(DataError, match=rf"{newest} is missing or damaged"):
        kept_in(tmp_path, objects).pull_log()
    del objects["promotions/00000003.json"]
    with pytest.raises(DataError, match=r"promotions/00000003\.json is missing or damaged"):
        kept_in(tmp_path, objects).pull_log()
    assert not (tmp_path / LOG).exists()


def test_a_run_decides_on_the_log_that_it_judged_by_and_on_no_later_one(
    tmp_path: Path, objects: Objects, lines: list[bytes]
) -> None:
    del objects["promotions/00000008.json"]
    slow = kept_in(tmp_path, objects)
    slow.pull_log()
    # As where a scoring beside it finds what another machine has decided meanwhile.
    objects["promotions/00000008.json"] = lines[7]
    kept_in(tmp_path, objects).pull_log()
    with pytest.raises(LockedError, match=rf"run {run('y')} decided first \(rejected\)"):
        append(tmp_path / LOG, promotion("z", "d"), slow.commit)
    assert "promotions/00000009.json" not in objects

    fresh = kept_in(tmp_path, objects)
    fresh.pull_log()
    append(tmp_path / LOG, promotion("z", "d"), fresh.commit)
    assert letters([entry.run_id for entry in read_log(tmp_path / LOG)])[-1] == "z"
    assert len(objects) == 9


def test_all_that_a_run_wrote_is_there_before_it_decides_the_manifest_last(tmp_path: Path) -> None:
    files = [f"06_models/candidate.keras/{run('a')}/candidate.keras"]
    files += [f"07_model_output/predictions/{run('a')}/{name}" for name in ("manifest.json", "p")]
    for name in (*files, f"06_models/candidate.keras/{run('b')}/candidate.keras", "01_raw/x.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    objects = Objects()
    kept = kept_in(tmp_path, objects)
    assert kept.claim(run("a")) == run("a")
    append(tmp_path / LOG, promotion("a"), kept.commit)
    (claim, *others, manifest, entry) = objects
    assert (claim, manifest) == (f".runs/{run('a')}", files[1])
    assert (sorted(others), entry) == (sorted(files[::2]), "promotions/00000001.json")


def test_a_run_id_that_another_machine_has_is_not_taken(tmp_path: Path) -> None:
    objects = Objects({f".runs/{run('a')}": b"theirs"})
    kept = kept_in(tmp_path, objects)
    assert kept.claim(run("a")) == run("b")
    assert [*objects] == [f".runs/{run('a')}", f".runs/{run('b')}"]
    assert (tmp_path / ".runs" / run("b")).exists()


def test_a_missing_extra_and_credentials_that_are_no_mapping_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = StorageOptions(url="s3://bucket/of")
    loader = OmegaConfigLoader(str(tmp_path), base_env="", default_run_env="")
    assert KeptOutputs.of(StorageOptions(), loader, tmp_path, "data") is None
    (tmp_path / "credentials.yml").write_text("storage: c0ffee")
    with pytest.raises(DataError, match=r"credentials\.yml: storage: expected names") as refused:
        KeptOutputs.of(wanted, loader, tmp_path, "data")
    assert "c0ffee" not in str(refused.value)
    monkeypatch.setattr(kept_outputs, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install 'tabular-lstm\[object-storage\]'"):
        KeptOutputs.of(wanted, loader, tmp_path, "data")


@pytest.mark.parametrize(
    "values",
    [
        {"url": "s3://user:c0ffee@bucket/of"},
        {"url": "https://bucket/of"},
        {"url": "s3://bucket/of", "options": {"secret_access_key": "c0ffee"}},
        {"url": "s3://bucket/of", "options": {"endpoint": "http://me:c0ffee@host"}},
        {"url": "s3://bucket/of", "options": {"endpoint": "c0ffee"}},
        {"url": "s3://bucket/of", "timeout": 0.0},
    ],
)
def test_a_storage_is_named_without_a_secret(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"url|options|timeout") as refused:
        StorageOptions.model_validate(values)
    assert "c0ffee" not in str(refused.value)
