"""Build a network: an ensemble of LSTMs, or the tutorial's network.

An `LSTMEnsemble` turns a raw row into a prediction. Its configuration holds the schema, the
calibration and the decision threshold, and is in the same `.keras` file as its weights.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tabular_lstm.frozen import Stored
from tabular_lstm.network.calibration import Calibration
from tabular_lstm.network.layers import Embed, ReadOut, Recur, backwards
from tabular_lstm.network.outputs import outputs_of
from tabular_lstm.network.slots import CLIP, Slots
from tabular_lstm.parameters import Ensemble, Network
from tabular_lstm.rows.histories import PADDING
from tabular_lstm.rows.schema import Schema


@keras.saving.register_keras_serializable("tabular_lstm")
class LSTMEnsemble(keras.Model):  # type: ignore[misc]
    """k networks of three layers (embed, recur, read out); their mean output is calibrated.

    Args:
        schema: A `Schema` as plain JSON.
        options: An `Ensemble` as plain JSON.
        training: Its `Training` parameters as plain JSON, for the record.
        format: The number of the file's format; any but 1 is a ValueError. Default: 1.
        temperature, threshold, costs, residuals, coverage: See `Calibration`. Default:
            uncalibrated.

    Shape:
        (n, T, F) to (n, o). Input: raw values. Output: the probability of the positive class (two
        classes), the probability of each class (more classes), or quantiles of the label,
        standardized by the schema's target (a number).
    """

    def __init__(
        self,
        schema: dict[str, Any],
        options: dict[str, Any],
        training: dict[str, Any] | None = None,
        *,
        name: str = "ensemble",
        format: int = 1,
        **calibration: Any,
    ) -> None:
        super().__init__(name=name)
        self.format = Stored.model_validate({"format": format}).format
        self.schema = Schema.model_validate(schema)
        self.options = Ensemble.model_validate(options)
        self.training = training
        self.calibration = Calibration.model_validate(calibration)
        k, units = self.options.count, self.options.units
        self.embed = Embed(self.schema, self.options, name="embed")
        sizes = [self.schema.features_per_step * self.options.dimensions, *(2 * u for u in units)]
        self.recur = [
            Recur(k, inputs, u, name=f"recur_{place}")
            for place, (inputs, u) in enumerate(zip(sizes[:-1], units, strict=True), 1)
        ]
        outputs, dropout = self.schema.task.outputs, self.options.dropout
        wide = self.embed.slots.wide if self.schema.history else 0
        self.read_out = ReadOut(k, units[-1], outputs, dropout, wide, name="read_out")
        self.built = True

    def member_outputs(self, sequences: Any, dropout_seed: Any = None, dropped: Any = None) -> Any:
        """Compute each member's outputs for its own rows: (k or 1, n, T, F) to (k, n, o).

        Histories are a pair: rows (k or 1, rows, F) and places (k or 1, n, T), see
        `tabular_lstm.rows.histories.Compact`.
        """
        lengths = places = wide = None
        if self.schema.history is not None:
            rows, places = sequences
            wide = summaries(rows, places, self.embed.slots)
            if places.shape[0] != self.options.count:
                places = tf.repeat(places, self.options.count, 0)
            lengths = tf.reduce_sum(tf.cast(places >= 0, tf.int32), 2)
            sequences = rows[:, :, None]
        steps = self.embed(sequences, dropout_seed, dropped)
        states = self.recur[0](steps, lengths, places)
        for recur in self.recur[1:]:
            forward, backward = states
            states = recur(tf.concat([forward, backwards(backward, lengths)], -1), lengths)
        return self.read_out(states, dropout_seed, lengths, wide)

    def call(self, sequences: Any, training: bool = False) -> Any:
        """Average all members' outputs for the same rows, (n, T, F); see the class."""
        given = sequences[None]
        if self.schema.history is not None:
            are_rows = tf.reshape(sequences[..., 0] != PADDING, [-1])
            places = tf.where(are_rows, tf.range(tf.size(are_rows)), -1)
            rows = tf.reshape(sequences, (1, -1, sequences.shape[-1]))
            given = rows, tf.reshape(places, (1, *tf.unstack(tf.shape(sequences)[:2])))
        outputs = tf.reduce_mean(self.member_outputs(given), 0)
        return outputs_of(self.schema.task).activated(tf, outputs / self.calibration.temperature)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "name": self.name,
            "format": self.format,
            "schema": self.schema.model_dump(),
            "options": self.options.model_dump(),
            "training": self.training,
            **self.calibration.model_dump(mode="json"),
        }


def summaries(rows: Any, places: Any, slots: Slots) -> Any:
    """Summarize each history's numbers and scores: the last known one, the one before it, mean.

    Shape:
        Rows (k or 1, rows, F) and places (k or 1, n, T) to standardized values (k or 1, n,
        `slots.wide`), 0 where no value is known.
    """
    z = (tf.gather(rows, slots.numeric, axis=2) - slots.center[:, 0]) * slots.scale[:, 0]
    z = tf.clip_by_value(z, -CLIP, CLIP)
    if len(slots.scored):
        z = tf.concat([z, scores(tf.gather(rows, slots.scored, axis=2), slots)], 2)
    z = tf.gather(z, tf.maximum(places, 0), batch_dims=1)
    known = (places >= 0)[..., None] & ~tf.math.is_nan(z)
    z = tf.where(known, z, 0.0)
    rank = tf.math.cumsum(tf.cast(known, tf.int32), 2, reverse=True)
    last = [tf.reduce_sum(tf.where(rank == place, z, 0.0), 2) for place in (1, 2)]
    count = tf.maximum(tf.cast(rank[:, :, 0], tf.float32), 1.0)
    return tf.concat([*last, tf.reduce_sum(z, 2) / count], -1)


def scores(values: Any, slots: Slots) -> Any:
    """Map the numbers that have scores to these, by `slots.knots`: (k or 1, rows, M) to the same.

    A skewed number, such as an income, says more by its score: what is ten times as much lies at
    the same distance whether it is small or large.

    Source: Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data", NeurIPS 2021 (the
    quantile transformation).
    """
    starts, of_starts = slots.knots
    with np.errstate(all="ignore"):  # of repeated and of very close values
        slopes = np.nan_to_num(np.diff(of_starts) / np.diff(starts))
    by_number = tf.transpose(values, [2, 0, 1])
    flat = tf.reshape(by_number, (len(starts), -1))
    flat = tf.clip_by_value(flat, starts[:, :1], starts[:, -1:])
    piece = tf.clip_by_value(tf.searchsorted(starts, flat, "right") - 1, 0, slopes.shape[1] - 1)
    start, score, slope = (
        tf.gather(tf.constant(of), piece, batch_dims=1) for of in (starts, of_starts, slopes)
    )
    found = tf.reshape(score + (flat - start) * slope, tf.shape(by_number))
    return tf.transpose(found, [1, 2, 0])


def build(schema: Schema, network: Network, seed: int) -> keras.Model:
    """Build the network of the declared kind.

    Args:
        schema: Gives the shape of a sequence and what is known about each feature.
        network: The kind and its options.
        seed: Seed of the initial weights.

    Returns:
        An uncompiled model, see `LSTMEnsemble`. The tutorial's network gives the probability of the
        positive class.
    """
    if network.kind == "tutorial":
        return _build_tutorial(schema, seed)
    model = LSTMEnsemble(schema.model_dump(), network.ensemble.model_dump(), name="ensemble")
    initialize(model, seed)
    return model


def _build_tutorial(schema: Schema, seed: int) -> keras.Model:
    """Build exactly the tutorial's network from Keras' layers: no scaling, LSTMs with one unit.

    Sets Keras' global seed, because Keras' layers take their seeds from it.
    """
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((schema.steps, schema.features_per_step)),
            keras.layers.LSTM(1, activation="relu", dropout=0.4, return_sequences=True),
            keras.layers.BatchNormalization(),
            keras.layers.LSTM(1),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1, activation="sigmoid"),
        ],
        name="tutorial",
    )


def initialize(model: LSTMEnsemble, seed: int) -> None:
    """Set random initial weights; each member has its own random generator.

    The embedding's weights are normal or uniform, an LSTM's recurrent kernel is orthogonal, and the
    other kernels are Glorot uniform.
    """
    options, weights = model.options, []
    streams = [np.random.default_rng([seed, member]) for member in range(options.count)]
    for weight in model.weights:
        layer, name = weight.path.split("/")[-2:]
        draws = [
            _initial(layer, name, weight.shape[1:], options, scale, rng)
            for (scale, _), rng in zip(options.each, streams, strict=True)
        ]
        weights.append(np.stack(draws))
    model.set_weights(weights)


def _initial(
    layer: str,
    name: str,
    shape: tuple[int, ...],
    options: Ensemble,
    scale: float,
    rng: np.random.Generator,
) -> np.ndarray:
    if layer == "embed":
        spread = {"frequency": scale, "vectors": 0.5}
        if name in spread:
            value = rng.normal(0, spread[name], shape)
        else:
            value = rng.uniform(-1, 1, shape) / np.sqrt(2 * options.frequencies + 2)
        if name == "kernel":
            value[:, -1] = 0  # if training has no missing number, a missing one acts as the mean
    elif name == "bias":
        value = np.zeros(shape)
    elif name == "recurrent":
        directions, units, gates = shape
        draws = (rng.normal(size=(gates, units)) for _ in range(directions))
        value = np.stack([np.linalg.qr(draw)[0].T for draw in draws])
    else:
        value = rng.uniform(-1, 1, shape) * np.sqrt(6 / (shape[-2] + shape[-1]))
        if layer == "read_out":
            value[4 * options.units[-1] :] = 0  # weights of the summaries
    return value.astype(np.float32)
