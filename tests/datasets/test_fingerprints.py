"""Fingerprints of train rows are read as they were written, and damage is named."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import Version

from tabular_lstm.datasets.fingerprints import FingerprintsDataset
from tabular_lstm.rows.fingerprints import Fingerprints
from tests.helpers.errors import raises_data_error

SEQUENCES = np.random.default_rng(0).normal(size=(100, 4, 2)).astype(np.float32)
KEYED = Fingerprints.of_rows(SEQUENCES, pd.Series([f"P{n}" for n in range(100)], name="№ of case"))


@pytest.mark.parametrize("kept", [KEYED, Fingerprints.of_rows(SEQUENCES, None)])
def test_what_is_saved_is_loaded(tmp_path: Path, kept: Fingerprints) -> None:
    dataset = FingerprintsDataset(str(tmp_path / "fingerprints.npz"), Version(None, "a"))
    assert not FingerprintsDataset(str(tmp_path / "fingerprints.npz"), Version(None, None)).exists()
    dataset.save(kept)
    assert FingerprintsDataset(str(tmp_path / "fingerprints.npz"), Version(None, None)).exists()
    read = dataset.load()
    np.testing.assert_array_equal(read.sequences, kept.sequences)
    np.testing.assert_array_equal(read.keys, kept.keys)
    assert read.key == kept.key
    counts = {"sequences": 100, "keys": len(kept.keys), "key": kept.key}
    assert json.loads(dataset.preview()) == counts


@pytest.mark.parametrize("damage", ["cut", "byte", "empty", "words", "pickle", "other", "none"])
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "fingerprints.npz"
    dataset = FingerprintsDataset(str(path))
    dataset.save(KEYED)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    if damage == "pickle":
        np.savez(path, sequences=np.array([{}]), keys=np.array([]), key=np.array([]))
    elif damage == "other":
        np.savez(path, rows=SEQUENCES)
    elif damage == "none":
        none = np.array([], np.uint64)
        np.savez(path, sequences=none, keys=none, key=np.array([], str))
    else:
        whole = path.read_bytes()
        damaged = {"cut": whole[:500], "byte": bytes(content), "empty": b"", "words": b"rows"}
        path.write_bytes(damaged[damage])
    with raises_data_error(match=r"fingerprints\.npz: expected fingerprints of rows; ") as refused:
        dataset.load()
    assert str(refused.value).startswith(str(path))
