"""Is the champion well: labels that come late are put beside all that was predicted."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.champions import log_of
from tests.helpers.commands import (
    ALARM,
    RETRAINING,
    ROLLBACK,
    here,
    logged,
    message_of,
    succeeds,
)
from tests.helpers.databases import reads
from tests.helpers.once import Once
from tests.helpers.project import QUICK, Project
from tests.helpers.scorings import SCORING, finished, folder_of, predictions_of, rows_at
from tests.helpers.tables import LABEL, LABELS, write_task

MONITORING = ("run", "--pipelines", "monitoring")
KEY = "id"


def keyed(project: Project, task: str) -> None:
    """Write the rows of a task with a key, which no row has that is scored."""
    write_task(project, task)
    path = project.path / "conf/local/parameters.yml"
    two = {"label": LABEL, "positive_class": 1, "negative_class": 0}
    columns = json.loads(path.read_text()).get("columns", two) | {"key": KEY}
    rows = pd.read_csv(project.raw)
    rows.insert(0, KEY, [f"t{row}" for row in range(len(rows))])
    rows.to_csv(project.raw, index=False)
    path.write_text(json.dumps({**QUICK, "columns": columns}))


def later(project: Project) -> pd.DataFrame:
    """Give rows as those that were trained on, of other keys."""
    rows = pd.read_csv(project.raw)
    return rows.assign(**{KEY: [f"p{row}" for row in range(len(rows))]})


def score(project: Project, rows: pd.DataFrame) -> None:
    """Score rows whose labels are not known yet."""
    path = project.path / "new.csv"
    rows.drop(columns=LABELS, errors="ignore").to_csv(path, index=False)
    succeeds(here(*SCORING, *rows_at(path)))


def labels_at(path: Path, *parameters: str) -> tuple[str, str]:
    """Arguments that name the table of labels, and give other parameters."""
    return "--params", ",".join([f"late_labels={path}", *parameters])


def written(project: Project, rows: pd.DataFrame, name: str = "labels.csv") -> Path:
    """Write keys and labels alone."""
    path = project.path / name
    label = next(column for column in LABELS if column in rows)
    rows[[KEY, label]].to_csv(path, index=False)
    return path


def health_of(project: Project) -> dict[str, Any]:
    """What the newest monitoring found."""
    return json.loads((project.path / "data/08_reporting/latest_monitoring.json").read_text())


def labelled(health: dict[str, Any], of: str) -> list[int]:
    return [one["labelled_rows"] for one in health[of]]


@pytest.fixture
def two_champions(project: Project, once: Once) -> Project:
    """A project where a champion scored rows 0 to 399, and the next one 300 to 699.

    The next one learned the labels the wrong way round.
    """

    def steps() -> None:
        keyed(project, TWO_CLASSES)
        rows = later(project)
        right = pd.read_csv(project.raw)
        succeeds(here(*RETRAINING))
        score(project, rows[:400])
        right.assign(**{LABEL: 1 - right[LABEL]}).to_csv(project.raw, index=False)
        succeeds(here(*RETRAINING, "--params", "promotion.start_over=true"))
        right.to_csv(project.raw, index=False)
        score(project, rows[300:700])

    return once("two champions", project, steps)


@pytest.mark.long
def test_labels_in_two_pieces_are_joined_to_the_predictions_of_each_champion(
    two_champions: Project,
) -> None:
    project = two_champions
    rows = later(project)
    assert "No labels have arrived yet" in logged(*MONITORING)
    health = health_of(project)
    assert labelled(health, "scorings") == labelled(health, "champions") == [0, 0]
    assert (health["labels"], health["alarm"], health["advice"]) == (0, None, "nothing")
    first, second = (entry["run_id"] for entry in log_of(project))
    assert health["champion"] == second

    # The champion before serves again, and scores rows of both.
    succeeds(here(*ROLLBACK))
    score(project, rows[350:])
    labels = project.path / "labels"
    labels.mkdir()
    written(project, rows[:350], "labels/one.csv")
    succeeds(here(*MONITORING, *labels_at(labels)))
    health = health_of(project)
    assert labelled(health, "scorings") == [350, 50, 0]
    assert labelled(health, "champions") == [350, 50]

    # A second piece: of a key the last label counts; a bad one, none, and two that nobody scored.
    others = [["p1", 1 - rows[LABEL][1]], ["p600", "maybe"], ["p601", ""], ["x", 0], ["y", 1]]
    more = pd.concat([rows[[KEY, LABEL]][350:600], pd.DataFrame(others, columns=[KEY, LABEL])])
    more.to_csv(labels / "two.csv", index=False)
    said = logged(*MONITORING, *labels_at(labels))
    assert f"two.csv:252: {LABEL}: 'maybe' is neither 1 nor 0" in said
    health = health_of(project)
    assert (health["labels"], health["unknown_labels"], health["quarantined_labels"]) == (602, 2, 1)
    aside = project.versions("02_intermediate/quarantined_labels.csv")[-1]
    assert pd.read_csv(aside, dtype=str)[KEY].tolist() == ["p600"]
    assert labelled(health, "scorings") == [400, 300, 250]
    # Rows 350 to 399 were scored twice by the first champion, and count once.
    assert labelled(health, "champions") == [600, 300]
    assert health["champion"] == first
    assert (
        f"The champion of run {first} scored 818 rows, of which 600 have a label: log loss" in said
    )

    # The last label of a key counted, in real metrics as one would compute them.
    run = finished(project)[0]["run_id"]
    scored = pd.read_parquet(folder_of(project) / run / "part-00000.parquet")
    true = rows[LABEL][:400].where(rows.index[:400] != 1, 1 - rows[LABEL])
    chance = scored["probability"].where(true == 1, 1 - scored["probability"])
    loss = -np.log(chance).mean()
    assert health["scorings"][0]["real"]["log_loss"]["value"] == pytest.approx(loss)


@pytest.mark.long
def test_a_champion_that_is_worse_than_promised_is_an_alarm(
    two_champions: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project = two_champions
    rows = later(project)
    first = log_of(project)[0]["run_id"]
    path = written(project, rows)
    assert here(*MONITORING, *labels_at(path)).returncode == ALARM
    alarm, last = caplog.records[-2:]
    assert last.getMessage().startswith(f"The champion of run {log_of(project)[-1]['run_id']} ")
    health = health_of(project)
    assert (health["advice"], health["command"]) == ("look", "kedro run --pipelines retraining")
    before, now = health["champions"]
    assert (before["run_id"], before["alarm"]) == (first, None)
    # Its labels were the wrong way round, so they were of other shares too.
    words = "the labelled rows are not like those that the model was judged on: "
    assert re.match(words + ".* % are 0, compared with .* % of those; log loss ", now["alarm"])
    assert (alarm.levelname, alarm.getMessage()[:7]) == ("WARNING", "ALARM: ")
    assert "on 400 labelled rows; promised: " in alarm.getMessage()
    assert alarm.getMessage().endswith("changed in the same way: kedro run --pipelines retraining")


@pytest.mark.long
def test_what_is_not_whole_does_not_count_and_is_said(two_champions: Project) -> None:
    project = two_champions
    rows = later(project)
    folder, (one, other) = folder_of(project), (each["run_id"] for each in finished(project))
    part = folder / one / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    drift = project.path / f"data/08_reporting/scoring_drift.json/{other}/scoring_drift.json"
    drift.write_text(Path(str(drift).replace(other, one)).read_text())
    (folder / "2026-01-01T00.00.00.000Z").mkdir()  # killed while it scored

    path = written(project, rows)
    said = logged(*MONITORING, *labels_at(path), code=ALARM)
    assert f"Scoring {one}: its labelled rows do not count: {part}: expected SHA-256" in said
    health = health_of(project)
    assert [each["run_id"] for each in health["scorings"]] == [one, other]
    assert labelled(health, "scorings") == labelled(health, "champions") == [0, 400]
    assert health["unknown_labels"] == 768 - 400
    assert health["notes"][1].startswith(f"Scoring {one}: ")
    assert f"expected the drift of this run, got that of run {one}" in health["notes"][0]
    assert f"Scoring {other} cannot tell whether the data moved" in health["notes"][2]
    assert health["newest"] is None

    (folder / one / "manifest.json").write_text("{")
    drift.write_text("[]")
    logged(*MONITORING, *labels_at(path), code=ALARM)
    health = health_of(project)
    assert [each["run_id"] for each in health["scorings"]] == [other]
    assert len(health["notes"]) == 3


def test_a_monitoring_refuses_what_it_cannot_join(project: Project) -> None:
    absent = project.path / "none.csv"
    said = message_of(here(*MONITORING, *labels_at(absent)))
    assert said.startswith(f"{absent}: no such file or directory")
    assert message_of(here(*MONITORING)) == (
        "There is no champion yet. kedro run --pipelines retraining trains one."
    )
    rows = later(project)
    rows.assign(**{KEY: rows.index}).to_csv(absent, index=False)
    assert "conf names none. Name under columns.key" in message_of(
        here(*MONITORING, *labels_at(absent))
    )


@pytest.mark.long
def test_labels_have_the_number_format_of_the_champion_unless_they_declare_one(
    project: Project,
) -> None:
    """As rows to score: 1.234 is 1234 if points separated thousands where the champion learned."""
    keyed(project, NUMBER)
    rows = pd.read_csv(project.raw)
    price = (1000 * rows["price"]).astype(int)
    german = rows.assign(price=[f"{number:,}".replace(",", ".") for number in price])
    german.to_csv(project.raw, sep=";", decimal=",", index=False)
    new = german.assign(**{KEY: [f"p{row}" for row in rows.index]})
    new.drop(columns="price").to_csv(project.path / "new.csv", sep=";", decimal=",", index=False)
    new[[KEY, "price"]].to_csv(project.path / "labels.csv", sep=";", index=False)
    marks = {"decimal": ",", "thousands": "."}
    kind, of_labels = "datasets.RawRowsDataset", "datasets.rows_to_score.LateLabelsDataset"

    def entry(kind: str, filepath: str, **marks: str) -> dict[str, Any]:
        load_args = {"sep": ";", **marks}
        return {"type": f"tabular_lstm.{kind}", "filepath": filepath, "load_args": load_args}

    entries = {
        "raw_rows": entry(kind, str(project.raw), **marks),
        "rows_to_score": entry(kind, "new.csv"),
        "late_labels": entry(of_labels, "labels.csv"),
    }
    reads(project, **entries)
    succeeds(here(*RETRAINING))
    succeeds(here(*SCORING))
    succeeds(here(*MONITORING))
    health = health_of(project)
    assert (health["quarantined_labels"], health["alarm"]) == (0, None)
    error = (predictions_of(project)["prediction"] - price) ** 2
    assert health["scorings"][0]["real"]["rmse"]["value"] == pytest.approx(error.mean() ** 0.5)

    # The champion's file knows its format, not its decision alone.
    shutil.rmtree(project.path / "data/08_reporting/decision.json")
    succeeds(here(*MONITORING))
    assert health_of(project)["scorings"][0]["real"] == health["scorings"][0]["real"]

    new[[KEY]].assign(price=price / 1).to_csv(project.path / "labels.csv", sep=";", index=False)
    reads(project, **entries | {"late_labels": entry(of_labels, "labels.csv", decimal=".")})
    succeeds(here(*MONITORING))
    assert health_of(project)["scorings"] == health["scorings"]


@pytest.mark.long
@pytest.mark.parametrize("task", [NUMBER, CLASSES])
def test_each_task_has_its_real_metrics(project: Project, task: str) -> None:
    keyed(project, task)
    succeeds(here(*RETRAINING))
    score(project, later(project))
    path = written(project, later(project))
    assert "of which 768 have a label" in logged(*MONITORING, *labels_at(path))
    (scoring,), (champion,) = health_of(project)["scorings"], health_of(project)["champions"]
    assert scoring["real"] == champion["real"]
    names = ["rmse", "mae"] if task == NUMBER else ["log_loss", "roc_auc"]
    for found in (champion["promised"], scoring["real"]):
        assert [*found] == names
