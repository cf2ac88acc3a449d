"""The declared space: what cannot be looked for is refused by its name, with what was expected."""

from typing import Any

import pytest

from tabular_lstm.parameters import TUNABLE, Network, Training, Tuning, values_of, with_values

RATE = "training.learning_rate"


@pytest.mark.parametrize(
    ("name", "where", "said"),
    [
        ("training.learning_rat", {"low": 1, "high": 2}, f"did you mean '{RATE}'"),
        ("split.salt", {"choices": ["a", "b"]}, ", ".join(TUNABLE)),
        (RATE, {"low": 0.1, "high": 0.01}, "expected low below high, got 0.1 and 0.01"),
        (RATE, {"low": 0.1}, "expected low and high, or choices"),
        (RATE, {"low": 0.0, "high": 0.2}, "learning_rate = 0.0: Input should be greater than 0"),
        (RATE, {"low": 0.1, "hgh": 0.2}, "'hgh' is unknown; did you mean 'high'"),
        ("training.weight_decay", {"low": 0.0, "high": 1.0, "log": True}, "above 0 with log"),
        ("training.batch_size", {"low": 8.5, "high": 16}, "batch_size = 8.5"),
        ("network.ensemble.units", {"low": 8, "high": 16}, "expected choices, such as"),
        ("network.ensemble.dropout", {"low": 0.0, "high": 1.0}, "ensemble.dropout = 1.0"),
    ],
)
def test_what_cannot_be_looked_for_is_refused_by_name(name: str, where: Any, said: str) -> None:
    with pytest.raises(ValueError, match="space") as error:
        Tuning.model_validate({"space": {name: where}})
    assert f"space.{name}" in str(error.value)
    assert said in str(error.value)
    with pytest.raises(ValueError, match=r"space = \{\}"):
        Tuning.model_validate({"space": {}})


@pytest.mark.parametrize("name", TUNABLE)
def test_each_parameter_that_can_be_tuned_is_there_and_takes_other_values(name: str) -> None:
    several = [0.5, 0.4] if "dropout" in name else [5, 4]
    value = {int: 3, float: 0.25, list: several}[TUNABLE[name]]
    blocks = with_values(Network(), Training(), {name: value})
    assert values_of(*blocks, [name]) == {name: value}
    others = {*TUNABLE} - {name}
    assert values_of(*blocks, others) == values_of(Network(), Training(), others)
