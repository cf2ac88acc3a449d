"""`kedro profile`, and the run that follows it with no hand edit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from kedro.framework.session import KedroSession

from tabular_lstm.datasets.tables import own_entry
from tests.helpers.commands import here, here_in, message_of, succeeds
from tests.helpers.databases import SECRET, in_sqlite, query, reads
from tests.helpers.project import Project
from tests.helpers.visits import event_log


def write_clinic(path: Path, count: int = 400) -> None:
    """Write a table with columns that are no features, in the spelling of another country."""
    rng = np.random.default_rng(3)
    age = rng.integers(18, 90, count)
    bmi = rng.normal(27, 4, count).round(1)
    sick = (abs(age - 54) + rng.normal(0, 4, count) > 18).astype(int)
    bmi[::40] = 0
    pd.DataFrame(
        {
            "patient": [f"P{number:04}" for number in range(count)],
            "age": age,
            "bmi": bmi,
            "ward": rng.choice(["north", "south", "?"], count),
            "remark": [f"seen on day {number} by the doctor" for number in range(count)],
            "site": "Ulm",
            "outcome": np.where(sick, "sick", "well"),
        }
    ).to_csv(path, sep=";", decimal=",", index=False, encoding="utf-8")


def test_the_command_ends_with_the_next_one(project: Project) -> None:
    write_clinic(project.path / "clinic.csv")
    said = succeeds(here("profile", "clinic.csv", "--env", "clinic"))
    assert said.splitlines()[-3].endswith("kedro run --env clinic")
    catalog = yaml.safe_load((project.path / "conf/clinic/catalog.yml").read_text())
    assert catalog["raw_rows"]["load_args"] == {"sep": ";", "decimal": ","}
    columns = yaml.safe_load((project.path / "conf/clinic/parameters.yml").read_text())["columns"]
    assert columns == {
        "label": "outcome",
        "positive_class": "sick",
        "negative_class": "well",
        "key": "patient",
        "ignore": ["remark", "site"],
        "categorical": ["ward"],
        "missing": {"bmi": [0], "ward": ["?"]},
    }


def test_a_mistake_gets_one_line_and_writes_nothing(project: Project) -> None:
    write_clinic(project.path / "clinic.csv")
    before = {*project.path.rglob("*")}
    for arguments, said in {
        ("none.csv", "--env", "clinic"): "no such file",
        ("clinic.csv", "--env", "clinic", "--label", "outcom"): "Did you mean 'outcome'?",
        ("clinic.csv", "--env", "clinic", "--positive", "ill"): "sick: ",
    }.items():
        message = message_of(here("profile", *arguments))
        assert said in message
        assert "\n" not in message
    assert {*project.path.rglob("*")} == before


def test_what_is_unsure_is_answered_by_an_option(project: Project) -> None:
    """Of few whole numbers, an amount or classes."""
    rows = {"age": [x % 70 for x in range(400)], "quality": [3 + x % 7 for x in range(400)]}
    pd.DataFrame(rows).to_csv(project.path / "wine.csv", index=False)
    profile = ("profile", "wine.csv", "--env", "wine", "--force")
    said = {}
    for task in ((), ("--task", "classes"), ("--task", "number")):
        page = succeeds(here(*profile, *task))
        said[task] = page.partition("Unsure:")[2].count("--task classes")
        conf = yaml.safe_load((project.path / "conf/wine/parameters.yml").read_text())
        label = {"label": "quality", "task": "number"}
        if "classes" in task:
            label = {"label": "quality", "classes": [*range(3, 10)]}
        assert conf["columns"] == label
    assert [*said.values()] == [1, 0, 0]
    assert "--task" in here(*profile, "--task", "number of rooms").stderr


def columns_of(project: Project, *arguments: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Profile rows, and give the page, the entry of the catalog and the columns."""
    page = succeeds(here("profile", *arguments, "--env", "mine", "--force"))
    catalog, parameters = (
        yaml.safe_load((project.path / f"conf/mine/{name}.yml").read_text())
        for name in ("catalog", "parameters")
    )
    return page, catalog["raw_rows"], parameters["columns"]


def test_a_name_of_other_letters_or_of_none_is_not_taken_for_a_label(project: Project) -> None:
    names = ["пол", "性别", "%", "°", "é_y"]
    rows = {name: [*"mf"] * 200 for name in names}
    rows |= {"size": [x % 70 for x in range(400)], "sold": [0, 0, 1, 1] * 100}
    pd.DataFrame(rows).to_csv(project.path / "rows.csv", index=False)
    page, _, columns = columns_of(project, "rows.csv")
    assert columns["label"] == "sold"
    assert "also of two values: " in page
    assert all(f"{name} (m: 200, f: 200)" in page for name in names)


def test_columns_that_only_number_the_rows_are_refused_as_labels(project: Project) -> None:
    for names, said in (
        (["%", "°"], "no label was found"),
        (["id", "label"], "column 'label' has 60 distinct values, such as '0'; expected numbers"),
    ):
        rows = pd.DataFrame({name: range(60) for name in names})
        rows.to_csv(project.path / "rows.csv", index=False)
        assert said in message_of(here("profile", "rows.csv", "--env", "mine"))


def read_all(project: Project) -> str:
    """Read and split the rows of the profiled environment, and give what the run says of them."""
    return here_in(project, "run", "--env", "mine", "--pipelines", "data_processing")


def test_dates_in_two_formats_are_read_by_the_run_that_follows(project: Project) -> None:
    rng = np.random.default_rng(4)
    customer = np.repeat(np.arange(80), 6)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(
        np.tile(np.arange(6) * 40, 80) + rng.integers(0, 30, 480), "D"
    )
    is_old = rng.random(480) < 0.35
    rows = pd.DataFrame({"customer_no": [f"C{n:03}" for n in customer]})
    rows["event_date"] = np.where(is_old, days.strftime("%d.%m.%Y"), days.strftime("%Y-%m-%d"))
    rows["amount"] = rng.gamma(2, 40, 480).round(2)
    rows["churned"] = (rows["amount"] + rng.normal(0, 40, 480) > 70).astype(int)
    rows.to_csv(project.path / "events.csv", index=False)
    page, _, columns = columns_of(project, "events.csv")
    assert columns["history"] == {"of": "customer_no", "order": "event_date", "steps": 20}
    assert columns["dates"] == {"event_date": [None, "%d.%m.%Y"]}
    shares = f"ISO 8601 in {1 - is_old.mean():.1%} and %d.%m.%Y in {is_old.mean():.1%}"
    assert shares in page
    assert "480 rows, 480 valid, 0 quarantined" in read_all(project)
    read = [
        pd.read_parquet(project.versions(f"03_primary/{side}_rows.parquet", "mine")[-1])
        for side in ("train", "test")
    ]
    assert pd.concat(read).sort_index()["event_date"].tolist() == days.tolist()


def test_which_rows_of_a_log_are_predicted_is_read_by_the_run_that_follows(
    project: Project,
) -> None:
    rows = event_log(rows=1_500)
    rows.to_csv(project.path / "events.csv", index=False)
    page, _, columns = columns_of(project, "events.csv")
    assert columns["history"]["predict"] == {"event": "order"}
    assert 60 <= int(columns["history"]["known_after"].removesuffix(" days")) <= 90
    assert "predict: only rows of event: order have a label" in page
    labelled = (rows["cancelled"] != "").sum()
    said = f"1500 rows, {labelled} valid, 0 quarantined, {1_500 - labelled} unlabelled"
    assert said in read_all(project)


def test_a_few_amounts_with_a_unit_are_read_once_the_unit_is_named(project: Project) -> None:
    rng = np.random.default_rng(5)
    fee, is_dear = rng.gamma(2, 40, 900).round(2), np.arange(900) % 20 == 7
    rows = pd.DataFrame({"fee": fee, "sold": (fee + rng.normal(0, 40, 900) > 70).astype(int)})
    dear = [f"${1000 + amount:,.2f}" for amount in fee]
    for plain, units in (("{}", {"fee": "$"}), ("${}", {})):
        cells = np.where(is_dear, dear, [plain.format(amount) for amount in fee])
        rows.assign(fee=cells).to_csv(project.path / "fees.csv", index=False)
        page, entry, columns = columns_of(project, "fees.csv")
        assert entry["load_args"] == {"thousands": ","}
        assert ("name the unit of numbers under units" in page) is bool(units)
        columns |= {"units": units} if units else {}
        (project.path / "conf/mine/parameters.yml").write_text(json.dumps({"columns": columns}))
        assert "900 rows, 900 valid, 0 quarantined" in read_all(project)


def test_a_table_is_profiled_by_what_its_cells_mean(project: Project) -> None:
    """Whatever the catalog reads it with: the same columns as of a CSV, and a run of them."""
    write_clinic(project.path / "clinic.csv")
    rows = pd.read_csv(project.path / "clinic.csv", sep=";", decimal=",")
    rows["seen"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(rows.index % 90, "D")
    rows["well"] = rows.pop("outcome") == "well"
    rows.to_csv(project.path / "clinic.csv", index=False)
    rows.to_parquet(project.path / "clinic.parquet")
    in_sqlite(project, clinic=rows.assign(seen=rows["seen"].astype(str)))
    sql = "SELECT '%s{x}' AS site2, *\nFROM clinic ORDER BY random()"
    load_args = {"parse_dates": ["seen"], "dtype": {"well": "bool"}}
    asked = query(sql % "$", load_args=load_args)
    reads(
        project,
        warehouse=query(sql % r"\$", load_args=load_args),
        lake={
            "type": "polars.LazyPolarsDataset",
            "file_format": "parquet",
            "filepath": "clinic.parquet",
        },
        csv={
            "type": "tabular_lstm.datasets.RawRowsDataset",
            "filepath": "clinic.csv",
            "load_args": {"sep": ","},
        },
    )
    _, _, columns = columns_of(project, "clinic.csv")
    assert columns["label"] == "well"
    assert (columns["positive_class"], columns["negative_class"]) == ("True", "False")
    assert columns["dates"] == {"seen": None}
    for source, kind in {
        ("clinic.parquet",): "tabular_lstm.datasets.RawRowsDataset",
        ("--dataset", "lake"): "polars.LazyPolarsDataset",
        ("--dataset", "csv"): "tabular_lstm.datasets.RawRowsDataset",
    }.items():
        page_too, entry, columns_too = columns_of(project, *source)
        assert entry["type"] == kind
        assert columns_too == columns
        assert page_too.startswith(f"{source[-1]}: 400 rows, 8 columns")
    page, entry, columns_too = columns_of(project, "--dataset", "warehouse")
    needed = "conf/mine/credentials.yml"
    assert f"Needed: the credentials 'db' in {needed}" in page.splitlines()
    (project.path / "conf/local/credentials.yml").rename(project.path / needed)
    assert columns_too == {**columns, "ignore": ["site2", *columns["ignore"]]}
    with KedroSession.create(project.path, env="mine") as session:
        copied = own_entry(session.load_context().config_loader["catalog"]["raw_rows"])
    assert {name: of for name, of in copied.items() if name != "metadata"} == asked
    succeeds(here("run", "--env", "mine", "--pipelines", "data_processing"))
    summary = project.versions("03_primary/data_summary.json", "mine")[-1].read_text()
    assert json.loads(summary)["rows"] == 400


def test_an_entry_that_cannot_be_copied_is_refused(project: Project) -> None:
    inline = query("SELECT 1") | {"credentials": {"con": f"sqlite:///{SECRET}"}}
    in_url = {"type": "pandas.ParquetDataset", "filepath": f"ftp://me:{SECRET}@host/rows.parquet"}
    lake = {"backend": "postgres", "database": "clinic", "password": SECRET}
    nested = {"type": "ibis.TableDataset", "table_name": "rows", "connection": lake}
    reads(project, warehouse=query("SELECT 1"), inline=inline, in_url=in_url, nested=nested)
    before = {*project.path.rglob("*")}
    for arguments, said in {
        ("--dataset", "inline"): "inline: the catalog entry contains credentials",
        ("--dataset", "in_url"): "in_url: the catalog entry contains credentials",
        ("--dataset", "nested"): "nested: the catalog entry contains credentials",
        ("--dataset", "warehose"): "'warehose' is unknown; did you mean 'warehouse'?",
        ("--dataset", "network"): "network: MemoryDataset could not load the table: ",
    }.items():
        message = message_of(here("profile", *arguments, "--env", "mine"))
        assert said in message
        assert SECRET not in message
        assert "\n" not in message
    for arguments in ((), ("clinic.csv", "--dataset", "warehouse")):
        finished = here("profile", *arguments, "--env", "mine")
        assert "Expected a file, or --dataset and a catalog entry." in finished.stderr
    assert {*project.path.rglob("*")} == before
