"""Six mornings of scoring: drift, late labels, an alarm, a new champion."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.helpers.champions import log_of
from tests.helpers.commands import ALARM, RETRAINING, here
from tests.helpers.documents import BLOCK, text, unchanging
from tests.helpers.notifications import lines, to
from tests.helpers.pages import Parsed
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.scorings import SCORING, rows_at

MONITORING = ("run", "--pipelines", "monitoring")
EVERY_MORNING, LATE = 300, 2
DRIFT_FROM = 4


def applications(first: int, count: int) -> pd.DataFrame:
    """Give applications, of which those with a wage near 1,900 and many children are granted."""
    drawn = np.random.default_rng(first)
    wage, children = np.exp(drawn.normal(7.8, 0.4, count)), drawn.poisson(1.2, count)
    odds = np.exp((450 - abs(wage - 1900)) / 120 + children - 1.2)
    return pd.DataFrame(
        {
            "number": [f"A{number}" for number in range(first, first + count)],
            "wage": wage.round(2),
            "children": children,
            "resident_since": drawn.integers(1980, 2026, count),
            "district": drawn.choice(["north", "south", "east"], count),
            "granted": np.where(drawn.random(count) < odds / (1 + odds), "yes", "no"),
        }
    )


def in_cents(rows: pd.DataFrame) -> pd.DataFrame:
    """The same with another unit."""
    return rows.assign(wage=(100 * rows["wage"]).round())


class Story:
    """A project in which one thing happens after the other, and what each run said last."""

    def __init__(self, project: Project, caplog: pytest.LogCaptureFixture) -> None:
        self.project, self._caplog = project, caplog
        self.told = project.path / "told.json"
        self.mornings: list[pd.DataFrame] = []
        self.said: list[str] = []
        self.everything: list[str] = []
        columns = {"label": "granted", "key": "number", "categorical": ["district"]}
        columns |= {"known_in_time": ["wage"]}  # it decides nearly all
        columns |= {"positive_class": "yes", "negative_class": "no"}
        declare(project, **QUICK, notify=to(self.told), columns=columns)

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command to an exit code, and give its last line or, before it, its alarm."""
        self._caplog.clear()
        ended = here(*arguments)
        assert ended.returncode == code, ended.stdout + ended.stderr
        self.said = [record.getMessage() for record in self._caplog.records]
        self.everything += self.said
        return self.said[-2] if code == ALARM else self.said[-1]

    @property
    def champions(self) -> list[str]:
        """Who served, the newest last."""
        return [one["run_id"] for one in log_of(self.project) if one["action"] == "promoted"]

    def morning(self, rows: pd.DataFrame, code: int = 0) -> str:
        """Score the rows of a morning, whose labels are not known yet."""
        self.mornings.append(rows)
        path = self.project.path / f"morning_{len(self.mornings)}.csv"
        rows.drop(columns="granted").to_csv(path, index=False)
        return self.run(*SCORING, *rows_at(path), code=code)

    def monitoring(self, code: int = 0) -> str:
        """Put the labels that have come beside the predictions."""
        labels = pd.concat(self.mornings[: len(self.mornings) - LATE])
        path = self.project.path / "labels.csv"
        labels[["number", "granted"]].to_csv(path, index=False)
        return self.run(*MONITORING, "--params", f"late_labels={path}", code=code)

    def latest(self, kind: str) -> str:
        """Give the page of the newest monitoring, or what it found."""
        return (self.project.path / f"data/08_reporting/latest_monitoring.{kind}").read_text()

    @property
    def health(self) -> dict[str, Any]:
        return json.loads(self.latest("json"))


@pytest.mark.long
def test_six_mornings(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    story = Story(project, caplog)
    applications(0, 1500).to_csv(project.raw, index=False)
    story.run(*RETRAINING)
    (first,) = story.champions
    for day in range(1, DRIFT_FROM):
        scored = story.morning(applications(10_000 * day, EVERY_MORNING))
        assert scored.startswith(f"Scored 300 of 300 rows with the champion of run {first}")
    labelled = story.monitoring()
    assert f"The champion of run {first} scored 900 rows, of which 300 have a label" in labelled
    assert (story.health["alarm"], story.health["advice"]) == (None, "nothing")
    assert "✓ The champion is healthy" in story.latest("html")

    for day in range(DRIFT_FROM, 7):
        alarm = story.morning(in_cents(applications(10_000 * day, EVERY_MORNING)), code=ALARM)
        moved = r"'wage': 100 % are above \d+, previously 0 % \(mean 2\d+, previously 2\d+\)"
        assert re.match(f"ALARM: {moved}", alarm)
    assert [end["event"] for end in lines(story.told)][-4:] == ["scored", *["alarm"] * 3]
    assert lines(story.told)[-1]["message"] == f"{story.said[-1]} {alarm}"

    # By now the first morning of the new unit has labels.
    advice = story.monitoring(code=ALARM)
    assert advice.startswith("ALARM: log loss ")
    assert re.search(r"on 300 labelled rows since scoring \S+; promised: 0\.", advice)
    assert "'wage': 100 % are above " in advice
    assert "Look at what moved: if it is a mistake, correct the rows and score them again" in advice
    assert advice.endswith("retrain on newly labelled rows: kedro run --pipelines retraining")
    assert [one["moved"] for one in story.health["scorings"]] == [0, 0, 0, 2, 2, 2]
    assert "✗ Alarm" in story.latest("html")
    assert "Distribution of wage, in the reference and now" in story.latest("html")

    # All rows in the new unit. Whether that is meant, a person says.
    known = [applications(0, 1500), *story.mornings[:3]]
    pd.concat([*map(in_cents, known), story.mornings[3]]).to_csv(story.project.raw, index=False)
    rejected = story.run(*RETRAINING, code=ALARM)
    assert "'wage': 100 % are above " in rejected
    assert story.champions == [first]
    assert "if the change is intended, " in story.said[-1]
    assert "--params promotion.start_over=true" in story.said[-1]
    story.run(*RETRAINING, "--params", "promotion.start_over=true")
    new = story.champions[-1]
    assert new != first

    scored = story.morning(in_cents(applications(70_000, EVERY_MORNING)))
    assert scored.startswith(f"Scored 300 of 300 rows with the champion of run {new}")
    story.monitoring()
    assert (story.health["champion"], story.health["alarm"]) == (new, None)
    shown = Parsed(story.latest("html")).text
    assert "✓ The champion is healthy" in shown
    assert f"The champion of run {new} serves." in shown
    assert shown.count("2 moved") == 3

    said = {unchanging(line) for line in story.everything}
    examples = [
        code for kind, code in BLOCK.findall(text("docs/monitoring.md")) if kind == "text example"
    ]
    for line in examples[0].splitlines():
        assert unchanging(re.sub(r"^(INFO|WARNING) +", "", line)) in said, line
