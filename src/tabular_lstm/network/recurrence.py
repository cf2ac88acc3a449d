"""The LSTMs of an ensemble in NumPy: from their inputs to their states after each step."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import DTypeLike

from tabular_lstm.network.scorer import RecurWeights


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


def backwards(steps: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Reorder the steps, (k, T, inputs, n), by the places in `back`, (T, n)."""
    return np.take_along_axis(steps, back[None, :, None], 1)


def states_of(
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

    return run(state, length, fill)


def states_of_changed(
    read: np.ndarray, step: int, change: np.ndarray, state_kernel: np.ndarray
) -> Iterator[np.ndarray]:
    """Run the LSTM on gate inputs, (2, k, T, 4u, n), changed at one step by (2, k, 4u, r·n)."""
    length, rows = read.shape[2], read.shape[4]
    state = np.empty((*read.shape[:2], read.shape[3] // 4, change.shape[3]), read.dtype)

    def fill(t: int, gates: np.ndarray) -> None:
        np.matmul(state_kernel, state, out=gates)
        repeated = gates.reshape(*gates.shape[:3], -1, rows)
        for direction, at in enumerate((t, length - 1 - t)):
            repeated[direction] += read[direction, :, at, :, None]
            if at == step:
                gates[direction] += change[direction]

    return run(state, length, fill)


def run(
    state: np.ndarray, length: int, fill: Callable[[int, np.ndarray], None]
) -> Iterator[np.ndarray]:
    """Yield the state, (2, k, u, n), after each step; `fill` computes the gates' inputs."""
    _, members, u, rows = state.shape
    state[:] = 0
    gates = np.empty((2, members, 4 * u, rows), state.dtype)
    opened, candidate = gates[:, :, :u], gates[:, :, u : 2 * u]
    kept, out = gates[:, :, 2 * u : 3 * u], gates[:, :, 3 * u :]
    cell = np.zeros((2, members, u, rows), state.dtype)
    for t in range(length):
        fill(t, gates)
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
