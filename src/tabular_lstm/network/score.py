"""Score rows: the ensemble's forward pass, blocks of rows on all cores; by NumPy or compiled.

The same arithmetic as the Keras layers. In NumPy a matrix product may give some columns other last
bits than the rest, depending on the processor and on the number of rows. Up to `FEW` rows are
therefore computed in float64, where this is about 1e-15, and a mean output is then rounded to a
multiple of 2^-24. So a row has the same bits wherever it stands, whatever is beside it and whatever
the processor, unless an output lies within 1e-15 of the middle between two multiples, which is so
for about one in 10^8. More rows are computed in float32, which takes a quarter of the time.

Where more rows than `FEW` have `MANY_VALUES` or more, a compiled kernel is worth the fraction of a
second that it takes to compile. It gives a row the same bits wherever it stands and whatever is
beside it. It needs llvmlite, which the extra `fast` installs, and a processor with fused
multiply-add; otherwise NumPy serves.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from tabular_lstm.errors import DataError
from tabular_lstm.network.calibration import RATES
from tabular_lstm.network.forward import cut, forward_of
from tabular_lstm.network.outputs import predictions
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.rows.histories import Histories, Sequences, table_of

FEW = 1024
# Rows times slots from which the kernel computes: 16,384 rows of 8 features.
MANY_VALUES = 2**17
# Rows times slots up to which rows with a slot changed are computed in float64.
FEW_VALUES = 4096
OUTPUT_STEP = 2.0**-24


def score(
    scorer: Scorer,
    sequences: Sequences,
    many: bool | None = None,
    coverage: float | None = None,
) -> np.ndarray:
    """Give the predictions.

    A row's probability is the same within 1e-7 in every call of at most 1,024 rows, and within 1e-6
    in any call, on any processor; a number within 1e-7 and 1e-5 standard deviations of the label.
    The same rows in the same order give the same bits on any number of threads of one processor.
    Where the kernel computes, a row has the same bits in any call.

    Args:
        scorer: The ensemble.
        sequences: float32 (rows, steps, features_per_step), NaN where missing; or histories,
            which NumPy alone computes.
        many: Whether these rows are of many, which the kernel computes if there is one: a stream's
            last block may be small. Default: whether they are many themselves, by `are_many`.
        coverage: Share of rows whose number the interval holds, from 0.5 to 0.99. Default: as was
            declared.

    Returns:
        float64: see `outputs.predictions`.

    Raises:
        DataError: There is no such coverage.
    """
    one = isinstance(coverage, float | np.floating)
    if coverage is not None and not (one and RATES[0] <= coverage <= RATES[-1]):
        raise DataError(f"Expected a coverage from {RATES[0]} to {RATES[-1]}, got {coverage!r}.")
    rows = len(sequences)
    if isinstance(sequences, Histories):
        few = np.float64 if rows <= FEW else np.float32
        return predictions_of(scorer, _outputs_of_histories(scorer, sequences, few), coverage)
    slots = table_of(sequences)
    many = are_many(scorer, rows) if many is None else many
    forward, blocks = _forward(scorer, rows, slots.shape[1], many)
    outputs = np.empty((rows, scorer.outputs))

    def fill(block: slice) -> None:
        outputs[block] = forward(np.ascontiguousarray(slots[block].T))

    # The blocks are the threads' work; BLAS' own threads would get in their way.
    with blas().limit(limits=1), ThreadPoolExecutor(cores()) as threads:
        list(threads.map(fill, blocks))
    return predictions_of(scorer, outputs, coverage)


def _outputs_of_histories(scorer: Scorer, histories: Histories, dtype: type) -> np.ndarray:
    """Give the mean outputs, (rows, o)."""
    outputs = np.empty((len(histories), scorer.outputs))
    forward = forward_of(scorer, dtype)
    # Those of similar length together, and of these those of a customer, whose rows are the same.
    doubled = np.ceil(np.log2(histories.lengths))
    blocks = []
    for length in np.unique(doubled):
        some = np.flatnonzero(doubled == length)
        some = some[np.argsort(histories.own[some])]
        blocks += [some[block] for block in cut(len(scorer.slots.places), len(some))]

    def fill(block: np.ndarray) -> None:
        outputs[block] = forward.of_histories(histories.compact(block))

    with blas().limit(limits=1), ThreadPoolExecutor(cores()) as threads:
        list(threads.map(fill, blocks))
    return outputs


def are_many(scorer: Scorer, rows: int) -> bool:
    """Say whether so many rows are worth compiling."""
    if scorer.schema.history is not None:
        return False
    return rows > FEW and rows * len(scorer.slots.places) >= MANY_VALUES


def score_changed(
    scorer: Scorer, sequences: Sequences, changes: Iterable[tuple[int, np.ndarray]]
) -> Iterator[np.ndarray]:
    """Score the rows again and again, each time with one slot changed.

    It takes as long for many slots as for few: what the others say is computed once.

    Args:
        scorer: The ensemble.
        sequences: float32 (rows, steps, features_per_step), NaN where missing; or histories.
        changes: The slot and its values, (repeats, rows), of each time. All are taken at once. Of
            histories the values are those of the rows of their table.

    Yields:
        The predictions of each time, float64 (repeats, rows, …), see `score`.
    """
    table = table_of(sequences)
    dtype = np.float64 if sequences.size <= FEW_VALUES else np.float32
    if isinstance(sequences, Histories):
        for slot, values in changes:
            outputs = []
            for repeat in values:
                changed = table.copy()
                changed[:, slot] = repeat
                of_changed = replace(sequences, table=changed)
                outputs.append(_outputs_of_histories(scorer, of_changed, dtype))
            yield predictions_of(scorer, np.stack(outputs))
        return
    slots = np.ascontiguousarray(table.T)
    with blas().limit(limits=1), ThreadPoolExecutor(cores()) as threads:
        outputs_of = forward_of(scorer, dtype).changed(slots)
        for found in threads.map(lambda change: outputs_of(*change), changes):
            yield predictions_of(scorer, found)


def cores() -> int:
    """Say how many threads to use: one a core, or what OMP_NUM_THREADS bounds a worker to."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() and int(given) else os.cpu_count() or 1


@cache
def blas() -> Any:
    """Find NumPy's BLAS, once: that takes ten times as long as to score a row."""
    return ThreadpoolController().select(user_api="blas")


def _forward(
    scorer: Scorer, rows: int, slots: int, many: bool
) -> tuple[Callable[[np.ndarray], np.ndarray], list[slice]]:
    """Give what computes, and the blocks of rows that it computes best."""
    if many and (here := processor()):
        from tabular_lstm.network.kernel import BLOCK, LEAST_BLOCK, kernel_of  # noqa: PLC0415

        return kernel_of(scorer, here), cut(slots, rows, BLOCK, LEAST_BLOCK)
    return forward_of(scorer, np.float64 if rows <= FEW else np.float32), cut(slots, rows)


@cache
def processor() -> Any:
    """What a kernel is compiled for; None where there cannot be one."""
    if find_spec("llvmlite") is None:
        return None
    from tabular_lstm.network.kernel import Processor  # noqa: PLC0415

    return Processor.here()


def predictions_of(
    scorer: Scorer, outputs: np.ndarray, coverage: float | None = None
) -> np.ndarray:
    """Mean outputs (…, rows, o) to predictions (…, rows, …)."""
    rounded = np.round(np.ascontiguousarray(outputs) / OUTPUT_STEP) * OUTPUT_STEP
    found = predictions(
        rounded.reshape(-1, scorer.outputs), scorer.schema, scorer.calibration, coverage
    )
    return found.reshape(*outputs.shape[:-1], *found.shape[1:])
