"""Networks of one's own, as a project's functions build them: usable ones, and others."""

import sys
from typing import Any

import keras
from keras import layers

from tabular_lstm.network.own_network import OwnNetwork
from tabular_lstm.parameters.hyperparameters import NetworkOptions
from tabular_lstm.rows.schema import Schema

Shape = tuple[int, int]


def own(function: str, schema: Schema, seed: int = 0, **options: Any) -> OwnNetwork:
    """Build the network of one of these functions."""
    path = f"{__name__}.{function}" if function.isidentifier() else function
    return OwnNetwork.built(schema, NetworkOptions(kind="keras", build=path, **options), seed)


def around(middle: Any, shape: Shape, outputs: int) -> Any:
    """A functional model with a layer in its middle."""
    sequence = keras.Input(shape)
    return keras.Model(sequence, layers.Dense(outputs)(layers.Flatten()(middle(sequence))))


def dense(schema: Schema, shape: Shape, seed: int) -> Any:
    return around(layers.Dense(8, activation="relu"), shape, schema.task.outputs)


def with_dropout(schema: Schema, shape: Shape, seed: int) -> Any:
    return around(layers.Dropout(0.5), shape, schema.task.outputs)


def recurrent(schema: Schema, shape: Shape, seed: int) -> Any:
    """It replaces missing values itself, and draws dropout."""
    sequence = keras.Input(shape)
    known = keras.ops.nan_to_num(sequence[:, :, :])
    missing = keras.ops.cast(keras.ops.isnan(sequence), "float32")
    states = layers.Bidirectional(layers.GRU(4))(layers.Concatenate()([known, missing]))
    return keras.Model(sequence, layers.Dense(schema.task.outputs)(layers.Dropout(0.2)(states)))


@keras.saving.register_keras_serializable("somebody")
class Registered(layers.Layer):
    def call(self, sequence: Any) -> Any:
        return sequence


class Foreign(layers.Dense):
    pass


@keras.saving.register_keras_serializable("somebody")
def registered_function(x: Any) -> Any:
    return x


def with_lambda(schema: Schema, shape: Shape, seed: int) -> Any:
    return around(layers.Lambda(lambda x: x, name="mine"), shape, schema.task.outputs)


def with_registered_class(schema: Schema, shape: Shape, seed: int) -> Any:
    return around(Registered(name="mine"), shape, schema.task.outputs)


def with_own_class(schema: Schema, shape: Shape, seed: int) -> Any:
    return around(Foreign(4, name="mine"), shape, schema.task.outputs)


def with_registered_function(schema: Schema, shape: Shape, seed: int) -> Any:
    middle = layers.Dense(4, activation=registered_function, name="mine")
    return around(layers.TimeDistributed(middle), shape, schema.task.outputs)


def with_two_outputs(schema: Schema, shape: Shape, seed: int) -> Any:
    return around(layers.Dense(4), shape, schema.task.outputs + 1)


def with_listed_output(schema: Schema, shape: Shape, seed: int) -> Any:
    model = dense(schema, shape, seed)
    return keras.Model(model.input, [model.output])


def leaving(schema: Schema, shape: Shape, seed: int) -> Any:
    sys.exit(0)


def with_other_input(schema: Schema, shape: Shape, seed: int) -> Any:
    return around(layers.Dense(4), (*shape, 1), schema.task.outputs)


def sequential(schema: Schema, shape: Shape, seed: int) -> Any:
    return keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(1)])


def number(schema: Schema, shape: Shape, seed: int) -> Any:
    return 7


def failing(schema: Schema, shape: Shape, seed: int) -> Any:
    raise ArithmeticError("no such layer")
