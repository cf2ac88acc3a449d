"""Build a network: an ensemble of LSTMs and its layers, or a custom network.

An `LSTMEnsemble` turns a raw row into a prediction. Its configuration holds the schema, the
calibration and the decision threshold, and is in the same `.keras` file as its weights.
"""

from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf

from tabular_lstm.network.outputs import Calibration, outputs_of
from tabular_lstm.network.own_network import OwnNetwork
from tabular_lstm.network.scorer import Slots
from tabular_lstm.parameters.hyperparameters import Ensemble, NetworkOptions
from tabular_lstm.rows.histories import PADDING
from tabular_lstm.rows.schema import Schema

# Layers -------------------------------------------------------------------------------------------
# The three layers of the network, in the order in which a row passes them: embed, recur, read
# out.
#
# Every weight has a leading axis of members. The k members of an ensemble share no weight. So a
# graph can train some of them, and groups of members that were trained apart merge by
# concatenating their weights along that axis.
#
# In shapes, there are k members, n rows, T steps, F features per step (slots), d dimensions of a
# feature's vector and u units of an LSTM. A leading "k or 1" is 1 where all members read the same
# rows.

# Features embedded at once: few enough that intermediate values fit the caches.
BLOCK = 64
# Subtracted from a dropped feature's sums, so that the ReLU makes them 0.
FAR = 1e30

# Embed -------------------------------------------------------------------------------------------


class Embed(keras.layers.Layer):  # type: ignore[misc]
    """Turn each feature of a step into a vector of d numbers.

    A number has two forms: its normal score s, and its standardized value z, clipped at five
    standard deviations. They are extended to [cos(2πcs), sin(2πcs), s, z, 0] with learned
    frequencies c, and mapped to d numbers by the feature's own matrix and a ReLU. So the LSTM can
    tell close values apart without steep weights. In a skewed number the scores lie apart where
    most rows are; sums and ratios of numbers are plain in the values. A missing number has s = z =
    0 and a 1 in the last place: its vector is learned, nothing is imputed. In a schema without
    `scores`, from version 0.1.0, z is the only form.
    Each category has a learned vector, and a missing category has one too. After training, each
    category that is in none of a member's rows, such as the unknown category, gets the mean vector
    of the member's rows. A padded slot gives zeros. In training each member drops the share
    `dropped`, (k,), of the features' vectors, so that it does not rely on few features.

    Source: Gorishniy, Rubachev and Babenko, "On Embeddings for Numerical Features in Tabular Deep
    Learning", NeurIPS 2022 (the PLR embedding).

    Shape:
        From (k or 1, n, M + S), see `Slots.prepared`, to (k, T, n, F·d). A missing value is NaN; a
        category is its place in the schema's list.
    """

    def __init__(self, schema: Schema, options: Ensemble, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slots, self.padded = Slots.of(schema), schema.padded_slots > 0
        self.members, self.dimensions = options.count, options.dimensions
        self.frequencies = options.frequencies
        k, s, d = self.members, len(self.slots.numeric), self.dimensions
        self.frequency = self.add_weight((k, s, 1, self.frequencies), name="frequency")
        waves = 2 * self.frequencies + self.slots.forms + 1
        self.kernel = self.add_weight((k, s, waves, d), name="kernel")
        self.bias = self.add_weight((k, s, 1, d), name="bias")
        self.vectors = self.add_weight((k, int(self.slots.offsets[-1]), d), name="vectors")
        self.built = True

    def call(self, prepared: Any, dropout_seed: Any = None, dropped: Any = None) -> Any:
        """See the class; nothing is dropped without a seed (two int32) or without shares."""
        slots, scored = self.slots, len(self.slots.scored)
        values = tf.transpose(prepared, [0, 2, 1])
        rows, parts = tf.shape(values)[2], []
        kernel, bias, vectors = self.kernel, self.bias, self.vectors
        if dropout_seed is None or dropped is None:
            dropped_numbers = dropped_categories = None
        else:
            # ReLU(c · x) is c · ReLU(x), so kept features are scaled up by their weights.
            gain = 1 / (1 - dropped)[:, None, None]
            kernel, bias, vectors = kernel * gain[..., None], bias * gain[..., None], vectors * gain
            counts = [len(slots.numeric), len(slots.categorical)]
            # Not the read-out's seed, which would draw the same numbers.
            seed = tf.random.fold_in(dropout_seed, 1)
            dropped_features = _draw_dropped(
                (self.members, sum(counts), rows), dropped[:, None, None], seed
            )
            dropped_numbers, dropped_categories = tf.split(dropped_features, counts, 1)
        if len(slots.numeric):
            forms = [_take(values, scored + slots.numeric)]
            if slots.scores:
                places = slots.score_places
                places = np.where(places < 0, scored + slots.numeric, places)
                forms.insert(0, _take(values, places))
            parts += self._numbers(forms, (self.frequency, kernel, bias), dropped_numbers)
        if len(slots.categorical):
            categories = _take(values, scored + slots.categorical)
            parts.append(self._categories(categories, vectors, dropped_categories))
        if self.padded:
            parts.append(tf.zeros_like(parts[0][:, :1]))
        embedded = _take(tf.concat(parts, 1), slots.places)
        shape = (self.members, slots.steps, slots.features_per_step, rows, self.dimensions)
        by_step = tf.transpose(tf.reshape(embedded, shape), [0, 1, 3, 2, 4])
        return tf.reshape(by_step, (*shape[:2], rows, slots.features_per_step * self.dimensions))

    def _numbers(self, forms: list[Any], weights: Any, dropped: Any) -> list[Any]:
        """Return the vectors of each block of features."""
        if forms[0].shape[0] != self.members:
            forms = [tf.repeat(form, self.members, 0) for form in forms]
        features = len(self.slots.numeric)
        sizes = [min(BLOCK, features - start) for start in range(0, features, BLOCK)]
        missing = tf.math.is_nan(forms[0])
        forms = [tf.where(missing, 0.0, form) for form in forms]
        # In `_block`, the joint kernel has a row for each of them.
        further_inputs = [*forms, tf.cast(missing, tf.float32), tf.ones_like(forms[0])]
        if dropped is not None:
            further_inputs.append(tf.where(dropped, -FAR, 0.0))
        # Split, not sliced: each slice's gradient would be a whole tensor of zeros.
        parts = (forms[0], tf.stack(further_inputs, 2), *weights)
        blocks = (tf.split(part, sizes, 1) for part in parts)
        return [_block(*block) for block in zip(*blocks, strict=True)]

    def _categories(self, values: Any, vectors: Any, dropped: Any) -> Any:
        unknown = tf.constant(self.slots.unknown[:, None], tf.float32)
        is_known = (values >= 0) & (values < unknown)
        place = tf.where(tf.math.is_nan(values), unknown + 1, tf.where(is_known, values, unknown))
        index = tf.cast(place, tf.int32) + tf.constant(self.slots.offsets[:-1, None], tf.int32)
        if dropped is not None:
            index = tf.where(dropped, vectors.shape[1], index)
            vectors = tf.concat([vectors, tf.zeros_like(vectors[:, :1])], 1)
        if index.shape[0] == 1:
            return tf.gather(vectors, index[0], axis=1)
        return tf.gather(vectors, index, batch_dims=1)


def _block(z: Any, further_inputs: Any, frequency: Any, kernel: Any, bias: Any) -> Any:
    """Return the vectors, (k, s, n, d), of numbers' first forms, (k, s, n), with further inputs.

    A hand-written gradient would not compute the waves again and would save a tenth of a step's
    time. But TensorFlow never frees the graph of such a function.
    """
    angle = tf.linalg.matrix_transpose(2 * np.pi * frequency) * z[:, :, None]
    waves = tf.concat([tf.cos(angle), tf.sin(angle), further_inputs], 2)
    joint = [kernel, bias]
    if waves.shape[2] > kernel.shape[2] + 1:  # what is subtracted from dropped features
        joint.append(tf.ones_like(bias))
    return tf.nn.relu(tf.matmul(waves, tf.concat(joint, 2), transpose_a=True))


def _take(slots: Any, places: np.ndarray) -> Any:
    """Pick slots along axis 1; if all are picked in their order, nothing is copied."""
    if slots.shape[1] == len(places) and (places == np.arange(len(places))).all():
        return slots
    return tf.gather(slots, places, axis=1)


def _draw_dropped(shape: Any, share: Any, seed: Any) -> Any:
    """Draw a mask of this shape: true, for this share below 1, is dropped.

    It is made of 16 random bits each: random floats would take twice the time.
    """
    count = tf.reduce_prod(shape)
    bits = tf.random.stateless_uniform(((count + 1) // 2,), seed, None, None, tf.int32)
    halves = tf.reshape(tf.bitcast(bits, tf.uint16), [-1])[:count]
    return tf.reshape(halves, shape) < tf.cast(share * 2**16, tf.uint16)


# Recur -------------------------------------------------------------------------------------------


class Recur(keras.layers.Layer):  # type: ignore[misc]
    """Read the steps forwards and backwards with an LSTM each.

    The gates are in the order input, candidate, forget, output. The loop over the steps is
    TensorFlow's fused BlockLSTM kernel, one for each member and direction: with the few units and
    rows of tabular data it takes half the time of batched matrix products and separate gates.

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; 1 is
    added to the forget gate as in Jozefowicz, Zaremba and Sutskever, 2015.

    Args:
        members: k.
        inputs: Size of a step's vector.
        units: u.

    Shape:
        (k, T, n, inputs) to two (k, T, n, u): the states of the forward and of the backward LSTM,
        each in its reading order. With the `lengths` of histories, (k, n), the backward LSTM starts
        at each history's last step; the states after this step do not belong to the history. With
        their `places` too, (k, n, T), the steps are rows, (k, 1, rows, inputs), and each row is
        multiplied by the kernel once.
    """

    def __init__(self, members: int, inputs: int, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.kernel = self.add_weight((members, 2, inputs, 4 * units), name="kernel")
        self.recurrent = self.add_weight((members, 2, units, 4 * units), name="recurrent")
        self.bias = self.add_weight((members, 2, 4 * units), name="bias")
        self.built = True

    def call(self, steps: Any, lengths: Any = None, places: Any = None) -> Any:
        """See the class."""
        # Unstacked, not indexed: each index's gradient would be a whole tensor of zeros.
        kernels, biases = tf.unstack(self.kernel, axis=1), tf.unstack(self.bias, axis=1)
        if places is None:
            direction_steps = steps, backwards(steps, lengths)
        else:
            by_step = tf.transpose(places, [0, 2, 1])
            orders, rows = (by_step, backwards(by_step, lengths)), tf.squeeze(steps, 1)
            direction_steps = tuple(
                tf.gather(tf.matmul(rows, kernel), tf.maximum(order, 0), batch_dims=1)
                for kernel, order in zip(kernels, orders, strict=True)
            )
            identity = tf.eye(4 * self.units, batch_shape=(self.kernel.shape[0],))
            kernels = [identity, identity]
        weights = [
            tf.concat(pair, 1)
            for pair in zip(kernels, tf.unstack(self.recurrent, axis=1), strict=True)
        ]
        directions = zip(direction_steps, weights, biases, strict=True)
        forward, backward = (
            tf.stack(
                [
                    self._lstm(*member)
                    for member in zip(*map(tf.unstack, direction_arrays), strict=True)
                ]
            )
            for direction_arrays in directions
        )
        return forward, backward

    def _lstm(self, steps: Any, weights: Any, bias: Any) -> Any:
        state = tf.zeros((tf.shape(steps)[1], self.units))
        no_peephole = tf.zeros((self.units,))
        # Not BlockLSTMV2, whose gradient is wrong in TensorFlow 2.21.
        return tf.raw_ops.BlockLSTM(
            seq_len_max=tf.shape(steps, tf.int64)[0],
            x=steps,
            cs_prev=state,
            h_prev=state,
            w=weights,
            wci=no_peephole,
            wcf=no_peephole,
            wco=no_peephole,
            b=bias,
            cell_clip=-1.0,
            use_peephole=False,
            forget_bias=1.0,
        ).h


def backwards(steps: Any, lengths: Any = None) -> Any:
    """Reverse the steps, (k, T, n, …); for histories only the first `lengths`, (k, n), steps."""
    if lengths is not None:
        member_pairs = zip(tf.unstack(steps), tf.unstack(lengths), strict=True)
        return tf.stack(
            [tf.reverse_sequence(s, n, seq_axis=0, batch_axis=1) for s, n in member_pairs]
        )
    return tf.stack(tf.unstack(steps, axis=1)[::-1], 1)


# Read out ----------------------------------------------------------------------------------------


class ReadOut(keras.layers.Layer):  # type: ignore[misc]
    """Compute the outputs from both directions' last and mean states, after dropout.

    For histories, the `build.summaries` of the numbers are added linearly, by the weights of
    `tabular_lstm.network.offset`, so that the network can repeat a label's last value or last
    change without a state.

    Source: Cheng et al., "Wide & Deep Learning for Recommender Systems", 2016.

    Args:
        members: k.
        units: u.
        outputs: o, see `tabular_lstm.network.outputs`.
        dropout: Share of the 4u inputs dropped in training.
        wide: How many summaries there are.

    Shape:
        Two (k, T, n, u), from `Recur`, to (k, n, o); for histories, only the first `lengths`, (k,
        n), states count, and summaries, (k or 1, n, wide), are added if they are given.
    """

    def __init__(
        self, members: int, units: int, outputs: int, dropout: float, wide: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.dropout = units, cast(Any, dropout or None)
        self.kernel = self.add_weight((members, 4 * units + wide, outputs), name="kernel")
        self.bias = self.add_weight((members, outputs), name="bias")
        self.built = True

    def call(
        self, states: Any, dropout_seed: Any = None, lengths: Any = None, wide: Any = None
    ) -> Any:
        """See the class; without a seed, two int32, nothing is dropped."""
        if lengths is None:
            last = [tf.unstack(direction, axis=1)[-1] for direction in states]
            mean = [tf.reduce_mean(direction, 1) for direction in states]
        else:
            last_mask = tf.one_hot(lengths - 1, tf.shape(states[0])[1], axis=1)[..., None]
            step_mask = tf.math.cumsum(last_mask, 1, reverse=True)
            last = [tf.reduce_sum(direction * last_mask, 1) for direction in states]
            count = tf.cast(lengths, tf.float32)[..., None]
            mean = [tf.reduce_sum(direction * step_mask, 1) / count for direction in states]
        read = tf.concat([*last, *mean], -1)
        if dropout_seed is not None and self.dropout is not None:
            dropped = _draw_dropped(tf.shape(read), self.dropout, dropout_seed)
            read *= tf.cast(~dropped, tf.float32) * (1 / (1 - self.dropout))
        if wide is not None:
            if wide.shape[0] != self.kernel.shape[0]:
                wide = tf.repeat(wide, self.kernel.shape[0], 0)
            read = tf.concat([read, wide], 2)
        return tf.matmul(read, self.kernel[:, : read.shape[2]]) + self.bias[:, None]


# Build --------------------------------------------------------------------------------------------


@keras.saving.register_keras_serializable("tabular_lstm")
class LSTMEnsemble(keras.Model):  # type: ignore[misc]
    """k networks of three layers (embed, recur, read out); their mean output is calibrated.

    Args:
        schema: A `Schema` as plain JSON.
        options: An `Ensemble` as plain JSON.
        training: Its `Training` parameters as plain JSON, for the record.
        row_options: Like `options`, of the members that read `Schema.row`. Default: there are none.
        format: The number of the file's format; any but the schema's is a ValueError. Default: the
            schema's.
        temperature, threshold, costs, residuals, coverage: See `Calibration`. Default:
            uncalibrated.

    Shape:
        (n, T, F) to (n, o); with `Schema.row`, a pair of histories and rows, see
        `tabular_lstm.rows.past_features.as_rows`. Input: raw values. Output: the probability of the
        positive class (two classes), the probability of each class (more classes), or quantiles of
        the label, standardized by the schema's target (a number).
    """

    def __init__(
        self,
        schema: dict[str, Any],
        options: dict[str, Any],
        training: dict[str, Any] | None = None,
        row_options: Any = None,
        *,
        name: str = "ensemble",
        format: int | None = None,
        **calibration: Any,
    ) -> None:
        super().__init__(name=name)
        self.schema = Schema.model_validate(schema)
        self.format = self.schema.file_format
        if format not in (None, self.format):
            raise ValueError(f"a network of this schema has no format {format}")
        self.options = Ensemble.model_validate(options)
        self.training = training
        self.calibration = Calibration.model_validate(calibration)
        k, units = self.options.count, self.options.units
        self.embed = Embed(self.schema, self.options, name="embed")
        sizes = [self.schema.features_per_step * self.options.dimensions, *(2 * u for u in units)]
        self.recur = [
            Recur(k, inputs, u, name=f"recur_{place}")
            for place, (inputs, u) in enumerate(zip(sizes[:-1], units, strict=True), 1)
        ]
        self.read_out = ReadOut(
            k,
            units[-1],
            self.schema.task.outputs,
            self.options.dropout,
            self.embed.slots.wide if self.schema.history else 0,
            name="read_out",
        )
        # The frequency scale of each kind; the members that read rows are the first kind.
        self.scales, self.row = self.options.frequency_scale, None
        if self.schema.row is not None:
            self.row = LSTMEnsemble(self.schema.row.model_dump(), row_options, name="row")
            self.scales = self.row.scales + self.scales
        self.built = True

    def member_outputs(
        self,
        sequences: Any,
        dropout_seed: Any = None,
        dropped: Any = None,
        summarized: bool = False,
    ) -> Any:
        """Compute each member's outputs for its own rows: (k or 1, n, M + S) to (k, n, o).

        The rows are `Slots.prepared`. Histories are a pair: rows (k or 1, rows, M + S) and places
        (k or 1, n, T), see `tabular_lstm.rows.histories.Compact`. The read-out reads their
        summaries if `summarized`: not in training, which gives the summaries no weights.
        """
        lengths = places = wide = None
        if self.schema.history is not None:
            sequences, places = sequences
            wide = summaries(sequences, places, self.embed.slots) if summarized else None
            if places.shape[0] != self.options.count:
                places = tf.repeat(places, self.options.count, 0)
            lengths = tf.reduce_sum(tf.cast(places >= 0, tf.int32), 2)
        steps = self.embed(sequences, dropout_seed, dropped)
        states = self.recur[0](steps, lengths, places)
        for recur in self.recur[1:]:
            forward, backward = states
            states = recur(tf.concat([forward, backwards(backward, lengths)], -1), lengths)
        return self.read_out(states, dropout_seed, lengths, wide)

    def call(self, sequences: Any, training: bool = False) -> Any:
        """Average all members' outputs for the same rows, (n, T, F); see the class."""
        outputs = self.mean_outputs(sequences) / self.calibration.temperature
        return outputs_of(self.schema.task).activated(tf, outputs)

    def mean_outputs(self, sequences: Any) -> Any:
        """Average the outputs before calibration; of histories and rows, add both means."""
        row_outputs = 0.0
        if self.row is not None:
            sequences, rows = sequences
            row_outputs = self.row.mean_outputs(rows)
        slots = self.embed.slots
        rows = tf.reshape(sequences, (-1, len(slots.places)))
        prepared = tf.numpy_function(slots.prepared, [rows], tf.float32)
        prepared.set_shape((None, len(slots.scored) + len(slots.places)))
        member_inputs = prepared[None]
        if self.schema.history is not None:
            are_rows = tf.reshape(sequences[..., 0] != PADDING, [-1])
            places = tf.where(are_rows, tf.range(tf.size(are_rows)), -1)
            shape = (1, *tf.unstack(tf.shape(sequences)[:2]))
            member_inputs = member_inputs, tf.reshape(places, shape)
        return tf.reduce_mean(self.member_outputs(member_inputs, summarized=True), 0) + row_outputs

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "name": self.name,
            "format": self.format,
            "schema": self.schema.model_dump(),
            "options": self.options.model_dump(),
            "training": self.training,
            **({} if self.row is None else {"row_options": self.row.options.model_dump()}),
            **self.calibration.model_dump(mode="json"),
        }


def summaries(rows: Any, places: Any, slots: Slots) -> Any:
    """Summarize each history's numbers and scores: the last known one, the one before it, mean.

    Shape:
        Rows (k or 1, rows, M + S), see `Slots.prepared`, and places (k or 1, n, T) to (k or 1, n,
        `slots.wide`), 0 where no value is known.
    """
    scored = len(slots.scored)
    z = tf.gather(rows, np.append(scored + slots.numeric, np.arange(scored)), axis=2)
    z = tf.gather(z, tf.maximum(places, 0), batch_dims=1)
    is_known = (places >= 0)[..., None] & ~tf.math.is_nan(z)
    z = tf.where(is_known, z, 0.0)
    rank = tf.math.cumsum(tf.cast(is_known, tf.int32), 2, reverse=True)
    last = [tf.reduce_sum(tf.where(rank == place, z, 0.0), 2) for place in (1, 2)]
    count = tf.maximum(tf.cast(rank[:, :, 0], tf.float32), 1.0)
    return tf.concat([*last, tf.reduce_sum(z, 2) / count], -1)


def build(schema: Schema, network: NetworkOptions, seed: int) -> LSTMEnsemble | OwnNetwork:
    """Build the network of the declared kind.

    Args:
        schema: Gives the shape of a sequence and what is known about each feature.
        network: The kind and its options. If the label is a number, only the first kind of members
            is built, except for histories: a second one doubles the time and brings nothing.
        seed: Seed of the initial weights.

    Returns:
        An uncompiled model, see `LSTMEnsemble` and `OwnNetwork.built`.
    """
    if network.kind == "keras":
        return OwnNetwork.built(schema, network, seed)
    options, row_options = network.ensemble, None
    if schema.target is not None and schema.history is None:
        options = options.of_kinds([0])
    if len(options.frequency_scale) == 1:  # then all members read the histories
        schema = schema.model_copy(update={"row": None})
    elif schema.row is not None:
        row_options, options = options.of_kinds([0]).model_dump(), options.of_kinds([1])
    model = LSTMEnsemble(
        schema.model_dump(), options.model_dump(), row_options=row_options, name="ensemble"
    )
    initialize(model, seed)
    return model


def initialize(model: LSTMEnsemble, seed: int) -> None:
    """Set random initial weights; each member has its own random generator.

    The embedding's weights are normal or uniform, an LSTM's recurrent kernel is orthogonal, and the
    other kernels are Glorot uniform.
    """
    options = model.options
    streams = [np.random.default_rng([seed, member]) for member in range(options.count)]
    row_weights = 0 if model.row is None else len(model.row.weights)
    for weight in model.weights[: len(model.weights) - row_weights]:
        layer, name = weight.path.split("/")[-2:]
        draws = [
            _initial(layer, name, weight.shape[1:], options, scale, rng)
            for (scale, _), rng in zip(options.each, streams, strict=True)
        ]
        weight.assign(np.stack(draws))
    if model.row is not None:
        initialize(model.row, seed)


def _initial(
    layer: str,
    name: str,
    shape: tuple[int, ...],
    options: Ensemble,
    scale: float,
    rng: np.random.Generator,
) -> np.ndarray:
    if layer == "embed":
        spread = {"frequency": scale, "vectors": 0.5}
        if name in spread:
            value = rng.normal(0, spread[name], shape)
        else:
            value = rng.uniform(-1, 1, shape) / np.sqrt(2 * options.frequencies + 2)
        if name == "kernel":
            value[:, -1] = 0  # if training has no missing number, a missing one acts as the mean
    elif name == "bias":
        value = np.zeros(shape)
    elif name == "recurrent":
        directions, units, gates = shape
        draws = (rng.normal(size=(gates, units)) for _ in range(directions))
        value = np.stack([np.linalg.qr(draw)[0].T for draw in draws])
    else:
        value = rng.uniform(-1, 1, shape) * np.sqrt(6 / (shape[-2] + shape[-1]))
        if layer == "read_out":
            value[4 * options.units[-1] :] = 0  # weights of the summaries
    return value.astype(np.float32)
