"""Retrainings, one after the other: real data, real sessions, what is promoted and what is not."""

import json
import os
import shutil
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
def fresh(project: Project) -> Retrainer:
    """A project without a champion."""
    return Retrainer(project)


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
    assert line["reason"] == decision["reason"]
    assert decision["reason"].startswith("there was no champion to compare with; better than the ")
    kept = house.project.versions("06_models/candidate.keras")[-1]
    assert load_champion(house.project.path).file == str(kept)
    assert house.served() == line["sha256"] == decision["sha256"] == judgement["candidate_sha256"]
    assert kept.parent.name == run

    assert [check["name"] for check in judgement["checks"]] == [
        "data",
        "drift",
        "floor",
        "champion",
        "artifact",
    ]
    assert all(check["passed"] for check in judgement["checks"])
    assert (decision["served_before"], decision["serves_now"]) == (None, run)
    assert judgement["champions"] == []
    assert judgement["candidate"]["interval"].keys() == {
        "accuracy",
        "roc_auc",
        "log_loss",
    }
    raw = sha256(house.project.raw.read_bytes())
    assert judgement["data"]["sha256"] == judgement["inputs"]["data"] == raw
    assert judgement["data"]["rows"] == judgement["data"]["valid_rows"] == 768
    assert judgement["data"]["file"] == "diabetes.csv"
    assert line["inputs"] == judgement["inputs"]
    assert line["test_rows_sha256"] == judgement["data"]["test_rows_sha256"]
    assert decision["parameters"]["training"]["epochs"] == 15
    assert decision["parameters"]["promotion"]["confidence"] == 0.95
    assert decision["packages"]["keras"]
    assert decision["git_commit"] is None
    assert [path.name for path in kept.parents[1].parent.glob("*.keras")] == ["candidate.keras"]


def test_what_is_read_back_gives_the_probabilities_that_were_judged(house: Retrainer) -> None:
    judged = pd.read_csv(house.project.versions("07_model_output/candidate_predictions.csv")[-1])
    champion, rows = load_champion(house.project.path), house.project.rows("test")
    np.testing.assert_array_equal(judged["row"], rows.index)
    again = champion.artifact.predict(rows)
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
    assert champion["sha256"] == first["sha256"]
    assert champion["data"] == first["judgement"]["data"]
    # The same artifact on the same rows and resamples: the same metrics as a run before.
    judged = first["judgement"]["candidate"]
    assert champion["metrics"] == judged
    check = judgement["checks"][3]
    compared = check["compared"][first["run_id"]]
    for metric in ("log_loss", "roc_auc"):
        difference = judgement["candidate"][metric] - judged[metric]
        assert compared[metric]["difference"] == pytest.approx(difference)
        assert difference != 0
        assert compared[metric]["detectable"] > 0
    assert judgement["looks"] == {"these_test_rows": 2, "all": 2}
    assert house.log()[-1]["served_before"] == first["run_id"]
    assert house.served() == decision["sha256"] != first["sha256"]

    predictions = pd.read_csv(
        house.project.versions("07_model_output/champion_predictions.csv")[-1]
    )
    candidates = pd.read_csv(house.project.versions("07_model_output/candidate_predictions.csv")[0])
    np.testing.assert_array_equal(predictions["row"], candidates["row"])
    np.testing.assert_array_equal(predictions["label"], candidates["label"])
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
def test_a_new_column_on_which_too_few_rows_are_new_to_the_champion_needs_starting_over(
    house: Retrainer,
) -> None:
    """Without a key a row has another side for its new feature."""
    house.write(house.rows[1:])
    table = pd.read_csv(house.project.raw)
    table.insert(0, "visits", range(len(table)))
    table.to_csv(house.project.raw, index=False)
    decision = house.retrain()
    first = house.log()[0]["run_id"]
    count = trained_on(house.project, first).sum()
    assert decision["action"] == "rejected"
    assert decision["judgement"]["checks"][0]["passed"]
    assert "new features: visits" in decision["judgement"]["checks"][0]["sentence"]
    assert decision["judgement"]["checks"][3]["compared"] == {}
    said = decision["judgement"]["checks"][3]["sentence"]
    assert said.startswith(f"not compared with the champion {first}: it was trained on {count} of")
    assert said.endswith("; --params promotion.start_over=true judges without the champion")

    decision = house.retrain(promotion={"start_over": True})
    assert decision["action"] == "promoted"
    assert decision["served_before"] == first
    assert "promotion.start_over is set" in decision["reason"]


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


def test_a_code_that_becomes_a_blank_moves_no_row_and_hides_none(house: Retrainer) -> None:
    """An exporter writes nothing where it wrote 0, which conf names as a code for "missing"."""
    first, sides = house.log()[0]["run_id"], {s: house.project.rows(s) for s in ("train", "test")}
    table = pd.read_csv(house.project.raw, dtype=str)
    for name in ("glucose", "blood_pressure", "skin_thickness", "insulin", "bmi"):
        table[name] = table[name].replace("0", "")
    table.to_csv(house.project.raw, index=False)
    decision = house.retrain()
    for side, rows in sides.items():
        assert house.project.rows(side).index.tolist() == rows.index.tolist()
    (champion,) = decision["judgement"]["champions"]
    assert (champion["run_id"], champion["left_out_rows"]) == (first, 0)
    assert champion["not_compared"] is None


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
        assert decision["judgement"] is None
        assert line["reason"] == (f"asked for the champion before: run {runs[back]} serves again")
        assert house.served() == hashes[back]
    with raises_data_error() as refused:
        house.roll_back()
    assert f"no champion before {runs[0]} to roll back to" in str(refused.value)
    assert f"promoted: {', '.join(runs)}" in str(refused.value)

    decision = house.roll_back(runs[2])
    assert decision["reason"] == f"asked for that run by its id: run {runs[2]} serves again"
    assert house.served() == hashes[2]
    # What was rolled back from is not trained again by the next retraining.
    house.roll_back()
    with pytest.raises(NothingNewError, match=f"run {runs[2]}, which was rolled back from"):
        house.retrain(seed=2)


def test_a_damaged_champion_is_mended_by_the_ways_that_the_message_names(
    house: Retrainer,
) -> None:
    first, second = house.log()[0]["sha256"], house.retrain(seed=1)["sha256"]
    newest = house.project.versions("06_models/candidate.keras")[-1]
    whole = newest.read_bytes()
    newest.write_bytes(whole[:1000])
    with raises_data_error(match=r"retraining --params promotion\.start_over=true\."):
        house.retrain(seed=2)
    with raises_data_error(match="its artifact is not the one that was promoted"):
        house.roll_back(house.log()[1]["run_id"])
    newest.write_bytes(whole)
    assert house.served() == second
    newest.unlink()
    house.roll_back()
    assert house.served() == first
    house.project.versions("06_models/candidate.keras")[0].unlink()
    assert house.retrain(seed=2, promotion={"start_over": True})["action"] == "promoted"
    assert house.served() == house.log()[-1]["sha256"]
    # The one before is compared with no more, and stops nothing.
    decision = house.retrain(seed=3)
    assert decision["action"] == "promoted"
    first = house.log()[0]["run_id"]
    why = {c["run_id"]: c["not_compared"] for c in decision["judgement"]["champions"]}
    assert why[first] == "its artifact is gone"
    assert f"not compared with {first}: its artifact is gone" in decision["reason"]


def test_a_champion_whose_decision_was_edited_is_no_free_pass(house: Retrainer) -> None:
    served, first = house.served(), house.log()[0]["run_id"]
    path = house.project.versions("08_reporting/decision.json")[-1]
    edited = json.loads(path.read_text())
    edited["judgement"]["data"]["valid_rows"] = 700
    path.write_text(json.dumps(edited))
    decision = house.retrain(seed=1)
    assert decision["action"] == "rejected"
    why = "its decision is not the one by which"
    assert decision["reason"].startswith(f"not compared with the champion {first}: {why}")
    assert decision["reason"].endswith("promotion.start_over=true judges without the champion")
    assert house.served() == served
    assert house.retrain(seed=1, promotion={"start_over": True})["action"] == "promoted"


def test_a_column_that_is_read_otherwise_needs_starting_over(house: Retrainer) -> None:
    first, codes = house.log()[0]["run_id"], {"missing": {"glucose": [0, -1]}}
    decision = house.retrain(columns=codes)
    assert decision["action"] == "rejected"
    assert decision["reason"].startswith(
        f"not compared with the champion {first}: column 'glucose' was read as numbers with codes "
        "for missing 0 for it, and now as numbers with codes for missing -1, 0; --params"
    )
    assert house.retrain(columns=codes, promotion={"start_over": True})["action"] == "promoted"


def test_what_an_earlier_version_left_serves_on(house: Retrainer) -> None:
    """A copy of the champion, which is no part of anything any more."""
    old = house.project.path / "data/06_models/champion.keras"
    old.write_bytes(b"the champion of whatever day")
    first = house.log()[0]
    assert house.served() == first["sha256"]
    assert house.retrain(seed=1)["served_before"] == first["run_id"]
    assert house.served() == house.log()[-1]["sha256"]
    assert old.read_bytes() == b"the champion of whatever day"


def test_wider_bounds_do_not_stop_the_comparison_with_a_champion(house: Retrainer) -> None:
    table = pd.read_csv(house.project.raw, dtype=str)
    table.loc[:29, "age"] = "130"  # of so many rows some are test rows
    table.to_csv(house.project.raw, index=False)
    decision = house.retrain(columns={"bounds": {"age": [18, 150]}})
    assert house.project.rows("test")["age"].max() == 130
    assert len(decision["judgement"]["checks"][3]["compared"]) == 1


def declare_an_entry_of_their_own(house: Retrainer) -> None:
    """Add a versioned entry that no retraining writes, with an old version."""
    entry = {
        "type": "pandas.CSVDataset",
        "filepath": "data/07_model_output/predictions.csv",
        "versioned": True,
    }
    (house.project.path / "conf/local/catalog.yml").write_text(json.dumps({"predictions": entry}))
    version = house.project.path / "data/07_model_output/predictions.csv/2020/file.csv"
    version.parent.mkdir(parents=True)
    version.touch()


@pytest.mark.long
def test_old_runs_are_pruned_and_champions_and_decisions_kept(house: Retrainer) -> None:
    keep = {"keep_candidates": 2, "keep_champions": 2}
    declare_an_entry_of_their_own(house)
    promoted = [house.log()[0]["run_id"], house.retrain(1, promotion=keep)["run_id"]]
    strict = {**keep, "tolerance": {"log_loss": 0.0, "roc_auc": 0.0}}
    weak = {"ensemble": {"members": 1, "units": [1], "dimensions": 1, "frequencies": 1}}
    rejected = [house.retrain(seed, network=weak, promotion=strict)["run_id"] for seed in range(3)]
    assert [line["action"] for line in house.log()] == ["promoted"] * 2 + ["rejected"] * 3

    def runs(output: str) -> list[str]:
        return [version.parent.name for version in house.project.versions(output)]

    foreign = house.project.path / "data/07_model_output/predictions.csv"
    reporting = {path.name for path in (house.project.path / "data/08_reporting").glob("*.*")}
    assert {"report.html", "metrics.json", "decision.json"} <= reporting
    for output in (
        "02_intermediate/quarantined_rows.csv",
        "03_primary/train_rows.parquet",
        "06_models/candidate.keras",
        "08_reporting/report.html",
        "08_reporting/figures",
    ):
        assert runs(output) == [*promoted, *rejected[1:]], output
    assert runs("08_reporting/decision.json") == [*promoted, *rejected]
    assert (foreign / "2020/file.csv").exists()
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
    from tabular_lstm.judging import checks  # noqa: PLC0415

    before, served = house.log(), house.served()
    exchanged_before(house, monkeypatch, checks, "check_artifact")
    with pytest.raises(DataError, match="The file changed since the decision"):
        house.retrain(seed=1)
    assert house.log() == before
    assert house.served() == served


def test_a_run_reads_its_own_outputs_whatever_another_saves(
    house: Retrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer candidate, as of a `kedro run` at the same time, is not judged."""
    from tabular_lstm.pipelines.training import nodes  # noqa: PLC0415

    newer = house.project.path / "data/06_models/candidate.keras/2999-01-01T00.00.00.000Z"
    train = nodes.train_network

    def meanwhile(*arguments: Any) -> Any:
        newer.mkdir()
        shutil.copy(load_champion(house.project.path).file, newer / "candidate.keras")
        return train(*arguments)

    monkeypatch.setattr(nodes, "train_network", meanwhile)
    decision = house.retrain(seed=1)
    assert decision["action"] == "promoted"
    assert house.served() == decision["sha256"]
    assert house.served() != house.log()[0]["sha256"]


def test_a_failed_run_changes_nothing_and_lets_the_next_in(
    house: Retrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tabular_lstm.serving import report  # noqa: PLC0415

    def fail(*_: Any) -> str:
        raise RuntimeError("the page cannot be drawn")

    before = house.served(), house.log_file.read_bytes()
    with monkeypatch.context() as broken:
        broken.setattr(report, "page", fail)
        with pytest.raises(RuntimeError, match="cannot be drawn"):
            house.retrain(seed=1)
    assert (house.served(), house.log_file.read_bytes()) == before
    assert house.retrain(seed=1)["action"] == "promoted"


def test_another_environment_has_a_champion_of_its_own(house: Retrainer) -> None:
    before, env = house.served(), "italy_power_demand"
    house.project.run("retraining", env=env, **SMALL)
    folder = house.project.path / "data/italy_power_demand"
    assert load_champion(house.project.path, env).sha256 != before
    assert (folder / "retraining.lock").exists()
    assert len((folder / "08_reporting/promotions.jsonl").read_text().splitlines()) == 1
    assert house.served() == before
    # The way back is the environment's too.
    Path(load_champion(house.project.path, env).file).write_bytes(b"cut off")
    with raises_data_error(match=f"kedro run --env {env} --pipelines rollback"):
        house.project.run("retraining", env=env, **SMALL)


# From the command line


def declare(house: Retrainer) -> None:
    path = house.project.path / "conf/local/parameters.yml"
    path.write_text(json.dumps(SMALL))


@pytest.mark.long
def test_the_log_of_a_night(house: Retrainer) -> None:
    """Unchanged, rejected, rolled back where it cannot: exit codes and last lines."""
    declare(house)
    unchanged = house.project.command("run", "--pipelines", "retraining")
    assert (unchanged.returncode, unchanged.stderr) == (0, "")
    first, last = unchanged.stdout.splitlines()
    assert " of environment base, to data/" in first
    assert "INFO    Unchanged: data, parameters and code are those of run 20" in last

    house.write(house.rows[1:385])
    rejected = house.project.command("run", "--pipelines", "retraining")
    assert (rejected.returncode, rejected.stderr) == (0, "")
    last = rejected.stdout.splitlines()[-1]
    assert "INFO    Rejected run 20" in last
    assert "384 valid rows, 0.50 times the champion's 768 (expected promotion.row_ratio" in last
    assert last.endswith(f"The champion stays run {house.log()[0]['run_id']}.")

    again = ("--params", "training.seed=5,retraining.exit_on_rejection=3")
    noticed = house.project.command("run", "--pipelines", "retraining", *again)
    assert (noticed.returncode, noticed.stderr) == (3, "")
    assert "INFO    Rejected run 20" in noticed.stdout.splitlines()[-1]

    nowhere = house.project.command("run", "--pipelines", "rollback")
    assert nowhere.returncode == 1
    assert nowhere.stderr.startswith("Error: There is no champion before")
    assert "Traceback" not in nowhere.stderr + nowhere.stdout


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--pipelines", "promotion"], "Only a whole run may decide who serves"),
        (
            ["--pipelines", "retraining", "--to-nodes", "promotion.judge.decide"],
            "Only a whole run may",
        ),
        (["--pipelines", "retraining,rollback"], "Output(s) ['decision'"),
    ],
)
def test_other_ways_to_decide_are_refused_at_once(
    house: Retrainer, arguments: list[str], said: str
) -> None:
    before = house.project.files()
    refused = house.project.command("run", *arguments)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Error: {said}")
    assert "Running" not in refused.stdout
    assert house.project.files() == before


def test_what_a_retraining_cannot_judge_is_refused_at_once(fresh: Retrainer) -> None:
    finished = fresh.project.command(
        "run", "--pipelines", "retraining", "--params", "split.test_fraction=0"
    )
    assert finished.returncode == 1
    assert "Error: split.test_fraction = 0: a retraining judges on test rows" in finished.stderr
    assert "Running" not in finished.stdout
    assert not os.path.exists(fresh.log_file)
