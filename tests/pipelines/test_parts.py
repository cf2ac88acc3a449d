"""Rows that are read in parts are the same rows, with the same messages, as those read at once."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.datasets import RawRowsDataset
from tabular_lstm.parameters import Columns, Reshaping, Split
from tabular_lstm.pipelines.reshaping import nodes
from tabular_lstm.rows import fingerprints, raw_rows
from tabular_lstm.rows.fingerprints import Fingerprints, keys_of, together_of
from tests.helpers.nodes import NO_ROWS, split_rows, validate_rows

ROWS = 300
LABEL = {"label": "y", "positive_class": 1, "negative_class": 0}
DESCRIBED = {
    **LABEL,
    "categorical": ["kind"],
    "dates": {"born": "%d.%m.%Y"},
    "missing": {"b": [-9, "?"]},
    "bounds": {"b": (-10, 10)},
}
WAYS: dict[str, dict[str, Any]] = {
    "all kinds": {**DESCRIBED, "weight": "w", "ignore": ["visit", "person", "seen"]},
    "a group": {**DESCRIBED, "group": "person", "ignore": ["visit", "seen"]},
    "a time": {**DESCRIBED, "time": "seen", "key": "visit", "ignore": ["person"]},
    "no date": {**LABEL, "dates": ["kind"], "ignore": ["born", "seen", "visit"]},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files, of which the later ones repeat some rows, and spell some cells otherwise."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "a": rng.normal(size=ROWS).round(3).astype(str),
            "b": rng.integers(0, 9, ROWS).astype(str),
            "c": (10**7 + np.arange(ROWS)).astype(str),
            "kind": rng.choice(["red", "Red", "blue", ""], ROWS),
            "born": [f"{1 + n % 28:02d}.{1 + n % 12:02d}.{1950 + n % 50}" for n in range(ROWS)],
            "visit": [f"{n:03d}" if n % 9 else f"{n}.0" for n in range(ROWS)],
            "person": [str(n // 3) for n in range(ROWS)],
            "seen": [f"2026-{1 + n // 28:02d}-{1 + n % 28:02d}" for n in range(ROWS)],
            "w": rng.choice(["1", "2", "0"], ROWS),
            "y": rng.integers(0, 2, ROWS).astype(str),
        }
    )
    odd = {"a": "high", "b": "?", "kind": " red ", "born": "unknown", "visit": "", "w": "-1"}
    for place, (name, cell) in enumerate(odd.items()):
        for row in range(200 + place, ROWS, 23):
            table.loc[row, name] = cell
    # Of the first times most are dates in any part.
    table.loc[30:60, "seen"] = [str(n) for n in range(31)]
    table.loc[[40, 250], "y"] = "2"
    for file, (start, end) in enumerate([(0, 120), (100, 220), (210, ROWS)]):
        table[start:end].to_csv(tmp_path / f"{file}.csv", index=False)
    return tmp_path


def read(folder: Path, columns: Columns, caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """Go from the files to sequences, and give all that comes out, with what is said."""
    caplog.clear()
    found: dict[str, Any] = {}
    raw = RawRowsDataset(filepath=str(folder)).load()
    found["valid"], found["quarantined"], source = validate_rows(raw, columns)
    kind = "hash" if columns.time is None else "time"
    split = Split(kind=kind)
    if found["valid"].empty:
        return {**found, "known": [source, [r.getMessage() for r in caplog.records]]}
    found["train"], found["test"], summary = split_rows(found["valid"], source, columns, split)
    schema = nodes.learn_schema(
        found["train"], NO_ROWS, summary, columns, Reshaping(allow_padding=True)
    )
    for side in ("train", "test"):
        features = nodes.split_features_from_label(found[side], schema, columns)
        reshaped = nodes.reshape(features, schema)
        found |= {f"{side} {name}": value for name, value in vars(reshaped).items()}
    together = together_of(found["train"], columns)
    keys = keys_of(found["train"], columns)
    known = Fingerprints.of_rows(found["train sequences"], keys, together)
    said = [record.getMessage() for record in caplog.records]
    return {**found, "known": [source, summary, schema, known.sha256, said]}


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(found[name], value)
        elif isinstance(value, pd.Series):
            pd.testing.assert_series_equal(found[name], value)
        elif isinstance(value, np.ndarray):
            np.testing.assert_array_equal(found[name], value)
        else:
            assert found[name] == value, name


@pytest.mark.parametrize("way", WAYS)
def test_parts_of_the_rows_give_what_all_at_once_give(
    folder: Path,
    way: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO)
    columns = Columns.model_validate(WAYS[way])
    expected = read(folder, columns, caplog)
    assert len(expected["quarantined"])
    monkeypatch.setattr(raw_rows, "ROWS", 7)
    monkeypatch.setattr(fingerprints, "PART", 7)
    assert_same(read(folder, columns, caplog), expected)
