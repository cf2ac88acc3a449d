"""Hyperparameters: the blocks that say how a candidate is made and evaluated."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    StrictInt,
    field_validator,
    model_serializer,
    model_validator,
)

from tabular_lstm.frozen import Count, Fraction, Number, Parameters, Positive, Seed, Share, unless
from tabular_lstm.parameters.task import CLASSES, NUMBER, TWO_CLASSES, Task

# A network does not train outside these.
Scale = Annotated[Number, Field(gt=0, le=1000)]
Dropped = Annotated[Number, Field(ge=0, le=0.99)]

NotNegative = Annotated[Number, Field(ge=0)]
# The cost of each decision (column) for each actual class (row), in the order of the classes.
CostMatrix = tuple[tuple[NotNegative, ...], ...]
# Share of labels that a number's intervals hold.
Coverage = Annotated[Number, Field(ge=0.5, le=0.99)]
DECLARED = 0.9
# What decisions may be chosen for, by task.
OBJECTIVES = {
    TWO_CLASSES: ("accuracy", "f1", "costs"),
    CLASSES: ("accuracy", "costs"),
    NUMBER: ("accuracy",),
}


class Validation(Parameters):
    """A run stops above this share of quarantined rows among the labelled rows."""

    max_quarantined_fraction: Share = 0.05


class Reshaping(Parameters):
    """How a row becomes a sequence.

    Attributes:
        features_per_step: How many features the network reads in one step. Default: so many that
            there are four steps, but at least two.
        allow_padding: Whether the last step may be filled up with slots that the network
            ignores. If not, the number of features must be a multiple of `features_per_step`.
    """

    features_per_step: Count | None = None
    allow_padding: bool = True


class Ensemble(Parameters):
    """The options of the network of kind `ensemble`.

    Attributes:
        members: How many networks of each kind are trained and averaged, each without its own
            eighth of the train rows.
        dimensions: Size of the vector that a feature is embedded in.
        frequencies: How many learned frequencies embed a numeric feature.
        frequency_scale: Standard deviation of the frequencies before training, for each kind of
            members: low ones learn smooth relations, high ones sharp ones too. One number is one
            kind.
        units: Size of each bidirectional LSTM, from the input to the output.
        dropout: Share of the last LSTM's outputs that are dropped in training.
        feature_dropout: Share of a row's features that are dropped in training, drawn anew at each
            training step, for each kind of members; the last number counts for further kinds.
    """

    members: Count = 8
    dimensions: Count = 8
    frequencies: Count = 8
    frequency_scale: Annotated[list[Scale], Field(min_length=1, max_length=2)] = [0.1, 1.0]
    units: Annotated[list[Count], Field(min_length=1)] = [8]
    dropout: Fraction = 0.3
    feature_dropout: Annotated[list[Dropped], Field(min_length=1)] = [0.0, 0.2]

    @property
    def count(self) -> int:
        """How many members there are, of all kinds."""
        return self.members * len(self.frequency_scale)

    @property
    def kinds(self) -> list[tuple[float, float]]:
        """The frequency scale and the feature dropout of each kind."""
        dropped = self.feature_dropout + self.feature_dropout[-1:] * len(self.frequency_scale)
        return list(zip(self.frequency_scale, dropped, strict=False))

    @property
    def each(self) -> list[tuple[float, float]]:
        """The frequency scale and the feature dropout of each member."""
        return [kind for kind in self.kinds for _ in range(self.members)]

    def of_kinds(self, places: Sequence[int]) -> Self:
        """Give the options with only these kinds."""
        scales, dropped = zip(*(self.kinds[place] for place in places), strict=True)
        return self.model_copy(
            update={"frequency_scale": list(scales), "feature_dropout": list(dropped)}
        )

    @field_validator("frequency_scale", "feature_dropout", mode="before")
    @classmethod
    def _one_kind(cls, value: Any) -> Any:
        return [value] if isinstance(value, int | float) else value

    @field_validator("frequency_scale")
    @classmethod
    def _kinds_differ(cls, value: list[float]) -> list[float]:
        if len({*value}) < len(value):
            raise ValueError("expected a different number for each kind of members")
        return value


class Network(Parameters):
    """The network to build: an `ensemble`, or exactly the network of the `tutorial`."""

    kind: Literal["ensemble", "tutorial"] = "ensemble"
    ensemble: Ensemble = Ensemble()


class Costs(Parameters):
    """What the two errors cost, in the same unit."""

    false_positive: Positive = 1.0
    false_negative: Positive = 1.0


def _matrix(costs: Any) -> Any:
    return costs if isinstance(costs, list | tuple) else None


def _errors(costs: Any) -> Any:
    by_class = isinstance(costs, dict) and (len(costs) > 2 or dict in map(type, costs.values()))
    if by_class:
        raise ValueError("expected false_positive and false_negative, or for classes a matrix")
    return costs if _matrix(costs) is None else Costs()


class Objective(Parameters):
    """What decisions are chosen for, on out-of-fold predictions of the train rows.

    Attributes:
        kind: `accuracy`, `f1` (of the positive class of two), or `costs`, the lowest total cost.
        costs: For two classes, the costs of both errors.
        cost_matrix: For more classes, `costs` in conf as a list: a row for each actual class, in
            the order of `classes`, with the cost of deciding for each class.
    """

    kind: Literal["accuracy", "f1", "costs"] = "accuracy"
    costs: Annotated[Costs, BeforeValidator(_errors)] = Costs()
    cost_matrix: Annotated[
        CostMatrix | None, BeforeValidator(_matrix), Field(validation_alias="costs")
    ] = None

    @model_serializer(mode="wrap")
    def _matrix_is_a_list(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        dumped: dict[str, Any] = dump(self)
        matrix = dumped.pop("cost_matrix")
        return dumped if matrix is None else dumped | {"costs": matrix}

    @model_validator(mode="after")
    def _costs_are_used(self) -> Self:
        if self.kind != "costs" and (self.costs != Costs() or self.cost_matrix is not None):
            raise ValueError(f"costs are given, but kind is {self.kind}; expected kind: costs")
        return self


class Training(Parameters):
    """How the network is trained.

    The kind `tutorial` uses only epochs, batch size, learning rate (for Adam, not scaled) and seed;
    its decision threshold is 0.5.

    Attributes:
        epochs: Passes over the train rows, at most. Default: 200, for a number 100; fewer with many
            rows, down to 5, or with more than 200 features, down to 8. With more than two million
            rows a pass reads only a part of them: see `tabular_lstm.network.plan`.
        batch_size: Rows in a step of the optimizer. Default: about a sixteenth of the rows, a power
            of 2 between 32 and 256; larger from about 400,000 rows on.
        learning_rate: AdamW's learning rate for steps of 32 rows; for a number it is doubled. It
            grows with the square root of the batch size. It falls to 0 before a member stops, and
            in any case from three quarters of the epochs on.
        weight_decay: Share of the kernels, times the learning rate, that each step takes off.
        patience: Epochs that a member waits for a lower calibrated loss on its fold. A member waits
            at least half as many epochs as it took to its best one, for a number four fifths; but
            it no longer waits once four fifths of the members have. A loss below a tenth of the
            classes' entropy counts as lower only from a larger fall on. Then its learning rate
            falls to 0, for three tenths as many epochs as before and at least four. The weights of
            its best epoch are kept. Default: 4.
        objective: What the decision threshold is chosen for.
        coverage: Share of the labels that a number's intervals should hold, from 0.5 to 0.99.
        groups: In how many groups the members are trained; an engine with several workers trains
            the groups at once. Another number of groups may give another candidate.
        seed: Seed of the initial weights, the folds, the shuffling and the dropout.
    """

    epochs: Count | None = None
    batch_size: Count | None = None
    learning_rate: Positive = 0.006
    weight_decay: NotNegative = 0.01
    patience: Count | None = None
    objective: Objective = Objective()
    coverage: Coverage = unless(DECLARED)
    groups: Count = 1
    seed: Seed = 0


def fault_of_task(task: Task, network: Network, training: Training) -> str | None:
    """Say which value of `network` or `training` does not fit the task; None if all do."""
    objective = training.objective
    if network.kind == "tutorial" and task.kind != TWO_CLASSES:
        return (
            "network.kind = tutorial: the tutorial's network predicts two classes only; for "
            f"{task.in_words} expected kind: ensemble"
        )
    if objective.kind not in OBJECTIVES[task.kind]:
        expected = f"for {task.in_words} expected {' or '.join(OBJECTIVES[task.kind])}"
        none = "a number has no decision: leave objective out"
        return f"training.objective.kind = {objective.kind}: {expected if task.classes else none}"
    if fault := _fault_of_costs(task, objective):
        return f"training.objective.costs{fault}"
    if task.kind != NUMBER and training.coverage != DECLARED:
        return f"training.coverage is for a number's intervals; {task.in_words} have none"
    return None


def _fault_of_costs(task: Task, objective: Objective) -> str | None:
    matrix, count = objective.cost_matrix or (), len(task.classes)
    if task.kind == TWO_CLASSES and matrix:
        return " is a matrix: for two classes expected false_positive and false_negative"
    if task.kind != CLASSES or objective.kind != "costs":
        return None
    if {len(matrix), *map(len, matrix)} != {count}:
        return (
            f": for {task.in_words} expected a matrix of {count} rows of {count} costs, a row for "
            "each actual class and in it the cost of deciding for each class, in the order of "
            "columns.classes"
        )
    for place, (name, row) in enumerate(zip(task.classes, matrix, strict=True)):
        if not min(row) == row[place] < max(row):
            costs = f" of {name!r} are {[*row]}"
            return f"{costs}; expected that the right decision, number {place + 1}, costs least"
    return None


class Evaluation(Parameters):
    """How the candidate is judged.

    Attributes:
        bootstrap_resamples: Resamples of the evaluated rows for each interval.
        importance_repeats: Shuffles of each feature for the permutation importance, at most;
            fewer with many features.
        importance_rows: Rows for the permutation importance, at most, evenly from the classes.
        meaningful: Smallest difference of ROC AUC, or of RMSE in standard deviations of the label,
            for which the verdict calls one model better. It decides nothing.
        seed: Seed of the resamples, the shuffles and the boosted trees.
    """

    bootstrap_resamples: Annotated[StrictInt, Field(ge=100)] = 1000
    importance_repeats: Count = 5
    importance_rows: Annotated[StrictInt, Field(ge=2)] = 1000
    meaningful: Share = 0.005
    seed: Seed = 0
