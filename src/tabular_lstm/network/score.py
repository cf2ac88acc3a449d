"""Score rows: the ensemble's forward pass on all cores, in NumPy or compiled.

The arithmetic is the same as in the Keras layers. In NumPy, the last bits of a matrix product may
depend on the processor, on the number of rows and on a row's place. Up to `FEW` rows are therefore
computed in float64, where this difference is about 1e-15, and mean outputs are rounded to a
multiple of 2^-24. So a row's bits do not depend on its place, on the other rows or on the
processor. The exception is about one output in 10^8, which lies within 1e-15 of the middle between
two multiples. More rows are computed in float32, which takes a quarter of the time.

More rows than `FEW`, with `MANY_VALUES` values or more, are computed by a kernel, which takes a
fraction of a second to compile. There too a row's bits do not depend on its place or on the other
rows. The kernel needs llvmlite, which the extra `fast` installs, and a processor with fused
multiply-add; otherwise NumPy computes.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from typing import Any, cast

import numpy as np
from threadpoolctl import ThreadpoolController

from tabular_lstm.errors import DataError
from tabular_lstm.network.forward import forward_of, row_blocks
from tabular_lstm.network.outputs import RATES, outputs_of
from tabular_lstm.network.own_network import OwnNetwork, SavedNetwork
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.rows.histories import Histories, Sequences, table_of
from tabular_lstm.rows.past_features import as_rows

FEW = 1024
# From this number of rows times slots on, the kernel computes: 16,384 rows of 8 features.
MANY_VALUES = 2**17
# Up to this number of rows times slots, rows with a changed slot are computed in float64.
FEW_VALUES = 4096
OUTPUT_STEP = 2.0**-24


def score(
    scorer: SavedNetwork,
    sequences: Sequences,
    many: bool | None = None,
    coverage: float | None = None,
) -> np.ndarray:
    """Predict rows.

    A row's probability is the same within 1e-7 in every call of at most 1,024 rows, and within 1e-6
    in any call, on any processor. For a number, these limits are 1e-7 and 1e-5 standard deviations
    of the label. The same rows in the same order give the same bits on any number of threads of one
    processor. Where the kernel computes, a row has the same bits in any call.

    Args:
        scorer: The ensemble; or a custom network, which Keras runs in float32.
        sequences: float32 (rows, steps, features_per_step), NaN where missing; or histories,
            which NumPy alone computes.
        many: Whether these rows belong to many rows, for which the kernel is used if there is one;
            the last block of a stream may be small. Default: decided by `are_many`.
        coverage: Share of rows whose number lies in the interval, from 0.5 to 0.99. Default: the
            declared coverage.

    Returns:
        float64: see `Outputs.predictions`.

    Raises:
        DataError: The coverage is not from 0.5 to 0.99.
    """
    is_number = isinstance(coverage, float | np.floating)
    if coverage is not None and not (is_number and RATES[0] <= coverage <= RATES[-1]):
        raise DataError(f"Expected a coverage from {RATES[0]} to {RATES[-1]}, got {coverage!r}.")
    if isinstance(scorer, OwnNetwork):
        outputs = scorer.computed(cast(np.ndarray, sequences))
    elif isinstance(sequences, Histories):
        outputs = _outputs_of_histories(
            scorer, sequences, np.float64 if len(sequences) <= FEW else np.float32
        )
    else:
        outputs = outputs_of_rows(scorer, sequences, many)
    return predictions_of(scorer, outputs, coverage)


def outputs_of_rows(scorer: Scorer, sequences: np.ndarray, many: bool | None = None) -> np.ndarray:
    """Compute the mean outputs of rows without a history, (rows, o); for `many` see `score`."""
    rows, slots = len(sequences), table_of(sequences)
    many = are_many(scorer, rows) if many is None else many
    forward, blocks = _forward(scorer, rows, slots.shape[1], many)
    outputs = np.empty((rows, scorer.outputs))

    def fill(block: slice) -> None:
        outputs[block] = forward(np.ascontiguousarray(slots[block].T))

    # Each thread computes blocks; BLAS' own threads would compete with them.
    with blas().limit(limits=1), ThreadPoolExecutor(cores()) as threads:
        list(threads.map(fill, blocks))
    return outputs


def _outputs_of_histories(scorer: Scorer, histories: Histories, dtype: type) -> np.ndarray:
    outputs = np.empty((len(histories), scorer.outputs))
    forward = forward_of(scorer, dtype)
    # A block has histories of similar length, sorted by customer, because the histories of one
    # customer share rows.
    doubled = np.ceil(np.log2(histories.lengths))
    blocks = []
    for length in np.unique(doubled):
        rows = np.flatnonzero(doubled == length)
        rows = rows[np.argsort(histories.own[rows])]
        blocks += [rows[block] for block in row_blocks(len(scorer.slots.places), len(rows))]

    def fill(block: np.ndarray) -> None:
        outputs[block] = forward.of_histories(histories.compact(block))

    with blas().limit(limits=1), ThreadPoolExecutor(cores()) as threads:
        list(threads.map(fill, blocks))
    if scorer.row is not None:
        rows = as_rows(histories, scorer.schema)
        outputs += outputs_of_rows(scorer.row, rows, many=False)
    return outputs


def are_many(scorer: SavedNetwork, rows: int) -> bool:
    """Say whether there are enough rows to make compiling a kernel worthwhile."""
    if isinstance(scorer, OwnNetwork) or scorer.schema.history is not None:
        return False
    return rows > FEW and rows * len(scorer.slots.places) >= MANY_VALUES


def score_changed(
    scorer: SavedNetwork, sequences: Sequences, changes: Iterable[tuple[int, np.ndarray]]
) -> Iterator[np.ndarray]:
    """Score the rows again and again, each time with one slot changed.

    A change takes the same time for many slots as for few: the other slots are computed once. A
    custom network computes everything again for each change.

    Args:
        scorer: The ensemble, or a custom network.
        sequences: float32 (rows, steps, features_per_step), NaN where missing; or histories.
        changes: The slot and its values, (repeats, rows), of each change. The iterator is read to
            its end at once. For histories, the values belong to the rows of their table.

    Yields:
        The predictions of each change, float64 (repeats, rows, …), see `score`.
    """
    table = table_of(sequences)
    if isinstance(scorer, OwnNetwork):
        for slot, values in changes:
            changed = np.tile(table, (len(values), 1))
            changed[:, slot] = values.ravel()
            outputs_of_all = scorer.computed(changed.reshape(-1, *sequences.shape[1:]))
            yield predictions_of(scorer, outputs_of_all.reshape(*values.shape, -1))
        return
    dtype = np.float64 if sequences.size <= FEW_VALUES else np.float32
    if isinstance(sequences, Histories):
        for slot, values in changes:
            outputs = []
            for repeat in values:
                changed = table.copy()
                changed[:, slot] = repeat
                outputs.append(
                    _outputs_of_histories(scorer, replace(sequences, table=changed), dtype)
                )
            yield predictions_of(scorer, np.stack(outputs))
        return
    slots = np.ascontiguousarray(table.T)
    with blas().limit(limits=1), ThreadPoolExecutor(cores()) as threads:
        changed_forward = forward_of(scorer, dtype).changed(slots)
        for changed_outputs in threads.map(lambda change: changed_forward(*change), changes):
            yield predictions_of(scorer, changed_outputs)


def cores() -> int:
    """Return how many threads to use: one per core, or a worker's OMP_NUM_THREADS."""
    setting = os.environ.get("OMP_NUM_THREADS", "")
    return int(setting) if setting.isdigit() and int(setting) else os.cpu_count() or 1


@cache
def blas() -> Any:
    """Find NumPy's BLAS once: this takes ten times as long as scoring a row."""
    return ThreadpoolController().select(user_api="blas")


def _forward(
    scorer: Scorer, rows: int, slots: int, many: bool
) -> tuple[Callable[[np.ndarray], np.ndarray], list[slice]]:
    """Choose the forward pass, and cut the rows into the blocks that suit it."""
    if many and (kernel_processor := processor()):
        from tabular_lstm.network.kernel import BLOCK, LEAST_BLOCK, kernel_of  # noqa: PLC0415

        return kernel_of(scorer, kernel_processor), row_blocks(slots, rows, BLOCK, LEAST_BLOCK)
    return forward_of(scorer, np.float64 if rows <= FEW else np.float32), row_blocks(slots, rows)


@cache
def processor() -> Any:
    """Return the processor that a kernel is compiled for; None if no kernel is possible."""
    if find_spec("llvmlite") is None:
        return None
    from tabular_lstm.network.kernel import Processor  # noqa: PLC0415

    return Processor.here()


def predictions_of(
    scorer: SavedNetwork, outputs: np.ndarray, coverage: float | None = None
) -> np.ndarray:
    """Turn mean outputs, (…, rows, o), into predictions, (…, rows, …)."""
    rounded = np.round(np.ascontiguousarray(outputs) / OUTPUT_STEP) * OUTPUT_STEP
    predicted = outputs_of(scorer.schema.task).predictions(
        rounded.reshape(-1, outputs.shape[-1]), scorer.schema, scorer.calibration, coverage
    )
    return predicted.reshape(*outputs.shape[:-1], *predicted.shape[1:])
