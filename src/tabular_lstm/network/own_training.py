"""Train a custom network: one model without each fold; their mean is the candidate.

The loss on its fold stops a model and decides which epoch's weights it keeps. The calibration comes
from the outputs on the folds.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tabular_lstm.network.member_training import DivergedError, mean_by_epoch
from tabular_lstm.network.outputs import Calibration, outputs_of
from tabular_lstm.network.own_network import OwnNetwork
from tabular_lstm.network.plan import PATIENCE, assign_folds, batch_size, epochs
from tabular_lstm.parameters.hyperparameters import TrainingOptions
from tabular_lstm.progress import progress


def train_own(
    network: OwnNetwork,
    sequences: np.ndarray,
    labels: np.ndarray,
    training: TrainingOptions,
    weights: np.ndarray | None,
    groups: np.ndarray | None,
) -> tuple[OwnNetwork, dict[str, Any]]:
    """Train copies of the network, see `fit.train`; with `folds: 0` one on all rows, all epochs.

    Raises:
        DivergedError: A loss is not finite.
    """
    keras.utils.set_random_seed(training.seed)
    tf.config.experimental.enable_op_determinism()
    schema, settings = network.schema, network.settings
    task, task_outputs, folds = schema.task, outputs_of(schema.task), settings.options.folds
    targets = task_outputs.targets(labels, schema)
    data = network.inputs(sequences), targets, np.ones(len(labels)) if weights is None else weights
    fold = np.full(len(labels), -1)
    if folds:
        fold = assign_folds(task_outputs.strata(targets), groups, folds, training.seed).astype(int)
    numbers = range(max(1, int(fold.max()) + 1))
    fits = [
        _fitted(network, data, fold != number, training)
        for number in progress(numbers, "Networks", len(numbers))
    ]
    curves = [losses for _, losses in fits]
    history: dict[str, Any] = {name: mean_by_epoch([c[name] for c in curves]) for name in curves[0]}
    if folds:
        outputs, inputs = np.empty((len(labels), task.outputs)), keras.Input(sequences.shape[1:])
        for number, (model, _) in enumerate(fits):
            outputs[fold == number] = network.computed(sequences[fold == number], model)
            model.name = f"network_{number + 1}"
        mean = keras.layers.Average(name="mean")([model(inputs) for model, _ in fits])
        candidate = keras.Model(inputs, mean, name="mean_of_networks")
        calibration, loss = task_outputs.calibrated(targets, outputs, training, weights, schema)
        history[f"out_of_fold_{task.traits.loss}"] = loss
        best = [int(np.argmin(losses["validation_loss"])) + 1 for losses in curves]
        history |= {"best_epochs": best, "best_epoch": int(np.median(best))}
    else:
        candidate, history["best_epoch"] = fits[0][0], len(history["loss"])
        calibration = Calibration(
            **({"threshold": 0.5} if task.has_threshold else {}),
            **({} if task.classes else {"coverage": training.coverage}),
            costs=training.objective.cost_matrix,
        )
    learned = settings.model_copy(update={"training": training, "calibration": calibration})
    history |= {**calibration.in_history, "objective": training.objective.kind}
    return OwnNetwork.of(candidate, learned, network.file), history


def _fitted(
    network: OwnNetwork,
    data: tuple[np.ndarray, np.ndarray, np.ndarray],
    is_learned: np.ndarray,
    training: TrainingOptions,
) -> tuple[Any, dict[str, list[float]]]:
    """Train one copy on the chosen rows; if there are other rows, these stop it."""
    model, task_outputs = network.loaded(), outputs_of(network.schema.task)
    learned, held_out = (tuple(part[rows] for part in data) for rows in (is_learned, ~is_learned))
    sequences, targets, weights = learned
    size = training.batch_size or batch_size(len(targets))
    # It shares the weights; the model itself stays uncompiled, as it is saved.
    trainer = keras.Model(model.inputs, model.outputs[0])
    trainer.compile(
        loss=lambda y, outputs: task_outputs.tensor_losses(tf, tf.reshape(y, [-1]), outputs),
        optimizer=keras.optimizers.AdamW(training.learning_rate, training.weight_decay),
        # An epoch is one call into TensorFlow; XLA would compile longer than the training takes.
        steps_per_execution=-(-len(targets) // size),
        jit_compile=False,
    )
    stop = keras.callbacks.EarlyStopping(
        patience=training.patience or PATIENCE, restore_best_weights=True
    )
    fit = trainer.fit(
        sequences,
        targets,
        sample_weight=weights,
        epochs=training.epochs or epochs(len(targets), sequences[0].size, task_outputs.pace.speed),
        batch_size=size,
        verbose=0,
        **({} if is_learned.all() else {"validation_data": held_out, "callbacks": [stop]}),
    )
    losses = {name.replace("val_", "validation_"): fit.history[name] for name in fit.history}
    if not np.isfinite([*losses.values()]).all():
        advice = (
            "Missing values are NaN: let the network replace them, or set network.standardized."
        )
        raise DivergedError(losses["loss"], training, advice)
    return model, losses
