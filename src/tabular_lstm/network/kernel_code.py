"""Write the ensemble's forward pass as code for a vector of rows: embed, recur, read out.

The stages are those of `tabular_lstm.network.build`. The values of one member and one vector of
rows stay in the processor's first cache, and the sums for one state stay in its registers.
"""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import pi
from typing import Any, Self

from llvmlite import ir

from tabular_lstm.network.scorer import Scorer

# Sizes --------------------------------------------------------------------------------------------

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


def unit_weights(inputs: int, units: int) -> int:
    """Count the weights of an LSTM's unit: per gate, one for each input, each unit and the bias."""
    return SIDE_BY_SIDE * (inputs + units + 1)


# Vector code --------------------------------------------------------------------------------------
# Write code that computes with a vector of rows, by plain arithmetic.
#
# A `Lanes` stands for one float32 of each row of a vector; each row has a lane. `a * b` on two of
# them computes nothing: it writes the instruction. Every operation is rounded as IEEE 754 says.
# Operations are not reordered, and only `fma` fuses two of them. So a row's numbers have the same
# bits in any lane, and on every processor with fused multiply-add.
#
# Only this module and `kernel`, which compiles the code with LLVM, import llvmlite. The extra
# `fast` installs llvmlite.

FLOAT, WHOLE = ir.FloatType(), ir.IntType(64)
POINTER = ir.PointerType()
FLOAT_BYTES = 4
# How many numbers are added to sums in one turn of a loop.
UNROLLED = 4


class Code:
    """The body of a function that takes pointers, then whole numbers, and returns nothing."""

    def __init__(self, lanes: int, pointers: int, wholes: int) -> None:
        self.lanes, self.type = lanes, ir.VectorType(FLOAT, lanes)
        self.module = ir.Module()
        arguments = [POINTER] * pointers + [WHOLE] * wholes
        self.function = self._function("computed", ir.VoidType(), arguments)
        self.fma = self._function(f"llvm.fma.v{lanes}f32", self.type, [self.type] * 3)
        self.builder = ir.IRBuilder(self.function.append_basic_block())
        for argument in self.function.args[:pointers]:
            argument.add_attribute("noalias")

    def _function(self, name: str, result: Any, arguments: list[Any]) -> Any:
        return ir.Function(self.module, ir.FunctionType(result, arguments), name)

    def arguments(self) -> list[Any]:
        """Return the pointers as `Place` and the whole numbers as `Whole`, in their order."""
        kinds = {POINTER: Place, WHOLE: Whole}
        return [kinds[argument.type](self, argument) for argument in self.function.args]

    def constant(self, number: float) -> "Lanes":
        """The same number in each lane, as the nearest float32."""
        scalar = ir.Constant(FLOAT, ctypes.c_float(number).value)
        return Lanes(self, ir.Constant(self.type, [scalar] * self.lanes))

    def whole(self, number: "int | Whole") -> "Whole":
        """A whole number."""
        return number if isinstance(number, Whole) else Whole(self, ir.Constant(WHOLE, number))

    def repeat(self, times: "int | Whole", body: Callable[["Whole"], None]) -> None:
        """Write a loop that runs at least once; the body gets the number of turns already done."""

        def turn(number: Whole, _: list[Lanes]) -> list[Lanes]:
            body(number)
            return []

        self.fold(times, [], turn)

    def fold(
        self,
        times: "int | Whole",
        start: Sequence["Lanes"],
        body: Callable[["Whole", list["Lanes"]], Sequence["Lanes"]],
    ) -> list["Lanes"]:
        """Write a loop that runs at least once; the body makes new values from the old ones."""
        builder, before = self.builder, self.builder.block
        inside, after = (self.function.append_basic_block() for _ in range(2))
        builder.branch(inside)
        builder.position_at_end(inside)
        turn = builder.phi(WHOLE)
        turn.add_incoming(ir.Constant(WHOLE, 0), before)
        values = [builder.phi(self.type) for _ in start]
        for value, first in zip(values, start, strict=True):
            value.add_incoming(first.value, before)
        new = list(body(Whole(self, turn), [Lanes(self, value) for value in values]))
        following = Whole(self, turn) + 1
        turn.add_incoming(following.value, builder.block)
        for value, new_value in zip(values, new, strict=True):
            value.add_incoming(new_value.value, builder.block)
        unfinished = builder.icmp_signed("<", following.value, self.whole(times).value)
        builder.cbranch(unfinished, inside, after)
        builder.position_at_end(after)
        return new


@dataclass(frozen=True)
class Whole:
    """A whole number of the code that is being written."""

    code: Code
    value: Any

    def __add__(self, operand: "int | Whole") -> "Whole":
        return Whole(self.code, self.code.builder.add(self.value, self.code.whole(operand).value))

    def __rsub__(self, operand: int) -> "Whole":
        return Whole(self.code, self.code.builder.sub(self.code.whole(operand).value, self.value))

    def __mul__(self, operand: "int | Whole") -> "Whole":
        return Whole(self.code, self.code.builder.mul(self.value, self.code.whole(operand).value))


@dataclass(frozen=True)
class Lanes:
    """One float32 of each row of a vector, in the code that is being written."""

    code: Code
    value: Any

    def __add__(self, operand: "float | Lanes") -> "Lanes":
        return Lanes(self.code, self.code.builder.fadd(self.value, self._same(operand)))

    def __sub__(self, operand: "float | Lanes") -> "Lanes":
        return Lanes(self.code, self.code.builder.fsub(self.value, self._same(operand)))

    def __mul__(self, operand: "float | Lanes") -> "Lanes":
        return Lanes(self.code, self.code.builder.fmul(self.value, self._same(operand)))

    def __truediv__(self, operand: "float | Lanes") -> "Lanes":
        return Lanes(self.code, self.code.builder.fdiv(self.value, self._same(operand)))

    def fma(self, factor: "float | Lanes", addend: "float | Lanes") -> "Lanes":
        """Self · factor + addend, rounded once."""
        arguments = [self.value, self._same(factor), self._same(addend)]
        return Lanes(self.code, self.code.builder.call(self.code.fma, arguments))

    def at_least(self, low: float) -> "Lanes":
        """Numbers below `low` become `low`."""
        return self._limited("<", low)

    def at_most(self, high: float) -> "Lanes":
        """Numbers above `high` become `high`."""
        return self._limited(">", high)

    def missing(self) -> tuple["Lanes", "Lanes"]:
        """Return the numbers, with 0 for NaN; and a mask, 1 for NaN and else 0."""
        builder, zeros, ones = self.code.builder, self._same(0.0), self._same(1.0)
        missing = builder.fcmp_unordered("uno", self.value, self.value)
        number = builder.select(missing, zeros, self.value)
        return Lanes(self.code, number), Lanes(self.code, builder.select(missing, ones, zeros))

    def _limited(self, comparison: str, limit: float) -> "Lanes":
        builder, value = self.code.builder, self._same(limit)
        beyond = builder.fcmp_ordered(comparison, self.value, value)
        return Lanes(self.code, builder.select(beyond, value, self.value))

    def _same(self, operand: "float | Lanes") -> Any:
        return (operand if isinstance(operand, Lanes) else self.code.constant(operand)).value


@dataclass(frozen=True)
class Place:
    """A place in memory, in the code that is being written: of float32, or of whole numbers."""

    code: Code
    value: Any

    def after(self, count: "int | Whole") -> "Place":
        """The place that is `count` float32 further on."""
        return Place(self.code, self._address(count, FLOAT))

    def after_vectors(self, count: "int | Whole") -> "Place":
        """The place that is `count` vectors further on."""
        return self.after(self.code.whole(count) * self.code.lanes)

    def whole(self, index: "int | Whole") -> Whole:
        """Load one of the whole numbers here."""
        return Whole(self.code, self.code.builder.load(self._address(index, WHOLE), typ=WHOLE))

    def broadcast(self, index: "int | Whole") -> Lanes:
        """Load one of the float32 here into every lane."""
        code, nothing = self.code, ir.Constant(self.code.type, ir.Undefined)
        scalar = code.builder.load(self._address(index, FLOAT), typ=FLOAT)
        first = code.builder.insert_element(nothing, scalar, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), code.lanes), None)
        return Lanes(code, code.builder.shuffle_vector(first, nothing, zeros))

    def __getitem__(self, index: "int | Whole") -> Lanes:
        """Load one of the consecutive vectors here."""
        address, code = self.after_vectors(index).value, self.code
        return Lanes(code, code.builder.load(address, typ=code.type, align=FLOAT_BYTES))

    def __setitem__(self, index: "int | Whole", lanes: Lanes) -> None:
        address = self.after_vectors(index).value
        self.code.builder.store(lanes.value, address, align=FLOAT_BYTES)

    def copy(self, index: "int | Whole", source: "Place", source_index: "int | Whole") -> None:
        """Copy one float32 from another place."""
        number = self.code.builder.load(source._address(source_index, FLOAT), typ=FLOAT)
        self.code.builder.store(number, self._address(index, FLOAT))

    def _address(self, index: "int | Whole", kind: Any) -> Any:
        places = [self.code.whole(index).value]
        return self.code.builder.gep(self.value, places, source_etype=kind)


# Sums --------------------------------------------------------------------------------------------


def sums(start: Sequence[Lanes], values: Place, count: int, weights: Place) -> list[Lanes]:
    """Add values (count,) times weights (count, sums) to sums, in the order of the values."""

    def add(totals: Sequence[Lanes], i: int | Whole) -> list[Lanes]:
        value, value_weights = values[i], weights.after(values.code.whole(i) * len(totals))
        return [
            value.fma(value_weights.broadcast(side), total) for side, total in enumerate(totals)
        ]

    def turn(turns: Whole, totals: list[Lanes]) -> list[Lanes]:
        for i in range(UNROLLED):
            totals = add(totals, turns * UNROLLED + i)
        return totals

    turns, left = divmod(count, UNROLLED)
    totals = values.code.fold(turns, start, turn) if turns else list(start)
    for i in range(count - left, count):
        totals = add(totals, i)
    return totals


# Functions without a branch or a table -----------------------------------------------------------
# Coefficients, from the highest power of x² down, minimize the largest absolute error. Weighted
# least squares (Lawson's algorithm) found them.

# tanh is x times this ratio within 9e-9 on ±8.3; beyond that it is within 1.3e-7 of ±1.
BOUND = 8.3
ABOVE = (1.4478659e-8, 2.13821726e-5, 3.54126918e-3, 0.134191271, 0.999999957)
BELOW = (8.22463025e-7, 3.36119829e-4, 2.60496225e-2, 0.467524428, 1.0)
# On ±π/2, errors are below 5e-9 (sine) and 3e-10; the sine is x times its polynomial.
SINE = (2.60002413e-6, -1.98066014e-4, 8.3330171e-3, -0.166666571, 1.0)
COSINE = (-2.60768141e-7, 2.47618705e-5, -1.38884032e-3, 4.16666407e-2, -0.499999995, 1.0)
# π in two float32, and a number that rounds x to a whole number: x + number - number.
HALF_TURN, REST = 3.1415927410125732, pi - 3.1415927410125732
ROUNDING = 1.5 * 2.0**23


def tanh(x: Lanes) -> tuple[Lanes, Lanes]:
    """Hyperbolic tangent as numerator and denominator; their ratio has an error below 4e-7.

    An odd polynomial divided by an even one, with the degrees that Eigen uses for float32.
    """
    x = x.at_least(-BOUND).at_most(BOUND)
    square = x * x
    return x * _polynomial(square, ABOVE), _polynomial(square, BELOW)


def cosine_and_sine(x: Lanes) -> tuple[Lanes, Lanes]:
    """Cosine and sine of x within 3e-7, where |x| is at most 10^6.

    Half turns are subtracted; an odd number of them changes both signs.
    """
    half_turns = x.fma(1 / pi, ROUNDING) - ROUNDING
    rest = half_turns.fma(-REST, half_turns.fma(-HALF_TURN, x))
    odd = (half_turns.fma(0.5, ROUNDING) - ROUNDING).fma(-2.0, half_turns)
    sign = (odd * odd).fma(-2.0, 1.0)
    square = rest * rest
    return sign * _polynomial(square, COSINE), sign * rest * _polynomial(square, SINE)


def _polynomial(square: Lanes, coefficients: Sequence[float]) -> Lanes:
    value = square.code.constant(coefficients[0])
    for coefficient in coefficients[1:]:
        value = value.fma(square, coefficient)
    return value


# Kernel code --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Arrays:
    """The arrays that the code reads and writes, for V vectors of L rows each."""

    numbers: Place  # float32 (forms, N, V·L), see `Slots.number_forms`, NaN where missing
    index: Place  # int64 (C, V·L), each category's row in the table
    slots: Place  # int64 (N + C,), slots of numbers, then of categories
    weights: Place  # float32 (k, Sizes.weights), see `kernel.weights_in_order`
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
        member_code = Member.of(sizes, k, arrays)

        def vector(v: Whole) -> None:
            member_code.embed(v, steps)
            member_code.read_out(steps, k, v)

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
            weights = self.numbers.after(n * sizes.number_weights)
            forms = [
                arrays.numbers[(n + form * sizes.numbers) * arrays.vectors + v].missing()
                for form in range(sizes.forms)
            ]

            def wave(i: Whole) -> None:
                waves[i], waves[i + f] = cosine_and_sine(forms[0][0] * weights.broadcast(i))

            code.repeat(f, wave)
            for place, (value, _) in enumerate(forms, 2 * f):
                waves[place] = value
            waves[2 * f + sizes.forms] = forms[0][1]
            kernel, vector = weights.after(f), arrays.slots.whole(n) * sizes.dimensions
            for first, count in sizes.groups:
                bias = [kernel.broadcast(sizes.waves * count + i) for i in range(count)]
                for i, total in enumerate(sums(bias, waves, sizes.waves, kernel), first):
                    steps[vector + i] = total.at_least(0.0)
                kernel = kernel.after((sizes.waves + 1) * count)

        code.repeat(sizes.numbers, number)

    def _embed_categories(self, v: Whole, steps: Place) -> None:
        code, d, arrays = steps.code, self.sizes.dimensions, self.arrays

        def category(c: Whole) -> None:
            vector = arrays.slots.whole(c + self.sizes.numbers) * d
            rows = (c * arrays.vectors + v) * code.lanes

            def row(lane: Whole) -> None:
                source, target = arrays.index.whole(rows + lane) * d, vector * code.lanes + lane
                code.repeat(
                    d, lambda i: steps.copy(target + i * code.lanes, self.categories, source + i)
                )

            code.repeat(code.lanes, row)

        code.repeat(self.sizes.categories, category)

    def read_out(self, steps: Place, k: Whole, v: Whole) -> None:
        """Run the LSTMs on the embedded steps and store the outputs of vector v for member k."""
        sizes, weights, scratch = self.sizes, self.recur, self.arrays.scratch
        states = scratch.after_vectors(sizes.waves + sizes.steps * sizes.inputs)
        cells = scratch.after_vectors(sizes.scratch - max(sizes.units))
        for layer, (inputs, u) in enumerate(sizes.layers):
            if layer:
                steps, states = states, states.after_vectors(sizes.steps * inputs)
            _recur(sizes.steps, inputs, u, weights, steps, states, cells)
            weights = weights.after(2 * u * unit_weights(inputs, u))
        outputs = self.arrays.outputs.after_vectors(k * sizes.outputs * self.arrays.vectors + v)
        _sum_up(sizes.steps, sizes.units[-1], states)

        def output(o: Whole) -> None:
            output_weights = weights.after(o * sizes.output_weights)
            outputs[o * self.arrays.vectors] = _output(
                sizes.steps, sizes.units[-1], output_weights, states
            )

        weights.code.repeat(sizes.outputs, output)


# Recur -------------------------------------------------------------------------------------------


def _recur(
    length: int, inputs: int, u: int, weights: Place, steps: Place, states: Place, cells: Place
) -> None:
    """Compute the states of T steps, (T, 2u): u forward states, then u backward states."""
    code = weights.code

    def step(direction: int, position: Whole, before: Whole | None) -> None:
        states_here = states.after_vectors(direction * u)
        new = states_here.after_vectors(position * (2 * u))

        def unit(j: Whole) -> None:
            gate_weights = weights.after((j + direction * u) * unit_weights(inputs, u))
            first_bias = SIDE_BY_SIDE * (inputs + u)
            bias = [gate_weights.broadcast(first_bias + gate) for gate in range(SIDE_BY_SIDE)]
            gates = sums(bias, steps.after_vectors(position * inputs), inputs, gate_weights)
            if before is None:
                cells[j], new[j] = _cell_and_state(gates, None)
            else:
                state_kernel = gate_weights.after(SIDE_BY_SIDE * inputs)
                gates = sums(gates, states_here.after_vectors(before * (2 * u)), u, state_kernel)
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
    (input_gate, p), (candidate, q), (forget_gate, r), (output_gate, s) = map(tanh, gates)
    # 2 · cell = (1 + input_gate / p) · candidate / q + (1 + forget_gate / r) · before
    numerator, denominator = (input_gate + p) * candidate, p * q
    if before is not None:
        numerator, denominator = (
            ((forget_gate + r) * before).fma(denominator, numerator * r),
            denominator * r,
        )
    cell = numerator * 0.5 / denominator
    bounded, t = tanh(cell)
    return cell, (output_gate + s) * bounded * 0.5 / (s * t)


# Read out ----------------------------------------------------------------------------------------


def _sum_up(length: int, u: int, states: Place) -> None:
    """Replace each unit's first state by the sum of its states over the steps."""
    code = states.code

    def sum_unit(unit: Whole, first: Whole) -> None:
        zero = [code.constant(0.0)]
        states[first] = code.fold(
            length, zero, lambda t, sums: [sums[0] + states[t * (2 * u) + unit]]
        )[0]

    code.repeat(u, lambda j: sum_unit(j, j))
    code.repeat(u, lambda j: sum_unit(j + u, j + ((length - 1) * 2 * u + u)))


def _output(length: int, u: int, weights: Place, states: Place) -> Lanes:
    """Add the bias, the weighted last states and the weighted sums over the steps."""
    code, end = weights.code, (length - 1) * 2 * u

    def read(unit: Whole, last: Whole, first: Whole, sums: list[Lanes]) -> list[Lanes]:
        output = states[last].fma(weights.broadcast(unit), sums[0])
        return [states[first].fma(weights.broadcast(unit + 2 * u), output)]

    bias = [weights.broadcast(4 * u)]
    output = code.fold(u, bias, lambda j, sums: read(j, j + end, j, sums))
    return code.fold(u, output, lambda j, sums: read(j + u, j + u, j + (end + u), sums))[0]
