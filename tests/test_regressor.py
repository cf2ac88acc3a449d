"""The estimator of numbers: scikit-learn's own checks, intervals, and one file to keep."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.estimator import LSTMClassifier, LSTMRegressor
from tabular_lstm.task import NUMBER
from tests.helpers.estimators import QUICKEST, same_bits, with_all_checks
from tests.helpers.project import ROOT


def tiny(**changed: Any) -> LSTMRegressor:
    """Make an estimator that trains in half a second, most of it TensorFlow's tracing."""
    settings = {"members": 2, "units": (4,), "epochs": 60, "patience": 60, "learning_rate": 0.015}
    return LSTMRegressor(**(settings | {"random_state": 0} | changed))


def houses(count: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Make rows of numbers and names, and prices, which vary more where the house is large."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {"size": rng.uniform(20, 200, count), "place": rng.choice(["city", "lake"], count)}
    )
    noise = rng.normal(0, 0.2, count) * rows["size"]
    prices = 1000 * (rows["size"] + np.where(rows["place"] == "lake", 60, 0) + noise)
    rows.loc[::17, "place"] = None
    return rows, prices.to_numpy()


ROWS, PRICES = houses(300)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.INFO)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def fitted() -> LSTMRegressor:
    return tiny().fit(ROWS, PRICES)


# In scikit-learn's hands


@pytest.mark.long
@pytest.mark.no_cover  # some sixty trainings, which take half as long so
@with_all_checks(tiny(**QUICKEST))
def test_scikit_learn_finds_nothing_amiss(
    estimator: LSTMRegressor, check: Callable[[Any], None]
) -> None:
    check(estimator)


# Numbers and intervals


def test_predictions_are_in_the_unit_of_the_label(fitted: LSTMRegressor) -> None:
    rows, prices = houses(400, seed=1)
    predicted = fitted.predict(rows)
    assert predicted.shape == (400,)
    assert fitted.score(rows, prices) > 0.6
    # Another unit is another scale, and nothing else.
    other = tiny().fit(ROWS, PRICES / 1000 - 40)
    np.testing.assert_allclose(1000 * (other.predict(rows) + 40), predicted, rtol=0.02)


def test_intervals_hold_their_rate_and_are_wide_where_numbers_vary(fitted: LSTMRegressor) -> None:
    rows, prices = houses(1000, seed=2)
    widths = []
    for coverage in (0.5, 0.8, 0.95):
        lower, upper = fitted.predict_interval(rows, coverage=coverage).T
        assert np.mean((lower <= prices) & (prices <= upper)) == pytest.approx(coverage, abs=0.08)
        widths.append(upper - lower)
    assert (widths[0] < widths[1]).all()
    assert (widths[1] < widths[2]).all()
    large = rows["size"] > 150
    assert widths[1][large].mean() > 1.5 * widths[1][rows["size"] < 60].mean()
    declared = fitted.predict_interval(rows)
    assert same_bits(declared, fitted.predict_interval(rows, coverage=0.9))
    for coverage in (0.4, 1.0):
        with pytest.raises(ValueError, match=r"Expected a coverage from 0\.5 to 0\.99"):
            fitted.predict_interval(rows, coverage=coverage)


def test_rows_of_weight_0_are_as_if_they_were_not_there() -> None:
    weights = np.random.default_rng(0).integers(0, 3, len(ROWS))
    there = weights > 0
    prices = np.where(there, PRICES, 1e12)
    groups = np.arange(len(ROWS)) % 50
    few = {"epochs": 3, "members": 1}
    model = tiny(**few).fit(ROWS, prices, weights, groups)
    expected = tiny(**few).fit(ROWS[there], PRICES[there], weights[there], groups[there])
    assert same_bits(model.predict(ROWS), expected.predict(ROWS))


# Labels


def test_numbers_are_numbers_whatever_holds_them() -> None:
    for given in (PRICES, PRICES.astype(object), pd.Series(PRICES, dtype="Float64")):
        task, labels = tiny()._labels(tiny()._fitted_rows(ROWS, given)[1])
        assert task.kind == NUMBER
        assert labels.dtype == PRICES.dtype
        assert same_bits(labels, PRICES)


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        (["dear", "cheap"] * 150, "could not convert string to float"),
        (np.where(PRICES > 1e5, np.nan, PRICES), "NaN"),
        (np.where(PRICES > 1e5, np.inf, PRICES), "infinity"),
        (PRICES * 1e35, "Expected labels that fit float32, got one of"),
        (PRICES[1:], "inconsistent numbers of samples"),
        (PRICES * 1e-305, "too little to learn from: multiply them"),
        (pd.date_range("2020", periods=300), "calls these values 'datetime'"),
        (pd.Series(pd.to_timedelta(range(300), "D")), "calls these values 'timedelta'"),
        (pd.Series(pd.date_range("2020", periods=300)).astype(object), "values 'datetime'"),
    ],
)
def test_labels_that_are_no_numbers_are_refused(labels: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        tiny().fit(ROWS, labels)


def test_a_constant_and_two_rows_are_learned_and_one_row_is_refused() -> None:
    few = {"epochs": 2, "members": 1}
    constant = tiny(**few).fit(ROWS, np.full(len(ROWS), 7.0))
    np.testing.assert_allclose(constant.predict(ROWS), 7, atol=1)
    assert np.isfinite(tiny(**few).fit(ROWS[:2], PRICES[:2]).predict_interval(ROWS)).all()
    for rows, weights in ((ROWS[:1], None), (ROWS[:2], [0, 1])):
        with pytest.raises(ValueError, match="Expected 2 rows or more, got n_samples=1"):
            tiny().fit(rows, PRICES[: len(rows)], weights)


# One file


def test_a_file_gives_all_back_to_the_bit(fitted: LSTMRegressor, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model.keras")
    loaded = LSTMRegressor.load(tmp_path / "model.keras")
    assert same_bits(loaded.predict(ROWS), fitted.predict(ROWS))
    for coverage in (None, 0.6):
        expected = fitted.predict_interval(ROWS, coverage)
        assert same_bits(loaded.predict_interval(ROWS, coverage), expected)
    chosen = fitted.get_params() | {"frequency_scale": (0.1, 1.0), "feature_dropout": (0.0, 0.2)}
    assert loaded.get_params().keys() == chosen.keys()
    assert loaded.get_params()["epochs"] == 60
    with pytest.raises(ValueError, match="LSTMClassifier: expected a network for two classes or"):
        LSTMClassifier.load(tmp_path / "model.keras")


def test_a_median_on_a_scale_of_its_own_is_learned_and_loaded(tmp_path: Path) -> None:
    chosen = {"objective": "median", "label_scale": "asinh", "epochs": 20}
    model = tiny(**chosen).fit(ROWS, np.exp(PRICES / 3e4))
    target = model.network_.schema.target
    assert (target.median, target.asinh > 0) == (True, True)
    model.save(tmp_path / "model.keras")
    loaded = LSTMRegressor.load(tmp_path / "model.keras")
    assert loaded.get_params().items() >= chosen.items()
    assert same_bits(loaded.predict(ROWS), model.predict(ROWS))
    with pytest.raises(ValueError, match="objective"):
        tiny(objective="f1").fit(ROWS, PRICES)


def test_a_network_of_classes_is_no_regressor() -> None:
    """Such as a champion that the last release left."""
    path = next((ROOT / "tests/releases").glob("*/data/rolled_back/06_models/*/*/candidate.keras"))
    with pytest.raises(ValueError, match="expected a network for number, got two classes"):
        LSTMRegressor.load(path)
