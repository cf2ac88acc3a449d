"""Is the champion well: labels that come late are put beside all that was predicted."""

import json
from typing import Any

import pandas as pd
import pytest

from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.commands import RETRAINING, here, logged, succeeds
from tests.helpers.project import QUICK, Project
from tests.helpers.scorings import SCORING, rows_at
from tests.helpers.tables import LABELS, write_task

MONITORING = ("run", "--pipelines", "monitoring")
KEY = "id"


def health_of(project: Project) -> dict[str, Any]:
    """What the newest monitoring found."""
    return json.loads((project.path / "data/08_reporting/latest_monitoring.json").read_text())


def keyed(project: Project, task: str) -> None:
    """Write the rows of a task with a key."""
    write_task(project, task)
    declared = json.loads((project.path / "conf/local/parameters.yml").read_text())
    two = {"label": LABELS[0], "positive_class": 1, "negative_class": 0}
    columns = declared.get("columns", two) | {"key": KEY}
    rows = pd.read_csv(project.raw)
    rows.insert(0, KEY, [f"p{row}" for row in range(len(rows))])
    rows.to_csv(project.raw, index=False)
    conf = project.path / "conf/local/parameters.yml"
    conf.write_text(json.dumps({**QUICK, "columns": columns}))


def labels_at(project: Project, rows: pd.DataFrame, name: str = "labels.csv") -> tuple[str, str]:
    """Write a table of labels, and give the arguments that name it."""
    rows.to_csv(project.path / name, index=False)
    return "--params", f"late_labels={project.path / name}"


def score(project: Project, rows: pd.DataFrame, name: str) -> None:
    """Score rows whose labels are not known yet."""
    path = project.path / name
    rows.drop(columns=LABELS, errors="ignore").to_csv(path, index=False)
    succeeds(here(*SCORING, *rows_at(path)))


@pytest.mark.parametrize("task", [TWO_CLASSES, CLASSES, NUMBER])
def test_labels_are_put_beside_what_was_promised_and_expected(project: Project, task: str) -> None:
    keyed(project, task)
    succeeds(here(*RETRAINING))
    rows = pd.read_csv(project.raw)
    score(project, rows, "one.csv")
    assert "No labels have come yet" in logged(*MONITORING)
    without = health_of(project)
    assert (without["labels"], without["alarm"], without["advice"]) == (0, None, "nothing")
    assert without["scorings"][0]["expected"].keys() == without["champions"][0]["promised"].keys()

    label = next(name for name in LABELS if name in rows)
    said = logged(*MONITORING, *labels_at(project, rows[[KEY, label]]))
    assert "of which 768 have a label" in said
    (scoring,), (champion,) = health_of(project)["scorings"], health_of(project)["champions"]
    assert scoring["real"] == champion["real"]
    assert champion["real"].keys() == champion["promised"].keys()
    page = (project.path / "data/08_reporting/latest_monitoring.html").read_text()
    assert "✓ The champion is well" in page
    assert f"{len(rows)} labelled" in page
