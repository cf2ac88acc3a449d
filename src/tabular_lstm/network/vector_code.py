"""Write code that computes with a vector of rows, by plain arithmetic.

A `Lanes` stands for one float32 of each row of a vector; each row has a lane. `a * b` on two of
them computes nothing: it writes the instruction. Every operation is rounded as IEEE 754 says.
Operations are not reordered, and only `fma` fuses two of them. So a row's numbers have the same
bits in any lane, and on every processor with fused multiply-add.

Only this module and `kernel`, which compiles the code with LLVM, import llvmlite. The extra `fast`
installs llvmlite.
"""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import pi
from typing import Any

from llvmlite import ir

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
        one = ir.Constant(FLOAT, ctypes.c_float(number).value)
        return Lanes(self, ir.Constant(self.type, [one] * self.lanes))

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
        for value, one in zip(values, new, strict=True):
            value.add_incoming(one.value, builder.block)
        more = builder.icmp_signed("<", following.value, self.whole(times).value)
        builder.cbranch(more, inside, after)
        builder.position_at_end(after)
        return new


@dataclass(frozen=True)
class Whole:
    """A whole number of the code that is being written."""

    code: Code
    value: Any

    def __add__(self, other: "int | Whole") -> "Whole":
        return Whole(self.code, self.code.builder.add(self.value, self.code.whole(other).value))

    def __rsub__(self, other: int) -> "Whole":
        return Whole(self.code, self.code.builder.sub(self.code.whole(other).value, self.value))

    def __mul__(self, other: "int | Whole") -> "Whole":
        return Whole(self.code, self.code.builder.mul(self.value, self.code.whole(other).value))


@dataclass(frozen=True)
class Lanes:
    """One float32 of each row of a vector, in the code that is being written."""

    code: Code
    value: Any

    def __add__(self, other: "float | Lanes") -> "Lanes":
        return Lanes(self.code, self.code.builder.fadd(self.value, self._same(other)))

    def __sub__(self, other: "float | Lanes") -> "Lanes":
        return Lanes(self.code, self.code.builder.fsub(self.value, self._same(other)))

    def __mul__(self, other: "float | Lanes") -> "Lanes":
        return Lanes(self.code, self.code.builder.fmul(self.value, self._same(other)))

    def __truediv__(self, other: "float | Lanes") -> "Lanes":
        return Lanes(self.code, self.code.builder.fdiv(self.value, self._same(other)))

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
        builder, none, one = self.code.builder, self._same(0.0), self._same(1.0)
        missing = builder.fcmp_unordered("uno", self.value, self.value)
        number = builder.select(missing, none, self.value)
        return Lanes(self.code, number), Lanes(self.code, builder.select(missing, one, none))

    def _limited(self, comparison: str, limit: float) -> "Lanes":
        builder, value = self.code.builder, self._same(limit)
        beyond = builder.fcmp_ordered(comparison, self.value, value)
        return Lanes(self.code, builder.select(beyond, value, self.value))

    def _same(self, other: "float | Lanes") -> Any:
        return (other if isinstance(other, Lanes) else self.code.constant(other)).value


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

    def every(self, index: "int | Whole") -> Lanes:
        """Load one of the float32 here into every lane."""
        code, nothing = self.code, ir.Constant(self.code.type, ir.Undefined)
        one = code.builder.load(self._address(index, FLOAT), typ=FLOAT)
        first = code.builder.insert_element(nothing, one, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), code.lanes), None)
        return Lanes(code, code.builder.shuffle_vector(first, nothing, zeros))

    def __getitem__(self, index: "int | Whole") -> Lanes:
        """Load one of the consecutive vectors here."""
        address, code = self.after_vectors(index).value, self.code
        return Lanes(code, code.builder.load(address, typ=code.type, align=FLOAT_BYTES))

    def __setitem__(self, index: "int | Whole", lanes: Lanes) -> None:
        address = self.after_vectors(index).value
        self.code.builder.store(lanes.value, address, align=FLOAT_BYTES)

    def four(self, group: Whole) -> list[Lanes]:
        """Load a group of four vectors."""
        return [self[group * 4 + i] for i in range(4)]

    def put(self, group: Whole, lanes: Sequence[Lanes]) -> None:
        """Store a group of four vectors."""
        for i, one in enumerate(lanes):
            self[group * 4 + i] = one

    def copy(self, index: "int | Whole", other: "Place", of: "int | Whole") -> None:
        """Copy one float32 from another place."""
        number = self.code.builder.load(other._address(of, FLOAT), typ=FLOAT)
        self.code.builder.store(number, self._address(index, FLOAT))

    def _address(self, index: "int | Whole", kind: Any) -> Any:
        places = [self.code.whole(index).value]
        return self.code.builder.gep(self.value, places, source_etype=kind)


# Sums --------------------------------------------------------------------------------------------


def sums(start: Sequence[Lanes], values: Place, count: int, weights: Place) -> list[Lanes]:
    """Add values (count,) times weights (count, sums) to sums, in the order of the values."""

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
