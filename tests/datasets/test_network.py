"""The network's file: whole or not at all, and not read back by the run that wrote it."""

import zipfile
from pathlib import Path

import pytest
from kedro.io import DatasetError, Version

from tabular_lstm.datasets.network import NetworkDataset
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


def test_a_network_that_unpacks_to_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "candidate.keras"
    dataset = NetworkDataset(filepath=str(path))
    dataset.save(ensemble_of(schema_of()))
    with zipfile.ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as compressed:
        for name, part in parts.items():
            compressed.writestr(name, part)
    with raises_data_error(match=r"\.keras file, not loaded: \S+ is compressed"):
        NetworkDataset(filepath=str(path)).load()
