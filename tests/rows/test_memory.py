"""What a run holds by itself grows little with the rows, from a folder of files to sequences."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

from tabular_lstm.datasets import RawRowsDataset
from tabular_lstm.datasets.in_memory import RowsDataset
from tabular_lstm.parameters import Columns, Split
from tabular_lstm.pipelines.data_processing.nodes import split_rows, validate_rows
from tests.helpers.decisions import PROVENANCE

pytestmark = pytest.mark.long

FEATURES = 8
# Of a row, the bytes of its numbers: features and label.
NUMBERS = 8 * (FEATURES + 1)
OF_A_FILE = 50_000

RUN = """
import sys, threading, time
from pathlib import Path
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from tabular_lstm.datasets import RawRowsDataset
from tabular_lstm.datasets.in_memory import RowsDataset
from tabular_lstm.parameters import Columns, Reshaping, Split, Validation
from tabular_lstm.pipelines import data_processing, reshaping
from tests.helpers.decisions import PROVENANCE

folder, peak, SIDES = Path(sys.argv[1]), 0, ("train", "test")

def own():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

def watch():
    global peak
    while True:
        peak = max(peak, own())
        time.sleep(0.005)

catalog = DataCatalog({
    "raw_rows": RawRowsDataset(filepath=str(folder)),
    "params:columns": MemoryDataset(Columns(label="y", positive_class=1, negative_class=0)),
    "params:validation": MemoryDataset(Validation()),
    "params:split": MemoryDataset(Split()),
    "params:reshaping": MemoryDataset(Reshaping()),
    "provenance": MemoryDataset(PROVENANCE),
    **{
        name: MemoryDataset(copy_mode="assign")
        for name in ("valid_rows", "accepted_rows", "quarantined_rows")
    },
    **{f"{side}_rows": RowsDataset(filepath=f"{folder}/{side}.parquet") for side in SIDES},
    **{
        f"{side}_{what}": MemoryDataset(copy_mode="assign")
        for side in SIDES for what in ("features", "set")
    },
})
threading.Thread(target=watch, daemon=True).start()
SequentialRunner().run(data_processing.create_pipeline() + reshaping.create_pipeline(), catalog)
print(sum(len(catalog.load(f"{side}_set").labels) for side in SIDES))
print(peak * 1024)
"""


def write(folder: Path, rows: int) -> None:
    rng = np.random.default_rng(0)
    for file in range(rows // OF_A_FILE):
        numbers = rng.normal(size=(FEATURES, OF_A_FILE)).round(4)
        label = (numbers[0] + rng.normal(size=OF_A_FILE) > 0).astype(int)
        names = [f"x{place}" for place in range(FEATURES)]
        table = pa.table([*numbers, label], [*names, "y"])
        csv.write_csv(table, folder / f"{file}.csv")


def test_a_row_more_takes_a_few_times_the_bytes_of_its_numbers(tmp_path: Path) -> None:
    peaks = {}
    for rows in (200_000, 600_000):
        folder = tmp_path / str(rows)
        folder.mkdir()
        write(folder, rows)
        printed = subprocess.run(
            [sys.executable, "-c", RUN, str(folder)], check=True, capture_output=True, text=True
        ).stdout.split()
        assert int(printed[-2]) == rows
        peaks[rows] = int(printed[-1])
    per_row = (peaks[600_000] - peaks[200_000]) / 400_000
    assert per_row < 6 * NUMBERS, peaks


def test_names_of_rows_never_become_texts_of_python(tmp_path: Path) -> None:
    """Each would take as much as its numbers; the texts of Arrow are not counted here."""
    write(tmp_path, rows := 4 * OF_A_FILE)
    columns = Columns(label="y", positive_class=1, negative_class=0)
    raw = RawRowsDataset(filepath=str(tmp_path))
    held: list[list[float]] = []
    for _ in range(2):  # the first time modules are imported
        tracemalloc.start()
        valid, _ = validate_rows(raw.load(), columns)
        held.append([tracemalloc.get_traced_memory()[1]])
        train, test, *_ = split_rows(valid, columns, Split(), PROVENANCE)
        for side in (train, test):
            RowsDataset(filepath=str(tmp_path / "sides/side.parquet")).save(side)
        held[-1].append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    read, kept = (of / rows / NUMBERS for of in held[1])
    assert read < 1.6
    assert kept < 2.4
