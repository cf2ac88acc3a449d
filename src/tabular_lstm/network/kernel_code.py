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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from tabular_lstm.network.kernel_sizes import SIDE_BY_SIDE, Sizes, unit_weights
from tabular_lstm.network.vector_code import Code, Lanes, Place, Whole
from tabular_lstm.network.vector_functions import cosine_and_sine, tanh

# How many numbers are added to these sums in one turn of a loop.
UNROLLED = 4


def forward_code(sizes: Sizes, lanes: int) -> Code:
    """Write the forward pass of so many rows a vector.

    Its arguments are the places of the arrays above in their order, and V, which is at least 1.
    """
    code = Code(lanes, pointers=7, wholes=1)
    numbers, index, slots, weights, table, scratch, logits, vectors = code.arguments()
    steps = scratch.after_vectors(sizes.waves)

    def member(k: Whole) -> None:
        own = Member.of(sizes, k, weights, table)

        def vector(v: Whole) -> None:
            own.embed(numbers, index, slots, scratch, steps, v, vectors)
            logits[k * vectors + v] = own.logit(scratch, own.first_reads(steps))

        code.repeat(vectors, vector)

    code.repeat(sizes.members, member)
    return code


# Gives the sums for a unit's gates before its state counts: of a direction, a step and the unit.
Read = Callable[[int, Whole, Whole], Sequence[Lanes]]


@dataclass(frozen=True)
class Member:
    """A member's weights, of its numbers, its categories and its LSTMs, and how it computes."""

    sizes: Sizes
    numbers: Place
    categories: Place
    recur: Place

    @classmethod
    def of(cls, sizes: Sizes, k: Whole, weights: Place, table: Place) -> Self:
        """Find member k's."""
        numbers = weights.after(k * sizes.weights)
        categories = table.after(k * (sizes.table * sizes.dimensions))
        return cls(sizes, numbers, categories, numbers.after(sizes.numbers * sizes.number_weights))

    def embed(
        self,
        numbers: Place,
        index: Place,
        slots: Place,
        waves: Place,
        steps: Place,
        v: Whole,
        vectors: Whole,
    ) -> None:
        """Embed vector v of so many, by way of the waves, into steps (T, inputs)."""
        if self.sizes.numbers:
            _embed_numbers(self.sizes, self.numbers, numbers, slots, waves, steps, v, vectors)
        if self.sizes.categories:
            _embed_categories(self.sizes, self.categories, index, slots, steps, v, vectors)

    def first_reads(self, steps: Place) -> Read:
        """Give how the first LSTM reads the steps."""
        inputs, u = self.sizes.layers[0]
        return _reads(inputs, u, self.recur, steps)

    def logit(self, scratch: Place, read: Read) -> Lanes:
        """Let the LSTMs read, the first one as it is told, and read their states out."""
        sizes, weights = self.sizes, self.recur
        states = scratch.after_vectors(sizes.waves + sizes.steps * sizes.inputs)
        cells = scratch.after_vectors(sizes.scratch - max(sizes.units))
        for layer, (inputs, u) in enumerate(sizes.layers):
            if layer:
                read = _reads(inputs, u, weights, states)
                states = states.after_vectors(sizes.steps * inputs)
            _recur(sizes.steps, inputs, u, weights, read, states, cells)
            weights = weights.after(2 * u * unit_weights(inputs, u))
        return _read_out(sizes.steps, sizes.units[-1], weights, states)


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
            for i, one in enumerate(sums(bias, waves, sizes.waves, kernel), first):
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


def _reads(inputs: int, u: int, weights: Place, steps: Place) -> Read:
    """Give what adds a step's inputs to the bias, of steps (T, inputs)."""

    def read(direction: int, at: Whole, j: Whole) -> Sequence[Lanes]:
        own = weights.after((j + direction * u) * unit_weights(inputs, u))
        bias = own.after(SIDE_BY_SIDE * (inputs + u))
        start = [bias.every(gate) for gate in range(SIDE_BY_SIDE)]
        return sums(start, steps.after_vectors(at * inputs), inputs, own)

    return read


def _recur(
    length: int, inputs: int, u: int, weights: Place, read: Read, states: Place, cells: Place
) -> None:
    """Read T steps into states (T, 2u), forwards into the first u, then backwards."""
    code = weights.code

    def step(direction: int, at: Whole, before: Whole | None) -> None:
        own, states_here = weights.after(SIDE_BY_SIDE * inputs), states.after_vectors(direction * u)
        new = states_here.after_vectors(at * (2 * u))

        def unit(j: Whole) -> None:
            gates = read(direction, at, j)
            if before is None:
                cells[j], new[j] = _cell_and_state(gates, None)
            else:
                of_states = own.after((j + direction * u) * unit_weights(inputs, u))
                gates = sums(gates, states_here.after_vectors(before * (2 * u)), u, of_states)
                cells[j], new[j] = _cell_and_state(gates, cells[j])

        code.repeat(u, unit)

    last = length - 1
    step(0, code.whole(0), None)
    if last:
        code.repeat(last, lambda t: step(0, t + 1, t))
    step(1, code.whole(last), None)
    if last:
        code.repeat(last, lambda t: step(1, last - 1 - t, last - t))


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


def sums(start: Sequence[Lanes], values: Place, count: int, weights: Place) -> list[Lanes]:
    """Add each of the values (count,), in their order, by its weights (count, sums) to sums."""

    def add(before: Sequence[Lanes], i: int | Whole) -> list[Lanes]:
        value, own = values[i], weights.after(values.code.whole(i) * len(before))
        return [value.fma(own.every(side), one) for side, one in enumerate(before)]

    def turn(turns: Whole, found: list[Lanes]) -> list[Lanes]:
        for i in range(UNROLLED):
            found = add(found, turns * UNROLLED + i)
        return found

    turns, left = divmod(count, UNROLLED)
    found = values.code.fold(turns, start, turn) if turns else list(start)
    for i in range(count - left, count):
        found = add(found, i)
    return found
