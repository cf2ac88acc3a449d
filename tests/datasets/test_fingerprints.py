"""Fingerprints of train rows are read as they were written, and damage is named."""

import io
import json
import resource
import zipfile
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


WARDS = pd.Series([f"W{n // 5}" for n in range(100)], name="ward")
GROUPED = Fingerprints.of_rows(SEQUENCES, None, WARDS)


@pytest.mark.parametrize("kept", [KEYED, GROUPED, Fingerprints.of_rows(SEQUENCES, None)])
def test_what_is_saved_is_loaded(tmp_path: Path, kept: Fingerprints) -> None:
    dataset = FingerprintsDataset(str(tmp_path / "fingerprints.npz"), Version(None, "a"))
    assert not FingerprintsDataset(str(tmp_path / "fingerprints.npz"), Version(None, None)).exists()
    dataset.save(kept)
    assert FingerprintsDataset(str(tmp_path / "fingerprints.npz"), Version(None, None)).exists()
    read = dataset.load()
    np.testing.assert_array_equal(read.sequences, kept.sequences)
    np.testing.assert_array_equal(read.keys, kept.keys)
    np.testing.assert_array_equal(read.groups, kept.groups)
    assert (read.key, read.group, read.sha256) == (kept.key, kept.group, kept.sha256)
    counts = {"sequences": 100, "keys": len(kept.keys), "key": kept.key}
    if kept.group is not None:
        counts |= {"groups": 20, "group": "ward"}
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


MB = 10**6


def bombs(whole: Path) -> dict[str, bytes]:
    """Small files whose arrays say or unpack to 400 MB."""
    with zipfile.ZipFile(whole) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    zeros = io.BytesIO()
    np.save(zeros, np.zeros(50 * MB, np.uint64))
    header = zeros.getvalue()[:128]
    stored, deflated = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
    return {
        "compressed": zipped({**parts, "sequences.npy": zeros.getvalue()}, deflated),
        "header": zipped({**parts, "sequences.npy": header + bytes(80)}, stored),
        "more": zipped({**parts, "more.npy": parts["keys.npy"]}, stored),
    }


def zipped(parts: dict[str, bytes], how: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", how) as file:
        for name, part in parts.items():
            file.writestr(name, part)
    return content.getvalue()


@pytest.mark.parametrize(
    ("bomb", "said"),
    [
        ("compressed", r"sequences\.npy is compressed, from 400000128 bytes"),
        ("header", r"expected uint64 \(50000000,\) of 400000000 bytes, got 80 bytes"),
        ("more", r"expected key\.npy, keys\.npy, sequences\.npy in it, got"),
    ],
)
def test_a_file_that_unpacks_to_more_is_refused_before_it_takes_the_memory(
    tmp_path: Path, bomb: str, said: str
) -> None:
    path = tmp_path / "fingerprints.npz"
    dataset = FingerprintsDataset(str(path))
    dataset.save(KEYED)
    path.write_bytes(bombs(path)[bomb])
    assert path.stat().st_size < MB
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 100 * MB, before[1]))
    try:
        with raises_data_error(match=f"fingerprints.npz: expected fingerprints of rows; {said}"):
            dataset.load()
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_a_name_of_the_key_is_text(tmp_path: Path) -> None:
    path = tmp_path / "fingerprints.npz"
    numbers = np.array([1, 2], np.uint64)
    np.savez(path, sequences=numbers, keys=numbers, key=np.array([7]))
    with raises_data_error(match=r"expected the name of a column, got int64 \(1,\)"):
        FingerprintsDataset(str(path)).load()
