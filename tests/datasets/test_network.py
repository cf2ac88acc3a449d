"""The network's file: whole or not at all, and not read back by the run that wrote it."""

from pathlib import Path

import pytest
from kedro.io import DatasetError, Version

from tabular_lstm.datasets.network import NetworkDataset
from tests.helpers.networks import assert_same_weights, ensemble_of, schema_of


def test_a_network_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "candidate.keras"
    dataset = NetworkDataset(filepath=str(path))
    dataset.save(ensemble_of(schema_of()))
    before = path.read_bytes()
    (tmp_path / ".candidate.keras.new").symlink_to("/dev/full")
    with pytest.raises(DatasetError, match="No space left on device"):
        dataset.save(ensemble_of(schema_of(), seed=1))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["candidate.keras"]


def test_another_process_reads_what_was_saved(tmp_path: Path) -> None:
    path, network = str(tmp_path / "candidate.keras"), ensemble_of(schema_of())
    saving = NetworkDataset(filepath=path, version=Version(None, "a"))
    saving.save(network)
    assert saving.load() is network
    reading = NetworkDataset(filepath=path, version=Version(None, None))
    assert_same_weights(reading.load(), network)
