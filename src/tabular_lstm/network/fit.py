"""Train a network, to the same bits each time, and predict with it.

All members of an ensemble train at once, or those of a group. Each has an eighth of the train rows,
its fold, that it never learns from. The loss there says when the member stops and which epoch's
weights it keeps, and from the logits there come the calibration and the decision threshold.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import keras
import numpy as np
from scipy.special import expit

from tabular_lstm.at_work import told
from tabular_lstm.engine import Workers, one_by_one
from tabular_lstm.network.build import LSTMEnsemble
from tabular_lstm.network.calibration import choose_threshold, fit_temperature, log_losses
from tabular_lstm.network.failures import refuse_diverged
from tabular_lstm.network.kinds import blend, tell, weigh
from tabular_lstm.network.member_groups import Task, merge, split, train_group
from tabular_lstm.network.score import score, score_changed
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.network.tutorial import train_tutorial
from tabular_lstm.parameters import Training

logger = logging.getLogger(__name__)

CHANGES = 2_500_000
CHANGED_VALUES = 10**9


def train(
    network: keras.Model,
    sequences: np.ndarray,
    labels: np.ndarray,
    training: Training,
    weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    workers: Workers = one_by_one,
    limit: float = np.inf,
) -> tuple[keras.Model, dict[str, Any]]:
    """Train a copy of the network on the binary cross-entropy.

    Args:
        network: From `build`; left as it is.
        sequences: float32 (rows, steps, features_per_step), NaN where missing.
        labels: float32 (rows,), 1 for the positive class.
        training: Epochs, batch size and the like.
        weights: float64 (rows,), above 0, of mean 1: how much each row counts in the loss trained
            on, in that on the folds, in calibration and decision threshold. Default: all alike.
        groups: int (rows,), the number of each row's group, from 0; its rows are in one member's
            fold. Default: each row is its own. Not for the network `tutorial`, which has no folds.
        workers: Who trains the groups of members, if `training.groups` are several. Default: this
            process, one after the other.
        limit: The `kept_loss` above which training is given up once it has not fallen for a third
            of the patience. Default: none.

    Returns:
        The trained model and its history: `loss` per epoch on the rows trained on, `best_epoch`,
        counted from 1, whose weights the model has, `decision_threshold`. Of an ensemble the
        losses are means over the members, `validation_loss` is that of each member on its fold,
        calibrated, `kept_loss` the same with the weights that it keeps so far, of the kind of
        members where it is lower, `best_epoch` the median of `best_epochs`, one for each member
        that the model has, and `temperature` is told too, as is
        `out_of_fold_log_loss`, with that temperature; `kinds`, see `kinds.Kind`, and in words what
        the rows `asked_for`, empty where there is one kind.

    Raises:
        HopelessError: It was given up.
        DivergedError: A loss is not finite.
    """
    if not isinstance(network, LSTMEnsemble):
        candidate, history = train_tutorial(network, sequences, labels, training, weights)
        refuse_diverged(history, training)
        return candidate, history
    config, initial = network.get_config(), network.get_weights()
    # A map to memory as what it is a view of, which is sent to a worker without a copy.
    table = np.asarray(sequences)
    task = Task(config, initial, table, labels, training, weights, groups, limit)
    parts = split(network.options.count, training.groups)
    if len(parts) > 1:
        logger.info("Training %d groups of members, each by itself", len(parts))
    done = dict(told(workers(train_group, task, parts), "Groups of members", len(parts)))
    trained = merge([done[place] for place in range(len(parts))])
    refuse_diverged(trained.history, training)
    options = network.options
    seen, of_kinds = _out_of_fold(trained.logits, trained.held_out, options.members)
    of_seen = None if weights is None else weights[seen]
    kinds = weigh(labels[seen], of_kinds, options.frequency_scale, of_seen)
    kept, logits, blended = blend(kinds, of_kinds, trained.weights)
    alone = len(kept) == 1  # and calibrated already
    temperature = (
        kinds[kept[0]].temperature if alone else fit_temperature(labels[seen], logits, of_seen)
    )
    calibrated = logits / temperature
    loss = np.average(log_losses(labels[seen], calibrated), weights=of_seen)
    probabilities = expit(calibrated)
    threshold = choose_threshold(labels[seen], probabilities, training.objective, of_seen)
    learned = {
        "options": options.of_kinds(kept).model_dump(),
        "training": training.model_dump(),
        "temperature": temperature,
        "threshold": threshold,
    }
    candidate = LSTMEnsemble.from_config(config | learned)
    candidate.set_weights(blended)
    best_epochs = np.reshape(trained.history["best_epochs"], (len(kinds), -1))[kept].ravel()
    return candidate, trained.history | {
        "best_epoch": int(np.median(best_epochs)),
        "best_epochs": best_epochs.tolist(),
        "temperature": temperature,
        "decision_threshold": threshold,
        "out_of_fold_log_loss": float(loss),
        "kinds": [asdict(kind) for kind in kinds],
        "asked_for": tell(kinds, bool(len(network.embed.slots.numeric))),
    }


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
    if isinstance(model, LSTMEnsemble):
        return score(Scorer.of(model), sequences)
    probabilities = model.predict(sequences, batch_size=4096, verbose=0)
    return np.asarray(probabilities, np.float64)[:, 0]


def predict_changed(
    model: keras.Model, sequences: np.ndarray, changes: Iterable[tuple[int, np.ndarray]]
) -> Iterator[np.ndarray]:
    """Give the probabilities again and again, each time with one slot changed.

    Args:
        model: A candidate.
        sequences: float32 (rows, steps, features_per_step), NaN where missing.
        changes: The slot and its values, (repeats, rows), of each time.

    Yields:
        float64 (repeats, rows) of each time.
    """
    if isinstance(model, LSTMEnsemble):
        yield from score_changed(Scorer.of(model), sequences, changes)
        return
    for slot, values in changes:
        changed = np.tile(sequences.reshape(len(sequences), -1), (len(values), 1))
        changed[:, slot] = values.ravel()
        yield predict(model, changed.reshape(-1, *sequences.shape[1:])).reshape(values.shape)


def affordable_changes(model: keras.Model, slots: int) -> int:
    """Give how many rows can be predicted with one slot changed in some twenty seconds, about.

    A number that does not depend on the machine. Of an ensemble a row takes as long with few slots
    as with many, see `score_changed`; of another network as long as its slots are many.
    """
    return CHANGES if isinstance(model, LSTMEnsemble) else CHANGED_VALUES // slots


def _out_of_fold(
    logits: Sequence[np.ndarray], held_out: Sequence[np.ndarray], of_kind: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Average the logits of the members of each kind that did not see a row.

    Args:
        logits: Of each member.
        held_out: The rows that they are of, alike for each kind.
        of_kind: How many members are of a kind.

    Returns:
        The numbers of the rows that some member's fold has, in their order, and their logits by
        each kind.
    """
    seen, places = np.unique(np.concatenate(held_out[:of_kind]), return_inverse=True)
    count = np.bincount(places)
    starts = range(0, len(logits), of_kind)
    totals = [np.bincount(places, np.concatenate(logits[s : s + of_kind])) for s in starts]
    return seen, [total / count for total in totals]
