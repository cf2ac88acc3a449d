"""Train a network, to the same bits each time, and predict with it.

The members of an ensemble, or of a group, train epoch by epoch together, until each has stopped.
Each has an eighth of the train rows, its fold, that it never learns from. The loss there says when
the member stops and which epoch's weights it keeps, and from the outputs there come the calibration
and how to decide.
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
from tabular_lstm.network.outputs import outputs_of
from tabular_lstm.network.plan import Plan, batch_size, epochs, plan_training
from tabular_lstm.network.score import score, score_changed
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.parameters import Training
from tabular_lstm.progress import progress
from tabular_lstm.rows.histories import Sequences, own_rows

logger = logging.getLogger(__name__)

# Rows that are predicted with one slot changed in some twenty seconds, about, on any machine: see
# `score_changed`.
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
        network: From `build`; left as it is.
        sequences: float32 (rows, steps, features_per_step), NaN where missing; or histories.
        labels: (rows,), the number of the class or the label that is a number itself.
        training: The parameters.
        weights: float64 (rows,), above 0, of mean 1: how much each row counts. Default: all alike.
        groups: int (rows,), the number of each row's group, from 0; its rows are in one member's
            fold. Default: each row is its own. Not for the network `tutorial`, which has no folds.
        workers: Who trains the groups of members, if `training.groups` are several. Default: this
            process, one after the other.

    Returns:
        The trained model and its history: `loss` per epoch on the rows trained on, `best_epoch`,
        counted from 1, whose weights the model has, and, of two classes, `decision_threshold`, of a
        number `coverage`.

        An ensemble's losses are means over its members, and there is more: `validation_loss`, of
        each member on its fold, calibrated; `best_epochs` of the members, whose median `best_epoch`
        is; `temperature` of classes; `out_of_fold_log_loss` or, of a number, `out_of_fold_…`;
        `kinds`, see `kinds.Kind`; and what the rows `asked_for`, in words.

    Raises:
        DivergedError: A loss is not finite.
    """
    if not isinstance(network, LSTMEnsemble):
        return _train_tutorial(network, own_rows(sequences), labels, training, weights)
    config, options = network.get_config(), network.options
    of = outputs_of(network.schema.task)
    targets = of.targets(labels, network.schema)
    features, kinds = own_rows(sequences[:1]).size, len(options.frequency_scale)
    lengths = None if isinstance(sequences, np.ndarray) else sequences.lengths
    plan = plan_training(
        options.count, of.strata(targets), features, training, groups, kinds, of.speed, lengths
    )
    task = Task(config, network.get_weights(), sequences, targets, training, weights, plan)
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
    candidate, learned = _calibrated(network, trained, plan, targets, training, weights)
    return candidate, trained.losses | learned


def _calibrated(
    network: LSTMEnsemble,
    trained: Trained,
    plan: Plan,
    targets: np.ndarray,
    training: Training,
    weights: np.ndarray | None,
) -> tuple[LSTMEnsemble, dict[str, Any]]:
    """Weigh the kinds, calibrate their mean outputs and learn to decide, all out of fold."""
    of, options = outputs_of(network.schema.task), network.options
    seen, of_kinds = _out_of_fold(trained.outputs, plan.held_out, options.members)
    targets = targets[seen]
    of_seen = None if weights is None else weights[seen]
    kinds = weigh(of, targets, of_kinds, options.frequency_scale, of_seen)
    kept, outputs, blended = blend(kinds, of_kinds, trained.weights)
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
    return candidate, {
        "best_epoch": int(np.median(best_epochs)),
        "best_epochs": best_epochs.tolist(),
        **of.history(calibration),
        f"out_of_fold_{of.loss}": float(loss),
        "kinds": [kind.as_history(of) for kind in kinds],
        # Of categories alone no relation is smooth or sharp.
        "asked_for": asked_for(kinds) if len(network.embed.slots.numeric) else "",
    }


def _train_tutorial(
    network: keras.Model,
    sequences: np.ndarray,
    labels: np.ndarray,
    training: Training,
    weights: np.ndarray | None,
) -> tuple[keras.Model, dict[str, Any]]:
    """Train the tutorial's network by Keras' own `fit`, all epochs on all rows."""
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
    fit = model.fit(
        sequences, labels, sample_weight=weights, epochs=limit, batch_size=size, verbose=0
    )
    losses = fit.history["loss"]
    if not np.isfinite(losses).all():
        raise DivergedError(losses, training)
    return model, {"loss": losses, "best_epoch": limit, "decision_threshold": 0.5}


def fingerprint(model: keras.Model) -> str:
    """Hash what a candidate has learned: weights and, of an ensemble, its calibration."""
    learned = list(model.get_weights())
    if isinstance(model, LSTMEnsemble):
        learned.append(model.calibration.numbers)
    return sha256(b"".join(array.tobytes() for array in learned))


def predict(model: keras.Model, sequences: Sequences) -> np.ndarray:
    """Give the predictions, see `outputs.predictions`.

    Args:
        model: A candidate.
        sequences: float32 (rows, steps, features_per_step), NaN where missing; or histories.
    """
    if isinstance(model, LSTMEnsemble):
        return score(Scorer.of(model), sequences)
    sequences = own_rows(sequences)
    if not len(sequences):
        return np.empty(0)
    probabilities = model.predict(sequences, batch_size=4096, verbose=0)
    return np.asarray(probabilities, np.float64)[:, 0]


def predict_changed(
    model: keras.Model, sequences: Sequences, changes: Iterable[tuple[int, np.ndarray]]
) -> Iterator[np.ndarray]:
    """Give the predictions again and again, each time with one slot changed.

    See `score.score_changed`, of any model.
    """
    if isinstance(model, LSTMEnsemble):
        yield from score_changed(Scorer.of(model), sequences, changes)
        return
    sequences = own_rows(sequences)
    for slot, values in changes:
        changed = np.tile(sequences.reshape(len(sequences), -1), (len(values), 1))
        changed[:, slot] = values.ravel()
        yield predict(model, changed.reshape(-1, *sequences.shape[1:])).reshape(values.shape)


def _out_of_fold(
    outputs: Sequence[np.ndarray], held_out: Sequence[np.ndarray], of_kind: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Average the outputs of the members of each kind, `of_kind` each, that did not see a row.

    Returns:
        The numbers of the rows that some member's fold has, and their outputs by each kind,
        (rows, o).
    """
    seen, places = np.unique(np.concatenate(held_out[:of_kind]), return_inverse=True)
    count = np.bincount(places)
    of_kinds = []
    for start in range(0, len(outputs), of_kind):
        columns = np.concatenate(outputs[start : start + of_kind]).T
        of_kinds.append(np.stack([np.bincount(places, one) / count for one in columns], 1))
    return seen, of_kinds
