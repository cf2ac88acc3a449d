"""Any dataset that loads a table gives rows; where it fails, one line says so without secrets."""

import sqlite3
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from kedro.io import AbstractDataset, DataCatalog, MemoryDataset

from tabular_lstm.datasets.rows_to_score import RawRowsDataset
from tabular_lstm.datasets.tables import TableDataset, as_table, own_entry
from tests.helpers.errors import raises_data_error
from tests.helpers.raw_rows import whole

ROWS = pd.DataFrame({"id": [1, 2], "y": [0, 1]})
SECRET = "h0rse"


def catalog_of(tmp_path: Path, **entries: Any) -> DataCatalog:
    with sqlite3.connect(tmp_path / "rows.db") as connection:
        ROWS.to_sql("rows", connection, index=False)
    credentials = {"db": {"con": f"sqlite:///{tmp_path}/rows.db"}}
    return DataCatalog.from_config(entries, credentials)


def query(sql: str, **load_args: Any) -> dict[str, Any]:
    entry = {"type": "pandas.SQLQueryDataset", "sql": sql, "credentials": "db"}
    return {**entry, "load_args": load_args}


def test_each_entry_of_rows_is_read_as_rows_and_no_other(tmp_path: Path) -> None:
    own = {"type": "tabular_lstm.datasets.RawRowsDataset", "filepath": "rows.csv"}
    of_sql = {name: query("SELECT * FROM rows") for name in ("raw_rows", "late_labels", "others")}
    entries = {**of_sql, "rows_to_score": own}
    wrapped = {name: as_table(name, entry) for name, entry in entries.items()}
    assert {name: own_entry(entry) for name, entry in wrapped.items()} == entries
    catalog = catalog_of(tmp_path, **wrapped)
    for name in ("raw_rows", "late_labels"):
        assert catalog.load(name).file == name
        assert whole(catalog.load(name)).to_numpy().tolist() == [[1, 0], [2, 1]]
    assert isinstance(catalog.get("rows_to_score"), RawRowsDataset)
    assert isinstance(catalog.load("others"), pd.DataFrame)
    for malformed in (None, "rows.csv", {"filepath": "rows.csv"}):  # which Kedro refuses
        assert as_table("raw_rows", malformed) == malformed


class OwnRows(RawRowsDataset):
    """A dataset of one's own, derived from the project's."""


def test_a_dataset_derived_from_that_of_the_project_gives_its_rows(tmp_path: Path) -> None:
    ROWS.to_csv(tmp_path / "rows.csv", index=False)
    dataset = TableDataset("raw_rows", OwnRows(filepath=str(tmp_path / "rows.csv")))
    assert whole(dataset.load()).to_numpy().tolist() == [["1", "0"], ["2", "1"]]


class Changing(AbstractDataset[Any, pd.DataFrame]):
    """A table to which a row is added each time it is read."""

    def __init__(self) -> None:
        self.rows = ROWS

    def load(self) -> pd.DataFrame:
        self.rows = pd.concat([self.rows, self.rows[-1:]])
        return self.rows

    def save(self, data: Any) -> None: ...

    def _describe(self) -> dict[str, Any]:
        return {}


def test_the_rows_that_were_hashed_are_those_that_are_read() -> None:
    dataset = TableDataset("raw_rows", Changing())
    hashed = dataset.load().sha256()
    assert dataset.load().sha256() == hashed
    assert len(whole(dataset.load())) == 3


def test_a_table_is_read_only_and_labels_of_which_there_are_none_have_not_come_yet() -> None:
    """A query answers with no rows, where a file is not there yet."""
    with raises_data_error(match="raw_rows is read-only here"):
        TableDataset("raw_rows", MemoryDataset(ROWS)).save(ROWS)
    assert TableDataset("late_labels", MemoryDataset(ROWS[:0])).load() is None
    with raises_data_error(match="raw_rows: the table has no rows; expected at least one"):
        TableDataset("raw_rows", MemoryDataset(ROWS[:0])).load()


@pytest.mark.parametrize(
    ("entry", "credentials", "said"),
    [
        (
            query(f"SELECT *\nFROM gone WHERE x = '{SECRET}'", params={"token": SECRET}),
            None,
            "SQLQueryDataset could not load the table: OperationalError: no such table: gone. See",
        ),
        (
            query("SELECT :token FROM gone", params={"token": SECRET}),
            f"nothing://me:{SECRET}@host/db",
            "SQLQueryDataset could not load the table: NoSuchModuleError: ",
        ),
        (  # a password with @ and :
            query("SELECT 1"),
            f"postgresql+psycopg://me:h@h:{SECRET}@host/db",
            "ValueError: invalid literal for int() with base 10: '***@host'. See this entry",
        ),
        (  # a space in the options of a URL
            query("SELECT 1"),
            f"nothing://host/db?password=a+{SECRET}",
            "SQLQueryDataset could not load the table: NoSuchModuleError: ",
        ),
        (
            {"type": "pandas.ParquetDataset", "filepath": f"gone-{SECRET}.parquet"},
            None,
            "ParquetDataset could not load the table: FileNotFoundError: ",
        ),
    ],
)
def test_a_source_that_fails_is_one_line_without_arguments(
    tmp_path: Path, entry: dict[str, Any], credentials: str | None, said: str
) -> None:
    con = {"con": credentials or f"sqlite:///{tmp_path}/rows.db"}
    catalog = DataCatalog.from_config({"raw_rows": entry}, {"db": con})
    with raises_data_error() as error:
        TableDataset("raw_rows", catalog.get("raw_rows")).load()
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert SECRET not in str(error.value) or "filepath" in entry


class Refused(AbstractDataset[Any, Any]):
    """A table whose driver names the password in its error."""

    def __init__(self, **connection: Any) -> None:
        self.connection = connection

    def load(self) -> Any:
        raise ValueError(f"no rights: {self.connection}")

    save = _describe = load


@pytest.mark.parametrize(
    "arguments",
    [
        {"credentials": {"password": 4711}},
        {"connection": {"backend": "oracle", "password": SECRET}},
        {"dataset": {"type": "sql", "load_args": {"con": f"oracle://me:{SECRET}@host/db"}}},
    ],
)
def test_a_secret_is_hidden_wherever_the_entry_has_it(arguments: dict[str, Any]) -> None:
    with raises_data_error() as error:
        TableDataset("raw_rows", Refused(**arguments)).load()
    assert "ValueError: no rights: " in str(error.value)
    assert "***" in str(error.value)
    assert SECRET not in str(error.value)
    assert "4711" not in str(error.value)


def test_a_table_that_fails_while_it_is_read_names_the_entry_too() -> None:
    lazy = pl.LazyFrame({"x": ["a"]}).select(pl.col("x").cast(pl.Int64))
    with raises_data_error(match="raw_rows: MemoryDataset could not load the table: InvalidOp"):
        TableDataset("raw_rows", MemoryDataset(lazy, copy_mode="assign")).load()
