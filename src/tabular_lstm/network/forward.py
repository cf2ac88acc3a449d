"""The ensemble's forward pass in NumPy, from slots to mean outputs, a block of rows at a time."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tabular_lstm.network.scorer import RecurWeights, Scorer
from tabular_lstm.rows.histories import Compact

# Recurrence ---------------------------------------------------------------------------------------


def halved(recur: RecurWeights, dtype: DTypeLike) -> np.ndarray:
    """Lay an LSTM's weights out as one matrix, (2, k, 4u, inputs + u + 1): inputs, state, bias.

    The inputs of the three sigmoids are halved, so that one tanh serves all four gates: sigmoid(x)
    = (1 + tanh(x / 2)) / 2.
    """
    u = recur.recurrent.shape[2]
    parts = [recur.kernel, recur.recurrent, recur.bias[:, :, None]]
    weights = np.concatenate(parts, 2, dtype=dtype)
    weights[..., -1, 2 * u : 3 * u] += 1  # to the bias of the forget gate
    weights[..., :u] /= 2
    weights[..., 2 * u :] /= 2
    return weights.transpose(1, 0, 3, 2).copy()


def reordered(steps: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Reorder the steps, (k, T, inputs, n), by the places in `back`, (T, n)."""
    return np.take_along_axis(steps, back[None, :, None], 1)


def lstm_states(
    steps: np.ndarray, weights: np.ndarray, backward: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Map steps (k, T, inputs, n) to T states (2, k, u, n), in each direction's reading order.

    `backward` has the steps in backward order. Default: all steps reversed.
    """
    backward = steps[:, ::-1] if backward is None else backward
    members, length, inputs, rows = steps.shape
    u, dtype = weights.shape[2] // 4, weights.dtype
    # The inputs, the state and a 1 for the bias, stacked for a single matrix product.
    joint = np.ones((2, members, inputs + u + 1, rows), dtype)
    state = joint[:, :, inputs : inputs + u]

    def fill(t: int, gates: np.ndarray) -> None:
        joint[0, :, :inputs] = steps[:, t]
        joint[1, :, :inputs] = backward[:, t]
        np.matmul(weights, joint, out=gates)

    return run_lstm(state, length, fill)


def lstm_states_of_changed(
    read: np.ndarray, step: int, change: np.ndarray, state_kernel: np.ndarray
) -> Iterator[np.ndarray]:
    """Run the LSTM on gate inputs, (2, k, T, 4u, n), changed at one step by (2, k, 4u, r·n)."""
    length, rows = read.shape[2], read.shape[4]
    state = np.empty((*read.shape[:2], read.shape[3] // 4, change.shape[3]), read.dtype)

    def fill(t: int, gates: np.ndarray) -> None:
        np.matmul(state_kernel, state, out=gates)
        repeated = gates.reshape(*gates.shape[:3], -1, rows)
        for direction, position in enumerate((t, length - 1 - t)):
            repeated[direction] += read[direction, :, position, :, None]
            if position == step:
                gates[direction] += change[direction]

    return run_lstm(state, length, fill)


def run_lstm(
    state: np.ndarray, length: int, fill: Callable[[int, np.ndarray], None]
) -> Iterator[np.ndarray]:
    """Yield the state, (2, k, u, n), after each step; `fill` computes the gates' inputs."""
    _, members, u, rows = state.shape
    state[:] = 0
    gates = np.empty((2, members, 4 * u, rows), state.dtype)
    input_gate, candidate = gates[:, :, :u], gates[:, :, u : 2 * u]
    forget_gate, output_gate = gates[:, :, 2 * u : 3 * u], gates[:, :, 3 * u :]
    cell = np.zeros((2, members, u, rows), state.dtype)
    for t in range(length):
        fill(t, gates)
        np.tanh(gates, out=gates)
        # cell = (forget_gate + 1) / 2 · cell + (input_gate + 1) / 2 · candidate
        input_gate += 1
        input_gate *= candidate
        forget_gate += 1
        cell *= forget_gate
        cell += input_gate
        cell *= 0.5
        # state = (output_gate + 1) / 2 · tanh(cell)
        output_gate += 1
        output_gate *= 0.5
        np.tanh(cell, out=state)
        state *= output_gate
        yield state


# Forward ------------------------------------------------------------------------------------------

# Rows of a block: 512 with up to 64 slots, fewer with more slots, so that a block fits memory.
BLOCK = 512
BLOCK_SLOTS = 2**15
LEAST_BLOCK = 32
# Numeric slots that are computed at once: each takes several times the memory of its vectors.
NUMBERS = 64


@lru_cache(maxsize=4)
def forward_of(scorer: Scorer, dtype: DTypeLike) -> "Forward":
    """Lay the weights out once: with many categories this takes longer than scoring a row."""
    return Forward(scorer, dtype)


def row_blocks(slots: int, rows: int, most: int = BLOCK, least: int = LEAST_BLOCK) -> list[slice]:
    """Cut rows into blocks of `least` to `most` rows; only the last block may be smaller."""
    size = max(least, min(most, BLOCK_SLOTS // slots))
    return [slice(start, start + size) for start in range(0, rows, size)]


class Forward:
    """Compute the mean outputs of a block of rows in NumPy, in float64 or float32.

    Rows are the last axis of every array here, so that a gate or a feature is one contiguous piece.
    """

    def __init__(self, scorer: Scorer, dtype: DTypeLike) -> None:
        self.dtype, self.slots = np.dtype(dtype), scorer.slots
        self.members, self.dimensions = scorer.options.count, scorer.options.dimensions
        frequency, *other_weights = scorer.embed
        kernel, bias, vectors = (weight.astype(dtype) for weight in other_weights)
        self.frequency = 2 * np.pi * frequency.swapaxes(2, 3)
        self.kernel = kernel.swapaxes(2, 3).copy()
        self.bias = bias.swapaxes(2, 3)
        self.vectors = vectors.swapaxes(1, 2).copy()
        self.recur = [halved(recur, dtype) for recur in scorer.recur]
        # The mean over steps and over members is a sum with smaller weights.
        kernel, bias = (weight.astype(dtype) for weight in scorer.read_out)
        states = 4 * scorer.options.units[-1]
        # The weights of the summaries, (o, `Slots.wide`): of classes all 0, but for version 0.1.0.
        self.wide = kernel[:, states:].mean(0).T
        self.adds_summaries = bool(self.wide.any())
        kernel = kernel[:, :states].reshape(self.members, 2, 2, -1, scorer.outputs)
        self.last, mean = kernel.transpose(1, 2, 0, 4, 3) / self.members
        self.mean_state = mean / self.slots.steps
        self.read_out_bias = bias.mean(0)[:, None]

    def __call__(self, slots: np.ndarray) -> np.ndarray:
        """Compute outputs (n, o) from slots (slots, n)."""
        return self._read(lstm_states(self._embed(slots), self.recur[0]))

    def of_histories(self, histories: Compact) -> np.ndarray:
        """Compute the outputs (n, o) of n histories; each row is embedded once."""
        weights = self.recur[0]
        embedded = self._embed(np.ascontiguousarray(histories.rows.T))[:, 0]
        # The first LSTM's weighted inputs of each row, (2, k, 4u, rows).
        read = weights[..., : embedded.shape[1]] @ embedded + weights[..., -1:]
        places = histories.places.T
        lengths = (places >= 0).sum(0)
        step = np.arange(len(places))[:, None]
        # Each step's place when read backwards; padding after the last step stays in place.
        back = np.where(step < lengths, lengths - 1 - step, step)
        orders = places, np.take_along_axis(places, back, 0)
        u = weights.shape[2] // 4
        state_kernel = weights[..., -u - 1 : -1]
        state = np.empty((2, self.members, u, len(lengths)), self.dtype)

        def fill(t: int, gates: np.ndarray) -> None:
            np.matmul(state_kernel, state, out=gates)
            for direction, order in enumerate(orders):
                gates[direction] += np.take(read[direction], order[t], 2, mode="clip")

        states = run_lstm(state, len(places), fill)
        for weights in self.recur[1:]:
            forward, backward = np.stack([state.copy() for state in states], 2)
            steps = np.concatenate([forward, reordered(backward, back)], 2)
            states = lstm_states(steps, weights, reordered(steps, back))
        last = total = np.zeros(1, self.dtype)
        for position, state in enumerate(states):
            total = total + np.where(position < lengths, state, 0)
            last = np.where(position == lengths - 1, state, last)
        read = self.last @ last + self.mean_state @ (total / lengths.astype(self.dtype))
        read = read.sum((0, 1))
        if self.adds_summaries:
            read += self.wide @ self.slots.summaries(histories, self.dtype)
        return np.asarray((read + self.read_out_bias).T)

    def _read(self, states: Iterator[np.ndarray]) -> np.ndarray:
        """Compute outputs (n, o) from the first LSTM's states."""
        for weights in self.recur[1:]:
            forward, backward = np.stack([state.copy() for state in states], 2)
            steps = np.concatenate([forward, backward[:, ::-1]], 2)
            states = lstm_states(steps, weights)
        state = next(states)
        total = state.copy()
        for state in states:
            total += state
        read = self.last @ state + self.mean_state @ total
        return np.asarray((read.sum((0, 1)) + self.read_out_bias).T)

    def changed(self, slots: np.ndarray) -> Callable[[int, np.ndarray], np.ndarray]:
        """Return a function that maps other values of one slot, (r, n), to outputs, (r, n, o).

        The first LSTM's weighted inputs of the other slots are computed once.
        """
        weights = self.recur[0]
        u, inputs = weights.shape[2] // 4, weights.shape[3] - weights.shape[2] // 4 - 1
        kernel, state_kernel = weights[..., :inputs], weights[..., inputs : inputs + u]
        blocks = [self._embed(slots[:, block]) for block in row_blocks(*slots.shape)]
        # (2, k, T, 4u, n)
        read = np.concatenate([kernel[:, :, None] @ block for block in blocks], -1)
        read += weights[:, :, None, :, -1:]

        def outputs(slot: int, values: np.ndarray, rows: slice) -> np.ndarray:
            step, place = divmod(slot, self.slots.features_per_step)
            slot_inputs = slice(place * self.dimensions, (place + 1) * self.dimensions)
            old_vectors, new_vectors = (
                self._vectors(slot, slots[slot, rows]),
                self._vectors(slot, values.ravel()),
            )
            new_vectors = (
                new_vectors.reshape(*new_vectors.shape[:2], *values.shape) - old_vectors[:, :, None]
            )
            change = kernel[..., slot_inputs] @ new_vectors.reshape(*new_vectors.shape[:2], -1)
            states = lstm_states_of_changed(read[..., rows], step, change, state_kernel)
            return self._read(states).reshape(*values.shape, -1)

        def in_blocks(slot: int, values: np.ndarray) -> np.ndarray:
            size = max(1, BLOCK // len(values))
            blocks = [slice(start, start + size) for start in range(0, values.shape[1], size)]
            return np.concatenate([outputs(slot, values[:, rows], rows) for rows in blocks], 1)

        return in_blocks

    def _vectors(self, slot: int, values: np.ndarray) -> np.ndarray:
        """Map one slot's values, (n,), to vectors, (k, d, n)."""
        slots = self.slots
        if slot in slots.numeric:
            place = np.flatnonzero(slots.numeric == slot)
            return self._numbers(values[None], place)[:, 0]
        place = np.flatnonzero(slots.categorical == slot)
        return self.vectors[:, :, slots.category_index(values[None], place)[0]]

    def _embed(self, values: np.ndarray) -> np.ndarray:
        """Map slots, (slots, n), to the steps' vectors, (k, T, F·d, n)."""
        slots, rows = self.slots, values.shape[1]
        vectors = np.zeros((self.members, len(values), self.dimensions, rows), self.dtype)
        for start in range(0, len(slots.numeric), NUMBERS):
            which = slice(start, start + NUMBERS)
            vectors[:, slots.numeric[which]] = self._numbers(values[slots.numeric[which]], which)
        if len(slots.categorical):
            index = slots.category_index(values[slots.categorical])
            vectors[:, slots.categorical] = self.vectors[:, :, index].swapaxes(1, 2)
        return vectors.reshape(self.members, slots.steps, -1, rows)

    def _numbers(self, values: np.ndarray, which: Any) -> np.ndarray:
        """Map some of the numeric slots, (s, n), to vectors, (k, s, d, n)."""
        forms = self.slots.number_forms(values, which)
        missing = np.isnan(forms[0])
        forms = np.where(missing, np.float32(0), forms)
        count, numbers, rows = forms.shape
        f = self.frequency.shape[2]
        waves = np.empty((self.members, numbers, 2 * f + count + 1, rows), self.dtype)
        # In float32, like Keras.
        angle = (self.frequency[:, which] * forms[0, :, None]).astype(self.dtype)
        np.cos(angle, out=waves[:, :, :f])
        np.sin(angle, out=waves[:, :, f : 2 * f])
        waves[:, :, 2 * f : -1] = forms.swapaxes(0, 1)
        waves[:, :, -1] = missing
        vectors = self.kernel[:, which] @ waves
        vectors += self.bias[:, which]
        return np.asarray(np.maximum(vectors, 0, out=vectors))
