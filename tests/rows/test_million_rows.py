"""A million rows: just the bad cells are told, each with its reason, in memory that is flat."""

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from tabular_lstm.datasets import RawRowsDataset
from tabular_lstm.datasets.in_memory import RowsDataset
from tabular_lstm.parameters import Columns, Reshaping, Split, Task
from tabular_lstm.pipelines.data_processing.nodes import split_rows, validate_rows
from tabular_lstm.rows.fingerprints import read_key
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.raw_rows import ROWS
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.schema_fit import learn_schema
from tabular_lstm.rows.sequences import lay_out
from tests.helpers.decisions import PROVENANCE
from tests.helpers.raw_rows import rows_at

pytestmark = pytest.mark.long

COUNT = 10**6
COMMA = NumberFormat(decimal=",")
# Of each column, cells that cannot be used with what is wrong with them, and odd ones that can.
NO_NUMBER = [
    "high",
    "1_000",
    "0x1A",
    "+9e 32",
    "\uff11",
    "nan(1)",
    "x, y",
    'an "inch"',
    "two\nlines",
]
TOO_LARGE = ["inf", "-1e400", "1.1e30"]
BAD = {
    "plain": {
        **{cell: f"'{cell}' is not a number".replace("\n", r"\n") for cell in NO_NUMBER},
        **{cell: f"{cell} is infinite or beyond 1e+30 in size" for cell in TOO_LARGE},
    },
    "bounded": {
        **{cell: f"{cell} is outside [0, 100]" for cell in ("-0.5", "100.5")},
        "1e2.": "'1e2.' is not a number",
        "9e99": "9e99 is infinite or beyond 1e+30 in size",
    },
    "coded": {"-8": "-8 is outside [0, inf)", "??": "'??' is not a number"},
    "key": {"": "no key", "NULL": "no key", "1.5E+17": "'1.5E+17' is a rounded number, not a key"},
}
GOOD = {
    "plain": ["", " 7 ", "1e5", "NA", "nan", "+.5", "5.", "1e-400"],
    "bounded": ["100", "0", "1e2", " NULL "],
    "coded": ["-9", "-9.0", "?", " ? ", "0"],
    "kind": ["", "red", "unseen", "NA", "7.0"],
}


def learn(marks: NumberFormat) -> Schema:
    rows = pd.DataFrame({"plain": [1.0], "bounded": [1.0], "coded": [1.0], "kind": ["red"]})
    return learn_schema(
        rows,
        categorical=["kind"],
        missing={"coded": [-9, "?"]},
        bounds={"bounded": (0, 100), "coded": (0, None)},
        reshaping=Reshaping(),
        label="y",
        task=Task.of_classes((0, 1)),
        marks=marks,
    )


def places() -> Iterator[int]:
    """Row numbers from 1: first and last rows of all and of batches, and any others."""
    borders = [1, 2, COUNT - 1, COUNT, *(n * ROWS + step for n in (1, 2, 7) for step in (0, 1))]
    others = np.random.default_rng(0).permutation(np.arange(3, COUNT - 2))
    return iter([*borders, *others[~np.isin(others, borders)].tolist()])


def plant(cells: dict[str, np.ndarray], marks: NumberFormat) -> dict[int, dict[str, str]]:
    """Put odd cells among good ones; give the problems of the bad ones by row and column."""
    free, problems = places(), {}
    for name, bad in BAD.items():
        for _ in range(3):
            for cell, reason in bad.items():
                row = next(free)
                unread = marks == COMMA and cell in {"-0.5", "100.5", "1.1e30"}
                cells[name][row - 1] = cell
                problems[row] = {name: f"'{cell}' is not a number" if unread else reason}
    for name, good in GOOD.items():
        for cell in good * 3:
            written = cell.replace(".", marks.decimal) if name != "kind" else cell
            cells[name][next(free) - 1] = written
    # Two bad cells in a row.
    row = next(free)
    cells["plain"][row - 1], cells["coded"][row - 1] = "high", "-8"
    problems[row] = {"plain": "'high' is not a number", "coded": "-8 is outside [0, inf)"}
    return problems


@pytest.mark.parametrize("marks", [POINT, COMMA], ids=["point", "comma"])
def test_just_the_bad_cells_of_a_million_rows_are_told_each_with_its_reason(
    tmp_path: Path, marks: NumberFormat
) -> None:
    rng = np.random.default_rng(1)
    cells = {
        "key": np.arange(COUNT).astype(str).astype(object),
        "plain": rng.normal(size=COUNT).round(5).astype(str).astype(object),
        "bounded": rng.integers(0, 101, COUNT).astype(str).astype(object),
        "coded": rng.integers(0, 9, COUNT).astype(str).astype(object),
        "kind": rng.choice(["red", "blue"], COUNT).astype(object),
    }
    if marks == COMMA:
        cells["plain"] = np.array([cell.replace(".", ",") for cell in cells["plain"]], object)
    planted = plant(cells, marks)
    path = tmp_path / "rows.csv"
    csv.write_csv(pa.table(cells), path, csv.WriteOptions(delimiter=";"))
    rows = rows_at(path, sep=";")
    schema, found, count = learn(marks), {}, 0
    for batch in rows.batches():
        sequences, problems = lay_out(batch.cells, schema)
        problems["key"] = read_key(batch.cells["key"], marks)[1]
        count += len(sequences)
        for name, of_column in problems.items():
            for place, reason in of_column.items():
                found.setdefault(batch.first + place, {})[name] = reason
    assert count == COUNT
    assert found == planted


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
from tabular_lstm.parameters import Columns, Reshaping, Split, Validation
from tabular_lstm.pipelines import data_processing, reshaping
from tests.helpers.decisions import PROVENANCE

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
    "params:columns": MemoryDataset(Columns(label="y", positive_class=1, negative_class=0)),
    "params:validation": MemoryDataset(Validation()),
    "params:split": MemoryDataset(Split()),
    "params:reshaping": MemoryDataset(Reshaping()),
    "provenance": MemoryDataset(PROVENANCE),
    **{f"{side}_rows": RowsDataset(filepath=f"{folder}/{side}.parquet") for side in SIDES},
    **{name: MemoryDataset(copy_mode="assign") for name in (
        "valid_rows", "accepted_rows", "quarantined_rows",
        *(f"{side}_{what}" for side in SIDES for what in ("features", "set")),
    )},
})
threading.Thread(target=watch, daemon=True).start()
SequentialRunner().run(data_processing.create_pipeline() + reshaping.create_pipeline(), catalog)
print(sum(len(catalog.load(f"{side}_set").labels) for side in SIDES))
print(peak * 1024)
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
    assert per_row < 6 * NUMBERS, peaks


def test_names_of_rows_never_become_texts_of_python(tmp_path: Path) -> None:
    """Each would take as much as its numbers; the texts of Arrow are not counted here."""
    write_files(tmp_path, rows := 4 * OF_A_FILE)
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
