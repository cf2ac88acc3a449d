"""Train a network reproducibly, to the last bit, and predict with it.

The members of an ensemble, or of a group, train together, epoch by epoch, until each has stopped.
Each member has a fold, an eighth of the train rows, from which it never learns. The loss on this
fold decides when the member stops and which epoch's weights it keeps. Calibration and decision
threshold are learned from the outputs on the folds.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tabular_lstm.engine import Workers, one_by_one
from tabular_lstm.errors import counted
from tabular_lstm.files import sha256
from tabular_lstm.network.build import LSTMEnsemble
from tabular_lstm.network.kinds import asked_for, blend, weigh
from tabular_lstm.network.member_training import (
    DivergedError,
    Task,
    Trained,
    merge,
    split,
    train_group,
)
from tabular_lstm.network.offset import Offset
from tabular_lstm.network.outputs import outputs_of
from tabular_lstm.network.plan import Plan, batch_size, epochs, plan_training
from tabular_lstm.network.score import score, score_changed
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.parameters import Training
from tabular_lstm.progress import progress
from tabular_lstm.rows.histories import Histories, Sequences, table_of

logger = logging.getLogger(__name__)

# Rows that `score_changed` predicts in about twenty seconds.
CHANGES = 2_500_000


def train(
    network: keras.Model,
    sequences: Sequences,
    labels: np.ndarray,
    training: Training,
    weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    workers: Workers = one_by_one,
) -> tuple[keras.Model, dict[str, Any]]:
    """Train a copy of the network on its task's loss, see `tabular_lstm.network.outputs`.

    Args:
        network: From `build`; it is not changed.
        sequences: float32 (rows, steps, features_per_step), NaN where missing; or histories.
        labels: (rows,), the numbers of the classes, or the labels of the task "number".
        training: The parameters.
        weights: float64 (rows,), above 0, of mean 1: how much each row counts. Default: all alike.
        groups: int (rows,), each row's group, numbered from 0; a group's rows are in one fold.
            Default: each row is a group of its own. Not for the network `tutorial`, which has no
            folds.
        workers: What trains the groups of members if `training.groups` is above 1. Default: this
            process, one after the other.

    Returns:
        The trained model and its history: `loss` per epoch on the training rows; `best_epoch`,
        counted from 1, whose weights the model has; for two classes, `decision_threshold`; for a
        number, `coverage`.

        An ensemble's losses are means over its members. Its history also has `validation_loss`, the
        calibrated losses on the members' folds; `best_epochs` of the members, whose median is
        `best_epoch`; for classes, `temperature`; `out_of_fold_log_loss` (a number:
        `out_of_fold_quantile_loss`); `kinds`, see `kinds.Kind`; `asked_for`, see `kinds.asked_for`.

    Raises:
        DivergedError: A loss is not finite.
    """
    if not isinstance(network, LSTMEnsemble):
        return _train_tutorial(network, sequences, labels, training, weights)
    config, options = network.get_config(), network.options
    of = outputs_of(network.schema.task)
    targets = of.targets(labels, network.schema)
    features, kinds = table_of(sequences).shape[1], len(options.frequency_scale)
    strata = of.strata(targets)
    lengths = sequences.lengths if isinstance(sequences, Histories) else None
    plan = plan_training(
        options.count, strata, features, training, groups, kinds, of.speed, lengths
    )
    offset, learned = None, targets
    if network.schema.target is not None and isinstance(sequences, Histories):
        slots = network.embed.slots
        offset = Offset.of(sequences, slots, targets, weights, plan.fold)
        learned = offset.rest(targets)
    rows = sequences, learned, training, weights
    task = Task(config, network.get_weights(), *rows, plan)
    parts = split(options.count, training.groups)
    done = dict(progress(workers(train_group, task, parts), "Groups of members", len(parts)))
    trained = merge([done[place] for place in range(len(parts))])
    losses, best = trained.losses["loss"], trained.best_epochs
    if not (np.isfinite(losses).all() and all(best)):
        raise DivergedError(losses, training)
    logger.info(
        "Trained for %s; each member keeps the weights of its best epoch: %s",
        counted(len(losses), "epoch"),
        best,
    )
    if offset is not None:
        trained = offset.taken_in(trained, plan)
    candidate, found = _calibrated(network, trained, plan, targets, training, weights)
    return candidate, trained.losses | found


def _calibrated(
    network: LSTMEnsemble,
    trained: Trained,
    plan: Plan,
    targets: np.ndarray,
    training: Training,
    weights: np.ndarray | None,
) -> tuple[LSTMEnsemble, dict[str, Any]]:
    """Weigh the kinds, calibrate their mean, choose the threshold; all by out-of-fold outputs."""
    of, options = outputs_of(network.schema.task), network.options
    seen, of_kinds = _out_of_fold(trained.outputs, plan.held_out, options.members)
    targets = targets[seen]
    of_seen = None if weights is None else weights[seen]
    kinds = weigh(of, targets, of_kinds, options.frequency_scale, of_seen)
    kept, outputs, blended = blend(kinds, of_kinds, trained.weights)
    if len(kept) == 1:  # already calibrated
        temperature = kinds[kept[0]].temperature
    else:
        temperature = of.fit_temperature(targets, outputs, of_seen)
    loss = np.average(of.losses(targets, outputs / temperature), weights=of_seen)
    calibration = of.calibration(targets, outputs, temperature, training, of_seen)
    learned = {
        "options": options.of_kinds(kept).model_dump(),
        "training": training.model_dump(),
        **calibration.model_dump(mode="json"),
    }
    candidate = LSTMEnsemble.from_config(network.get_config() | learned)
    candidate.set_weights(blended)
    best_epochs = np.reshape(trained.best_epochs, (len(kinds), -1))[kept].ravel()
    # Only relations to numbers are smooth or sharp.
    asked = asked_for(kinds) if len(network.embed.slots.numeric) else ""
    return candidate, {
        "best_epoch": int(np.median(best_epochs)),
        "best_epochs": best_epochs.tolist(),
        **of.history(calibration),
        f"out_of_fold_{of.loss}": float(loss),
        "kinds": [kind.as_history(of) for kind in kinds],
        "asked_for": asked,
    }


def _train_tutorial(
    network: keras.Model,
    sequences: Sequences,
    labels: np.ndarray,
    training: Training,
    weights: np.ndarray | None,
) -> tuple[keras.Model, dict[str, Any]]:
    """Train the tutorial's network with Keras' own `fit`, all epochs on all rows."""
    keras.utils.set_random_seed(training.seed)
    tf.config.experimental.enable_op_determinism()
    model = keras.models.clone_model(network)
    model.set_weights(network.get_weights())
    size = training.batch_size or batch_size(len(labels))
    limit = training.epochs or epochs(len(labels), sequences[0].size)
    model.compile(
        loss="binary_crossentropy",
        optimizer=keras.optimizers.Adam(training.learning_rate),
        # An epoch is one call into TensorFlow; XLA would compile longer than the training takes.
        steps_per_execution=-(-len(labels) // size),
        jit_compile=False,
    )
    fit = model.fit(
        sequences,
        labels,
        sample_weight=weights,
        epochs=limit,
        batch_size=size,
        verbose=0,
    )
    losses = fit.history["loss"]
    if not np.isfinite(losses).all():
        raise DivergedError(losses, training)
    return model, {"loss": losses, "best_epoch": limit, "decision_threshold": 0.5}


def fingerprint(model: keras.Model) -> str:
    """Hash what a candidate has learned: its weights and, for an ensemble, its calibration."""
    learned = list(model.get_weights())
    if isinstance(model, LSTMEnsemble):
        learned.append(model.calibration.numbers)
    return sha256(b"".join(array.tobytes() for array in learned))


def predict(model: keras.Model, sequences: Sequences) -> np.ndarray:
    """Predict, see `outputs.predictions`.

    Args:
        model: A candidate.
        sequences: float32 (rows, steps, features_per_step), NaN where missing; or histories.
    """
    if isinstance(model, LSTMEnsemble):
        return score(Scorer.of(model), sequences)
    if not len(sequences):
        return np.empty(0)
    probabilities = model.predict(sequences, batch_size=4096, verbose=0)
    return np.asarray(probabilities, np.float64)[:, 0]


def predict_changed(
    model: keras.Model, sequences: Sequences, changes: Iterable[tuple[int, np.ndarray]]
) -> Iterator[np.ndarray]:
    """Predict once for each change of one slot: `score.score_changed` for any model."""
    if isinstance(model, LSTMEnsemble):
        yield from score_changed(Scorer.of(model), sequences, changes)
        return
    for slot, values in changes:
        changed = np.tile(table_of(sequences), (len(values), 1))
        changed[:, slot] = values.ravel()
        yield predict(model, changed.reshape(-1, *sequences.shape[1:])).reshape(values.shape)


def _out_of_fold(
    outputs: Sequence[np.ndarray], held_out: Sequence[np.ndarray], of_kind: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Average the out-of-fold outputs of each kind, which has `of_kind` members.

    Returns:
        The numbers of the rows that are in a fold, and for each kind their outputs, (rows, o).
    """
    seen, places = np.unique(np.concatenate(held_out[:of_kind]), return_inverse=True)
    count = np.bincount(places)
    of_kinds = []
    for start in range(0, len(outputs), of_kind):
        columns = np.concatenate(outputs[start : start + of_kind]).T
        of_kinds.append(np.stack([np.bincount(places, one) / count for one in columns], 1))
    return seen, of_kinds
