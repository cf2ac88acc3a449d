"""Score many rows: the ensemble's forward pass in NumPy, blocks of rows on all cores.

The same arithmetic as the Keras layers, to the last few bits. NumPy's vectorized tanh and matrix
products take a fraction of the time of TensorFlow's kernels at these sizes, and a row's
probability does not depend on the rows beside it: every block has the same number of rows.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from scipy.special import expit
from threadpoolctl import threadpool_limits

from tabular_lstm.network.build import LSTMEnsemble
from tabular_lstm.network.layers import CLIP, FLOAT32

BLOCK = 256


def score(model: LSTMEnsemble, sequences: np.ndarray) -> np.ndarray:
    """Give the probability of the positive class.

    Args:
        model: An ensemble.
        sequences: float32 (rows, steps, features_per_step), NaN where missing.

    Returns:
        float64 (rows,).
    """
    forward = _Forward(model)
    rows = len(sequences)
    slots = sequences.reshape(rows, -1)
    logits = np.empty(rows)

    def fill(start: int) -> None:
        block = slots[start : start + BLOCK]
        padded = np.zeros((BLOCK, slots.shape[1]), np.float32)
        padded[: len(block)] = block
        logits[start : start + BLOCK] = forward(padded)[: len(block)]

    # The blocks are the threads' work; BLAS' own threads would get in their way.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(fill, range(0, rows, BLOCK)))
    return np.asarray(expit(logits / model.temperature))


class _Forward:
    """The mean logit of a block of rows, by weights laid out for it."""

    def __init__(self, model: LSTMEnsemble) -> None:
        embed = model.embed
        self.embed, self.members, self.steps = embed, embed.members, embed.steps
        variance = np.array(embed.variance)[embed.numeric]
        self.scale = np.clip(1 / np.sqrt(variance), FLOAT32.tiny, FLOAT32.max).astype(np.float32)
        self.mean = np.array(embed.mean)[embed.numeric].astype(np.float32)
        self.frequency, self.kernel, self.bias, self.missing, self.vectors = (
            _array(weight)
            for weight in (embed.frequency, embed.kernel, embed.bias, embed.missing, embed.vectors)
        )
        self.frequency = 2 * np.pi * self.frequency
        self.recur = [_halved(recur) for recur in model.recur]
        # The mean over steps is a sum with smaller weights.
        u = model.read_out.units
        self.read_out = _array(model.read_out.kernel).reshape(self.members, 2, 2, u, 1).copy()
        self.read_out[:, 1] /= self.steps
        self.read_out_bias = float(_array(model.read_out.bias).mean())

    def __call__(self, slots: np.ndarray) -> np.ndarray:
        """(n, slots) to logits (n,)."""
        steps = self._embed(slots)
        for kernel, recurrent, bias in self.recur[:-1]:
            states = _lstm(steps, kernel, recurrent, bias)
            steps = np.concatenate([states[0], states[1][:, ::-1]], -1)
        forward, backward = _lstm(steps, *self.recur[-1])
        logits = 0.0
        for direction, states in enumerate((forward, backward)):
            last = np.matmul(states[:, -1], self.read_out[:, 0, direction])
            mean = np.matmul(states.sum(1), self.read_out[:, 1, direction])
            logits = logits + (last + mean)[..., 0].mean(0)
        return np.asarray(logits) + self.read_out_bias

    def _embed(self, slots: np.ndarray) -> np.ndarray:
        embed, d = self.embed, self.embed.dimensions
        rows = len(slots)
        vectors = np.zeros((self.members, len(embed.places), rows, d), np.float32)
        if len(embed.numeric):
            vectors[:, embed.numeric] = self._numbers(slots[:, embed.numeric].T)
        if len(embed.categorical):
            vectors[:, embed.categorical] = self._categories(slots[:, embed.categorical].T)
        shape = (self.members, self.steps, embed.features_per_step, rows, d)
        by_step = vectors.reshape(shape).transpose(0, 1, 3, 2, 4)
        return np.ascontiguousarray(by_step).reshape(self.members, self.steps, rows, -1)

    def _numbers(self, slots: np.ndarray) -> np.ndarray:
        z = np.clip((slots - self.mean[:, None]) * self.scale[:, None], -CLIP, CLIP)
        missing = np.isnan(z)
        z = np.where(missing, np.float32(0), z)[..., None]
        f = self.embed.frequencies
        waves = np.empty((self.members, len(z), z.shape[1], 1 + 2 * f), np.float32)
        waves[..., :1] = z
        angle = z * self.frequency
        np.cos(angle, out=waves[..., 1 : 1 + f])
        np.sin(angle, out=waves[..., 1 + f :])
        vectors = np.maximum(np.matmul(waves, self.kernel) + self.bias, 0)
        if missing.any():
            vectors = np.where(missing[..., None], self.missing, vectors)
        return np.asarray(vectors)

    def _categories(self, slots: np.ndarray) -> np.ndarray:
        unknown = self.embed.unknown[:, None]
        known = (slots >= 0) & (slots < unknown)
        place = np.where(np.isnan(slots), unknown + 1, np.where(known, slots, unknown))
        index = place.astype(np.int64) + self.embed.offsets[:-1, None]
        return self.vectors[:, index]


def _array(weight: Any) -> np.ndarray:
    return np.asarray(weight, np.float32)


def _halved(recur: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Halve what leads to the three sigmoids, so that one tanh serves all four gates.

    σ(x) = (1 + tanh(x / 2)) / 2.
    """
    u = recur.units
    half = np.full(4 * u, 0.5, np.float32)
    half[u : 2 * u] = 1
    bias = _array(recur.bias).copy()
    bias[..., 2 * u : 3 * u] += 1
    kernel, recurrent = _array(recur.kernel) * half, _array(recur.recurrent) * half
    return (
        kernel.transpose(1, 0, 2, 3).copy(),
        recurrent.transpose(1, 0, 2, 3).copy(),
        (bias * half).transpose(1, 0, 2)[:, :, None].copy(),
    )


def _lstm(
    steps: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    """(k, T, n, inputs) to states (2, k, T, n, u), each direction's in the order it reads."""
    members, length, rows, _ = steps.shape
    u = recurrent.shape[2]
    states = np.empty((2, members, length, rows, u), np.float32)
    gates = np.empty((2, members, rows, 4 * u), np.float32)
    cell = np.zeros((2, members, rows, u), np.float32)
    for t in range(length):
        np.matmul(steps[:, t], kernel[0], out=gates[0])
        np.matmul(steps[:, -1 - t], kernel[1], out=gates[1])
        gates += bias
        if t:
            gates += np.matmul(states[:, :, t - 1], recurrent)
        np.tanh(gates, out=gates)
        opened, candidate = gates[..., :u], gates[..., u : 2 * u]
        kept, out = gates[..., 2 * u : 3 * u], gates[..., 3 * u :]
        opened += 1
        opened *= candidate
        kept += 1
        cell *= kept
        cell += opened
        cell *= 0.5
        state = states[:, :, t]
        np.tanh(cell, out=state)
        out += 1
        out *= 0.5
        state *= out
    return states
