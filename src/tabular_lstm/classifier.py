"""The network as a scikit-learn estimator, over the same functions that the nodes call."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from tabular_lstm.parameters import Ensemble, Network, Reshaping, Task, Training
from tabular_lstm.rows.keys import number_values
from tabular_lstm.rows.schema_fit import kinds_of, learn_schema
from tabular_lstm.rows.sequences import by_name, to_sequences
from tabular_lstm.rows.weights import checked_weights, scaled
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.tensorflow_import import import_tensorflow

# What scikit-learn checks of an array: text and NaN may be in it, infinite numbers may not.
CHECKED: dict[str, Any] = {"dtype": None, "ensure_all_finite": "allow-nan"}


class LSTMClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """An ensemble of LSTMs for tabular rows of two classes.

    Columns of dtype category, string or object are categories unless all their values are numbers;
    those of dates are dates. NaN, NaT and None are missing. Rows need not be scaled or imputed.

    Args:
        members: Networks of each kind, each trained without an eighth of the rows. Default: 8.
        units: Units of each bidirectional LSTM, the first one first. Default: one LSTM of 8.
        dropout: Share of the last LSTM's outputs that is dropped in training. Default: 0.3.
        features_per_step: Features of a step. Default: as many as make four steps, and at least 2.
        epochs: Passes over the rows, at most. Default: 5 to 200, by rows and features.
        batch_size: Rows to a step of the optimizer. Default: 32 or more, by the number of rows.
        learning_rate: AdamW's, at first, of batches of 32 rows; see `Training`. Default: 0.006.
        weight_decay: AdamW's, on the kernels alone. Default: 0.01.
        patience: Epochs without progress until a member stops. Default: 20.
        objective: What `predict` decides for: `accuracy`, `f1` or `costs`. Default: accuracy.
        costs: With `costs`, what a false positive and a false negative cost. Default: 1 each.
        random_state: Seed, `RandomState`, or None for another result each time. Default: None.
        class_weight: How much the rows of a class count, beside `sample_weight`: `balanced`, both
            classes alike, or {class: weight}, 1 for others. Not saved. Default: None, all alike.
        frequency_scale: Of each kind, one or two, where its frequencies start: low for smooth
            relations, high for sharp ones too. Default: 0.1 and 1.
        feature_dropout: Of each kind, the share of features dropped in training. Default: 0, 0.2.

    Attributes:
        classes_: The two labels, sorted; the second is the positive class.
        network_: The trained `LSTMEnsemble`.
        history_: Of the training, see `tabular_lstm.network.fit.train`; not there after `load`.

    Examples:
        >>> rows = pd.DataFrame({"size": range(40), "color": ["red", "blue"] * 20})
        >>> labels = np.where(rows["size"] < 20, "small", "large")
        >>> model = LSTMClassifier(members=2, epochs=40, random_state=0).fit(rows, labels)
        >>> model.predict(pd.DataFrame({"color": ["green", None], "size": [2, 38]})).tolist()
        ['small', 'large']
    """

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
        costs: tuple[float, float] = (1.0, 1.0),
        random_state: int | np.random.RandomState | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
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
        self.objective = objective
        self.costs = costs
        self.random_state = random_state
        self.class_weight = class_weight
        self.frequency_scale = frequency_scale
        self.feature_dropout = feature_dropout

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:  # noqa: N803
        """Train on labelled rows.

        The weights count in the loss, in when a member stops, in calibration and decision
        threshold; not in how numbers are scaled. Only their proportions count: weights that are all
        alike give the same bits as none. A row of weight 0 is as if it were not there, to the bit.
        A row of weight 2 is the row twice in the loss and its expected gradient, not to the bit.
        Messages count rows without those of weight 0.

        Args:
            X: A frame, or an array (rows, features).
            y: Labels (rows,) of two classes.
            sample_weight: How much each row counts, (rows,), 0 or more. Default: all alike.
            groups: Of each row, (rows,); rows of one, such as a patient's, are in one member's
                fold. `set_fit_request` routes them. Default: each row is its own.

        Raises:
            ValueError: X, y or a weight is not of this form, no row or only one class counts, or a
                parameter has an impossible value.
        """
        rows, y = self._fitted_rows(X, y)
        weights = checked_weights(y, sample_weight, self.class_weight)
        check_consistent_length(rows, groups)
        if not (counts := weights > 0).all():
            rows, y, weights = rows[counts], y[counts], weights[counts]
        self.classes_, labels = np.unique(y, return_inverse=True)
        if (count := len(self.classes_)) != 2:
            few = f"Expected 2 classes, got {'only one class' if count else 'no class'}: "
            raise ValueError(
                "Only binary classification is supported. The type of the target is "
                f"{type_of_target(y)}: expected 2 classes, got {count}."
                if count > 2
                else f"{few}{self.classes_.tolist()}. Rows of weight 0 do not count."
            )
        reshaping, network, training = self._parameters()
        dates, categorical = kinds_of(rows)
        schema = learn_schema(
            rows,
            categorical=categorical,
            missing={},
            dates=dict.fromkeys(dates),
            reshaping=reshaping,
            label="label",
            task=Task.of_classes(self.classes_.tolist()),
        )
        import_tensorflow()  # not before, because it takes seconds
        from tabular_lstm.network.build import build  # noqa: PLC0415
        from tabular_lstm.network.fit import train  # noqa: PLC0415

        self.network_, self.history_ = train(
            build(schema, network, training.seed),
            to_sequences(rows, schema),
            labels.astype(np.float32),
            training,
            scaled(weights),
            None if groups is None else number_values(column_or_1d(groups)[counts]),
        )
        return self

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Give each row's probabilities.

        Args:
            X: A frame with the columns that `fit` saw, in any order and among others, or an array.

        Returns:
            float64 (rows, 2), in the order of `classes_`.

        Raises:
            ValueError: A column is missing or there twice, or a value is not a number.
        """
        check_is_fitted(self)
        from tabular_lstm.network.fit import predict  # noqa: PLC0415

        positive = predict(self.network_, to_sequences(self._rows(X), self.network_.schema))
        return np.column_stack([1 - positive, positive])

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Give each row's class: the positive one from the learned decision threshold on."""
        positive = self.predict_proba(X)[:, 1] >= self.network_.calibration.threshold
        return np.asarray(self.classes_[positive.astype(int)])

    def save(self, path: str | Path) -> None:
        """Write the network, with schema, calibration and threshold, to one `.keras` file.

        Raises:
            ValueError: The name does not end in `.keras`.
        """
        check_is_fitted(self)
        if Path(path).suffix != ".keras":
            raise ValueError(f"{path}: expected a file name that ends in .keras.")
        self.network_.save(path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` or a run of the pipeline wrote; nothing in the file is executed.

        Raises:
            FileNotFoundError: There is no such file.
            DataError: A `ValueError`: it is no whole `.keras` file, may not be read, or holds
                another kind of model.
        """
        return cls.from_network(Artifact.read(Path(path)).network)

    @classmethod
    def from_network(cls, network: Any) -> Self:
        """Make a fitted estimator of a trained `LSTMEnsemble`, such as the candidate of a run."""
        training = Training.model_validate(network.training or {})
        options, costs = network.options, training.objective.costs
        scales, dropped = zip(*options.kinds, strict=True)
        model = cls(
            units=tuple(options.units),
            frequency_scale=scales,
            feature_dropout=dropped,
            **options.model_dump(include={"members", "dropout"}),
            features_per_step=network.schema.features_per_step,
            objective=training.objective.kind,
            costs=(costs.false_positive, costs.false_negative),
            random_state=training.seed,
            **training.model_dump(exclude={"objective", "groups", "seed"}),
        )
        model.network_, schema = network, network.schema
        model.classes_ = np.array([schema.negative_class, schema.positive_class])
        model.n_features_in_ = len(schema.columns)
        if schema.columns != _array_names(model.n_features_in_):
            model.feature_names_in_ = np.array(schema.columns, dtype=object)
        return model

    def __sklearn_tags__(self) -> Any:
        """Say what the estimator takes."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        return tags

    def _parameters(self) -> tuple[Reshaping, Network, Training]:
        """Check the arguments as the pipeline's parameters are checked."""
        # A grid's numbers of NumPy become Python's.
        given = {name: np.asarray(value).tolist() for name, value in self.get_params().items()}
        if np.shape(given["costs"]) != (2,):
            raise ValueError(
                f"costs = {given['costs']!r}: expected what a false positive and what a false "
                "negative cost."
            )
        costs = dict(zip(("false_positive", "false_negative"), given["costs"], strict=True))
        given["objective"] = {"kind": given["objective"], "costs": costs}
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(2**31)
        given["seed"] = int(seed)

        def chosen(block: type[BaseModel]) -> Any:
            names = block.model_fields.keys() & given.keys()
            return block.model_validate({name: given[name] for name in names})

        return chosen(Reshaping), Network(ensemble=chosen(Ensemble)), chosen(Training)

    def _fitted_rows(self, X: Any, y: Any) -> tuple[pd.DataFrame, np.ndarray]:  # noqa: N803
        """Check X and y as scikit-learn does, and give X as a frame."""
        if isinstance(X, pd.DataFrame):
            rows = by_name(X)  # which refuses a name that is there twice
            validate_data(self, X, y, skip_check_array=True)  # remembers the names
            y = check_array(y, ensure_2d=False, dtype=None)
            check_consistent_length(X, y)
            if not X.size:
                raise ValueError(f"Expected rows and columns, got X of shape {X.shape}.")
        else:
            X, y = validate_data(self, X, y, **CHECKED)  # noqa: N806
            rows = pd.DataFrame(X, columns=_array_names(X.shape[1]))
        check_classification_targets(y)
        return rows, column_or_1d(y, warn=True)

    def _rows(self, X: Any) -> pd.DataFrame:  # noqa: N803
        """Give what is to be predicted as a frame with the schema's names."""
        features = self.network_.schema.columns
        named = features != _array_names(len(features))
        if isinstance(X, pd.DataFrame) and not len(X):
            raise ValueError(f"Found array with 0 sample(s) (shape={X.shape}): expected rows.")
        if isinstance(X, pd.DataFrame) and (named or {*features} <= {*map(str, X)}):
            return X
        return pd.DataFrame(validate_data(self, X, reset=False, **CHECKED), columns=features)


def _array_names(count: int) -> list[str]:
    """Name the columns of an array."""
    return [f"x{place}" for place in range(count)]
