"""Hyperparameters: how a candidate is trained and evaluated."""

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

from tabular_lstm.frozen import (
    Count,
    Fraction,
    Number,
    Parameters,
    Positive,
    Seed,
    Share,
    matching,
    unless,
)
from tabular_lstm.task import Task

# Outside these limits a network does not train.
Scale = Annotated[Number, Field(gt=0, le=1000)]
Dropped = Annotated[Number, Field(ge=0, le=0.99)]

NotNegative = Annotated[Number, Field(ge=0)]
# The cost of each decision (column) for each actual class (row), in the order of the classes.
CostMatrix = tuple[tuple[NotNegative, ...], ...]
# For a label that is a number: share of the labels that lie inside their intervals.
Coverage = Annotated[Number, Field(ge=0.5, le=0.99)]
DECLARED = 0.9


class ValidationOptions(Parameters):
    """The largest share of labelled rows in quarantine before a run stops."""

    max_quarantined_fraction: Share = 0.05


class ReshapingOptions(Parameters):
    """How a row becomes a sequence.

    Attributes:
        features_per_step: How many features the network reads in one step. Default: as many as give
            four steps, but at least two features.
        allow_padding: Whether the last step may be padded with slots that the network ignores. If
            not, the number of features must be a multiple of `features_per_step`.
    """

    features_per_step: Count | None = None
    allow_padding: bool = True


class Ensemble(Parameters):
    """The options of the network of kind `ensemble`.

    Attributes:
        members: How many networks of each kind are trained and averaged. Each network learns from
            all train rows except its own eighth. With more than 20,000 rows, at most 4 are trained,
            and a kind that is clearly worse stops early, except with histories.
        dimensions: Size of a feature's embedding vector.
        frequencies: How many learned frequencies embed a numeric feature.
        frequency_scale: Standard deviation of the frequencies before training, for each kind of
            member. Low frequencies learn smooth relations; high frequencies learn sharp relations,
            too. One number means one kind. If the label is a number, only the first kind is
            trained. For histories, whatever the label is, the first of two kinds reads the row with
            its past features, and the second, or a single kind, reads the whole history.
        units: Size of each bidirectional LSTM, from the input to the output.
        dropout: Share of the last LSTM's outputs that are dropped in training. If the label is a
            number that is nearly a function of the features, dropout decreases as the network
            learns this function.
        feature_dropout: Share of a row's features that are dropped in training, for each kind of
            member. Each training step drops different features. If there are more kinds than
            numbers, the last number applies to the rest.
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
        """Number of members of all kinds together."""
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
        """Return the options with only these kinds."""
        scales, dropped = zip(*(self.kinds[place] for place in places), strict=True)
        return self.model_copy(
            update={"frequency_scale": list(scales), "feature_dropout": list(dropped)}
        )

    @field_validator("frequency_scale", "feature_dropout", mode="before")
    @classmethod
    def _one_kind(cls, value: Any) -> Any:
        return [value] if isinstance(value, int | float) else value


class NetworkOptions(Parameters):
    """The network to build.

    Attributes:
        kind: `ensemble`, or `keras` for a network of your own, which cannot read histories.
        ensemble: The options of an ensemble.
        build: For kind `keras`, the import path of a function, such as `churn.networks.build`.
            `build(schema, shape, seed)` returns an uncompiled functional Keras model made of Keras'
            own layers. Its input is float32 (rows, steps, features_per_step), with NaN where a
            value is missing, and each category given as its place in the schema's list. Its output
            is (rows, `schema.task.outputs`), see `tabular_lstm.network.outputs`.
        folds: For kind `keras`, how many models are trained, each without one fold of the rows;
            their mean is calibrated on their outputs for the folds. 0 means one model, trained on
            all rows for all epochs, uncalibrated, with a decision threshold of 0.5. Default: 4.
        standardized: For kind `keras`, whether the network gets numbers standardized and clipped at
            five standard deviations, categories scaled from -1 to 1, and 0 for missing values.
            Default: no.
    """

    kind: Literal["ensemble", "keras", "tutorial"] = "ensemble"
    ensemble: Ensemble = Ensemble()
    build: str | None = unless(None)
    folds: Annotated[StrictInt, Field(ge=0, le=50)] = unless(4)
    standardized: bool = unless(False)

    @model_validator(mode="after")
    def _options_are_of_the_kind(self) -> Self:
        if self.kind == "tutorial":
            raise ValueError(
                "kind: tutorial is gone; expected kind: keras, "
                "build: tabular_lstm.tutorial.two_lstms, folds: 0"
            )
        others = self.model_dump(exclude={"kind", "ensemble"})
        if (self.kind == "keras") != ("build" in others) or (others and self.kind != "keras"):
            raise ValueError(
                "kind: keras expects build, the import path of a function such as "
                f"churn.networks.build; kind: ensemble expects none of {', '.join(others)}"
            )
        if self.folds == 1:
            raise ValueError("folds = 1: expected 2 or more, or 0 for a single model of all rows")
        return self


class Costs(Parameters):
    """What the two errors cost, in the same unit."""

    false_positive: Positive = 1.0
    false_negative: Positive = 1.0


def _cost_matrix(costs: Any) -> Any:
    return costs if isinstance(costs, list | tuple) else None


def _errors(costs: Any) -> Any:
    return costs if _cost_matrix(costs) is None else Costs()


class Objective(Parameters):
    """What the decisions optimize, on out-of-fold predictions of the train rows.

    Attributes:
        kind: For classes, `accuracy`, `f1` (of the positive class of two), or `costs`, the lowest
            total cost. For a number, what is predicted: `mean`, or `median` (which the gate
            compares by MAE); `accuracy`, the default, means `mean`.
        costs: For two classes, the costs of the two errors.
        cost_matrix: For more classes, the cost of each decision; in conf, `costs` as a list. It has
            a row for each actual class, in the order of `classes`, with the cost of deciding for
            each class.
    """

    kind: Literal["accuracy", "f1", "costs", "mean", "median"] = "accuracy"
    costs: Annotated[Costs, BeforeValidator(_errors)] = Costs()
    cost_matrix: Annotated[
        CostMatrix | None, BeforeValidator(_cost_matrix), Field(validation_alias="costs")
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


class TrainingOptions(Parameters):
    """How the network is trained.

    The kind `keras` uses all options but `groups`; with `folds: 0` it uses neither `patience` nor
    `objective`. Its learning rate is not scaled and does not fall, and weight decay applies to all
    weights. A model stops after `patience` epochs in which the loss on its fold did not fall.

    Attributes:
        epochs: Maximum number of passes over the train rows. Default: 200, or 100 for a number;
            fewer with many rows (at least 5) or with more than 200 features (at least 8). With more
            than two million rows, a pass reads only a part of the rows: see
            `tabular_lstm.network.plan`.
        batch_size: Rows per optimizer step. Default: about a sixteenth of the rows, a power of 2
            between 32 and 256; larger with more than about 400,000 rows.
        learning_rate: AdamW's learning rate for steps of 32 rows; it is doubled for a number, and
            grows with the square root of the batch size. It falls to 0 before a member stops; the
            fall begins after three quarters of the epochs at the latest.
        weight_decay: Each step shrinks the kernels by this share times the learning rate.
        patience: Epochs that a member waits for a lower calibrated loss on its fold. If its best
            epoch is late, it waits longer: half (for a number, four fifths) of that epoch's number.
            If less than half of a number's loss can be explained, the wait is proportionally
            shorter. A member stops waiting once four fifths of the members have waited. Below a
            tenth of the classes' entropy, a loss must fall by more to count. After waiting, a
            member's learning rate falls to 0 in three tenths as many epochs as before, at least
            four. The member keeps the weights of its best epoch. Default: 4.
        objective: What the decisions optimize, see `Objective`.
        label_scale: How a number is learned: `none`, unchanged; `asinh`, see
            `tabular_lstm.rows.label_scale`; or `auto`, whichever is better on the train rows.
        coverage: For a number, share of the labels that the intervals should contain: 0.5 to 0.99.
        groups: Number of groups that the members are divided into; an engine with several workers
            trains the groups in parallel. Another number of groups may give another candidate.
            With several groups, no kind stops early.
        seed: Seed of the initial weights, the folds, the shuffling and the dropout.
    """

    epochs: Count | None = None
    batch_size: Count | None = None
    learning_rate: Positive = 0.006
    weight_decay: NotNegative = 0.01
    patience: Count | None = None
    objective: Objective = Objective()
    label_scale: Literal["auto", "none", "asinh"] = unless("auto")
    coverage: Coverage = unless(DECLARED)
    groups: Count = 1
    seed: Seed = 0


def fault_of_task(task: Task, network: NetworkOptions, training: TrainingOptions) -> str | None:
    """Say which value of `network` or `training` does not fit the task; None if all do."""
    objective = training.objective
    if objective.kind not in task.traits.objectives:
        return (
            f"training.objective.kind = {objective.kind}: for {task.in_words} expected "
            f"{' or '.join(task.traits.objectives)}"
        )
    if fault := _fault_of_costs(task, objective):
        return f"training.objective.costs{fault}"
    if task.classes and (training.coverage, training.label_scale) != (DECLARED, "auto"):
        return (
            "training.coverage and training.label_scale are for a number; expected "
            f"{DECLARED} and auto for {task.in_words}"
        )
    return None


def _fault_of_costs(task: Task, objective: Objective) -> str | None:
    matrix, count = objective.cost_matrix or (), len(task.classes)
    if task.has_threshold and matrix:
        return " is a matrix: for two classes expected false_positive and false_negative"
    if task.has_threshold or objective.kind != "costs":
        return None
    if {len(matrix), *map(len, matrix)} != {count}:
        return (
            f": for {task.in_words} expected a matrix of {count} rows of {count} costs, a row for "
            "each actual class and in it the cost of deciding for each class, in the order of "
            "columns.classes"
        )
    for place, (name, row) in enumerate(zip(task.classes, matrix, strict=True)):
        if not min(row) == row[place] < max(row):
            return (
                f" of {name!r} are {[*row]}; expected the correct decision, number {place + 1}, "
                "to cost least"
            )
    return None


class OwnBaseline(Parameters, extra="allow"):
    """A baseline of your own: a classifier or regressor with scikit-learn's methods.

    In conf it is either the path alone or a mapping of `class` and the arguments, `model_extra`.

    Attributes:
        class_: `class` in conf: the import path of the class, or of a function that returns an
            estimator.
    """

    class_: Annotated[
        str,
        matching(
            r"[^\W\d]\w*(\.[^\W\d]\w*)+",
            "the import path of a class, such as sklearn.ensemble.RandomForestClassifier",
        ),
    ] = Field(alias="class")

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"class": value} if isinstance(value, str) else value


class EvaluationOptions(Parameters):
    """How the candidate is evaluated.

    Attributes:
        baselines: Your own baselines, by name, in addition to those of every run. Default: none.
        bootstrap_resamples: Number of bootstrap resamples of the evaluated rows per interval.
        importance_repeats: Maximum number of shuffles of each feature for the permutation
            importance; fewer with many features.
        importance_rows: Maximum number of rows for the permutation importance, drawn evenly from
            the classes.
        meaningful: Smallest difference in ROC AUC, or in RMSE in standard deviations of the label,
            for which the verdict calls one model better. It affects no decision.
        segments: Columns of the valid rows, such as a region: the metrics are also given for the
            test rows of each of the 20 most common values, and of all others together. Default:
            none.
        seed: Seed of the resamples, the shuffles and the boosted trees.
    """

    bootstrap_resamples: Annotated[StrictInt, Field(ge=100)] = 1000
    importance_repeats: Count = 5
    importance_rows: Annotated[StrictInt, Field(ge=2)] = 1000
    meaningful: Share = 0.005
    segments: list[str] = unless([])
    baselines: dict[
        Annotated[
            str,
            matching(
                r"(?!(?i:candidate|champion|mean|median|majority.class|(logistic|linear).regression|"
                r"(hist.)?gradient.boosting)$)[A-Za-z][\w .+()-]{0,39}",
                "a name that no other model has: a letter, then at most 39 letters, digits, blanks "
                "and _ . + - ( )",
            ),
        ],
        OwnBaseline,
    ] = unless({})
    seed: Seed = 0
