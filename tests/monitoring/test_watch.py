"""What is counted of rows is the same in whatever batches, and is what the reference counted."""

import itertools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.monitoring.drift import Drift, compare
from tabular_lstm.monitoring.reference import Reference, Watch
from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES, Monitoring
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


def test_a_column_of_dates_is_watched_by_its_day_and_a_score_whatever_columns_are_called() -> None:
    schema = schema_of(6, 3, task=NUMBER).model_copy(
        update={"features": [*parts_of("seen"), "prediction"], "dates": {"seen": None}}
    )
    sequences, predictions = sequences_of(schema, ROWS), predictions_of(NUMBER)
    sequences[:, 0, 0] = np.arange(ROWS) + 20_000
    watch = watch_of(schema, sequences, predictions)
    assert list(watch.profiles) == ["seen", "prediction", "the prediction"]
    seen = watch.profiles["seen"]
    assert seen.kind == "date"
    assert (seen.edges[0], seen.edges[-1]) == (20_000, 20_500)
    assert [*watch.reference.scores] == ["the prediction"]

    sequences[:, 0, 0] += 365
    later, *_ = watch.count(sequences, predictions).counts
    assert later[-1] == 365


def without(facts: dict[str, Any], part: str) -> None:
    facts[part].pop(next(iter(facts[part])))


def other_order(facts: dict[str, Any], part: str) -> None:
    facts[part] = dict(reversed(facts[part].items()))


def other_name(facts: dict[str, Any], part: str) -> None:
    facts[part] = {f"{name}?": one for name, one in facts[part].items()}


def numbers_alone(facts: dict[str, Any], part: str) -> None:
    facts[part] = dict.fromkeys(facts[part], next(iter(facts[part].values())))


def fewer_rows(facts: dict[str, Any], part: str) -> None:
    last = [*facts[part].values()][-1]
    last["counts"] = [count // 2 for count in last["counts"]]


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (without, "features"),
        (without, "scores"),
        (other_order, "features"),
        (other_name, "features"),
        (other_name, "scores"),
        (numbers_alone, "features"),
        (fewer_rows, "features"),
    ],
)
def test_a_reference_of_other_columns_is_refused(
    damage: Callable[[dict[str, Any], str], None], part: str
) -> None:
    schema = schema_of(task=CLASSES, names=(2,))
    sequences, predictions = sequences_of(schema, ROWS, 0.1), predictions_of(CLASSES)
    facts = watch_of(schema, sequences, predictions).reference.model_dump()
    damage(facts, part)
    with pytest.raises(DataError, match=r"reference.json has another '.+' than the champion"):
        Watch(Reference.model_validate(facts), schema)


def test_scores_and_the_quarantine_raise_an_alarm_whatever_columns_are_called() -> None:
    names = ["probability of 1", "quarantined rows", "the quarantined rows"]
    schema = schema_of(3, 3).model_copy(update={"features": names})
    sequences, predictions = sequences_of(schema, ROWS), predictions_of(TWO_CLASSES)
    watch = watch_of(schema, sequences, predictions)

    seen = watch.count(sequences, predictions / 9)
    drift = compare(watch, seen, "run", "champion", Monitoring(ignore=names), ROWS)

    assert drift.features == {}
    assert {*drift.moved} == {"the probability of 1", "quarantined rows"}
    drift = compare(watch, seen, "run", "champion", Monitoring(), ROWS)
    assert {*drift.features} == {*names}
    assert {*drift.moved} == {"the probability of 1", "the the quarantined rows"}


def test_the_lowest_rate_has_few_enough_resamples() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        Monitoring(false_alarms=1e-9)


def drift_of_codes(trained: np.ndarray, others: np.ndarray, new: np.ndarray) -> Drift:
    """Compare new rows of one categorical column, whose schema knows the train rows alone."""
    known = np.unique(trained)
    schema = schema_of(1, 1, task=NUMBER).model_copy(
        update={"features": ["city"], "categories": {"city": [f"c{code:03}" for code in known]}}
    )

    def sequences(codes: np.ndarray) -> np.ndarray:
        places = np.where(np.isin(codes, known), np.searchsorted(known, codes), len(known))
        return places.astype(np.float32).reshape(-1, 1, 1)

    facts = {"candidate_sha256": "0", "rows": 9, "quarantined_rows": 0}
    sides, scores = [sequences(trained), sequences(others)], np.zeros((len(new), 3))
    reference = Reference.of(sides, scores, schema, **facts)
    watch = Watch(reference, schema)
    seen = watch.count(sequences(new), scores)
    return compare(watch, seen, "run", "champion", Monitoring(false_alarms=0.1), 0)


@pytest.mark.long
def test_many_categories_raise_no_alarm_until_a_rare_one_becomes_common() -> None:
    alarms, runs = 0, 0
    for seed, (many, zipf) in enumerate(itertools.product((60, 100, 200, 500), (False, True))):
        rows = 600 if many // 100 % 2 == zipf else 3200
        drawn = np.random.default_rng(seed)
        shares = 1 / np.arange(1, many + 1) if zipf else np.ones(many)

        def draw(count: int, shares: np.ndarray = shares, by: Any = drawn) -> np.ndarray:
            return by.choice(len(shares), count, p=shares / shares.sum())

        each = []
        for _ in range(4):
            trained, others, new = draw(rows), draw(rows // 4), draw(1000)
            each.append(drift_of_codes(trained, others, new).alarm is not None)
        assert sum(each) <= 3, (many, zipf, rows)
        alarms, runs = alarms + sum(each), runs + len(each)

        assert drift_of_codes(trained, others, np.append(trained, others)).alarm is None
        codes, counts = np.unique(trained, return_counts=True)
        rare = codes[counts.argmin()]
        new[:100] = rare
        moved = drift_of_codes(trained, others, new).features["city"]
        assert moved.moved
        if many < 500:
            assert f"are 'c{rare:03}', were" in moved.sentence

    # One of ten, and of such a binomial number 1 of 1,000 is above.
    assert runs == 32
    assert alarms <= 9
