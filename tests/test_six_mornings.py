"""Six mornings of scoring, as README tells them: drift, late labels, an alarm, a new champion."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.helpers.commands import RETRAINING, here
from tests.helpers.notifications import lines, to
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.scorings import SCORING, rows_at

MONITORING = ("run", "--pipelines", "monitoring")
EVERY_MORNING, LATE = 300, 2
DRIFT_FROM = 4
ALARM = 7  # exit code


def applications(first: int, count: int) -> pd.DataFrame:
    """Give applications for support, of which the low wages and the many children are granted."""
    drawn = np.random.default_rng(first)
    wage, children = np.exp(drawn.normal(7.8, 0.4, count)), drawn.poisson(1.2, count)
    odds = np.exp((2100 - wage) / 150 + 2 * children - 3)
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
        columns = {"label": "granted", "key": "number", "categorical": ["district"]}
        columns |= {"positive_class": "yes", "negative_class": "no"}
        alarm = {"monitoring": {"exit_on_alarm": ALARM}, "notify": to(self.told)}
        declare(project, **QUICK, **alarm, columns=columns)

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command to an exit code, and give its last line."""
        self._caplog.clear()
        ended = here(*arguments)
        assert ended.returncode == code, ended.stdout + ended.stderr
        return self._caplog.records[-1].getMessage()

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

    @property
    def health(self) -> dict[str, Any]:
        """What the newest monitoring found."""
        return json.loads(self._latest("json"))

    @property
    def page(self) -> str:
        return self._latest("html")

    def _latest(self, kind: str) -> str:
        path = self.project.path / f"data/08_reporting/latest_monitoring.{kind}"
        return path.read_text()


def test_six_mornings(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    story = Story(project, caplog)
    applications(0, 1500).to_csv(project.raw, index=False)
    first = story.run(*RETRAINING).split()[2].rstrip(":")
    says = []
    for day in range(1, 7):
        drifted = day >= DRIFT_FROM
        rows = applications(1000 * day, EVERY_MORNING)
        says.append(story.morning(in_cents(rows) if drifted else rows, ALARM * drifted))
        print(says[-1])
        print(caplog.records[-2].getMessage())
        if day in {3, 6}:
            print(story.monitoring(ALARM * drifted))
            print(story.health["alarm"], story.health["advice"], story.health["command"])
    old = [applications(0, 1500), *story.mornings[:3]]
    pd.concat([*map(in_cents, old), story.mornings[3]]).to_csv(project.raw, index=False)
    r = here(*RETRAINING)
    print(r.returncode, r.stdout[-3000:], r.stderr[-3000:])
    print(caplog.records[-1].getMessage(), caplog.records[-2].getMessage())
