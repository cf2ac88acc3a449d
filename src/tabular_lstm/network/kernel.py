"""The ensemble's forward pass for many rows, compiled for this processor by this process.

Compiling takes a fraction of a second. The code stays in memory while the process runs, once for
each size of network; no file is written. A row's outputs have the same bits at any place of any
block, and on every processor with fused multiply-add, because the same operations run in the same
order.
"""

import ctypes
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Self

import numpy as np
from llvmlite import binding as llvm
from numpy.typing import DTypeLike

from tabular_lstm.network.forward import halved
from tabular_lstm.network.kernel_code import (
    POINTER,
    SIDE_BY_SIDE,
    WHOLE,
    Code,
    Sizes,
    forward_code,
)
from tabular_lstm.network.scorer import Scorer

# The most and the fewest rows of a block; the fewest fill a vector of 64 rows.
BLOCK = 1024
LEAST_BLOCK = 64
# Alignment in bytes: a vector at a multiple of it touches the fewest cache lines.
ALIGNED = 64


@dataclass(frozen=True)
class Processor:
    """The processor that code is compiled for.

    Attributes:
        name: LLVM's name for the processor, such as `haswell`.
        features: The features that it has or lacks, in LLVM's notation: `+avx2,-avx512f`. Default:
            the features of processors with that name.
        lanes: Rows of a vector: 16, in four registers of four rows (ARM) or two registers of eight
            (AVX2); or 64, in four registers of sixteen rows (AVX-512).
    """

    name: str
    features: str = ""
    lanes: int = 16

    @classmethod
    def here(cls) -> Self | None:
        """Describe this machine's processor; None if it may lack fused multiply-add."""
        return cls.of(
            llvm.get_default_triple().partition("-")[0],
            llvm.get_host_cpu_name(),
            llvm.get_host_cpu_features(),
        )

    @classmethod
    def of(cls, architecture: str, name: str, features: Mapping[str, bool]) -> Self | None:
        """Describe a processor by its features; None if it may lack fused multiply-add."""
        if not (features.get("fma") or architecture in ("aarch64", "arm64")):
            return None
        llvm_features = ",".join(
            f"{'+' if has else '-'}{feature}" for feature, has in features.items()
        )
        return cls(name, llvm_features, lanes=64 if features.get("avx512f") else 16)


@lru_cache(maxsize=4)
def kernel_of(scorer: Scorer, processor: Processor) -> "Kernel":
    """Lay the weights out, once for all blocks of a stream."""
    return Kernel(scorer, processor)


class Kernel:
    """Compute the mean outputs of a block of rows by compiled code.

    Args:
        scorer: The ensemble.
        processor: A processor whose instructions this machine can run.
    """

    def __init__(self, scorer: Scorer, processor: Processor) -> None:
        self.sizes, self.slots, self.processor = Sizes.of(scorer), scorer.slots, processor
        self.run = _compiled(self.sizes, processor)
        self.weights = weights_in_order(scorer, self.sizes)
        self.table = np.ascontiguousarray(scorer.embed.vectors)
        places = np.concatenate([self.slots.numeric, self.slots.categorical])
        self.places = places.astype(np.int64)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Compute outputs (n, o), float64, from slots (S, n)."""
        sizes, slots, lanes, rows = self.sizes, self.slots, self.processor.lanes, values.shape[1]
        vectors = -(-rows // lanes)
        numbers = _zeros((sizes.forms, sizes.numbers, vectors * lanes), np.float32)
        index = _zeros((sizes.categories, vectors * lanes), np.int64)
        member_outputs = _zeros((sizes.members, sizes.outputs, vectors * lanes), np.float32)
        numbers[..., :rows] = slots.number_forms(values[slots.numeric])
        index[:, :rows] = slots.category_index(values[slots.categorical])
        memory = _zeros((sizes.scratch, lanes), np.float32)
        arrays = (numbers, index, self.places, self.weights, self.table, memory, member_outputs)
        self.run(*(array.ctypes.data for array in arrays), vectors)
        total = np.zeros((sizes.outputs, rows))
        for outputs in member_outputs:
            total += outputs[:, :rows]
        return total.T


def weights_in_order(scorer: Scorer, sizes: Sizes) -> np.ndarray:
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


@cache
def _compiled(sizes: Sizes, processor: Processor) -> Callable[..., None]:
    return compile_code(forward_code(sizes, processor.lanes), processor)


def compile_code(code: Code, processor: Processor) -> Callable[..., None]:
    """Compile to a function of addresses and whole numbers, which releases the GIL."""
    code.builder.ret_void()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(str(code.module))
    machine = llvm.Target.from_default_triple().create_target_machine(
        processor.name, processor.features, opt=3
    )
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(3))
    passes.getModulePassManager().run(module, passes)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    kinds = {POINTER: ctypes.c_void_p, WHOLE: ctypes.c_int64}
    kind_of_function = ctypes.CFUNCTYPE(None, *(kinds[arg.type] for arg in code.function.args))
    compiled: Any = kind_of_function(engine.get_function_address(code.function.name))
    compiled.engine = engine  # the code lives as long as its engine
    return compiled  # type: ignore[no-any-return]


def _zeros(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    size = math.prod(shape) * np.dtype(dtype).itemsize
    room = np.zeros(size + ALIGNED, np.uint8)
    start = -room.ctypes.data % ALIGNED
    return room[start : start + size].view(dtype).reshape(shape)
