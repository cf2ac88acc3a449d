"""Score rows: the ensemble's forward pass in NumPy, blocks of rows on all cores.

The same arithmetic as the Keras layers. NumPy's vectorized tanh and matrix products take a fraction
of the time of TensorFlow's kernels at these sizes, but a matrix product may give some columns other
last bits than the rest, depending on the processor and on the number of rows. Up to `FEW` rows are
therefore computed in float64, where this is about 1e-15, and the mean logit is then rounded to a
multiple of 2^-24. So a row has the same bits wherever it stands, whatever is beside it and whatever
the processor, unless its logit lies within 1e-15 of the middle between two multiples, which is so
for about one row in 10^8. More rows are computed in float32, which takes a quarter of the time.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.special import expit
from threadpoolctl import threadpool_limits

from tabular_lstm.network.build import LSTMEnsemble
from tabular_lstm.network.layers import CLIP

# Rows of a block: 512 of up to 64 slots, fewer of more, for what is computed of them to fit memory.
BLOCK = 512
BLOCK_SLOTS = 2**15
LEAST_BLOCK = 32
FEW = 1024
LOGIT_STEP = 2.0**-24


def score(model: LSTMEnsemble, sequences: np.ndarray) -> np.ndarray:
    """Give the probability of the positive class.

    A row's probability is the same within 1e-7 in every call of at most 1,024 rows, and within 1e-6
    in any call, on any processor. The same rows in the same order give the same bits on any number
    of threads of one processor.

    Args:
        model: An ensemble.
        sequences: float32 (rows, steps, features_per_step), NaN where missing.

    Returns:
        float64 (rows,).
    """
    rows = len(sequences)
    forward = _Forward(model, np.float64 if rows <= FEW else np.float32)
    slots = sequences.reshape(rows, -1)
    logits = np.empty(rows)
    size = max(LEAST_BLOCK, min(BLOCK, BLOCK_SLOTS // slots.shape[1]))

    def fill(start: int) -> None:
        block = slice(start, start + size)
        logits[block] = forward(np.ascontiguousarray(slots[block].T))

    # The blocks are the threads' work; BLAS' own threads would get in their way.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(fill, range(0, rows, size)))
    rounded = np.round(logits / LOGIT_STEP) * LOGIT_STEP
    return np.asarray(expit(rounded / model.temperature))


class _Forward:
    """The mean logit of a block of rows, by weights laid out for it, in float64 or float32.

    Rows are the last axis of every array here, so that a gate or a feature is one contiguous piece.
    """

    def __init__(self, model: LSTMEnsemble, dtype: DTypeLike) -> None:
        def array(weight: Any) -> np.ndarray:
            return np.asarray(weight, dtype)

        self.dtype, self.embed, self.members = dtype, model.embed, model.embed.members
        embed, read_out = model.embed, model.read_out
        self.frequency = 2 * np.pi * np.asarray(embed.frequency).swapaxes(2, 3)
        self.kernel = array(embed.kernel).swapaxes(2, 3).copy()
        self.bias = array(embed.bias).swapaxes(2, 3)
        self.vectors = array(embed.vectors).swapaxes(1, 2).copy()
        self.recur = [_halved(recur, dtype) for recur in model.recur]
        # The mean over steps and over members is a sum with smaller weights.
        kernel = array(read_out.kernel).reshape(self.members, 2, 2, read_out.units)
        last, mean = kernel.transpose(1, 2, 0, 3)[..., None, :] / self.members
        self.last, self.mean_state = last, mean / embed.steps
        self.read_out_bias = float(array(read_out.bias).mean())

    def __call__(self, slots: np.ndarray) -> np.ndarray:
        """(slots, n) to logits (n,)."""
        steps = self._embed(slots)
        for weights in self.recur[:-1]:
            forward, backward = np.stack([state.copy() for state in _states(steps, weights)], 2)
            steps = np.concatenate([forward, backward[:, ::-1]], 2)
        states = _states(steps, self.recur[-1])
        state = next(states)
        total = state.copy()
        for state in states:
            total += state
        read = self.last @ state + self.mean_state @ total
        return np.asarray(read.sum((0, 1, 2)) + self.read_out_bias)

    def _embed(self, slots: np.ndarray) -> np.ndarray:
        """(slots, n) to (k, T, F·d, n)."""
        embed, rows = self.embed, slots.shape[1]
        vectors = np.zeros((self.members, len(embed.places), embed.dimensions, rows), self.dtype)
        if len(embed.numeric):
            vectors[:, embed.numeric] = self._numbers(slots[embed.numeric])
        if len(embed.categorical):
            index = embed.category_index(slots)
            vectors[:, embed.categorical] = self.vectors[:, :, index].swapaxes(1, 2)
        return vectors.reshape(self.members, embed.steps, -1, rows)

    def _numbers(self, slots: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):  # what overflows is clipped
            z = np.clip((slots - self.embed.center) * self.embed.scale, -CLIP, CLIP)
        missing = np.isnan(z)
        z = np.where(missing, np.float32(0), z)
        f = self.embed.frequencies
        waves = np.empty((self.members, len(z), 2 * f + 2, z.shape[1]), self.dtype)
        angle = (self.frequency * z[:, None]).astype(self.dtype)  # in float32, as Keras has it
        np.cos(angle, out=waves[:, :, :f])
        np.sin(angle, out=waves[:, :, f : 2 * f])
        waves[:, :, -2] = z
        waves[:, :, -1] = missing
        vectors = self.kernel @ waves
        vectors += self.bias
        return np.asarray(np.maximum(vectors, 0, out=vectors))


def _halved(recur: Any, dtype: DTypeLike) -> np.ndarray:
    """Lay an LSTM's weights out as one matrix, (2, k, 4u, inputs + u + 1): inputs, state, bias.

    What leads to the three sigmoids is halved, so that one tanh serves all four gates:
    sigmoid(x) = (1 + tanh(x / 2)) / 2.
    """
    u = recur.units
    parts = [recur.kernel, recur.recurrent, recur.bias[:, :, None]]
    weights = np.concatenate([np.asarray(part, dtype) for part in parts], 2)
    weights[..., -1, 2 * u : 3 * u] += 1  # to the bias of the forget gate
    weights[..., :u] /= 2
    weights[..., 2 * u :] /= 2
    return weights.transpose(1, 0, 3, 2).copy()


def _states(steps: np.ndarray, weights: np.ndarray) -> Iterator[np.ndarray]:
    """(k, T, inputs, n) to T states (2, k, u, n), each direction's in the order it reads."""
    members, length, inputs, rows = steps.shape
    u, dtype = weights.shape[2] // 4, weights.dtype
    # The inputs, the state and a 1 for the bias, one above the other for a single product.
    joint = np.ones((2, members, inputs + u + 1, rows), dtype)
    state = joint[:, :, inputs : inputs + u]
    state[:] = 0
    gates = np.empty((2, members, 4 * u, rows), dtype)
    opened, candidate = gates[:, :, :u], gates[:, :, u : 2 * u]
    kept, out = gates[:, :, 2 * u : 3 * u], gates[:, :, 3 * u :]
    cell = np.zeros((2, members, u, rows), dtype)
    for t in range(length):
        joint[0, :, :inputs] = steps[:, t]
        joint[1, :, :inputs] = steps[:, -1 - t]
        np.matmul(weights, joint, out=gates)
        np.tanh(gates, out=gates)
        # cell = (kept + 1) / 2 · cell + (opened + 1) / 2 · candidate
        opened += 1
        opened *= candidate
        kept += 1
        cell *= kept
        cell += opened
        cell *= 0.5
        # state = (out + 1) / 2 · tanh(cell)
        out += 1
        out *= 0.5
        np.tanh(cell, out=state)
        state *= out
        yield state
