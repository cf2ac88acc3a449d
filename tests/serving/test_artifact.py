"""The champion is checked whenever it is read, and a file that brings code along is refused."""

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from kedro.io import DatasetError

from tabular_lstm.datasets.candidates import KerasModelDataset
from tabular_lstm.errors import DataError
from tabular_lstm.files import sha256
from tabular_lstm.network.build import build
from tabular_lstm.parameters import Ensemble, Network
from tabular_lstm.rows.schema import Schema
from tabular_lstm.serving.artifact import (
    Artifact,
    ArtifactDataset,
    ChampionDataset,
    VersionsDataset,
)
from tabular_lstm.serving.log import PromotionLogDataset

SCHEMA = Schema(
    features=["size", "weight"],
    steps=1,
    features_per_step=2,
    missing={},
    mean=[0, 0],
    variance=[1, 1],
    label="sold",
    positive_class=1,
    negative_class=0,
)


class House:
    """A folder with candidates, a promotion log and a champion."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path / "champion.keras"
        self.log = PromotionLogDataset(str(path / "promotions.jsonl"))
        self.champion = ChampionDataset(
            str(self.file),
            log={"filepath": str(path / "promotions.jsonl")},
            artifacts={"filepath": str(path / "candidate.keras")},
        )

    def candidate(self, run: str, seed: int) -> bytes:
        """Save a real network as the candidate of a run."""
        network = Network(ensemble=Ensemble(members=2, units=[2]))
        path = self.kept(run)
        path.parent.mkdir(parents=True)
        build(SCHEMA, network, seed).save(path)
        return path.read_bytes()

    def kept(self, run: str) -> Path:
        return self.path / "candidate.keras" / run / "candidate.keras"

    def record(self, run: str, content: bytes, replaced: str | None = None) -> None:
        """Write the promotion of a run to the log, and nothing else."""
        self.log.save(
            {
                "run_id": run,
                "time": "2026-11-25T02:15:00Z",
                "action": "promoted",
                "reason": "",
                "champion": run,
                "sha256": sha256(content),
                "replaced": replaced,
            }
        )


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A champion of run a."""
    house = House(tmp_path)
    content = house.candidate("a", 0)
    house.record("a", content)
    house.champion.save(Artifact(content, "a"))
    return house


def test_the_champion_is_the_promoted_file_to_the_byte(house: House) -> None:
    loaded = house.champion.load()
    assert loaded.content == house.file.read_bytes() == house.kept("a").read_bytes()
    assert loaded.sha256 == house.log.load()[-1]["sha256"]
    assert loaded.network.schema == SCHEMA
    sequences = np.zeros((3, 1, 2), np.float32)
    assert loaded.network(sequences).shape == (3, 1)


def test_without_a_promotion_there_is_none(tmp_path: Path) -> None:
    champion = House(tmp_path).champion
    assert not champion.exists()
    with pytest.raises(DataError, match=r"no champion yet\. kedro run --pipelines retraining"):
        champion.load()


def flipped(content: bytes) -> bytes:
    return content[:100] + bytes([content[100] ^ 1]) + content[101:]


@pytest.mark.parametrize("damage", [flipped, lambda content: content[:-1], lambda content: b""])
def test_a_damaged_champion_is_refused_with_the_way_back(house: House, damage: Any) -> None:
    whole = house.file.read_bytes()
    house.file.write_bytes(damage(whole))
    for use in (house.champion.load, house.champion.settle):
        with pytest.raises(DataError) as refused:
            use()
        message = str(refused.value)
        assert f"{house.file} has SHA-256 {sha256(house.file.read_bytes())}" in message
        assert f"expected {sha256(whole)} of run a" in message
        # There is no champion before it, so that no other way is named.
        assert message.endswith(
            "put the artifact of run a back: kedro run --pipelines rollback --params "
            "rollback.run_id=a."
        )
    assert house.file.read_bytes() == damage(whole)


def test_where_no_copy_is_left_a_new_champion_is_the_way(house: House) -> None:
    house.file.write_bytes(b"")
    house.kept("a").unlink()
    with pytest.raises(DataError) as refused:
        house.champion.load()
    assert "rollback" not in str(refused.value)
    assert str(refused.value).endswith(
        "kedro run --pipelines retraining --params promotion.start_over=true."
    )


def test_a_champion_that_the_log_does_not_know_is_not_replaced(house: House) -> None:
    (house.path / "promotions.jsonl").unlink()
    for use in (house.champion.load, house.champion.settle):
        with pytest.raises(DataError) as refused:
            use()
        assert str(refused.value).startswith(
            f"{house.file} is there, but the promotion log, {house.path / 'promotions.jsonl'}, "
            "names no champion. Put back a copy"
        )
    assert house.champion.exists()


def test_a_promotion_stopped_after_its_line_holds_and_is_finished(house: House) -> None:
    new = house.candidate("b", 1)
    house.record("b", new, "a")
    assert house.champion.load().content == new != house.file.read_bytes()
    house.champion.settle()
    assert house.file.read_bytes() == new


def test_a_first_promotion_stopped_after_its_line_holds_too(tmp_path: Path) -> None:
    house = House(tmp_path)
    content = house.candidate("a", 0)
    house.record("a", content)
    assert house.champion.exists()
    assert house.champion.load().content == content
    assert not house.file.exists()
    house.champion.settle()
    assert house.file.read_bytes() == content


def test_a_first_promotion_amid_loading_is_no_lost_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path)
    content = house.candidate("a", 0)
    read_file = ChampionDataset._content

    def promote_before(champion: ChampionDataset) -> bytes | None:
        monkeypatch.undo()
        house.record("a", content)
        house.champion.save(Artifact(content, "a"))
        return read_file(champion)

    monkeypatch.setattr(ChampionDataset, "_content", promote_before)
    assert house.champion.load().content == content


def test_an_older_champion_in_its_place_is_no_stopped_promotion(house: House) -> None:
    old = house.file.read_bytes()
    for run, before in (("b", "a"), ("c", "b")):
        content = house.candidate(run, ord(run))
        house.record(run, content, before)
        house.champion.settle()
    house.file.write_bytes(old)
    with pytest.raises(DataError, match="of run c, which the promotion log names"):
        house.champion.load()


def test_where_the_kept_copy_is_damaged_too_nothing_is_made_up(house: House) -> None:
    new = house.candidate("b", 1)
    house.record("b", new, "a")
    house.kept("b").write_bytes(flipped(new))
    with pytest.raises(DataError, match="of run b"):
        house.champion.load()
    house.file.unlink()
    with pytest.raises(DataError, match=r"champion.keras is not there; expected") as refused:
        house.champion.load()
    # A command that could not work is not named.
    assert "rollback.run_id" not in str(refused.value)
    assert str(refused.value).endswith("the champion before it: kedro run --pipelines rollback.")


@pytest.mark.parametrize("lost", [True, False])
def test_the_champion_mends_its_kept_copy(house: House, lost: bool) -> None:
    kept, whole = house.kept("a"), house.file.read_bytes()
    kept.unlink() if lost else kept.write_bytes(flipped(whole))
    house.champion.settle()
    assert kept.read_bytes() == whole


def test_the_preview_lists_the_layers(house: House) -> None:
    shown = json.loads(house.champion.preview())
    assert list(shown["layers"]) == ["embed", "recur_1", "read_out"]


# Files that are no network of this project


def with_a_lambda(path: Path, marker: Path) -> None:
    """Save a model whose layer runs code when it is loaded without safe mode."""
    code = f"lambda x: __import__('pathlib').Path({str(marker)!r}).touch() or x"
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(eval(code))])
    model.save(path)
    marker.unlink()
    keras.saving.load_model(path, safe_mode=False)
    marker.unlink()  # so it does run, where it may


def with_another_class(path: Path, marker: Path) -> None:
    """Save a file that names a function of the standard library as its class."""
    config = {
        "module": "os",
        "class_name": "system",
        "registered_name": "system",
        "config": {"command": f"touch {marker}"},
    }
    write(path, config)


def with_our_name_and_foreign_parts(path: Path, marker: Path) -> None:
    """Save a file that says it is an ensemble and is compiled with a lambda."""
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(path)
    with zipfile.ZipFile(path) as file:
        config = json.loads(file.read("config.json"))
    layers = config["config"]
    config = {
        "module": "tabular_lstm.network.build",
        "class_name": "LSTMEnsemble",
        "registered_name": "tabular_lstm>LSTMEnsemble",
        "config": layers,
        "compile_config": {
            "loss": {"class_name": "__lambda__", "config": {"value": f"touch {marker}"}}
        },
    }
    write(path, config)


def write(path: Path, config: dict[str, Any]) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps(config))
        file.writestr("metadata.json", json.dumps({"keras_version": keras.__version__}))
        file.writestr("model.weights.h5", b"")


def not_a_zip(path: Path, marker: Path) -> None:
    path.write_bytes(b"\x80\x04cposix\nsystem\n")


def not_whole(path: Path, marker: Path) -> None:
    with_another_class(path, marker)
    path.write_bytes(path.read_bytes()[:-10])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (with_a_lambda, "expected a network of kind ensemble (tabular_lstm>LSTMEnsemble), got 'S"),
        (with_another_class, "got 'system'. It was not loaded"),
        (with_our_name_and_foreign_parts, "expected a whole .keras file of this project"),
        (not_a_zip, "expected a whole .keras file of this project"),
        (not_whole, "expected a whole .keras file of this project"),
    ],
)
def test_code_in_a_file_is_not_run(tmp_path: Path, make: Any, said: str) -> None:
    path, marker = tmp_path / "candidate.keras", tmp_path / "code ran"
    make(path, marker)
    with pytest.raises(DataError) as refused:
        _ = Artifact(path.read_bytes(), str(path)).network
    assert str(path) in str(refused.value)
    assert said in str(refused.value)
    assert not marker.exists()


# Versions


def test_versions_by_run_id(house: House) -> None:
    house.candidate("b", 1)
    config = {
        "type": "tabular_lstm.serving.artifact.ArtifactDataset",
        "filepath": str(house.path / "candidate.keras"),
    }
    artifacts = VersionsDataset(config)
    versions = artifacts.load()
    assert list(versions) == ["a", "b"]
    for run, load in versions.items():
        assert load().content == house.kept(run).read_bytes()
        assert load().file == str(house.kept(run))
    with pytest.raises(DatasetError, match="read only"):
        artifacts.save("anything")


def test_no_versions_yet(tmp_path: Path) -> None:
    config = {"type": "json.JSONDataset", "filepath": str(tmp_path / "decision.json")}
    assert VersionsDataset(config).load() == {}


def test_an_artifact_is_not_written_by_its_reader(house: House) -> None:
    dataset = ArtifactDataset(str(house.file))
    assert dataset.load().content == house.file.read_bytes()
    with pytest.raises(DatasetError, match="read only"):
        dataset.save("anything")


def test_a_candidate_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = KerasModelDataset(filepath=str(tmp_path / "candidate.keras"))
    dataset.save(build(SCHEMA, Network(), 0))
    before = (tmp_path / "candidate.keras").read_bytes()
    (tmp_path / ".candidate.keras.new").symlink_to("/dev/full")
    with pytest.raises(DatasetError, match="No space left on device"):
        dataset.save(build(SCHEMA, Network(), 1))
    assert (tmp_path / "candidate.keras").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["candidate.keras"]
