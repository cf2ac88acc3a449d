"""Many rows take memory that is flat in scoring, and grows little with them in training."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

pytestmark = pytest.mark.long

COUNT = 10**6


def printed_by(program: str, path: Path) -> list[int]:
    """Run a program on a path, and give the last two numbers that it prints."""
    command = [sys.executable, "-c", program, str(path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [int(text) for text in printed.split()[-2:]]


READ = """
import resource, sys
from tabular_lstm.datasets.rows_to_score import RawRowsDataset
rows = RawRowsDataset(sys.argv[1]).load()
print(sum(len(batch.cells) for batch in rows.batches()))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_ten_times_the_rows_take_no_more_memory(tmp_path: Path, ending: str) -> None:
    table = pa.table(
        np.random.default_rng(0).normal(size=(8, COUNT)).round(6).tolist(), list("abcdefgh")
    )
    peaks = []
    for times in (1, 10):
        path = tmp_path / f"{times}.{ending}"
        write = csv.CSVWriter if ending == "csv" else parquet.ParquetWriter
        with write(path, table.schema) as writer:
            for _ in range(times):
                writer.write_table(table)
        count, peak = printed_by(READ, path)
        path.unlink()
        assert count == times * COUNT
        peaks.append(peak)
    assert peaks[1] <= 1.2 * peaks[0]


# From a folder of files to sequences, in memory that grows little with the rows

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
from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.parameters.hyperparameters import (
    EvaluationOptions, ReshapingOptions, TrainingOptions, ValidationOptions
)
from tabular_lstm.pipelines import data_processing, reshaping

folder, peak, SIDES = Path(sys.argv[1]), 0, ("train", "test")

def own_memory():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

def watch():
    global peak
    while True:
        peak = max(peak, own_memory())
        time.sleep(0.005)

catalog = DataCatalog({
    "raw_rows": RawRowsDataset(filepath=str(folder)),
    "params:columns": MemoryDataset(ColumnsOptions(label="y", positive_class=1, negative_class=0)),
    "params:validation": MemoryDataset(ValidationOptions()),
    "params:split": MemoryDataset(SplitOptions()),
    "params:evaluation": MemoryDataset(EvaluationOptions()),
    "params:reshaping": MemoryDataset(ReshapingOptions()),
    "params:training": MemoryDataset(TrainingOptions()),
    **{f"{side}_rows": RowsDataset(filepath=f"{folder}/{side}.parquet") for side in SIDES},
    **{name: MemoryDataset(copy_mode="assign") for name in (
        "valid_rows", "accepted_rows", "quarantined_rows",
        *(f"{side}_{what}" for side in SIDES for what in ("features", "set")),
    )},
})
threading.Thread(target=watch, daemon=True).start()
SequentialRunner().run(data_processing.create_pipeline() + reshaping.create_pipeline(), catalog)
taken = peak  # not with the rows that are read to count them
print(sum(len(catalog.load(f"{side}_rows")) for side in SIDES))
print(taken * 1024)
"""


def write_files(folder: Path, rows: int) -> None:
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
        write_files(folder, rows)
        count, peaks[rows] = printed_by(RUN, folder)
        assert count == rows
    per_row = (peaks[600_000] - peaks[200_000]) / 400_000
    assert per_row < 4.5 * NUMBERS, peaks
