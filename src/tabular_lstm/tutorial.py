"""The tutorial's network, an example of your own network: `conf/tutorial` names its function."""

import keras
from keras import layers

from tabular_lstm.rows.schema import Schema


def two_lstms(schema: Schema, shape: tuple[int, int], seed: int) -> keras.Model:
    """Build two LSTMs of one unit on raw values; the output is a logit.

    Args:
        schema: Not used: no number is scaled, and no missing value is replaced.
        shape: (steps, features per step).
        seed: Not used: layers take their seeds from Keras' global one.

    Shape:
        (rows, steps, features per step) to (rows, 1).
    """
    network = keras.Sequential(
        [
            keras.Input(shape),
            layers.LSTM(1, activation="relu", dropout=0.4, return_sequences=True),
            layers.BatchNormalization(),
            layers.LSTM(1),
            layers.BatchNormalization(),
            layers.Dense(1),
        ]
    )
    return keras.Model(network.inputs, network.outputs[0], name="tutorial")
