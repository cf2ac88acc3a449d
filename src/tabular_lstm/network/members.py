"""Take the gradient steps of members, whose weights are one matrix, and compute their outputs.

A graph holds `TOGETHER` members: a single graph for all members would take longer to build, and its
values would not fit the caches. With thousands of slots a graph holds fewer members, to save
memory. Each core runs its own graph.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tabular_lstm.network.build import LSTMEnsemble
from tabular_lstm.network.outputs import outputs_of
from tabular_lstm.network.plan import Plan, TrainingInputs
from tabular_lstm.network.score import cores
from tabular_lstm.parameters.hyperparameters import Ensemble
from tabular_lstm.rows.histories import Compact, Histories, Sequences, table_of, taken

TOGETHER = 4
# The most slots of all members of a graph: with 5,000 slots a graph of four takes 1 GB more.
TOGETHER_SLOTS = 2**12
GRADIENT_NORM = 1.0
# A category with so many rows has half the learning rate: 200, or less in a small table.
RARE = 200
RARE_SHARE = 1 / 20  # of the table's rows
DECAYED = {"kernel", "recurrent"}
# A member computes the outputs of this many rows at once: 4,096 rows with up to 64 slots.
EVALUATED_AT_ONCE = 4096
EVALUATED_SLOTS = 2**18
# Values of the table that TensorFlow gets at once, for several steps.
TAKEN_VALUES = 2**20


def _graph(function: Callable[..., Any], *specs: Any) -> Any:
    """Make a graph of a function whose tensors are like `specs`.

    The graph is concrete, because TensorFlow warns of too many `tf.function`s, one for each
    training. Autograph is off, because it leaves a file in the temporary folder if the process is
    killed.
    """
    return tf.function(function, autograph=False).get_concrete_function(*specs)


class Members:
    """Some members' weights as one matrix, (k, weights of a member), and their training.

    With one matrix, the optimizer takes a dozen operations, whatever the layers are. TensorFlow
    gets, and copies, only the rows of some steps at a time.

    Args:
        inputs: The inputs of all members.
        numbers: The numbers of these members among all.
    """

    def __init__(self, inputs: TrainingInputs, numbers: range) -> None:
        options = Ensemble.model_validate(inputs.config["options"])
        most = TOGETHER_SLOTS // table_of(inputs.sequences).shape[1]
        together = max(1, min(TOGETHER, most, len(numbers)))
        graph_options = {"members": together, "frequency_scale": [1.0]}
        # The network's own variables are not used: `_member_outputs` replaces them by pieces of the
        # matrix.
        self.network: LSTMEnsemble = LSTMEnsemble.from_config(
            inputs.config | {"options": options.model_copy(update=graph_options).model_dump()}
        )
        self.task_outputs = outputs_of(self.network.schema.task)
        # The members do not learn what an offset explains.
        adapts = self.task_outputs.pace.exact and inputs.offset is None
        self.dropout = options.dropout if adapts else 0.0
        if self.dropout:
            self.network.read_out.dropout = tf.Variable(self.dropout)
        table = self.network.embed.slots.prepared(table_of(inputs.sequences))
        self.sequences: Sequences = (
            replace(inputs.sequences, table=table)
            if isinstance(inputs.sequences, Histories)
            else table
        )
        self.offset, chosen = inputs.offset, slice(numbers.start, numbers.stop)
        # What the members learn: the targets, or what the offset leaves of them.
        targets = inputs.targets if self.offset is None else self.offset.rest(inputs.targets)
        self.targets = targets.astype(np.float32)
        self.counts = [] if inputs.weights is None else [inputs.weights.astype(np.float32)]
        # The seed of a graph's first member decides what is dropped in all its members.
        streams = (np.random.default_rng([inputs.training.seed, 2, number]) for number in numbers)
        self.seeds = [int(stream.integers(2**31)) for stream in streams]
        dropped = np.array([share for _, share in options.each], np.float32)
        self.dropped = [dropped[chosen]] if dropped.any() else []
        self.sizes = [int(np.prod(weight.shape[1:])) for weight in self.network.weights]
        initial = [weight[chosen].reshape(len(numbers), -1) for weight in inputs.initial]
        self.weights = np.concatenate(initial, 1)  # side by side
        self.mean, self.square = np.zeros_like(self.weights), np.zeros_like(self.weights)
        self.step = 0
        decayed = [weight.path.split("/")[-1] in DECAYED for weight in self.network.weights]
        self.decay = inputs.training.weight_decay * np.repeat(decayed, self.sizes).astype(
            np.float32
        )
        self.rate_shares = self._rate_shares()
        self._pass, self._outputs = self._graphs()

    def train_epoch(
        self,
        places: np.ndarray,
        batches: np.ndarray,
        rates: np.ndarray,
        held_out: Sequence[np.ndarray],
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Train some of the members, then compute the outputs of their held-out rows.

        Args:
            places: The places of these members, int (m,).
            batches: Row numbers, (steps, m, rows of a step).
            rates: The learning rates, float32 (steps, m).
            held_out: For each of these members, the numbers of its held-out rows.

        Returns:
            Each member's mean loss in training, (m,), and its outputs, (rows, o), both as if it
            had learned the targets themselves.
        """
        count = self.network.options.count

        def work(start: int) -> tuple[np.ndarray, list[np.ndarray]]:
            in_graph = slice(start, start + count)
            # A graph that is not full repeats its first members.
            positions = np.resize(np.arange(len(places))[in_graph], count)
            state, losses = self._train(
                places[positions], batches[:, positions], rates[:, positions]
            )
            outputs = self._outputs_of(state[0], held_out[in_graph])
            for matrix, trained in zip(self._matrices, state, strict=True):
                matrix[places[in_graph]] = trained.numpy()[: len(outputs)]
            return losses[: len(outputs)], outputs

        with ThreadPoolExecutor(cores()) as pool:
            graph_results = [*pool.map(work, range(0, len(places), count))]
        self.step += len(batches)
        losses = np.concatenate([graph_losses for graph_losses, _ in graph_results])
        outputs = [
            member_outputs for _, graph_outputs in graph_results for member_outputs in graph_outputs
        ]
        if self.offset is not None:
            losses = losses.astype(np.float64) * self.offset.unit
            outputs = list(map(self.offset.predicted, held_out, outputs))
        return losses, outputs

    def drop_less(self, unexplained: float) -> None:
        """Drop a smaller share of the last LSTM's outputs, the less of the loss is unexplained."""
        if self.dropout:
            share = min(1.0, unexplained / self.task_outputs.pace.exact)
            self.network.read_out.dropout.assign(self.dropout * share)

    def in_shape(self, matrix: np.ndarray) -> list[np.ndarray]:
        """Cut a matrix like `weights` into the network's weights, in their order and shapes."""
        pieces = np.split(matrix, np.cumsum(self.sizes)[:-1], 1)
        shapes = [weight.shape[1:] for weight in self.network.weights]
        return [
            piece.reshape(len(matrix), *shape) for piece, shape in zip(pieces, shapes, strict=True)
        ]

    def _rate_shares(self) -> np.ndarray:
        """Return each weight's share of the learning rate, float32 (weights of a member,).

        AdamW moves the vector of a rare category in a step as far as any other weight, and so
        overfits rare categories. The share of a category with n rows is n / (n + r), where r
        is `RARE`, or `RARE_SHARE` of all rows if these are fewer.
        """
        embed = self.network.embed
        row_counts = [
            np.bincount(self._categories(feature), minlength=vector_count)
            for feature, vector_count in enumerate(embed.slots.unknown + 2)
        ]
        counts = np.concatenate([np.empty(0), *row_counts])
        rare = min(RARE, RARE_SHARE * len(table_of(self.sequences)))
        vectors = np.repeat(counts / (counts + rare), embed.dimensions)
        shares = [
            vectors if weight is embed.vectors else np.ones(size)
            for weight, size in zip(self.network.weights, self.sizes, strict=True)
        ]
        return np.concatenate(shares).astype(np.float32)

    def _categories(self, feature: int) -> np.ndarray:
        """Return each row's place among the vectors of a categorical feature: int64 (rows,)."""
        slots = self.network.embed.slots
        column = table_of(self.sequences)[:, len(slots.scored) + slots.categorical[feature]]
        return np.asarray(slots.category_index(column[None], [feature])[0] - slots.offsets[feature])

    def average_unseen_categories(self, weights: list[np.ndarray], plan: Plan) -> None:
        """Set each category that is in none of a member's rows to the mean vector of these rows.

        Otherwise the category would keep its random vector. For histories, all their rows count.

        Args:
            weights: The weights of these members, in the network's order; changed in place.
            plan: The plan of these members.
        """
        embed, slots = self.network.embed, self.network.embed.slots
        vectors = weights[[w is embed.vectors for w in self.network.weights].index(True)]
        histories = self.sequences if isinstance(self.sequences, Histories) else None
        for feature in range(len(slots.categorical)):
            start, end = slots.offsets[feature : feature + 2]
            index = self._categories(feature)
            for member, fold in zip(vectors, plan.left_out, strict=True):
                learned_rows = plan.fold != fold
                if histories is None:
                    counts = self.counts[0][learned_rows] if self.counts else None
                    row_counts: np.ndarray = np.bincount(index[learned_rows], counts, end - start)
                else:
                    row_counts = np.bincount(index, histories[learned_rows].counts, end - start)
                feature_vectors = member[start:end]
                feature_vectors[row_counts == 0] = np.average(
                    feature_vectors, axis=0, weights=row_counts
                )

    def _graphs(self) -> tuple[Any, Any]:
        """Make the graph of some steps, see `_train_on`, and the graph of outputs."""
        count, slots = self.network.options.count, self.sequences.shape[1:]
        matrix = tf.TensorSpec((count, self.weights.shape[1]))
        if isinstance(self.sequences, np.ndarray):
            shapes: Any = tf.TensorSpec((count, None, *slots))
        else:
            shapes = Compact(
                tf.TensorSpec((count, None, slots[1])), tf.TensorSpec((count, None, None), tf.int32)
            )
        step_specs = tf.nest.map_structure(
            lambda s: tf.TensorSpec((None, *s.shape), s.dtype), shapes
        )
        outputs = _graph(self._member_outputs, matrix, shapes)
        steps = _graph(
            self._train_on,
            tf.TensorSpec((2,), tf.int32),
            tf.TensorSpec((count,)),
            [matrix] * len(self._matrices),
            [tf.TensorSpec((count,)) for _ in self.dropped],
            tf.TensorSpec((None, count)),
            step_specs,
            *[tf.TensorSpec((None, count, None)) for _ in (self.targets, *self.counts)],
        )
        return steps, outputs

    @property
    def _matrices(self) -> tuple[np.ndarray, ...]:
        """What a step changes: the members' weights and AdamW's two means."""
        return self.weights, self.mean, self.square

    def _train(
        self, places: np.ndarray, batches: np.ndarray, rates: np.ndarray
    ) -> tuple[list[Any], np.ndarray]:
        """Train the members of one graph; return the new `_matrices` and the losses, (k,)."""
        values_per_step = np.prod([*batches.shape[1:], *self.sequences.shape[1:]])
        at_once = max(1, TAKEN_VALUES // int(values_per_step))
        dropped = [tf.constant(share[places]) for share in self.dropped]
        state = [tf.constant(matrix[places]) for matrix in self._matrices]
        losses = tf.zeros(len(places))
        for start in range(0, len(batches), at_once):
            rows = batches[start : start + at_once]
            step_inputs = [
                rates[start : start + at_once],
                taken(self.sequences, rows),
                self.targets[rows],
                *(counts[rows] for counts in self.counts),
            ]
            seed = tf.constant([self.seeds[places[0]], self.step + start], tf.int32)
            step_tensors = tf.nest.map_structure(tf.constant, step_inputs)
            state, losses = self._pass(seed, losses, state, dropped, *step_tensors)
        return state, losses.numpy() / len(batches)

    def _outputs_of(self, weights: Any, member_rows: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the outputs of a graph's first members, each for its own rows."""
        slots = int(np.prod(self.sequences.shape[1:]))
        at_once = max(1, min(EVALUATED_AT_ONCE, EVALUATED_SLOTS // slots))
        longest = max(map(len, member_rows))
        padded = [np.pad(part, (0, longest - len(part)), "edge") for part in member_rows]
        rows = np.stack(padded + padded[:1] * (len(weights) - len(padded)))
        blocks = (rows[:, start : start + at_once] for start in range(0, longest, at_once))
        block_tensors = (
            tf.nest.map_structure(tf.constant, taken(self.sequences, block)) for block in blocks
        )
        outputs = np.concatenate(
            [self._outputs(weights, tensors).numpy() for tensors in block_tensors], 1
        )
        return [z[: len(part)] for z, part in zip(outputs, member_rows, strict=False)]

    def _member_outputs(self, weights: Any, sequences: Any, *dropout: Any) -> Any:
        pieces = tf.split(weights, self.sizes, 1)
        variable_values = [
            (variable, tf.reshape(piece, variable.shape))
            for variable, piece in zip(self.network.weights, pieces, strict=True)
        ]
        with keras.StatelessScope(state_mapping=variable_values):
            return self.network.member_outputs(sequences, *dropout)

    def _train_on(self, seed: Any, losses: Any, state: Any, dropped: Any, *step_inputs: Any) -> Any:
        """Take one step for each given batch of rows, and add up the losses."""
        steps = tf.shape(step_inputs[0])[0]

        def step(place: Any, losses: Any, *state: Any) -> tuple[Any, ...]:
            rate, *rows = tf.nest.map_structure(lambda values: values[place], step_inputs)
            step_seed = seed + tf.stack([0, place])
            changed, loss = self._step(step_seed, state, (step_seed, *dropped), rate, *rows)
            return place + 1, losses + loss, *changed

        _, losses, *state = tf.while_loop(
            lambda place, *_: place < steps, step, (0, losses, *state)
        )
        return state, losses

    def _step(
        self,
        seed: Any,
        state: Any,
        dropout: Any,
        rate: Any,
        sequences: Any,
        targets: Any,
        row_weights: Any = None,
    ) -> Any:
        """Take a step of AdamW; each member's gradient is clipped to norm 1.

        Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
        """
        weights, mean, square = state
        with tf.GradientTape() as tape:
            tape.watch(weights)
            outputs = self._member_outputs(weights, sequences, *dropout)
            losses = self.task_outputs.tensor_losses(tf, targets, outputs)
            if row_weights is not None:
                losses *= row_weights
            loss = tf.reduce_mean(losses, 1)
        gradient = tape.gradient(loss, weights)
        norm = tf.norm(gradient, axis=1, keepdims=True)
        gradient *= GRADIENT_NORM / tf.maximum(norm, GRADIENT_NORM)
        step = tf.cast(seed[1] + 1, tf.float32)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient * gradient
        unbiased = tf.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        change = unbiased * mean / (tf.sqrt(square) + 1e-8) + self.decay * weights
        return (weights - rate[:, None] * self.rate_shares * change, mean, square), loss
