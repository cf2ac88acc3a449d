"""The champion from Python: the one that the log names, read without Kedro and TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.estimator import LSTMClassifier
from tabular_lstm.files import sha256
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.schema import HistoryLayout, Schema
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.champion import Champion, MLflowModel, _load_pyfunc, load_champion
from tabular_lstm.serving.promotion_log import append
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.champions import log_of
from tests.helpers.logs import rejection, run
from tests.helpers.networks import ensemble_of, histories_in, schema_of
from tests.helpers.project import Project
from tests.helpers.stores import House


def people(**changed: Any) -> Schema:
    """A schema of a number, a category, a number with bounds and a number with a code."""
    named = {"positive_class": "yes", "negative_class": "no"}
    read = {"bounds": {"f2": (0, 100)}, "missing": {"f3": [-9], "f1": ["?"]}}
    schema = schema_of(names=(1,))
    features = changed.get("features", schema.features)
    quantiles = {name: of for name, of in schema.quantiles.items() if name in features}
    return schema.model_copy(update={"quantiles": quantiles, **read, **named, **changed})


ROWS = pd.DataFrame(
    {
        "f3": [1, -9, 4],
        "else": ["a", "b", "c"],
        "f0": [0.5, np.nan, 2.0],
        "f1": ["red", "purple", "?"],
        "f2": [3.5, 0.0, 100.0],
    }
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A project in which run a serves."""
    (tmp_path / "conf/base").mkdir(parents=True)
    house = House(tmp_path / "data", schema=people())
    house.promote("a", 0)
    return house


def project_of(house: House) -> Path:
    return house.log.parents[2]


def test_it_predicts_what_keras_does(house: House) -> None:
    champion = load_champion(project_of(house))
    assert (champion.run_id in repr(champion), champion.file in repr(champion)) == (True, True)
    assert len(repr(champion)) < 500
    probabilities = champion.predict_proba(ROWS)
    assert (probabilities.shape, probabilities.dtype) == ((3, 2), np.float64)
    # By hand: f0 to f3 in two steps, categories by their place in the list, codes missing.
    slots = [[0.5, 2, 3.5, 1], [np.nan, 3, 0, np.nan], [2, np.nan, 100, 4]]
    sequences = np.array(slots, np.float32).reshape(3, 2, 2)
    expected = keras.saving.load_model(house.file)(sequences).numpy()[:, 0]
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(probabilities[:, 1], expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(1), 1)


def test_rows_that_say_the_same_have_the_same_probabilities(house: House, tmp_path: Path) -> None:
    champion = load_champion(project_of(house))
    expected = champion.predict_proba(ROWS)
    as_text = ROWS.astype(object).fillna("").astype(str)
    as_bytes = ROWS.assign(f1=ROWS["f1"].map(str.encode))  # as pandas reads Parquet of Hive
    all_bytes = as_text.map(str.encode)
    all_bytes.iloc[0, 0] = memoryview(all_bytes.iloc[0, 0])  # as psycopg2 gives them
    texts = (as_text, as_text.astype("str"), as_bytes, all_bytes)
    for same in (ROWS[[*ROWS.columns[::-1]]], ROWS.astype(object), *texts):
        np.testing.assert_array_equal(champion.predict_proba(same), expected)
    alone = champion.predict_proba(ROWS.iloc[[1]])
    np.testing.assert_allclose(alone, expected[[1]], rtol=0, atol=1e-7)
    # Text is read by the number format of the rows that it learned from.
    german = House(tmp_path / "german/data", schema=people(marks=NumberFormat(decimal=",")))
    german.promote("a", 0)
    commas = as_text.apply(lambda column: column.str.replace(".", ","))
    measured = load_champion(project_of(german)).predict_proba(commas)
    np.testing.assert_array_equal(measured, expected)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS.drop(columns="f2"), "The rows have no column 'f2': expected f0, f1, f2, f3, in any"),
        (ROWS.assign(f2=[1, 101, -1]), r"Column 'f2', rows 2, 3: 101 is outside \[0, 100\]"),
        (ROWS.assign(f0=[1, "two", 3]), r"Column 'f0', row 2: 'two' is not a number"),
        ([[1, 2, 3, 4]], "Expected the rows as a pandas DataFrame, got list"),
        (pd.DataFrame([{}, {}]), r"in any order; got none\.$"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_words(house: House, rows: Any, message: str) -> None:
    champion = load_champion(project_of(house))
    with pytest.raises(DataError, match=message):
        champion.predict(rows)


@pytest.mark.parametrize(
    ("negative", "positive"), [(0, 1), (False, True), ("no", "yes"), ("none", 1)]
)
def test_a_class_is_the_labels_own_value(tmp_path: Path, negative: Any, positive: Any) -> None:
    classes = {"negative_class": negative, "positive_class": positive}
    House(tmp_path / "data", schema=people(**classes)).promote("a", 0)
    champion = load_champion(tmp_path)
    probabilities = champion.predict_proba(ROWS)[:, 1]
    expected = [positive if p >= 0.5 else negative for p in probabilities]
    predicted = champion.predict(ROWS).tolist()
    assert [*map(repr, predicted)] == [*map(repr, expected)]


def test_each_environment_has_its_own_champion_and_one_that_is_loaded_stays(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_of(house)
    champion = load_champion(project)
    before = champion.predict_proba(ROWS)
    house.promote("b", 1, before="a")
    np.testing.assert_array_equal(champion.predict_proba(ROWS), before)
    newer = load_champion(project)
    assert (champion.run_id, newer.run_id) == (run("a"), run("b"))
    assert (newer.predict_proba(ROWS) != before).all()
    House(project / "data/nightly", schema=house.schema).promote("n", 2)
    assert load_champion(project, env="nightly").run_id == run("n")
    monkeypatch.setenv("KEDRO_ENV", "nightly")  # Kedro's variable counts
    assert load_champion(project).run_id == run("n")
    assert load_champion(project, env="base").run_id == run("b")


# Histories

LAYOUT = HistoryLayout(
    of="who",
    order="at",
    steps=3,
    known_after="30 days",
    dates=True,
    form="%d.%m.%Y",
    gap="at, since the row before",
    labels=("sick, earlier",),
)
NAMES = ["f0", "f1", LAYOUT.gap, *LAYOUT.labels]
# Out of order; who is 7 in two spellings, and has no label of the newest row yet.
VISITS = pd.DataFrame(
    {
        "f1": ["red", "green", "blue", "red", None],
        "at": ["11.03.2026", "01.02.2026", "01.01.2026", "11.03.2026", "21.02.2026"],
        "who": ["7", "7.0", "7", "8", "7"],
        "f0": [0.5, 1.0, np.nan, 2.0, 4.0],
        "sick": ["", "no", "yes", "", "yes"],
    }
)


@pytest.fixture
def with_histories(tmp_path: Path) -> Champion:
    schema = people(features=NAMES, steps=1, features_per_step=4, history=LAYOUT)
    House(tmp_path / "data", schema=schema).promote("a", 0)
    return load_champion(tmp_path)


def test_of_histories_each_row_is_predicted_from_its_own_earlier_rows(
    with_histories: Champion,
) -> None:
    # By hand: f0, the place of f1, the days since the row before, and the label 30 days later.
    none = [np.inf] * 4
    first, second = [np.nan, 0, np.nan, 1], [1, 1, 31, np.nan]
    rows = [
        [[1, 1, 31, 0], [4, np.nan, 20, np.nan], [0.5, 2, 18, np.nan]],
        [first, second, none],
        [[*first[:3], np.nan], none, none],
        [[2, 2, np.nan, np.nan], none, none],
        [first, second, [4, np.nan, 20, np.nan]],
    ]
    expected = with_histories.artifact.score(histories_in(np.array(rows, np.float32)))[:, 1]
    assert np.ptp(expected) > 1e-3
    predicted = with_histories.predict_proba(VISITS)[:, 1]
    np.testing.assert_array_equal(predicted, expected)
    dates = VISITS.assign(at=pd.to_datetime(VISITS["at"], dayfirst=True))
    texts = VISITS[["f1", "at", "who", "sick"]]
    encoded = texts.map(str.encode, na_action="ignore").astype("category")
    as_bytes = VISITS.assign(**encoded)
    for same in (dates.set_index("who", drop=False), VISITS.astype(object), as_bytes):
        np.testing.assert_array_equal(with_histories.predict_proba(same)[:, 1], expected)
    np.testing.assert_array_equal(
        with_histories.predict_proba(VISITS[1:3])[:, 1], expected[1:3]
    )  # nothing of a later row
    scored = MLflowModel(with_histories).predict(VISITS.set_index("f0", drop=False))
    np.testing.assert_array_equal(scored["probability"], expected)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (VISITS.drop(columns="who"), "no column 'who': expected who, at, sick, in any order"),
        (VISITS.assign(who=["1", "", "1", "NA", "2"]), "Column 'who', rows 2, 4: no customer"),
        (VISITS.assign(at="2026-01-01"), "Column 'at', row.* '2026-01-01' is not a date as %d"),
        (VISITS.assign(sick="perhaps"), "Column 'sick', row.* 'perhaps' is neither 'yes' nor"),
        (VISITS.assign(f0="x"), "Column 'f0', row.* 'x' is not a number"),
    ],
)
def test_a_row_whose_history_cannot_be_read_is_refused(
    with_histories: Champion, rows: pd.DataFrame, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        with_histories.predict(rows)


def test_a_number_beside_texts_is_not_read_in_the_format_of_texts(tmp_path: Path) -> None:
    """In which the customer 1.234 would be 1234, and the time 2.125 would be 2125."""
    layout = LAYOUT.model_copy(update={"dates": False, "form": None, "known_after": 30.0})
    schema = people(features=NAMES, steps=1, features_per_step=4, history=layout)
    marks = NumberFormat(decimal=",", thousands=".")
    house = House(tmp_path / "data", schema=schema.model_copy(update={"marks": marks}))
    house.promote("a", 0)
    champion = load_champion(tmp_path)
    mixed = VISITS.assign(who=[1.234, "1.234", 1234, 1.234, "A7"], at=[9.5, "1.000", 2.125, 3, "7"])
    texts = mixed.assign(
        who=["1,234", "1234", "1.234", "1,234", "A7"], at=["9,5", "1000", "2,125", "3", "7"]
    )
    np.testing.assert_array_equal(champion.predict_proba(mixed), champion.predict_proba(texts))


def test_histories_are_not_for_the_estimator_and_of_no_row_each_champion_predicts_none(
    with_histories: Champion, tmp_path: Path
) -> None:
    single = House(tmp_path / "single/data", schema=people())
    single.promote("a", 0)
    for champion in (with_histories, load_champion(project_of(single))):
        assert champion.predict(pd.DataFrame([])).shape == (0,)
        assert champion.predict_proba(pd.DataFrame([])).shape == (0, 2)
        assert champion.frame(pd.DataFrame([]), reasons=1).shape == (0, 4)
    with pytest.raises(DataError, match=r"reads histories\. Score with tabular_lstm.load_champion"):
        LSTMClassifier.load(with_histories.file)


# Where nothing can be loaded


@pytest.mark.parametrize("damage", [lambda content: content[:-1], None])
def test_a_damaged_champion_is_refused_with_the_ways_out(house: House, damage: Any) -> None:
    back = ""
    if damage:
        house.promote("b", 1, before="a")
        back = "Or, to let the champion before it serve: kedro run --pipelines rollback. "
    path, whole = house.file, house.file.read_bytes()
    path.unlink()
    found = "does not exist"
    if damage:
        path.write_bytes(damage(whole))
        found = f"has SHA-256 {sha256(path.read_bytes())}"
    with pytest.raises(DataError) as refused:
        load_champion(project_of(house))
    assert str(refused.value) == (
        f"{path} {found}; expected {sha256(whole)}, that of the champion in the promotion log. "
        f"It was not loaded. Restore that file from a copy. {back}Or, to promote a new one, judged "
        "without it: kedro run --pipelines retraining --params promotion.start_over=true."
    )


def test_what_is_not_there_is_named(project: Project, tmp_path_factory: Any) -> None:
    nothing = tmp_path_factory.mktemp("nothing")
    unknown = r"^\./conf: environment 'nowhere' is unknown; known: base, cluster, concrete,"
    for place, env, message in (
        (nothing, None, f"{nothing}/data/08_reporting/promotions.jsonl: no champion yet"),
        (".", None, r"promotions\.jsonl: no champion yet\. kedro run --pipelines retraining"),
        (".", "nowhere", unknown),
        (".", "tutorail", r"'tutorail' is unknown; did you mean 'tutorial'\?$"),
        (".", "tutorial", r"no champion yet\. kedro run --env tutorial --pipelines"),
        (".", "../data", r"Environment '\.\.': expected the name of a folder in"),
    ):
        with pytest.raises(DataError, match=message):
            load_champion(place, env)
    append(project.path / "data/08_reporting/promotions.jsonl", rejection("x", None))
    with pytest.raises(DataError, match=r"no champion yet\. The last candidate was rejected"):
        load_champion()


def test_weights_that_are_no_numbers_give_no_prediction(tmp_path: Path) -> None:
    path, network = tmp_path / "nan.keras", ensemble_of(people())
    network.embed.vectors.assign(np.full(network.embed.vectors.shape, np.nan))
    network.save(path)
    champion = Champion(Artifact(path.read_bytes(), str(path), run("a")), "kedro run --env x")
    with pytest.raises(DataError, match=r"no probability for rows 1, 2, 3: .*--env x --pipelines"):
        champion.predict(ROWS)


# In a process of its own, and after a real retraining

SCORE = """
import sys

import pandas as pd

from tabular_lstm import load_champion

champion = load_champion(env="base")
print(*champion.predict_proba(pd.read_json(sys.stdin, orient="split"))[:, 1])
print(*{module.partition(".")[0] for module in sys.modules})
"""


def test_neither_kedro_nor_tensorflow_nor_scikit_learn_is_imported(house: House) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCORE],
        cwd=project_of(house),
        env={**os.environ, "KEDRO_ENV": "elsewhere"},
        input=ROWS.to_json(orient="split"),
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    probabilities, imported = done.stdout.splitlines()
    expected = load_champion(project_of(house)).predict_proba(ROWS)[:, 1]
    np.testing.assert_allclose([*map(float, probabilities.split())], expected, atol=1e-7)
    assert "pandas" in imported
    assert not {*imported.split()} & {"kedro", "tensorflow", "keras", "sklearn"}


@pytest.mark.parametrize(
    "task",
    [TWO_CLASSES, *(pytest.param(task, marks=pytest.mark.long) for task in (CLASSES, NUMBER))],
)
def test_it_scores_as_it_was_judged_also_for_mlflow(served: Project) -> None:
    champion, entry, rows = load_champion(), log_of(served)[-1], served.rows("test")
    assert (champion.run_id, champion.sha256) == (entry["run_id"], entry["sha256"])
    judged = pd.read_csv(served.versions("07_model_output/candidate_predictions.csv")[-1])
    candidate = judged[[name for name in judged if name.startswith("candidate")]]
    scored = champion.frame(rows)
    columns = scored.drop(columns="decision", errors="ignore")
    assert columns.shape == candidate.shape
    np.testing.assert_allclose(columns, candidate, rtol=1e-6, atol=1e-6)
    of_mlflow = _load_pyfunc(champion.file)
    pd.testing.assert_frame_equal(of_mlflow.predict(rows), scored)
    with pytest.raises(DataError, match="no column 'glucose'"):
        of_mlflow.predict(rows.drop(columns="glucose"))
    names = champion.schema.classes
    if names and len(names) > 2:
        assert judged["label"].tolist() == [names[label] for label in rows[champion.schema.label]]
    if "probability" in scored:
        model = LSTMClassifier.load(champion.file)
        np.testing.assert_array_equal(champion.predict_proba(rows), model.predict_proba(rows))
        np.testing.assert_array_equal(champion.predict(rows), model.predict(rows))
        explained, without = champion.frame(rows.head(9), reasons=2), rows.head(9).astype(float)
        for place, name in enumerate(explained["reason_1"]):
            without.iloc[place, without.columns.get_loc(name)] = np.nan
        effect = explained["probability"] - champion.predict_proba(without)[:, 1]
        np.testing.assert_allclose(explained["effect_1"], effect, atol=1e-5)
