"""Write the ensemble's forward pass as code for a vector of rows: embed, recur, read out.

The stages are those of `tabular_lstm.network.layers`. The values of one member and one vector of
rows stay in the processor's first cache, and the sums for one state stay in its registers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from tabular_lstm.network.kernel_weights import SIDE_BY_SIDE, Sizes, unit_weights
from tabular_lstm.network.vector_code import Code, Lanes, Place, Whole, cosine_and_sine, sums, tanh

# A function from a step and a unit to the sums of the unit's gates over the inputs, without the
# state. The forward LSTM's units come first, then the backward LSTM's.
Read = Callable[[Whole, Whole], Sequence[Lanes]]


@dataclass(frozen=True)
class Arrays:
    """The arrays that the code reads and writes, for V vectors of L rows each.

    After the rows, `numbers` and `index` have one more vector, in which everything is missing.
    """

    numbers: Place  # float32 (N, (V + 1)·L), standardized and clipped, NaN where missing
    index: Place  # int64 (C, (V + 1)·L), each category's row in the table
    slots: Place  # int64 (2, N + C), slots of numbers, then of categories; then the slots' steps
    weights: Place  # float32 (k, Sizes.weights), see `lay_out`
    table: Place  # float32 (k, all categories' vectors, d)
    scratch: Place  # float32 (vectors that are kept · L,), zeros at first
    outputs: Place  # float32 (k, o, V·L), whose sum over the members is the mean output
    vectors: Whole  # V, at least 1


def forward_code(sizes: Sizes, lanes: int) -> Code:
    """Write the forward pass for vectors of `lanes` rows, as a function of `Arrays`."""
    code = Code(lanes, pointers=7, wholes=1)
    arrays = Arrays(*code.arguments())
    steps = arrays.scratch.after_vectors(sizes.waves)

    def member(k: Whole) -> None:
        own = Member.of(sizes, k, arrays)

        def vector(v: Whole) -> None:
            own.embed(v, steps)
            own.read_out(own.first_reads(steps), k, v)

        code.repeat(arrays.vectors, vector)

    code.repeat(sizes.members, member)
    return code


def without_code(sizes: Sizes, lanes: int) -> Code:
    """Write the forward pass without each feature in turn, as a function of `Arrays`.

    Its outputs are float32 (k, N + C, o, V·L), one for each feature left out.

    The first LSTM's sums over the inputs are computed once. Leaving out a feature changes only one
    step's sums: its own vector is replaced by its vector for "missing". So the time for a feature
    does not grow with the table's width. If the feature is already missing, no bit changes.
    """
    code = Code(lanes, pointers=7, wholes=1)
    arrays = Arrays(*code.arguments())
    of_step, d, features = sizes.first_sums, sizes.dimensions, sizes.numbers + sizes.categories
    steps, missing = map(arrays.scratch.after_vectors, (sizes.waves, sizes.scratch))
    # Places of the first LSTM's sums; one step's sums before the change; a vector's change.
    summed = missing.after_vectors(sizes.steps * sizes.inputs)
    before = summed.after_vectors(sizes.steps * of_step)
    change = before.after_vectors(of_step)

    def summed_up(step: Whole, unit: Whole) -> Sequence[Lanes]:
        return summed.after_vectors(step * of_step).four(unit)

    def member(k: Whole) -> None:
        own = Member.of(sizes, k, arrays)
        read = own.first_reads(steps)

        def sum_up(step: Whole) -> None:
            sums_here = summed.after_vectors(step * of_step)
            code.repeat(2 * sizes.units[0], lambda unit: sums_here.put(unit, read(step, unit)))

        def vector(v: Whole) -> None:
            def without(feature: Whole) -> None:
                slot, step = arrays.slots.whole(feature), arrays.slots.whole(feature + features)
                sums_here, of_slot = summed.after_vectors(step * of_step), slot * d
                weights = own.recur.after((of_slot + step * -sizes.inputs) * SIDE_BY_SIDE)

                def subtract(i: Whole) -> None:
                    change[i] = missing[of_slot + i] - steps[of_slot + i]

                def add(unit: Whole) -> None:
                    start = sums_here.four(unit)
                    by = weights.after(unit * unit_weights(*sizes.layers[0]))
                    before.put(unit, start)
                    sums_here.put(unit, sums(start, change, d, by))

                code.repeat(d, subtract)
                code.repeat(2 * sizes.units[0], add)
                own.read_out(summed_up, k * features + slot, v)
                code.repeat(2 * sizes.units[0], lambda u: sums_here.put(u, before.four(u)))

            own.embed(v, steps)
            code.repeat(sizes.steps, sum_up)
            code.repeat(features, without)

        own.embed(arrays.vectors, missing)
        code.repeat(arrays.vectors, vector)

    code.repeat(sizes.members, member)
    return code


@dataclass(frozen=True)
class Member:
    """A member's weights for numbers, categories and LSTMs, and its computation."""

    sizes: Sizes
    arrays: Arrays
    numbers: Place
    categories: Place
    recur: Place

    @classmethod
    def of(cls, sizes: Sizes, k: Whole, arrays: Arrays) -> Self:
        """Find the weights of member k."""
        numbers = arrays.weights.after(k * sizes.weights)
        categories = arrays.table.after(k * (sizes.table * sizes.dimensions))
        recur = numbers.after(sizes.numbers * sizes.number_weights)
        return cls(sizes, arrays, numbers, categories, recur)

    def embed(self, v: Whole, steps: Place) -> None:
        """Embed vector v of the rows into steps (T, inputs)."""
        if self.sizes.numbers:
            self._embed_numbers(v, steps)
        if self.sizes.categories:
            self._embed_categories(v, steps)

    def _embed_numbers(self, v: Whole, steps: Place) -> None:
        sizes, arrays, f = self.sizes, self.arrays, self.sizes.frequencies
        code, waves = steps.code, arrays.scratch

        def number(n: Whole) -> None:
            own = self.numbers.after(n * sizes.number_weights)
            value, missing = arrays.numbers[n * (arrays.vectors + 1) + v].missing()

            def wave(i: Whole) -> None:
                waves[i], waves[i + f] = cosine_and_sine(value * own.every(i))

            code.repeat(f, wave)
            waves[2 * f], waves[2 * f + 1] = value, missing
            kernel, vector = own.after(f), arrays.slots.whole(n) * sizes.dimensions
            for first, count in sizes.groups:
                bias = [kernel.every(sizes.waves * count + i) for i in range(count)]
                for i, one in enumerate(sums(bias, waves, sizes.waves, kernel), first):
                    steps[vector + i] = one.at_least(0.0)
                kernel = kernel.after((sizes.waves + 1) * count)

        code.repeat(sizes.numbers, number)

    def _embed_categories(self, v: Whole, steps: Place) -> None:
        code, d, arrays = steps.code, self.sizes.dimensions, self.arrays

        def category(c: Whole) -> None:
            vector = arrays.slots.whole(c + self.sizes.numbers) * d
            rows = (c * (arrays.vectors + 1) + v) * code.lanes

            def row(lane: Whole) -> None:
                own, to = arrays.index.whole(rows + lane) * d, vector * code.lanes + lane
                code.repeat(d, lambda i: steps.copy(to + i * code.lanes, self.categories, own + i))

            code.repeat(code.lanes, row)

        code.repeat(self.sizes.categories, category)

    def first_reads(self, steps: Place) -> Read:
        """Return the function that sums up the first LSTM's inputs."""
        return _reads(*self.sizes.layers[0], self.recur, steps)

    def read_out(self, read: Read, place: Whole, v: Whole) -> None:
        """Run the LSTMs and compute the outputs; `read` returns the first LSTM's sums.

        The outputs are stored as vector v at this place of (…, o, V·L).
        """
        sizes, weights, scratch = self.sizes, self.recur, self.arrays.scratch
        states = scratch.after_vectors(sizes.waves + sizes.steps * sizes.inputs)
        cells = scratch.after_vectors(sizes.scratch - max(sizes.units))
        for layer, (inputs, u) in enumerate(sizes.layers):
            if layer:
                read = _reads(inputs, u, weights, states)
                states = states.after_vectors(sizes.steps * inputs)
            _recur(sizes.steps, inputs, u, weights, read, states, cells)
            weights = weights.after(2 * u * unit_weights(inputs, u))
        outputs = self.arrays.outputs.after_vectors(place * sizes.outputs * self.arrays.vectors + v)
        _sum_up(sizes.steps, sizes.units[-1], states)

        def output(o: Whole) -> None:
            own = weights.after(o * sizes.output_weights)
            outputs[o * self.arrays.vectors] = _output(sizes.steps, sizes.units[-1], own, states)

        weights.code.repeat(sizes.outputs, output)


# Recur -------------------------------------------------------------------------------------------


def _reads(inputs: int, u: int, weights: Place, steps: Place) -> Read:
    """Return a function that adds one step's weighted inputs to the bias; steps: (T, inputs)."""

    def read(step: Whole, unit: Whole) -> Sequence[Lanes]:
        own = weights.after(unit * unit_weights(inputs, u))
        bias = [own.every(SIDE_BY_SIDE * (inputs + u) + gate) for gate in range(SIDE_BY_SIDE)]
        return sums(bias, steps.after_vectors(step * inputs), inputs, own)

    return read


def _recur(
    length: int, inputs: int, u: int, weights: Place, read: Read, states: Place, cells: Place
) -> None:
    """Compute the states of T steps, (T, 2u): u forward states, then u backward states."""
    code = weights.code

    def step(direction: int, at: Whole, before: Whole | None) -> None:
        own, states_here = weights.after(SIDE_BY_SIDE * inputs), states.after_vectors(direction * u)
        new = states_here.after_vectors(at * (2 * u))

        def unit(j: Whole) -> None:
            of_both = j + direction * u
            gates = read(at, of_both)
            if before is None:
                cells[j], new[j] = _cell_and_state(gates, None)
            else:
                of_states = own.after(of_both * unit_weights(inputs, u))
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
    """Return new cell and state; sigmoids' inputs are halved: sigmoid(x) = (1 + tanh(x/2)) / 2.

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


def _sum_up(length: int, u: int, states: Place) -> None:
    """Replace each unit's first state by the sum of its states over the steps."""
    code = states.code

    def of_unit(unit: Whole, first: Whole) -> None:
        zero = [code.constant(0.0)]
        states[first] = code.fold(
            length, zero, lambda t, sums: [sums[0] + states[t * (2 * u) + unit]]
        )[0]

    code.repeat(u, lambda j: of_unit(j, j))
    code.repeat(u, lambda j: of_unit(j + u, j + ((length - 1) * 2 * u + u)))


def _output(length: int, u: int, weights: Place, states: Place) -> Lanes:
    """Add the bias, the weighted last states and the weighted sums over the steps."""
    code, end = weights.code, (length - 1) * 2 * u

    def read(unit: Whole, last: Whole, first: Whole, sums: list[Lanes]) -> list[Lanes]:
        output = states[last].fma(weights.every(unit), sums[0])
        return [states[first].fma(weights.every(unit + 2 * u), output)]

    bias = [weights.every(4 * u)]
    output = code.fold(u, bias, lambda j, sums: read(j, j + end, j, sums))
    return code.fold(u, output, lambda j, sums: read(j + u, j + u, j + (end + u), sums))[0]
