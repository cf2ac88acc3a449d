"""Train a network, the same way to the bit each time, and predict with it.

All members of an ensemble train at once. Each has an eighth of the train rows, its fold, that it
never learns from. The loss there says when the member stops and which epoch's weights it keeps, and
the logits it gives there are what the calibration and the decision threshold come from.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tabular_lstm.network.build import LSTMEnsemble
from tabular_lstm.network.calibration import (
    calibrated,
    choose_threshold,
    fit_temperature,
    log_losses,
)
from tabular_lstm.network.score import score
from tabular_lstm.parameters import Training

logger = logging.getLogger(__name__)

FOLDS = 8
GRADIENT_NORM = 1.0
DECAYED = {"kernel", "recurrent"}
EVALUATED_AT_ONCE = 4096
SECONDS_BETWEEN_LINES = 1.0


def train(
    network: keras.Model, sequences: np.ndarray, labels: np.ndarray, training: Training
) -> tuple[keras.Model, dict[str, Any]]:
    """Train a copy of the network on the binary cross-entropy.

    Args:
        network: From `build`; left as it is.
        sequences: float32 (rows, steps, features_per_step), NaN where missing.
        labels: float32 (rows,), 1 for the positive class.
        training: Epochs, batch size and the like.

    Returns:
        The trained model and its history: `loss` per epoch on the rows trained on, `best_epoch`,
        counted from 1, whose weights the model has, `decision_threshold`. Of an ensemble the
        losses are means over the members, `validation_loss` is that of each member on its fold,
        `best_epoch` the median of `best_epochs`, one a member, and `temperature` is told too.
    """
    if isinstance(network, LSTMEnsemble):
        return _train_ensemble(network, sequences, labels, training)
    return _train_stock(network, sequences, labels, training)


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
        return score(model, sequences)
    probabilities = model.predict(sequences, batch_size=EVALUATED_AT_ONCE, verbose=0)
    return np.asarray(probabilities, np.float64)[:, 0]


# The members -------------------------------------------------------------------------------------


def deal_folds(labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Deal the rows of each class out to the folds in turn, in random order.

    Returns:
        The fold of each row, (rows,). Folds differ by at most one row, and so do a class's
        shares of them.
    """
    shuffled = np.random.default_rng([seed, folds]).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    fold = np.empty(len(labels), int)
    fold[by_class] = np.arange(len(labels)) % folds
    return fold


def batch_size(rows: int) -> int:
    """Choose how many rows make a step of the optimizer.

    Examples:
        >>> [batch_size(rows) for rows in (100, 768, 5000, 100_000, 1_000_000)]
        [32, 64, 256, 256, 1024]
    """
    size = 2 ** round(np.log2(max(rows, 1) / 16))
    largest = 2 ** round(np.log2(max(rows, 1) / 1000))
    return int(np.clip(size, 32, max(256, largest)))


def epochs(rows: int) -> int:
    """Choose how often the rows are passed over at most: less often where they are many.

    Examples:
        >>> [epochs(rows) for rows in (768, 5000, 100_000, 1_000_000)]
        [200, 200, 30, 12]
    """
    return int(np.clip(3_000_000 // max(rows, 1), 12, 200))


@dataclass
class _Plan:
    """Who learns from which rows, in what portions and for how long.

    Attributes:
        held_out: Each member's fold, as row numbers.
        fitted: The rows that each member learns from.
        size: Rows of a step.
        steps: Steps of an epoch.
        epochs: Passes over the rows, at most.
        patience: Epochs without progress before a member stops.
    """

    held_out: list[np.ndarray]
    fitted: list[np.ndarray]
    size: int
    steps: int
    epochs: int
    patience: int


def _plan(members: int, labels: np.ndarray, training: Training) -> _Plan:
    """Choose what the training leaves open, and log it."""
    rows = len(labels)
    folds = min(FOLDS, rows)
    fold = deal_folds(labels, folds, training.seed)
    # int32: with many rows these numbers, k times over, are most of the memory.
    numbers = np.arange(rows, dtype=np.int32)
    held_out = [numbers[fold == member % folds] for member in range(members)]
    fitted = [numbers[fold != member % folds] for member in range(members)]
    # The members step together, so each leaves out a row or two of an epoch at random.
    smallest = min(map(len, fitted))
    size = min(training.batch_size or batch_size(rows), smallest)
    limit = training.epochs or epochs(rows)
    patience = training.patience or max(3, limit // 16)
    steps = smallest // size
    logger.info(
        "Training %d members, each on %d of %d rows; %d rows a step, %d steps an epoch, "
        "%d epochs at most, %d without progress",
        members,
        smallest,
        rows,
        size,
        steps,
        limit,
        patience,
    )
    return _Plan(held_out, fitted, size, steps, limit, patience)


def _train_ensemble(
    network: LSTMEnsemble, sequences: np.ndarray, labels: np.ndarray, training: Training
) -> tuple[LSTMEnsemble, dict[str, Any]]:
    plan = _plan(network.options.members, labels, training)
    graph = MembersGraph(network, sequences, labels, training)
    history = _run(graph, plan, labels, training.seed)
    graph.settle_unseen(plan.fitted)
    logits = _out_of_fold(graph.held_out_logits(plan.held_out, best=True), plan.held_out, labels)
    seen = np.isfinite(logits)
    temperature = fit_temperature(labels[seen], logits[seen])
    threshold = choose_threshold(
        labels[seen], calibrated(logits[seen], temperature), training.objective
    )
    learned = {"temperature": temperature, "threshold": threshold}
    candidate = LSTMEnsemble.from_config(
        network.get_config() | learned | {"training": training.model_dump()}
    )
    candidate.set_weights(graph.best_weights())
    return candidate, history | {"temperature": temperature, "decision_threshold": threshold}


def _run(graph: "MembersGraph", plan: _Plan, labels: np.ndarray, seed: int) -> dict[str, Any]:
    """Train until every member has stopped; the graph keeps each one's best weights."""
    members = len(plan.fitted)
    shuffles = [np.random.default_rng([seed, 1, member]) for member in range(members)]
    progress = _Progress(plan.epochs)
    best_loss, best_epoch = np.full(members, np.inf), np.zeros(members, int)
    losses, validation_losses = [], []
    for epoch in range(1, plan.epochs + 1):
        batches = np.empty((plan.steps, members, plan.size), np.int32)
        for member, (rng, rows) in enumerate(zip(shuffles, plan.fitted, strict=True)):
            order = rng.permutation(rows)[: plan.steps * plan.size]
            batches[:, member] = order.reshape(plan.steps, plan.size)
        losses.append(graph.pass_over(batches))
        logits = zip(plan.held_out, graph.held_out_logits(plan.held_out), strict=True)
        loss = np.array([log_losses(labels[rows], z).mean() for rows, z in logits])
        validation_losses.append(float(loss.mean()))
        # A fold has few rows, so half of what a member is stopped by is the mean over all folds.
        loss = (loss + loss.mean()) / 2
        improved = (loss < best_loss) & (epoch - best_epoch <= plan.patience)
        best_loss[improved], best_epoch[improved] = loss[improved], epoch
        graph.keep(improved)
        progress.tell(epoch, losses[-1], validation_losses[-1])
        if (epoch - best_epoch >= plan.patience).all() or not np.isfinite(losses[-1]):
            break
    logger.info("Trained for %d epochs; each member keeps its best, %s", epoch, best_epoch.tolist())
    return {
        "loss": losses,
        "validation_loss": validation_losses,
        "best_epoch": int(np.median(best_epoch)),
        "best_epochs": best_epoch.tolist(),
    }


def _out_of_fold(
    logits: Sequence[np.ndarray], held_out: Sequence[np.ndarray], labels: np.ndarray
) -> np.ndarray:
    """Average what the members gave for the rows that they did not see; NaN where all saw it."""
    total, count = np.zeros(len(labels)), np.zeros(len(labels))
    for part, values in zip(held_out, logits, strict=True):
        total[part] += values
        count[part] += 1
    with np.errstate(invalid="ignore"):
        return np.asarray(total / count)


def _matrix(weights: Sequence[np.ndarray]) -> np.ndarray:
    """Lay weights, (k, …) each, side by side: (k, weights of a member)."""
    return np.concatenate([weight.reshape(len(weight), -1) for weight in weights], 1)


class MembersGraph:
    """The members' weights as one matrix, (k, weights of a member), and what is done to them.

    One matrix makes the optimizer a dozen operations whatever the layers are.
    """

    def __init__(
        self, network: LSTMEnsemble, sequences: np.ndarray, labels: np.ndarray, training: Training
    ) -> None:
        # The network's own variables stay as they are: while the layers are traced, pieces of the
        # matrix stand in for them.
        self.network = network
        self.sequences = tf.constant(sequences)
        self.labels = tf.constant(labels, tf.float32)
        self.training = training
        self.shapes = [weight.shape for weight in network.weights]
        self.sizes = [int(np.prod(shape[1:])) for shape in self.shapes]
        matrix = _matrix(network.get_weights())
        decayed = [weight.path.split("/")[-1] in DECAYED for weight in network.weights]
        self.decay = training.weight_decay * np.repeat(decayed, self.sizes).astype(np.float32)
        self.weights, self.best = tf.Variable(matrix), tf.Variable(matrix)
        self.mean, self.square = (tf.Variable(tf.zeros_like(matrix)) for _ in range(2))
        self.step = tf.Variable(0)
        # Concrete, because a `tf.function` for each training warns of too many of them.
        members = len(matrix)
        self._pass: Any = None
        self._logits = tf.function(self._member_logits).get_concrete_function(
            tf.TensorSpec(matrix.shape), tf.TensorSpec((members, None), tf.int32)
        )

    def pass_over(self, batches: np.ndarray) -> float:
        """Train on row numbers (steps, k, rows of a step); give the mean loss."""
        if self._pass is None:
            spec = tf.TensorSpec(batches.shape, tf.int32)
            self._pass = tf.function(self._train_on).get_concrete_function(spec)
        return float(self._pass(tf.constant(batches, tf.int32)))

    def held_out_logits(
        self, held_out: Sequence[np.ndarray], best: bool = False
    ) -> list[np.ndarray]:
        """Let each member give the logits of its rows."""
        longest = max(map(len, held_out))
        rows = np.stack([np.pad(part, (0, longest - len(part)), "edge") for part in held_out])
        weights = tf.convert_to_tensor(self.best if best else self.weights)
        pieces = [
            self._logits(weights, tf.constant(rows[:, start : start + EVALUATED_AT_ONCE], tf.int32))
            for start in range(0, longest, EVALUATED_AT_ONCE)
        ]
        logits = np.concatenate([piece.numpy() for piece in pieces], 1)
        return [z[: len(part)] for z, part in zip(logits, held_out, strict=True)]

    def keep(self, members: np.ndarray) -> None:
        """Keep the present weights of some members, bool (k,), as their best."""
        self.best.assign(tf.where(tf.constant(members)[:, None], self.weights, self.best))

    def best_weights(self) -> list[np.ndarray]:
        """Give the best weights in the order and the shapes of the network's."""
        pieces = np.split(self.best.numpy(), np.cumsum(self.sizes)[:-1], 1)
        return [piece.reshape(shape) for piece, shape in zip(pieces, self.shapes, strict=True)]

    def settle_unseen(self, fitted: Sequence[np.ndarray]) -> None:
        """Give categories that a member saw no row of the mean vector of the rows that it saw.

        They would keep their random start, and score as no row that the member learned from.
        """
        embed = self.network.embed
        if not len(embed.categorical):
            return
        weights = self.best_weights()
        vectors = weights[[w is embed.vectors for w in self.network.weights].index(True)]
        slots = self.sequences.numpy().reshape(len(self.sequences), -1).T
        index = embed.category_index(slots)
        for member, rows in zip(vectors, fitted, strict=True):
            seen = np.bincount(index[:, rows].ravel(), minlength=len(member))
            for start, end in pairwise(embed.offsets):
                of_feature, count = member[start:end], seen[start:end]
                of_feature[count == 0] = np.average(of_feature, axis=0, weights=count)
        self.best.assign(_matrix(weights))

    def _member_logits(self, weights: Any, rows: Any, dropout_seed: Any = None) -> Any:
        pieces = tf.split(weights, self.sizes, 1)
        stand_ins = [
            (variable, tf.reshape(piece, variable.shape))
            for variable, piece in zip(self.network.weights, pieces, strict=True)
        ]
        with keras.StatelessScope(state_mapping=stand_ins):
            return self.network.member_logits(tf.gather(self.sequences, rows), dropout_seed)

    def _train_on(self, batches: Any) -> Any:
        total = 0.0
        for rows in batches:
            seed = tf.stack([self.training.seed % 2**31, self.step])
            with tf.GradientTape() as tape:
                logits = self._member_logits(self.weights, rows, seed)
                entropy = tf.nn.sigmoid_cross_entropy_with_logits(
                    tf.gather(self.labels, rows), logits
                )
                loss = tf.reduce_mean(entropy, 1)
            self._update(tape.gradient(loss, self.weights))
            total += tf.reduce_mean(loss)
        return total / tf.cast(tf.shape(batches)[0], tf.float32)

    def _update(self, gradient: Any) -> None:
        """Take a step of AdamW, the gradient of each member clipped to norm 1.

        Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
        """
        norm = tf.norm(gradient, axis=1, keepdims=True)
        gradient *= GRADIENT_NORM / tf.maximum(norm, GRADIENT_NORM)
        step = tf.cast(self.step.assign_add(1), tf.float32)
        mean = self.mean.assign(0.9 * self.mean + 0.1 * gradient)
        square = self.square.assign(0.999 * self.square + 0.001 * gradient * gradient)
        rate = tf.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        change = rate * mean / (tf.sqrt(square) + 1e-8) + self.decay * self.weights
        self.weights.assign_sub(self.training.learning_rate * change)


# The tutorial ------------------------------------------------------------------------------------


def _train_stock(
    network: keras.Model, sequences: np.ndarray, labels: np.ndarray, training: Training
) -> tuple[keras.Model, dict[str, Any]]:
    """Train a model of stock layers by Keras' own `fit`, all epochs on all rows."""
    keras.utils.set_random_seed(training.seed)
    tf.config.experimental.enable_op_determinism()
    model = keras.models.clone_model(network)
    model.set_weights(network.get_weights())
    size = training.batch_size or batch_size(len(labels))
    limit = training.epochs or epochs(len(labels))
    model.compile(
        loss="binary_crossentropy",
        optimizer=keras.optimizers.Adam(training.learning_rate),
        # An epoch is one call into TensorFlow; XLA would compile for longer than it trains.
        steps_per_execution=-(-len(labels) // size),
        jit_compile=False,
    )
    logger.info("Training on %d rows, %d a step, for %d epochs", len(labels), size, limit)
    progress = _Progress(limit)
    fit = model.fit(
        sequences,
        labels,
        epochs=limit,
        batch_size=size,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: progress.tell(epoch + 1, logs["loss"])
            )
        ],
        verbose=0,
    )
    history = {"loss": fit.history["loss"], "best_epoch": limit, "decision_threshold": 0.5}
    logger.info("Trained for %d epochs", limit)
    return model, history


class _Progress:
    """Log a line an epoch, at most one a second, without control characters."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.first_epoch_ended = self.last_line = 0.0
        self.best = np.inf

    def tell(self, epoch: int, loss: float, validation_loss: float | None = None) -> None:
        """Say how far training is, counted from 1, and how long it may still take."""
        if validation_loss is not None:
            self.best = min(self.best, validation_loss)
        now = time.monotonic()
        if epoch == 1:
            self.first_epoch_ended = now
        elif epoch < self.epochs and now - self.last_line < SECONDS_BETWEEN_LINES:
            return
        self.last_line = now
        # The first epoch, most of it compilation, would foretell too long a time.
        left = (now - self.first_epoch_ended) / max(epoch - 1, 1) * (self.epochs - epoch)
        logger.info(
            "epoch %d of at most %d: loss %.4f%s%s",
            epoch,
            self.epochs,
            loss,
            ""
            if validation_loss is None
            else f", on the members' folds {validation_loss:.4f} (best {self.best:.4f})",
            f", at most {left:.0f} s left" if epoch > 1 else "",
        )
