"""Rows to score are checked batch by batch: the good ones go on, the bad ones to quarantine."""

import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from tabular_lstm.errors import DataError
from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.rows.number_format import POINT
from tabular_lstm.rows.raw_rows import Batch
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.scoring_validation import (
    CheckedBatch,
    CheckedRows,
    RowCheck,
    whole_customers,
)
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.rows.validation import Kinds
from tests.helpers.checks import batches_of
from tests.helpers.histories import TO_SETS, conf_of, raw_of, run
from tests.helpers.raw_rows import rows_at

SCHEMA = Schema(
    features=["age", "color"],
    steps=2,
    features_per_step=1,
    categories={"color": ["blue", "red"]},
    missing={"age": [0]},
    bounds={"age": (0.0, 120.0)},
    mean=[40.0, 0.0],
    variance=[100.0, 1.0],
    label="warm",
    positive_class="yes",
    negative_class="no",
)


def written(path: Path, rows: pd.DataFrame) -> Path:
    rows.to_csv(path, index=False)
    return path


def people(count: int, bad: tuple[int, ...] = ()) -> pd.DataFrame:
    """So many rows, of which those at some places have an impossible age."""
    rows = pd.DataFrame(
        {
            "id": [f"P{number}" for number in range(count)],
            "color": (["red", "green", "blue", ""] * count)[:count],
            "age": [str(18 + number % 60) for number in range(count)],
        }
    )
    rows.loc[list(bad), "age"] = "-1"
    return rows


def checked(
    path: Path, limit: float = 0.5, key: str | None = None, copied: tuple[str, ...] = ()
) -> CheckedRows:
    source = rows_at(path)
    types = {name: pa.string() if name == key else source.types([name])[name] for name in copied}
    check = RowCheck(SCHEMA, key, types, source.format_of([], SCHEMA.marks))
    return CheckedRows(source, check, limit)


@pytest.fixture
def _batches_of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tabular_lstm.rows.raw_rows.ROWS", 4)


@pytest.mark.usefixtures("_batches_of_four")
def test_good_rows_are_laid_out_as_in_training_and_keep_their_numbers(tmp_path: Path) -> None:
    rows = people(10, bad=(1, 6))
    stream = checked(written(tmp_path / "rows.csv", rows))
    batches = list(batches_of(stream))
    assert [batch.rows.total() for batch in batches] == [4, 4, 2]
    assert [batch.origin["row"].to_pylist() for batch in batches] == [[1, 3, 4], [5, 6, 8], [9, 10]]
    assert all(batch.expected >= 8 for batch in batches)
    good = rows.drop(index=[1, 6])
    np.testing.assert_array_equal(
        np.concatenate([batch.sequences for batch in batches]), to_sequences(good, SCHEMA)
    )
    assert [len(batch.aside) for batch in batches] == [1, 1, 0]
    assert kinds_of(batches).counts() == {"age: outside [0, 120]": 2}


@pytest.mark.usefixtures("_batches_of_four")
def test_in_a_folder_rows_are_numbered_by_file(tmp_path: Path) -> None:
    folder = tmp_path / "days"
    folder.mkdir()
    for day in "ab":
        written(folder / f"{day}.csv", people(5, bad=(4,)))
    stream = checked(folder)
    batches = list(batches_of(stream))
    assert [(dict(batch.rows), batch.origin["row"].to_pylist()) for batch in batches] == [
        ({file: count}, rows)
        for file in ("a.csv", "b.csv")
        for count, rows in ((4, [1, 2, 3, 4]), (1, []))
    ]
    assert batches[0].origin["file"].to_pylist() == ["a.csv"] * 4
    aside = pd.concat([batch.aside for batch in batches])
    assert aside[["file", "row"]].to_numpy().tolist() == [["a.csv", 5], ["b.csv", 5]]
    assert "rows a.csv:5, b.csv:5: age: -1 is outside" in kinds_of(batches).listed()[0]


def test_the_key_is_read_and_other_columns_are_copied(tmp_path: Path) -> None:
    rows = people(4)
    rows["id"] = ["7.0", " 8 ", "", "9"]
    stream = checked(written(tmp_path / "rows.csv", rows), key="id", copied=("id", "color"))
    (batch,) = batches_of(stream)
    assert pa.table(batch.copied).to_pydict() == {
        "id": ["7", "8", "9"],
        "color": ["red", "green", ""],
    }
    assert batch.kinds.counts() == {"id: no key": 1}


@pytest.mark.usefixtures("_batches_of_four")
def test_copied_columns_keep_their_types_though_the_first_batches_hold_none(tmp_path: Path) -> None:
    rows = people(10).assign(
        seen=[None] * 9 + [datetime.date(2026, 11, 26)],
        paid=[None] * 9 + [Decimal("1.50")],
    )
    path = tmp_path / "rows.parquet"
    rows.to_parquet(path)
    names = ("seen", "paid")
    batches = list(batches_of(checked(path, copied=names)))
    copied = pa.concat_tables([pa.table(batch.copied) for batch in batches])
    assert copied.equals(parquet.read_table(path, columns=list(names)))


def test_bytes_are_text(tmp_path: Path) -> None:
    """Older programs write text to Parquet as bytes."""
    rows = people(4).assign(file=[b"\xff"] * 4)
    table = pa.Table.from_pandas(rows, preserve_index=False)
    for name in ("id", "color"):
        place = table.column_names.index(name)
        table = table.set_column(place, name, table[name].cast(pa.binary()))
    path = tmp_path / "rows.parquet"
    parquet.write_table(table, path)
    (batch,) = batches_of(checked(path, key="id", copied=("id", "file")))
    np.testing.assert_array_equal(batch.sequences, to_sequences(rows, SCHEMA))
    assert pa.table(batch.copied).to_pydict() == {
        "id": ["P0", "P1", "P2", "P3"],
        "file": ["\\xff"] * 4,
    }


def kinds_of(batches: list[CheckedBatch]) -> Kinds:
    return sum((batch.kinds for batch in batches), Kinds())


@pytest.mark.usefixtures("_batches_of_four")
def test_too_many_bad_rows_are_refused_and_all_of_them_are_known(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.csv", people(10, bad=(8, 9)))
    kinds = kinds_of(list(batches_of(checked(path))))
    with pytest.raises(DataError) as refused:
        checked(path, limit=0.19).refuse_many_quarantined(2, 10, kinds)
    assert f"{path}: 2 of 10 rows went to quarantine" in str(refused.value)
    assert "rows 9, 10: age: -1 is outside [0, 120], and the like" in str(refused.value)
    checked(path, limit=0.2).refuse_many_quarantined(2, 10, kinds)


# Histories, put together by customer

COLUMNS = ColumnsOptions.model_validate(
    {
        **{"label": "sick", "positive_class": "yes", "negative_class": "no", "key": "id"},
        "history": {"of": "patient", "order": "visit"},
    }
)


def visits_of() -> pd.DataFrame:
    """Five visits of each of thirty patients."""
    place = np.arange(150)
    return pd.DataFrame(
        {
            "id": [f"K{one}" for one in place],
            "patient": [f"P{one}" for one in place // 5],
            "visit": (place % 5 + 1).astype(str),
            "dose": (100 * (place // 5) + place % 5).astype(str),
            "sick": np.where(np.random.default_rng(0).random(len(place)) < 0.5, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def schema() -> Schema:
    made = run(
        TO_SETS, {**conf_of(COLUMNS, SplitOptions(test_fraction=0.5)), **raw_of(visits_of())}
    )
    found: Schema = made["schema"]
    return found


def by_customer(schema: Schema, **files: pd.DataFrame) -> list[CheckedBatch]:
    batches = [
        Batch(f"{name}.csv", 1, pa.Table.from_pandas(one, preserve_index=False), f"in/{name}.csv")
        for name, one in files.items()
    ]
    copied = {"id": pa.string(), "patient": pa.string()}
    check = RowCheck(schema, "id", copied, schema.marks, schema.history)
    return [check.of(batch) for batch in whole_customers(batches, "patient", POINT)]


def doses(found: list[CheckedBatch], patient: str) -> list[float]:
    for batch in found:
        if patient in (of := batch.copied["patient"].to_pylist()):
            of_patient = batch.sequences[[of.index(patient)]]
            return [float(value) for value in of_patient.dense()[0, :, 0]]
    raise AssertionError(patient)


@pytest.mark.parametrize(("label", "first"), [("yes", 77.0), ("", 0.0)])
def test_a_later_row_corrects_one_with_its_key_but_without_a_label_none_that_has_one(
    schema: Schema, label: str, first: float
) -> None:
    correction = visits_of()[:1].assign(dose="77", sick=label)
    batches = by_customer(schema, one=visits_of(), two=correction)
    assert doses(batches, "P0") == [first, 1, 2, 3, 4]
    # A batch without a row that can be used is quarantined whole.
    (batch,) = by_customer(schema, one=visits_of().assign(visit="soon"))
    assert len(batch.aside) == batch.rows.total() == 150
    assert len(batch.sequences) == 0


@pytest.mark.parametrize(
    "other",
    [{"dose": "float64"}, {"visit": "float64", "dose": "float64"}, {"sick": "null[pyarrow]"}],
    ids=["a cell is missing", "two columns", "no label yet"],
)
def test_a_column_that_is_empty_in_a_file_or_whole_in_another_is_the_same_column(
    schema: Schema, other: dict[str, str]
) -> None:
    typed = visits_of().astype({"dose": "int64", "visit": "int64"})
    later = typed.assign(sick=None) if "sick" in other else typed.astype(other)
    expected = by_customer(schema, one=typed)
    for files in ((typed[:72], later[72:]), (later[:72], typed[72:])):
        found = by_customer(schema, one=files[0], two=files[1])
        assert doses(found, "P14") == doses(expected, "P14")
        assert sum(len(batch.sequences) for batch in found) == 30
    # But a whole number that float64 has not is refused beside fractions.
    typed = visits_of().assign(dose=2**60 + 1)
    with pytest.raises(DataError, match="a column has different types"):
        by_customer(schema, one=typed[:72], two=typed[72:].assign(dose=0.5))
    floats = visits_of().astype({"dose": "float64"})
    with pytest.raises(DataError, match=r"two\.\w+: column 'dose' is float, and double in"):
        by_customer(schema, one=floats, two=floats.astype({"dose": "float32"}))
