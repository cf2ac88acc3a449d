"""Whole runs under what a year brings: data that grow, odd clocks, useless candidates,
many columns, and who is told of it all."""

import json
import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tabular_lstm.network import fit
from tabular_lstm.runs import output_folders
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.champions import (
    assert_settled,
    log_of,
    on_disk,
)
from tests.helpers.commands import RETRAINING, ROLLBACK, here, message_of, seed, succeeds
from tests.helpers.notifications import SECRET, lines, to
from tests.helpers.outputs import document
from tests.helpers.project import QUICK, TINY, Project, declare
from tests.helpers.scorings import SCORING, finished, folder_of, predictions_of
from tests.helpers.tables import LABEL

# Data that grow


def runs_kept(project: Project) -> dict[str, set[str]]:
    """The run ids that are kept of each output but for decisions and attempts."""
    outputs = [p for p in (project.path / "data").glob("0[2-8]*/*") if p.is_dir()]
    kept = {output.name: {version.name for version in output.iterdir()} for output in outputs}
    kept.pop("decision.json")
    kept.pop("retraining_attempt.json")
    return kept


def test_retrainings_in_a_row_keep_rows_on_their_sides_all_decisions_and_few_files(
    quick: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are added, reordered and corrected. The last runs train for nothing, so that champions
    are older than the newest candidates."""
    monkeypatch.setattr(output_folders, "AT_LEAST", timedelta(0))  # else a day
    runs, candidates, champions = 5, 2, 2
    kept = {"keep_candidates": candidates, "keep_champions": champions}
    all_rows = pd.read_csv(quick.raw).drop_duplicates()
    rng, features = np.random.default_rng(7), [name for name in all_rows if name != LABEL]
    seen: dict[tuple[float, ...], str] = {}
    for number in range(runs):
        count = 500 + 25 * number
        corrected = rng.choice(count, 2, replace=False)
        all_rows.iloc[corrected, -1] = 1 - all_rows.iloc[corrected, -1]
        all_rows[:count].sample(frac=1, random_state=number).to_csv(quick.raw, index=False)
        useless = {"epochs": 1, "learning_rate": 1e-9}
        training = QUICK["training"] if number < runs - candidates else useless
        declare(quick, **{**QUICK, "training": training, "promotion": QUICK["promotion"] | kept})

        succeeds(here(*RETRAINING))
        sides = {
            tuple(row): side
            for side in ("train", "test")
            for row in quick.rows(side)[features].fillna(-1).to_numpy().tolist()
        }
        assert len(sides) == count
        assert seen.items() <= sides.items()
        seen = sides
        most = max(len(runs) for runs in runs_kept(quick).values())
        assert most <= min(number + 1, candidates + champions)
        assert_settled(quick)

    log = log_of(quick)
    promotions, rejections = log[:-candidates], log[-candidates:]
    assert {line["action"] for line in promotions} == {"promoted"}
    assert {line["action"] for line in rejections} == {"rejected"}
    decisions = {
        path.parent.name: json.loads(path.read_text())
        for path in quick.versions("08_reporting/decision.json")
    }
    assert decisions.keys() == {line["run_id"] for line in log}
    assert len(log) == len({line["inputs"]["data"] for line in log}) == runs
    for line in log:
        decision = decisions[line["run_id"]]
        assert (decision["action"], decision["reason"]) == (line["action"], line["reason"])
        assert decision["judgement"]["inputs"] == line["inputs"]
    left, by_output = {line["run_id"] for line in log[-candidates - champions :]}, runs_kept(quick)
    assert set(by_output) >= {"candidate.keras", "train_rows.parquet", "report.html"}
    assert all(run_ids == left for run_ids in by_output.values()), by_output

    before, last = promotions[-2:]
    assert on_disk(quick) == last["sha256"]
    succeeds(here(*ROLLBACK))
    assert on_disk(quick) == before["sha256"]
    assert log_of(quick)[-1]["serves_now"] == before["run_id"]
    assert_settled(quick)


def test_1500_columns_of_300_rows_run_to_a_verdict_and_the_worth_of_each(project: Project) -> None:
    count, rng = 1500, np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(300, count)).round(4))
    table.columns = [f"f{place}" for place in range(count)]
    told = table["f3"] + table["f700"] > 0
    table.assign(**{LABEL: told.astype(int)}).to_csv(project.raw, index=False)
    columns = {"label": LABEL, "positive_class": 1, "negative_class": 0}
    declare(project, **TINY, columns=columns)
    succeeds(here("run"))
    verdict = document(project, "08_reporting/verdict.json")
    assert len([line for line in verdict if "ahead of the candidate" not in line]) == 5
    importance = document(project, "07_model_output/permutation_importance.json")
    assert len(importance["features"]) == count
    (folder,) = project.versions("08_reporting/figures")
    texts = re.findall(r">([^<>]+)</text>", (folder / "importance_chart.svg").read_text())
    assert len([text for text in texts if re.fullmatch(r"f\d+", text)]) == 30
    assert "30 of 1500 features" in " ".join(texts)


# A candidate that tells nothing


@pytest.mark.parametrize(
    ("task", "weight", "reason"),
    [
        (TWO_CLASSES, np.nan, "the candidate gives no probability for {0} of {0} test rows"),
        (TWO_CLASSES, 0, "the candidate was not shown to be better than the majority class"),
        (CLASSES, 0, "the candidate was not shown to be better than the majority class"),
        (NUMBER, np.nan, "the candidate gives no prediction for {0} of {0} test rows"),
    ],
)
def test_a_candidate_that_tells_nothing_is_saved_loaded_judged_and_rejected(
    served: Project, monkeypatch: pytest.MonkeyPatch, task: str, weight: float, reason: str
) -> None:
    old, really_train = on_disk(served), fit.train

    def train(*arguments: Any) -> Any:
        candidate, history = really_train(*arguments)
        candidate.set_weights([np.full_like(each, weight) for each in candidate.get_weights()])
        return candidate, history

    monkeypatch.setattr(fit, "train", train)
    succeeds(here(*RETRAINING, *seed(5)))
    predictions = pd.read_csv(served.versions("07_model_output/candidate_predictions.csv")[-1])
    predicted = predictions.filter(regex="^candidate").iloc[:, 0]
    expected = np.nan if weight else {TWO_CLASSES: 1 / 2, CLASSES: 1 / 3}[task]
    np.testing.assert_allclose(predicted, expected, atol=1e-6)  # a NaN equals a NaN here
    line = log_of(served)[-1]
    decision = json.loads(
        served.versions("08_reporting/decision.json")[-1].read_text(), parse_constant=pytest.fail
    )
    for written in (line, decision):
        assert written["action"] == "rejected"
        assert written["reason"].startswith(reason.format(len(predictions)))
    assert line["sha256"] == on_disk(served) == old
    assert_settled(served)
    assert len(served.versions("08_reporting/report.html")) == 2


# Odd clocks and scheduler

LATER = [f"2036-01-{day:02}T00.00.00.000Z" for day in range(1, 11)]


def test_a_retraining_after_a_clock_that_was_ahead_keeps_its_own_outputs(served: Project) -> None:
    """What is left is that of ten runs, of which no row is left."""
    (run,), data = (line["run_id"] for line in log_of(served)), served.path / "data"
    for version in data.glob(f"0*/*/{run}"):
        for name in LATER:
            shutil.copytree(version, version.with_name(name))
    for rows in data.glob("03_primary/*_rows.parquet/2036*/*.parquet"):
        pd.read_parquet(rows).iloc[:0].to_parquet(rows)
    succeeds(here(*RETRAINING, *seed(5)))
    runs = [line["run_id"] for line in log_of(served)]
    for output in ("06_models/candidate.keras", "08_reporting/report.html"):
        kept = [version.parent.name for version in served.versions(output)]
        assert kept == [*runs, *LATER[-9:]]
    assert_settled(served)


def test_predictions_of_a_clock_that_was_ahead_hide_no_later_ones(
    served: Project, caplog: pytest.LogCaptureFixture
) -> None:
    succeeds(here(*SCORING))
    (first,) = finished(served)
    ahead = folder_of(served) / LATER[0]
    shutil.copytree(folder_of(served) / first["run_id"], ahead)
    manifest = ahead / "manifest.json"
    manifest.write_text(manifest.read_text().replace(first["run_id"], LATER[0]))
    # The run of today is named, whose outputs are all there.
    succeeds(here(*SCORING))
    unchanged = "had the same rows, champion, parameters and code"
    assert f"Unchanged: run {first['run_id']} {unchanged}" in caplog.text
    succeeds(here(*SCORING, "--params", "scoring.force=true"))
    newest = finished(served)[1]["run_id"]
    assert first["run_id"] < newest < LATER[0]
    assert set(predictions_of(served)["run_id"]) == {newest}


# Who is told


def test_a_command_is_told_of_each_end_once(quick: Project, tmp_path: Path) -> None:
    told = tmp_path / "told.jsonl"
    declare(quick, **QUICK, notify=to(told))
    succeeds(here(*RETRAINING))
    succeeds(here(*RETRAINING))  # unchanged, of which nobody asked to be told
    succeeds(here(*SCORING))
    succeeds(here(*RETRAINING, *seed(1)))
    succeeds(here(*ROLLBACK))
    quick.raw.write_text("no, such\ncolumns,1\n")
    message = message_of(here(*RETRAINING))
    first, scored, second, back, failed = ends = lines(told)
    events = ["promoted", "scored", "promoted", "rolled_back", "failed"]
    assert [end["event"] for end in ends] == events
    for end, entry in zip([first, second, back], log_of(quick), strict=True):
        assert end["decision"]["run_id"] == end["run_id"] == entry["run_id"]
        said = "ROC AUC " if end["event"] == "promoted" else end["decision"]["reason"]
        assert said in end["message"]
    assert scored["manifest"] == finished(quick)[0]
    assert failed["message"] == f"Error: {message}"
    assert "decision" not in failed
    assert {end["environment"] for end in ends} == {"base"}


def test_a_secret_is_not_in_kedros_own_log_either(quick: Project) -> None:
    """At level DEBUG Kedro says with which arguments it calls each hook."""
    (quick.path / "conf/local/credentials.yml").write_text(json.dumps({"chat": {"url": SECRET}}))
    logging = yaml.safe_load((quick.path / "conf/logging.yml").read_text())
    logging["loggers"]["kedro"] = {"level": "DEBUG"}
    for handler in logging["handlers"].values():
        handler.pop("level", None)
    (quick.path / "loud.yml").write_text(yaml.safe_dump(logging))
    done = quick.command(*SCORING, KEDRO_LOGGING_CONFIG="loud.yml")
    said = done.stdout + done.stderr
    assert "before_pipeline_run" in said
    assert SECRET not in said
