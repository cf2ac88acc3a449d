"""Explain a row's prediction: which features change it most when they are set to "missing"."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from tabular_lstm.errors import DataError, counted
from tabular_lstm.network.forward import forward_of, row_blocks
from tabular_lstm.network.outputs import decisions
from tabular_lstm.network.own_network import OwnNetwork, SavedNetwork
from tabular_lstm.network.score import blas, cores, predictions_of, processor, score, score_changed
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.progress import Progress, progress_bar
from tabular_lstm.rows.histories import Compact, Histories, Sequences, table_of
from tabular_lstm.rows.past_features import as_rows
from tabular_lstm.rows.schema import Schema

# Rows that NumPy changes at a time; each takes tens of kilobytes.
CHANGED_AT_ONCE = 2**10
# Cells of a history that are set to "missing" at a time; each takes kilobytes.
CELLS_AT_ONCE = 2**10
# Effects of features that are computed at a time.
EFFECTS_AT_ONCE = 2**20


@dataclass(frozen=True)
class Reasons:
    """The features that moved each row's prediction, the strongest one first.

    The prediction is the probability of the positive class (two classes), the probability of the
    decided class (more classes), or the number.
    """

    features: np.ndarray  # (rows, reasons), places in `reason_names`; -1 if no feature moved it
    effects: np.ndarray  # (rows, reasons), the prediction minus the prediction without the feature


def reason_names(schema: Schema) -> list[str]:
    """Name the possible reasons: the columns; for histories, each row's columns, and the past.

    "The past" are the past features that the network reads.
    """
    if schema.history is None:
        return schema.columns
    before = (f", {counted(step, 'row')} before" for step in range(1, schema.history.steps))
    cells = [f"{name}{suffix}" for suffix in ("", *before) for name in _cells(schema)]
    return [*cells, *_past_slots(schema)]


def _cells(schema: Schema) -> dict[str, list[int]]:
    """Return the slots of each cell in a row of a history; an earlier label is one cell."""
    slots, labels = schema.slots, schema.history.labels if schema.history else ()
    label_slots = [slots.pop(name)[0] for name in labels]
    return slots | ({f"{schema.label}, earlier": label_slots} if label_slots else {})


def _past_slots(schema: Schema) -> dict[str, int]:
    """Return the slot of each past feature in `schema.row`."""
    features = schema.row.features if schema.row else []
    return {name: slot for slot, name in enumerate(features) if name not in schema.features}


def reasons_of(
    scorer: SavedNetwork,
    sequences: Sequences,
    predicted: np.ndarray,
    count: int,
    many: bool = False,
) -> Reasons:
    """Set each feature to "missing", one at a time, and measure how the prediction changes.

    A feature has no effect if it is missing already or if the network does not use it. An effect is
    measured for one feature while all others stay unchanged, so effects may not add up. They
    describe the network, not what would happen if the feature changed in reality. Where the kernel
    computes, a row's effects have the same bits in any call.

    In a history, each feature of each row is set to "missing", and each past feature, while what is
    made of a feature stays as it is. Each history is computed alone, so that a row's effects have
    the same bits in any call on one processor. In one second, a core explains 75 histories of 20
    rows with 8 features, or one history of 200 rows.

    Args:
        scorer: The ensemble.
        sequences: float32 (rows, steps, features_per_step), NaN where missing; or histories, see
            `score`.
        predicted: The rows' predictions, by `score` with the same `many`.
        count: Number of reasons for each row, at most as many as `reason_names` has.
        many: Whether these rows belong to many rows, see `score`.

    Raises:
        DataError: The network is a custom one, which may not know what "missing" is.
    """
    if isinstance(scorer, OwnNetwork):
        raise DataError(
            f"{scorer.file}: a network of kind keras gives no exact reasons. Set "
            "scoring.reasons: 0, or ask for no reasons."
        )
    features = len(reason_names(scorer.schema))
    count = min(count, features)
    places = np.full((len(sequences), count), -1)
    effects = np.zeros((len(sequences), count))
    at_once = max(1, EFFECTS_AT_ONCE // features)
    with progress_bar("Reasons", len(sequences), " rows") as bar:
        for start in range(0, len(sequences), at_once):
            rows = slice(start, start + at_once)
            block = sequences[rows]
            if isinstance(block, Histories):
                moved = _effects_in_histories(scorer, block, predicted[rows], bar)
            else:
                moved = _effects(scorer, block, predicted[rows], many, bar).T
            # If effects are equal, the first feature in the schema comes first.
            order = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :count]
            effects[rows] = np.take_along_axis(moved, order, 1)
            places[rows] = np.where(effects[rows] == 0, -1, order)
    return Reasons(places, effects)


def _effects(
    scorer: Scorer, sequences: np.ndarray, predicted: np.ndarray, many: bool, bar: Progress
) -> np.ndarray:
    """Return the effect of each of `schema.columns` on each row: (columns, rows).

    All slots of a date are set to "missing" together.
    """
    column = _explained_places(scorer, predicted)
    slots_of_columns = scorer.schema.slots.values()

    def effect(slots: list[int], unchanged: np.ndarray) -> np.ndarray:
        without = table_of(sequences).copy()
        without[:, slots] = np.nan
        moved = unchanged - score(scorer, without.reshape(sequences.shape), many)
        return np.asarray(_explained_column(column, moved[None])[0])

    if many and processor():  # the kernel gives an unchanged row the same bits in any call
        effects = [effect(slots, predicted) for slots in slots_of_columns]
        bar.update(len(predicted))
        return np.stack(effects)
    slot_effects = _effects_of_slots(scorer, sequences, column, bar)
    if not scorer.schema.dates:
        return slot_effects
    unchanged = score(scorer, sequences, many)
    return np.stack(
        [
            slot_effects[slots[0]] if len(slots) == 1 else effect(slots, unchanged)
            for slots in slots_of_columns
        ]
    )


def _effects_in_histories(
    scorer: Scorer, histories: Histories, predicted: np.ndarray, bar: Progress
) -> np.ndarray:
    """Return the effect of each of `reason_names` on each history's row: (histories, names)."""
    cells, past_slots = [*_cells(scorer.schema).values()], [*_past_slots(scorer.schema).values()]
    forward, explained = forward_of(scorer, np.float32), _explained_places(scorer, predicted)
    effects = np.zeros((len(histories), histories.steps, len(cells)))
    past_effects = np.zeros((len(histories), len(past_slots)))
    if scorer.row is not None:
        rows: np.ndarray = table_of(as_rows(histories, scorer.schema))
        changes = _row_slots(scorer.schema, scorer.row.schema.features)

    def fill(place: int) -> None:
        history = histories.dense([place])[0]
        own_outputs = np.zeros((1 + len(cells), scorer.outputs), np.float32)
        if scorer.row is not None:
            changed_rows = _without_slots(rows[place], changes)
            own_outputs = forward_of(scorer.row, np.float32)(changed_rows)
        at_once = max(1, CELLS_AT_ONCE // len(history))
        for start in range(0, len(cells), at_once):
            block = cells[start : start + at_once]
            outputs = forward.of_histories(_without_each(history, block))
            # The cells of the row itself come last: only they change what is read of it alone.
            own = np.repeat(own_outputs[:1], len(outputs), 0)
            own[len(own) - len(block) :] = own_outputs[1 + start : 1 + start + len(block)]
            predictions = predictions_of(scorer, outputs + own)
            unchanged, *without = predictions[:, explained[place]]
            moved = np.reshape(unchanged - np.array(without), (len(history), len(block)))
            moved[np.isnan(history[:, [slots[0] for slots in block]])] = 0
            # A history ends with the row itself, and the names begin with it.
            effects[place, : len(history), start : start + at_once] = moved[::-1]
        if past_slots:
            predictions = predictions_of(scorer, outputs[:1] + own_outputs[1 + len(cells) :])
            moved = unchanged - predictions[:, explained[place]]
            past_effects[place] = np.where(np.isnan(rows[place, past_slots]), 0, moved)

    with blas().limit(limits=1), ThreadPoolExecutor(cores()) as threads:
        for _ in threads.map(fill, range(len(histories))):
            bar.update()
    return np.concatenate([effects.reshape(len(histories), -1), past_effects], axis=1)


def _row_slots(schema: Schema, row_features: list[str]) -> list[list[int]]:
    """Return the slots in `schema.row` of each cell of the row, then of each past feature."""
    names = ([schema.features[slot] for slot in slots] for slots in _cells(schema).values())
    own = [[row_features.index(name) for name in some if name in row_features] for some in names]
    return [*own, *([slot] for slot in _past_slots(schema).values())]


def _without_slots(row: np.ndarray, changes: list[list[int]]) -> np.ndarray:
    """Return a row, (slots,), unchanged, then without each of some slots: (slots, 1 + changes)."""
    without = np.repeat(row[:, None], 1 + len(changes), 1)
    for place, slots in enumerate(changes, start=1):
        without[slots, place] = np.nan
    return without


def _without_each(rows: np.ndarray, columns: Sequence[list[int]]) -> Compact:
    """Return a history, (T, F), first unchanged, then without each of its cells, row by row.

    A row has one cell for each of `columns`; a cell has one or more of the F slots.
    """
    length, cells = len(rows), len(rows) * len(columns)
    changed = np.repeat(rows, len(columns), 0)
    for place, slots in enumerate(columns):
        changed[place :: len(columns), slots] = np.nan
    places = np.tile(np.arange(length), (1 + cells, 1))
    cell_numbers = np.arange(cells)
    places[1 + cell_numbers, cell_numbers // len(columns)] = length + cell_numbers
    return Compact(np.concatenate([rows, changed]), places)


def _effects_of_slots(
    scorer: Scorer, sequences: np.ndarray, column: np.ndarray, bar: Progress
) -> np.ndarray:
    """Return the effect of each slot's feature on each row, by NumPy: (features, rows)."""
    rows, features = len(sequences), len(scorer.schema.features)
    effects, slots = np.empty((features, rows)), table_of(sequences)
    for block in row_blocks(scorer.outputs, rows, CHANGED_AT_ONCE):
        block_values = slots[block, :features].T[:, None]
        changes = [(0, block_values[0]), *enumerate(np.full_like(block_values, np.nan))]
        # Both predictions are computed in the same way, so that an unchanged value gives exactly 0.
        before, *without = score_changed(scorer, sequences[block], changes)
        moved = _explained_column(column[block], before - np.concatenate(without))
        effects[:, block] = np.where(np.isnan(block_values[:, 0]), 0, moved)
        bar.update(len(column[block]))
    return effects


def _explained_places(scorer: Scorer, predicted: np.ndarray) -> np.ndarray:
    """Return the column of each row's predictions that its reasons explain, see `Reasons`."""
    places = [*scorer.schema.task.main_columns.values()]
    if len(places) == 1:
        return np.full(len(predicted), places[0])
    return decisions(predicted, scorer.calibration)


def _explained_column(column: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Take each row's explained column of `moved`, (m, rows, columns): (m, rows)."""
    return np.asarray(moved[:, np.arange(len(column)), column])
