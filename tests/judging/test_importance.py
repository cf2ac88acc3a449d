"""Permutation importance of models whose use of each feature is known."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm import judging
from tabular_lstm.judging.comparison import ZERO_AND_ONE
from tabular_lstm.judging.importance import (
    Importance,
    Lost,
    partial_dependence,
    permutation_importance,
)
from tabular_lstm.metrics import Labels
from tabular_lstm.parameters.hyperparameters import ReshapingOptions
from tabular_lstm.rows.column_kinds import Declaration
from tabular_lstm.rows.histories import Histories, Sequences, table_of
from tabular_lstm.rows.schema_fit import fit_schema
from tabular_lstm.rows.sequences import slots_of
from tabular_lstm.task import Task
from tests.helpers.judged import both, schema_of

NOTHING = Lost(mean=0.0, std=0.0)


def importance(
    skill: list[float],
    weights: np.ndarray | None = None,
    features: dict[str, list[int]] | None = None,
) -> Importance:
    """Importances for a model that adds up its slots by these weights."""
    sequences = np.random.default_rng(0).normal(size=(200, 2, 2)).astype(np.float32)
    sequences[:, 0, 1] = sequences[:, 0, 0]

    def predict(sequences: np.ndarray) -> np.ndarray:
        return both(1 / (1 + np.exp(-sequences.reshape(len(sequences), -1) @ skill)))

    def predict_changed(
        sequences: np.ndarray, changes: Iterable[tuple[int, np.ndarray]]
    ) -> Iterator[np.ndarray]:
        for slot, values in changes:
            changed = np.tile(sequences.reshape(len(sequences), -1), (len(values), 1))
            changed[:, slot] = values.ravel()
            yield predict(changed).reshape(*values.shape, 2)

    return permutation_importance(
        predict_changed=predict_changed,
        sequences=sequences,
        measured_on=Labels(predict(sequences).argmax(axis=1), weights),
        task=ZERO_AND_ONE,
        features=features or {"a": [0], "b": [1], "c": [2], "d": [3]},
        shuffles=5,
        seed=0,
    )


def test_only_the_informative_feature_has_importance_and_rows_count_by_their_weights() -> None:
    measured = importance([0.0, 0.0, 3.0, 0.0])
    assert next(iter(measured.features)) == "c"
    # The labels are the model's own, so shuffling takes all of the AUC of 1 but chance's 0.5.
    assert measured.features["c"].mean == pytest.approx(0.5, abs=0.1)
    assert measured.features["c"].std > 0
    assert all(measured.features[feature] == NOTHING for feature in "abd")
    slots = [1.0, 2.0, 3.0, 4.0]
    assert importance(slots, weights=np.ones(200)) == importance(slots)
    assert importance(slots, weights=np.arange(1.0, 201)) != importance(slots)


def test_slots_of_one_feature_are_shuffled_together() -> None:
    """What the two say, their difference, is lost by shuffling one of them, and not by both."""
    skill = [5.0, -5.0, 1.0, 0.0]
    assert importance(skill).features["a"].mean > 0.1
    measured = importance(skill, features={"date": [0, 1], "c": [2], "d": [3]})
    assert [*measured.features] == ["c", "date", "d"]
    assert measured.features["date"] == NOTHING
    assert measured.features["c"].mean == pytest.approx(0.5, abs=0.1)


# Partial dependence


def changed_rows(
    sequences: Sequences, changes: Iterable[tuple[int, np.ndarray]]
) -> Iterator[np.ndarray]:
    """Give the table of each change, (changes, rows of the table, slots)."""
    table = table_of(sequences)
    for slot, values in changes:
        changed = np.repeat(table[None], len(values), axis=0)
        changed[..., slot] = values
        yield changed


def changed_sum(*arguments: Any) -> Iterator[np.ndarray]:
    for changed in changed_rows(*arguments):
        yield both(np.nansum(changed, axis=2))


def test_the_mean_prediction_follows_each_value_and_its_spread_is_that_of_the_rows() -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"a": rng.normal(size=99).round(2), "b": rng.choice(["x", "y", "z"], 99)})
    rows["seen"] = pd.date_range("2026-01-01", periods=99, unit="us")
    rows.loc[:2, "a"] = np.nan
    rows["empty"] = np.nan
    schema = fit_schema(
        rows,
        Declaration(["b"], {"seen": None}),
        reshaping=ReshapingOptions(allow_padding=True),
        label="y",
        task=Task(kind="number"),
        labels=np.arange(99.0),
    )
    sequences, _ = slots_of(rows, schema)

    def predict(*arguments: Any) -> Iterator[np.ndarray]:
        for changed in changed_rows(*arguments):
            total = np.nansum(changed[..., :3].astype(float), axis=2)  # a, b's place, the day
            yield np.stack([total, total - 9, total + 9], axis=2)

    a, b, seen, empty = (
        partial_dependence(predict, sequences, schema, name) for name in schema.slots
    )
    assert empty is None
    assert a is not None and b is not None and seen is not None  # noqa: PT018
    days, places = np.arange(99) + 20454.0, rows["b"].map({"x": 0, "y": 1, "z": 2})
    assert a.values == sorted(a.values)
    assert len(a.values) == 11
    for curve, others in ((a, places + days), (b, rows["a"].fillna(0) + days)):
        curves = curve.values, curve.mean, curve.low, curve.high
        for value, mean, low, high in zip(*curves, strict=True):
            number = value if isinstance(value, float) else "xyz".index(value)
            assert mean == pytest.approx(others.mean() + number)
            ends = np.quantile(others, [0.1, 0.9]) + number
            assert (low, high) == pytest.approx(tuple(ends))
    assert [*b.values] == [*rows["b"].value_counts().index]
    # The parts of a date change together, and are those of a row.
    assert seen.values[0] == "2026-01-06"
    assert seen.values[-1] == "2026-04-04"
    assert seen.mean[-1] - seen.mean[0] == pytest.approx(88)


def test_mostly_zeros_and_times_of_one_day_have_several_points() -> None:
    values = np.zeros(200, np.float32)
    values[:10] = np.arange(1, 11)
    curve = partial_dependence(changed_sum, values.reshape(200, 1, 1), schema_of(1), "a")
    assert curve is not None
    assert len(curve.values) > 5
    rows = pd.DataFrame({"seen": pd.date_range("2026-05-05 01:30", periods=23, freq="h")})
    schema = fit_schema(
        rows,
        Declaration(dates={"seen": None}),
        reshaping=ReshapingOptions(allow_padding=True),
        label="y",
        task=Task.of_classes(("no", "yes")),
    )
    sequences, _ = slots_of(rows, schema)
    hours = partial_dependence(changed_sum, sequences, schema, "seen")
    assert hours is not None
    assert hours.values[0] == "2026-05-05T02"
    assert len({*hours.values}) == 11


def test_in_histories_only_the_row_itself_gets_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    count = np.arange(8)
    histories = Histories(
        table=(count[:, None] ** 2).astype(np.float32),
        first=np.array([0, 4]),
        last=np.array([3, 7]),
        own=np.array([3, 7]),
        known=np.array([0, 4]),
        order=count,
        customer=count // 4,
        time=count * 1.0,
        steps=4,
    )

    def predict(sequences: Any, changes: Any) -> Iterator[np.ndarray]:
        for changed in changed_rows(sequences, changes):
            own, second = changed[:, sequences.own, 0], changed[:, sequences.first + 1, 0]
            yield both(100 * own + second)

    curve = partial_dependence(predict, histories, schema_of(1), "a")
    assert curve is not None
    assert curve.values == [9.0, 49.0]
    assert curve.mean == [900 + (1 + 25) / 2, 4900 + (1 + 25) / 2]
    # Of histories that are too long together, the first ones are predicted.
    for copied, values in ((4, [9.0]), (5, [9.0, 49.0])):
        monkeypatch.setattr(judging.importance, "COPIED", copied)
        curve = partial_dependence(predict, histories, schema_of(1), "a")
        assert curve is not None
        assert curve.values == values


def test_of_more_classes_the_one_that_depends_most_is_shown() -> None:
    classes = {"positive_class": None, "negative_class": None, "classes": ("a", "b", "c")}
    schema = schema_of(1).model_copy(update=classes)

    def predict(*arguments: Any) -> Iterator[np.ndarray]:
        for changed in changed_rows(*arguments):
            yield changed[..., 0, None] * np.array([0.1, -0.3, 0.2]) + 1 / 3

    sequences = np.array([0, 0.5, 1], np.float32).reshape(3, 1, 1)
    curve = partial_dependence(predict, sequences, schema, "a")
    assert curve is not None
    assert curve.class_name == "b"
    assert curve.mean == pytest.approx([1 / 3, 1 / 3 - 0.15, 1 / 3 - 0.3])
