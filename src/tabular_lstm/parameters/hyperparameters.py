"""Hyperparameters: the blocks that say how a candidate is made and judged."""

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

# Beyond them a network does not train.
Scale = Annotated[Number, Field(gt=0, le=1000)]
Dropped = Annotated[Number, Field(ge=0, le=0.99)]

NotNegative = Annotated[Number, Field(ge=0)]
# The cost of each decision (column) for each actual class (row), in the order of the classes.
CostMatrix = tuple[tuple[NotNegative, ...], ...]
# The rate of a number's intervals.
Coverage = Annotated[Number, Field(ge=0.5, le=0.99)]
DECLARED = 0.9
# What decisions may be for, of each task.
OBJECTIVES = {
    TWO_CLASSES: ("accuracy", "f1", "costs"),
    CLASSES: ("accuracy", "costs"),
    NUMBER: ("accuracy",),
}


class Validation(Parameters):
    """The share of quarantined rows, of those with a label, above which a run stops."""

    max_quarantined_fraction: Share = 0.05


class Reshaping(Parameters):
    """How a row becomes a sequence.

    Attributes:
        features_per_step: How many features the network reads in one step. Default: as many as
            make four steps, and at least two.
        allow_padding: Whether the last step may be filled up with slots that the network
            ignores. If not, a number of features that does not divide evenly is an error.
    """

    features_per_step: Count | None = None
    allow_padding: bool = True


class Ensemble(Parameters):
    """The options of the network of kind `ensemble`.

    Attributes:
        members: How many networks of each kind are trained and averaged, each without its own
            eighth of the train rows.
        dimensions: Size of the vector that a feature is embedded in.
        frequencies: How many learned frequencies a numeric feature is spread out to.
        frequency_scale: Standard deviation of the frequencies before training, of each kind of
            members: low ones see smooth relations, high ones sharp ones too. A number is one kind.
        units: Size of each bidirectional LSTM, from the input on; as many LSTMs as numbers.
        dropout: Share of what the last LSTM gives dropped in training.
        feature_dropout: Share of a row's features dropped in training, other ones at each step, of
            each kind of members; the last number is of further kinds too.
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
        """The same of each member."""
        return [kind for kind in self.kinds for _ in range(self.members)]

    def of_kinds(self, places: Sequence[int]) -> Self:
        """Give the options of some kinds alone."""
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
            raise ValueError("expected another number for each kind of members")
        return value


class Network(Parameters):
    """The network to build: `ensemble`, or `tutorial`, exactly the tutorial's network."""

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
        raise ValueError("expected false_positive and false_negative, or of classes a matrix")
    return costs if _matrix(costs) is None else Costs()


class Objective(Parameters):
    """What decisions are for, as learned from out-of-fold predictions of the train rows.

    Attributes:
        kind: `accuracy`, `f1` (of the positive class of two), or `costs`, the lowest total cost.
        costs: Of two classes, of both errors.
        cost_matrix: `costs` in conf, where they are a list: of more classes, a row for each actual
            class, in the order of `classes`, with the cost of deciding for each class.
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

    The kind `tutorial` takes epochs, batch size, the learning rate as it is, for Adam, and the
    seed; its decision threshold is 0.5.

    Attributes:
        epochs: Passes over the train rows, at most. Default: 200, or 100 of a number; fewer where
            the rows are many, down to 5, or where they have more than 200 features, down to 8. Of
            more than two million rows a pass is over a part: see `tabular_lstm.network.plan`.
        batch_size: Rows to a step of the optimizer. Default: about a sixteenth of the rows, a
            power of 2 between 32 and 256, more from some 400,000 rows on.
        learning_rate: AdamW's if a step has 32 rows; of a number AdamW's is twice that. It grows
            with the square root of the batch size, and falls to 0 before a member stops, from three
            quarters of the epochs on in any case.
        weight_decay: Share of the kernels, times the learning rate, taken off at each step.
        patience: Epochs without a lower loss on its fold, calibrated, before a member's learning
            rate falls to 0, which takes three tenths as many epochs as there were, and at least
            four. A member waits at least half as long as until then, of a number four fifths, and
            no longer than four fifths of the members. Of classes that are nearly learned the loss
            must fall by more. A member keeps the weights of its best epoch. Default: 4.
        objective: What the decision threshold is chosen for.
        coverage: Share of the labels that a number's intervals shall hold, from 0.5 to 0.99.
        groups: In how many groups the members are trained, each by itself, so that an engine with
            several workers trains them at once. Another number may give another candidate.
        seed: Of the initial weights, the folds, the shuffling and the dropout.
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
    """Say what of the blocks `network` and `training` does not go with the task, if anything."""
    objective = training.objective
    if network.kind == "tutorial" and task.kind != TWO_CLASSES:
        return (
            "network.kind = tutorial: the tutorial's network tells two classes apart; for "
            f"{task.in_words} expected kind: ensemble"
        )
    if objective.kind not in OBJECTIVES[task.kind]:
        expected = f"for {task.in_words} expected {' or '.join(OBJECTIVES[task.kind])}"
        none = "a number has no decision: leave objective out"
        return f"training.objective.kind = {objective.kind}: {expected if task.classes else none}"
    if fault := _fault_of_costs(task, objective):
        return f"training.objective.costs{fault}"
    if task.kind != NUMBER and training.coverage != DECLARED:
        return f"training.coverage is of a number's intervals; {task.in_words} have none"
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
        bootstrap_resamples: Resamples of the evaluated rows behind each interval.
        importance_repeats: Shuffles of each feature for the permutation importance, at most;
            fewer where features are many.
        importance_rows: Rows that it is measured on, at most, drawn evenly from the classes.
        meaningful: Difference of ROC AUC, or of RMSE in standard deviations of the label, below
            which the verdict does not call one model better. It decides nothing.
        seed: Of the resamples, the shuffles and the boosted trees.
    """

    bootstrap_resamples: Annotated[StrictInt, Field(ge=100)] = 1000
    importance_repeats: Count = 5
    importance_rows: Annotated[StrictInt, Field(ge=2)] = 1000
    meaningful: Share = 0.005
    seed: Seed = 0
