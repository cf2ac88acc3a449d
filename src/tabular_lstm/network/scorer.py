"""What scoring needs of an ensemble, without TensorFlow: schema, options, calibration, weights."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from tabular_lstm.network.calibration import Calibration
from tabular_lstm.network.slots import Slots
from tabular_lstm.parameters import Ensemble
from tabular_lstm.rows.schema import Schema


class EmbedWeights(NamedTuple):
    """float32: (k, N, 1, f), (k, N, 2f + 2, d), (k, N, 1, d), (k, all categories' vectors, d)."""

    frequency: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray
    vectors: np.ndarray


class RecurWeights(NamedTuple):
    """float32, with 2 directions: (k, 2, inputs, 4u), (k, 2, u, 4u), (k, 2, 4u)."""

    kernel: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray


class ReadOutWeights(NamedTuple):
    """float32: (k, 4u, o), (k, o)."""

    kernel: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True, eq=False)
class Scorer:
    """The weights and settings of an ensemble of k members; the arrays are read-only.

    Sizes: N numeric features, f frequencies, d dimensions of a feature's vector, u units of an
    LSTM, o outputs; see `tabular_lstm.network.layers`.

    Attributes:
        training: The ensemble's `Training` parameters as plain JSON, for the record.
        calibration: It turns the ensemble's outputs into predictions and decisions.
        recur: The LSTM layers; the first one reads the input.
    """

    schema: Schema
    options: Ensemble
    training: dict[str, Any] | None
    calibration: Calibration
    embed: EmbedWeights
    recur: tuple[RecurWeights, ...]
    read_out: ReadOutWeights

    @classmethod
    def of(cls, network: Any) -> Self:
        """Copy the current weights and settings of an `LSTMEnsemble`."""
        return cls(
            network.schema,
            network.options,
            network.training,
            network.calibration,
            EmbedWeights(*_copied(network.embed)),
            tuple(RecurWeights(*_copied(recur)) for recur in network.recur),
            ReadOutWeights(*_copied(network.read_out)),
        )

    @property
    def outputs(self) -> int:
        """The number of outputs of a member for one row, o."""
        return self.schema.task.outputs

    @cached_property
    def slots(self) -> Slots:
        """What the schema says about each slot."""
        return Slots.of(self.schema)


def _copied(layer: Any) -> list[np.ndarray]:
    arrays = [np.asarray(weight).astype(np.float32) for weight in layer.weights]
    for array in arrays:
        array.flags.writeable = False
    return arrays
