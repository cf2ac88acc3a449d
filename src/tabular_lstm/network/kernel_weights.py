"""An ensemble's sizes, and its weights in the order in which the kernel reads them."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from tabular_lstm.network.forward import halved
from tabular_lstm.network.scorer import Scorer

# Sums side by side in registers: an LSTM's four gates, or four dimensions of a vector.
SIDE_BY_SIDE = 4


@dataclass(frozen=True)
class Sizes:
    """What the kernel's code depends on."""

    members: int  # k
    steps: int  # T
    inputs: int  # size of a step's vector, F·d
    numbers: int  # numeric features, N
    categories: int  # categorical features, C
    table: int  # vectors of all categories together
    frequencies: int  # f
    forms: int  # forms of a number, see `Slots.forms`
    dimensions: int  # d
    units: tuple[int, ...]  # u of each LSTM, from the input on
    outputs: int  # o

    @classmethod
    def of(cls, scorer: Scorer) -> Self:
        """Read the sizes off the weights."""
        slots, embed = scorer.slots, scorer.embed
        members, numbers, _, dimensions = embed.kernel.shape
        return cls(
            members=members,
            steps=slots.steps,
            inputs=slots.features_per_step * dimensions,
            numbers=numbers,
            categories=len(slots.categorical),
            table=embed.vectors.shape[1],
            frequencies=embed.frequency.shape[3],
            forms=slots.forms,
            dimensions=dimensions,
            units=tuple(recur.recurrent.shape[2] for recur in scorer.recur),
            outputs=scorer.outputs,
        )

    @property
    def waves(self) -> int:
        """Size of an extended number: cosines, sines, its forms, whether it is missing."""
        return 2 * self.frequencies + self.forms + 1

    @property
    def groups(self) -> list[tuple[int, int]]:
        """First dimension and size of each group whose sums are side by side."""
        d = self.dimensions
        return [(first, min(SIDE_BY_SIDE, d - first)) for first in range(0, d, SIDE_BY_SIDE)]

    @property
    def layers(self) -> list[tuple[int, int]]:
        """Numbers of inputs and of units of each LSTM."""
        inputs = [self.inputs, *(2 * u for u in self.units[:-1])]
        return list(zip(inputs, self.units, strict=True))

    @property
    def number_weights(self) -> int:
        """Number of weights of a numeric feature."""
        return self.frequencies + (self.waves + 1) * self.dimensions

    @property
    def weights(self) -> int:
        """Number of weights of a member."""
        recur = sum(2 * u * unit_weights(inputs, u) for inputs, u in self.layers)
        return self.numbers * self.number_weights + recur + self.outputs * self.output_weights

    @property
    def output_weights(self) -> int:
        """Number of weights of an output."""
        return 4 * self.units[-1] + 1

    @property
    def scratch(self) -> int:
        """Number of vectors that the forward pass keeps: waves, steps, states and cells."""
        states = sum(2 * self.steps * u for u in self.units)
        return self.waves + self.steps * self.inputs + states + max(self.units)

    @property
    def first_sums(self) -> int:
        """Number of sums that the first LSTM computes for a step."""
        return 2 * self.units[0] * SIDE_BY_SIDE

    @property
    def scratch_without(self) -> int:
        """Number of further vectors for the forward pass without each feature."""
        return self.steps * self.inputs + (self.steps + 1) * self.first_sums + self.dimensions


def unit_weights(inputs: int, units: int) -> int:
    """Count the weights of an LSTM's unit: per gate, one for each input, each unit and the bias."""
    return SIDE_BY_SIDE * (inputs + units + 1)


def lay_out(scorer: Scorer, sizes: Sizes) -> np.ndarray:
    """Lay out all weights but the categories' vectors: float32 (k, Sizes.weights).

    First, for each number: its frequencies times 2π, then the kernel and the bias of each group of
    dimensions. Next, for each LSTM, direction and unit: the four gates' weights for each input,
    each state and the bias. Last, for each output: the weights of the last states and of the sums
    over the steps, and the bias.
    """
    embed, k, n = scorer.embed, sizes.members, sizes.numbers
    joint = np.concatenate([embed.kernel, embed.bias], 2)
    groups = [joint[..., first : first + count] for first, count in sizes.groups]
    number_weights = [2 * np.pi * embed.frequency, *groups]
    recur = [halved(recur, np.float32) for recur in scorer.recur]
    by_unit = [w.reshape(2, k, SIDE_BY_SIDE, w.shape[2] // SIDE_BY_SIDE, -1) for w in recur]
    # The mean over members and over steps is a sum with smaller weights.
    last, mean = np.split(scorer.read_out.kernel / k, 2, 1)
    read_out = np.concatenate([last, mean / sizes.steps, scorer.read_out.bias[:, None] / k], 1)
    parts = [
        np.concatenate([np.reshape(w, (k, n, w.shape[2] * w.shape[3])) for w in number_weights], 2),
        *(weights.transpose(1, 0, 3, 4, 2) for weights in by_unit),
        read_out.swapaxes(1, 2),
    ]
    laid_out = np.concatenate([part.reshape(k, -1) for part in parts], 1)
    return np.ascontiguousarray(laid_out, np.float32)
