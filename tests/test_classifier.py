"""The estimator: scikit-learn's own checks, frames as people have them, and one file to keep."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from kedro.framework.session import KedroSession
from sklearn.compose import make_column_transformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.estimator_checks import (
    check_methods_sample_order_invariance,
    check_methods_subset_invariance,
)

from tabular_lstm.errors import DataError
from tabular_lstm.estimator import LSTMClassifier
from tabular_lstm.judging.baselines import CANDIDATE
from tabular_lstm.network import fit, plan
from tabular_lstm.task import Task
from tests.helpers.estimators import QUICKEST, same_bits, with_all_checks
from tests.helpers.project import TINY, Project

NAN = float("nan")


def tiny(**changed: Any) -> LSTMClassifier:
    """Make an estimator that trains in half a second, most of it TensorFlow's tracing."""
    settings = {"members": 2, "units": (4,), "epochs": 30, "patience": 30, "learning_rate": 0.02}
    return LSTMClassifier(**(settings | {"random_state": 0} | changed))


def people(count: int = 120) -> tuple[pd.DataFrame, np.ndarray]:
    """Make rows of numbers and names with gaps, and labels that income and color tell."""
    rng = np.random.default_rng(7)
    rows = pd.DataFrame(
        {
            "income": rng.normal(30, 10, count).round(2),
            "age": rng.integers(18, 80, count),
            "color": rng.choice(["blue", "red", "teal"], count),
            "member": rng.random(count) < 0.5,
        }
    )
    labels = (rows["income"] > np.where(rows["color"] == "red", 40, 24)).to_numpy(int)
    rows.loc[::11, "income"] = NAN
    rows.loc[::13, "color"] = None
    return rows, labels


ROWS, LABELS = people()
NUMBERS = ROWS[["income", "age"]]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep the epochs of a hundred trainings out of a failure's report."""
    logging.disable(logging.INFO)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def fitted() -> LSTMClassifier:
    """Trained on the frame, with its names, gaps and booleans."""
    return tiny().fit(ROWS, LABELS)


@pytest.fixture(scope="module")
def brief() -> LSTMClassifier:
    """Trained for a few epochs."""
    return tiny(epochs=5).fit(ROWS, LABELS)


@pytest.fixture(scope="module")
def of_array() -> LSTMClassifier:
    """Trained on an array of numbers."""
    return tiny(epochs=2, members=1).fit(NUMBERS.to_numpy(), LABELS)


# In scikit-learn's hands


@pytest.mark.long  # a hundred trainings; those of a regressor are fewer
@with_all_checks(tiny(**QUICKEST))
def test_scikit_learn_finds_nothing_amiss(
    estimator: LSTMClassifier, check: Callable[[Any], None]
) -> None:
    check(estimator)


@pytest.mark.long
@pytest.mark.parametrize(
    "check", [check_methods_sample_order_invariance, check_methods_subset_invariance]
)
def test_with_the_defaults_a_row_has_one_probability(check: Callable[..., None]) -> None:
    # Of all checks, these are the ones that `make numeric` runs as on other processors: the last
    # bits of a matrix product depend on its size and on the processor.
    check("LSTMClassifier", LSTMClassifier())


def test_categories_pass_through_a_pipeline_of_frames() -> None:
    scaled = make_column_transformer(
        (StandardScaler(), ["income", "age"]),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    model = Pipeline([("scale", scaled), ("lstm", tiny())]).fit(ROWS, LABELS)
    schema = model["lstm"].network_.schema
    assert schema.features == ["income", "age", "color", "member"]
    assert schema.categories == {"color": ["blue", "red", "teal"]}
    assert schema.mean[:2] == pytest.approx([0, 0], abs=0.01)
    assert model.score(ROWS, LABELS) > 0.8


GROUPS = np.arange(len(ROWS)) % 30


def test_rows_of_a_group_are_in_one_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[plan.Plan] = []

    def planned(*arguments: Any, **named: Any) -> plan.Plan:
        plans.append(plan.plan_training(*arguments, **named))
        return plans[-1]

    monkeypatch.setattr(fit, "plan_training", planned)
    names = [f"P{group}" for group in GROUPS]
    tiny(epochs=1, members=8).fit(ROWS, LABELS, groups=names)
    for held_out, fold in zip(plans[0].held_out, plans[0].left_out, strict=True):
        assert {*GROUPS[held_out]}.isdisjoint(GROUPS[plans[0].fold != fold])


def test_groups_that_are_none_are_refused() -> None:
    for groups, said in (
        (GROUPS[1:], "inconsistent numbers of samples"),
        (np.where(GROUPS == 3, NAN, GROUPS), "groups: 4 of 120 are missing"),
        (GROUPS * 0, "groups: expected 2 or more, got only"),
    ):
        with pytest.raises(ValueError, match=said):
            tiny().fit(ROWS, LABELS, groups=groups)


def test_numbers_of_numpy_are_as_good_as_those_of_python() -> None:
    # A grid of np.arange and the like gives them.
    given = {
        "units": np.array([3, 2]),
        "dropout": np.float32(0.5),
        "epochs": np.int32(2),
        "objective": np.str_("costs"),
        "costs": np.array([1, 5]),
        "random_state": np.int64(0),
    }
    plain = {name: value.tolist() for name, value in given.items()}
    task = Task.of_classes([0, 1])
    assert tiny(**given)._parameters(task) == tiny(**plain)._parameters(task)


# Frames


def test_categories_that_were_not_there_in_training_are_all_alike(fitted: LSTMClassifier) -> None:
    def with_color(color: Any) -> np.ndarray:
        return fitted.predict_proba(ROWS.assign(color=color))

    unseen = with_color("green")
    assert np.isfinite(unseen).all()
    assert same_bits(with_color("violet"), unseen)
    assert same_bits(with_color(""), with_color(None))
    for known in ("blue", "red", "teal", None):
        assert not same_bits(with_color(known), unseen)


def test_words_among_numbers_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    logging.disable(logging.NOTSET)
    rows = pd.DataFrame({"size": [*map(str, range(59)), "?"]})
    tiny(epochs=1, members=1).fit(rows, np.arange(60) % 2)
    assert "Column 'size' is read as categories, though 59 of 60 values" in caplog.text


@pytest.mark.long
@pytest.mark.parametrize("as_dates", [False, True])
def test_moments_within_a_minute_are_told_apart(as_dates: bool, tmp_path: Path) -> None:
    second = np.random.default_rng(1).permutation(400) / 8 + 1_700_000_000
    moments = pd.to_datetime(second, unit="s") if as_dates else second
    rows = pd.DataFrame({"at": moments, "noise": [0.1 + 0.2, 0.3] * 200})
    labels = (second > np.median(second)).astype(int)
    model = tiny(members=1).fit(rows, labels)
    assert model.score(rows, labels) > 0.9
    model.save(tmp_path / "model.keras")
    again = LSTMClassifier.load(tmp_path / "model.keras")
    assert same_bits(again.predict_proba(rows), model.predict_proba(rows))
    schema = model.network_.schema
    assert [*schema.origin] == [schema.features[0]]
    unit = 86_400 if as_dates else 1
    assert schema.mean[0] * unit == pytest.approx(second.mean(), abs=1)
    # Where float32 tells enough, nothing is subtracted and nothing is written.
    near = tiny(epochs=1, members=1).fit(rows.assign(at=second - second.min()), labels)
    assert "origin" not in near.network_.schema.model_dump()


@pytest.mark.filterwarnings("error::DeprecationWarning")  # nor does NumPy warn of anything
@pytest.mark.parametrize("name", ["income", "color", "member"])
def test_a_value_may_be_missing_in_any_way(fitted: LSTMClassifier, name: str) -> None:
    without, *others = (
        fitted.predict_proba(ROWS.assign(**{name: pd.Series([value] * len(ROWS), dtype=object)}))
        for value in (None, NAN, pd.NA, pd.NaT)
    )
    assert np.isfinite(without).all()
    assert not same_bits(without, fitted.predict_proba(ROWS))
    assert all(same_bits(other, without) for other in others)


def test_a_column_that_is_missing_or_there_twice_is_named(fitted: LSTMClassifier) -> None:
    with pytest.raises(ValueError, match="no column 'income', 'member':"):
        fitted.predict(ROWS.drop(columns=["income", "member"]))
    twice = pd.concat([ROWS, ROWS[["color"]]], axis="columns")
    for step in (lambda: tiny().fit(twice, LABELS), lambda: fitted.predict(twice)):
        with pytest.raises(ValueError, match=r"have column 'color' more than once.*Drop or rename"):
            step()


def test_columns_of_other_frames_are_found_by_name_too(
    fitted: LSTMClassifier, tmp_path: Path
) -> None:
    rows = ROWS.assign(seen=pd.date_range("2026-01-01", periods=len(ROWS)))
    model = tiny(epochs=2, members=1).fit(pa.Table.from_pandas(rows), LABELS)
    model.save(tmp_path / "model.keras")
    assert model.network_.schema.dates == {"seen": None}
    assert model.network_.schema.categories == fitted.network_.schema.categories
    expected = model.predict_proba(rows)
    for frame_of in (pl.from_pandas, pa.Table.from_pandas):
        other_order = frame_of(rows[[*rows][::-1]])
        for one in (model, LSTMClassifier.load(tmp_path / "model.keras")):
            assert same_bits(one.predict_proba(other_order), expected)
    # A column that was an index of pandas is a column of an Arrow table.
    table = pa.Table.from_pandas(ROWS.set_index("income"))
    assert same_bits(fitted.predict_proba(table), fitted.predict_proba(ROWS))


# Weights


def fit_by(weights: Any = None, **changed: Any) -> LSTMClassifier:
    return tiny(epochs=5, **changed).fit(ROWS, LABELS, sample_weight=weights)


def same_models(one: LSTMClassifier, other: LSTMClassifier) -> bool:
    return one.history_ == other.history_ and same_bits(
        one.predict_proba(ROWS), other.predict_proba(ROWS)
    )


def test_rows_that_count_alike_give_the_bits_of_rows_without_weights(
    brief: LSTMClassifier,
) -> None:
    assert same_models(fit_by(pd.Series(2, ROWS.index)), brief)


def test_a_row_of_weight_0_is_as_if_it_were_not_there() -> None:
    weights = np.random.default_rng(0).integers(0, 4, len(ROWS))
    there = weights > 0
    assert (~there).sum() > 10
    # What is in it could not be read, and would make a class, a group and categories of its own.
    rows, labels = ROWS.astype({"income": object}), LABELS.astype(object)
    rows.loc[~there, ["income", "color"]] = ["much", "gold"]
    labels[~there] = 2
    groups = np.where(there, GROUPS, NAN)
    model, expected = (tiny(epochs=5, members=1, class_weight="balanced") for _ in range(2))
    model.fit(rows, labels.tolist(), weights, groups)
    expected.fit(ROWS[there], LABELS[there], weights[there], GROUPS[there])
    assert same_models(model, expected)


@pytest.mark.long
def test_weights_of_classes_are_those_of_scikit_learn() -> None:
    given: Any
    for given in ("balanced", {1: 5.0}):
        by_class = fit_by(class_weight=given)
        assert same_models(by_class, fit_by(compute_sample_weight(given, LABELS)))
    # Both weights are multiplied; what balances counts rows by their own weights.
    own = np.random.default_rng(1).uniform(0.5, 2, len(ROWS))
    both = own / np.bincount(LABELS, own)[LABELS]
    assert same_models(fit_by(own, class_weight="balanced"), fit_by(both))
    # A class of weight 0 is not there: of three, two are left.
    labels = of_three()
    two = tiny(epochs=3, class_weight={"middle": 0}).fit(ROWS, labels)
    assert two.classes_.tolist() == ["high", "low"]
    there = labels != "middle"
    assert same_models(two, tiny(epochs=3).fit(ROWS[there], labels[there]))


@pytest.mark.parametrize(
    ("weights", "class_weight", "fault"),
    [
        (-np.ones(120), None, "Negative values in data passed to `sample_weight`"),
        (np.full(120, NAN), None, "sample_weight contains NaN"),
        (np.zeros(120), None, "at least one non-zero number"),
        (None, {0: 0.0, 1: 0.0}, r"no class: \[\]. Rows of weight 0 do not count"),
        (None, {0: -1.0, 1: 1.0}, "expected finite weights of 0 or more"),
        (None, "even", "'class_weight' parameter .*'balanced'"),
        (None, {0: 1, 3: 2}, "The classes, .*, are not in class_weight"),
    ],
)
def test_impossible_weights_are_refused(weights: Any, class_weight: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        fit_by(weights, class_weight=class_weight)


def test_a_length_of_time_is_refused_with_what_a_fit_expects() -> None:
    rows = ROWS.assign(stay=pd.to_timedelta(ROWS["age"], unit="D"))
    with pytest.raises(ValueError, match=r"'stay', .* the like.*; others are finite numbers"):
        tiny().fit(rows, LABELS)


# Arrays


def test_an_array_may_hold_text_and_gaps(fitted: LSTMClassifier) -> None:
    array = ROWS.to_numpy(object)
    model = tiny().fit(array, LABELS)
    assert model.network_.schema.categories == {"x2": ["blue", "red", "teal"]}
    assert same_bits(model.predict_proba(array), fitted.predict_proba(ROWS))
    unseen = ROWS.assign(color="green")
    assert same_bits(model.predict_proba(unseen.to_numpy(object)), fitted.predict_proba(unseen))


# Labels


@pytest.mark.parametrize(
    ("negative", "positive", "as_given"),
    [
        ("no", "yes", lambda labels: pd.Series(labels, dtype="string")),
        (-1, 1, list),
        (False, True, np.array),
    ],
    ids=["string", "-1 and 1", "booleans"],
)
def test_labels_come_back_from_predict_and_from_a_file(
    of_array: LSTMClassifier,
    negative: Any,
    positive: Any,
    as_given: Callable[[Any], Any],
    tmp_path: Path,
) -> None:
    labels = as_given([positive if label else negative for label in LABELS])
    rows = NUMBERS.set_axis(["x0", "x1"], axis="columns")
    model = tiny(epochs=2, members=1).fit(rows, labels)
    model.save(tmp_path / "model.keras")
    loaded = LSTMClassifier.load(tmp_path / "model.keras")
    # Coded alike, they train alike.
    assert same_bits(model.predict_proba(rows), of_array.predict_proba(NUMBERS.to_numpy()))
    expected = [positive if called else negative for called in of_array.predict(NUMBERS.to_numpy())]
    for one in (model, loaded):
        assert one.classes_.tolist() == [negative, positive]
        assert one.predict(rows).tolist() == expected
        assert {type(label) for label in one.predict(rows).tolist()} == {type(negative)}
    if model.classes_.dtype != object:
        assert loaded.classes_.dtype == model.classes_.dtype


def test_other_labels_are_refused() -> None:
    for labels, fact in (
        (LABELS + 0.5 * ROWS["age"], "Unknown label type: continuous"),
        (["yes"] * 120, r"got only one class: \['yes'\]"),
        (np.where(LABELS, 1.0, NAN), "NaN"),
        (["a", "b", None] * 40, "NaN, None"),
        (np.array([0, 1, pd.NA] * 40, object), "NaN, None"),
        (["a", "b", NAN] * 40, "NaN, None"),
        (["a", 1] * 60, "calls these values 'mixed-integer'"),
        (pd.Series(pd.date_range("2020", periods=120)), "calls these values 'datetime'"),
    ):
        with pytest.raises(ValueError, match=fact):
            tiny().fit(NUMBERS, labels)


# Parameters


@pytest.mark.parametrize(
    ("name", "value"), [("units", 16), ("batch_size", 1.5), ("costs", 5), ("random_state", -1)]
)
def test_an_impossible_parameter_is_refused_by_name(name: str, value: Any) -> None:
    named = "seed" if name == "random_state" else name
    with pytest.raises(ValueError, match=rf"(^|\.){named}[.0-9a-z]* = "):
        tiny(**{name: value}).fit(NUMBERS, LABELS)


# Objectives


def test_the_objective_moves_the_threshold_of_predict_the_right_way() -> None:
    # A fifth of the rows is positive, and one number tells something about it.
    rng = np.random.default_rng(3)
    labels = (rng.random(1000) < 0.2).astype(int)
    rows = pd.DataFrame({"a": 1.5 * labels + rng.normal(size=1000)})
    dear_positives, dear_negatives = (
        tiny(objective="costs", costs=costs, epochs=5).fit(rows, labels)
        for costs in ((5, 1), (1, 5))
    )
    assert same_bits(dear_positives.predict_proba(rows), dear_negatives.predict_proba(rows))
    low, high = (model.network_.calibration.threshold for model in (dear_negatives, dear_positives))
    assert low < 0.5 < high
    assert dear_positives.predict(rows).sum() < dear_negatives.predict(rows).sum()


# More than two classes

KINDS = np.array(["high", "low", "middle"])


def of_three(rows: pd.DataFrame = ROWS) -> np.ndarray:
    """Name each row by its income, of which a few are missing."""
    income = rows["income"].fillna(30).to_numpy()
    return KINDS[np.select([income > 36, income < 24], [0, 1], 2)]


@pytest.mark.long
def test_three_classes_are_told_apart_by_the_lowest_cost_and_come_back_from_a_file(
    tmp_path: Path,
) -> None:
    # Not to see what is low is dear.
    costs = [[0, 1, 1], [5, 0, 5], [1, 1, 0]]
    plain = tiny().fit(ROWS, of_three())
    model = tiny(objective="costs", costs=costs).fit(ROWS, of_three())
    given = model.predict_proba(ROWS)
    assert given.shape == (len(ROWS), 3)
    np.testing.assert_allclose(given.sum(axis=1), 1)
    assert same_bits(given, plain.predict_proba(ROWS))
    assert plain.predict(ROWS).tolist() == KINDS[given.argmax(axis=1)].tolist()
    assert plain.score(ROWS, of_three()) > 0.7
    expected = KINDS[np.argmin(given @ np.array(costs), axis=1)]
    assert model.predict(ROWS).tolist() == expected.tolist()
    assert (model.predict(ROWS) == "low").sum() > (plain.predict(ROWS) == "low").sum()

    model.save(tmp_path / "model.keras")
    loaded = LSTMClassifier.load(tmp_path / "model.keras")
    assert loaded.classes_.tolist() == model.classes_.tolist() == KINDS.tolist()
    assert same_bits(loaded.predict_proba(ROWS), given)
    assert loaded.predict(ROWS).tolist() == expected.tolist()
    assert loaded.objective == "costs"
    assert np.array_equal(loaded.costs, costs)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (
            {"objective": "f1"},
            "objective.kind = f1: for 3 classes expected accuracy or costs",
        ),
        ({"objective": "costs"}, "a matrix of 3 rows of 3 costs"),
        ({"objective": "costs", "costs": [[0, 1], [1, 0]]}, "a matrix of 3 rows of 3 costs"),
        ({"objective": "costs", "costs": [[0, -1, 1]] * 3}, r"costs.0.1 = -1: Input should be"),
    ],
)
def test_what_does_not_suit_three_classes_is_refused(given: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        tiny(**given).fit(ROWS, of_three())


# One file


def test_a_file_gives_all_back_to_the_bit(tmp_path: Path) -> None:
    model = LSTMClassifier(
        members=3,
        frequency_scale=(0.2,),
        feature_dropout=(0.1,),
        units=(3, 2),
        dropout=0.1,
        features_per_step=3,
        epochs=3,
        batch_size=16,
        learning_rate=0.01,
        weight_decay=0.02,
        patience=2,
        objective="costs",
        costs=(1.0, 4.0),
        random_state=5,
    )
    assert set(model.get_params().items()) & set(LSTMClassifier().get_params().items()) == {
        ("class_weight", None)  # not kept
    }
    model.fit(ROWS, LABELS).save(str(tmp_path / "model.keras"))
    loaded = LSTMClassifier.load(str(tmp_path / "model.keras"))
    mixed = ROWS.assign(color=["green", None, "red", "blue"] * 30)[list(ROWS)[::-1]]
    for rows in (ROWS, mixed):
        assert same_bits(loaded.predict_proba(rows), model.predict_proba(rows))
        assert same_bits(loaded.predict(rows), model.predict(rows))
    assert loaded.get_params() == model.get_params()
    assert loaded.network_.schema == model.network_.schema
    assert loaded.network_.calibration.threshold == model.network_.calibration.threshold
    assert loaded.n_features_in_ == 4
    assert loaded.feature_names_in_.tolist() == list(ROWS)
    assert not hasattr(loaded, "history_")


def test_a_file_that_could_not_be_read_again_is_not_written(
    fitted: LSTMClassifier, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"\.keras"):
        fitted.save(tmp_path / "model.h5")
    assert not list(tmp_path.iterdir())


def test_a_file_with_code_in_it_is_refused_and_the_code_does_not_run(tmp_path: Path) -> None:
    trace, path = tmp_path / "trace", tmp_path / "code.keras"
    code = eval(f"lambda tensor: [open({str(trace)!r}, 'a').close(), tensor][1]")
    keras.Sequential([keras.Input((2, 2)), keras.layers.Lambda(code)]).save(path)
    trace.unlink()
    with pytest.raises(ValueError, match=r"code\.keras: expected a network of kind"):
        LSTMClassifier.load(path)
    assert not trace.exists()
    # The code is there: who asks for it gets it run.
    keras.models.load_model(path, safe_mode=False)
    assert trace.exists()


# A candidate of the pipeline


@pytest.mark.long
def test_a_candidate_of_the_pipeline_gives_the_same_probabilities(project: Project) -> None:
    raw = pd.read_csv(project.raw)
    rng = np.random.default_rng(0)
    words = ["north", "south", "east", "?", None]
    raw.insert(2, "clinic", [words[place] for place in rng.integers(5, size=len(raw))])
    raw["ward"] = rng.integers(1, 4, len(raw))
    raw["zip"] = rng.choice(["01067", "80331"], len(raw))
    raw["dose"] = rng.choice(["1.0", "2.50"], len(raw))
    raw["smokes"] = rng.choice(["true", "false"], len(raw))
    raw.to_csv(project.raw, index=False)
    columns = {
        "categorical": ["clinic", "ward", "zip", "dose", "smokes"],
        "missing": {"clinic": ["?"], "ward": [3]},
    }
    with KedroSession.create(project.path, runtime_params=TINY | {"columns": columns}) as session:
        session.run(to_nodes=["evaluation.predict_with_candidate"])

    model = LSTMClassifier.load(project.versions("06_models/candidate.keras")[-1])
    assert model.network_.schema.categories == {
        "clinic": ["east", "north", "south"],
        "ward": ["1", "2"],
        "zip": ["01067", "80331"],
        "dose": ["1", "2.50"],
        "smokes": ["false", "true"],
    }
    assert model.network_.schema.missing["glucose"] == [0]
    assert model.classes_.tolist() == [0, 1]

    path = project.versions("07_model_output/candidate_predictions.csv")[-1]
    predictions = pd.read_csv(path, dtype={CANDIDATE: str}).astype({CANDIDATE: float})
    rows = pd.read_csv(project.raw).iloc[predictions["row"] - 1]
    # Pandas made a number of a zip code and of a dose, and a boolean of a word.
    assert 100 < len(rows) < 200
    np.testing.assert_array_equal(model.predict_proba(rows)[:, 1], predictions[CANDIDATE])
    assert (model.predict(rows) == 1).tolist() == (
        predictions[CANDIDATE] >= model.network_.calibration.threshold
    ).tolist()
    history = json.loads(project.versions("06_models/training_log.json")[-1].read_text())
    assert model.network_.calibration.threshold == history["decision_threshold"]


def test_a_column_of_dates_tells_its_weekday(tmp_path: Path) -> None:
    days = pd.date_range("2026-01-01", periods=60)
    rows = pd.DataFrame({"day": days.tz_localize("UTC"), "size": 1.0})
    weekend = days.day_of_week >= 5
    model = LSTMClassifier(members=2, epochs=150, random_state=0).fit(rows, weekend)
    assert model.network_.schema.dates == {"day": None}
    assert model.feature_names_in_.tolist() == ["day", "size"]
    later = pd.DataFrame({"size": 1.0, "day": pd.date_range("2026-03-02", periods=14)})
    expected = ([False] * 5 + [True] * 2) * 2
    for held in (later, later.assign(day=later["day"].dt.date)):
        assert model.predict(held).tolist() == expected

    model.save(tmp_path / "model.keras")
    loaded = LSTMClassifier.load(tmp_path / "model.keras")
    assert loaded.feature_names_in_.tolist() == ["day", "size"]
    as_text = later.assign(day=later["day"].dt.strftime("%Y-%m-%d"))
    as_text.loc[0, "day"] = None
    assert loaded.predict(as_text).tolist()[1:] == expected[1:]
    with pytest.raises(DataError, match="Column 'day', row 1: 7 is not a date"):
        loaded.predict(pd.DataFrame({"day": [7], "size": [1.0]}))


FITS = """
import os
import numpy as np
from tabular_lstm import LSTMClassifier
assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0", "TensorFlow computes otherwise than in a run"
for seed in range(7):
    model = LSTMClassifier(members=2, units=[4], epochs=1, random_state=seed)
    model.fit(np.eye(20), np.arange(20) % 2).predict(np.eye(20))
"""


@pytest.mark.long
def test_a_program_that_fits_again_and_again_says_nothing_of_its_own() -> None:
    """Of the absent GPU, as TensorFlow does when it is imported, or of many graphs."""
    unset = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    command = [sys.executable, "-c", FITS]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=unset)
    assert (done.stdout, done.stderr) == ("", "")
