"""A user's own baselines: fitted and shown as the others are, and named where one is better."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.validation import ParameterValidationError

from tabular_lstm.judging.baselines import MODELS
from tabular_lstm.parameters.hyperparameters import EvaluationOptions
from tabular_lstm.runs.guards import check_parameters
from tabular_lstm.task import CLASSES, NUMBER
from tests.helpers.commands import RETRAINING, logged
from tests.helpers.notifications import lines, to
from tests.helpers.own_baselines import Recorder
from tests.helpers.pages import Parsed
from tests.helpers.project import TINY, Project, declare
from tests.helpers.tables import write_people, write_task

HELPERS = "tests.helpers.own_baselines"
FOREST = {"class": "sklearn.ensemble.RandomForestClassifier", "n_estimators": 30}
BOOSTED = {
    "LightGBM": {"class": "lightgbm.LGBMClassifier", "n_estimators": 20},
    "CatBoost": {"class": "catboost.CatBoostClassifier", "iterations": 20},
}
LEFT_OUT = {
    "gone": ("no_such_package.Model", "ModuleNotFoundError: No module named 'no_such_package'"),
    "linear": ("sklearn.linear_model.LogisticRegression", "ValueError: Input X contains NaN"),
    "regressor": (
        "sklearn.linear_model.Ridge",
        "TypeError: expected a classifier with predict_proba for two classes",
    ),
    "leaving": (f"{HELPERS}.Leaving", "SystemExit: 0"),
    "unsure": (f"{HELPERS}.Unsure", "ValueError: array must not contain infs or NaNs"),
}


def with_baselines(baselines: dict[str, Any], **blocks: Any) -> dict[str, Any]:
    return {**TINY, **blocks, "evaluation": {**TINY["evaluation"], "baselines": baselines}}


def write_visits(project: Project, **blocks: Any) -> None:
    """Write rows with categories, dates, gaps, weights and groups of two, and declare them."""
    write_people(project, dates=True)
    rows = pd.read_csv(project.raw, dtype=str, keep_default_na=False)
    rows["home"], rows["counts"] = np.arange(len(rows)) // 2, 1 + np.arange(len(rows)) % 3
    rows.to_csv(project.raw, index=False)
    conf = json.loads((project.path / "conf/local/parameters.yml").read_text())
    roles = {"group": "home", "weight": "counts", "known_in_time": ["color"]}
    declare(project, columns={**conf["columns"], **roles}, **blocks)


def test_own_baselines_are_judged_beside_the_others_and_a_better_one_is_named(
    project: Project,
) -> None:
    own = {"forest": FOREST, **BOOSTED, "recorder": f"{HELPERS}.Recorder"}
    paths = {name: path for name, (path, _) in LEFT_OUT.items()}
    told, tolerance = project.path / "told", {"log_loss": 1.0, "roc_auc": 1.0}
    promotion = {"tolerance": tolerance, "min_test_rows_per_class": 5}
    blocks = with_baselines(own | paths, promotion=promotion, notify=to(told))
    write_visits(project, **blocks)
    Recorder.seen.clear()
    log = logged(*RETRAINING).splitlines()

    # Those that cannot be fitted are named, each once, and once more at the end of the log.
    for name, (path, error) in LEFT_OUT.items():
        warning = f"The baseline {name} ({path}) is left out: {error}. Correct or remove its entry"
        assert [line.startswith(warning) for line in log].count(True) == 1
        assert sum(warning in line for line in log) == 2
    # The libraries leave no file.
    assert {path.name for path in project.path.iterdir()} <= {
        *("conf", "data", "src", "told", "pyproject.toml", ".telemetry", ".viz")
    }

    # The others are judged on the same rows, with intervals, in every place.
    metrics, (path,) = project.metrics(), project.versions("08_reporting/decision.json")
    decision = json.loads(path.read_text())
    judgement = decision["judgement"]
    names = ["majority_class", "logistic_regression", "hist_gradient_boosting", *own]
    assert [*metrics["baselines"]] == [*judgement["baselines"]] == names
    for name in own:
        low, high = metrics["baselines"][name]["network_minus_baseline"]["roc_auc"]["interval"]
        assert low <= high
        assert re.search(rf"^The candidate .* {name}[:,]", "\n".join(log), re.MULTILINE)
    assert all(metrics["baselines"][name]["roc_auc"] > 0.75 for name in ("forest", *BOOSTED))
    page = Parsed((project.path / "data/08_reporting/latest.html").read_text())
    first_screen = page.text.partition("§ ")[0]
    (roc,) = (project.path / "data/08_reporting/figures").rglob("roc_curve.svg")
    for name in own:
        assert f" {name} " in first_screen
        assert f"{name}, AUC 0." in roc.read_text()

    # A baseline that is shown to be better is in the decision, and in each outcome.
    stronger = judgement["stronger_baseline"]
    assert 0 < stronger["interval"][0] < stronger["lead"] < stronger["interval"][1]
    words = MODELS[stronger["name"]].words if stronger["name"] in MODELS else stronger["name"]
    outcome = rf"{words[0].upper()}{words[1:]} is ahead of the candidate by \S+ \[\S+, \S+\] "
    promoted = rf"Promoted run {decision['run_id']}: .*\. {outcome}(ROC AUC|log loss)\. Report: "
    assert decision["action"] == "promoted", decision["reason"]
    assert re.match(promoted, log[-1])
    assert re.search(f"A baseline is better: {outcome}", first_screen)
    (notice,) = lines(told)
    assert notice["message"] == log[-1]
    assert notice["decision"]["judgement"]["stronger_baseline"] == stronger
    verdict = "\n".join(json.loads(project.versions("08_reporting/verdict.json")[-1].read_text()))
    assert f"The candidate loses to {words}: " in verdict
    assert re.match(outcome, verdict)
    # The last line says it, so the verdict before it does not.
    assert sum(bool(re.search(outcome, line)) for line in log) == 1
    assert_frames(project.rows("train"))


def assert_frames(train: pd.DataFrame) -> None:
    """Check what the recorder got of these rows: frames of four folds each."""
    known, folds = sorted({*train["color"].dropna()}), Recorder.seen
    assert len(folds) == 5
    for fold in folds:
        rows = fold["rows"]
        kinds = dict.fromkeys(["age", "income"], "float64")
        kinds |= dict.fromkeys(["color", "code"], "int64")
        assert {name: str(rows[name].dtype) for name in kinds} == kinds
        dates = [name for name in rows if name.startswith("seen")]
        assert (len(dates), len(rows.columns)) == (5, 9)
        assert rows["income"].isna().any()
        # The labels are the classes' numbers, and the weights have a mean near 1.
        assert {*fold["labels"]} == {0, 1}
        assert fold["weights"].mean() == pytest.approx(1, abs=0.1)
        assert fold["cat_features"] == fold["categorical_feature"] == ["color", "code"]
        assert fold["seed"] == 0
        assert 0.7 < len(rows) / len(train) < 0.9
    codes = pd.concat([fold["rows"]["color"] for fold in folds])
    assert {*codes} == {*range(len(known)), len(known) + 1}
    missing = (codes == len(known) + 1).mean()
    assert missing == pytest.approx(train["color"].isna().mean(), abs=0.02)
    # Both rows of a home are held out together: incomes tell the rows apart.
    homes = train.dropna(subset="income").set_index("income")["home"]
    homes = homes.set_axis(homes.index.to_numpy(np.float32).astype(float))
    for fold in folds:
        fitted = homes[fold["rows"]["income"].dropna()]
        assert {*fitted}.isdisjoint(homes.drop(fitted.index))


OF_TASKS = {
    CLASSES: [{**FOREST}, *BOOSTED.values()],
    NUMBER: [
        {**of, "class": of["class"].replace("Classifier", "Regressor")}
        for of in (FOREST, *BOOSTED.values())
    ],
}

OTHERS = {
    CLASSES: "lightgbm.LGBMRegressor",
    NUMBER: "catboost.CatBoostClassifier",
}


@pytest.mark.parametrize("task", OF_TASKS)
def test_own_baselines_of_classes_and_of_a_number(task: str, project: Project) -> None:
    own = dict(zip(("forest", *BOOSTED), OF_TASKS[task], strict=True))
    write_task(project, task, **with_baselines(own | {"other task": OTHERS[task]}))
    log = logged("run")
    assert log.count("The baseline other task (") == 2
    measured, candidate = project.metrics()["baselines"], project.metrics()["test"]
    loss, fixed = ("log_loss", "majority_class") if task == CLASSES else ("rmse", "mean")
    assert {*measured} > {*own}
    for name in own:
        assert measured[name][loss] < 0.8 * measured[fixed][loss]
        if task == NUMBER:
            assert 0.8 < measured[name]["coverage"] <= 1
    # A run that decides nothing says at its end, too, which baseline is better.
    better = min(own, key=lambda name: measured[name][loss])
    assert measured[better][loss] < candidate[loss]
    said = r"is ahead of the candidate by \S+ \[\S+, \S+\] "
    (told,) = [line for line in log.splitlines() if re.search(said, line)]
    page = Parsed((project.path / "data/08_reporting/latest.html").read_text())
    assert f"A baseline is better: {told}." in page.text.partition("§ ")[0]
    assert log.index(told) < log.index("This run did not decide which model serves. To decide:")
    # The best one out of fold may be an own one too.
    (path,) = project.versions("07_model_output/baseline_predictions.json")
    losses = json.loads(path.read_text())["losses"]
    best = min(losses, key=losses.__getitem__)
    words = MODELS[best].words if best in MODELS else best
    first_screen = page.text.partition("§ ")[0]
    assert f" {words} best of the baselines by out-of-fold loss" in first_screen
    assert re.search(
        rf"The candidate loses to {words}, by [^.]+ rows. This baseline has", first_screen
    )


@pytest.mark.long
def test_own_baselines_of_histories_get_a_row_and_its_past(project: Project) -> None:
    """LightGBM refuses the commas in the names of past features, which are replaced."""
    own = {"LightGBM": {"class": "lightgbm.LGBMRegressor", "n_estimators": 30}}
    project.run(env="storms", **with_baselines(own, training={"epochs": 2}))
    measured = project.metrics("storms")["baselines"]
    assert measured["LightGBM"]["rmse"] < 0.7 * measured["mean"]["rmse"]
    assert measured["LightGBM"]["rmse"] < 1.1 * measured["hist_gradient_boosting"]["rmse"]


TAKEN = [text for name, model in MODELS.items() for text in (name, model.words, name.upper())]


@pytest.mark.parametrize("name", [*TAKEN, "1st", "<b>", "a" * 41, "", 7])
def test_a_name_that_another_model_has_or_that_no_page_can_show_is_refused(name: Any) -> None:
    conf = {"evaluation": {"baselines": {name: "sklearn.svm.SVC"}}}
    with pytest.raises(ParameterValidationError) as error:
        check_parameters(conf)
    assert f"'evaluation': baselines.{name}" in str(error.value)


@pytest.mark.parametrize("value", ["SVC", "sklearn.", ["sklearn.svm.SVC"], 3, {"C": 1.0}, None])
def test_a_baseline_without_an_import_path_is_refused(value: Any) -> None:
    with pytest.raises(ParameterValidationError) as error:
        check_parameters({"evaluation": {"baselines": {"SVM": value}}})
    assert "'evaluation': " in str(error.value)
    assert "baselines.SVM" in str(error.value)


def test_both_ways_to_write_a_baseline_are_one_and_none_changes_no_hash() -> None:
    alone, mapping = (
        EvaluationOptions.model_validate({"baselines": {"SVM": value}})
        for value in ("sklearn.svm.SVC", {"class": "sklearn.svm.SVC"})
    )
    assert alone.model_dump(by_alias=True) == mapping.model_dump(by_alias=True)
    assert alone.model_dump(by_alias=True)["baselines"] == {"SVM": {"class": "sklearn.svm.SVC"}}
    none = EvaluationOptions.model_validate({"baselines": {}})
    assert "baselines" not in none.model_dump(by_alias=True)
