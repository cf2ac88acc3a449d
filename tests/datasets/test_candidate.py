"""The network's file is whole or not there; fingerprints are read as written, or named."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError, Version

from tabular_lstm.datasets.candidate import ArtifactDataset, FingerprintsDataset, NetworkDataset
from tabular_lstm.rows.fingerprints import Fingerprints
from tests.helpers.errors import raises_data_error
from tests.helpers.networks import assert_same_weights, ensemble_of, schema_of


def test_a_network_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "candidate.keras"
    dataset = NetworkDataset(filepath=str(path))
    dataset.save(ensemble_of(schema_of()))
    before = path.read_bytes()
    in_its_way = tmp_path / ".candidate.keras.new"
    in_its_way.mkdir()
    with pytest.raises(DatasetError, match=r"\.candidate\.keras\.new"):
        dataset.save(ensemble_of(schema_of(), seed=1))
    assert path.read_bytes() == before


def test_another_process_reads_what_was_saved(tmp_path: Path) -> None:
    path, network = str(tmp_path / "candidate.keras"), ensemble_of(schema_of())
    saving = NetworkDataset(filepath=path, version=Version(None, "a"))
    saving.save(network)
    assert saving.load() is network
    reading = NetworkDataset(filepath=path, version=Version(None, None))
    assert_same_weights(reading.load(), network)
    artifact = ArtifactDataset(filepath=path, version=Version(None, None))
    assert artifact.load().content == (tmp_path / "candidate.keras/a/candidate.keras").read_bytes()
    with raises_data_error(match=r"candidate\.keras is read only here"):
        artifact.save("anything")


# Fingerprints


SEQUENCES = np.random.default_rng(0).normal(size=(100, 4, 2)).astype(np.float32)
KEYED = Fingerprints.of_rows(SEQUENCES, pd.Series([f"P{n}" for n in range(100)], name="№ of case"))
WARDS = pd.Series([f"W{n // 5}" for n in range(100)], name="ward")
GROUPED = Fingerprints.of_rows(SEQUENCES, None, WARDS)


def assert_same(one: Fingerprints, other: Fingerprints) -> None:
    assert (one.key, one.group, one.sha256) == (other.key, other.group, other.sha256)


@pytest.mark.parametrize("kept", [KEYED, GROUPED, Fingerprints.of_rows(SEQUENCES, None)])
def test_what_is_saved_is_loaded(tmp_path: Path, kept: Fingerprints) -> None:
    path = str(tmp_path / "fingerprints.npz")
    dataset = FingerprintsDataset(path, Version(None, "a"))
    assert not FingerprintsDataset(path, Version(None, None)).exists()
    dataset.save(kept)
    assert FingerprintsDataset(path, Version(None, None)).exists()
    assert_same(dataset.load(), kept)


@pytest.mark.parametrize("kept", [KEYED, GROUPED])
def test_what_an_earlier_version_saved_is_loaded(tmp_path: Path, kept: Fingerprints) -> None:
    path = tmp_path / "fingerprints.npz"
    of_groups = {} if kept.group is None else {"groups": kept.groups, "group": [kept.group]}
    key = np.array([] if kept.key is None else [kept.key], str)
    np.savez(path, sequences=kept.sequences, keys=kept.keys, key=key, **of_groups)
    assert_same(FingerprintsDataset(str(path)).load(), kept)


@pytest.mark.parametrize("damage", ["cut", "pickle", "other"])
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "fingerprints.npz"
    dataset = FingerprintsDataset(str(path))
    dataset.save(KEYED)
    if damage == "pickle":
        np.savez(path, sequences=np.array([{}]), keys=np.array([]))
    elif damage == "other":
        np.savez(path, rows=SEQUENCES)
    else:
        path.write_bytes(path.read_bytes()[:500])
    with raises_data_error(match=r"fingerprints\.npz: expected fingerprints of rows; ") as refused:
        dataset.load()
    assert str(refused.value).startswith(str(path))
