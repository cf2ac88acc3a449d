"""The scikit-learn estimators `LSTMClassifier` and `LSTMRegressor`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from tabular_lstm.errors import DataError
from tabular_lstm.network.outputs import decisions
from tabular_lstm.network.own_network import OwnNetwork
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.parameters.hyperparameters import (
    Ensemble,
    NetworkOptions,
    ReshapingOptions,
    TrainingOptions,
    fault_of_task,
)
from tabular_lstm.rows.column_kinds import declared_by_dtype
from tabular_lstm.rows.fingerprints import number_values
from tabular_lstm.rows.label_scale import with_scale
from tabular_lstm.rows.schema_fit import fit_schema
from tabular_lstm.rows.sequences import by_name, to_sequences
from tabular_lstm.rows.weights import checked_weights, scaled
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.task import Task
from tabular_lstm.tensorflow_import import import_tensorflow

# How scikit-learn checks an array: text and NaN are allowed, infinite numbers are not.
CHECKED: dict[str, Any] = {"dtype": None, "ensure_all_finite": "allow-nan"}


class LSTMEstimator(BaseEstimator):  # type: ignore[misc]
    """An ensemble of LSTMs for tabular rows: the base of `LSTMClassifier` and `LSTMRegressor`."""

    tasks = ""  # the tasks of the estimator, in words
    predicts_classes = True
    label_type: type | None = None  # what y is converted to
    class_weight: Any = None
    objective: str

    def __init__(
        self,
        members: int = 8,
        units: Sequence[int] = (8,),
        dropout: float = 0.3,
        features_per_step: int | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float = 0.006,
        weight_decay: float = 0.01,
        patience: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        frequency_scale: float | Sequence[float] = (0.1, 1.0),
        feature_dropout: float | Sequence[float] = (0.0, 0.2),
    ) -> None:
        self.members = members
        self.units = units
        self.dropout = dropout
        self.features_per_step = features_per_step
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.patience = patience
        self.random_state = random_state
        self.frequency_scale = frequency_scale
        self.feature_dropout = feature_dropout

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:  # noqa: N803
        """Train on labelled rows.

        Weights apply to the loss, early stopping and calibration, but not to the scaling of
        numbers. Only their proportions matter: equal weights give bit-identical results to no
        weights. A row of weight 0 is ignored: the result is bit-identical to one without the row,
        and messages do not count it. A row of weight 2 counts twice in the loss and in the expected
        gradient, but the result is not bit-identical to that of two rows.

        Args:
            X: A frame, such as one of pandas or Polars, or an array (rows, features).
            y: Labels (rows,): two or more classes, or numbers.
            sample_weight: How much each row counts, (rows,), 0 or more. Default: 1 each.
            groups: The group of each row, (rows,), such as the patient. All rows of a group are in
                the same member's fold. `set_fit_request` routes them. Default: each row is its own
                group.

        Raises:
            ValueError: X, y or a weight does not have this form, fewer than two rows or two classes
                have a weight above 0, or a parameter has an invalid value.
        """
        rows, y = self._fitted_rows(X, y)
        weights = checked_weights(y, sample_weight, self.class_weight)
        check_consistent_length(rows, groups)
        if not (counts := weights > 0).all():
            rows, y, weights = rows[counts], y[counts], weights[counts]
        task, labels = self._labels(y)
        reshaping, network, training = self._parameters(task)
        schema = fit_schema(
            rows,
            declared_by_dtype(rows),
            reshaping=reshaping,
            label="label",
            task=task,
            labels=labels,
        )
        schema = with_scale(
            schema, labels, training, lambda places: to_sequences(rows.iloc[places], schema)
        )
        import_tensorflow()  # only here, because it takes seconds
        from tabular_lstm.network.build import build  # noqa: PLC0415
        from tabular_lstm.network.fit import train  # noqa: PLC0415

        self.network_, self.history_ = train(
            build(schema, network, training.seed),
            to_sequences(rows, schema),
            labels,
            training,
            scaled(weights),
            None if groups is None else number_values(column_or_1d(groups)[counts]),
        )
        return self

    def save(self, path: str | Path) -> None:
        """Write the network, with its schema and calibration, to a single `.keras` file.

        Raises:
            ValueError: The name does not end in `.keras`.
        """
        check_is_fitted(self)
        if Path(path).suffix != ".keras":
            raise ValueError(f"{path}: expected a file name that ends in .keras.")
        self.network_.save(path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Load a file that `save` or a pipeline run wrote; nothing in the file is executed.

        Raises:
            FileNotFoundError: There is no such file.
            DataError: A `ValueError`: the file is not a complete `.keras` file, cannot be read, or
                holds another kind of model, or a network for another task or for histories.
        """
        return cls.from_network(Artifact.read(Path(path)).network)

    @classmethod
    def from_network(cls, network: Any) -> Self:
        """Make a fitted estimator from a trained `LSTMEnsemble`, such as the candidate of a run.

        Raises:
            DataError: The network is for another task, reads histories, or is of kind `keras`.
        """
        has_history = network.schema.history is not None
        if has_history or isinstance(network, OwnNetwork):
            raise DataError(
                f"{cls.__name__} is an ensemble that takes single rows, but this network "
                f"{'reads histories' if has_history else 'is of kind keras'}. Score with "
                "tabular_lstm.load_champion, or --pipelines scoring."
            )
        if bool((task := network.schema.task).classes) != cls.predicts_classes:
            raise DataError(f"{cls.__name__}: expected a network for {cls.tasks}, got {task.kind}.")
        training = TrainingOptions.model_validate(network.training or {})
        options = network.options
        scales, dropped = zip(*options.kinds, strict=True)
        model = cls(
            units=tuple(options.units),
            frequency_scale=scales,
            feature_dropout=dropped,
            **options.model_dump(include={"members", "dropout"}),
            features_per_step=network.schema.features_per_step,
            random_state=training.seed,
            **training.model_dump(
                exclude={"objective", "label_scale", "coverage", "groups", "seed"}
            ),
            **cls._arguments(training),
        )
        model.network_, schema = network, network.schema
        if task.classes:
            model.classes_ = task.class_values
        model.n_features_in_ = len(schema.columns)
        if schema.columns != _array_names(model.n_features_in_):
            model.feature_names_in_ = np.array(schema.columns, dtype=object)
        return model

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn what the estimator accepts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        return tags

    def _labels(self, y: np.ndarray) -> tuple[Task, np.ndarray]:
        """Return the task, and the labels in the form that a run uses."""
        raise NotImplementedError

    def _objective(self) -> dict[str, Any]:
        """Return the objective in the form used in conf."""
        return {"kind": np.asarray(self.objective).tolist()}

    @classmethod
    def _arguments(cls, training: TrainingOptions) -> dict[str, Any]:
        """Return the arguments that only this estimator has, taken from training parameters."""
        raise NotImplementedError

    def _parameters(self, task: Task) -> tuple[ReshapingOptions, NetworkOptions, TrainingOptions]:
        """Validate the arguments in the same way as the pipeline's parameters."""
        # NumPy numbers, as from a grid, become Python numbers.
        arguments = {name: np.asarray(value).tolist() for name, value in self.get_params().items()}
        arguments["objective"] = self._objective()
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(2**31)
        arguments["seed"] = int(seed)

        def validated(block: type[BaseModel]) -> Any:
            names = block.model_fields.keys() & arguments.keys()
            return block.model_validate({name: arguments[name] for name in names})

        network, training = NetworkOptions(ensemble=validated(Ensemble)), validated(TrainingOptions)
        if fault := fault_of_task(task, network, training):
            raise ValueError(fault)
        return validated(ReshapingOptions), network, training

    def _fitted_rows(self, X: Any, y: Any) -> tuple[pd.DataFrame, np.ndarray]:  # noqa: N803
        """Check X and y as scikit-learn does, and return X as a frame."""
        if y is not None:
            _refuse_unusable_labels(y)
        X = _to_pandas(X)  # noqa: N806
        if isinstance(X, pd.DataFrame):
            rows = by_name(X)  # refuses a name that occurs twice
            validate_data(self, X, y, skip_check_array=True)  # stores the names
            check_consistent_length(X, y)
            if not X.size:
                raise ValueError(f"Expected rows and columns, got X of shape {X.shape}.")
        else:
            X, y = validate_data(self, X, y, **CHECKED)  # noqa: N806
            rows = pd.DataFrame(X, columns=_array_names(X.shape[1]))
        y = check_array(y, ensure_2d=False, dtype=self.label_type, input_name="y")
        return rows, column_or_1d(y, warn=True)

    def _predictions(self, X: Any, coverage: float | None = None) -> np.ndarray:  # noqa: N803
        """Predict with the network, see `network.outputs.predictions`."""
        check_is_fitted(self)
        from tabular_lstm.network.score import score  # noqa: PLC0415

        scorer = Scorer.of(self.network_)
        return score(scorer, to_sequences(self._rows(X), scorer.schema), coverage=coverage)

    def _rows(self, X: Any) -> pd.DataFrame:  # noqa: N803
        """Return X as a frame with the schema's names."""
        X, features = _to_pandas(X), self.network_.schema.columns  # noqa: N806
        named = features != _array_names(len(features))
        if isinstance(X, pd.DataFrame) and not len(X):
            raise ValueError(f"Found array with 0 sample(s) (shape={X.shape}): expected rows.")
        if isinstance(X, pd.DataFrame) and (named or {*features} <= {*map(str, X)}):
            return X
        return pd.DataFrame(validate_data(self, X, reset=False, **CHECKED), columns=features)


def _to_pandas(X: Any) -> Any:  # noqa: N803
    """Convert a frame of Polars, Arrow or the like, whose columns are also found by name."""
    if isinstance(X, pa.Table | pa.RecordBatch):
        return X.to_pandas(ignore_metadata=True)  # which would hide the column of an index
    return X.to_pandas() if hasattr(X, "to_pandas") else X


def _refuse_unusable_labels(y: Any) -> None:
    """Refuse labels that are missing, are dates, or mix text with other types."""
    kind = pd.api.types.infer_dtype(np.ravel(np.asarray(y, object)), skipna=False)
    if kind.startswith(("mixed", "date", "time", "period")) and kind != "mixed-integer-float":
        raise ValueError(
            "Input y contains NaN, None, dates or values of several types: expected one "
            f"number or class per row, all of one type; pandas calls these values '{kind}'."
        )


def _array_names(count: int) -> list[str]:
    """Return names for the columns of an array."""
    return [f"x{place}" for place in range(count)]


# Classifier ---------------------------------------------------------------------------------------


class LSTMClassifier(ClassifierMixin, LSTMEstimator):  # type: ignore[misc]
    """An ensemble of LSTMs for tabular rows of two classes or more.

    Columns of dtype category, string or object are treated as categories unless all their values
    are numbers; columns of dates are treated as dates. NaN, NaT and None mean missing. Rows need
    not be scaled or imputed.

    Args:
        members: Number of networks of each kind, each trained without an eighth of the rows; at
            most 4 with more than 20,000 rows. Default: 8.
        units: Units of each bidirectional LSTM, from the input to the output. Default: one LSTM
            of 8.
        dropout: Share of the last LSTM's outputs dropped in training. Default: 0.3.
        features_per_step: Features per step. Default: the number that gives four steps, at least
            2.
        epochs: Maximum number of passes over the rows. Default: 5 to 200, depending on the rows and
            features.
        batch_size: Rows per optimizer step. Default: 32 or more, depending on the number of rows.
        learning_rate: Initial learning rate of AdamW, for batches of 32 rows; see
            `TrainingOptions`. Default: 0.006.
        weight_decay: Weight decay of AdamW, on kernels only. Default: 0.01.
        patience: Minimum number of epochs without progress before a member's learning rate falls
            and the member stops; see `parameters.TrainingOptions`. Default: 4.
        objective: What `predict` optimizes: `accuracy`, `costs` or, for two classes, `f1`. Default:
            accuracy.
        costs: The costs for the objective `costs`. Two classes: the costs of a false positive and a
            false negative. More classes: a matrix with a row for each actual class and a column for
            each decided class, in the order of `classes_`. Default: 1 each.
        random_state: Seed, `RandomState`, or None for a different result each time. Default: None.
        class_weight: A factor that multiplies `sample_weight` for each class: `balanced` gives all
            classes the same total weight; {class: weight} sets the factor, 1 for classes not named.
            Not saved. Default: None, 1 for all.
        frequency_scale: Initial size of the frequencies for each of one or two kinds of members:
            low for smooth relations, high for sharp ones too. Default: 0.1 and 1.
        feature_dropout: For each kind, the share of features dropped in training. Default: 0, 0.2.

    Attributes:
        classes_: The classes, sorted; with two, the second is the positive class.
        network_: The trained `LSTMEnsemble`.
        history_: The training history, see `tabular_lstm.network.fit.train`; not set by `load`.

    Examples:
        >>> import numpy as np, pandas as pd
        >>> rows = pd.DataFrame({"size": range(40), "color": ["red", "blue"] * 20})
        >>> labels = np.where(rows["size"] < 20, "small", "large")
        >>> model = LSTMClassifier(members=2, epochs=40, random_state=0).fit(rows, labels)
        >>> model.predict(pd.DataFrame({"color": ["green", None], "size": [2, 38]})).tolist()
        ['small', 'large']
    """

    tasks = "two classes or classes"

    def __init__(
        self,
        members: int = 8,
        units: Sequence[int] = (8,),
        dropout: float = 0.3,
        features_per_step: int | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float = 0.006,
        weight_decay: float = 0.01,
        patience: int | None = None,
        objective: str = "accuracy",
        costs: tuple[float, float] | Sequence[Sequence[float]] = (1.0, 1.0),
        random_state: int | np.random.RandomState | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        frequency_scale: float | Sequence[float] = (0.1, 1.0),
        feature_dropout: float | Sequence[float] = (0.0, 0.2),
    ) -> None:
        super().__init__(
            members=members,
            units=units,
            dropout=dropout,
            features_per_step=features_per_step,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            patience=patience,
            random_state=random_state,
            frequency_scale=frequency_scale,
            feature_dropout=feature_dropout,
        )
        self.objective = objective
        self.costs = costs
        self.class_weight = class_weight

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Predict each row's probabilities.

        Args:
            X: A frame with the columns of `fit`, in any order (others are ignored), or an array.

        Returns:
            float64 (rows, classes), in the order of `classes_`.

        Raises:
            ValueError: A column is missing or occurs twice, or a value is not a number.
        """
        return self._predictions(X)

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Predict each row's class.

        With two classes, it is the positive class if its probability is at or above the learned
        decision threshold. With more classes, it is the class with the lowest expected cost or,
        without costs, the likeliest class.
        """
        predicted = self._predictions(X)
        return np.asarray(self.classes_[decisions(predicted, self.network_.calibration)])

    def _labels(self, y: np.ndarray) -> tuple[Task, np.ndarray]:
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if (count := len(self.classes_)) < 2:
            classes_text = "only one class" if count else "no class"
            raise ValueError(
                f"Expected 2 classes or more, got {classes_text}: {self.classes_.tolist()}. "
                "Rows of weight 0 do not count."
            )
        return Task.of_classes(self.classes_.tolist()), labels

    def _objective(self) -> dict[str, Any]:
        costs: Any = np.asarray(self.costs).tolist()
        if np.shape(costs) == (2,):
            costs = dict(zip(("false_positive", "false_negative"), costs, strict=True))
        return super()._objective() | {"costs": costs}

    @classmethod
    def _arguments(cls, training: TrainingOptions) -> dict[str, Any]:
        objective, errors = training.objective, training.objective.costs
        two_costs = (errors.false_positive, errors.false_negative)
        return {"objective": objective.kind, "costs": objective.cost_matrix or two_costs}


# Regressor ----------------------------------------------------------------------------------------


class LSTMRegressor(RegressorMixin, LSTMEstimator):  # type: ignore[misc]
    """An ensemble of LSTMs for tabular rows that predicts a number and an interval around it.

    Columns and arguments are as in `LSTMClassifier`, except for these, and there is no `costs` or
    `class_weight`.

    Args:
        objective: What `predict` returns: the `mean` or the `median`. Default: mean.
        label_scale: How the label is learned: `none`, unchanged; `asinh`, for skewed labels; or
            `auto`, whichever is better on the rows; see `tabular_lstm.rows.label_scale`. Default:
            auto.

    Intervals have their own method, as in sktime, skpro and MAPIE, because scikit-learn expects
    `predict` to return one number per row. They are learned from out-of-fold residuals, scaled by
    the spread that the network predicts for each row.

    Attributes:
        network_: The trained `LSTMEnsemble`.
        history_: The training history, see `tabular_lstm.network.fit.train`; not set by `load`.

    Examples:
        >>> import numpy as np, pandas as pd
        >>> rows = pd.DataFrame({"size": range(60), "color": ["red", "blue"] * 30})
        >>> prices = rows["size"] + np.where(rows["color"] == "red", 30, 0)
        >>> model = LSTMRegressor(members=2, epochs=60, random_state=0).fit(rows, prices)
        >>> new = pd.DataFrame({"color": ["red", None], "size": [20, 40]})
        >>> lower, upper = model.predict_interval(new, coverage=0.8).T
        >>> bool(40 < model.predict(new)[0] < 60), bool((lower < upper).all())
        (True, True)
    """

    tasks = "number"
    predicts_classes = False
    label_type = np.float64

    def __init__(
        self,
        members: int = 8,
        units: Sequence[int] = (8,),
        dropout: float = 0.3,
        features_per_step: int | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float = 0.006,
        weight_decay: float = 0.01,
        patience: int | None = None,
        objective: str = "mean",
        label_scale: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        frequency_scale: float | Sequence[float] = (0.1, 1.0),
        feature_dropout: float | Sequence[float] = (0.0, 0.2),
    ) -> None:
        super().__init__(
            members=members,
            units=units,
            dropout=dropout,
            features_per_step=features_per_step,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            patience=patience,
            random_state=random_state,
            frequency_scale=frequency_scale,
            feature_dropout=feature_dropout,
        )
        self.objective = objective
        self.label_scale = label_scale

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Predict each row's number.

        Args:
            X: A frame with the columns of `fit`, in any order (others are ignored), or an array.

        Returns:
            float64 (rows,), in the label's unit.

        Raises:
            ValueError: A column is missing or occurs twice, or a value is not a number.
        """
        return self._predictions(X)[:, 0]

    def predict_interval(self, X: Any, coverage: float | None = None) -> np.ndarray:  # noqa: N803
        """Predict an interval for each row.

        About the share `coverage` of the intervals contain the true number.

        Args:
            X: See `predict`.
            coverage: A share from 0.5 to 0.99. Default: the network's declared coverage, 0.9 after
                `fit`.

        Returns:
            float64 (rows, 2): the lower and the upper end, in the label's unit.

        Raises:
            ValueError: See `predict`; or the coverage is out of range.
        """
        return self._predictions(X, coverage)[:, 1:]

    def _labels(self, y: np.ndarray) -> tuple[Task, np.ndarray]:
        if len(y) < 2:
            raise ValueError(
                f"Expected 2 rows or more, got n_samples={len(y)}. Rows of weight 0 do not count."
            )
        if np.abs(y).max() > np.finfo(np.float32).max:
            raise ValueError(f"Expected labels that fit float32, got one of {np.abs(y).max()}.")
        return Task.of_number(), y

    @classmethod
    def _arguments(cls, training: TrainingOptions) -> dict[str, Any]:
        return {"objective": training.objective.kind, "label_scale": training.label_scale}
