"""Scoring in NumPy: the Keras forward pass, and a row's score whatever is beside it."""

import dataclasses
import os
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.network import score as score_module
from tabular_lstm.network.build import LSTMEnsemble
from tabular_lstm.network.forward import BLOCK
from tabular_lstm.network.outputs import Calibration, outputs_of
from tabular_lstm.network.score import FEW, FEW_VALUES, score, score_changed
from tabular_lstm.network.scorer import CLIP, Scorer, Slots
from tabular_lstm.parameters.hyperparameters import ReshapingOptions
from tabular_lstm.rows.column_kinds import Declaration
from tabular_lstm.rows.schema import HistoryLayout
from tabular_lstm.rows.schema_fit import fit_schema
from tabular_lstm.task import CLASSES, NUMBER, Task
from tests.helpers.networks import (
    LAYOUTS,
    MIXED,
    TASKS,
    ensemble_of,
    histories_at,
    id_of,
    schema_of,
    sequences_of,
    with_slot,
)


def with_large_weights(network: LSTMEnsemble, times: float) -> LSTMEnsemble:
    network.set_weights([times * weight for weight in network.get_weights()])
    return network


@pytest.mark.parametrize(("missing", "units"), [(0.0, [4]), (0.3, [3, 1, 2]), (1.0, [4, 3])])
@pytest.mark.parametrize("layout", LAYOUTS, ids=id_of)
def test_the_score_is_what_keras_computes(
    layout: dict[str, Any], units: list[int], missing: float
) -> None:
    schema = schema_of(**layout)
    network = with_large_weights(ensemble_of(schema, units=units, members=3), 2.0)
    network.calibration = Calibration(temperature=0.6)
    sequences = sequences_of(schema, rows=40, missing=missing)
    before = sequences.copy()
    probabilities = score(Scorer.of(network), sequences)
    assert probabilities.shape == (40, 2)
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities[:, 1:], network(sequences).numpy(), atol=1e-6)
    np.testing.assert_array_equal(sequences, before)
    if missing < 1:
        assert np.ptp(probabilities) > 0.005


@pytest.mark.parametrize("layout", TASKS, ids=id_of)
def test_classes_and_numbers_are_scored_as_keras_computes_them(layout: dict[str, Any]) -> None:
    schema = schema_of(**layout)
    network = with_large_weights(ensemble_of(schema, units=[3, 2], members=3), 2.0)
    network.calibration = Calibration(temperature=1.0 if schema.target else 0.6)
    sequences = sequences_of(schema, rows=FEW + 40, missing=0.2)
    computed = network(sequences).numpy().astype(float)
    for rows, many in ((40, None), (FEW + 40, False), (FEW + 40, True)):
        predicted = score(Scorer.of(network), sequences[:rows], many)
        assert predicted.dtype == np.float64
        if schema.target is None:
            assert predicted.shape == (rows, len(schema.classes or ()))
            np.testing.assert_allclose(predicted, computed[:rows], atol=1e-6)
            np.testing.assert_allclose(predicted.sum(1), 1, rtol=1e-12)
            continue
        # Of a number Keras gives quantiles, and `test_outputs` tells what they mean.
        for coverage in (0.9, 0.6):
            found = score(Scorer.of(network), sequences[:rows], many, coverage)
            given = computed[:rows], schema, network.calibration, coverage
            expected = outputs_of(schema.task).predictions(*given)
            np.testing.assert_allclose(found, expected, atol=2e-4)


ODD = [np.nan, 0.0, np.inf, -np.inf, 3.4e38, -3.4e38, 1e-45]


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_odd_values_are_scored_as_keras_does(scale: float) -> None:
    schema = schema_of(features=3, scale=scale)
    network, sequences = ensemble_of(schema), sequences_of(schema)
    for slot, value in product(range(4), ODD):
        odd = with_slot(sequences, *divmod(slot, 2), value)
        expected = network(odd).numpy()[:, 0]
        np.testing.assert_allclose(score(Scorer.of(network), odd)[:, 1], expected, atol=1e-6)


# The forms of a number

RNG = np.random.default_rng(0)
COLUMNS = {
    "half of them 0": np.append(np.zeros(500), RNG.lognormal(10, 2, 500)),
    "ties": RNG.poisson(2, 1000),
    "two values": np.arange(1000) % 2,
    "constant": np.full(1000, 7.0),
    "one value": [7.0],
    "none": np.full(1000, np.nan),
    "seconds": 1.7e9 + np.arange(1000) * 60,
    "small": RNG.normal(size=1000) * 1e-30,
    "large": RNG.normal(size=1000) * 1e29,
}


def slots_of(numbers: Any) -> Slots:
    """What a schema says that is learned of one column of numbers."""
    task = Task.of_classes(("no", "yes"))
    rows = pd.DataFrame({"a": np.asarray(numbers, float)})
    declared, reshaping = Declaration(), ReshapingOptions()
    return Slots.of(fit_schema(rows, declared, reshaping=reshaping, label="y", task=task))


@pytest.mark.parametrize("numbers", COLUMNS.values(), ids=COLUMNS)
def test_a_number_has_finite_forms_that_rise_unless_it_is_missing(numbers: Any) -> None:
    known = np.asarray(numbers, float)[~np.isnan(numbers)]
    asked = np.sort([*known, 0, *(sign * far for sign in (-1, 1) for far in (1, 1e9, 3e38))])
    forms = slots_of(numbers).number_forms(np.append(asked, np.nan)[None].astype(np.float32))[:, 0]
    assert np.isnan(forms[:, -1]).all()
    assert np.isfinite(forms[:, :-1]).all()
    assert (np.diff(forms[:, :-1]) >= 0).all()
    assert np.abs(forms[:, :-1]).max() <= CLIP


def test_small_numbers_among_millions_have_scores_that_lie_apart() -> None:
    slots = slots_of([0.0] * 300 + [10.0] * 300 + [*np.geomspace(1e3, 1e7, 400)])
    score, value = np.diff(slots.number_forms(np.array([[0, 10]], np.float32)))[:, 0, 0]
    assert value < 1e-4
    assert score > 1


# Many rows, and few

# What is promised of a row in any calls of few rows.
AMONG_FEW = 1e-7


@pytest.fixture(scope="module")
def many() -> tuple[LSTMEnsemble, np.ndarray, np.ndarray]:
    """An ensemble, few rows but more than a block, their scores."""
    schema = schema_of(**MIXED)
    network = ensemble_of(schema, members=3, units=[5, 3])
    sequences = sequences_of(schema, rows=BLOCK + 77, missing=0.1)
    return network, sequences, score(Scorer.of(network), sequences)


def test_a_row_has_the_same_score_among_any_rows_in_any_order(
    many: tuple[LSTMEnsemble, np.ndarray, np.ndarray],
) -> None:
    network, sequences, scores = many
    scorer, rows = Scorer.of(network), len(sequences)
    drawn = np.random.default_rng(1).integers(0, rows, 2 * BLOCK - 1)
    for chosen in (np.arange(rows)[::-1], drawn, np.arange(BLOCK + 1), np.repeat(5, 2 * BLOCK)):
        measured = score(scorer, sequences[chosen])
        np.testing.assert_allclose(measured, scores[chosen], rtol=0, atol=AMONG_FEW)


@pytest.mark.parametrize(
    ("given", "expected"), [(None, 7), ("", 7), ("3", 3), ("1", 1), ("0", 7), ("4,2", 7)]
)
def test_a_thread_a_core_computes_or_as_many_as_the_environment_says(
    many: tuple[LSTMEnsemble, np.ndarray, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    given: str | None,
    expected: int,
) -> None:
    """BLAS' own threads are held back meanwhile, and say nothing of that."""
    asked = []

    class Threads(ThreadPoolExecutor):
        def __init__(self, count: int) -> None:
            asked.append(count)
            super().__init__(count)

    monkeypatch.setattr(score_module, "ThreadPoolExecutor", Threads)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if given is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    network, sequences, _ = many
    scorer, few = Scorer.of(network), sequences[:40]
    score(scorer, sequences)
    list(score_changed(scorer, few, [(0, np.zeros((1, 40), np.float32))]))
    assert asked == [expected] * 2


# Rows with a slot changed


@pytest.mark.parametrize("units", [[4], [5, 3]], ids=str)
@pytest.mark.parametrize("rows", [30, FEW_VALUES // 8 + 1], ids=["few", "many"])
@pytest.mark.parametrize(
    "layout",
    [
        {"features": 5, "names": (1, 4)},
        {"features": 3, "names": (0, 1, 2)},
        {"features": 5, "task": CLASSES},
        {"features": 5, "task": NUMBER},
    ],
)
def test_rows_with_a_slot_changed_are_scored_as_if_they_always_were(
    layout: dict[str, Any], rows: int, units: list[int]
) -> None:
    schema = schema_of(**layout)
    network = with_large_weights(ensemble_of(schema, units=units, members=3), 2.0)
    sequences = sequences_of(schema, rows=rows, missing=0.2)
    before = sequences.copy()
    other = sequences_of(schema, rows=rows, missing=0.3).reshape(rows, -1)
    rng = np.random.default_rng(0)
    changes = [
        (slot, np.stack([rng.permutation(other[:, slot]) for _ in range(3)]))
        for slot in range(len(schema.features))
    ]
    for (slot, values), measured in zip(
        changes, score_changed(Scorer.of(network), sequences, changes), strict=True
    ):
        for one, scored in zip(values, measured, strict=True):
            changed = with_slot(sequences, *divmod(slot, schema.features_per_step), one)
            expected = score(Scorer.of(network), changed)
            np.testing.assert_allclose(scored, expected, atol=5e-6 if schema.target else 1e-6)
        assert np.ptp(measured, axis=0).max() > 1e-3
    np.testing.assert_array_equal(sequences, before)


@pytest.mark.parametrize("units", [[4], [5, 3]], ids=str)
def test_histories_with_a_slot_changed_are_scored_as_if_they_always_were(units: list[int]) -> None:
    """The values are those of all rows of the table, and a history may be a row."""
    layout = HistoryLayout(of="patient", order="day", steps=7, dates=True, gap="f4")
    schema = schema_of(features=5, features_per_step=5, names=(1, 3))
    schema = schema.model_copy(update={"history": layout})
    network = with_large_weights(ensemble_of(schema, units=units, members=3), 2.0)
    last = np.arange(0, 7 * 60, 7) + np.arange(60) % 7
    table = sequences_of(schema, rows=7 * 60, missing=0.2).reshape(7 * 60, 5)
    sequences = histories_at(table, np.arange(0, 7 * 60, 7), last, 7)
    rng = np.random.default_rng(0)
    changes = [
        (slot, np.stack([rng.permutation(table[:, slot]) for _ in range(2)])) for slot in range(5)
    ]
    measured = score_changed(Scorer.of(network), sequences, changes)
    for (slot, values), found in zip(changes, measured, strict=True):
        for one, scored in zip(values, found, strict=True):
            changed = table.copy()
            changed[:, slot] = one
            expected = score(Scorer.of(network), dataclasses.replace(sequences, table=changed))
            np.testing.assert_allclose(scored, expected, atol=1e-6)
        assert np.ptp(found, axis=0).max() > 1e-3


def test_a_long_table_is_prepared_without_a_further_copy() -> None:
    slots = Slots.of(schema_of(features=8))
    table = np.zeros((200_000, 8), np.float32)
    tracemalloc.start()
    size = slots.prepared(table).nbytes
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size <= peak < 1.5 * size
