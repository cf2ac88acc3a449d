"""What predictions of each task look like: as Parquet, in a summary, and to a program."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.serving.answers import Answers, answers_of
from tabular_lstm.serving.champion import _load_pyfunc, load_champion, refuse_other_task
from tabular_lstm.serving.scoring_summary import ScoringSummary
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.commands import logged
from tests.helpers.judged import both
from tests.helpers.logs import run
from tests.helpers.networks import ensemble_of, schema_of
from tests.helpers.project import Project, declare
from tests.helpers.scorings import SCORING, finished, predictions_of, rows_at, summary_of
from tests.helpers.stores import House

COSTS = ((0, 1, 1), (1, 0, 1), (9, 9, 0))
CALIBRATED: dict[str, dict[str, Any]] = {
    TWO_CLASSES: {"threshold": 0.4},
    CLASSES: {"temperature": 0.03, "costs": COSTS},
    NUMBER: {"coverage": 0.8},
}
CONF = {
    TWO_CLASSES: {"label": "sick", "positive_class": 1, "negative_class": 0},
    CLASSES: {"label": "sick", "classes": ["bus", "car", "van"]},
    NUMBER: {"label": "sick", "task": "number"},
}
OF_CLASSES = ["probability_bus", "probability_car", "probability_van", "decision"]
OF_A_NUMBER = ["prediction", "lower", "upper"]


def rows_of(count: int = 60) -> pd.DataFrame:
    """Rows with the columns of `schema_of`, and a label that is no use to the network."""
    rows = np.random.default_rng(1).normal(2, 3, (count, 4))
    return pd.DataFrame(rows, columns=[f"f{place}" for place in range(4)])


def serving(project: Project, task: str, **changed: Any) -> Path:
    """Let a network of that task serve in a project, whose rows to score are written."""
    schema = schema_of(task=task).model_copy(update=changed)
    House(project.path / "data", schema=schema).promote("a", 3, **CALIBRATED[task])
    declare(project, columns=CONF[task])
    rows_of().to_csv(project.path / "rows.csv", index=False)
    return project.path / "rows.csv"


def test_classes_have_a_probability_each_and_the_decision_of_the_lowest_cost(
    project: Project,
) -> None:
    said = logged(*SCORING, *rows_at(serving(project, CLASSES)))
    scored, champion = predictions_of(project), load_champion()
    assert list(scored.columns[:5]) == ["row", *OF_CLASSES]
    probabilities = champion.predict_proba(rows_of())
    assert probabilities.shape == (60, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    np.testing.assert_array_equal(scored[OF_CLASSES[:3]], probabilities)
    # A van taken for another costs most: a class is not decided on for its probability alone.
    decided = np.array(CONF[CLASSES]["classes"])[np.argmin(probabilities @ np.array(COSTS), 1)]
    assert len({*decided}) > 1
    assert (decided != np.array(CONF[CLASSES]["classes"])[probabilities.argmax(1)]).any()
    assert scored["decision"].astype(str).tolist() == decided.tolist()
    assert champion.predict(rows_of()).tolist() == decided.tolist()

    (manifest,) = finished(project)
    assert (manifest["task"], manifest["classes"]) == (CLASSES, ["bus", "car", "van"])
    assert not manifest.keys() & {"positive_class", "negative_class", "coverage"}
    summary = summary_of(project)
    counts = {name: int((decided == name).sum()) for name in ("bus", "car", "van")}
    assert summary["decisions"] == counts
    assert summary["means"] == pytest.approx(dict(zip(counts, probabilities.mean(0), strict=True)))
    first = max(counts, key=lambda name: counts[name])
    assert f"with the champion of run {champion.run_id}: {counts[first]} as {first}, " in said


def test_a_number_has_a_prediction_and_an_interval_at_the_declared_rate(project: Project) -> None:
    said = logged(*SCORING, *rows_at(serving(project, NUMBER)))
    scored, champion = predictions_of(project), load_champion()
    assert list(scored.columns[:4]) == ["row", *OF_A_NUMBER]
    assert np.ptp(scored["prediction"]) > 0.1
    assert (scored["lower"] < scored["prediction"]).all()
    np.testing.assert_array_equal(scored["prediction"], champion.predict(rows_of()))
    np.testing.assert_array_equal(scored[["lower", "upper"]], champion.predict_interval(rows_of()))
    declared, wide = (np.ptp(champion.predict_interval(rows_of(), c), 1) for c in (0.8, 0.95))
    assert (declared < wide).all()
    np.testing.assert_allclose(declared, scored["upper"] - scored["lower"])

    (manifest,) = finished(project)
    assert (manifest["task"], manifest["coverage"]) == (NUMBER, 0.8)
    summary = summary_of(project)
    assert summary["means"] == pytest.approx(scored[OF_A_NUMBER].mean().to_dict())
    assert not summary.keys() & {"positive_class", "decisions", "decision_threshold"}
    assert f": mean prediction {scored['prediction'].mean():.4g}, " in said
    assert "intervals at 80 %; 0 in quarantine." in said

    # The reasons are those of the prediction.
    logged(*SCORING, *rows_at(project.path / "rows.csv", "scoring.reasons=1"))
    scored = predictions_of(project)
    for row in (0, 30):
        without = rows_of().iloc[[row]].assign(**{str(scored["reason_1"][row]): np.nan})
        effect = scored["prediction"][row] - champion.predict(without)[0]
        assert scored["effect_1"][row] == pytest.approx(effect, abs=1e-5)


# A champion of another task than conf ------------------------------------------------------------

PAIR = CONF[TWO_CLASSES]
OTHERS = {
    "swapped classes": (
        TWO_CLASSES,
        {**PAIR, "positive_class": 0, "negative_class": 1},
        "the probability of sick = 1; since it was trained, columns.positive_class was 1 and is 0, "
        "columns.negative_class was 0 and is 1. Change conf back.",
    ),
    "label": (TWO_CLASSES, {**PAIR, "label": "ill"}, "columns.label was 'sick' and is 'ill'."),
    "a third class": (
        TWO_CLASSES,
        {"label": "sick", "classes": [0, 1, 2]},
        "the probability of sick = 1; since it was trained, columns.positive_class was 1 and is "
        "not set, columns.negative_class was 0 and is not set, columns.classes was not set and is "
        "[0, 1, 2]. Change conf back.",
    ),
    "order": (
        CLASSES,
        {"label": "sick", "classes": ["car", "bus", "van"]},
        "the probabilities of sick = 'bus', 'car', 'van'; since it was trained, columns.classes "
        "was ['bus', 'car', 'van'] and is ['car', 'bus', 'van']. Change conf back.",
    ),
    "from a number": (
        NUMBER,
        CONF[CLASSES],
        "the number sick; since it was trained, columns.classes was not set and is ['bus', 'car', "
        "'van'], columns.task was 'number' and is not set. Change conf back.",
    ),
    "to a number": (
        TWO_CLASSES,
        CONF[NUMBER],
        "columns.negative_class was 0 and is not set, columns.task was not set and is 'number'.",
    ),
}


@pytest.mark.parametrize("change", OTHERS)
def test_a_champion_of_another_task_neither_scores_nor_serves_again(
    tmp_path: Path, change: str
) -> None:
    task, columns, words = OTHERS[change]
    house = House(tmp_path, schema=schema_of(task=task))
    house.promote("a", 3)
    anew = "kedro run --pipelines retraining --params promotion.start_over=true"
    for run_command in ("kedro run", ""):  # of a scoring, and of a rollback
        with pytest.raises(DataError) as refused:
            refuse_other_task(house.champion(), ColumnsOptions.model_validate(columns), run_command)
        assert words in str(refused.value)
        assert (anew in str(refused.value)) == bool(run_command)


# Without a run -----------------------------------------------------------------------------------


def answers(task: str = CLASSES, **changed: Any) -> Answers:
    """What a network of that task says, whose weights are by chance."""
    schema = schema_of(task=task).model_copy(update=changed)
    return answers_of(Scorer.of(ensemble_of(schema, 3, CALIBRATED[task])))


def predictions(task: str, rows: int = 100) -> np.ndarray:
    """Predictions by chance, of a number some far beyond what the schema expects."""
    rng = np.random.default_rng(0)
    if task == NUMBER:
        return np.sort(rng.normal(20, 15, (rows, 3)))[:, [1, 0, 2]]
    probabilities = rng.dirichlet(np.ones(3), rows)
    return both(probabilities[:, 1]) if task == TWO_CLASSES else probabilities


@pytest.mark.parametrize("task", [TWO_CLASSES, CLASSES, NUMBER])
def test_counts_of_parts_add_up_to_those_of_all(task: str) -> None:
    of_task, all_rows = answers(task), predictions(task)
    whole = of_task.count(all_rows)
    parts = [of_task.count(part) for part in (all_rows[:30], all_rows[30:], of_task.nothing)]
    added = parts[0] + parts[1] + parts[2]
    np.testing.assert_array_equal(added.by_class, whole.by_class)
    assert added.rows == whole.rows == 100
    assert added.means == pytest.approx(whole.means)


def test_a_decision_is_the_labels_own_value() -> None:
    for classes, kind, value in (((1, 2, 3), "int64", int), ((1, 2.5, "x"), "object", object)):
        of_task = answers(classes=classes)
        decided = of_task.values(predictions(CLASSES))
        assert decided.dtype == np.dtype(kind if value is int else object)
        assert {*decided.tolist()} == {*classes}
        arrow = of_task.arrow(predictions(CLASSES))
        assert list(arrow) == [*(f"probability_{name}" for name in classes), "decision"]
        assert arrow["decision"].to_pylist() == [
            name if value is int else str(name) for name in decided
        ]


def test_of_many_classes_the_sentence_names_the_commonest() -> None:
    decisions = {f"c{number}": number for number in range(40)}
    champion = {"run_id": run("a"), "sha256": "of the champion"}
    rows = {"rows": 790, "scored_rows": 780, "quarantined_rows": 10, "decisions": decisions}
    nothing = {k: {} for k in ("quarantined_by_reason", "unknown_categories")}
    facts = {"run_id": "of the run", "champion": champion, "task": CLASSES, **rows, **nothing}
    summary = ScoringSummary.model_validate({**facts, "classes": [*decisions]})
    assert summary.sentence() == (
        f"Scored 780 of 790 rows with the champion of run {run('a')}: 39 as c39, 38 as c38, 37 as "
        "c37, 36 as c36, 35 as c35, …; 10 in quarantine."
    )
    # What another task has is not written.
    assert "positive_class" not in summary.model_dump()


def test_a_program_gets_what_the_task_has_and_is_refused_the_rest(tmp_path: Path) -> None:
    for task in (CLASSES, NUMBER):
        House(tmp_path / task / "data", schema=schema_of(task=task)).promote(
            "a", 3, **CALIBRATED[task]
        )
        (tmp_path / task / "conf/base").mkdir(parents=True)
    classes, number = load_champion(tmp_path / CLASSES), load_champion(tmp_path / NUMBER)
    assert classes.threshold is number.threshold is None
    assert number.predict(rows_of()).shape == (60,)
    for refused, said in (
        (lambda: number.predict_proba(rows_of()), "gives the number sick, but no probabilities"),
        (lambda: classes.predict_interval(rows_of()), "of sick = 'bus', 'car', 'van', but no int"),
        (lambda: number.predict_interval(rows_of(), 0.3), r"coverage from 0\.5 to 0\.99, got 0\.3"),
    ):
        with pytest.raises(DataError, match=said):
            refused()
    scored = _load_pyfunc(classes.file).predict(rows_of())
    assert list(scored) == OF_CLASSES
    assert scored["decision"].tolist() == classes.predict(rows_of()).tolist()
    scored = _load_pyfunc(number.file).predict(rows_of().set_axis(range(60, 120)))
    assert list(scored) == OF_A_NUMBER
    assert scored.index[0] == 60
