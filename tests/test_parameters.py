"""A parameter that is unknown or impossible is refused by name; conf says the defaults."""

import math
from datetime import date
from itertools import combinations
from typing import Any

import pytest
from kedro.config import OmegaConfigLoader
from kedro.validation import ParameterValidationError

from tabular_lstm.parameters import BLOCKS
from tabular_lstm.parameters.columns import ROLES as ROLES_OF_A_COLUMN
from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.parameters.hyperparameters import TrainingOptions
from tabular_lstm.runs.guards import check_parameters
from tests.helpers.project import ROOT

PAIR = {"positive_class": 1, "negative_class": 0}
CLASSES = {"classes": ["a", "b", "c"]}
NUMBER = {"task": "number"}
HISTORY = {"of": "a", "order": "at"}
OF_HISTORY = {"history": HISTORY}
NO_PAIR = {"positive_class": None, "negative_class": None}
ROLES = {"label": "y", "positive_class": 1, "negative_class": 0}
ENVIRONMENTS = sorted(
    path.name for path in (ROOT / "conf").iterdir() if path.is_dir() and path.name != "local"
)


def conf(env: str = "base") -> dict[str, Any]:
    """Load an environment's parameters as a run does, without the machine's own in conf/local."""
    loader = OmegaConfigLoader(ROOT / "conf", env, base_env="base", default_run_env="base")
    return loader["parameters"]


def costs_of(costs: Any) -> dict[str, Any]:
    return {"objective": {"kind": "costs", "costs": costs}}


def refusal(block: str, values: Any) -> str:
    """Build a block that can't be built and give the message."""
    with pytest.raises(ValueError) as error:  # noqa: PT011
        BLOCKS[block].model_validate(values)
    return str(error.value)


# Impossible values


@pytest.mark.parametrize(
    ("block", "values", "facts"),
    [
        ("split", {"test_fraction": 1.5}, ("test_fraction = 1.5: ",)),
        ("split", {"salt": "é" * 33}, (f"salt = {'é' * 33!r}: ",)),  # BLAKE2b takes 64 bytes
        ("split", {"from": 3}, ("from is given", "kind: time")),
        ("split", {"kind": "time", "from": 3, "test_fraction": 0}, ("test_fraction: 0",)),
        ("split", {"kind": "time", "from": "7"}, ("from = '7'", "ISO date", "number")),
        ("reshaping", {"features_per_step": 1.5}, ("features_per_step = 1.5: ",)),
        ("evaluation", {"bootstrap_resamples": 99}, ("bootstrap_resamples = 99: ",)),
        ("training", {"learning_rate": 0}, ("learning_rate = 0: ",)),
        ("training", {"seed": 2**32}, (f"seed = {2**32}: ",)),
        # All faults of a block are named at once, unknown names by their path.
        (
            "training",
            {"epochs": 0, "patience": 0, "batchsize": 8},
            ("epochs = 0", "patience = 0", "'batchsize'"),
        ),
        (
            "training",
            {"objective": {"costs": {"false_negativ": 2}}},
            ("'objective.costs.false_negativ' is unknown", "did you mean 'false_negative'?"),
        ),
        (
            "training",
            {"objective": {"kind": "f1", "costs": {"false_negative": 5}}},
            ("objective = ", "kind is f1", "kind: costs"),
        ),
        (
            "network",
            {"kind": "tutorial"},
            ("kind: keras", "build: tabular_lstm.tutorial.two_lstms", "folds: 0"),
        ),
        ("network", {"kind": "keras"}, ("kind: keras expects build",)),
        ("network", {"build": "a.b"}, ("kind: ensemble expects none of build",)),
        ("network", {"folds": 5}, ("kind: ensemble expects none of folds",)),
        ("network", {"kind": "keras", "build": "a.b", "folds": 1}, ("folds = 1", "2 or more")),
        # The exit code of a rejection is that of nothing else.
        ("retraining", {"exit_on_rejection": 1}, ("= 1: ",)),
        ("retraining", {"exit_on_rejection": 75}, ("= 75: ",)),
    ],
)
def test_impossible_values_and_unknown_names_are_refused_by_name(
    block: str, values: Any, facts: tuple[str, ...]
) -> None:
    message = refusal(block, values)
    assert all(fact in message for fact in facts), message


@pytest.mark.parametrize(
    ("columns", "block", "facts"),
    [
        (CLASSES, {"training": {"objective": {"kind": "f1"}}}, ("= f1", "accuracy or costs")),
        (
            NUMBER,
            {"training": {"objective": {"kind": "f1"}}},
            ("for a number expected mean or median or accuracy",),
        ),
        (CLASSES, {"training": costs_of({"false_negative": 2})}, ("matrix of 3 rows of 3 costs",)),
        (CLASSES, {"training": costs_of([[0] * 3] * 3)}, ("[0.0, 0.0, 0.0]", "number 1, to cost")),
        (
            CLASSES,
            {"training": costs_of([[0, 1, 1], [1, 2, 1], [1, 1, 0]])},
            ("number 2, to cost",),
        ),
        (CLASSES, {"training": costs_of([[0, 1], [1, 0]])}, ("3 rows of 3 costs",)),
        (PAIR, {"training": costs_of([[0, 1], [1, 0]])}, ("false_positive and false_negative",)),
        (
            PAIR,
            {"training": {"coverage": 0.8}},
            ("training.coverage and training.label_scale are for a number", "0.9 and auto"),
        ),
        (
            PAIR | OF_HISTORY,
            {"network": {"kind": "keras", "build": "a.b"}},
            ("cannot read histories", "kind: ensemble"),
        ),
        (
            PAIR | OF_HISTORY,
            {"reshaping": {"features_per_step": 2}},
            ("reshaping.features_per_step = 2", "one step", "leave it out"),
        ),
        (PAIR | OF_HISTORY, {"split": {"kind": "time"}}, ("expected columns.time",)),
        (PAIR, {"split": {"kind": "time"}}, ("split.kind is time: expected columns.time",)),
        (PAIR | {"time": "day"}, {}, ("columns.time is 'day': expected split.kind: time",)),
        (PAIR, {"trainng": {}}, ("'trainng' is unknown", "'training'")),
        (PAIR | OF_HISTORY | {"time": "at"}, {}, ("'at': expected split.kind: time, got hash",)),
    ],
)
def test_what_does_not_go_with_the_columns_is_refused_before_a_run(
    columns: dict[str, Any], block: dict[str, Any], facts: tuple[str, ...]
) -> None:
    with pytest.raises(ParameterValidationError) as refused:
        check_parameters({"columns": {"label": "y", **columns}, **block})
    assert all(fact in str(refused.value) for fact in facts), str(refused.value)


def test_a_cost_matrix_is_written_in_the_place_of_both_costs() -> None:
    given = costs_of([[0, 1, 5], [1, 0, 1], [1, 1, 0]])
    training = TrainingOptions.model_validate(given)
    written = training.model_dump(mode="json")
    assert written["objective"] == given["objective"]
    assert TrainingOptions.model_validate(written) == training
    assert "coverage" not in written
    whole = {"columns": {"label": "y", **CLASSES}, "training": given}
    assert check_parameters(whole)["training"] == training
    assert "objective.costs.0.1 = -1" in refusal("training", costs_of([[0, -1], [1, 0]]))


@pytest.mark.parametrize(
    ("values", "facts"),
    [
        ({"positive_class": True}, ("positive_class = True", "quote it")),
        ({"classes": ["a", "b", None]} | NO_PAIR, ("classes.2 = None", "quote it")),
        ({"positive_class": "0"}, ("positive_class and negative_class", "0")),
        ({"key": "y"}, ("'y'", "under label and under key")),
        ({"features": ["a", "b", "a"]}, ("features", "twice")),
        ({"group": "id", "time": "day"}, ("'id'", "'day'", "expected one")),
        ({"bounds": {"age": [120, 18]}}, ("bounds", "'age'", "18", "120")),
        ({"units": {"age": "5"}}, ("units", "'5'", "such as $, % or km/h")),
        ({"units": {"age": "yr"}, "categorical": ["age"]}, ("'age'", "categorical", "units")),
        ({"missing": {"age": [math.nan]}}, ("missing.age.0", "finite")),
        ({"missing": {"age": ["?", "-9"]}}, ("'age'", "the text '-9'", "without quotes")),
        ({"label": None}, ("label",)),
        ({"group": "b", "history": HISTORY}, ("group is 'b'", "history.of 'a'", "no group")),
        ({"time": "c", "history": HISTORY}, ("time is 'c'", "history.order is 'at'", "one column")),
        ({"history": {**HISTORY, "order": "a"}}, ("of, order and predict", "different columns")),
        ({"history": {**HISTORY, "predict": "at"}}, ("and predict: expected", "different column")),
        ({"history": {**HISTORY, "steps": 0}}, ("history.steps = 0",)),
        ({"history": {**HISTORY, "steps": 201}}, ("history.steps = 201", "200")),
        ({"history": {**HISTORY, "known_after": -1}}, ("known_after = -1", "0 or more")),
        ({"history": {**HISTORY, "known_after": "30 dayz"}}, ("= '30 dayz'", "'30 days'")),
        ({"history": {**HISTORY, "known_after": "30"}}, ("= '30'", "'30 days'")),
        ({"history": {**HISTORY, "known_after": "1_0 days"}}, ("= '1_0 days'", "'30 days'")),
        ({"history": {"of": "a"}}, ("history.order",)),
        ({"history": HISTORY | {"order": ["at"]}}, ("expected one column, or a list of two",)),
        ({"history": HISTORY | {"order": ["at", "a"]}}, ("expected different columns",)),
        ({"history": HISTORY | {"predict": {"at": "x"}}}, ("expected different columns",)),
        (
            {"history": HISTORY | {"predict": {"y": "x"}}},
            ("the label 'y'", "before the prediction"),
        ),
        (
            {"history": HISTORY | {"predict": {"b": 1, "c": 2}}},
            ("one column and its values =", "most 1"),
        ),
        ({"history": HISTORY | {"predict": {"b": []}}}, ("values.b = []", "at least 1")),
        ({"history": HISTORY | {"predict": {"b": True}}}, ("values.b.0 = True", "quote it")),
        ({"dates": {"a": "%d.%m."}}, ("'a'", "'%d.%m.'", "year, month and day", "'%d.%m.%Y'")),
        ({"dates": {"a": "%d.%m.%Y %H:%M %Z"}}, ("'a'", "on every machine")),
        ({"dates": {"a": [None, "%d.%m."]}}, ("'a'", "'%d.%m.'", "year, month and day")),
        ({"dates": {"a": 7}}, ("dates.a", "a valid string", "a valid list")),
        ({"dates": {"a": []}}, ("dates.a", "at least 1 item")),
        (
            {"dates": {"a": ["%d/%m/%Y", "%m/%d/%Y"]}},
            ("'a'", "%d/%m/%Y or %m/%d/%Y read the same text as different days", "one of them"),
        ),
        ({"dates": {"a": ["%Y-%d-%m", None]}}, ("%Y-%d-%m or ISO 8601 read the same text",)),
        ({"dates": {"a": ["%d.%m.%y", "%Y%m%d", "%y.%m.%d"]}}, ("%d.%m.%y or %y.%m.%d read",)),
    ],
)
def test_impossible_column_roles_are_refused(
    values: dict[str, Any], facts: tuple[str, ...]
) -> None:
    message = refusal("columns", ROLES | values)
    assert all(fact in message for fact in facts)


ANY = {
    **{name: ["a"] for name in ("ignore", "features", "categorical", "dates")},
    **dict.fromkeys(ROLES_OF_A_COLUMN, "a"),
    "missing": {"a": ["?"]},
    "bounds": {"a": [0, 1]},
    "history": {"of": "b", "order": "a"},
}
KINDS = ("categorical", "dates", "bounds")
TOGETHER = [
    {"features", "missing"},
    {"dates", "time"},
    {"dates", "history"},
    {"time", "history"},
    *({n, k} for n in ("features", "missing") for k in KINDS),
]


@pytest.mark.parametrize(("one", "other"), list(combinations(ANY, 2)))
def test_a_column_has_one_role(one: str, other: str) -> None:
    values = ROLES | {name: ANY[name] for name in (one, other)}
    if {one, other} in TOGETHER:
        ColumnsOptions.model_validate(values)
        return
    message = refusal("columns", values)
    assert all(fact in message for fact in ("'a'", one, other))


@pytest.mark.parametrize("given", [date(2026, 3, 1), "2026-03-01"], ids=["YAML's date", "text"])
def test_a_boundary_is_named_by_from_in_conf_and_by_from_in_python(given: Any) -> None:
    assert SplitOptions.model_validate({"kind": "time", "from": given}) == SplitOptions(
        kind="time", from_="2026-03-01"
    )


def test_the_path_of_rows_to_score_counts_on_the_command_line_alone() -> None:
    assert check_parameters({"rows_to_score": "rows.csv"}, {"rows_to_score"}) == check_parameters(
        {}
    )
    with pytest.raises(ParameterValidationError, match="only on the command line"):
        check_parameters({"rows_to_score": "rows.csv"})
    with pytest.raises(ParameterValidationError, match="expected a path"):
        check_parameters({"rows_to_score": 2026}, {"rows_to_score"})


def test_what_is_gone_is_named_and_a_block_on_the_command_line_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert check_parameters({"promotion": {"refuse_possible_leaks": True}}) == check_parameters({})
    assert "refuse_possible_leaks is gone: a possible leak always" in caplog.messages[0]
    caplog.clear()
    block = {"tuning": {"trials": 3}}
    assert check_parameters(block) == check_parameters({})
    (said,) = caplog.messages
    assert said.startswith("Parameter 'tuning': The pipeline tuning is gone: docs/tuning.md shows")
    assert said.endswith("Delete the block.")
    with pytest.raises(ParameterValidationError, match=r"tuning is gone: docs/tuning\.md"):
        check_parameters(block, {"tuning"})


# What conf says


@pytest.mark.parametrize("block", sorted(set(BLOCKS) - {"columns"}))
def test_base_spells_out_the_defaults(block: str) -> None:
    written, model = conf()[block], BLOCKS[block]
    assert model.model_validate(written) == model()
    dumped = model().model_dump(mode="json", by_alias=True)
    if block == "training":
        assert (
            written.pop("coverage") == TrainingOptions().coverage
        )  # not dumped: see `TrainingOptions`
        assert written.pop("label_scale") == "auto"  # likewise
    if block == "evaluation":
        assert written.pop("baselines") == {}  # likewise
    if block == "promotion":
        assert written.pop("hold") is False  # likewise
    assert written == dumped


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_environment_has_possible_parameters(env: str) -> None:
    parameters = conf(env)
    check_parameters(parameters)
    built = {name: BLOCKS[name].model_validate(values) for name, values in parameters.items()}
    assert set(built) == set(BLOCKS)
