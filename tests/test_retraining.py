"""Retrainings, one after the other: real data, real sessions, what is promoted and what is not."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.files import sha256
from tabular_lstm.judging import gate
from tabular_lstm.judging.baselines import CANDIDATE
from tabular_lstm.network.fit import predict
from tabular_lstm.pipelines.evaluation import nodes
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.runs.guards import NothingNewError
from tabular_lstm.serving.champion import load_champion
from tests.helpers.commands import (
    ALARM,
    RETRAINING,
    UNTRUSTED,
    here,
    logged,
    message_of,
    succeeds,
    with_modules,
)
from tests.helpers.errors import raises_data_error
from tests.helpers.logs import FIELDS
from tests.helpers.project import Project, declare
from tests.helpers.tables import LABEL
from tests.helpers.visits import declare_visits, visits


class Retrainer:
    """A project that is retrained."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.rows = project.raw.read_text().splitlines()
        self.log_file = project.path / "data/08_reporting/promotions.jsonl"

    def retrain(self, seed: int = 0, **blocks: Any) -> dict[str, Any]:
        """Retrain, and give the decision."""
        training = {"seed": seed, **blocks.pop("training", {})}
        self.project.run("retraining", training=training, **blocks)
        return self.decision()

    def roll_back(self, run_id: str | None = None) -> dict[str, Any]:
        self.project.run("rollback", rollback={"run_id": run_id} if run_id else {})
        return self.decision()

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def decision(self) -> dict[str, Any]:
        return decisions(self.project)[-1]

    def write(self, rows: list[str]) -> None:
        """Write rows below the header."""
        self.project.raw.write_text("\n".join([self.rows[0], *rows]) + "\n")

    def served(self) -> str:
        return load_champion(self.project.path).sha256


def decisions(project: Project) -> list[dict[str, Any]]:
    versions = project.versions("08_reporting/decision.json")
    return [json.loads(path.read_text()) for path in versions]


@pytest.fixture
def house(served: Project) -> Retrainer:
    """A project with a first champion."""
    return Retrainer(served)


def test_a_first_candidate_is_judged_and_promoted(house: Retrainer) -> None:
    decision, (line,) = house.decision(), house.log()
    run, judgement = decision["run_id"], decision["judgement"]

    assert line.keys() == {*FIELDS}
    assert (line["run_id"], line["served_before"], line["serves_now"]) == (run, None, run)
    assert line["action"] == decision["action"] == "promoted"
    assert decision["reason"].startswith("there was no champion to compare with; better than the ")
    kept = house.project.versions("06_models/candidate.keras")[-1]
    assert load_champion(house.project.path).file == str(kept)
    assert house.served() == line["sha256"] == decision["sha256"] == judgement["candidate_sha256"]
    assert kept.parent.name == run

    names = ["data", "drift", "floor", "champion", "artifact"]
    assert [check["name"] for check in judgement["checks"]] == names
    assert all(check["passed"] for check in judgement["checks"])
    assert judgement["champions"] == []
    raw = sha256(house.project.raw.read_bytes())
    assert judgement["data"]["sha256"] == judgement["inputs"]["data"] == raw
    assert judgement["data"]["rows"] == judgement["data"]["valid_rows"] == 768
    assert line["inputs"] == judgement["inputs"]
    assert line["test_rows_sha256"] == judgement["data"]["test_rows_sha256"]
    assert decision["parameters"]["training"]["epochs"] == 15
    assert decision["packages"]["keras"]


def test_what_is_read_back_gives_the_probabilities_that_were_judged(house: Retrainer) -> None:
    judged = pd.read_csv(house.project.versions("07_model_output/candidate_predictions.csv")[-1])
    champion, rows = load_champion(house.project.path), house.project.rows("test")
    np.testing.assert_array_equal(judged["row"], rows.index)
    again = champion.artifact.score(to_sequences(rows, champion.schema))
    np.testing.assert_allclose(again[:, 1], judged[CANDIDATE], rtol=0, atol=1e-7)
    by_keras = predict(champion.artifact.network, to_sequences(rows, champion.schema))
    np.testing.assert_allclose(by_keras[:, 1], judged[CANDIDATE], rtol=0, atol=1e-7)
    assert house.decision()["judgement"]["checks"][4]["golden_rows"] == 32


def test_both_are_scored_on_the_same_rows(three_retrainings: Project) -> None:
    project = three_retrainings
    first, decision, _ = decisions(project)
    judgement = decision["judgement"]
    (champion,) = judgement["champions"]

    assert decision["action"] == "promoted"
    assert decision["served_before"] == champion["run_id"] == first["run_id"]
    assert champion["data"] == first["judgement"]["data"]
    # The same artifact on the same rows and resamples: the same metrics as a run before.
    judged = first["judgement"]["candidate"]
    assert champion["metrics"] == judged
    compared = judgement["checks"][3]["compared"][first["run_id"]]
    for metric in ("log_loss", "roc_auc"):
        difference = judgement["candidate"][metric] - judged[metric]
        assert compared[metric]["difference"] == pytest.approx(difference)
        assert difference != 0
    assert judgement["looks"] == {"these_test_rows": 2, "all": 2}
    assert decision["sha256"] != first["sha256"]

    folder = project.path / "data/07_model_output"
    predictions, candidates = (
        pd.read_csv(folder / name / run["run_id"] / name)
        for name, run in (
            ("champion_predictions.csv", decision),
            ("candidate_predictions.csv", first),
        )
    )
    np.testing.assert_array_equal(predictions["row"], candidates["row"])
    np.testing.assert_array_equal(predictions[first["run_id"]], candidates[CANDIDATE])


def test_a_candidate_that_is_rejected_changes_nothing(three_retrainings: Project) -> None:
    _, second, decision = decisions(three_retrainings)
    line = Retrainer(three_retrainings).log()[-1]
    assert line["action"] == decision["action"] == "rejected"
    for said in (line, decision):
        assert (said["served_before"], said["serves_now"]) == (second["run_id"],) * 2
    served = load_champion(three_retrainings.path)
    assert line["sha256"] == decision["sha256"] == second["sha256"] == served.sha256
    reporting = three_retrainings.path / "data/08_reporting"
    for called, name in (("latest.html", "report.html"), ("latest_metrics.json", "metrics.json")):
        newest = reporting / name / decision["run_id"] / name
        assert (reporting / called).read_bytes() == newest.read_bytes()


@pytest.mark.long
def test_the_way_back_and_further_back(house: Retrainer) -> None:
    runs = [house.log()[0]["run_id"], *(house.retrain(seed)["run_id"] for seed in (1, 2))]
    hashes = [line["sha256"] for line in house.log()]
    for back in (1, 0):
        decision = house.roll_back()
        line = house.log()[-1]
        assert decision["action"] == line["action"] == "rolled_back"
        for said in (line, decision):
            assert (said["served_before"], said["serves_now"]) == (runs[back + 1], runs[back])
        assert house.served() == hashes[back]
    with raises_data_error(match=f"no champion before {runs[0]} to roll back to"):
        house.roll_back()
    house.roll_back(runs[2])
    assert house.served() == hashes[2]
    # What was rolled back from is not trained again by the next retraining.
    house.roll_back()
    with pytest.raises(
        NothingNewError, match=f"run {runs[2]} had the same .*, and it was rolled back"
    ):
        house.retrain(seed=2)
    # Nor is it promoted again if it is trained all the same, and neither is the champion.
    again = f"kedro run --pipelines rollback --params rollback.run_id={runs[2]}"
    for seed, fate in ((1, "serves"), (2, f"was rolled back. To let it serve again: {again}")):
        decision = house.retrain(seed, retraining={"force": True})
        assert decision["action"] == "rejected"
        assert all(check["passed"] for check in decision["judgement"]["checks"])
        reason = f"run {runs[seed]} has the same config and weights, and it {fate}"
        assert decision["reason"] == reason
        assert house.served() == hashes[1] != decision["judgement"]["candidate_sha256"]
    page = house.project.versions("08_reporting/report.html")[-1].read_text()
    assert "The new model is the same as one that has served" in page
    # Unless the champion does not count.
    again = house.retrain(seed=1, promotion={"start_over": True})
    assert again["action"] == "promoted"
    # Of one network only the latest run is a kept champion.
    kept = [champion["run_id"] for champion in house.retrain(seed=3)["judgement"]["champions"]]
    assert kept == [again["run_id"], runs[0]]


@pytest.mark.long
@pytest.mark.parametrize(
    ("module", "name"), [(nodes, "predict_with_candidate"), (gate, "check_artifact")]
)
def test_a_file_that_is_exchanged_after_it_was_judged_or_read_back_is_not_promoted(
    house: Retrainer, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    """Before that function is called, for the champion's, which is another valid network."""
    before, served = house.log(), house.served()
    champion = Path(load_champion(house.project.path).file).read_bytes()
    called = getattr(module, name)

    def exchange(*arguments: Any) -> Any:
        house.project.versions("06_models/candidate.keras")[-1].write_bytes(champion)
        return called(*arguments)

    monkeypatch.setattr(module, name, exchange)
    if module is nodes:
        reason = house.retrain(seed=1)["reason"]
        assert "read back from disk gives different probabilities for 32 of 32" in reason
        assert house.log()[-1]["action"] == "rejected"
    else:
        with pytest.raises(DataError, match="The file has changed since the decision"):
            house.retrain(seed=1)
        assert house.log() == before
    assert house.served() == served


# From the command line


def unreadable(rows: pd.DataFrame) -> pd.DataFrame:
    """Spoil three labels of ten."""
    labels = rows[LABEL].astype(object)
    return rows.assign(**{LABEL: labels.where(rows.index % 10 >= 3, "?")})


def a_quarter(rows: pd.DataFrame) -> pd.DataFrame:
    """Cut the file, and write another unit."""
    return in_another_unit(rows[: len(rows) // 4])


def in_another_unit(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(glucose=rows["glucose"] / 18)


OLD_CODES = "retraining.exit_on_untrusted_data=0,monitoring.exit_on_alarm=0"


@pytest.mark.long
@pytest.mark.parametrize(
    ("spoiled", "code", "reason"),
    [
        (unreadable, UNTRUSTED, "30.1 % of 768 rows quarantined (expected at most validation."),
        (a_quarter, UNTRUSTED, "192 valid rows, 0.25 times the champion's 768 (expected "),
        (in_another_unit, ALARM, ""),
        (a_quarter, 0, "192 valid rows, 0.25 times the champion's 768 (expected "),
    ],
)
def test_a_night_that_needs_a_person_has_an_exit_code_and_its_outcome_as_the_last_line(
    house: Retrainer, caplog: pytest.LogCaptureFixture, spoiled: Any, code: int, reason: str
) -> None:
    spoiled(pd.read_csv(house.project.raw)).to_csv(house.project.raw, index=False)
    options = () if code else ("--params", OLD_CODES)
    succeeds(here(*RETRAINING, *options), code)
    before, last = [record.getMessage() for record in caplog.records][-2:]
    assert last.startswith("Rejected run " if reason else ("Rejected run ", "Promoted run "))
    assert reason in last
    assert before.startswith("ALARM: 'glucose': ") == (spoiled is not unreadable)
    # The next night with the same rows wakes the same person.
    if spoiled is unreadable:
        succeeds(here(*RETRAINING), code)
        last = caplog.records[-1].getMessage()
        assert last.startswith("Unchanged: run ")
        assert "had the same data, parameters and code" in last


@pytest.mark.long
def test_a_missing_feature_is_refused_before_training_and_there_is_a_way_out(
    house: Retrainer, caplog: pytest.LogCaptureFixture
) -> None:
    first, log = house.served(), house.log()
    conf = house.project.path / "conf/base/parameters_data_processing.yml"  # which names them too
    conf.write_text(re.sub(r"    (pedigree|age): .+\n", "", conf.read_text()))
    rows = pd.read_csv(house.project.raw).rename(columns={"age": "Age"})
    rows.drop(columns="pedigree").to_csv(house.project.raw, index=False)
    message = message_of(here(*RETRAINING))
    assert "diabetes.csv: column 'pedigree' is not in the file. It has: pregnancies" in message
    assert (
        f"The champion, run {log[0]['run_id']}, uses features that are missing: pedigree, age."
        in message
    )
    assert "Running " not in caplog.text
    assert (house.served(), house.log()) == (first, log)

    succeeds(here(*RETRAINING, "--params", "promotion.start_over=true"))
    assert house.served() != first


@pytest.mark.long
def test_a_group_that_carries_the_figure_is_named_in_log_verdict_and_report(
    quick: Project, caplog: pytest.LogCaptureFixture
) -> None:
    rows = pd.read_csv(quick.raw)
    rows["patient"] = [f"P{row}" for row in rows.index // 2]
    negative = rows.index[rows[LABEL].astype(str) == "0"][:50]
    rows.loc[negative, "patient"] = "C13"  # they are test rows
    rows.to_csv(quick.raw, index=False)
    here(*RETRAINING, "--params", "columns.group=patient")
    sentence, repeated = [
        record.getMessage()
        for record in caplog.records
        if "without it ROC AUC is" in record.getMessage()
    ]
    assert re.match(r"patient 'C13' has \d\d % of the \d\d\d test rows; ", sentence)
    assert repeated == f"Warning of this run: {sentence}"
    assert sentence in json.loads(quick.versions("08_reporting/verdict.json")[-1].read_text())
    assert sentence in unescape(quick.versions("08_reporting/report.html")[-1].read_text())


@pytest.mark.long
def test_the_log_of_a_night(house: Retrainer) -> None:
    """Unchanged, rejected, rolled back where it cannot: exit codes and last lines."""
    before = house.project.files()
    unchanged = house.project.command("run", "--pipelines", "retraining")
    assert (unchanged.returncode, unchanged.stderr) == (0, "")
    first, last = unchanged.stdout.splitlines()
    assert " of environment base, to data/" in first
    assert "INFO    Unchanged: run 20" in last
    after = house.project.files()
    after.pop("data/retraining.lock"), before.pop("data/retraining.lock")
    assert after == before

    house.write(house.rows[1:385])
    again = ("--params", "training.seed=5")
    rejected = house.project.command("run", "--pipelines", "retraining", *again)
    assert (rejected.returncode, rejected.stderr) == (UNTRUSTED, "")
    last = rejected.stdout.splitlines()[-1]
    assert "INFO    Rejected run 20" in last
    assert "384 valid rows, 0.50 times the champion's 768 (expected promotion.row_ratio" in last
    assert f"Run {house.log()[0]['run_id']} is still the champion. Report: " in last
    assert Path(last.rpartition("Report: ")[2]).read_text().startswith("<!doctype html>")

    nowhere = house.project.command("run", "--pipelines", "rollback")
    assert nowhere.returncode == 1
    assert nowhere.stderr.startswith("Error: There is no champion before")

    # The same once more is trained if that is asked for.
    house.write(house.rows[1:])
    house.retrain(retraining={"force": True})
    assert len(house.log()) == 3


# Nothing new --------------------------------------------------------------------------------------


def without_runs(files: dict[str, bytes]) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if path != "data/retraining.lock"}


def test_a_new_row_without_a_label_trains_nothing_and_leaves_nothing(house: Retrainer) -> None:
    (champion,) = house.log()
    unlabelled = house.rows[1].rpartition(",")[0] + ","
    house.write([unlabelled, *reversed(house.rows[1:])])
    before = house.project.files()
    unchanged, modules = with_modules(house.project, *RETRAINING)
    assert (unchanged.returncode, unchanged.stderr) == (0, "")
    *_, last, _, _ = unchanged.stdout.splitlines()
    assert last.endswith(
        f"Unchanged: no new labelled rows since run {champion['run_id']}, which serves. To train "
        "anyway: --params retraining.force=true"
    )
    assert not {"tensorflow", "keras"} & modules
    assert without_runs(house.project.files()) == without_runs(before)
    for folder in house.project.path.glob("data/[0-9]*/*/"):
        if not folder.name.endswith("_attempt.json"):
            assert {path.name for path in folder.glob("20*")} <= {champion["run_id"]}


@pytest.mark.long
def test_a_new_row_with_a_label_is_trained_on_and_any_if_that_is_asked_for(
    house: Retrainer,
) -> None:
    unlabelled = house.rows[1].rpartition(",")[0] + ","
    house.write([unlabelled + "1", *house.rows[1:]])
    assert house.retrain()["judgement"]["data"]["valid_rows"] == len(house.rows)
    house.write([unlabelled, unlabelled + "1", *house.rows[1:]])
    said = logged(*RETRAINING)
    assert f"Unchanged: no new labelled rows since run {house.log()[-1]['run_id']}, which " in said
    house.retrain(retraining={"force": True})
    assert len(house.log()) == 3


@pytest.mark.long
def test_on_hold_a_candidate_is_judged_once_and_judged_again_afterwards(house: Retrainer) -> None:
    served, (champion,) = house.served(), house.log()
    changed = ("--params", "training.seed=1")
    hold = (
        *changed,
        "--params",
        "promotion.hold=true",
        "--params",
        "retraining.exit_on_rejection=9",
    )
    said = logged(*RETRAINING, *hold, code=9)
    reason = "on hold (promotion.hold); otherwise the candidate would be promoted: "
    assert f": {reason}not worse than" in said.splitlines()[-1]
    held = house.log()[-1]
    assert (held["action"], held["on_hold"]) == ("rejected", True)
    assert held["inputs"]["parameters"] == house.decision()["judgement"]["inputs"]["parameters"]
    assert house.served() == served
    assert "on_hold" not in champion
    # The next night trains nothing, whether or not there is a new row without a label.
    nothing_new = f"parameters and code, and it was rejected: {reason}"
    assert nothing_new in logged(*RETRAINING, *hold, code=9)
    house.write([*house.rows[1:], house.rows[1].rpartition(",")[0] + ","])
    since = f"no new labelled rows since run {held['run_id']}, which was rejected: {reason}"
    assert since in logged(*RETRAINING, *hold, code=9)
    logged(*RETRAINING, *changed)
    assert [line["action"] for line in house.log()] == ["promoted", "rejected", "promoted"]
    assert house.log()[-1]["inputs"]["parameters"] == held["inputs"]["parameters"]


def hash_of_rows(project: Project, rows: pd.DataFrame) -> str:
    """Run what comes before a training, and give the hash of the rows that count."""
    rows.to_csv(project.raw, index=False)
    succeeds(here("run", "--pipelines", "data_processing"))
    summary = project.versions("03_primary/data_summary.json")[-1]
    return json.loads(summary.read_text())["rows_sha256"]


def with_cell(rows: pd.DataFrame, row: int, **cells: Any) -> pd.DataFrame:
    changed = rows.copy()
    changed.loc[row, [*cells]] = [*cells.values()]
    return changed


def test_labelled_rows_that_count_are_what_is_new(project: Project) -> None:
    rows = pd.read_csv(project.raw, dtype=str).head(300)
    rows = rows.assign(weight="1", key=[f"K{row}" for row in rows.index])
    rows.loc[:9, "weight"], rows.loc[10:19, LABEL], rows.loc[20, "age"] = "0", "", "old"
    columns = {"label": LABEL, "positive_class": 1, "negative_class": 0}
    declare(project, columns={**columns, "weight": "weight", "key": "key"})
    known = hash_of_rows(project, rows)
    last = rows.tail(1)
    for same in (
        rows.sample(frac=1, random_state=0),
        pd.concat([rows, last.assign(**{LABEL: "", "key": "new"})]),
        rows.drop(range(10, 20)),
        with_cell(rows, 15, age="99"),
        with_cell(rows, 5, age="99"),  # a row of weight 0
        with_cell(rows, 50, age=f"{rows.loc[50, 'age']}.0"),
    ):
        assert hash_of_rows(project, same) == known
    others = [
        pd.concat([rows, last.assign(key="new")]),
        pd.concat([rows, last]),
        pd.concat([rows, last, last]),
        rows.drop(50),
        with_cell(rows, 50, age="99"),
        with_cell(rows, 50, key="K51"),
        with_cell(rows, 50, weight="2"),
        with_cell(rows, 50, **{LABEL: str(1 - int(rows.loc[50, LABEL]))}),
        with_cell(rows, 60, **{LABEL: ""}),
        with_cell(rows, 15, **{LABEL: "1"}),
        pd.concat([rows, rows.loc[[20]]]),  # the gate judges how many are in quarantine
        rows.assign(more="1"),
    ]
    hashes = [hash_of_rows(project, other) for other in others]
    assert len({known, *hashes}) == 1 + len(others)
    blocks = {
        "split": {"salt": "another"},
        "columns": {**columns, "weight": "weight", "key": "key"},
    }
    declare(project, **blocks)
    assert hash_of_rows(project, rows) not in {known, *hashes}


def test_of_unlabelled_rows_those_of_a_past_count(project: Project) -> None:
    rows = visits(60)
    declare_visits(project)
    known = hash_of_rows(project, rows)
    first = rows.sort_values("day").groupby("customer").nth(0).iloc[[0]]
    last = rows.sort_values("day").groupby("customer").nth(-1).iloc[[0]]
    unlabelled = {"sick": None, "id": "new"}
    of_nobody = first.assign(customer="another", **unlabelled)
    for later in (
        last.assign(day="2030-01-01", **unlabelled),
        last.assign(**unlabelled),
        of_nobody,
    ):
        assert hash_of_rows(project, pd.concat([rows, later])) == known
    earlier = first.assign(day="2020-01-01", **unlabelled)
    hashes = {
        hash_of_rows(project, pd.concat([rows, past]))
        for past in (earlier, earlier.assign(pressure=9.0), earlier.assign(day="2020-01-02"))
    }
    assert len(hashes - {known}) == 3
    bad = earlier.assign(pressure="high")  # in quarantine, and no label
    assert hash_of_rows(project, pd.concat([rows, bad])) == known
