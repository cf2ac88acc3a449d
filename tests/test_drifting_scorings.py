"""Rows that are other than those that the champion was trained on: said, told, or stopped at."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tabular_lstm.monitoring.drift import NAMED
from tabular_lstm.task import CLASSES, NUMBER
from tests.helpers.commands import ALARM, here, logged, message_of, succeeds
from tests.helpers.notifications import lines, to
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.scorings import SCORING, finished, rows_at, unfinished
from tests.helpers.tables import LABELS

STOP = ("monitoring.on_drift=stop",)
NO_CODE = "monitoring.exit_on_alarm=0"


def rows_of(project: Project, name: str = "rows.csv", **factors: float) -> Path:
    """Write the project's rows without their label, some columns times a factor."""
    rows = pd.read_csv(project.raw).drop(columns=LABELS, errors="ignore")
    for column, factor in factors.items():
        rows[column] = (rows[column] * factor).round(3)
    rows.to_csv(project.path / name, index=False)
    return project.path / name


def drift_of(project: Project) -> dict[str, Any]:
    """The newest comparison of a scoring's rows."""
    return json.loads(project.versions("08_reporting/scoring_drift.json")[-1].read_text())


def test_rows_like_those_of_the_training_raise_no_alarm(served: Project) -> None:
    said = logged(*SCORING, *rows_at(rows_of(served), *STOP))
    assert "ALARM" not in said
    assert "not compared" not in said
    assert said.splitlines()[-1].startswith("Scored 768 of 768 rows")
    assert drift_of(served)["rows"] == 768
    # Twenty rows show less.
    said = logged(*SCORING)
    assert "ALARM" not in said
    assert "20 rows: only a shift of more than" in said


def test_another_unit_is_scored_with_an_alarm_before_the_last_line_and_told_once(
    served: Project, caplog: pytest.LogCaptureFixture
) -> None:
    told = served.path / "told.json"
    declare(served, **QUICK, notify=to(told))
    rows = rows_of(served, bmi=0.45)  # in pounds
    assert here(*SCORING, *rows_at(rows)).returncode == ALARM
    alarm, last = [record.getMessage() for record in caplog.records][-2:]
    assert last.startswith("Scored 768 of 768 rows")
    assert caplog.records[-2].levelname == "WARNING"
    assert alarm.startswith("ALARM: 'bmi': ")
    (manifest,) = finished(served)
    (end,) = lines(told)
    assert (end["event"], end["message"], end["manifest"]) == (
        "alarm",
        f"{last} {alarm}",
        manifest,
    )
    assert drift_of(served)["features"]["bmi"]["moved"]

    # Whatever started the scoring tries again.
    assert here(*SCORING, *rows_at(rows, "monitoring.exit_on_alarm=7")).returncode == 7
    again, unchanged = [record.getMessage() for record in caplog.records][-2:]
    assert "had the same rows, champion, parameters and code" in unchanged
    assert (again, caplog.records[-2].levelname) == (alarm, "WARNING")
    assert len(finished(served)) == 1
    (_, end) = lines(told)
    assert (end["event"], end["message"]) == ("alarm", f"{unchanged} {again}")

    # Who did not ask for alarms is told as before.
    declare(served, **QUICK, notify=to(told, events=["scored"]))
    succeeds(here(*SCORING, *rows_at(rows, "scoring.force=true", NO_CODE)))
    assert lines(told)[-1]["event"] == "scored"
    assert lines(told)[-1]["message"].startswith("Scored 768 of 768 rows")
    assert lines(told)[-1]["message"].endswith(f" {alarm}")


@pytest.mark.long
def test_stop_leaves_no_predictions_and_says_what_to_do(
    served: Project, caplog: pytest.LogCaptureFixture
) -> None:
    told = served.path / "told.json"
    declare(served, **QUICK, notify=to(told))
    rows = rows_of(served, bmi=0.45)
    message = message_of(here(*SCORING, *rows_at(rows, *STOP)))
    assert message.startswith("ALARM: 'bmi': ")
    assert "There are no predictions" in message
    assert "--params monitoring.on_drift=warn" in message
    assert finished(served) == []
    assert unfinished(served) == []
    (end,) = lines(told)
    assert (end["event"], end["message"]) == ("alarm", f"Error: {message}")
    assert "manifest" not in end
    # Whoever asked for failures alone is told too.
    declare(served, **QUICK, notify=to(told, events=["failed"]))
    message_of(here(*SCORING, *rows_at(rows, "monitoring.on_drift=stop")))
    assert [end["event"] for end in lines(told)] == ["alarm", "failed"]

    # As the message says; a stricter conf scores nothing again, and does not take it for well.
    succeeds(here(*SCORING, *rows_at(rows)), ALARM)
    (manifest,) = finished(served)
    assert here(*SCORING, *rows_at(rows, *STOP)).returncode == 1
    alarm, last = [record.getMessage() for record in caplog.records][-2:]
    assert "had the same rows, champion, parameters and code" in last
    assert manifest["run_id"] in last
    assert alarm.startswith("ALARM: 'bmi': ")
    assert len(finished(served)) == 1


def test_an_alarm_that_stops_names_all_that_moved_and_what_conf_misnames_is_said(
    served: Project,
) -> None:
    columns = [name for name in pd.read_csv(served.raw) if name not in {*LABELS, "age"}]
    rows = rows_of(served, **dict.fromkeys(columns, 0.3))
    assert len(columns) > NAMED
    ignoring = ("monitoring.ignore=[aeg]",)  # conf may be ahead of the champion
    message = message_of(here(*SCORING, *rows_at(rows, *STOP)))
    assert "more" not in message
    for column in columns:
        assert f"'{column}': " in message
    said = logged(*SCORING, *rows_at(rows, *ignoring), code=ALARM)
    assert said.count("monitoring.ignore, for this champion: 'aeg' is unknown; did you") == 1
    assert "did you mean 'age'?" in said


def test_a_champion_without_its_reference_scores_only_where_drift_stops_nothing(
    served: Project,
) -> None:
    served.versions("07_model_output/reference.json")[-1].unlink()
    rows = rows_of(served, bmi=0.45)
    why = "expected the champion's reference, got no file"

    def refused() -> None:
        """Conf says that drift stops a scoring, and nothing would tell it."""
        message = message_of(here(*SCORING, *rows_at(rows, *STOP)))
        assert message.startswith("These rows cannot be compared with those")
        assert why in message
        assert "/reference.json" in message
        assert ".." not in message
        assert "--params monitoring.on_drift=warn. A retraining that promotes" in message
        assert unfinished(served) == []

    refused()
    said = logged(*SCORING, *rows_at(rows)).splitlines()
    (line,) = [line for line in said if "not compared" in line]
    assert why in line
    assert ".." not in line
    assert "A retraining that promotes its candidate solves this" in line
    assert said[-1].startswith("Scored 768 of 768")
    drift = drift_of(served)
    assert drift["not_compared"]
    assert not drift["features"]
    # What was scored without a comparison is none that need not be scored again.
    refused()
    assert len(finished(served)) == 1


@pytest.mark.long
@pytest.mark.parametrize("task", [CLASSES, NUMBER])
def test_other_tasks_watch_their_scores_too(served: Project) -> None:
    """A tenth of glucose: the network says the same of all rows."""
    said = logged(*SCORING, *rows_at(rows_of(served)))
    assert "ALARM" not in said
    said = logged(*SCORING, *rows_at(rows_of(served, glucose=0.1)), code=ALARM)
    assert said.splitlines()[-2].startswith("ALARM: ")
    drift = drift_of(served)
    assert drift["features"]["glucose"]["moved"]
    assert any(score["moved"] for score in drift["scores"].values())
