"""A parameter that is unknown or impossible is refused by name; conf says the defaults."""

import math
from collections.abc import Iterator
from datetime import date
from itertools import combinations
from typing import Any

import pytest
from kedro.config import OmegaConfigLoader
from kedro.validation import ParameterValidationError
from pydantic import BaseModel

from tabular_lstm.frozen import Parameters
from tabular_lstm.parameters import BLOCKS, Columns, Split
from tabular_lstm.parameters import ROLES as ROLES_OF_A_COLUMN
from tabular_lstm.runs.guards import check_parameters
from tests.helpers.project import ROOT

ROLES = {"label": "y", "positive_class": 1, "negative_class": 0}
ENVIRONMENTS = sorted(
    path.name for path in (ROOT / "conf").iterdir() if path.is_dir() and path.name != "local"
)


def conf(env: str = "base") -> dict[str, Any]:
    """Load an environment's parameters as a run does, without the machine's own in conf/local."""
    loader = OmegaConfigLoader(ROOT / "conf", env, base_env="base", default_run_env="base")
    return loader["parameters"]


def refusal(block: str, values: Any) -> str:
    """Build a block that can't be built and give the message."""
    with pytest.raises(ValueError) as error:  # noqa: PT011
        BLOCKS[block].model_validate(values)
    return str(error.value)


# Impossible values


@pytest.mark.parametrize(
    ("block", "name", "value"),
    [
        ("validation", "max_quarantined_fraction", -0.01),
        ("split", "test_fraction", -0.2),
        ("split", "test_fraction", 1.5),
        ("split", "test_fraction", math.nan),
        ("split", "test_fraction", "a fifth"),
        ("split", "salt", ""),
        pytest.param("split", "salt", "é" * 33, id="split-salt of 66 bytes"),  # BLAKE2b takes 64
        ("split", "salt", 7),
        ("reshaping", "features_per_step", 0),
        ("reshaping", "features_per_step", 1.5),
        ("reshaping", "allow_padding", "perhaps"),
        ("network", "kind", "transformer"),
        ("training", "epochs", 0),
        ("training", "batch_size", 0),
        ("training", "learning_rate", 0),
        ("training", "learning_rate", math.inf),
        ("training", "weight_decay", -0.01),
        ("training", "patience", 0),
        ("training", "seed", 2**32),
        ("evaluation", "bootstrap_resamples", 99),
        ("evaluation", "importance_repeats", 0),
        ("evaluation", "importance_rows", 1),
    ],
)
def test_an_impossible_value_is_refused_by_name(block: str, name: str, value: Any) -> None:
    assert f"{name} = {value!r}: " in refusal(block, {name: value})


@pytest.mark.parametrize(
    ("block", "values", "path"),
    [
        ("network", {"ensemble": {"members": 0}}, "ensemble.members"),
        ("network", {"ensemble": {"frequency_scale": 0}}, "ensemble.frequency_scale.0"),
        ("network", {"ensemble": {"frequency_scale": [0.1, 1001]}}, "ensemble.frequency_scale.1"),
        ("network", {"ensemble": {"units": []}}, "ensemble.units"),
        ("network", {"ensemble": {"units": [32, 0]}}, "ensemble.units.1"),
        ("network", {"ensemble": {"dropout": 1}}, "ensemble.dropout"),
        ("network", {"ensemble": {"feature_dropout": 0.999}}, "ensemble.feature_dropout.0"),
        ("network", {"ensemble": {"feature_dropout": [0.0, -0.1]}}, "ensemble.feature_dropout.1"),
        ("training", {"objective": {"kind": "recall"}}, "objective.kind"),
        (
            "training",
            {"objective": {"kind": "costs", "costs": {"false_positive": 0}}},
            "objective.costs.false_positive",
        ),
    ],
)
def test_an_impossible_value_inside_a_block_is_refused_by_its_path(
    block: str, values: Any, path: str
) -> None:
    assert f"{path} = " in refusal(block, values)


@pytest.mark.parametrize("kind", ["accuracy", "f1"])
def test_costs_that_no_objective_would_use_are_refused(kind: str) -> None:
    message = refusal("training", {"objective": {"kind": kind, "costs": {"false_negative": 5}}})
    assert all(fact in message for fact in ("costs are given", f"kind is {kind}", "kind: costs"))


@pytest.mark.parametrize(
    ("values", "facts"),
    [
        ({"positive_class": 0}, ("positive_class and negative_class", "0")),
        ({"positive_class": "0"}, ("positive_class and negative_class", "0")),
        ({"key": "y"}, ("'y'", "under label and under key")),
        ({"features": []}, ("features", "at least 1")),
        ({"features": ["a", "b", "a"]}, ("features", "twice")),
        ({"group": "id", "time": "day"}, ("'id'", "'day'", "one of them")),
        ({"bounds": {"age": [120, 18]}}, ("bounds", "'age'", "18", "120")),
        ({"bounds": {"age": [18]}}, ("bounds.age",)),
        ({"bounds": {"age": [18, math.inf]}}, ("bounds.age.1", "finite")),
        ({"bounds": {"age": "adult"}}, ("bounds.age", "'adult'")),
        ({"missing": {"age": 0}}, ("missing.age",)),
        ({"missing": {"age": [math.nan]}}, ("missing.age.0", "finite")),
        ({"missing": {"age": ["?", "-9"]}}, ("'age'", "the text '-9'", "without quotes")),
        ({"missing": {"age": ["0.0"]}, "categorical": ["b"]}, ("'age'", "the text '0.0'")),
        ({"label": None}, ("label",)),
        ({"categorical": "color"}, ("categorical", "'color'")),
        ({"categorical": [7]}, ("categorical.0", "7")),
        ({"dates": "visit"}, ("dates", "'visit'", "a list of names")),
        ({"dates": [7]}, ("dates.7",)),
        ({"dates": [{"a": "%d.%m.%Y"}]}, ("dates", "a dictionary from names to formats")),
        ({"dates": {"a": "%d.%m."}}, ("'a'", "'%d.%m.'", "year, month and day", "'%d.%m.%Y'")),
        ({"dates": {"a": "%"}}, ("'a'", "'%'")),
        ({"dates": {"a": "%d.%m.%Y %H:%M %Z"}}, ("'a'", "on any machine, as with %Z")),
        ({"ignore": "a"}, ("ignore", "'a'")),
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
}
KINDS = ("categorical", "dates", "bounds")
TOGETHER = [{"features", "missing"}, *({n, k} for n in ("features", "missing") for k in KINDS)]


@pytest.mark.parametrize(("one", "other"), list(combinations(ANY, 2)))
def test_a_column_has_one_role(one: str, other: str) -> None:
    values = ROLES | {name: ANY[name] for name in (one, other)}
    if {one, other} in TOGETHER:
        Columns.model_validate(values)
        return
    message = refusal("columns", values)
    assert all(fact in message for fact in ("'a'", one, other))


@pytest.mark.parametrize(
    ("dates", "declared"),
    [
        (["a", "b"], {"a": None, "b": None}),
        ({"a": None, "b": "%d.%m.%Y"}, {"a": None, "b": "%d.%m.%Y"}),
        ({"a": "%Y%m%d", "b": "%d %b %y %H:%M"}, {"a": "%Y%m%d", "b": "%d %b %y %H:%M"}),
        ({"a": "%Y-%m-%dT%H:%M:%S%z"}, {"a": "%Y-%m-%dT%H:%M:%S%z"}),
    ],
)
def test_dates_are_a_list_or_have_formats(dates: Any, declared: dict[str, str | None]) -> None:
    columns = Columns.model_validate(ROLES | {"dates": dates})
    assert columns.dates == declared
    assert Columns.model_validate(columns.model_dump()) == columns


@pytest.mark.parametrize("name", ["label", "positive_class", "negative_class"])
def test_a_role_without_default_must_be_declared(name: str) -> None:
    values = {role: value for role, value in ROLES.items() if role != name}
    assert f"'{name}' is missing" in refusal("columns", values)


@pytest.mark.parametrize("name", ["positive_class", "negative_class"])
@pytest.mark.parametrize("value", [True, False])
def test_a_yaml_boolean_is_no_class(name: str, value: bool) -> None:
    message = refusal("columns", ROLES | {name: value})
    assert message == f"{name} = {value}: {message.partition(': ')[2]}"
    assert "quote it" in message


def test_all_faults_of_a_block_are_named_at_once() -> None:
    message = refusal("training", {"epochs": 0, "patience": 0, "batchsize": 8})
    assert all(fact in message for fact in ("epochs = 0", "patience = 0", "'batchsize'"))


@pytest.mark.parametrize(
    "values",
    [
        {"positive_class": "yes", "negative_class": "no"},
        {"positive_class": 2, "negative_class": 1},
        {"categorical": ["b", "a"], "bounds": {"c": [0, None]}, "missing": {"a": ["?", 0]}},
        {"bounds": {"a": [None, 3], "b": [0, None], "c": [2, 2]}},
        {"missing": {"a": [0, -9.5, "?", "unknown", "nan", "1_0"]}},
        {"missing": {"a": ["0", "-9"]}, "categorical": ["a"]},
    ],
)
def test_possible_column_roles_are_kept_as_declared(values: dict[str, Any]) -> None:
    built = Columns.model_validate(ROLES | values)
    assert {name: built.model_dump(mode="json")[name] for name in values} == values


# Unknown names


@pytest.mark.parametrize(
    ("block", "name", "close"),
    [
        ("columns", "labels", "label"),
        ("split", "test_size_fraction", "test_fraction"),
        ("training", "epoch", "epochs"),
    ],
)
def test_an_unknown_name_is_refused_with_the_closest_known(
    block: str, name: str, close: str
) -> None:
    known = ROLES if block == "columns" else {}
    message = refusal(block, known | {name: 1})
    assert f"'{name}' is unknown" in message
    assert f"did you mean '{close}'?" in message


def test_an_unknown_name_two_blocks_deep_is_refused_by_its_path() -> None:
    message = refusal("training", {"objective": {"costs": {"false_negativ": 2}}})
    assert "'objective.costs.false_negativ' is unknown" in message
    assert "did you mean 'false_negative'?" in message


def test_a_name_close_to_none_lists_the_known() -> None:
    assert "known: kind, test_fraction, salt, from" in refusal("split", {"q": 1})


@pytest.mark.parametrize(
    ("values", "facts"),
    [
        ({"from": 3}, ("from is given", "kind: time")),
        ({"kind": "time", "from": 3, "test_fraction": 0}, ("test_fraction is 0",)),
        ({"kind": "time", "from": "2026-13-01"}, ("from = '2026-13-01'", "ISO date")),
        ({"kind": "time", "from": "7"}, ("from = '7'", "ISO date", "number")),
        ({"kind": "time", "from": True}, ("from = True", "ISO date")),
        ({"kind": "time", "from": math.inf}, ("from", "finite")),
        ({"kind": "times"}, ("kind", "'time'")),
    ],
)
def test_an_impossible_split_by_time_is_refused(
    values: dict[str, Any], facts: tuple[str, ...]
) -> None:
    message = refusal("split", values)
    assert all(fact in message for fact in facts)


@pytest.mark.parametrize("given", [date(2026, 3, 1), "2026-03-01"], ids=["YAML's date", "text"])
def test_a_boundary_is_named_by_from_in_conf_and_by_from_in_python(given: Any) -> None:
    assert Split.model_validate({"kind": "time", "from": given}) == Split(
        kind="time", from_="2026-03-01"
    )


@pytest.mark.parametrize(
    ("time", "split", "fault"),
    [
        (None, {"kind": "time"}, "split.kind is time: expected columns.time"),
        ("day", {}, "columns.time is 'day': expected split.kind: time"),
    ],
)
def test_a_split_by_time_and_its_column_are_named_together(
    time: str | None, split: dict[str, Any], fault: str
) -> None:
    with pytest.raises(ParameterValidationError, match=fault):
        check_parameters({"columns": {**ROLES, "time": time}, "split": split})


def test_an_unknown_block_is_refused_with_the_closest_known() -> None:
    with pytest.raises(ParameterValidationError, match=r"'trainng' is unknown.*'training'"):
        check_parameters({"split": {}, "trainng": {}})


def test_a_block_close_to_none_lists_the_known() -> None:
    with pytest.raises(ParameterValidationError) as error:
        check_parameters({"q": {}})
    assert ", ".join(BLOCKS) in str(error.value)


def test_the_path_of_rows_to_score_counts_on_the_command_line_alone() -> None:
    assert check_parameters({"rows_to_score": "rows.csv"}, {"rows_to_score"}) == check_parameters(
        {}
    )
    with pytest.raises(ParameterValidationError, match="on the command line alone"):
        check_parameters({"rows_to_score": "rows.csv"})
    for value in (2026, "", None, ["rows.csv"]):
        with pytest.raises(ParameterValidationError, match="expected a path"):
            check_parameters({"rows_to_score": value}, {"rows_to_score"})


# What the models promise


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Give a model and those inside it."""
    yield model
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from models(field.annotation)


@pytest.mark.parametrize("model", [inner for block in BLOCKS.values() for inner in models(block)])
def test_every_model_is_immutable_and_closed(model: type[BaseModel]) -> None:
    assert issubclass(model, Parameters)
    assert model.model_config["frozen"]
    assert model.model_config["extra"] == "forbid"


# What conf says


@pytest.mark.parametrize("block", sorted(set(BLOCKS) - {"columns"}))
def test_base_spells_out_the_defaults(block: str) -> None:
    assert conf()[block] == BLOCKS[block]().model_dump(mode="json", by_alias=True)


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_environment_has_possible_parameters(env: str) -> None:
    parameters = conf(env)
    check_parameters(parameters)
    built = {name: BLOCKS[name].model_validate(values) for name, values in parameters.items()}
    assert set(built) == set(BLOCKS)


@pytest.mark.parametrize(("positive", "negative"), [("yes", 0), ("no", "yes"), (1, "one")])
def test_a_word_and_a_number_are_two_classes(positive: str | int, negative: str | int) -> None:
    values = {"positive_class": positive, "negative_class": negative}
    assert Columns.model_validate(ROLES | values).positive_class == positive


def test_faults_of_blocks_are_named_together_whatever_is_to_run() -> None:
    with pytest.raises(ParameterValidationError) as error:
        check_parameters({"training": {"epochs": -1}, "splt": {}})
    assert "'training'" in str(error.value)
    assert "epochs = -1" in str(error.value)
    assert "'split'" in str(error.value)


@pytest.mark.parametrize("code", [1, 75, 137])
def test_a_rejections_exit_code_is_that_of_nothing_else(code: int) -> None:
    assert BLOCKS["retraining"].model_validate({"exit_on_rejection": 3}).model_fields_set
    assert "from 3 to 125 but 75" in refusal("retraining", {"exit_on_rejection": code})
