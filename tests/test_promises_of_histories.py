"""What a champion of histories promises is what its scored rows keep, and others are told apart."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.helpers.commands import RETRAINING, here, logged, succeeds
from tests.helpers.outputs import document
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.scorings import SCORING, rows_at

CUSTOMERS, DELAY, HORIZON = 4500, 60, 480  # two thirds of the customers have records
COLUMNS = {
    "label": "left",
    "positive_class": 1,
    "negative_class": 0,
    "key": "event",
    "bounds": {},
    "missing": {},
    "categorical": ["kind"],
    "history": {"of": "customer", "order": "day", "known_after": "60 days"},
}
START = pd.Timestamp("2024-01-01")
NO_CODE = "monitoring.exit_on_alarm=0"


def events() -> pd.DataFrame:
    """Events of customers, some on the same day; after two complaints in a row many leave for good.

    The records begin when many customers are there already, so that time changes nothing. Who
    leaves has no later row, so the last rows are not like all rows. One customer has very many
    events.
    """
    rng = np.random.default_rng(7)
    rows = []
    for customer in range(CUSTOMERS):
        pace, day = rng.uniform(5, 40), rng.uniform(-HORIZON, HORIZON + DELAY)
        heavy, complained = customer == 0, False
        while day < HORIZON + DELAY:
            complains = rng.random() < 0.35
            leaves = not heavy and rng.random() < (0.4 if complains and complained else 0.03)
            complained = complains
            kind = "complaint" if complains else "purchase"
            rows.append((customer, day, kind, round(rng.lognormal(3, 1), 2), leaves))
            if leaves:
                break
            day += 0.1 if heavy else max(rng.exponential(pace), 0) * (rng.random() > 0.1)
    table = pd.DataFrame(rows, columns=["customer", "time", "kind", "amount", "left"])
    table = table[table["time"] >= 0].reset_index(drop=True)
    table["customer"] = "C" + table["customer"].astype(str)
    table["event"] = [f"e{place}" for place in range(len(table))]
    table["left"] = table["left"].astype(int)
    table["day"] = (START + pd.to_timedelta(table["time"] // 1, "D")).dt.strftime("%F")
    return table


def seen(table: pd.DataFrame, until: float) -> pd.DataFrame:
    """Give the table as it was at a time: later rows are not there, late labels are not known."""
    rows = table[table["time"] < until]
    rows = rows.assign(left=rows["left"].where(rows["time"] < until - DELAY).astype("Int64"))
    return rows.drop(columns="time").sample(frac=1, random_state=0)


def health_of(project: Project) -> dict[str, Any]:
    path = project.path / "data/08_reporting/latest_monitoring.json"
    return json.loads(path.read_text())


@pytest.mark.long
def test_the_last_rows_of_customers_keep_what_was_promised_and_others_are_told_apart(
    project: Project, tmp_path: Path
) -> None:
    table = events()
    seen(table, HORIZON).to_csv(project.raw, index=False)
    declare(project, columns=COLUMNS, **QUICK)
    succeeds(here(*RETRAINING))
    judgement = document(project, "08_reporting/decision.json")["judgement"]
    assert judgement["judged_on"] == "last rows"
    metrics = project.metrics()
    promised, of_all = metrics["test"], metrics["all_rows"]
    low, high = promised["interval"]["log_loss"]
    assert not low <= of_all["log_loss"] <= high

    # Two months later those who were seen within the delay are scored, with their histories.
    later = seen(table, HORIZON + DELAY)
    newest = table[table["time"] < HORIZON + DELAY].groupby("customer")["time"].max()
    active = newest.index[newest >= HORIZON]
    new, labels = tmp_path / "new.csv", tmp_path / "labels.csv"
    later[later["customer"].isin(active)].to_csv(new, index=False)
    succeeds(here(*SCORING, *rows_at(new, NO_CODE)))
    table[table["time"] >= HORIZON][["event", "left"]].to_csv(labels, index=False)
    monitoring = ("run", "--pipelines", "monitoring", "--params", f"late_labels={labels},{NO_CODE}")
    log = logged(*monitoring)
    health = health_of(project)
    real = health["champions"][0]["real"]["log_loss"]
    assert health["champions"][0]["labelled_rows"] > 300
    assert real["low"] <= high
    assert low <= real["high"]
    assert not real["low"] <= of_all["log_loss"] <= real["high"]
    assert health["champions"][0]["alarm"] is None
    assert "not like those that the model was" not in log

    # All who ever came are scored: those who left long ago are not like the rows that judged.
    later.to_csv(new, index=False)
    succeeds(here(*SCORING, *rows_at(new, NO_CODE)))
    table[["event", "left"]].to_csv(labels, index=False)
    log = logged(*monitoring)
    health = health_of(project)
    assert health["advice"] == "look"
    words = "the labelled rows are not like those that the model was judged on: "
    assert health["alarm"].startswith(words)
    assert "A retraining helps only if the rows to train on have changed in the same way" in log
