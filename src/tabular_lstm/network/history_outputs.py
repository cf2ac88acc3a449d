"""The mean outputs of histories, those of similar length together: as they are, or changed."""

from collections.abc import Callable, Sequence

import numpy as np

from tabular_lstm.network.forward import Forward, cut
from tabular_lstm.rows.histories import Sequences, are_rows, dense, lengths_of

# Has blocks of rows filled, by threads.
Run = Callable[[Callable[[slice], None], list[slice]], None]


def outputs_of_histories(forward: Forward, sequences: Sequences, run: Run) -> np.ndarray:
    """Give the outputs, (rows, o)."""
    outputs = np.empty((len(sequences), forward.outputs))

    def fill(block: np.ndarray, rows: np.ndarray) -> None:
        outputs[block] = forward.of_histories(rows)

    _by_length(forward, sequences, fill, run)
    return outputs


def changed_outputs(
    forward: Forward, sequences: np.ndarray, changes: Sequence[tuple[int, np.ndarray]], run: Run
) -> list[np.ndarray]:
    """Give the outputs of each change, (repeats, rows, o), see `score.score_changed`."""
    places = are_rows(sequences)
    outputs = [np.empty((len(of), len(sequences), forward.outputs)) for _, of in changes]
    values = np.zeros((sum(map(len, outputs)), *places.shape), np.float32)
    values[:, places] = np.concatenate([of for _, of in changes])
    each = [(slot, into) for (slot, _), of in zip(changes, outputs, strict=True) for into in of]

    def fill(block: np.ndarray, rows: np.ndarray) -> None:
        changed = forward.changed_histories(rows)
        for (slot, into), now in zip(each, values[:, block, : rows.shape[1]], strict=True):
            into[block] = changed(slot, now)

    _by_length(forward, sequences, fill, run)
    return outputs


def _by_length(
    forward: Forward,
    sequences: Sequences,
    fill: Callable[[np.ndarray, np.ndarray], None],
    run: Run,
) -> None:
    """Give `fill` the places of each block and its histories, (n, T, F)."""
    lengths = lengths_of(sequences)
    order = np.argsort(lengths, kind="stable")
    slots = len(forward.slots.places) * int(lengths.max(initial=1))

    def laid_out(block: slice) -> None:
        of = order[block]
        fill(of, dense(sequences, of)[:, : lengths[of].max()])

    run(laid_out, cut(slots, len(lengths)))
