"""The blocks that say how a candidate is made and judged: columns, rows, network, training."""

from math import isfinite
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StrictFloat, StrictInt, StrictStr, model_validator

from tabular_lstm.frozen import Count, Fraction, Number, Parameters, Positive, Seed, Share


# YAML reads an unquoted yes or no as a boolean; strict types refuse it for a text or a number.
def _quoted(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("YAML reads an unquoted yes, no, true or false as a boolean; quote it")
    return value


NotNegative = Annotated[Number, Field(ge=0)]
Value = Annotated[StrictInt | StrictFloat | StrictStr, BeforeValidator(_quoted)]


# Of a column that is no feature.
ROLES = ("label", "key", "group", "time")


class Columns(Parameters):
    """The role of each column of the CSV.

    Attributes:
        label: Name of the column to predict.
        positive_class: The label's value whose probability the network gives.
        key: Column that identifies a row: it decides the side of the split and, where the raw
            rows are a directory of files, the last valid row with a key counts. In a single file
            all rows with a key count. 7.0 is the key 7; 007 and 7.00 are others. Default: none,
            the features identify it.
        group: Column whose rows belong together, such as a patient with several visits: they are
            on one side of the split and in one fold, and intervals are those of so many groups.
            Spelt as a key is; no feature. Default: none, each row stands for itself.
        time: Column that says when a row is from, for a split by time: ISO dates, or numbers, of
            which a later one is larger. No feature. Default: none.
        features: Columns to learn from, in this order. Default: all that have no other role.
        categorical: Features that are names and not amounts. Default: none, all are numbers.
        bounds: Lowest and highest value of a feature; `null` leaves an end open. Default: ±1e30.
        missing: Values that mean "not measured", for each feature; numbers without quotes. An
            empty cell and NA, N/A, NaN, null and None always do.
    """

    label: str
    positive_class: Value
    negative_class: Value
    key: str | None = None
    group: str | None = None
    time: str | None = None
    features: Annotated[list[str], Field(min_length=1)] | None = None
    categorical: list[str] = []
    bounds: dict[str, tuple[Number | None, Number | None]] = {}
    missing: dict[str, list[Value]] = {}

    @model_validator(mode="after")
    def _roles_exclude_each_other(self) -> Self:
        one, other = self.positive_class, self.negative_class
        texts = isinstance(one, str) and isinstance(other, str)
        # 1, 1.0 and "1" match the same cells.
        if one == other or (not texts and _number(one) == _number(other) is not None):
            raise ValueError(f"positive_class and negative_class are both {self.positive_class!r}")
        roles = self._roles()
        features = self.features or []
        if len(set(features)) < len(features):
            raise ValueError(f"features names a column twice: {features}")
        for name in features:
            if name in roles:
                raise ValueError(f"features holds '{name}', which is the {roles[name]}")
        if both := sorted(set(self.categorical) & set(self.bounds)):
            raise ValueError(f"bounds are for numbers, and categorical holds {both}")
        for name, (low, high) in self.bounds.items():
            if low is not None and high is not None and low > high:
                raise ValueError(f"bounds of '{name}': the lowest, {low}, is above {high}")
        for name in sorted(self.missing.keys() - set(self.categorical)):
            texts_of = [code for code in self.missing[name] if isinstance(code, str)]
            if quoted := [code for code in texts_of if _number(code) is not None]:
                raise ValueError(
                    f"missing of '{name}', a feature of numbers, holds the text {quoted[0]!r}: "
                    "write it without quotes; a number matches however it is written"
                )
        return self

    def _roles(self) -> dict[str, str]:
        """Give the role of each column that is no feature."""
        roles: dict[str, str] = {}
        for role in ROLES:
            if (name := getattr(self, role)) is None:
                continue
            if name in roles:
                raise ValueError(f"column '{name}' is both {roles[name]} and {role}")
            roles[name] = role
        if self.group is not None and self.time is not None:
            raise ValueError(
                f"group is '{self.group}' and time is '{self.time}'; expected one of them: a split "
                "by time may have rows of a group on both sides"
            )
        return roles

    @property
    def not_features(self) -> set[str]:
        """Name the columns of valid rows that are no features."""
        return {name for role in ROLES if (name := getattr(self, role)) is not None}

    @property
    def together(self) -> str | None:
        """Name the column whose rows of one value are on one side: group, or time, if any."""
        return self.group or self.time


def _number(value: Value) -> float | None:
    """Give the number that a value is or writes; None for any other text."""
    try:
        number = float(value)
    except ValueError:
        return None
    return number if isfinite(number) and "_" not in str(value) else None


class Validation(Parameters):
    """The share of quarantined rows above which a run stops."""

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
        members: How many networks are trained and averaged, each without its own eighth of the
            train rows.
        dimensions: Size of the vector that a feature is embedded in.
        frequencies: How many learned frequencies a numeric feature is spread out to.
        frequency_scale: Standard deviation of the frequencies before training.
        units: Size of each bidirectional LSTM, from the input on; as many LSTMs as numbers.
        dropout: Share of what the last LSTM gives dropped in training.
    """

    members: Count = 8
    dimensions: Count = 8
    frequencies: Count = 8
    frequency_scale: Positive = 0.1
    units: Annotated[list[Count], Field(min_length=1)] = [16]
    dropout: Fraction = 0.3


class Network(Parameters):
    """The network to build: `ensemble`, or `tutorial`, exactly the tutorial's network."""

    kind: Literal["ensemble", "tutorial"] = "ensemble"
    ensemble: Ensemble = Ensemble()


class Costs(Parameters):
    """What the two errors cost, in the same unit."""

    false_positive: Positive = 1.0
    false_negative: Positive = 1.0


class Objective(Parameters):
    """What the decision threshold is chosen for, on out-of-fold predictions of the train rows.

    Attributes:
        kind: `accuracy`, `f1` (of the positive class), or `costs`, the lowest total cost.
    """

    kind: Literal["accuracy", "f1", "costs"] = "accuracy"
    costs: Costs = Costs()

    @model_validator(mode="after")
    def _costs_are_used(self) -> Self:
        if self.kind != "costs" and self.costs != Costs():
            raise ValueError(f"costs are given, but kind is {self.kind}; expected kind: costs")
        return self


class Training(Parameters):
    """How the network is trained.

    Attributes:
        epochs: Passes over the train rows, at most. Default: 200, fewer where the rows are many,
            down to 12, or where they have more than 200 features, down to 8.
        batch_size: Rows to a step of the optimizer. Default: about a sixteenth of the rows, a
            power of 2 between 32 and 256, more from some 400,000 rows on.
        learning_rate: AdamW's; Adam's for the kind `tutorial`.
        weight_decay: Share of the kernels, times the learning rate, taken off at each step. Not
            for the kind `tutorial`.
        patience: Epochs without a lower loss on its fold before a member stops; its best epoch's
            weights are kept. Not for the kind `tutorial`, which trains to the end. Default: a
            sixteenth of the epochs, at least 3.
        objective: What the decision threshold is chosen for. Not for the kind `tutorial`, whose
            threshold is 0.5.
        seed: Of the initial weights, the folds, the shuffling and the dropout.
    """

    epochs: Count | None = None
    batch_size: Count | None = None
    learning_rate: Positive = 0.003
    weight_decay: NotNegative = 0.01
    patience: Count | None = None
    objective: Objective = Objective()
    seed: Seed = 0


class Evaluation(Parameters):
    """How the candidate is judged.

    Attributes:
        bootstrap_resamples: Resamples of the evaluated rows behind each interval.
        importance_repeats: Shuffles of each feature for the permutation importance, at most: rows
            times shuffles times features are at most 2.5 million, first by fewer shuffles.
        importance_rows: Rows that the permutation importance is measured on, at most, drawn
            evenly from the two classes.
        seed: Of the resamples, the shuffles and the boosted trees.
    """

    bootstrap_resamples: Annotated[StrictInt, Field(ge=100)] = 1000
    importance_repeats: Count = 5
    importance_rows: Annotated[StrictInt, Field(ge=2)] = 1000
    seed: Seed = 0
