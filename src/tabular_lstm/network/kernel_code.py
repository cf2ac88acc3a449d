"""Write the ensemble's forward pass as code for a vector of rows: embed, recur, read out.

The stages are those of `tabular_lstm.network.layers`. What is computed of a member and a vector of
rows stays in the processor's first cache, and what leads to a state in its registers.

Arrays that the code reads and writes, of V vectors of L rows each:

    numbers   float32 (N, V·L), standardized and clipped, NaN where missing
    index     int64 (C, V·L), each category's row in the table
    slots     int64 (N + C,), those of the numbers, then those of the categories
    weights   float32 (k, Sizes.weights), as `tabular_lstm.network.kernel` lays them out
    table     float32 (k, all categories' vectors, d)
    scratch   float32 (Sizes.scratch · L,), zeros at first
    logits    float32 (k, V·L), whose sum over the members is the mean logit
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tabular_lstm.network.vector_code import Code, Lanes, Place, Whole
from tabular_lstm.network.vector_functions import cosine_and_sine, tanh

# Sums side by side in registers: an LSTM's four gates, or four of the dimensions of a vector.
SIDE_BY_SIDE = 4
# How many numbers are added to these sums in one turn of a loop.
UNROLLED = 4


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


def forward_code(sizes: Sizes, lanes: int) -> Code:
    """Write the forward pass of so many rows a vector.

    Its arguments are the places of the arrays above in their order, and V, which is at least 1.
    """
    code = Code(lanes, pointers=7, wholes=1)
    numbers, index, slots, weights, table, scratch, logits, vectors = code.arguments()

    def member(k: Whole) -> None:
        of_numbers = weights.after(k * sizes.weights)
        of_table = table.after(k * (sizes.table * sizes.dimensions))
        of_recur = of_numbers.after(sizes.numbers * sizes.number_weights)

        def vector(v: Whole) -> None:
            waves = scratch
            steps = waves.after_vectors(sizes.waves)
            if sizes.numbers:
                _embed_numbers(sizes, of_numbers, numbers, slots, waves, steps, v, vectors)
            if sizes.categories:
                _embed_categories(sizes, of_table, index, slots, steps, v, vectors)
            weights_left, states = of_recur, steps
            read = sizes.steps * sizes.inputs
            cells = scratch.after_vectors(sizes.scratch - max(sizes.units))
            for inputs, u in sizes.layers:
                before, states = states, states.after_vectors(read)
                _recur(sizes.steps, inputs, u, weights_left, before, states, cells)
                weights_left = weights_left.after(2 * u * unit_weights(inputs, u))
                read = sizes.steps * 2 * u
            logits[k * vectors + v] = _read_out(sizes.steps, sizes.units[-1], weights_left, states)

        code.repeat(vectors, vector)

    code.repeat(sizes.members, member)
    return code


# Embed -------------------------------------------------------------------------------------------


def _embed_numbers(
    sizes: Sizes,
    weights: Place,
    numbers: Place,
    slots: Place,
    waves: Place,
    steps: Place,
    v: Whole,
    vectors: Whole,
) -> None:
    code, f = weights.code, sizes.frequencies

    def number(n: Whole) -> None:
        own = weights.after(n * sizes.number_weights)
        value, missing = numbers[n * vectors + v].missing()

        def wave(i: Whole) -> None:
            waves[i], waves[i + f] = cosine_and_sine(value * own.every(i))

        code.repeat(f, wave)
        waves[2 * f], waves[2 * f + 1] = value, missing
        kernel, vector = own.after(f), slots.whole(n) * sizes.dimensions
        for first, count in sizes.groups:
            bias = [kernel.every(sizes.waves * count + i) for i in range(count)]
            for i, one in enumerate(_sums(bias, waves, sizes.waves, kernel), first):
                steps[vector + i] = one.at_least(0.0)
            kernel = kernel.after((sizes.waves + 1) * count)

    code.repeat(sizes.numbers, number)


def _embed_categories(
    sizes: Sizes, table: Place, index: Place, slots: Place, steps: Place, v: Whole, vectors: Whole
) -> None:
    code, d = table.code, sizes.dimensions

    def category(c: Whole) -> None:
        vector = slots.whole(c + sizes.numbers) * d
        rows = (c * vectors + v) * code.lanes

        def row(lane: Whole) -> None:
            own = index.whole(rows + lane) * d
            code.repeat(d, lambda i: steps.copy((vector + i) * code.lanes + lane, table, own + i))

        code.repeat(code.lanes, row)

    code.repeat(sizes.categories, category)


# Recur -------------------------------------------------------------------------------------------


def _recur(
    length: int, inputs: int, u: int, weights: Place, steps: Place, states: Place, cells: Place
) -> None:
    """Read steps (T, inputs) into states (T, 2u), forwards into the first u, then backwards."""
    code, own_weights = weights.code, unit_weights(inputs, u)

    def step(at: Whole, before: Whole | None, weights: Place, states: Place) -> None:
        read, new = steps.after_vectors(at * inputs), states.after_vectors(at * (2 * u))

        def unit(j: Whole) -> None:
            of_inputs = weights.after(j * own_weights)
            of_states = of_inputs.after(SIDE_BY_SIDE * inputs)
            bias = of_states.after(SIDE_BY_SIDE * u)
            gates = _sums([bias.every(g) for g in range(SIDE_BY_SIDE)], read, inputs, of_inputs)
            if before is None:
                cells[j], new[j] = _cell_and_state(gates, None)
            else:
                old = states.after_vectors(before * (2 * u))
                gates = _sums(gates, old, u, of_states)
                cells[j], new[j] = _cell_and_state(gates, cells[j])

        code.repeat(u, unit)

    backwards = weights.after(u * own_weights), states.after_vectors(u)
    step(code.whole(0), None, weights, states)
    if length > 1:
        code.repeat(length - 1, lambda t: step(t + 1, t, weights, states))
    step(code.whole(length - 1), None, *backwards)
    if length > 1:
        last = length - 1
        code.repeat(last, lambda t: step(last - 1 - t, last - t, *backwards))


def _cell_and_state(gates: Sequence[Lanes], before: Lanes | None) -> tuple[Lanes, Lanes]:
    """New cell and state; what leads to the sigmoids is halved: sigmoid(x) = (1 + tanh(x/2)) / 2.

    Sums of fractions are brought to one denominator, because a division takes as long as ten or
    more multiplications. No denominator here is above 10^8.
    """
    (opened, p), (candidate, q), (kept, r), (out, s) = map(tanh, gates)
    # 2 · cell = (1 + opened / p) · candidate / q + (1 + kept / r) · before
    above, below = (opened + p) * candidate, p * q
    if before is not None:
        above, below = ((kept + r) * before).fma(below, above * r), below * r
    cell = above * 0.5 / below
    bounded, t = tanh(cell)
    return cell, (out + s) * bounded * 0.5 / (s * t)


# Read out ----------------------------------------------------------------------------------------


def _read_out(length: int, u: int, weights: Place, states: Place) -> Lanes:
    """The bias, the last states by their weights, and the sums over the steps by theirs."""
    code = weights.code

    def summed(unit: Whole) -> Lanes:
        def add(t: Whole, sums: list[Lanes]) -> list[Lanes]:
            return [sums[0] + states[t * (2 * u) + unit]]

        return code.fold(length, [code.constant(0.0)], add)[0]

    def forwards(j: Whole, sums: list[Lanes]) -> list[Lanes]:
        return read(j, j + (length - 1) * 2 * u, sums)

    def backwards(j: Whole, sums: list[Lanes]) -> list[Lanes]:
        return read(j + u, j + u, sums)

    def read(unit: Whole, last: Whole, sums: list[Lanes]) -> list[Lanes]:
        logit = states[last].fma(weights.every(unit), sums[0])
        return [summed(unit).fma(weights.every(unit + 2 * u), logit)]

    logit = code.fold(u, [weights.every(4 * u)], forwards)
    return code.fold(u, logit, backwards)[0]


# Sums --------------------------------------------------------------------------------------------


def _sums(sums: Sequence[Lanes], values: Place, count: int, weights: Place) -> list[Lanes]:
    """Add each of the values (count,), in their order, by its weights (count, sums) to the sums."""

    def add(sums: Sequence[Lanes], i: int | Whole) -> list[Lanes]:
        value, own = values[i], weights.after(values.code.whole(i) * len(sums))
        return [value.fma(own.every(side), one) for side, one in enumerate(sums)]

    def turn(turns: Whole, sums: list[Lanes]) -> list[Lanes]:
        for i in range(UNROLLED):
            sums = add(sums, turns * UNROLLED + i)
        return sums

    turns, left = divmod(count, UNROLLED)
    if turns:
        sums = values.code.fold(turns, sums, turn)
    for i in range(count - left, count):
        sums = add(sums, i)
    return list(sums)
