"""Rows that belong together and do not say so: what each command says, and what does not serve."""

import json
from typing import Any

import pandas as pd
import pytest
import yaml

from tabular_lstm.errors import DataError
from tests.helpers.commands import RETRAINING, UNTRUSTED, here, logged, succeeds
from tests.helpers.outputs import document
from tests.helpers.project import QUICK, TINY, Project, declare
from tests.helpers.tables import write_incidents, write_strikes

ROLES: dict[str, Any] = {
    "label": "force_used",
    "positive_class": "Y",
    "negative_class": "N",
    "categorical": ["night", "reason"],
}
COLUMNS = {**ROLES, "dates": {"response_datetime": None}}
KEPT_TOGETHER = {**ROLES, "group": "response_datetime"}
INDEPENDENT = ("--params", "split.independent=[response_datetime]")
TELLING = ["response_datetime", "north", "east"]
ROWS = ("run", "--pipelines", "data_processing")
BOTH_WAYS = (
    "columns.group: response_datetime",
    "if the rows are independent: split.independent: [response_datetime]",
)


@pytest.fixture
def police(project: Project) -> Project:
    """A project whose raw rows are several of each incident, and whose conf does not say so."""
    write_incidents(project.raw)
    declare(project, columns=COLUMNS, **TINY)
    return project


def summary(project: Project) -> dict[str, Any]:
    return document(project, "03_primary/data_summary.json")


def warned(said: str) -> bool:
    return "mostly have the same label" in said


@pytest.mark.long
def test_a_run_warns_at_the_verdict_with_both_numbers_and_both_ways_out(police: Project) -> None:
    lines = logged("run").splitlines()
    warning, repeated = [line for line in lines if warned(line)]
    assert lines.index(repeated) > len(lines) - 10
    assert repeated == f"Warning of this run: {warning}"
    found = summary(police)["dependent_rows"]
    assert warning.startswith("Rows with the same 'response_datetime' (150 values, 1,038 rows)")
    assert found["spread"] - found["together"] > 0.2
    low, high = found["fall"]
    assert (
        f"{found['spread']:.2f} with such rows on both sides and {found['together']:.2f} with them "
        f"together (a fall of {low:.2f} to {high:.2f}). The metrics of this run may be far too good"
    ) in warning
    assert all(way in warning for way in BOTH_WAYS)
    assert document(police, "08_reporting/verdict.json")[0] == warning


def test_what_conf_says_of_the_rows_ends_the_warning_and_changes_no_side(police: Project) -> None:
    assert warned(logged(*ROWS))
    undeclared, train = summary(police), police.rows("train")
    assert not warned(logged(*ROWS, *INDEPENDENT))
    declared = summary(police)
    assert undeclared.pop("dependent_rows")
    # Then these tell the label too well: that is another question.
    assert declared.pop("possible_leaks").keys() == {*TELLING}
    assert undeclared.pop("possible_leaks") == {}
    assert declared == undeclared
    assert police.rows("train").equals(train)
    with pytest.raises(DataError) as refused:
        police.run("data_processing", split={"independent": ["response_date"]})
    assert "'split.independent.response_date' is unknown; did you mean" in str(refused.value)
    declare(police, columns=KEPT_TOGETHER, **TINY)
    said = logged(*ROWS)
    assert not warned(said)
    assert "the key, has" not in said
    both = [{*police.rows(side)["response_datetime"]} for side in ("train", "test")]
    assert both[0].isdisjoint(both[1])


def test_of_a_key_that_repeats_it_is_said_that_each_of_its_rows_counts(
    police: Project,
) -> None:
    said = (
        "column 'response_datetime', the key, has only 150 different values in 1038 rows, and "
        "every row counts. If rows with the same key are corrections of one row, keep only the "
        "last. If they belong together and no other column says so, name the key under "
        "columns.group"
    )
    declare(police, columns={**ROLES, "key": "response_datetime"}, **TINY)
    assert logged(*ROWS).count(said) == 1


def decision(project: Project) -> dict[str, Any]:
    return document(project, "08_reporting/decision.json")


@pytest.mark.long
def test_a_retraining_does_not_promote_until_conf_says_how_it_is(police: Project) -> None:
    """The champion stays, is compared with, and both ways out are named."""
    declare(police, columns={**COLUMNS, "known_in_time": TELLING}, **QUICK)
    succeeds(here(*RETRAINING, *INDEPENDENT))
    first = decision(police)
    assert first["action"] == "promoted"
    assert not warned(json.dumps(first))
    page = (police.path / "data/08_reporting/latest.html").read_text()
    assert "Rows that belong together" not in page
    said = logged(*RETRAINING, code=UNTRUSTED)
    assert said.splitlines()[-1].startswith("Rejected run ")
    # It is said where it was found, and at the end.
    lines = [line for line in said.splitlines() if warned(line)]
    assert lines[1:] == said.splitlines()[-1:]
    assert lines[0].startswith("Rows with the same 'response_datetime'")
    rejected = decision(police)
    assert rejected["serves_now"] == first["run_id"]
    for way in BOTH_WAYS:
        assert way in rejected["reason"]
        assert way in said.splitlines()[-1]
    judgement = rejected["judgement"]
    assert [check["name"] for check in judgement["checks"] if not check["passed"]] == ["data"]
    # The report shows both numbers on its first screen.
    page = (police.path / "data/08_reporting/latest.html").read_text()
    headline = page.partition("<h2>")[0].partition("<main>")[2]
    found = summary(police)["dependent_rows"]
    assert "Rows of this file seem to belong together" in headline
    for number in (found["spread"], found["together"]):
        assert f"<strong>{number:.2f}</strong>" in headline
    # The same split as the champion's, which is compared with.
    (champion,) = judgement["champions"]
    assert champion["not_compared"] is None
    assert champion["data"]["split"] == judgement["data"]["split"]
    # Nothing else changed, and it is promoted once more.
    succeeds(here(*RETRAINING, "--params", f"{INDEPENDENT[1]},training.seed=1"))
    assert decision(police)["action"] == "promoted"


def test_a_profile_asks_about_rows_that_belong_together_with_both_ways_out(
    project: Project,
) -> None:
    write_incidents(project.path / "police.csv")
    page = succeeds(here("profile", "police.csv", "--env", "police"))
    first = page.partition("Unsure:\n- ")[2].splitlines()[0]
    assert first.startswith("rows with the same 'response_datetime' (150 values, 1,038 rows)")
    assert first.endswith(
        "Name the column: columns.group: response_datetime. Or, if the rows are independent: "
        "split.independent: [response_datetime]"
    )
    columns = yaml.safe_load((project.path / "conf/police/parameters.yml").read_text())["columns"]
    assert "group" not in columns


def test_a_column_that_would_be_ignored_is_asked_about_by_the_first_rows(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project.path / "police.csv"
    rows = write_incidents(path).rename(columns={"response_datetime": "record_id"})
    record = "R" + pd.Series(pd.factorize(rows["record_id"])[0], rows.index).astype(str)
    rows.assign(record_id=record, east=rows["officer_age"]).to_csv(path, index=False)
    monkeypatch.setattr("tabular_lstm.runs.new_environment.FIRST_ROWS", 700)
    page = succeeds(here("profile", "police.csv", "--env", "police"))
    assert "columns.group: record_id. Or, if the rows are independent: leave it" in page
    assert "together: only the first 700 rows were searched; a run searches all" in page


@pytest.mark.long
def test_an_amount_is_asked_about_with_both_ways_out_and_refuses_nothing(project: Project) -> None:
    write_strikes(project.path / "strikes.csv")
    page = succeeds(here("profile", "strikes.csv", "--label", "landed", "--env", "strikes"))
    first = page.partition("Unsure:\n- ")[2].splitlines()[0]
    assert first.startswith("rows with the same 'height' (")
    ways = (
        "Name the column: columns.group: height. Or, if the rows are independent: "
        "split.independent: [height]"
    )
    assert first.endswith(ways)
    conf = yaml.safe_load((project.path / "conf/strikes/parameters.yml").read_text())
    assert "group" not in conf["columns"]
    lines = logged(*ROWS, "--env", "strikes").splitlines()
    (warning,) = [line for line in lines if warned(line)]
    assert warning.endswith(ways)
    kept = json.loads(project.versions("03_primary/data_summary.json", "strikes")[-1].read_text())
    assert "dependent_rows" not in kept, "the gate refuses what is here"
    assert kept["possible_leaks"] == {}
    independent = ("--params", "split.independent=[height]")
    assert not warned(logged(*ROWS, "--env", "strikes", *independent))
