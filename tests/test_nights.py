"""Ten nights of eight models that share a file: what the page, the codes and the notices say."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.serving.promotion_log import FORMAT, began
from tests.helpers.commands import here
from tests.helpers.notifications import lines, to
from tests.helpers.pages import Parsed
from tests.helpers.processes import wait_until
from tests.helpers.project import QUICK, Project

NAMES = ("at", "be", "ch", "de", "es", "fr", "it", "nl")
NEVER = "nl"  # the model whose rows have one class
COLUMNS = {"label": "sold", "positive_class": "yes", "negative_class": "no"}
COLUMNS |= {"ignore": ["country"]}
RATE = 30  # prices are 0 to 100, and a sale is likely between two of them


def rows_of(country: str, count: int = 320, seed: int = 0) -> pd.DataFrame:
    """Rows of a country, of which a tiny network learns the label and a straight line does not."""
    drawn = np.random.default_rng([seed, *map(ord, country)])
    price, size, age = drawn.uniform(0, 100, (3, count)).round(2)
    sold = (np.abs(price - 50) < RATE) ^ (drawn.random(count) < 0.05)
    if country == NEVER:
        sold[:] = False
    labels = np.where(sold, "yes", "no")
    return pd.DataFrame(
        {"country": country, "price": price, "size": size, "age": age, "sold": labels}
    )


WELL = [name for name in NAMES if name != NEVER]


class Nights:
    """A project of eight models, its nights, and what they said."""

    def __init__(self, project: Project) -> None:
        self.project, self.told = project, project.path / "told.json"
        self.rows = self.all_rows = pd.concat(map(rows_of, NAMES), ignore_index=True)
        self.new = pd.concat([rows_of(n, 120, seed=1) for n in NAMES]).drop(columns="sold")
        conf = project.path / "conf/stores"
        conf.mkdir()
        where = {"type": "tabular_lstm.datasets.RawRowsDataset"}
        where |= {"where": {"country": "${model:value}"}}
        files = {"raw_rows": "data/01_raw/all.csv", "rows_to_score": "data/01_raw/new.csv"}
        catalog = {name: {**where, "filepath": path} for name, path in files.items()}
        (conf / "catalog.yml").write_text(json.dumps(catalog))
        blocks: dict[str, Any] = {"models": [*NAMES], "columns": COLUMNS, **QUICK}
        blocks |= {"monitoring": {"false_alarms": 0.001}, "notify": to(self.told)}
        (conf / "parameters.yml").write_text(json.dumps(blocks))

    @property
    def outputs(self) -> Path:
        return self.project.path / "data/stores"

    def write(self) -> None:
        self.rows.to_csv(self.project.path / "data/01_raw/all.csv", index=False)
        self.new.to_csv(self.project.path / "data/01_raw/new.csv", index=False)

    def run(self, *arguments: str, code: int, pipeline: str = "retraining") -> list[str]:
        """Run all models, or those of the arguments, to an exit code; give the errors."""
        self.write()
        command = ("run-models", "--env", "stores", "--pipelines", pipeline, *arguments)
        ended = here(*command)
        assert ended.returncode == code, ended.stdout + ended.stderr
        return [line for line in ended.stderr.splitlines() if line.startswith("Error: ")]

    def notice(self) -> dict[str, Any]:
        """The only notice of the last run; forgets it."""
        (notice,) = lines(self.told)
        self.told.unlink()
        return notice

    def overview(self, code: int) -> dict[str, dict[str, Any]]:
        """How each model is, who needs a person first, as `--json` and the newest page say it."""
        ended = here("overview", "--env", "stores", "--json")
        assert ended.returncode == code, ended.stdout + ended.stderr
        states = json.loads(ended.stdout)
        page = Parsed((self.outputs / "overview.html").read_text()).text
        needing = [s["model"] for s in states if s["needs"] not in {"done", "waiting"}]
        assert [s["model"] for s in states][: len(needing)] == needing
        count = f"{len(needing)} of 8 models need a person" if needing else "all is well"
        assert f"stores: {count}" in page
        return {state["model"]: state for state in states}

    def a_day_passes(self) -> None:
        """Let all attempts be a day older; but not the promotion log, whose lines are chained."""
        for path in [*self.outputs.glob("*/08_reporting/*_attempt.json/*/*.json")]:
            run = path.parent.name
            earlier = f"{(began(run) - timedelta(days=1)).strftime(FORMAT)[:-4]}Z"
            path.write_text(path.read_text().replace(run, earlier))
            path.parent.rename(path.parent.with_name(earlier))

    def kill_at(self, model: str) -> None:
        """Run all models in another process, and kill it while this model is retrained."""
        self.write()
        written = f"{model}/08_reporting/retraining_attempt.json/*/retraining_attempt.json"
        before = {*self.outputs.glob(written)}
        command = [sys.executable, "-m", "kedro", "run-models", "--env", "stores"]
        command += ["--params", "retraining.force=true", "--models", "at,be,de"]
        with subprocess.Popen(command, cwd=self.project.path, stdout=-3, stderr=-3) as process:
            wait_until(lambda: not {*self.outputs.glob(written)} <= before, 200)
            process.kill()

    def decisions(self, model: str) -> list[str]:
        log = self.outputs / model / "08_reporting/promotions.jsonl"
        return [json.loads(line)["action"] for line in log.read_text().splitlines()]


def days_since(state: dict[str, Any]) -> int:
    return round((datetime.now(UTC) - began(state["since"])) / timedelta(days=1))


def all_well(nights: Nights) -> None:
    """All well, but for the model that waits for rows of a second class."""
    assert nights.run(code=0) == []
    notice = nights.notice()
    assert (notice["event"], notice["message"]) == ("promoted", "0 of 8 models need a person")
    outcomes = {end["model"]: end["outcome"] for end in notice["outcomes"]}
    assert outcomes == {**dict.fromkeys(WELL, "promoted"), NEVER: "waiting"}
    assert nights.run(code=0, pipeline="scoring") == []
    assert [end["rows"] for end in nights.notice()["outcomes"]][:7] == [120] * 7
    states = nights.overview(code=0)
    assert {states[name]["needs"] for name in WELL} == {"done"}
    assert states["at"]["new"] == ["retraining promoted", "scoring scored"]
    waiting = states[NEVER]
    assert waiting["needs"] == "waiting"
    assert "on the train side 0 rows with sold = 'yes'" in waiting["why"]
    told = waiting["attempts"]["scoring"]["message"]
    assert told.startswith("Not scored: no champion yet. Error: ")


def one_without_rows(nights: Nights) -> None:
    """A model without rows."""
    nights.a_day_passes()
    nights.rows = nights.all_rows[nights.all_rows["country"] != "es"]
    (error,) = nights.run(code=1)
    assert error.startswith("Error: es: ")
    assert error.endswith("all.csv: no rows where country is 'es'; expected at least one.")
    notice = nights.notice()
    assert (notice["event"], notice["message"]) == (
        "failed",
        "1 of 8 models need a person: es (failed)",
    )
    states = nights.overview(code=1)
    assert states["es"]["needs"] == "failed"
    assert states["es"]["new"] == ["retraining failed, previously promoted"]
    assert states["at"]["new"] == []


def a_renamed_header(nights: Nights) -> None:
    """A renamed header. The same error of all models is said once."""
    nights.a_day_passes()
    nights.rows = nights.rows.rename(columns={"price": "cost"})
    (error,) = nights.run(code=1)
    assert error.startswith("Error: 7 models, at, be, ch, de, es, fr, it: ")
    assert "column 'price' is not in the file" in error
    states = nights.overview(code=1)
    assert next(name for name, state in states.items() if state["needs"] == "failed") == "es"
    assert days_since(states["es"]) == 1
    assert states["es"]["new"] == []
    assert states["fr"]["new"] == ["retraining failed, previously unchanged"]
    assert len(lines(nights.told)) == 1
    nights.notice()


def killed_in_the_middle(nights: Nights) -> None:
    """Killed in the middle; then run again."""
    nights.a_day_passes()
    nights.rows = nights.all_rows
    nights.kill_at("be")
    assert here("overview", "--env", "stores").returncode == 1
    states = nights.overview(code=1)
    assert states["be"]["why"].startswith("retraining: The run began but did not end: it was")
    nights.run(code=0)
    assert not lines(nights.told)  # nobody is told of what is unchanged
    states = nights.overview(code=0)
    assert {state["needs"] for state in states.values()} == {"done", "waiting"}
    assert states["be"]["new"] == ["retraining unchanged, previously failed"]
    assert all(nights.decisions(name) == ["promoted"] for name in ("be", "es", "fr"))
    assert days_since(states[NEVER]) == 3


def a_reversed_label(nights: Nights) -> None:
    """A reversed label."""
    nights.a_day_passes()
    is_be = nights.all_rows["country"] == "be"
    other = nights.all_rows["sold"].map({"yes": "no", "no": "yes"})
    nights.rows = nights.all_rows.assign(sold=nights.all_rows["sold"].mask(is_be, other))
    nights.run(code=65)
    assert nights.notice()["message"] == "1 of 8 models need a person: be (untrusted data)"
    states = nights.overview(code=65)
    assert states["be"]["needs"] == "untrusted data"
    assert nights.decisions("be") == ["promoted", "rejected"]


def prices_in_cents(nights: Nights) -> None:
    """Prices in cents, to train and to score."""
    nights.a_day_passes()
    is_de = nights.all_rows["country"] == "de"
    price = nights.all_rows["price"]
    nights.rows = nights.all_rows.assign(price=price.mask(is_de, 100 * price))
    in_cents = nights.new["price"].mask(nights.new["country"] == "de", 100 * nights.new["price"])
    nights.new = nights.new.assign(price=in_cents)
    nights.run(code=3)
    assert nights.notice()["event"] == "alarm"
    nights.run(code=3, pipeline="scoring")
    states = nights.overview(code=3)
    assert next(iter(states)) == "de"
    assert states["de"]["needs"] == "untrusted data"  # by the retraining
    assert states["de"]["attempts"]["scoring"]["severity"] == "alarm"
    assert "'price': 100 % are above" in states["de"]["why"]
    assert states["be"]["needs"] == "done"
    nights.notice()


def new_rows_without_labels(nights: Nights) -> None:
    """New rows without labels."""
    unlabelled = pd.concat([rows_of(name, 30, seed=2) for name in NAMES]).assign(sold=None)
    nights.rows = pd.concat([nights.all_rows, unlabelled])
    assert nights.run(code=0) == []
    assert not lines(nights.told)
    for name in WELL:
        assert nights.overview(code=3)[name]["attempts"]["retraining"]["outcome"] == "unchanged"


def a_rollback_then_a_new_row(nights: Nights) -> None:
    """Another champion, a rollback, then a new row."""
    nights.run("--models", "at", "--params", "retraining.force=true,training.seed=7", code=0)
    assert nights.decisions("at")[-1] == "promoted"
    nights.notice()
    assert "expected --models" in nights.run(code=1, pipeline="rollback")[0]
    assert nights.run("--models", "at", code=0, pipeline="rollback") == []
    assert nights.notice()["event"] == "rolled_back"
    states = nights.overview(code=3)
    assert "rollback rolled back" in states["at"]["new"]
    nights.rows = pd.concat([nights.rows, rows_of("at", 1, seed=3)])
    nights.run(code=0)
    assert {end["model"]: end["outcome"] for end in nights.notice()["outcomes"]} == {
        **dict.fromkeys(WELL, "unchanged"),
        "at": "promoted",
        NEVER: "waiting",
    }
    assert nights.decisions("at")[-3:] == ["promoted", "rolled_back", "promoted"]


@pytest.mark.long
def test_ten_nights_of_eight_models(project: Project) -> None:
    nights = Nights(project)
    all_well(nights)
    one_without_rows(nights)
    a_renamed_header(nights)
    killed_in_the_middle(nights)
    a_reversed_label(nights)
    prices_in_cents(nights)
    new_rows_without_labels(nights)
    a_rollback_then_a_new_row(nights)
