"""The network as a regressor of scikit-learn."""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from tabular_lstm.estimator import LSTMEstimator
from tabular_lstm.parameters import NUMBER, Task


class LSTMRegressor(RegressorMixin, LSTMEstimator):  # type: ignore[misc]
    """An ensemble of LSTMs for tabular rows that predicts a number, and intervals around it.

    Columns and arguments are those of `LSTMClassifier`, without `objective`, `costs` and
    `class_weight`.

    Intervals have a method of their own, as in sktime, skpro and MAPIE, because scikit-learn
    expects one number per row from `predict`. They are learned from out-of-fold residuals, scaled
    by the spread that the network predicts for a row.

    Attributes:
        network_: The trained `LSTMEnsemble`.
        history_: Of the training, see `tabular_lstm.network.fit.train`; not set by `load`.

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

    kinds = (NUMBER,)
    label_type = np.float64

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
        """Predict an interval for each row; about this share of them contain the true number.

        Args:
            X: See `predict`.
            coverage: The share, from 0.5 to 0.99. Default: the network's declared rate, 0.9 after
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
            raise ValueError(f"Expected labels that float32 holds, got one of {np.abs(y).max()}.")
        return Task(kind=NUMBER), y
