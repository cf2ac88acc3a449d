"""The network as a classifier of scikit-learn."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from tabular_lstm.estimator import LSTMEstimator
from tabular_lstm.network.calibration import decisions
from tabular_lstm.parameters import CLASSES, TWO_CLASSES, Task, Training


class LSTMClassifier(ClassifierMixin, LSTMEstimator):  # type: ignore[misc]
    """An ensemble of LSTMs for tabular rows of two classes or more.

    Columns of dtype category, string or object are categories unless all their values are numbers;
    columns of dates are dates. NaN, NaT and None are missing. Rows need not be scaled or imputed.

    Args:
        members: Networks of each kind, each trained without an eighth of the rows. Default: 8.
        units: Units of each bidirectional LSTM, the first one first. Default: one LSTM of 8.
        dropout: Share of the last LSTM's outputs that is dropped in training. Default: 0.3.
        features_per_step: Features of a step. Default: the number that gives four steps, at least
            2.
        epochs: Maximal number of passes over the rows. Default: 5 to 200, by rows and features.
        batch_size: Rows in a step of the optimizer. Default: 32 or more, by the number of rows.
        learning_rate: Initial learning rate of AdamW, for batches of 32 rows; see `Training`.
            Default: 0.006.
        weight_decay: Weight decay of AdamW, on kernels only. Default: 0.01.
        patience: Least number of epochs without progress before a member's learning rate falls and
            the member stops; see `parameters.Training`. Default: 4.
        objective: What `predict` optimizes: `accuracy`, `costs` or, for two classes, `f1`. Default:
            accuracy.
        costs: For the objective `costs`. Two classes: the costs of a false positive and a false
            negative. More classes: a matrix with a row for each actual class and a column for each
            decided class, in the order of `classes_`. Default: 1 each.
        random_state: Seed, `RandomState`, or None for a different result each time. Default: None.
        class_weight: A factor of `sample_weight` for each class: `balanced` gives all classes the
            same total, or {class: weight}, 1 for others. Not saved. Default: None, 1 for all.
        frequency_scale: Initial size of the frequencies for each of one or two kinds of members:
            low for smooth relations, high for sharp ones too. Default: 0.1 and 1.
        feature_dropout: For each kind, the share of features dropped in training. Default: 0, 0.2.

    Attributes:
        classes_: The classes, sorted; with two, the second is the positive class.
        network_: The trained `LSTMEnsemble`.
        history_: Of the training, see `tabular_lstm.network.fit.train`; not set by `load`.

    Examples:
        >>> import numpy as np, pandas as pd
        >>> rows = pd.DataFrame({"size": range(40), "color": ["red", "blue"] * 20})
        >>> labels = np.where(rows["size"] < 20, "small", "large")
        >>> model = LSTMClassifier(members=2, epochs=40, random_state=0).fit(rows, labels)
        >>> model.predict(pd.DataFrame({"color": ["green", None], "size": [2, 38]})).tolist()
        ['small', 'large']
    """

    kinds = (TWO_CLASSES, CLASSES)

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
        given = self._predictions(X)
        return np.column_stack([1 - given, given]) if given.ndim == 1 else given

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Predict each row's class.

        Two classes: the positive class from the learned decision threshold on. More classes: the
        class with the lowest expected cost; without costs, the likeliest class.
        """
        given = self._predictions(X)
        return np.asarray(self.classes_[decisions(given, self.network_.calibration)])

    def _labels(self, y: np.ndarray) -> tuple[Task, np.ndarray]:
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if (count := len(self.classes_)) < 2:
            few = "only one class" if count else "no class"
            raise ValueError(
                f"Expected 2 classes or more, got {few}: {self.classes_.tolist()}. Rows of weight "
                "0 do not count."
            )
        return Task.of_classes(self.classes_.tolist()), labels

    def _objective(self) -> dict[str, Any]:
        costs: Any = np.asarray(self.costs).tolist()
        if np.shape(costs) == (2,):
            costs = dict(zip(("false_positive", "false_negative"), costs, strict=True))
        return {"kind": np.asarray(self.objective).tolist(), "costs": costs}

    @classmethod
    def _arguments(cls, training: Training) -> dict[str, Any]:
        objective, errors = training.objective, training.objective.costs
        of_two = (errors.false_positive, errors.false_negative)
        return {"objective": objective.kind, "costs": objective.cost_matrix or of_two}
