"""What is counted of rows is the same in whatever batches, and is what the reference counted."""

import itertools
import pickle

import numpy as np
import pytest

from tabular_lstm.monitoring.reference import Reference
from tabular_lstm.monitoring.watch import Watch
from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES
from tabular_lstm.rows.schema import Schema, parts_of
from tests.helpers.networks import schema_of, sequences_of

SCORES = {
    TWO_CLASSES: ["probability of 1"],
    CLASSES: ["probability of bus", "probability of car", "probability of van"],
    NUMBER: ["prediction"],
}
ROWS = 500


def predictions_of(task: str) -> np.ndarray:
    """Predictions by chance."""
    drawn = np.random.default_rng(1).random((ROWS, 3))
    return drawn[:, 0] if task == TWO_CLASSES else drawn


def watch_of(schema: Schema, sequences: np.ndarray, predictions: np.ndarray) -> Watch:
    """Watch by the reference of these rows, as it was written and read."""
    facts = {"candidate_sha256": "0", "rows": len(sequences), "quarantined_rows": 0}
    reference = Reference.of([sequences], predictions, schema, **facts)
    return Watch(Reference.model_validate_json(reference.model_dump_json()), schema)


@pytest.mark.parametrize("task", SCORES)
def test_the_rows_of_the_training_are_counted_as_in_the_reference(task: str) -> None:
    schema = schema_of(task=task, names=(2,))
    sequences, predictions = sequences_of(schema, ROWS, 0.1), predictions_of(task)
    watch = watch_of(schema, sequences, predictions)
    assert list(watch.profiles) == [*schema.features, *SCORES[task]]

    seen = watch.count(sequences, predictions)
    assert [tuple(counts) for counts in seen.counts] == [p.counts for p in watch.profiles.values()]
    for (known, total, squares), profile in zip(seen.moments, watch.profiles.values(), strict=True):
        if profile.kind != "category":
            assert known == ROWS - profile.counts[0]
            assert total == pytest.approx(0, abs=1e-3)
            assert squares == pytest.approx(known, rel=1e-3)

    # In batches, on workers; and none.
    sent = pickle.loads(pickle.dumps(watch))
    cuts = (0, 1, 200, ROWS)
    parts = [
        sent.count(sequences[start:end], predictions[start:end])
        for start, end in itertools.pairwise(cuts)
    ]
    together = sum(parts, watch.nothing)
    assert all(map(np.array_equal, together.counts, seen.counts))
    np.testing.assert_allclose(together.moments, seen.moments, rtol=1e-9, atol=1e-6)
    none = watch.count(sequences[:0], predictions[:0])
    assert all(map(np.array_equal, none.counts, watch.nothing.counts))


def test_a_column_of_dates_is_watched_by_its_day_and_a_score_has_no_name_of_a_column() -> None:
    schema = schema_of(6, 3, task=NUMBER).model_copy(
        update={"features": [*parts_of("seen"), "prediction"], "dates": {"seen": None}}
    )
    sequences, predictions = sequences_of(schema, ROWS), predictions_of(NUMBER)
    sequences[:, 0, 0] = np.arange(ROWS) + 20_000
    watch = watch_of(schema, sequences, predictions)
    assert list(watch.profiles) == ["seen", "prediction"]
    seen = watch.profiles["seen"]
    assert seen.kind == "date"
    assert (seen.edges[0], seen.edges[-1]) == (20_000, 20_500)
    assert watch.reference.scores == {}

    sequences[:, 0, 0] += 365
    later, _ = watch.count(sequences, predictions).counts
    assert later[-1] == 365
