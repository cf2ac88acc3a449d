"""Text of others, in file names, columns and cells, writes no line of log and moves no cursor."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import yaml

from tabular_lstm.errors import DataError
from tests.helpers.commands import RETRAINING, here
from tests.helpers.notifications import lines, to
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.scorings import SCORING

FORGED = "2026-11-28 02:15:00 INFO    Promoted run x"
EVIL = f"a\x1b[2J\u202e\u2028\n{FORGED}"
SEEN = r"a\x1b[2J\u202e\u2028\n2026-11-28 02:15:00 INFO    Promoted run x"
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+ +\S.*")


def rows(count: int, *names: str) -> pd.DataFrame:
    """Rows with an evil number, category and label, of which one row has an evil cell."""
    number, category = names
    rng = np.random.default_rng(3)
    table = pd.DataFrame({number: rng.normal(size=count).round(6).astype(str)})
    table["other"] = rng.normal(size=count).round(6)
    table[category] = rng.choice([EVIL, "b"], count)
    positive = table[number].astype(float).abs() < 0.6
    table[f"{EVIL}?"] = np.where(positive ^ (rng.random(count) < 0.02), EVIL, "no")
    table.loc[7, number] = EVIL
    return table


@pytest.fixture
def evil(project: Project) -> Project:
    """A project whose rows and rows to score are in folders, in files of an evil name."""
    for folder in ("rows", "new"):
        (project.path / "data" / folder).mkdir()
    kind = "tabular_lstm.datasets.RawRowsDataset"
    folders = {"raw_rows": "data/rows", "rows_to_score": "data/new"}
    catalog = {name: {"type": kind, "filepath": path} for name, path in folders.items()}
    (project.path / "conf/local/catalog.yml").write_text(yaml.safe_dump(catalog))
    return project


def write(project: Project, number: str, category: str) -> None:
    table = rows(600, number, category)
    table.to_csv(project.path / f"data/rows/{EVIL}.csv", index=False)
    table[[number, "other", category]][:20].to_csv(
        project.path / f"data/new/{EVIL}.csv", index=False
    )
    columns = {"label": f"{EVIL}?", "positive_class": EVIL, "negative_class": "no"}
    declare(
        project,
        **QUICK,
        columns={**columns, "categorical": [category], "known_in_time": [number]},
        notify=to(project.path / "told.jsonl"),
        scoring={"pass_through": [category]},
    )


def said(project: Project, *arguments: str, code: int = 0) -> str:
    """Run `kedro` in a process of its own, and check each line of what it says."""
    ended = project.command(*arguments, TF_CPP_MIN_LOG_LEVEL="3")
    assert ended.returncode == code, ended.stderr + ended.stdout
    for line in ended.stdout.splitlines(keepends=True):
        assert LINE.fullmatch(line.rstrip("\n")), line
        assert not line.startswith(FORGED)
        assert line.rstrip("\n").isprintable(), repr(line)
    for line in ended.stderr.split("\n"):
        assert line.isprintable(), repr(line)
        assert not line.startswith("2026"), line
    return ended.stdout + ended.stderr


def assert_printable(*texts: str) -> None:
    for text in texts:
        assert all(line.isprintable() for line in text.split("\n")), repr(text)


@pytest.mark.long
def test_text_of_others_begins_no_line_of_its_own(evil: Project) -> None:
    write(evil, EVIL, f"{EVIL}!")
    log = said(evil, *RETRAINING)
    assert f"In quarantine: row {SEEN}" in log
    assert " Promoted run 2026" in log
    log = said(evil, *SCORING)
    assert "In quarantine: row " in log
    # Features of other names are refused; conf can judge without the champion.
    write(evil, f"{EVIL}2", f"{EVIL}3")
    assert f"uses features that are missing: {SEEN}" in said(evil, *RETRAINING, code=1)

    for report in evil.versions("08_reporting/report.html"):
        assert SEEN in report.read_text()
        assert_printable(report.read_text())
    for path in evil.versions("08_reporting/decision.json"):
        assert_printable(path.read_text(), json.loads(path.read_text())["reason"])
    for name in ("quarantined_rows", "quarantined_rows_to_score"):
        for path in evil.versions(f"02_intermediate/{name}.csv"):
            (reason,) = pd.read_csv(path)["reason"]
            assert_printable(reason)
    ends = lines(evil.path / "told.jsonl")
    assert [end["event"] for end in ends] == ["promoted", "scored", "failed"]
    assert_printable(*(end["message"] for end in ends))


@pytest.mark.long
def test_an_error_names_text_of_others_on_its_own_lines(evil: Project) -> None:
    """The limit on the quarantine: reasons, each on a line, below the message."""
    table = rows(60, EVIL, f"{EVIL}!")
    table[EVIL] = EVIL
    write(evil, EVIL, f"{EVIL}!")
    table.to_csv(evil.path / f"data/rows/{EVIL}.csv", index=False)
    error = said(evil, "run", "--pipelines", "data_processing", code=1)
    assert f"\n  rows {SEEN}" in error
    assert "\n  Rows are counted from 1 below the header" in error
    (end,) = lines(evil.path / "told.jsonl")
    assert end["message"] in error

    table.rename(columns={f"{EVIL}?": "label"}).to_csv(
        evil.path / f"data/rows/{EVIL}.csv", index=False
    )
    error = said(evil, "run", "--pipelines", "data_processing", code=1)
    assert f"column '{SEEN}" in error


def test_the_page_of_a_profile_has_no_line_of_a_file(evil: Project) -> None:
    file = evil.path / "data" / f"{EVIL}.csv"
    rows(200, EVIL, f"{EVIL}!").to_csv(file, index=False)
    ended = here("profile", str(file), "--env", "mine", "--label", f"{EVIL}?")
    assert ended.returncode == 0, ended.stderr
    assert_printable(ended.stdout, ended.stderr)
    assert FORGED not in [line[: len(FORGED)] for line in ended.stdout.split("\n")]


@pytest.mark.usefixtures("project")
def test_a_mistake_on_the_command_line_has_no_line_of_its_own() -> None:
    for code, arguments in (
        (1, ("run", "--pipelines", EVIL)),
        (1, ("run", "--runner", EVIL)),
        (1, ("run", "--runner-params", f"{EVIL}=1")),
        (2, ("run", "--params", EVIL)),
        (2, ("run", "--conf-source", EVIL)),
        (2, ("run", f"--{EVIL}")),
        (1, ("profile", f"{EVIL}.csv", "--env", "mine")),
        (1, ("profile", EVIL, "--env", EVIL)),
        (2, ("profile", EVIL)),
    ):
        ended = here(*arguments)
        assert ended.returncode == code, ended.stderr
        assert_printable(ended.stdout, ended.stderr)
        assert not re.search(f"^{FORGED}", ended.stderr, re.MULTILINE)


CRASH = f"""
import sys
from kedro.framework.cli.cli import main
from kedro.framework.hooks import hook_impl
from tabular_lstm import settings

class Crash:
    @hook_impl
    def before_node_run(self):
        try:
            int({EVIL!r} + "1")
        except ValueError as error:
            raise RuntimeError("as a library would " + {EVIL!r}) from error

settings.HOOKS = (*settings.HOOKS, Crash())
sys.argv = ["kedro", "run", "--pipelines", "data_processing"]
main()
"""


@pytest.mark.long
def test_a_traceback_has_no_line_of_a_file_either(evil: Project) -> None:
    write(evil, "number", "category")
    ended = evil.python("-c", CRASH)
    assert ended.returncode == 1
    assert f"RuntimeError: as a library would {SEEN}" in ended.stderr
    assert_printable(ended.stdout, ended.stderr)
    (end,) = lines(evil.path / "told.jsonl")
    assert_printable(end["message"])


def test_each_line_of_an_error_but_the_first_is_indented() -> None:
    error = DataError(f"file {EVIL}", "a reason")
    assert str(error) == f"file {SEEN}\n  a reason"
    assert str(DataError(*error.args)) == str(error)
