"""A million rows: just the bad cells are told, each with its reason, in memory that is flat."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from tabular_lstm.parameters import Reshaping, Task
from tabular_lstm.rows.fingerprints import read_key
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.raw_rows import ROWS
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.schema_fit import learn_schema
from tabular_lstm.rows.sequences import lay_out
from tests.helpers.raw_rows import rows_at

pytestmark = pytest.mark.long

COUNT = 10**6
COMMA = NumberFormat(decimal=",")
# Of each column, cells that cannot be used with what is wrong with them, and odd ones that can.
BAD = {
    "plain": {
        "high": "'high' is not a number",
        "1_000": "'1_000' is not a number",
        "0x1A": "'0x1A' is not a number",
        "+9e 32": "'+9e 32' is not a number",
        "\uff11": "'\uff11' is not a number",
        "nan(1)": "'nan(1)' is not a number",
        "two\nlines": r"'two\nlines' is not a number",
        "x, y": "'x, y' is not a number",
        'an "inch"': "'an \"inch\"' is not a number",
        "inf": "inf is infinite or beyond 1e+30 in size",
        "-1e400": "-1e400 is infinite or beyond 1e+30 in size",
        "1.1e30": "1.1e30 is infinite or beyond 1e+30 in size",
    },
    "bounded": {
        "-0.5": "-0.5 is outside [0, 100]",
        "100.5": "100.5 is outside [0, 100]",
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
        printed = subprocess.run(
            [sys.executable, "-c", READ, str(path)], check=True, capture_output=True, text=True
        ).stdout.split()
        path.unlink()
        assert int(printed[0]) == times * COUNT
        peaks.append(int(printed[1]))
    assert peaks[1] <= 1.2 * peaks[0]
