"""A candidate as MLflow loads and scores it: without Kedro, TensorFlow or anything pickled.

MLflow finds this module by its name in the model's `MLmodel`, with the package's sources beside it.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.champion import Champion


class Model:
    """What `mlflow.pyfunc.load_model` wraps."""

    def __init__(self, champion: Champion) -> None:
        self._champion = champion

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> Any:
        """Give each row's probability and decision, as `load_champion` does.

        Args:
            model_input: A frame with the features, in any order.
            params: Expected by MLflow; there are none.

        Returns:
            A frame with the rows' index: `probability`, of the positive class, and `decision`, the
            label's own value that the decision threshold gives.

        Raises:
            DataError: See `Champion.predict_proba`.
        """
        positive = self._champion.predict_proba(model_input)[:, 1]
        schema, threshold = self._champion.schema, self._champion.threshold
        values = schema.positive_class, schema.negative_class
        decided = [values[0] if p >= threshold else values[1] for p in positive]
        columns = {"probability": positive, "decision": decided}
        return pd.DataFrame(columns, model_input.index)


def read(path: Path) -> Champion:
    """Read a candidate's file, as one that would serve.

    Raises:
        DataError: It cannot be read, or is no network of this project.
    """
    return Champion(Artifact.read(path), "kedro run")


def _load_pyfunc(path: str) -> Model:
    """Load the model; MLflow calls this."""
    return Model(read(Path(path)))
