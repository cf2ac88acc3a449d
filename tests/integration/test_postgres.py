"""Rows in a real PostgreSQL, of its own types, to a champion and to predictions."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy

from tests.helpers.commands import RETRAINING, here, logged, message_of, succeeds
from tests.helpers.databases import SECRET, files_with, postgres, query, reads
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.scorings import SCORING, predictions_of, quarantine_of
from tests.helpers.tables import LABEL, rows_to_learn

TABLE = """
CREATE TABLE patients (
    id BIGINT, visit UUID DEFAULT gen_random_uuid(), glucose INTEGER, bmi NUMERIC,
    pedigree NUMERIC(6, 3), age SMALLINT, smokes BOOLEAN, ward TEXT, born DATE, seen TIMESTAMPTZ,
    diabetes BOOLEAN, notes JSONB
)"""
# Ids that float64 does not tell apart.
FIRST = 2**60


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


def patients(project: Project) -> pd.DataFrame:
    """Rows with a column of each type, and with cells that are missing or wrong."""
    rows, draw = rows_to_learn(project.raw), np.random.default_rng(0)
    count = len(rows)
    days = pd.to_timedelta(draw.integers(0, 9000, count), "D")
    rows = (
        rows[["glucose", "bmi", "pedigree", "age", LABEL]]
        .astype({LABEL: bool})
        .assign(
            id=[FIRST + number for number in range(count)],
            smokes=draw.random(count) < 0.5,
            ward=draw.choice(["north", "süd"], count),
            born=(pd.Timestamp("1960-01-01") + days).date,
            seen=pd.Timestamp("2026-03-29T00:30Z") + days / 1000,
        )
    )
    rows = rows.astype({"smokes": object, "ward": object, "bmi": object, "born": object})
    rows.loc[::9, "bmi"] = None
    rows.loc[1, ["smokes", "ward", "born"]] = [None, None, None]
    rows.loc[2, "age"] = 300
    return rows


def test_from_postgres_to_a_champion_and_predictions(project: Project, database: str) -> None:
    rows = patients(project)
    engine = sqlalchemy.create_engine(database)
    with engine.begin() as connection:
        connection.exec_driver_sql(TABLE)
        rows.to_sql("patients", connection, index=False, if_exists="append")
        connection.exec_driver_sql("UPDATE patients SET notes = '{\"a\": [1]}'")
    engine.dispose()
    columns = {
        "label": LABEL,
        "positive_class": "True",
        "negative_class": "False",
        "key": "id",
        "bounds": {"age": [0, 120]},
        "categorical": ["smokes", "ward"],
        "dates": ["born", "seen"],
    }
    # The label is made of few values of glucose.
    declare(project, columns=columns, split={"independent": ["glucose"]}, **QUICK)
    without = ", ".join(rows)
    shuffled = query(f"SELECT {without} FROM patients ORDER BY random()")
    pieces = query(
        f"SELECT visit, {without} FROM patients",
        load_args={"chunksize": 50},
        execution_options={"stream_results": True},
    )
    reads(project, database, raw_rows=shuffled, rows_to_score=pieces)

    said = [logged(*RETRAINING)]
    assert "Promoted run" in said[0]
    sides = {side: project.rows(side) for side in ("train", "test")}
    both = pd.concat(sides.values())
    assert {*both["id"]} == {str(FIRST + number) for number in range(len(rows)) if number != 2}
    # The server's own zone, in which an hour is twice and another never, does not matter.
    moments = rows["seen"].drop(index=2).dt.tz_localize(None)
    assert sorted(both["seen"]) == sorted(moments.astype("datetime64[us]"))
    assert both["bmi"].isna().sum() == rows["bmi"].drop(index=2).isna().sum()
    (aside,) = (
        pd.read_csv(path, dtype=str).to_dict("records")
        for path in project.versions("02_intermediate/quarantined_rows.csv")
    )
    assert [(row["id"], row["reason"]) for row in aside] == [
        (str(FIRST + 2), "age: 300 is outside [0, 120]")
    ]
    said.append(logged(*RETRAINING))
    assert said[1].splitlines()[-1].startswith("Unchanged: ")

    said.append(logged(*SCORING, "--params", "scoring.pass_through=[visit]"))
    scored = predictions_of(project)
    assert scored["visit"].str.fullmatch("[0-9a-f-]{36}").all()
    assert {*scored["id"]} == {*both["id"]}
    assert quarantine_of(project)["id"].tolist() == [str(FIRST + 2)]
    # The same rows as the text of a CSV.
    rows.to_csv(project.path / "new.csv", index=False)
    reads(project, database, raw_rows=shuffled)
    said.append(logged(*SCORING, "--params", "rows_to_score=new.csv"))
    by_key = [
        of.set_index("id")["probability"].sort_index() for of in (scored, predictions_of(project))
    ]
    np.testing.assert_array_equal(*by_key)

    reads(project, database.replace(SECRET, f"{SECRET}-no-more"), raw_rows=shuffled)
    refused = message_of(here(*RETRAINING))
    assert "raw_rows: SQLQueryDataset could not load the table: OperationalError: " in refused
    assert "password authentication failed" in refused
    assert SECRET not in "".join([*said, refused])
    assert files_with(project, SECRET) == []


def test_a_table_of_the_database_is_profiled(project: Project, database: str) -> None:
    """And the environment that is written runs."""
    engine = sqlalchemy.create_engine(database)
    with engine.begin() as connection:
        patients(project).to_sql("profiled", connection, index=False)
    engine.dispose()
    reads(project, database, warehouse=query("SELECT * FROM profiled ORDER BY id"))
    succeeds(here("profile", "--dataset", "warehouse", "--label", LABEL, "--env", "mine"))
    for name in ("catalog", "parameters"):
        assert SECRET not in (project.path / f"conf/mine/{name}.yml").read_text()
    local = project.path / "conf/local/credentials.yml"
    local.rename(project.path / "conf/mine/credentials.yml")
    succeeds(here("run", "--env", "mine", "--pipelines", "data_processing"))
    parquet = Path("data/mine/03_primary/train_rows.parquet")
    (train,) = (project.path / parquet).glob("*/*.parquet")
    assert pd.read_parquet(train)["born"].dtype.kind == "M"
