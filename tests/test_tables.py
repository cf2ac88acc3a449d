"""Rows of any table, from a query to a champion, to predictions and to labels that come late."""

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from kedro.framework.project import pipelines

from tests.helpers.commands import RETRAINING, here, logged, message_of, seed, succeeds
from tests.helpers.databases import SECRET, files_with, in_sqlite, query, reads
from tests.helpers.documents import BLOCK, text
from tests.helpers.project import QUICK, TINY, Project, declare
from tests.helpers.scorings import (
    SCORING,
    finished,
    predictions_of,
    quarantine_of,
)
from tests.helpers.tables import LABEL, rows_to_learn

DATA_PROCESSING = ("run", "--pipelines", "data_processing")
HEALTH = "data/08_reporting/latest_monitoring.json"
TWO = {"label": LABEL, "positive_class": 1, "negative_class": 0}

# From a query to a model that is watched


def patients(project: Project) -> pd.DataFrame:
    """Rows with a key, of which one has a cell that cannot be used."""
    rows = rows_to_learn(project.raw).astype({"age": object})
    rows.insert(0, "id", [f"P{number}" for number in range(len(rows))])
    rows.loc[4, "age"] = "old"
    return rows


def summary_of(project: Project) -> dict[str, Any]:
    return json.loads(project.versions("03_primary/data_summary.json")[-1].read_text())


def labelled_by_a_query(project: Project, entries: Any, labels: pd.DataFrame) -> str:
    """Monitor with labels that a query finds, if any; one of them is of a row in quarantine."""
    in_sqlite(project, labels=labels)
    token = {"params": {"token": SECRET}}
    late_labels = query("SELECT * FROM labels WHERE :token <> ''", load_args=token)
    reads(project, **entries, late_labels=late_labels)
    said = logged("run", "--pipelines", "monitoring")
    health = json.loads((project.path / HEALTH).read_text())
    assert health["champions"][-1]["labelled_rows"] == max(len(labels) - 1, 0)
    return said


@pytest.mark.long
def test_a_shuffled_query_is_the_same_rows_each_time(project: Project) -> None:
    """A champion, nothing new, a candidate on the same sides, predictions: all by SQL."""
    rows = patients(project)
    new = rows.drop(columns=LABEL).assign(id=[f"N{number}" for number in range(len(rows))])
    in_sqlite(project, rows=rows, new=new[:300])
    shuffled = "SELECT * FROM {} WHERE :token <> '' ORDER BY random()"
    entries = {
        name: query(shuffled.format(table), load_args={"params": {"token": SECRET}})
        for name, table in (("raw_rows", "rows"), ("rows_to_score", "new"))
    }
    entries["raw_rows"]["load_args"]["chunksize"] = 100
    reads(project, **entries)
    declare(project, columns={**TWO, "key": "id"}, **QUICK)

    said = [logged(*RETRAINING)]
    assert "Promoted run" in said[0]
    sides = {side: {*project.rows(side)["id"]} for side in ("train", "test")}
    assert len(sides["train"] | sides["test"]) == 767
    quarantine = project.versions("02_intermediate/quarantined_rows.csv")[-1].read_text()
    assert quarantine.splitlines()[1].partition(",")[2].startswith("age: 'old' is not a number,P4,")
    first = summary_of(project)
    said.append(logged(*RETRAINING))
    assert said[1].splitlines()[-1].startswith("Unchanged: ")
    said.append(logged(*RETRAINING, *seed(8)))
    assert {side: {*project.rows(side)["id"]} for side in sides} == sides
    second = summary_of(project)
    assert second["sha256"] == first["sha256"]
    assert second["file"] == "raw_rows"

    said.append(logged(*SCORING))
    scored = predictions_of(project)
    assert {*scored["id"]} == {f"N{number}" for number in range(300) if number != 4}
    assert quarantine_of(project)["id"].tolist() == ["N4"]
    (manifest,) = finished(project)
    assert manifest["inputs"][0]["file"] == "rows_to_score"
    said.append(logged(*SCORING))
    assert said[-1].splitlines()[-1].startswith("Unchanged: ")
    labels = new[["id"]].assign(**{LABEL: rows[LABEL]})
    said += [labelled_by_a_query(project, entries, labels[:count]) for count in (0, 200)]
    declare(project, columns=TWO, **QUICK)  # without a key, a number names a row
    assert "Scored 299 of 300 rows" in logged(*SCORING)
    assert "Scored 299 of 300 rows" in logged(*SCORING)
    declare(project, columns={**TWO, "key": "id"}, **QUICK)
    new[:300].to_csv(project.path / "new.csv", index=False)
    assert "entry rows_to_score has its own filepath and ignores this one" in message_of(
        here(*SCORING, "--params", "rows_to_score=new.csv")
    )
    reads(project, **{name: entry for name, entry in entries.items() if name != "rows_to_score"})
    said.append(logged(*SCORING, "--params", "rows_to_score=new.csv"))
    by_key = [
        frame.set_index("id")["probability"].sort_index()
        for frame in (scored, predictions_of(project))
    ]
    np.testing.assert_array_equal(*by_key)

    reads(project, **entries)
    # Each cell counts.
    in_sqlite(project, rows=rows.assign(glucose=rows["glucose"].where(rows.index != 700, 1)))
    said.append(logged(*RETRAINING, *seed(8)))
    assert "Unchanged" not in said[-1]
    assert summary_of(project)["sha256"] != first["sha256"]
    assert SECRET not in "".join(said)
    assert files_with(project, SECRET) == []


# The same rows as a CSV and as a table


def typed() -> pd.DataFrame:
    """Rows with a column of each type, with missing, odd and bad cells."""
    draw = np.random.default_rng(1)
    count = 400
    days = [
        datetime.date(2026, 1, 1) + datetime.timedelta(int(n)) for n in draw.integers(0, 300, count)
    ]
    rows = pd.DataFrame(
        {
            "id": range(1, count + 1),
            "age": draw.integers(18, 80, count),
            "color": draw.choice(["red", "blue"], count),
            "code": draw.choice([1, 2, 3], count).astype(object),
            "income": draw.normal(3e4, 9e3, count).round(2),
            "seen": days,
            "warm": draw.random(count) < 0.5,
        }
    ).astype({"age": "Int64", "seen": object, "color": object})
    rows.loc[3, ["age", "color", "seen"]] = [None, None, None]
    rows.loc[4, "age"], rows.loc[5, "age"], rows.loc[6, "code"] = 300, -9, "none of these"
    rows.loc[7, "income"] = -1.5
    return rows


def excel(rows: pd.DataFrame, path: Path) -> dict[str, Any]:
    """The entry that the documents show; of whole numbers with a missing one it keeps integers."""
    rows.to_excel(path, index=False)
    shown = [code for _, code in BLOCK.findall(text("docs/your_data.md")) if "Excel" in code]
    return dict(yaml.safe_load(shown[0])["raw_rows"])


def with_types(rows: pd.DataFrame) -> pd.DataFrame:
    """As Parquet takes them, which has no column of several kinds."""
    return rows.astype({"code": "str"})


def parquet(kind: str, **arguments: Any) -> Callable[[pd.DataFrame, Path], dict[str, Any]]:
    def write(rows: pd.DataFrame, path: Path) -> dict[str, Any]:
        with_types(rows).to_parquet(path)
        return {"type": kind, **arguments}

    return write


def hive(rows: pd.DataFrame, path: Path) -> dict[str, Any]:
    """The text of each cell as bytes: Impala, Hive and old versions of Spark write it so."""
    texts = rows.astype("str").where(rows.notna(), None)
    table = pa.Table.from_pandas(texts, preserve_index=False)
    bytes_of_each = pa.schema([(name, pa.binary()) for name in table.column_names])
    pq.write_table(table.cast(bytes_of_each), path)
    return {"type": "tabular_lstm.datasets.RawRowsDataset"}


def duckdb(rows: pd.DataFrame, path: Path) -> dict[str, Any]:
    backend = ibis.duckdb.connect(path)
    backend.con.register("frame", with_types(rows))
    backend.raw_sql("CREATE TABLE rows AS SELECT * FROM frame")
    backend.disconnect()
    connection = {"backend": "duckdb", "database": str(path)}
    return {"type": "ibis.TableDataset", "table_name": "rows", "connection": connection}


TABLES: dict[str, Callable[[pd.DataFrame, Path], dict[str, Any]]] = {
    "pandas": parquet("pandas.ParquetDataset"),
    "rows.parquet": parquet("tabular_lstm.datasets.RawRowsDataset"),
    "hive.parquet": hive,
    "polars": parquet("polars.LazyPolarsDataset", file_format="parquet"),
    "rows.xlsx": excel,
    "duckdb": duckdb,
}


def processed(project: Project) -> tuple[dict[str, Any], pd.DataFrame, dict[str, list[Any]]]:
    """Process the raw rows, and give their summary, the quarantine, and each side's categories."""
    succeeds(here(*DATA_PROCESSING))
    pipelines.set_requested(None)
    path = project.versions("02_intermediate/quarantined_rows.csv")[-1]
    aside = pd.read_csv(path, dtype=str, keep_default_na=False)
    names = ["id", "color", "code"]
    sides = {side: project.rows(side)[names].fillna("") for side in ("train", "test")}
    return (
        summary_of(project),
        aside,
        {side: rows.to_numpy().tolist() for side, rows in sides.items()},
    )


@pytest.mark.long
def test_typed_cells_mean_what_their_text_means(project: Project) -> None:
    rows = typed()
    columns = {
        "label": "warm",
        "positive_class": "True",
        "negative_class": "False",
        "key": "id",
        "categorical": ["color", "code"],
        "dates": ["seen"],
        "missing": {"age": [-9]},
        "bounds": {"age": [0, 120], "income": [0, None]},
    }
    declare(project, columns=columns, **TINY)
    rows.to_csv(project.raw, index=False)
    reads(project)
    summary, aside, sides = processed(project)
    assert aside["row"].tolist() == ["5", "8"]
    assert aside["reason"][0] == "age: 300 is outside [0, 120]"
    hashes = set()
    for name, write in TABLES.items():
        path = project.path / name
        entry = write(rows, path)
        reads(project, raw_rows=entry if "table_name" in entry else {**entry, "filepath": name})
        of_table, aside_too, sides_too = processed(project)
        assert of_table["test_rows_sha256"] == summary["test_rows_sha256"], name
        assert of_table["features"] == summary["features"], name
        assert sides_too == sides, name
        for column in ("row", "reason", "id", "color", "income"):
            assert aside_too[column].tolist() == aside[column].tolist(), name
        hashes |= {of_table["sha256"]} if name in {"pandas", "polars", "duckdb"} else set()
    assert len(hashes) == 1


CATEGORIES = {"categorical": ["color", "code"], "ignore": ["seen"], "key": "id"}


@pytest.mark.long
def test_text_of_a_workbook_stays_text_or_is_warned_of(project: Project) -> None:
    rows = typed().assign(id=lambda of: of["id"].map(lambda n: "0" * (n % 2) + str(n // 2)))
    columns = {"label": "warm", "positive_class": "True", "negative_class": "False"}
    declare(project, columns=columns | CATEGORIES, **TINY)
    rows.to_csv(project.raw, index=False)
    reads(project)
    _, _, sides = processed(project)
    documented = {**excel(rows, project.path / "rows.xlsx"), "filepath": "rows.xlsx"}
    reads(project, raw_rows=documented)
    assert processed(project)[2] == sides
    warning = "raw_rows: pandas reads the text 007 of a workbook as the number 7"
    for load_args, is_warned in (({}, False), ({"load_args": {"sheet_name": 0}}, True)):
        reads(project, raw_rows=documented | load_args)
        assert (warning in logged(*DATA_PROCESSING)) == is_warned
        pipelines.set_requested(None)


def test_an_empty_cell_that_is_a_class_is_null_in_a_table(project: Project) -> None:
    rows = typed().assign(warm=lambda of: of["warm"].map({True: "yes", False: None}))
    columns = {"label": "warm", "positive_class": "yes", "negative_class": ""}
    declare(project, columns=columns | CATEGORIES, **TINY)
    rows.to_csv(project.raw, index=False)
    with_types(rows).to_parquet(project.path / "rows.parquet")
    in_sqlite(project, rows=with_types(rows))
    in_parquet = {"type": "tabular_lstm.datasets.RawRowsDataset", "filepath": "rows.parquet"}
    for entries in ({}, {"raw_rows": in_parquet}, {"raw_rows": query("SELECT * FROM rows")}):
        reads(project, **entries)
        summary, aside, _ = processed(project)
        assert aside.empty, entries
        assert summary["label_share"] == (rows["warm"] == "yes").mean()


# What is refused


@pytest.mark.long
def test_an_entry_that_gives_no_rows_is_one_clear_message(project: Project) -> None:
    in_sqlite(project, rows=pd.DataFrame({"id": [1], LABEL: [1]}))
    unknown = query("SELECT * FROM rows") | {"credentials": "warehouse"}
    for pipeline, entry, said in (
        ("data_processing", unknown, "Unable to find credentials 'w"),
        ("data_processing", query("SELECT *\nFROM gone"), "could not load the table: Op"),
        ("retraining", query("SELECT *\nFROM gone"), "could not load the table: Op"),
        ("retraining", {"type": "pandas.NoDataset", "filepath": "x"}, "raw_rows"),
    ):
        reads(project, raw_rows=entry)
        message = message_of(here("run", "--pipelines", pipeline))
        assert said in message
        assert "\n" not in message or "NoDataset" in str(entry)
