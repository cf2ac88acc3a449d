"""Build a network, from raw sequence to probability, with the scaling inside.

Stock Keras layers only, so that a saved file loads anywhere with safe mode on.
"""

from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops

from tabular_lstm.parameters import Network, Stacked
from tabular_lstm.schema import Schema

CLIP = 5.0
FLOAT32 = np.finfo(np.float32)


def build(schema: Schema, network: Network, seed: int) -> keras.Model:
    """Build the network of the declared kind.

    Args:
        schema: Gives the shape of a sequence and each feature's scale.
        network: The kind and its options.
        seed: Of the initial weights and the dropout. Sets Keras' global seed, because stock
            layers draw their own seeds from it.

    Returns:
        An uncompiled model, (rows, steps, features_per_step) to (rows, 1): raw values in, NaN
        where missing, the probability of the positive class out.
    """
    keras.utils.set_random_seed(seed)
    kinds: dict[str, Callable[[], keras.Model]] = {
        "stacked": lambda: stacked(schema, network.stacked),
        "tutorial": lambda: tutorial(schema),
    }
    return kinds[network.kind]()


def stacked(schema: Schema, options: Stacked) -> keras.Model:
    """Scale, then LSTMs on top of each other, each with dropout and normalization behind it."""
    inputs = keras.Input((schema.steps, schema.features_per_step), name="sequence")
    hidden = scaled(inputs, schema)
    # Unrolled steps spare TensorFlow a loop; long sequences would make the graph too large.
    unroll = schema.steps <= 32
    for place, units in enumerate(options.units, 1):
        deeper = place < len(options.units)
        lstm = layers.LSTM(units, return_sequences=deeper, unroll=unroll)
        hidden = (layers.Bidirectional(lstm) if options.bidirectional else lstm)(hidden)
        if options.normalization == "layer":
            hidden = layers.LayerNormalization()(hidden)
        elif options.normalization == "batch":
            hidden = layers.BatchNormalization()(hidden)
        hidden = layers.Dropout(options.dropout)(hidden)
    outputs = layers.Dense(1, activation="sigmoid", name="probability")(hidden)
    return keras.Model(inputs, outputs, name="stacked")


def scaled(inputs: keras.KerasTensor, schema: Schema) -> keras.KerasTensor:
    """Standardize each slot, put 0 (the mean) for a missing value and for a padded slot.

    Values beyond five standard deviations are clipped, so that one wild cell cannot saturate
    the network.
    """

    def slots(values: np.ndarray) -> list[list[float]]:
        """Lay one value a feature out like a sequence, 0 in padded slots."""
        padded: list[list[float]] = (
            np.pad(values, (0, schema.padded_slots))
            .reshape(schema.steps, schema.features_per_step)
            .tolist()
        )
        return padded

    # Not Keras' Normalization, which takes deviations below 1e-7 for noise: units are free.
    scale = np.clip(1 / np.sqrt(schema.variance), FLOAT32.tiny, FLOAT32.max)
    centered = layers.Rescaling(1.0, slots(-np.array(schema.mean)), name="center")(inputs)
    standardized = layers.Rescaling(slots(scale), name="scale")(centered)
    return ops.clip(ops.where(ops.isnan(standardized), 0.0, standardized), -CLIP, CLIP)


def tutorial(schema: Schema) -> keras.Model:
    """Build the tutorial's network to the letter: no scaling, one unit to an LSTM."""
    return keras.Sequential(
        [
            keras.Input((schema.steps, schema.features_per_step)),
            layers.LSTM(1, activation="relu", dropout=0.4, return_sequences=True),
            layers.BatchNormalization(),
            layers.LSTM(1),
            layers.BatchNormalization(),
            layers.Dense(1, activation="sigmoid"),
        ],
        name="tutorial",
    )
