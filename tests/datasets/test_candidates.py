"""What runs left is read, by run id, and written by nobody here."""

from pathlib import Path

import pytest

from tabular_lstm.datasets.candidates import ArtifactDataset, VersionsDataset
from tabular_lstm.errors import DataError
from tabular_lstm.serving.artifact import Artifact
from tests.helpers.errors import raises_data_error


def candidate(folder: Path, run: str) -> Path:
    path = folder / "candidate.keras" / run / "candidate.keras"
    path.parent.mkdir(parents=True)
    path.write_bytes(f"of {run}".encode())
    return path


def test_versions_by_run_id_oldest_first(tmp_path: Path) -> None:
    files = {run: candidate(tmp_path, run) for run in ("b", "a")}
    config = {
        "type": "tabular_lstm.datasets.candidates.ArtifactDataset",
        "filepath": str(tmp_path / "candidate.keras"),
    }
    artifacts = VersionsDataset(config)
    versions = artifacts.load()
    assert list(versions) == ["a", "b"]
    for run, load in versions.items():
        assert load() == Artifact(files[run].read_bytes(), str(files[run]))
    with raises_data_error(match=r"candidate\.keras is read only here"):
        artifacts.save("anything")


def test_a_version_is_read_when_it_is_asked_for_and_an_unreadable_one_says_so(
    tmp_path: Path,
) -> None:
    """A damaged decision of long ago disturbs only who needs it, whatever the damage."""
    config = {"type": "json.JSONDataset", "filepath": str(tmp_path / "decision.json")}
    paths = {run: tmp_path / "decision.json" / run / "decision.json" for run in "abcde"}
    for path in paths.values():
        path.parent.mkdir(parents=True)
    paths["a"].write_text("{")
    paths["b"].write_text("[]")
    paths["c"].mkdir()
    paths["d"].write_bytes(b"\xff")
    paths["e"].write_text("[" * 100_000)
    versions = VersionsDataset(config).load()
    assert versions["b"]() == []
    for run in "acde":
        with pytest.raises(DataError):
            versions[run]()
    versions = VersionsDataset(config).load()
    paths["b"].unlink()
    with pytest.raises(DataError, match="decision"):
        versions["b"]()


def test_no_versions_yet(tmp_path: Path) -> None:
    config = {"type": "json.JSONDataset", "filepath": str(tmp_path / "decision.json")}
    assert VersionsDataset(config).load() == {}


def test_an_artifact_is_not_written_by_its_reader(tmp_path: Path) -> None:
    path = candidate(tmp_path, "a")
    dataset = ArtifactDataset(str(path))
    assert dataset.load().content == path.read_bytes()
    with raises_data_error(match=r"candidate\.keras is read only here"):
        dataset.save("anything")


TYPES = {
    "candidate.keras": {"type": "tabular_lstm.datasets.candidates.ArtifactDataset"},
    "fingerprints.npz": {"type": "tabular_lstm.datasets.fingerprints.FingerprintsDataset"},
    "decision.json": {
        "type": "tabular_lstm.datasets.typed_json.TypedJSONDataset",
        "model": "tabular_lstm.serving.decision.Decision",
    },
}


@pytest.mark.parametrize("name", TYPES)
def test_a_folder_in_place_of_a_file_is_unreadable(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "a" / name
    path.mkdir(parents=True)
    versions = VersionsDataset({**TYPES[name], "filepath": str(tmp_path / name)}).load()
    with pytest.raises(DataError, match="directory") as refused:
        versions["a"]()
    assert str(path) in str(refused.value)
