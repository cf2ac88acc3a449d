"""Labels as they come: skewed ones on a scale of their own, within bounds, as mean or median."""

import json
from collections.abc import Callable

import numpy as np
import pytest
import skewed_labels
import yaml
from skewed_labels import contracts

from tabular_lstm.estimator import LSTMRegressor
from tabular_lstm.rows import label_scale
from tests.helpers.commands import here, logged, succeeds
from tests.helpers.project import QUICK, TINY, Project
from tests.helpers.scorings import predictions_of

TEST = 2000


@pytest.mark.long
@pytest.mark.no_cover  # trainings alone
def test_money_is_learned_as_well_as_on_the_logarithm_by_hand() -> None:
    measured = skewed_labels.measure(3000, seed=1)
    assert measured.learned == "asinh"
    assert measured.rmse <= 1.02
    assert measured.mae <= 1.02
    assert measured.rmsle <= 1.02
    assert measured.lowest >= 0
    assert 0.87 < measured.coverage < 0.93


OTHER_LABELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "symmetric": lambda values: values,
    "with negatives": lambda values: np.sinh(1.2 * values),
    "with zeros": lambda values: np.where(values < 0.5, 0.0, np.exp(values)),
}


@pytest.mark.long
@pytest.mark.no_cover  # trainings alone
@pytest.mark.parametrize("name", OTHER_LABELS)
def test_other_labels_change_by_no_more_than_chance(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (rows, values), (new, new_values) = contracts(1500, 3), contracts(TEST, 4)
    labels, truth = OTHER_LABELS[name](values), OTHER_LABELS[name](new_values)
    chosen = LSTMRegressor(random_state=0).fit(rows, labels)
    monkeypatch.setattr(label_scale, "SKEWED", np.inf)
    as_it_is = LSTMRegressor(random_state=0).fit(rows, labels)
    assert as_it_is.network_.schema.target.asinh is None
    squares, before = ((model.predict(new) - truth) ** 2 for model in (chosen, as_it_is))
    gained = before - squares
    assert gained.mean() > -3 * gained.std() / TEST**0.5 - 0.01 * before.mean()


def test_a_median_within_bounds_from_the_profile_to_the_scored_rows(project: Project) -> None:
    rows, logarithm = contracts(700, 5)
    rows = rows[["n0", "n1", "n2", "kind"]].assign(worth=np.exp(7 + logarithm).round(2))
    path = project.path / "data/01_raw/contracts.csv"
    rows[:600].to_csv(path, index=False)
    page = succeeds(here("profile", str(path), "--label", "worth", "--env", "money"))
    assert "half of the values are below " in page
    assert ": the run chooses a scale" in page
    conf = project.path / "conf/money"
    columns = yaml.safe_load((conf / "parameters.yml").read_text())
    columns["columns"]["bounds"] = {"worth": [0, None]}
    (conf / "parameters.yml").write_text(yaml.safe_dump(columns))
    training = {"objective": {"kind": "median"}, "label_scale": "asinh"}
    settings = QUICK | {"training": QUICK["training"] | training}
    (conf / "parameters_quick.yml").write_text(yaml.safe_dump(settings))

    said = logged("run", "--env", "money", "--pipelines", "retraining")
    learned = "as asinh(worth / "
    assert f"The label worth is learned {learned}" in said
    assert "MAE " in said.partition("Candidate on ")[2].partition(",")[0]  # what comes first
    schema = json.loads(project.versions("04_feature/schema.json", "money")[-1].read_text())
    assert schema["target"]["scale"].startswith(learned)
    assert schema["target"]["median"] is True
    metrics = project.metrics("money")
    assert metrics["network"]["label_scale"] == schema["target"]["scale"]
    assert {"rmse", "mae", "rmsle"} <= metrics["test"]["interval"].keys()
    assert all("rmsle" in baseline for baseline in metrics["baselines"].values())
    page = project.versions("08_reporting/report.html", "money")[-1].read_text()
    assert learned in page
    assert 0 < page.index("<th>MAE") < page.index("<th>RMSE")
    assert "<th>RMSLE" in page
    decision = json.loads(project.versions("08_reporting/decision.json", "money")[-1].read_text())
    assert decision["action"] == "promoted", decision["reason"]
    assert decision["judgement"]["data"]["median"] is True
    assert "MAE" in succeeds(here("overview", "--env", "money"))

    rows[600:].drop(columns="worth").to_csv(path.with_name("money_to_score.csv"), index=False)
    succeeds(here("run", "--env", "money", "--pipelines", "scoring"))
    scored = predictions_of(project, "money")
    assert len(scored) == 100
    assert scored["lower"].min() >= 0
    assert (scored["lower"] <= scored["prediction"]).all()
    assert (scored["prediction"] <= scored["upper"]).all()


@pytest.mark.long
def test_a_median_that_tells_nothing_is_not_promoted(project: Project) -> None:
    rows, logarithm = contracts(700, 5)
    shuffled = np.random.default_rng(0).permutation(np.exp(7 + 1.5 * logarithm)).round(2)
    path = project.path / "data/01_raw/noise.csv"
    rows[["n0", "n1", "n2"]].assign(worth=shuffled).to_csv(path, index=False)
    succeeds(here("profile", str(path), "--label", "worth", "--env", "noise"))
    settings = TINY | {"training": {"epochs": 15, "objective": {"kind": "median"}}}
    (project.path / "conf/noise/parameters_tiny.yml").write_text(yaml.safe_dump(settings))
    said = logged("run", "--env", "noise", "--pipelines", "retraining")
    assert "Rejected" in said
    assert "than the median" in said
