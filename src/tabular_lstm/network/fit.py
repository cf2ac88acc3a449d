"""Train a network, the same way to the bit each time, and predict with it."""

import logging
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.model_selection import train_test_split

from tabular_lstm.parameters import Training

logger = logging.getLogger(__name__)

PREDICT_BATCH = 4096
SECONDS_BETWEEN_LINES = 1.0


def train(
    network: keras.Model, sequences: np.ndarray, labels: np.ndarray, training: Training
) -> tuple[keras.Model, dict[str, Any]]:
    """Train a copy of the network by Adam on the binary cross-entropy.

    Args:
        network: From `build`; left as it is.
        sequences: float32 (rows, steps, features_per_step), NaN where missing.
        labels: float32 (rows,), 1 for the positive class.
        training: Epochs, batch size and the like.

    Returns:
        The trained model, and the history: `loss` and `accuracy` per epoch, as means over the
        epoch's batches, `validation_loss` and `validation_accuracy` if rows were kept back for
        it, and `best_epoch`, counted from 1, whose weights the model has.
    """
    keras.utils.set_random_seed(training.seed)
    tf.config.experimental.enable_op_determinism()
    model = keras.models.clone_model(network)
    model.set_weights(network.get_weights())
    fitted, validation = _validation_split(labels, training)
    steps = -(-len(fitted) // training.batch_size)
    _compile(model, training.learning_rate, steps)
    callbacks: list[keras.callbacks.Callback] = [_Progress(training.epochs)]
    validation_data = None
    if len(validation):
        validation_data = (sequences[validation], labels[validation])
        callbacks.append(
            keras.callbacks.EarlyStopping(patience=training.patience, restore_best_weights=True)
        )
    logger.info(
        "Training on %d rows, %d kept back to stop early; %d steps an epoch, %d epochs at most",
        len(fitted),
        len(validation),
        steps,
        training.epochs,
    )
    fit = model.fit(
        sequences[fitted],
        labels[fitted],
        epochs=training.epochs,
        batch_size=training.batch_size,
        validation_data=validation_data,
        validation_batch_size=PREDICT_BATCH,
        callbacks=callbacks,
        verbose=0,
    )
    history = _history(fit.history)
    logger.info(
        "Trained for %d epochs; the weights of epoch %d stay",
        len(history["loss"]),
        history["best_epoch"],
    )
    return model, history


def predict(model: keras.Model, sequences: np.ndarray) -> np.ndarray:
    """Give the probability of the positive class.

    Args:
        model: A candidate.
        sequences: float32 (rows, steps, features_per_step), NaN where missing.

    Returns:
        float64 (rows,).
    """
    if not len(sequences):
        return np.empty(0)
    probabilities = model.predict(sequences, batch_size=PREDICT_BATCH, verbose=0)
    return np.asarray(probabilities, np.float64)[:, 0]


def _compile(model: keras.Model, learning_rate: float, steps: int) -> None:
    """Make an epoch one call into TensorFlow; XLA would compile for longer than it trains."""
    model.compile(
        loss="binary_crossentropy",
        optimizer=keras.optimizers.Adam(learning_rate),
        metrics=["accuracy"],
        steps_per_execution=steps,
        jit_compile=False,
    )


def _validation_split(labels: np.ndarray, training: Training) -> tuple[np.ndarray, np.ndarray]:
    """Keep back a stratified part of the train rows.

    Where the rows are too few for both classes on both parts, none is kept back.
    """
    rows = np.arange(len(labels))
    kept_back = round(training.validation_fraction * len(labels))
    smallest_class = min(int(labels.sum()), int(len(labels) - labels.sum()))
    if not 2 <= kept_back <= len(labels) - 2 or smallest_class < 2:
        return rows, rows[:0]
    fitted, validation = train_test_split(
        rows, test_size=kept_back, stratify=labels, random_state=training.seed
    )
    if len({*labels[fitted]}) < 2 or len({*labels[validation]}) < 2:
        return rows, rows[:0]
    return fitted, validation


def _history(logs: dict[str, list[float]]) -> dict[str, Any]:
    history = {name.replace("val_", "validation_"): values for name, values in logs.items()}
    watched = history.get("validation_loss")
    best = int(np.argmin(watched)) + 1 if watched else len(history["loss"])
    return {**history, "best_epoch": best}


class _Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """Log a line an epoch, at most one a second, without control characters."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs
        self.first_epoch_ended = self.last_line = 0.0
        self.best = np.inf

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Say how far training is and how long it may still take."""
        logs = logs or {}
        watched = logs.get("val_loss", logs["loss"])
        self.best = min(self.best, watched)
        now = time.monotonic()
        done = epoch + 1
        if done == 1:
            self.first_epoch_ended = now
        elif done < self.epochs and now - self.last_line < SECONDS_BETWEEN_LINES:
            return
        self.last_line = now
        # The first epoch, most of it compilation, would foretell too long a time.
        left = (now - self.first_epoch_ended) / max(epoch, 1) * (self.epochs - done)
        logger.info(
            "epoch %d of at most %d: loss %.4f%s%s",
            done,
            self.epochs,
            logs["loss"],
            f", validation loss {watched:.4f} (best {self.best:.4f})" if "val_loss" in logs else "",
            f", at most {left:.0f} s left" if done > 1 else "",
        )
