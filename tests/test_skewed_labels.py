"""Labels as they come: skewed ones on a scale of their own, within bounds, as mean or median."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from tabular_lstm.estimator import LSTMRegressor
from tabular_lstm.network.score import score
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.rows import label_scale
from tabular_lstm.rows.sequences import to_sequences
from tests.helpers.commands import here, logged, succeeds
from tests.helpers.project import QUICK, TINY, Project
from tests.helpers.scorings import predictions_of

TRAIN, TEST, COLUMNS = 3000, 2000, 40


def contracts(count: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Forty columns, some of categories with hundreds of values, and the logarithm of a value."""
    causes = np.random.default_rng(99)
    of_kind, of_place, weights = (
        causes.normal(size=300),
        causes.normal(size=200),
        causes.normal(size=8),
    )
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({f"n{place}": rng.normal(size=count) for place in range(COLUMNS - 2)})
    kinds, places = rng.integers(300, size=count), rng.integers(200, size=count)
    logarithm = 0.3 * rows.iloc[:, :8].to_numpy() @ weights + 0.4 * rows["n0"] * rows["n1"]
    logarithm += 0.6 * of_kind[kinds] + 0.4 * of_place[places] + 0.6 * rng.normal(size=count)
    rows["kind"] = pd.Categorical([f"K{kind:03}" for kind in kinds])
    rows["place"] = pd.Categorical([f"P{place:03}" for place in places])
    return rows, logarithm.to_numpy()


def rmsle(labels: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.sqrt(np.mean((np.log1p(predicted.clip(0)) - np.log1p(labels)) ** 2)))


def errors_of(labels: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """RMSE and MAE."""
    errors = predicted - labels
    return float(np.sqrt(np.mean(errors**2))), float(np.abs(errors).mean())


@pytest.mark.long
@pytest.mark.no_cover  # trainings alone
def test_money_is_learned_as_well_as_on_the_logarithm_by_hand() -> None:
    (rows, logarithm), (new, new_logarithm) = contracts(TRAIN, 1), contracts(TEST, 2)
    labels, truth = np.exp(7 + logarithm), np.exp(7 + new_logarithm)
    model = LSTMRegressor(random_state=0).fit(rows, labels)
    target = model.network_.schema.target
    assert target.asinh is not None
    by_hand = LSTMRegressor(random_state=0).fit(rows, np.log(labels))
    by_hand_median = np.exp(by_hand.predict(new))
    # Smeared by the train rows, as one would by hand.
    smeared = by_hand_median * labels.mean() / np.exp(by_hand.predict(rows)).mean()
    predicted, (lower, upper) = model.predict(new), model.predict_interval(new).T
    assert errors_of(truth, predicted)[0] <= 1.02 * errors_of(truth, smeared)[0]
    assert lower.min() >= 0
    assert 0.87 < np.mean((lower <= truth) & (truth <= upper)) < 0.93

    # The same network says the median too.
    scorer = Scorer.of(model.network_)
    as_median = target.model_copy(update={"median": True})
    says_median = replace(scorer, schema=scorer.schema.model_copy(update={"target": as_median}))
    middle = score(says_median, to_sequences(new, scorer.schema))[:, 0]
    assert errors_of(truth, middle)[1] <= 1.02 * errors_of(truth, by_hand_median)[1]
    assert rmsle(truth, middle) <= 1.02 * rmsle(truth, by_hand_median)


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
