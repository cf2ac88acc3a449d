"""The tutorial's network, as an example of a network of one's own.

`conf/tutorial` names it. An LSTM with one unit reads raw values; its states are read by another.
"""

import keras

from tabular_lstm.rows.schema import Schema


def two_lstms(schema: Schema, shape: tuple[int, int], seed: int) -> keras.Model:
    """Build the network; it gives the logit of the tutorial's probability.

    Args:
        schema: Not used: no number is scaled, and no missing value replaced.
        shape: (steps, features per step).
        seed: Not used: the layers take their seeds from Keras' global one.

    Shape:
        (rows, steps, features per step) to (rows, 1).
    """
    sequence = keras.Input(shape)
    states = keras.layers.LSTM(1, activation="relu", dropout=0.4, return_sequences=True)(sequence)
    states = keras.layers.BatchNormalization()(states)
    state = keras.layers.BatchNormalization()(keras.layers.LSTM(1)(states))
    return keras.Model(sequence, keras.layers.Dense(1)(state), name="tutorial")
