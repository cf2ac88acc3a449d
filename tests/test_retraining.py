"""Retrainings, one after the other: real data, real sessions, what is promoted and what is not."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tabular_lstm import load_champion
from tabular_lstm.errors import DataError
from tabular_lstm.files import sha256
from tabular_lstm.judging.metrics import CANDIDATE
from tabular_lstm.network.fit import predict
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.runs import output_folders
from tabular_lstm.runs.guards import NothingNewError
from tests.helpers.errors import raises_data_error
from tests.helpers.logs import FIELDS
from tests.helpers.once import Once
from tests.helpers.project import Project

# Enough to pass the floor, with room for the chance of so small networks.
SMALL: dict[str, Any] = {
    "network": {"ensemble": {"members": 2}},
    "training": {"epochs": 15},
    "evaluation": {"bootstrap_resamples": 200, "importance_repeats": 1},
    "promotion": {"tolerance": {"log_loss": 0.1, "roc_auc": 0.1}},
}


class Retrainer:
    """A project that is retrained."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.rows = project.raw.read_text().splitlines()
        self.log_file = project.path / "data/08_reporting/promotions.jsonl"

    def retrain(self, seed: int = 0, **blocks: Any) -> dict[str, Any]:
        """Retrain, and give the decision."""
        training = {**SMALL["training"], "seed": seed, **blocks.pop("training", {})}
        promotion = {**SMALL["promotion"], **blocks.pop("promotion", {})}
        self.project.run(
            "retraining", **{**SMALL, "training": training, "promotion": promotion, **blocks}
        )
        return self.decision()

    def roll_back(self, run_id: str | None = None) -> dict[str, Any]:
        self.project.run("rollback", rollback={"run_id": run_id} if run_id else {})
        return self.decision()

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def decision(self) -> dict[str, Any]:
        return json.loads(self.project.versions("08_reporting/decision.json")[-1].read_text())

    def write(self, rows: list[str]) -> None:
        """Write rows below the header."""
        self.project.raw.write_text("\n".join([self.rows[0], *rows]) + "\n")

    def served(self) -> str:
        return load_champion(self.project.path).sha256


@pytest.fixture
def house(project: Project, once: Once) -> Retrainer:
    """A project with a first champion, trained once for all tests that start from one."""
    retrainer = Retrainer(project)
    once("first champion", project, retrainer.retrain)
    assert retrainer.decision()["action"] == "promoted"
    return retrainer


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
    again = champion.artifact.score(champion.artifact.sequences(rows))
    np.testing.assert_allclose(again, judged[CANDIDATE], rtol=0, atol=1e-7)
    by_keras = predict(champion.artifact.network, to_sequences(rows, champion.schema))
    np.testing.assert_allclose(by_keras, judged[CANDIDATE], rtol=0, atol=1e-7)
    assert house.decision()["judgement"]["checks"][4]["golden_rows"] == 32


def test_both_are_scored_on_the_same_rows(house: Retrainer) -> None:
    first = house.decision()
    decision = house.retrain(seed=1)
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
    assert house.served() == decision["sha256"] != first["sha256"]

    predictions = pd.read_csv(
        house.project.versions("07_model_output/champion_predictions.csv")[-1]
    )
    candidates = pd.read_csv(house.project.versions("07_model_output/candidate_predictions.csv")[0])
    np.testing.assert_array_equal(predictions["row"], candidates["row"])
    np.testing.assert_array_equal(predictions[first["run_id"]], candidates[CANDIDATE])


def test_a_candidate_that_is_worse_is_rejected_and_changes_nothing(house: Retrainer) -> None:
    before, log = house.served(), house.log_file.read_bytes()
    decision = house.retrain(
        network={"ensemble": {"members": 1, "units": [1], "dimensions": 1, "frequencies": 1}},
        promotion={"tolerance": {"log_loss": 0.0, "roc_auc": 0.0}},
        training={"learning_rate": 0.001},
    )
    line = house.log()[-1]

    assert line["action"] == decision["action"] == "rejected"
    first = house.log()[0]["run_id"]
    for said in (line, decision):
        assert (said["served_before"], said["serves_now"]) == (first, first)
    assert line["sha256"] == decision["sha256"] == before == house.served()
    assert house.log_file.read_bytes().startswith(log)
    reporting = house.project.path / "data/08_reporting"
    for called, name in (("latest.html", "report.html"), ("latest_metrics.json", "metrics.json")):
        newest = reporting / name / decision["run_id"] / name
        assert (reporting / called).read_bytes() == newest.read_bytes()


@pytest.mark.long
def test_labels_that_flip_over_night_are_a_reason_to_stop_and_ask(house: Retrainer) -> None:
    flipped = [row[:-1] + {"0": "1", "1": "0"}[row[-1]] for row in house.rows[1:]]
    house.write(flipped)
    decision = house.retrain(seed=1, promotion={"max_label_share_change": 1.0})
    assert decision["action"] == "rejected"
    first = house.log()[0]["run_id"]
    assert decision["reason"].startswith(f"the champion {first} is clearly worse than chance: ROC")
    data, drift, floor, champion, _ = decision["judgement"]["checks"]
    assert data["passed"]
    assert drift["roc_auc"] == pytest.approx(1 - drift["promoted_with"])
    # The candidate by itself would have passed.
    assert floor["passed"]
    assert champion["passed"]
    assert house.served() == house.log()[0]["sha256"]
    # The way to accept it.
    meant = {"max_label_share_change": 1.0, "start_over": True}
    assert house.retrain(seed=1, promotion=meant)["action"] == "promoted"


def trained_on(project: Project, run: str) -> np.ndarray:
    """Which of the newest test rows are train rows of a run, by their features."""
    then = pd.read_parquet(
        project.path / f"data/03_primary/train_rows.parquet/{run}/train_rows.parquet"
    )
    features = [name for name in then if name != "diabetes"]
    known = {tuple(row) for row in then[features].fillna(-1).to_numpy().tolist()}
    return np.array(
        [tuple(row) in known for row in project.rows("test")[features].fillna(-1).to_numpy()]
    )


@pytest.mark.long
def test_after_another_split_the_rows_that_the_champion_was_trained_on_are_left_out(
    house: Retrainer,
) -> None:
    first = house.log()[0]["run_id"]
    decision = house.retrain(split={"salt": "another", "test_fraction": 0.5})
    (champion,) = decision["judgement"]["champions"]
    known = trained_on(house.project, first)
    assert champion["not_compared"] is None
    assert champion["left_out_rows"] == known.sum() > 200
    check = decision["judgement"]["checks"][3]
    assert list(check["compared"]) == [first]
    words = f"{known.sum()} of {len(known)} test rows left out, which {first} was trained on"
    assert words in check["sentence"]
    # The champion is measured on the others, and so is the difference.
    predictions = pd.read_csv(
        house.project.versions("07_model_output/champion_predictions.csv")[-1]
    )
    assert (predictions[first].isna() == known).all()
    matrix = champion["metrics"]["confusion_matrix"]
    assert sum(matrix.values()) == (~known).sum()
    candidate = pd.read_csv(
        house.project.versions("07_model_output/candidate_predictions.csv")[-1]
    )[CANDIDATE]
    labels = predictions["label"][~known]
    difference = roc_auc_score(labels, candidate[~known]) - champion["metrics"]["roc_auc"]
    assert check["compared"][first]["roc_auc"]["difference"] == pytest.approx(difference)
    page = house.project.versions("08_reporting/report.html")[-1].read_text()
    assert f"it is measured on\nthe {(~known).sum()} others" in page


@pytest.mark.long
def test_candidate_and_champion_are_judged_by_the_same_weights_of_the_same_rows(
    house: Retrainer,
) -> None:
    first = house.log()[0]["run_id"]
    sides = {side: house.project.rows(side) for side in ("train", "test")}
    table = pd.read_csv(house.project.raw, dtype=str)
    table.insert(4, "w", np.random.default_rng(0).integers(1, 5, len(table)).astype(str))
    table.to_csv(house.project.raw, index=False)
    decision = house.retrain(seed=1, columns={"weight": "w"})

    for side, rows in sides.items():
        pd.testing.assert_frame_equal(house.project.rows(side).drop(columns="w"), rows)
    weights = house.project.rows("test")["w"].to_numpy()
    (champion,) = decision["judgement"]["champions"]
    assert champion["not_compared"] is None
    measured = {first: champion["metrics"], CANDIDATE: decision["judgement"]["candidate"]}
    for model, output in ((first, "champion_predictions"), (CANDIDATE, "candidate_predictions")):
        table = pd.read_csv(house.project.versions(f"07_model_output/{output}.csv")[-1])
        expected = roc_auc_score(table["label"], table[model], sample_weight=weights)
        assert measured[model]["roc_auc"] == pytest.approx(expected, rel=1e-6)
        assert sum(measured[model]["confusion_matrix"].values()) == pytest.approx(len(weights))
    said = "rows count by 'w', and counted all alike when the champion was judged"
    data, drift, *_ = decision["judgement"]["checks"]
    assert said in data["sentence"]
    assert said in drift["sentence"]
    assert drift["promoted_with"] is None
    assert decision["judgement"]["data"]["weight"] == "w"
    assert decision["judgement"]["looks"] == {"these_test_rows": 2, "all": 2}


def test_nothing_new_trains_nothing(house: Retrainer) -> None:
    before = house.project.files()
    with pytest.raises(NothingNewError, match="data, parameters and code are those of run 20"):
        house.retrain()
    after = house.project.files()
    after.pop("data/retraining.lock"), before.pop("data/retraining.lock")
    assert after == before

    assert house.retrain(retraining={"force": True})["run_id"] != house.log()[0]["run_id"]
    assert len(house.log()) == 2


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
    with pytest.raises(NothingNewError, match=f"run {runs[2]}, which was rolled back from"):
        house.retrain(seed=2)


@pytest.mark.long
def test_what_a_champion_has_lost_is_no_free_pass(house: Retrainer) -> None:
    """Its decision is another, and later the champion before it has no file: each is named."""
    first, code = house.log()[0]["run_id"], {"missing": {"glucose": [0, -1]}}
    path = house.project.versions("08_reporting/decision.json")[-1]
    edited = (whole := path.read_text()).replace('"valid_rows": 768', '"valid_rows": 700')
    assert edited != whole
    for text, blocks, why in (
        (whole, {"columns": code}, "column 'glucose' was read as numbers with codes for missing 0"),
        (edited, {}, "its decision is gone, damaged or not what was promoted"),
    ):
        path.write_text(text)
        decision = house.retrain(seed=1, **blocks)
        assert decision["action"] == "rejected"
        assert decision["reason"].startswith(f"not compared with the champion {first}: {why}")
        assert decision["reason"].endswith("promotion.start_over=true judges without the champion")
    path.write_text(whole)
    assert house.retrain(seed=1, promotion={"start_over": True})["action"] == "promoted"
    house.project.versions("06_models/candidate.keras")[0].unlink()
    # The one before is compared with no more, and stops nothing.
    decision = house.retrain(seed=3)
    assert decision["action"] == "promoted"
    assert f"not compared with {first}: its artifact is gone, damaged or" in decision["reason"]


@pytest.mark.long
def test_old_runs_are_pruned_and_champions_and_decisions_kept(
    house: Retrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_folders, "AT_LEAST", timedelta(0))  # else a day
    keep = {"keep_candidates": 2, "keep_champions": 2}
    promoted = [house.log()[0]["run_id"], house.retrain(1, promotion=keep)["run_id"]]
    strict = {**keep, "tolerance": {"log_loss": 0.0, "roc_auc": 0.0}}
    weak = {"ensemble": {"members": 1, "units": [1], "dimensions": 1, "frequencies": 1}}
    rejected = [house.retrain(seed, network=weak, promotion=strict)["run_id"] for seed in range(4)]
    assert [line["action"] for line in house.log()] == ["promoted"] * 2 + ["rejected"] * 4

    def runs(output: str) -> list[str]:
        return [version.parent.name for version in house.project.versions(output)]

    for output in ("03_primary/train_rows.parquet", "06_models/candidate.keras"):
        assert runs(output) == [*promoted, *rejected[1:]], output
    assert runs("08_reporting/decision.json") == [*promoted, *rejected]
    house.roll_back()
    assert house.served() == house.log()[0]["sha256"]


def exchanged_before(
    house: Retrainer, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    """Let the candidate's file be exchanged for the champion's before a function is called."""
    champion = Path(load_champion(house.project.path).file).read_bytes()
    called = getattr(module, name)

    def exchange(*arguments: Any) -> Any:
        house.project.versions("06_models/candidate.keras")[-1].write_bytes(champion)
        return called(*arguments)

    monkeypatch.setattr(module, name, exchange)


def test_an_artifact_that_differs_from_what_was_judged_is_not_promoted(
    house: Retrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between judging and reading back, the file is exchanged for the champion's."""
    from tabular_lstm.pipelines.evaluation import nodes  # noqa: PLC0415

    exchanged_before(house, monkeypatch, nodes, "predict_with_candidate")
    decision = house.retrain(seed=1)
    assert decision["action"] == "rejected"
    assert "read back from disk gives other probabilities for 32 of 32" in decision["reason"]


def test_what_was_read_back_is_what_is_decided_on(
    house: Retrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its file was read back, it is exchanged for another valid network's."""
    from tabular_lstm.judging import gate  # noqa: PLC0415

    before, served = house.log(), house.served()
    exchanged_before(house, monkeypatch, gate, "check_artifact")
    with pytest.raises(DataError, match="The file changed since the decision"):
        house.retrain(seed=1)
    assert house.log() == before
    assert house.served() == served


# From the command line


@pytest.mark.long
def test_the_log_of_a_night(house: Retrainer) -> None:
    """Unchanged, rejected, rolled back where it cannot: exit codes and last lines."""
    (house.project.path / "conf/local/parameters.yml").write_text(json.dumps(SMALL))
    unchanged = house.project.command("run", "--pipelines", "retraining")
    assert (unchanged.returncode, unchanged.stderr) == (0, "")
    first, last = unchanged.stdout.splitlines()
    assert " of environment base, to data/" in first
    assert "INFO    Unchanged: data, parameters and code are those of run 20" in last

    house.write(house.rows[1:385])
    again = ("--params", "training.seed=5,retraining.exit_on_rejection=3")
    rejected = house.project.command("run", "--pipelines", "retraining", *again)
    assert (rejected.returncode, rejected.stderr) == (3, "")
    last = rejected.stdout.splitlines()[-1]
    assert "INFO    Rejected run 20" in last
    assert "384 valid rows, 0.50 times the champion's 768 (expected promotion.row_ratio" in last
    assert f"The champion stays run {house.log()[0]['run_id']}. Report: " in last
    assert Path(last.rpartition("Report: ")[2]).read_text().startswith("<!doctype html>")

    nowhere = house.project.command("run", "--pipelines", "rollback")
    assert nowhere.returncode == 1
    assert nowhere.stderr.startswith("Error: There is no champion before")
