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


def test_a_network_is_written_whole_or_not_at_all_and_read_by_another_process(
    tmp_path: Path,
) -> None:
    path, network = str(tmp_path / "candidate.keras"), ensemble_of(schema_of())
    saving = NetworkDataset(filepath=path, version=Version(None, "a"))
    saving.save(network)
    assert saving.load() is network
    assert_same_weights(NetworkDataset(filepath=path, version=Version(None, None)).load(), network)
    artifact = ArtifactDataset(filepath=path, version=Version(None, None))
    content = (tmp_path / "candidate.keras/a/candidate.keras").read_bytes()
    assert artifact.load().content == content
    with raises_data_error(match=r"candidate\.keras is read-only here"):
        artifact.save("anything")

    plain = NetworkDataset(filepath=str(tmp_path / "plain.keras"))
    plain.save(network)
    before = (tmp_path / "plain.keras").read_bytes()
    (tmp_path / ".plain.keras.new").mkdir()
    with pytest.raises(DatasetError, match=r"\.plain\.keras\.new"):
        plain.save(network)
    assert (tmp_path / "plain.keras").read_bytes() == before


SEQUENCES = np.random.default_rng(0).normal(size=(100, 4, 2)).astype(np.float32)
KEYED = Fingerprints.of_rows(SEQUENCES, pd.Series([f"P{n}" for n in range(100)], name="№ of case"))
GROUPED = Fingerprints.of_rows(
    SEQUENCES, None, pd.Series([f"W{n // 5}" for n in range(100)], name="ward")
)


@pytest.mark.parametrize("kept", [KEYED, GROUPED, Fingerprints.of_rows(SEQUENCES, None)])
@pytest.mark.parametrize("by_first_release", [False, True])
def test_fingerprints_that_are_saved_are_loaded(
    tmp_path: Path, kept: Fingerprints, by_first_release: bool
) -> None:
    path = str(tmp_path / "fingerprints.npz")
    dataset = FingerprintsDataset(path, None if by_first_release else Version(None, "a"))
    assert not dataset.exists()
    if by_first_release:
        groups = {} if kept.group is None else {"groups": kept.groups, "group": [kept.group]}
        key = np.array([] if kept.key is None else [kept.key], str)
        np.savez(path, sequences=kept.sequences, keys=kept.keys, key=key, **groups)
    else:
        dataset.save(kept)
        assert FingerprintsDataset(path, Version(None, None)).exists()
    loaded = dataset.load()
    assert (loaded.key, loaded.group, loaded.sha256) == (kept.key, kept.group, kept.sha256)


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
