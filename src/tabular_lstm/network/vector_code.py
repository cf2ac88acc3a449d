"""Write code that computes with a vector of rows, by plain arithmetic, and have LLVM compile it.

A `Lanes` stands for one float32 of each of some rows, a row a lane. `a * b` on two of them computes
nothing: it writes the instruction. Every operation is rounded as IEEE 754 says, and none is put in
another order or fused with another except by `fma`. So a row's numbers have the same bits in
whatever lane it is, and on every processor that has fused multiply-add.

The only module that imports llvmlite, which the extra `fast` installs.
"""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from llvmlite import binding as llvm
from llvmlite import ir

FLOAT, WHOLE = ir.FloatType(), ir.IntType(64)
POINTER = ir.PointerType()
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Processor:
    """What code is written for.

    Attributes:
        name: LLVM's name of it, such as `haswell`.
        features: What it has and has not, as LLVM writes it: `+avx2,-avx512f`. Default: what
            processors of that name have.
        lanes: Rows of a vector. Sixteen accumulate four sums of four rows (ARM) or two of eight
            rows (AVX2) each in registers, sixty-four four of sixteen (AVX-512).
    """

    name: str
    features: str = ""
    lanes: int = 16

    @classmethod
    def here(cls) -> Self | None:
        """This machine's; None where it may lack fused multiply-add."""
        architecture = llvm.get_default_triple().partition("-")[0]
        return cls.of(architecture, llvm.get_host_cpu_name(), llvm.get_host_cpu_features())

    @classmethod
    def of(cls, architecture: str, name: str, features: Mapping[str, bool]) -> Self | None:
        """One with the features that are true; None where it may lack fused multiply-add."""
        if not (features.get("fma") or architecture in ("aarch64", "arm64")):
            return None
        written = ",".join(f"{'+' if has else '-'}{feature}" for feature, has in features.items())
        return cls(name, written, lanes=64 if features.get("avx512f") else 16)


class Code:
    """The body of a function of pointers and then of whole numbers, which gives back nothing."""

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
        """Give the pointers as `Place` and the whole numbers as `Whole`, in their order."""
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
        """Write a loop; the body is given how often it has run. At least once it runs."""

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
        """Write a loop whose body makes new values of the old ones; at least once it runs."""
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

    def compile(self, processor: Processor) -> Callable[..., None]:
        """Compile what was written, to a function of addresses and whole numbers.

        While it runs, other threads of Python do too.
        """
        self.builder.ret_void()
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        module = llvm.parse_assembly(str(self.module))
        machine = llvm.Target.from_default_triple().create_target_machine(
            processor.name, processor.features, opt=3
        )
        passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(3))
        passes.getModulePassManager().run(module, passes)
        engine = llvm.create_mcjit_compiler(module, machine)
        engine.finalize_object()
        kinds = {POINTER: ctypes.c_void_p, WHOLE: ctypes.c_int64}
        types = (kinds[argument.type] for argument in self.function.args)
        address = engine.get_function_address(self.function.name)
        compiled: Any = ctypes.CFUNCTYPE(None, *types)(address)
        compiled.engine = engine  # the code lives as long as its engine
        return compiled  # type: ignore[no-any-return]


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

    def clip(self, low: float, high: float) -> "Lanes":
        """Numbers below `low` become `low`, those above `high` become `high`."""
        return self._where("<", low)._where(">", high)

    def at_least(self, low: float) -> "Lanes":
        """Numbers below `low` become `low`."""
        return self._where("<", low)

    def missing(self) -> tuple["Lanes", "Lanes"]:
        """Give the numbers, 0 where they are NaN, and 1 where they are NaN, 0 elsewhere."""
        builder, none, one = self.code.builder, self._same(0.0), self._same(1.0)
        missing = builder.fcmp_unordered("uno", self.value, self.value)
        number, flag = (
            builder.select(missing, *both) for both in ((none, self.value), (one, none))
        )
        return Lanes(self.code, number), Lanes(self.code, flag)

    def _where(self, comparison: str, limit: float) -> "Lanes":
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
        """The place so many float32 further on."""
        return Place(self.code, self._address(count, FLOAT))

    def after_vectors(self, count: "int | Whole") -> "Place":
        """The place so many vectors further on."""
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
        """Load one of the vectors that lie here one behind the other."""
        address, code = self.after_vectors(index).value, self.code
        return Lanes(code, code.builder.load(address, typ=code.type, align=FLOAT_BYTES))

    def __setitem__(self, index: "int | Whole", lanes: Lanes) -> None:
        address = self.after_vectors(index).value
        self.code.builder.store(lanes.value, address, align=FLOAT_BYTES)

    def copy(self, index: "int | Whole", other: "Place", of: "int | Whole") -> None:
        """Copy one float32 from another place."""
        number = self.code.builder.load(other._address(of, FLOAT), typ=FLOAT)
        self.code.builder.store(number, self._address(index, FLOAT))

    def _address(self, index: "int | Whole", kind: Any) -> Any:
        places = [self.code.whole(index).value]
        return self.code.builder.gep(self.value, places, source_etype=kind)
