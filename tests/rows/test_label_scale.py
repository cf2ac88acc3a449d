"""How a number is learned: which scale is chosen, why, and that nothing is lost on the way back."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.parameters.hyperparameters import ReshapingOptions, TrainingOptions
from tabular_lstm.rows.column_kinds import declared_by_dtype
from tabular_lstm.rows.label_scale import skew_of, with_scale
from tabular_lstm.rows.schema import Target
from tabular_lstm.rows.schema_fit import fit_schema
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.task import Task

ROWS = 1200


def values_of(rows: pd.DataFrame, noise: float = 0.5, unit: float = 1000.0) -> np.ndarray:
    """Amounts whose logarithm the columns tell, but for the noise."""
    drawn = np.random.default_rng(1).normal(size=len(rows))
    logarithm = rows["size"] + rows["age"] * (rows["kind"] == "b") + noise * drawn
    return (unit * np.exp(1.5 * logarithm)).to_numpy()


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Two numbers, one with gaps, a column without values and a category."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"size": rng.normal(size=ROWS), "age": rng.normal(size=ROWS)})
    rows["kind"] = pd.Categorical(rng.choice(["a", "b"], ROWS))
    return rows.assign(empty=np.nan, gaps=rows["size"].where(rng.random(ROWS) < 0.5))


def target_of(rows: pd.DataFrame, labels: np.ndarray, **training: Any) -> Target:
    schema = fit_schema(
        rows,
        declared_by_dtype(rows),
        reshaping=ReshapingOptions(),
        label="value",
        task=Task.of_number(),
        labels=labels,
    )
    options = TrainingOptions.model_validate(training)
    chosen = with_scale(
        schema, labels, options, lambda places: to_sequences(rows.iloc[places], schema)
    )
    assert chosen.target is not None
    return chosen.target


def test_a_skewed_label_is_learned_as_its_asinh_and_comes_back_as_it_was(
    table: pd.DataFrame,
) -> None:
    labels = values_of(table)
    target = target_of(table, labels)
    assert target.asinh == pytest.approx(np.quantile(labels, 0.02))
    assert target.scale.startswith("as asinh(value / ")
    assert "without, a clear improvement; it explains" in target.scale
    assert target.bounds == (labels.min(), labels.max())
    learned = target.learned(labels)
    assert abs(learned.mean()) < 0.1
    assert learned.std() == pytest.approx(1, abs=0.1)
    np.testing.assert_allclose(target.in_own_unit(learned), labels, rtol=1e-9)
    # However far a network is off, the prediction is one that was seen.
    ends = target.in_own_unit(np.array([-1e9, 1e9]))
    np.testing.assert_allclose(ends, [labels.min(), labels.max()])


def test_zeros_and_negative_labels_need_no_shift(table: pd.DataFrame) -> None:
    labels = np.where(table["age"] < 0, -1, 1) * values_of(table)
    labels[::3] = 0
    target = target_of(table, labels, label_scale="asinh")
    assert target.asinh == pytest.approx(np.quantile(np.abs(labels[labels != 0]), 0.02))
    np.testing.assert_allclose(target.in_own_unit(target.learned(labels)), labels, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows, labels: np.log(labels), "as it is: it is not skewed"),
        (lambda rows, labels: np.zeros(ROWS) + (np.arange(ROWS) < 9), "as it is: it is not skewed"),
        # Skewed, but nearly a function of the columns.
        (lambda rows, labels: np.exp(0.9 * rows["size"]).to_numpy(), " % of the variance"),
    ],
)
def test_what_asinh_does_not_help_is_learned_as_it_is(
    table: pd.DataFrame, change: Any, reason: str
) -> None:
    labels = change(table, values_of(table))
    target = target_of(table, labels)
    assert target.asinh is None
    assert target.scale.startswith("as it is: ")
    assert reason in target.scale
    plain = target_of(table, labels, label_scale="none")
    assert (plain.asinh, plain.scale) == (None, "as it is: training.label_scale says so")
    assert (target.mean, target.deviation) == (plain.mean, plain.deviation)
    np.testing.assert_array_equal(target.learned(labels), (labels - plain.mean) / plain.deviation)


def test_few_rows_and_rounding_errors_choose_no_scale(table: pd.DataFrame) -> None:
    few = target_of(table[:200], values_of(table)[:200])
    assert few.scale == "as it is: fewer than 300 rows are too few to choose a scale"
    labels = values_of(table).copy()
    labels[::3] = 1e-310
    assert target_of(table, labels, label_scale="asinh").asinh == 1e-9 * labels.max()


def test_a_label_is_skewed_if_its_largest_value_is_ten_times_the_median() -> None:
    labels = np.r_[np.full(299, 5.0), 50.0]
    assert skew_of(labels) == (5, 50)
    assert skew_of(-labels) == (5, 50)
    assert skew_of(np.r_[labels, np.zeros(5000)]) == (5, 50)
    assert skew_of(np.r_[labels[:-1], 49.0]) is None
    assert skew_of(labels[1:]) is None  # too few rows to choose by
    assert skew_of(np.zeros(500)) is None
