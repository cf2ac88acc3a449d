"""The sizes of an ensemble, on which the kernel's code depends, and how many weights they make."""

from dataclasses import dataclass

# Sums side by side in registers: an LSTM's four gates, or four of the dimensions of a vector.
SIDE_BY_SIDE = 4


@dataclass(frozen=True)
class Sizes:
    """What the code depends on; all else are its arguments.

    Attributes:
        members: k.
        steps: T.
        inputs: Size of a step's vector, F·d.
        numbers: Numeric features, N.
        categories: Categorical features, C.
        table: Vectors of all categories together.
        frequencies: f.
        dimensions: d.
        units: u of each LSTM, from the input on.
    """

    members: int
    steps: int
    inputs: int
    numbers: int
    categories: int
    table: int
    frequencies: int
    dimensions: int
    units: tuple[int, ...]

    @property
    def waves(self) -> int:
        """What a number is extended to: cosines, sines, itself, whether it is missing."""
        return 2 * self.frequencies + 2

    @property
    def groups(self) -> list[tuple[int, int]]:
        """The first of each group of dimensions whose sums are side by side, and how many."""
        d = self.dimensions
        return [(first, min(SIDE_BY_SIDE, d - first)) for first in range(0, d, SIDE_BY_SIDE)]

    @property
    def layers(self) -> list[tuple[int, int]]:
        """Inputs and units of each LSTM."""
        inputs = [self.inputs, *(2 * u for u in self.units[:-1])]
        return list(zip(inputs, self.units, strict=True))

    @property
    def number_weights(self) -> int:
        """Weights of a numeric feature."""
        return self.frequencies + (self.waves + 1) * self.dimensions

    @property
    def weights(self) -> int:
        """Weights of a member."""
        recur = sum(2 * u * unit_weights(inputs, u) for inputs, u in self.layers)
        return self.numbers * self.number_weights + recur + 4 * self.units[-1] + 1

    @property
    def scratch(self) -> int:
        """Vectors of what is kept between the stages."""
        states = sum(2 * self.steps * u for u in self.units)
        return self.waves + self.steps * self.inputs + states + max(self.units)


def unit_weights(inputs: int, units: int) -> int:
    """Weights of one unit of one LSTM: for each input, each unit and the bias one for each gate."""
    return SIDE_BY_SIDE * (inputs + units + 1)
