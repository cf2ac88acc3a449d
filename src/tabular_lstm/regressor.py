"""The network as a regressor of scikit-learn."""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from tabular_lstm.estimator import LSTMEstimator
from tabular_lstm.parameters import NUMBER, Task


class LSTMRegressor(RegressorMixin, LSTMEstimator):  # type: ignore[misc]
    """An ensemble of LSTMs for tabular rows that predicts a number, and intervals around it.

    Columns are taken as `LSTMClassifier` takes them, and the arguments are its own but for
    `objective`, `costs` and `class_weight`.

    Intervals have a method of their own, as in sktime, skpro and MAPIE: what scores, searches and
    stacks expects of `predict` one number a row. They come of the residuals of the members that did
    not see a row, scaled by the spread that the network predicts for it.

    Attributes:
        network_: The trained `LSTMEnsemble`.
        history_: Of the training, see `tabular_lstm.network.fit.train`; not there after `load`.

    Examples:
        >>> rows = pd.DataFrame({"size": range(60), "color": ["red", "blue"] * 30})
        >>> prices = rows["size"] + np.where(rows["color"] == "red", 30, 0)
        >>> model = LSTMRegressor(members=2, epochs=60, random_state=0).fit(rows, prices)
        >>> new = pd.DataFrame({"color": ["red", None], "size": [20, 40]})
        >>> lower, upper = model.predict_interval(new, coverage=0.8).T
        >>> bool(40 < model.predict(new)[0] < 60), bool((lower < upper).all())
        (True, True)
    """

    kinds = (NUMBER,)
    label_type = np.float64

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Give each row's number.

        Args:
            X: A frame with the columns that `fit` saw, in any order and among others, or an array.

        Returns:
            float64 (rows,), in the label's unit.

        Raises:
            ValueError: A column is missing or there twice, or a value is not a number.
        """
        return self._predictions(X)[:, 0]

    def predict_interval(self, X: Any, coverage: float | None = None) -> np.ndarray:  # noqa: N803
        """Give the ends between which the numbers of such a share of rows are expected.

        Args:
            X: See `predict`.
            coverage: The share, from 0.5 to 0.99. Default: the network's declared rate, 0.9 of one
                that `fit` trained.

        Returns:
            float64 (rows, 2): the lower and the upper end, in the label's unit.

        Raises:
            ValueError: See `predict`; or there is no such coverage.
        """
        return self._predictions(X, coverage)[:, 1:]

    def _labels(self, y: np.ndarray) -> tuple[Task, np.ndarray]:
        if len(y) < 2:
            raise ValueError(
                f"Expected 2 rows or more, got n_samples={len(y)}. Rows of weight 0 do not count."
            )
        if np.abs(y).max() > np.finfo(np.float32).max:
            raise ValueError(f"Expected labels that float32 holds, got one of {np.abs(y).max()}.")
        return Task(kind=NUMBER), y
