"""Score rows: the ensemble's forward pass, blocks of rows on all cores; by NumPy or compiled.

And say why a row's prediction is what it is: which features move it most, put to "missing".

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
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from tabular_lstm.errors import DataError
from tabular_lstm.network.calibration import RATES
from tabular_lstm.network.forward import cut, forward_of
from tabular_lstm.network.outputs import outputs_of, predictions
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.rows.histories import Sequences, compact, dense, lengths_of

FEW = 1024
# Rows times slots from which the kernel computes: 16,384 rows of 8 features.
MANY_VALUES = 2**17
# Rows times slots up to which rows with a slot changed are computed in float64.
FEW_VALUES = 4096
# Rows that NumPy changes at a time: what it keeps of each takes tens of kilobytes.
CHANGED_AT_ONCE = 2**10
OUTPUT_STEP = 2.0**-24
# Effects of features that are computed at a time.
EFFECTS_AT_ONCE = 2**20


@dataclass(frozen=True)
class Reasons:
    """The features that moved each row's prediction, the one that moved it most first.

    It is the probability of the positive class, of more classes that of the class which the row's
    prediction decides on, or the number.
    """

    features: np.ndarray  # (rows, reasons), places in `schema.columns`; -1 where none moved it
    effects: np.ndarray  # (rows, reasons), the prediction less what it is without the feature


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
        sequences: float32 (rows, steps, features_per_step), NaN where missing; or histories, or
            such as `Histories.dense` gives them. Histories are computed by NumPy alone.
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
    if scorer.schema.history is not None:
        return _predictions(scorer, _outputs_of_histories(scorer, sequences), coverage)
    slots = dense(sequences).reshape(rows, len(scorer.slots.places))
    many = are_many(scorer, rows) if many is None else many
    forward, blocks = _forward(scorer, *slots.shape, many)
    outputs = np.empty((rows, scorer.outputs))

    def fill(block: slice) -> None:
        outputs[block] = forward(np.ascontiguousarray(slots[block].T))

    # The blocks are the threads' work; BLAS' own threads would get in their way.
    with _blas().limit(limits=1), ThreadPoolExecutor(cores()) as threads:
        list(threads.map(fill, blocks))
    return _predictions(scorer, outputs, coverage)


def _outputs_of_histories(scorer: Scorer, sequences: Sequences) -> np.ndarray:
    """Give the mean outputs, (rows, o)."""
    rows = len(sequences)
    outputs = np.empty((rows, scorer.outputs))
    forward = forward_of(scorer, np.float64 if rows <= FEW else np.float32)
    # Those of similar length together, and of these those of a customer, whose rows are the same.
    own = np.arange(rows) if isinstance(sequences, np.ndarray) else sequences.own
    doubled = np.ceil(np.log2(lengths_of(sequences)))
    blocks = []
    for length in np.unique(doubled):
        some = np.flatnonzero(doubled == length)
        some = some[np.argsort(own[some])]
        blocks += [some[block] for block in cut(len(scorer.slots.places), len(some))]

    def fill(block: np.ndarray) -> None:
        outputs[block] = forward.of_histories(compact(sequences, block))

    with _blas().limit(limits=1), ThreadPoolExecutor(cores()) as threads:
        list(threads.map(fill, blocks))
    return outputs


def are_many(scorer: Scorer, rows: int) -> bool:
    """Say whether so many rows are worth compiling."""
    if scorer.schema.history is not None:
        return False
    return rows > FEW and rows * len(scorer.slots.places) >= MANY_VALUES


def score_changed(
    scorer: Scorer, sequences: np.ndarray, changes: Iterable[tuple[int, np.ndarray]]
) -> Iterator[np.ndarray]:
    """Score the rows again and again, each time with one slot changed.

    It takes as long for many slots as for few: what the others say is computed once.

    Args:
        scorer: The ensemble.
        sequences: float32 (rows, steps, features_per_step), NaN where missing.
        changes: The slot and its values, (repeats, rows), of each time. All are taken at once.

    Yields:
        The predictions of each time, float64 (repeats, rows, …), see `score`.
    """
    rows = len(sequences)
    slots = np.ascontiguousarray(sequences.reshape(rows, -1).T)
    dtype = np.float64 if slots.size <= FEW_VALUES else np.float32
    with _blas().limit(limits=1), ThreadPoolExecutor(cores()) as threads:
        outputs = forward_of(scorer, dtype).changed(slots)
        for changed in threads.map(lambda change: outputs(*change), changes):
            yield _predictions(scorer, changed)


def reasons(
    scorer: Scorer,
    sequences: np.ndarray,
    predicted: np.ndarray,
    count: int,
    many: bool = False,
) -> Reasons:
    """Put each feature to "missing", one at a time, and see by how much the prediction moves.

    A feature that is missing already has no effect, nor has one that is nothing to the network.
    Effects are of one feature at a time, all others being as they are: they need not add up, and
    say what the network does, not what would happen if the feature were another. Where the kernel
    computes, a row's effects have the same bits in any call.

    Args:
        scorer: The ensemble.
        sequences: float32 (rows, steps, features_per_step), NaN where missing.
        predicted: The rows' own, by `score` with the same `many`.
        count: How many to give, at most all features.
        many: Whether these rows are of many, see `score`.
    """
    features = len(scorer.schema.columns)
    count = min(count, features)
    places = np.full((len(sequences), count), -1)
    effects = np.zeros((len(sequences), count))
    at_once = max(1, EFFECTS_AT_ONCE // features)
    for start in range(0, len(sequences), at_once):
        rows = slice(start, start + at_once)
        moved = _effects(scorer, sequences[rows], predicted[rows], many).T
        # Of equal ones the first in the schema.
        order = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :count]
        effects[rows] = np.take_along_axis(moved, order, 1)
        places[rows] = np.where(effects[rows] == 0, -1, order)
    return Reasons(places, effects)


def _effects(
    scorer: Scorer, sequences: np.ndarray, predicted: np.ndarray, many: bool
) -> np.ndarray:
    """Give what each row's prediction loses without each of `schema.columns`: (columns, rows).

    All slots of a date are put to "missing" together.
    """
    column = outputs_of(scorer.schema.task).explained(predicted, scorer.calibration)
    effects = _effects_of_slots(scorer, sequences, predicted, column, many)
    if not scorer.schema.dates:
        return effects
    together, own = [], score(scorer, sequences, many)
    for slots in scorer.schema.slots.values():
        without = sequences.reshape(len(sequences), -1).copy()
        without[:, slots] = np.nan
        together.append(
            effects[slots[0]]
            if len(slots) == 1
            else _of(column, (own - score(scorer, without.reshape(sequences.shape), many))[None])[0]
        )
    return np.stack(together)


def _effects_of_slots(
    scorer: Scorer,
    sequences: np.ndarray,
    predicted: np.ndarray,
    column: np.ndarray,
    many: bool,
) -> np.ndarray:
    """Give what each row's prediction loses without each slot's feature: (features, rows)."""
    rows, features = len(sequences), len(scorer.schema.features)
    effects = np.empty((features, rows))
    slots = sequences.reshape(rows, len(scorer.slots.places))
    if many and (processor := _processor()):
        from tabular_lstm.network.kernel import BLOCK, LEAST_BLOCK, kernel_of  # noqa: PLC0415

        without_each = kernel_of(scorer, processor).without

        def fill(block: slice) -> None:
            without = _predictions(scorer, without_each(np.ascontiguousarray(slots[block].T)))
            effects[:, block] = _of(column[block], predicted[block] - without)

        with ThreadPoolExecutor(cores()) as threads:
            values = scorer.outputs * slots.shape[1]
            list(threads.map(fill, cut(values, rows, BLOCK, LEAST_BLOCK)))
        return effects
    for block in cut(scorer.outputs, rows, CHANGED_AT_ONCE):
        own = slots[block, :features].T[:, None]
        changes = [(0, own[0]), *enumerate(np.full_like(own, np.nan))]
        # Both predictions are computed in the same way, so that nothing has no effect.
        before, *without = score_changed(scorer, sequences[block], changes)
        moved = _of(column[block], before - np.concatenate(without))
        effects[:, block] = np.where(np.isnan(own[:, 0]), 0, moved)
    return effects


def _of(column: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Take each row's column of what moved, (m, rows) or (m, rows, columns): (m, rows)."""
    rows = np.arange(len(column))
    return np.asarray(moved.reshape(len(moved), len(rows), -1)[:, rows, column])


def cores() -> int:
    """Say how many threads to use: one a core, or what OMP_NUM_THREADS bounds a worker to."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() and int(given) else os.cpu_count() or 1


@cache
def _blas() -> Any:
    """Find NumPy's BLAS, once: that takes ten times as long as to score a row."""
    return ThreadpoolController().select(user_api="blas")


def _forward(
    scorer: Scorer, rows: int, slots: int, many: bool
) -> tuple[Callable[[np.ndarray], np.ndarray], list[slice]]:
    """Give what computes, and the blocks of rows that it computes best."""
    if many and (processor := _processor()):
        from tabular_lstm.network.kernel import BLOCK, LEAST_BLOCK, kernel_of  # noqa: PLC0415

        return kernel_of(scorer, processor), cut(slots, rows, BLOCK, LEAST_BLOCK)
    return forward_of(scorer, np.float64 if rows <= FEW else np.float32), cut(slots, rows)


@cache
def _processor() -> Any:
    """What a kernel is compiled for; None where there cannot be one."""
    if find_spec("llvmlite") is None:
        return None
    from tabular_lstm.network.kernel import Processor  # noqa: PLC0415

    return Processor.here()


def _predictions(scorer: Scorer, outputs: np.ndarray, coverage: float | None = None) -> np.ndarray:
    """Mean outputs (…, rows, o) to predictions (…, rows, …)."""
    rounded = np.round(np.ascontiguousarray(outputs) / OUTPUT_STEP) * OUTPUT_STEP
    found = predictions(
        rounded.reshape(-1, scorer.outputs), scorer.schema, scorer.calibration, coverage
    )
    return found.reshape(*outputs.shape[:-1], *found.shape[1:])
