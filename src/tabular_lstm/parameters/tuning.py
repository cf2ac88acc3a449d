"""The block `tuning`: which parameters are tuned, each with a range or choices."""

from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from tabular_lstm.errors import unknown_name
from tabular_lstm.frozen import Count, Number, Parameters, Seed
from tabular_lstm.parameters.hyperparameters import Network, Training

# Parameters that can be tuned, with the type of a value.
TUNABLE: dict[str, type] = {
    "network.ensemble.dimensions": int,
    "network.ensemble.frequencies": int,
    "network.ensemble.frequency_scale": list,
    "network.ensemble.units": list,
    "network.ensemble.dropout": float,
    "network.ensemble.feature_dropout": list,
    "training.epochs": int,
    "training.batch_size": int,
    "training.learning_rate": float,
    "training.weight_decay": float,
    "training.patience": int,
}


class Range(Parameters):
    """The values of a parameter that are tried: from `low` to `high`, or `choices`.

    With `log`, values are drawn on a logarithmic scale. Default: no.
    """

    low: Number | None = None
    high: Number | None = None
    log: bool = False
    choices: Annotated[list[Any], Field(min_length=2)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if [self.low, self.high].count(None) != (0 if self.choices is None else 2):
            raise ValueError("expected low and high, or choices")
        if self.low is not None and self.high is not None:
            if self.low >= self.high:
                raise ValueError(f"expected low below high, got {self.low} and {self.high}")
            if self.log and self.low <= 0:
                raise ValueError(f"expected low above 0 with log: true, got {self.low}")
        return self

    @property
    def bounds(self) -> list[Any]:
        """The values that must all be valid: the choices, or both ends."""
        return self.choices if self.choices is not None else [self.low, self.high]

    def holds(self, value: Any) -> bool:
        """Tell whether a value is among those that are tried."""
        if self.choices is not None:
            return value in self.choices
        return value is not None and self.bounds[0] <= value <= self.bounds[1]


def with_values(
    network: Network, training: Training, values: dict[str, Any]
) -> tuple[Network, Training]:
    """Put values of tuned parameters into the two blocks; raise a ValueError if one is invalid."""
    blocks = _blocks(network, training)
    for name, value in values.items():
        block, last = _holder(blocks, name)
        block[last] = value
    return Network.model_validate(blocks["network"]), Training.model_validate(blocks["training"])


def values_of(network: Network, training: Training, names: Iterable[str]) -> dict[str, Any]:
    """Read the values of parameters, by their names, from the two blocks."""
    blocks = _blocks(network, training)
    return {name: block[last] for name in names for block, last in [_holder(blocks, name)]}


def without(network: Network, training: Training, names: Iterable[str]) -> dict[str, Any]:
    """Give the two blocks as plain values, without some parameters."""
    blocks = _blocks(network, training)
    for name in names:
        block, last = _holder(blocks, name)
        del block[last]
    return blocks


def _blocks(network: Network, training: Training) -> dict[str, Any]:
    return {"network": network.model_dump(), "training": training.model_dump()}


def _holder(blocks: dict[str, Any], name: str) -> tuple[dict[str, Any], str]:
    """Give the innermost block that holds a parameter, and its name there."""
    *within, last = name.split(".")
    for part in within:
        blocks = blocks[part]
    return blocks, last


# The parameters that accuracy depends on most: see docs/tuning.md.
SPACE = {
    "network.ensemble.frequency_scale": Range(choices=[[0.1], [0.3], [1.0], [0.1, 1.0]]),
    "network.ensemble.units": Range(choices=[[8], [16], [32]]),
    "network.ensemble.dropout": Range(low=0.0, high=0.6),
    "training.batch_size": Range(choices=[32, 64, 128, 256]),
    "training.learning_rate": Range(low=0.0005, high=0.02, log=True),
    "training.weight_decay": Range(low=0.001, high=1.0, log=True),
}


class Tuning(Parameters):
    """What a tuning tries, and what it does with better parameters.

    Attributes:
        trials: Total number of trials, including those of earlier tunings of the same study; the
            first trial has the present parameters.
        seed: Seed of the values that are tried.
        adopt: Whether better parameters are written to `parameters_tuned.yml` of the environment.
            Default: no, they are only logged.
        space: The values to try for each tuned parameter, such as `training.epochs`.
    """

    trials: Count = 30
    seed: Seed = 0
    adopt: bool = False
    space: Annotated[dict[str, Range], Field(min_length=1)] = SPACE

    @model_validator(mode="before")
    @classmethod
    def _space_is_possible(cls, given: Any) -> Any:
        # Checked before pydantic checks each range, so that a fault names the parameter.
        space = given.get("space") if isinstance(given, dict) else None
        if isinstance(space, dict):
            faults = [fault for name, where in space.items() if (fault := _fault(str(name), where))]
            if faults:
                raise ValueError("; ".join(faults))
        return given


def _fault(name: str, where: Any) -> str | None:
    """Say why a parameter cannot be tuned with these values; None if it can."""
    if name not in TUNABLE:
        return unknown_name(f"space.{name}", list(TUNABLE))
    kind = TUNABLE[name]
    try:
        found = where if isinstance(where, Range) else Range.model_validate(where)
        if kind is list and found.choices is None:
            raise ValueError("expected choices, such as [[8], [16]]; got low and high")
        for value in found.bounds:
            # A bound is always a float; a choice has the type that YAML gives it.
            bound = found.choices is None and kind is int and value.is_integer()
            with_values(Network(), Training(), {name: int(value) if bound else value})
    except ValueError as error:
        return f"space.{name}: {error}"
    return None
