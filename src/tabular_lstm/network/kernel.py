"""The ensemble's forward pass for many rows, compiled for this processor by this process.

It takes a fraction of a second to compile and is kept as long as the process runs, by the sizes of
the network: there is no file to write, to share or to grow old. A row's logit has the same bits at
any place of any block, and the same on every processor with fused multiply-add, because it comes of
the same operations in the same order.
"""

import math
from collections.abc import Callable
from functools import cache, lru_cache, partial

import numpy as np
from numpy.typing import DTypeLike

from tabular_lstm.network.forward import halved
from tabular_lstm.network.kernel_code import forward_code
from tabular_lstm.network.kernel_sizes import SIDE_BY_SIDE, Sizes
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.network.vector_code import Code, Processor
from tabular_lstm.network.without_code import scratch_without, without_code

# Rows of a block; a vector of 64 rows is to be full.
BLOCK = 1024
LEAST_BLOCK = 64
# A vector that begins at a multiple of so many bytes is in as few lines of the cache as can be.
ALIGNED = 64


@lru_cache(maxsize=4)
def kernel_of(scorer: Scorer, processor: Processor) -> "Kernel":
    """Lay the weights out, once for all blocks of a stream."""
    return Kernel(scorer, processor)


class Kernel:
    """The mean logit of a block of rows, by compiled code.

    Args:
        scorer: The ensemble.
        processor: One whose instructions this machine knows.
    """

    def __init__(self, scorer: Scorer, processor: Processor) -> None:
        self.sizes, self.slots, self.processor = _sizes(scorer), scorer.slots, processor
        self.run = _compiled(forward_code, self.sizes, processor)
        self.weights = _laid_out(scorer, self.sizes)
        self.table = np.ascontiguousarray(scorer.embed.vectors)
        places = np.concatenate([self.slots.numeric, self.slots.categorical])
        # Each feature's slot, then the step that the slot is in.
        self.places = np.stack([places, places // self.slots.features_per_step]).astype(np.int64)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Slots (S, n) to logits (n,), float64."""
        return self._run(values, self.run, (), self.sizes.scratch)

    @property
    def without(self) -> Callable[[np.ndarray], np.ndarray]:
        """Slots (S, n) to logits without each feature, (features, n), float64: compiled by now."""
        run = _compiled(without_code, self.sizes, self.processor)
        features, scratch = self.places.shape[1], scratch_without(self.sizes)
        return partial(self._run, run=run, shape=(features,), scratch=scratch, missing=1)

    def _run(
        self,
        values: np.ndarray,
        run: Callable[..., None],
        shape: tuple[int, ...],
        scratch: int,
        missing: int = 0,
    ) -> np.ndarray:
        """Give the logits, (*shape, n); so many vectors of rows that lack all follow the rows."""
        sizes, of, lanes, rows = self.sizes, self.slots, self.processor.lanes, values.shape[1]
        vectors = -(-rows // lanes)
        numbers = _zeros((sizes.numbers, (vectors + missing) * lanes), np.float32)
        index = _zeros((sizes.categories, (vectors + missing) * lanes), np.int64)
        logits = _zeros((sizes.members, *shape, vectors * lanes), np.float32)
        numbers[:, :rows] = of.standardize(values[of.numeric])
        index[:, :rows] = of.category_index(values[of.categorical])
        if missing:
            numbers[:, vectors * lanes :] = np.nan
            none = np.full((sizes.categories, 1), np.nan)
            index[:, vectors * lanes :] = of.category_index(none)
        arrays = (
            numbers,
            index,
            self.places,
            self.weights,
            self.table,
            _zeros((scratch, lanes), np.float32),
            logits,
        )
        run(*(array.ctypes.data for array in arrays), vectors)
        total = np.zeros((*shape, rows))
        for of_member in logits:
            total += of_member[..., :rows]
        return total


@cache
def _compiled(
    write: Callable[[Sizes, int], Code], sizes: Sizes, processor: Processor
) -> Callable[..., None]:
    return write(sizes, processor.lanes).compile(processor)


def _sizes(scorer: Scorer) -> Sizes:
    slots, embed = scorer.slots, scorer.embed
    members, numbers, waves, dimensions = embed.kernel.shape
    return Sizes(
        members=members,
        steps=slots.steps,
        inputs=slots.features_per_step * dimensions,
        numbers=numbers,
        categories=len(slots.categorical),
        table=embed.vectors.shape[1],
        frequencies=waves // 2 - 1,
        dimensions=dimensions,
        units=tuple(recur.recurrent.shape[2] for recur in scorer.recur),
    )


def _laid_out(scorer: Scorer, sizes: Sizes) -> np.ndarray:
    """All weights but the categories' vectors, each member's in the order in which they are read.

    For each number its frequencies, times 2π, and for each group of dimensions the kernel, then the
    bias. For each LSTM, direction and unit what the four gates give to each input, each state and
    the bias. Then the read-out of the last states, of the sums over the steps, and the bias.
    """
    embed, k, n = scorer.embed, sizes.members, sizes.numbers
    joint = np.concatenate([embed.kernel, embed.bias], 2)
    groups = [joint[..., first : first + count] for first, count in sizes.groups]
    of_numbers = [2 * np.pi * embed.frequency, *groups]
    recur = [halved(recur, np.float32) for recur in scorer.recur]
    by_unit = [
        weights.reshape(2, k, SIDE_BY_SIDE, weights.shape[2] // SIDE_BY_SIDE, -1)
        for weights in recur
    ]
    # The mean over members and over steps is a sum with smaller weights.
    last, mean = np.split(scorer.read_out.kernel[..., 0] / k, 2, 1)
    parts = [
        np.concatenate([np.reshape(w, (k, n, w.shape[2] * w.shape[3])) for w in of_numbers], 2),
        *(weights.transpose(1, 0, 3, 4, 2) for weights in by_unit),
        last,
        mean / sizes.steps,
        scorer.read_out.bias / k,
    ]
    laid_out = np.concatenate([part.reshape(k, -1) for part in parts], 1)
    return np.ascontiguousarray(laid_out, np.float32)


def _zeros(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Zeros that begin at a multiple of `ALIGNED` bytes."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    room = np.zeros(size + ALIGNED, np.uint8)
    start = -room.ctypes.data % ALIGNED
    return room[start : start + size].view(dtype).reshape(shape)
