"""An environment that is written for a file: from all its rows, at once, and where it belongs."""

import json
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.framework.session import KedroSession

from tabular_lstm.errors import DataError
from tabular_lstm.runs.new_environment import new_environment
from tests.helpers.commands import here, message_of, succeeds
from tests.helpers.disks import files_of_at_most
from tests.helpers.pages import Parsed
from tests.helpers.project import Project

SECRET = "c0ffee/s3cret"
# What fsspec makes nothing of without more than a path, or what has a password.
NO_STORAGES = [
    "ftp://host/rows.csv",
    "github://rows.csv",
    "dir://rows.csv",
    "reference://rows.csv",
    "zip://rows.csv::rows.zip",
    f"https://me:{SECRET}@host/rows.csv",
    f"memory://me:{SECRET}@host/rows.csv",
]

ROWS = pd.DataFrame(
    {
        "id": range(1, 61),
        "age": [-9, -9, *(20 + x % 45 for x in range(58))],
        "color": ["red", "blue", "green"] * 20,
        "sick": ["no", "no", "yes"] * 20,
    }
)


@pytest.fixture
def csv(project: Project) -> Path:
    path = project.path / "data/mine.csv"
    ROWS.to_csv(path, index=False)
    return path


def conf(project: Project, name: str, env: str = "mine") -> Any:
    return yaml.safe_load((project.path / "conf" / env / name).read_text())


def everything(project: Project) -> dict[Path, bytes | None]:
    paths = project.path.rglob("*")
    return {path: path.read_bytes() if path.is_file() else None for path in paths}


def refusal(project: Project, file: Path | str, env: str = "mine", **options: Any) -> str:
    """What is said where nothing is written."""
    before = everything(project)
    with pytest.raises(DataError) as caught:
        new_environment(file, env, project.path, **options)
    assert everything(project) == before
    return str(caught.value)


def entry_of(filepath: str) -> dict[str, Any]:
    return {
        "type": "tabular_lstm.datasets.RawRowsDataset",
        "filepath": filepath,
        "metadata": {"kedro-viz": {"layer": "01_raw"}},
    }


def test_each_file_is_written_and_the_page_says_what_is_unsure(project: Project, csv: Path) -> None:
    page = new_environment(csv, "mine", project.path)
    catalog, new = conf(project, "catalog.yml"), "data/01_raw/mine_to_score.csv"
    assert catalog["raw_rows"] == entry_of("data/mine.csv")
    assert catalog["rows_to_score"] == entry_of(f"${{runtime_params:rows_to_score,'{new}'}}")
    assert conf(project, "parameters.yml")["columns"] == {
        "label": "sick",
        "positive_class": "yes",
        "negative_class": "no",
        "key": "id",
        "categorical": ["color"],
        "missing": {"age": [-9]},
    }
    assert page.splitlines()[-4:] == [
        "Written: conf/mine/catalog.yml, conf/mine/parameters.yml",
        "Check them, then run: kedro run --env mine",
        "To put a model into service: kedro run --env mine --pipelines retraining",
        f"To score new rows, put them in {new}: kedro run --env mine --pipelines scoring",
    ]
    lines = {line.split("  ")[0]: line for line in page.splitlines()}
    for name, words in {
        "id": "identifier|key",
        "age": "number|-9|feature|20 to 64",
        "color": "category|red|categorical|3 values",
        "sick": "category|label",
    }.items():
        assert all(word in lines[name] for word in words.split("|")), lines[name]
    assert "Label sick: no 40 rows, yes 20 rows; positive: yes" in page
    assert "- id: key: does each row keep this value" in page


def test_what_is_there_stays_unless_it_is_forced(project: Project, csv: Path) -> None:
    new_environment(csv, "mine", project.path)
    assert "the environment 'mine' already exists" in refusal(project, csv)
    assert "--force" in refusal(project, csv, "tutorial")
    folder = project.path / "conf/mine"
    (folder / "parameters_training.yml").write_text("training: {seed: 1}\n")
    new_environment(csv, "mine", project.path, {"positive": "no"}, force=True)
    assert conf(project, "parameters.yml")["columns"]["positive_class"] == "no"
    assert conf(project, "parameters_training.yml") == {"training": {"seed": 1}}
    # A folder in a file's place leaves the other file as it was; an odd name is refused.
    (folder / "parameters.yml").unlink()
    (folder / "parameters.yml").mkdir()
    message = f"{folder}/parameters.yml: Is a directory. Fix this, and run the command again."
    assert refusal(project, csv, force=True) == message
    assert "expected a new name for this file" in refusal(project, csv, "base", force=True)
    assert "expected the name of a folder" in refusal(project, csv, "../mine", force=True)


@pytest.mark.parametrize("force", [False, True])
def test_a_full_disk_leaves_both_files_as_they_were(project: Project, force: bool) -> None:
    """With space for the catalog, which is shorter, and not for the other, written first."""
    file, folder = project.path / "data/mine.csv", project.path / "conf/mine"
    words = {f"color {n}": ["red", "blue", "green"] * 20 for n in range(40)}
    ROWS.assign(**words).to_csv(file, index=False)
    if force:
        new_environment(file, "mine", project.path)
        (folder / "catalog.yml").write_text("raw_rows: {}\n")
    with files_of_at_most(1200):
        message = refusal(project, file, force=force)
    assert "conf/mine/parameters.yml: File too large." in message
    assert "Free some space there, and run the command again." in message
    new_environment(file, "mine", project.path, force=force)
    sizes = [(folder / name).stat().st_size for name in ("catalog.yml", "parameters.yml")]
    assert sizes[0] < 1200 < sizes[1]


def test_a_path_is_from_the_working_directory_and_stands_in_conf_from_the_root(
    project: Project, csv: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: Any
) -> None:
    monkeypatch.chdir(project.path / "data/01_raw")
    new_environment(Path("../mine.csv"), "mine", project.path)
    assert conf(project, "catalog.yml")["raw_rows"]["filepath"] == "data/mine.csv"
    outside = csv.rename(tmp_path_factory.mktemp("elsewhere") / "my rows.csv")
    new_environment(outside, "año", project.path)
    with KedroSession.create(project.path, env="año") as session:
        catalog = session.load_context().config_loader["catalog"]
    assert catalog["raw_rows"]["filepath"] == str(outside)
    assert catalog["rows_to_score"]["filepath"] == "data/01_raw/año_to_score.csv"


def test_rows_in_another_storage_are_profiled_where_the_catalog_reads_them(
    project: Project, csv: Path
) -> None:
    """A bucket's, too; where a storage cannot be read, each says so in the same words."""
    there, local = "memory:///bucket/rows.csv", f"file://{csv}"
    fsspec.filesystem("memory").pipe("/bucket/rows.csv", csv.read_bytes())
    for place, env in ((there, "there"), (local, "local_file")):
        succeeds(here("profile", place, "--env", env))
        assert conf(project, "catalog.yml", env)["raw_rows"]["filepath"] == place
    succeeds(here("run", "--env", "there", "--pipelines", "data_processing"))

    broken = project.path / "rows.parquet"
    broken.write_bytes(b"PAR1")
    for path in ("s3://bucket/rows.csv", "nowhere://rows.csv", *NO_STORAGES, str(broken)):
        message = refusal(project, path)
        assert message.startswith(f"{path.replace(f'me:{SECRET}@', '')}: ")
        assert SECRET not in message
        assert "\n" not in message
        if path in ("s3://bucket/rows.csv", NO_STORAGES[-1], str(broken)):
            entry = {"type": "tabular_lstm.datasets.RawRowsDataset", "filepath": path}
            local_catalog = project.path / "conf/local/catalog.yml"
            local_catalog.write_text(json.dumps({"raw_rows": entry}))
            assert message_of(here("run", "--pipelines", "data_processing")) == message


def test_a_folder_is_profiled_as_it_is_read(project: Project) -> None:
    folder = project.path / "data/rows"
    folder.mkdir()
    ROWS.to_csv(folder / "2026-11-01.csv", index=False)
    later = ROWS.assign(id=ROWS["id"] + 60)[["sick", "color", "id", "age"]]
    later.to_csv(folder / "2026-11-02.csv", index=False)
    page = new_environment(folder, "mine", project.path)
    assert "120 rows, 4 columns" in page
    assert conf(project, "catalog.yml")["raw_rows"]["filepath"] == "data/rows"
    assert conf(project, "parameters.yml")["columns"]["key"] == "id"
    # A key that a later file corrects is there twice, and has to be given.
    later.assign(id=later["id"] + 50).to_csv(folder / "2026-11-03.csv", index=False)
    new_environment(folder, "other", project.path)
    assert "key" not in conf(project, "parameters.yml", "other")["columns"]
    ROWS.rename(columns={"age": "years"}).to_csv(folder / "2026-11-04.csv", index=False)
    assert "only one of the two files has 'age', 'years'" in refusal(project, folder, "another")


def test_what_cannot_be_profiled_is_refused_and_leaves_nothing(project: Project) -> None:
    path = project.path / "data/none.csv"
    message = refusal(project, path)
    assert "data/none.csv: no such file or directory, or it cannot be read: " in message
    for content, words in {
        "": "the file is empty",
        "a,b\n": "a header and no rows",
        "a,b\n1,2\n3\n": "expected 2 cells",
        "age,kind\n1,a\n2,b\n3,c\n": "two to 100 classes of at least 8 rows each",
    }.items():
        path.write_text(content)
        assert words in refusal(project, path)


def test_a_name_or_a_cell_of_several_lines_writes_no_conf_of_its_own(project: Project) -> None:
    """Names and cells stand in comments, which a line end would end."""
    name = "w" * 27 + '\nnotify:\n {"command":["touch","pwned"]}\n#'
    odd = "zz\nmlflow: {}\n#"
    table = pd.DataFrame({name: [f"{x / 7:.4f}" for x in range(399)] + [odd]})
    table["other"] = ["a\nmlflow: {}\n#", "b"] * 200
    table["sick"] = [0, 0, 1, 1] * 100
    file = project.path / "data/mine.csv"
    table.to_csv(file, index=False)
    assert "cells that are not numbers: 1, such as" in new_environment(file, "mine", project.path)
    assert {*conf(project, "catalog.yml")} == {"raw_rows", "rows_to_score"}
    assert {*conf(project, "parameters.yml")} == {"columns"}


# A newcomer's tables


def messy(count: int) -> pd.DataFrame:
    """Loans with money, rates, units, mixed dates, spellings, a leak and a word for missing."""
    rng = np.random.default_rng(0)
    income, rate = rng.lognormal(10, 0.5, count), rng.uniform(3, 16, count)
    late = (rate + rng.normal(0, 5, count)) > 9
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 400, count), "D")
    rows = pd.DataFrame(
        {
            "loan_id": np.arange(count) + 70_000,
            "income": [f"${amount:,.2f}" for amount in income],
            "rate": [f"{share:.1f} %" for share in rate],
            "term": [f"{months} months" for months in rng.choice([12, 24, 36, 60], count)],
            "weight": rng.normal(75, 9, count).round(1).astype(str),
            "opened": day.strftime("%Y-%m-%d"),
            "region": rng.choice(["North", "South", "East"], count),
            "dunned": np.where(late, rng.integers(1, 9, count), 0).astype(str),
            "late": np.where(late, "yes", "no"),
        }
    )
    for column, cell, number in (
        ("rate", "4 EUR", 9),
        ("weight", "180 kg", 11),
        ("opened", "13/02/2024", 12),
        ("region", "north", 40),
    ):
        rows.loc[rng.choice(count, number, replace=False), column] = cell
    return rows


@pytest.mark.long
def test_a_messy_table_needs_only_what_its_profile_asks(project: Project) -> None:
    rows, path = messy(1500), project.path / "data/01_raw/loans.csv"
    rows.to_csv(path, index=False)
    page = new_environment(path, "loans", project.path)
    columns = conf(project, "parameters.yml", "loans")["columns"]
    assert columns == {
        "label": "late",
        "positive_class": "yes",
        "negative_class": "no",
        "key": "loan_id",
        "categorical": ["region"],
        "dates": {"opened": [None, "%d/%m/%Y"]},
        "units": {"income": "$", "rate": "%", "term": "months"},
    }
    unsure = page.partition("Unsure:\n")[2].splitlines()
    assert unsure[0].startswith("- possible leak: dunned (1.000) alone tells the label")
    for asked in (
        "rate: cells that are not numbers: 9, such as '4 EUR'; their labelled rows go to quar",
        "weight: cells that are not numbers: 11, such as '180 kg'; ",
        "region: 'North' and 'north' differ only in spelling",
    ):
        assert any(line.startswith(f"- {asked}") for line in unsure), unsure

    assert "ISO 8601 in 99.2% and %d/%m/%Y in 0.8%" in page

    # The leak is ignored and the file corrected, as asked; a few odd cells go to quarantine.
    corrected = rows.assign(region=rows["region"].str.title())
    corrected.to_csv(path, index=False)
    (project.path / "conf/loans/parameters.yml").write_text(
        json.dumps({"columns": columns | {"ignore": ["dunned"]}})
    )
    project.run("retraining", env="loans")
    (report,) = project.versions("08_reporting/report.html", "loans")
    assert Parsed(report.read_text()).text.startswith("Promoted: ")
    counts = project.metrics("loans")["data"]
    assert (counts["quarantined_rows"], counts["rows"]) == (20, 1500)
    # A scoring reads units alike, with or without them, and sets another one aside.
    new = corrected.drop(columns=["late", "dunned"]).head(40)
    new.loc[0, "income"], new.loc[1, "term"], new.loc[2, "rate"] = "€5", "3 years", "7.5"
    new.to_csv(project.path / "data/01_raw/loans_to_score.csv", index=False)
    parameters = {
        "validation": {"max_quarantined_fraction": 0.5},
        "monitoring": {"exit_on_alarm": 0},
    }
    project.run("scoring", env="loans", **parameters)
    (aside,) = project.versions("02_intermediate/quarantined_rows_to_score.csv", "loans")
    reasons = pd.read_csv(aside).set_index("row")["reason"]
    assert "income: '€5' is not a number in $" in reasons[1]
    assert "term: '3 years' is not a number in months" in reasons[2]
    assert 3 not in reasons.index or "rate" not in reasons[3]
