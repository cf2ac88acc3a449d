"""The compiled kernel: the same answers as NumPy's, and a row's bits wherever it is computed."""

import os
import sys
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import numpy as np
import pytest

from tabular_lstm.network import score as scoring
from tabular_lstm.network.forward import Forward
from tabular_lstm.network.kernel import Kernel, Processor, compile_code
from tabular_lstm.network.kernel_code import Code, Lanes, cosine_and_sine, tanh
from tabular_lstm.network.score import MANY_VALUES, score
from tabular_lstm.network.scorer import CLIP, Scorer
from tabular_lstm.task import NUMBER, TWO_CLASSES
from tests.helpers.networks import (
    LAYOUTS,
    MIXED,
    SEVEN,
    TASKS,
    ensemble_of,
    id_of,
    schema_of,
    sequences_of,
)

HERE = Processor.here()

pytestmark = pytest.mark.skipif(HERE is None, reason="this processor lacks fused multiply-add")


def scorer_of(layout: dict[str, Any], times: float = 1.0, **options: Any) -> Scorer:
    network = ensemble_of(schema_of(**layout), **options)
    network.set_weights([times * weight for weight in network.get_weights()])
    return Scorer.of(network)


def small(layout: dict[str, Any]) -> Scorer:
    """Three LSTMs of three members: code of the same sizes is compiled once for all tests."""
    return scorer_of(layout, 2.0, units=[3, 1, 2], members=3)


def slots_of(scorer: Scorer, rows: int, missing: float = 0.0) -> np.ndarray:
    return np.ascontiguousarray(sequences_of(scorer.schema, rows, missing).reshape(rows, -1).T)


@pytest.mark.parametrize("layout", LAYOUTS + TASKS, ids=id_of)
def test_the_kernel_answers_as_numpy_does_in_float64(layout: dict[str, Any]) -> None:
    scorer = small(layout)
    kernel = Kernel(scorer, HERE)
    for missing in (0.0, 0.3, 1.0):
        slots = slots_of(scorer, 40, missing)
        before = slots.copy()
        measured = kernel(slots)
        assert measured.shape == (40, scorer.schema.task.outputs)
        np.testing.assert_allclose(measured, Forward(scorer, np.float64)(slots), rtol=0, atol=1e-6)
        np.testing.assert_array_equal(slots, before)
        assert missing == 1 or np.ptp(measured, 0).min() > 0.02


# The functions


def computed(function: Callable[[Lanes], tuple[Lanes, Lanes]], x: np.ndarray) -> np.ndarray:
    """Let compiled code compute both results of a function, (2, n)."""
    code = Code(HERE.lanes, pointers=3, wholes=1)
    read, one, other, vectors = code.arguments()

    def compute(i: Any) -> None:
        one[i], other[i] = function(read[i])

    code.repeat(vectors, compute)
    vectors = -(-len(x) // HERE.lanes)
    padded = np.zeros((3, vectors * HERE.lanes), np.float32)
    padded[0, : len(x)] = x
    compile_code(code, HERE)(*(array.ctypes.data for array in padded), vectors)
    return padded[1:, : len(x)].astype(float)


def test_tanh_is_near() -> None:
    x = np.concatenate([np.linspace(-12, 12, 200_001), [-1e30, 1e30, np.inf, -np.inf, 1e-30]])
    above, below = computed(tanh, x.astype(np.float32))
    np.testing.assert_allclose(above / below, np.tanh(x.astype(np.float32)), rtol=0, atol=4e-7)


@pytest.mark.parametrize("largest", [1.0, CLIP * 2 * np.pi, 1e3, 1e6])
def test_cosine_and_sine_are_near(largest: float) -> None:
    x = np.linspace(-largest, largest, 200_001).astype(np.float32)
    cosine, sine = computed(cosine_and_sine, x)
    np.testing.assert_allclose(cosine, np.cos(x.astype(float)), rtol=0, atol=3e-7)
    np.testing.assert_allclose(sine, np.sin(x.astype(float)), rtol=0, atol=3e-7)


# The same bits for the same row


@pytest.mark.parametrize("layout", [MIXED, *TASKS[1:]], ids=id_of)
def test_a_row_has_the_same_bits_alone_and_at_any_place_of_any_block(
    layout: dict[str, Any],
) -> None:
    scorer = small(layout)
    kernel, slots = Kernel(scorer, HERE), slots_of(scorer, 200, 0.1)
    logits = kernel(slots)
    assert len(np.unique(logits)) > 190
    order = np.random.default_rng(0).permutation(200)
    for rows in (order, order[:77], order[::-1][:128], np.repeat(3, 70), *order[:40, None]):
        np.testing.assert_array_equal(kernel(slots[:, rows]), logits[rows])


# Code for these runs on every x86 processor with AVX2 (and AVX-512).
X86 = [Processor("haswell"), Processor("haswell", lanes=64)]
X86_512 = [Processor("skylake-avx512", lanes=64)]
OTHERS = (
    {
        True: X86 + X86_512,
        False: X86
        if "+avx2" in HERE.features
        else [Processor("generic"), Processor("generic", "", 8)],
    }[HERE.lanes == 64]
    if HERE
    else []
)


@pytest.mark.parametrize("other", OTHERS, ids=lambda one: f"{one.name}-{one.lanes}")
def test_code_for_another_processor_gives_the_same_bits(other: Processor) -> None:
    scorer = small(TASKS[1])
    slots = slots_of(scorer, 300, 0.1)
    there, here = Kernel(scorer, other), Kernel(scorer, HERE)
    np.testing.assert_array_equal(there(slots), here(slots))


@pytest.mark.parametrize(
    ("scores", "bits"), [(True, "5a92aca0271a2653"), (False, "8e43f71a0c11c967")]
)
def test_the_bits_are_these_on_every_machine(scores: bool, bits: str) -> None:
    schema = schema_of(**MIXED, scores=scores)
    network = ensemble_of(schema)
    rng = np.random.default_rng(0)  # its uniform numbers are the same everywhere
    network.set_weights([rng.uniform(-1, 1, w.shape) for w in network.get_weights()])
    values = rng.uniform(-8, 8, (schema.steps * schema.features_per_step, 1000))
    values[rng.random(values.shape) < 0.1] = np.nan
    logits = Kernel(Scorer.of(network), HERE)(values.astype(np.float32))
    assert blake2b(logits.tobytes(), digest_size=8).hexdigest() == bits


def test_a_processor_that_may_lack_fused_multiply_add_has_no_kernel() -> None:
    assert Processor.of("x86_64", "nehalem", {"sse4.2": True, "fma": False}) is None
    assert Processor.of("riscv64", "generic", {}) is None
    haswell = Processor.of("x86_64", "haswell", {"avx2": True, "fma": True, "avx512f": False})
    assert haswell == Processor("haswell", "+avx2,+fma,-avx512f", 16)
    assert Processor.of("aarch64", "neoverse-n1", {}) == Processor("neoverse-n1")


# Who computes

MANY = MANY_VALUES // 2  # of the rows of two features below


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of rows that kernels are given from now on."""
    blocks, compute = [], Kernel.__call__

    def counted(kernel: Kernel, values: np.ndarray) -> np.ndarray:
        blocks.append(values.shape[1])
        return compute(kernel, values)

    monkeypatch.setattr(Kernel, "__call__", counted)
    return blocks


def test_many_rows_are_computed_by_the_kernel_and_few_by_numpy(kernels: list[int]) -> None:
    scorer = scorer_of({"features": 2})
    sequences = np.resize(sequences_of(scorer.schema, 1000), (MANY, 1, 2))
    score(scorer, sequences[:-1])
    assert kernels == []
    many = score(scorer, sequences)
    assert sum(kernels) == MANY
    np.testing.assert_allclose(many[:-1], score(scorer, sequences[:-1]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("task", [TWO_CLASSES, SEVEN, NUMBER])
def test_a_streams_last_rows_have_the_bits_that_they_have_among_many(
    task: str, kernels: list[int]
) -> None:
    scorer = scorer_of({"features": 5, "task": task})
    sequences = np.resize(sequences_of(scorer.schema, 3001, 0.1), (MANY + 5, 3, 2))
    together = score(scorer, sequences)
    parts = [score(scorer, part, many=True) for part in np.split(sequences, [7, 5000, MANY - 1])]
    np.testing.assert_array_equal(np.concatenate(parts), together)
    assert sum(kernels) == 2 * len(sequences)


@pytest.mark.parametrize("cores", [1, 3])
def test_the_number_of_cores_changes_no_bit(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = scorer_of({"features": 5})
    sequences = sequences_of(scorer.schema, 5000)
    expected = score(scorer, sequences, many=True)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    np.testing.assert_array_equal(score(scorer, sequences, many=True), expected)


def test_without_the_extra_numpy_computes_many_rows(
    kernels: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = scorer_of({"features": 2})
    sequences = np.resize(sequences_of(scorer.schema, 1000), (MANY, 1, 2))
    expected = score(scorer, sequences)
    kernels.clear()
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    scoring.processor.cache_clear()
    np.testing.assert_allclose(score(scorer, sequences), expected, rtol=0, atol=1e-6)
    scoring.processor.cache_clear()
    assert kernels == []
