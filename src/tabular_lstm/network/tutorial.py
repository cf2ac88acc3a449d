"""The tutorial's network, as the tutorial builds and trains it."""

import logging
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tabular_lstm.network.plan import batch_size, epochs
from tabular_lstm.parameters import Training
from tabular_lstm.progress import progress_bar
from tabular_lstm.rows.schema import Schema

logger = logging.getLogger(__name__)


def build_tutorial(schema: Schema, seed: int) -> keras.Model:
    """Build exactly the tutorial's network, of Keras' own layers: no scaling, LSTMs of one unit.

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


def train_tutorial(
    network: keras.Model,
    sequences: np.ndarray,
    labels: np.ndarray,
    training: Training,
    weights: np.ndarray | None = None,
) -> tuple[keras.Model, dict[str, Any]]:
    """Train it by Keras' own `fit`, all epochs on all rows."""
    keras.utils.set_random_seed(training.seed)
    tf.config.experimental.enable_op_determinism()
    model = keras.models.clone_model(network)
    model.set_weights(network.get_weights())
    size = training.batch_size or batch_size(len(labels))
    limit = training.epochs or epochs(len(labels), sequences[0].size)
    model.compile(
        loss="binary_crossentropy",
        optimizer=keras.optimizers.Adam(training.learning_rate),
        # An epoch is one call into TensorFlow; XLA would compile for longer than it trains.
        steps_per_execution=-(-len(labels) // size),
        jit_compile=False,
    )
    logger.info("Training on %d rows, %d a step, for %d epochs", len(labels), size, limit)
    with progress_bar("Training", limit, "epoch") as progress:
        fit = model.fit(
            sequences,
            labels,
            sample_weight=weights,
            epochs=limit,
            batch_size=size,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: progress.update())],
            verbose=0,
        )
    history = {"loss": fit.history["loss"], "best_epoch": limit, "decision_threshold": 0.5}
    logger.info("Trained for %d epochs", limit)
    return model, history
