"""The members as one matrix of weights: a step of their training, and their outputs.

All members are in one graph, and so their training is one.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tabular_lstm.network.build import LSTMEnsemble
from tabular_lstm.network.outputs import outputs_of
from tabular_lstm.network.plan import Plan
from tabular_lstm.parameters import Training

GRADIENT_NORM = 1.0
DECAYED = {"kernel", "recurrent"}
# Rows and slots that outputs are computed of at once: 4,096 rows of up to 256 slots.
EVALUATED_AT_ONCE = 4096
EVALUATED_SLOTS = 2**20
# Values of the steps that are taken from the table, and given to TensorFlow, at once.
TAKEN_VALUES = 2**20


def _matrix(weights: Sequence[np.ndarray]) -> np.ndarray:
    """Lay weights, (k, …) each, side by side: (k, weights of a member)."""
    return np.concatenate([weight.reshape(len(weight), -1) for weight in weights], 1)


def _graph(function: Callable[..., Any], *specs: Any) -> Any:
    """Make a graph of a function of tensors like these.

    Concrete, because a `tf.function` for each training warns of too many of them. Without
    autograph, which writes the code that it makes to a file in the temporary folder and leaves it
    there where the process is killed.
    """
    return tf.function(function, autograph=False).get_concrete_function(*specs)


class Members:
    """The members' weights as one matrix, (k, weights of a member), and what is done to them.

    One matrix makes the optimizer a dozen operations whatever the layers are. `of_rows` are weights
    too, those by which the rows count, (rows,), of mean 1; None where they count alike. `first` is
    the number of the first of these members among all.

    What TensorFlow gets of the table, and copies, are the rows of some steps.
    """

    def __init__(
        self,
        network: LSTMEnsemble,
        sequences: np.ndarray,
        targets: np.ndarray,
        training: Training,
        of_rows: np.ndarray | None = None,
        first: int = 0,
    ) -> None:
        # The network's own variables stay as they are: `_member_outputs` gives its layers pieces of
        # the matrix in their place.
        self.network, self.of = network, outputs_of(network.schema.task)
        self.sequences = sequences
        counts = [] if of_rows is None else [of_rows]
        self.of_each = [np.asarray(values, np.float32) for values in (targets, *counts)]
        # Each group of members has dropout of its own.
        seeds = np.random.default_rng([training.seed, 2, first])
        self.dropout_seed = int(seeds.integers(2**31)) if first else training.seed % 2**31
        self.shapes = [weight.shape for weight in network.weights]
        self.sizes = [int(np.prod(shape[1:])) for shape in self.shapes]
        matrix = _matrix(network.get_weights())
        decayed = [weight.path.split("/")[-1] in DECAYED for weight in network.weights]
        self.decay = training.weight_decay * np.repeat(decayed, self.sizes).astype(np.float32)
        self.weights, self.best = tf.Variable(matrix), tf.Variable(matrix)
        self.mean, self.square = (tf.Variable(tf.zeros_like(matrix)) for _ in range(2))
        self.step = tf.Variable(0)
        members = len(matrix)
        self._pass: Any = None
        self._outputs = _graph(
            self._member_outputs,
            tf.TensorSpec(matrix.shape),
            tf.TensorSpec((members, None, *sequences.shape[1:])),
        )

    def train_epoch(self, batches: np.ndarray, rates: np.ndarray) -> float:
        """Train on row numbers (steps, k, rows of a step), give the mean loss.

        `rates` are the learning rates, float32 (steps,).
        """
        steps, *of_step = batches.shape
        slots = self.sequences.shape[1:]
        if self._pass is None:
            sequences = tf.TensorSpec((None, *of_step, *slots))
            of_each = [tf.TensorSpec((None, *of_step)) for _ in self.of_each]
            self._pass = _graph(
                self._train_on, tf.TensorSpec(()), tf.TensorSpec((None,)), sequences, *of_each
            )
        at_once = max(1, TAKEN_VALUES // int(np.prod([*of_step, *slots])))
        total = tf.constant(0.0)
        for start in range(0, steps, at_once):
            rows = batches[start : start + at_once]
            taken = [values[rows] for values in (self.sequences, *self.of_each)]
            of_steps = (rates[start : start + at_once], *taken)
            total = self._pass(total, *map(tf.convert_to_tensor, of_steps))
        return float(total * np.float32(1 / steps))

    def outputs(self, rows_of: Sequence[np.ndarray], best: bool = False) -> list[np.ndarray]:
        """Give each member's outputs of rows of its own, with its present or its best weights."""
        slots = int(np.prod(self.sequences.shape[1:]))
        at_once = max(1, min(EVALUATED_AT_ONCE, EVALUATED_SLOTS // slots))
        longest = max(map(len, rows_of))
        rows = np.stack([np.pad(part, (0, longest - len(part)), "edge") for part in rows_of])
        weights = tf.convert_to_tensor(self.best if best else self.weights)
        blocks = (rows[:, start : start + at_once] for start in range(0, longest, at_once))
        taken = (tf.convert_to_tensor(self.sequences[block]) for block in blocks)
        outputs = np.concatenate([self._outputs(weights, one).numpy() for one in taken], 1)
        return [z[: len(part)] for z, part in zip(outputs, rows_of, strict=True)]

    def keep(self, members: np.ndarray) -> None:
        """Keep the present weights of some members, bool (k,), as their best."""
        self.best.assign(tf.where(tf.constant(members)[:, None], self.weights, self.best))

    def in_shape(self, matrix: Any) -> list[np.ndarray]:
        """Give such a matrix in the order and the shapes of the network's weights."""
        pieces = np.split(matrix.numpy(), np.cumsum(self.sizes)[:-1], 1)
        return [piece.reshape(shape) for piece, shape in zip(pieces, self.shapes, strict=True)]

    def average_unseen_categories(self, plan: Plan) -> None:
        """Give each category that none of a member's rows has the mean vector of these rows.

        Untrained, it would keep its random initial vector.
        """
        embed, of = self.network.embed, self.network.embed.slots
        weights = self.in_shape(self.best)
        vectors = weights[[w is embed.vectors for w in self.network.weights].index(True)]
        table = self.sequences.reshape(len(self.sequences), -1)
        for which, slot in enumerate(of.categorical):
            start, end = of.offsets[which : which + 2]
            index = of.category_index(table[:, slot][None], [which])[0] - start
            for member, fold in zip(vectors, plan.left_out, strict=True):
                among = plan.fold != fold
                counts = self.of_each[1][among] if len(self.of_each) > 1 else None
                seen = np.bincount(index[among], counts, end - start)
                of_feature = member[start:end]
                of_feature[seen == 0] = np.average(of_feature, axis=0, weights=seen)
        self.best.assign(_matrix(weights))

    def _member_outputs(self, weights: Any, sequences: Any, dropout_seed: Any = None) -> Any:
        pieces = tf.split(weights, self.sizes, 1)
        given = [
            (variable, tf.reshape(piece, variable.shape))
            for variable, piece in zip(self.network.weights, pieces, strict=True)
        ]
        with keras.StatelessScope(state_mapping=given):
            return self.network.member_outputs(sequences, dropout_seed)

    def _train_on(self, total: Any, *of_steps: Any) -> Any:
        """Take the steps that rows are given of, and add their losses to the total."""
        steps = tf.shape(of_steps[0])[0]
        _, total = tf.while_loop(
            lambda place, _: place < steps,
            lambda place, total: (
                place + 1,
                total + self._train_step(*(values[place] for values in of_steps)),
            ),
            (0, total),
        )
        return total

    def _train_step(self, rate: Any, sequences: Any, targets: Any, of_rows: Any = None) -> Any:
        seed = tf.stack([self.dropout_seed, self.step])
        with tf.GradientTape() as tape:
            outputs = self._member_outputs(self.weights, sequences, seed)
            losses = self.of.tensor_losses(tf, targets, outputs)
            if of_rows is not None:
                losses *= of_rows
            loss = tf.reduce_mean(losses, 1)
        self._update(tape.gradient(loss, self.weights), rate)
        return tf.reduce_mean(loss)

    def _update(self, gradient: Any, rate: Any) -> None:
        """Take a step of AdamW, the gradient of each member clipped to norm 1.

        Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
        """
        norm = tf.norm(gradient, axis=1, keepdims=True)
        gradient *= GRADIENT_NORM / tf.maximum(norm, GRADIENT_NORM)
        step = tf.cast(self.step.assign_add(1), tf.float32)
        self.weights.assign_sub(rate * self.decay * self.weights)
        # One pass over the weights in place of a dozen.
        tf.raw_ops.ResourceApplyAdam(
            var=self.weights.handle,
            m=self.mean.handle,
            v=self.square.handle,
            beta1_power=0.9**step,
            beta2_power=0.999**step,
            lr=rate,
            beta1=0.9,
            beta2=0.999,
            epsilon=1e-8,
            grad=gradient,
        )
