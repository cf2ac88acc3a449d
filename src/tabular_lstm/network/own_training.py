"""Train a network of one's own: one model without each fold; their mean is the candidate.

The loss on the rows of its fold stops a model and decides which epoch's weights it keeps. The
calibration comes from the outputs on the folds.
"""

import logging
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tabular_lstm.errors import DataError
from tabular_lstm.network.member_training import DivergedError, mean_by_epoch
from tabular_lstm.network.outputs import Calibration, outputs_of
from tabular_lstm.network.own_network import OwnNetwork, Settings, computed_by
from tabular_lstm.network.plan import PATIENCE, assign_folds, batch_size, epochs
from tabular_lstm.parameters.hyperparameters import TrainingOptions
from tabular_lstm.progress import progress

logger = logging.getLogger(__name__)

MISSING_ADVICE = (
    "If the network gets missing values, which are NaN, let it replace them, or set "
    "network.standardized: true."
)
# Weights that are no kernels; AdamW does not shrink them.
NOT_SHRUNK = ["bias", "gamma", "beta"]


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
        DataError: All rows are one group, so that no fold can be held out.
        DivergedError: A loss is not finite.
    """
    keras.utils.set_random_seed(training.seed)
    tf.config.experimental.enable_op_determinism()
    schema, folds = network.schema, network.settings.options.folds
    task, task_outputs = schema.task, outputs_of(schema.task)
    targets = task_outputs.targets(labels, schema)
    data = network.inputs(sequences), targets, np.ones(len(labels)) if weights is None else weights
    if not folds:
        model, losses = _fitted(network, data, np.ones(len(labels), bool), training)
        # As `Outputs.calibration` gives, without what is learned.
        calibration = Calibration(
            **({"threshold": 0.5} if task.has_threshold else {}),
            **({} if task.classes else {"coverage": training.coverage}),
            costs=training.objective.cost_matrix,
        )
        history = {"best_epoch": len(losses["loss"]), **calibration.in_history}
        return _candidate(network, model, training, calibration), losses | history
    fold = assign_folds(task_outputs.strata(targets), groups, folds, training.seed)
    if not fold.any():
        raise DataError(
            f"network.folds = {folds}: all train rows are one group, so that no fold can be held "
            "out. Set network.folds: 0, or leave out columns.group."
        )
    outputs = np.empty((len(labels), task.outputs))
    models, histories = [], []
    for number in progress(range(int(fold.max()) + 1), "Folds", int(fold.max()) + 1):
        model, losses = _fitted(network, data, fold != number, training)
        outputs[fold == number] = computed_by(model, data[0][fold == number])
        model.name = f"{model.name}_{number + 1}"
        models.append(model)
        histories.append(losses)
    inputs = keras.Input(sequences.shape[1:], name="sequence")
    mean = keras.layers.Average(name="mean")([model(inputs) for model in models])
    model = keras.Model(inputs, mean, name="network")
    calibration, loss = task_outputs.calibrated(targets, outputs, training, weights)
    best_epochs = [int(np.argmin(losses["validation_loss"])) + 1 for losses in histories]
    logger.info("Trained %d networks; each keeps its best epoch: %s", len(models), best_epochs)
    return _candidate(network, model, training, calibration), {
        **{name: mean_by_epoch([losses[name] for losses in histories]) for name in histories[0]},
        "best_epoch": int(np.median(best_epochs)),
        "best_epochs": best_epochs,
        **calibration.in_history,
        f"out_of_fold_{task.traits.loss}": loss,
        "objective": training.objective.kind,
    }


def _candidate(
    network: OwnNetwork, model: Any, training: TrainingOptions, calibration: Calibration
) -> OwnNetwork:
    settings = network.settings
    trained = Settings(
        schema=settings.layout, options=settings.options, training=training, calibration=calibration
    )
    return OwnNetwork.of(model, trained, network.file)


def _fitted(
    network: OwnNetwork,
    data: tuple[np.ndarray, np.ndarray, np.ndarray],
    is_learned: np.ndarray,
    training: TrainingOptions,
) -> tuple[Any, dict[str, list[float]]]:
    """Train one copy: on the chosen rows, stopped by the others, if there are any."""
    model, task_outputs = network.loaded(), outputs_of(network.schema.task)
    learned, held_out = (tuple(part[rows] for part in data) for rows in (is_learned, ~is_learned))
    sequences, targets, weights = learned
    rows, features = len(targets), sequences[0].size
    size = training.batch_size or batch_size(rows)
    optimizer = keras.optimizers.AdamW(training.learning_rate, training.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=NOT_SHRUNK)
    # It shares the weights; the model itself stays uncompiled, as it is saved.
    trainer = keras.Model(model.inputs, model.outputs[0])
    trainer.compile(
        loss=lambda y, outputs: task_outputs.tensor_losses(tf, tf.reshape(y, [-1]), outputs),
        optimizer=optimizer,
        # An epoch is one call into TensorFlow; XLA would compile longer than the training takes.
        steps_per_execution=-(-rows // size),
        jit_compile=False,
    )
    stop = keras.callbacks.EarlyStopping(
        patience=training.patience or PATIENCE, restore_best_weights=True
    )
    fit = trainer.fit(
        sequences,
        targets,
        sample_weight=weights,
        epochs=training.epochs or epochs(rows, features, task_outputs.speed),
        batch_size=size,
        verbose=0,
        **({} if is_learned.all() else {"validation_data": held_out, "callbacks": [stop]}),
    )
    losses = {name.replace("val_", "validation_"): fit.history[name] for name in fit.history}
    if not np.isfinite([*losses.values()]).all():
        raise DivergedError(losses["loss"], training, MISSING_ADVICE)
    return model, losses
