"""Metrics against hand and scikit-learn, and bootstrap intervals."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn import metrics as sk

from tabular_lstm.judging import metrics
from tabular_lstm.judging.intervals import bootstrap, interval
from tabular_lstm.judging.metrics import ConfusionMatrix, Metrics, calibration_bins, point_metrics

LABELS = np.array([0, 0, 1, 1, 1])
PROBABILITIES = np.array([0.1, 0.6, 0.4, 0.5, 0.9])
THRESHOLD = {"one": 0.5}


def noisy(rows: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and probabilities that say something about them."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=rows)
    return labels, np.clip(0.3 + 0.4 * labels + rng.normal(0, 0.25, rows), 0.01, 0.99)


def counts_of(measured: Metrics) -> list[int]:
    """The confusion matrix, row by row."""
    return list(measured.confusion_matrix.model_dump().values())


# Points


def test_point_metrics_by_hand() -> None:
    measured = point_metrics(LABELS, PROBABILITIES, 0.5)
    # Of the six pairs of a positive and a negative, 0.4 and 0.5 rank below 0.6.
    assert measured.roc_auc == pytest.approx(4 / 6)
    assert measured.accuracy == pytest.approx(3 / 5)
    # Positives found at ranks 1, 3 and 4.
    assert measured.average_precision == pytest.approx((1 / 1 + 2 / 3 + 3 / 4) / 3)
    assert measured.log_loss == pytest.approx(-np.log([0.9, 0.4, 0.4, 0.5, 0.9]).mean())
    assert measured.brier_score == pytest.approx((0.01 + 0.36 + 0.36 + 0.25 + 0.01) / 5)
    # Every row is alone in its bin.
    assert measured.expected_calibration_error == pytest.approx((0.1 + 0.6 + 0.6 + 0.5 + 0.1) / 5)
    assert measured.confusion_matrix == ConfusionMatrix(
        true_negatives=1, false_positives=1, false_negatives=1, true_positives=2
    )
    assert measured.decision_threshold == 0.5


def test_point_metrics_agree_with_scikit_learn() -> None:
    labels, probabilities = noisy()
    measured = point_metrics(labels, probabilities, 0.4)
    decided = probabilities >= 0.4
    assert measured.accuracy == pytest.approx(sk.accuracy_score(labels, decided))
    assert measured.brier_score == pytest.approx(sk.brier_score_loss(labels, probabilities))
    assert measured.log_loss == pytest.approx(sk.log_loss(labels, probabilities))
    assert measured.roc_auc == pytest.approx(sk.roc_auc_score(labels, probabilities))
    assert counts_of(measured) == [*sk.confusion_matrix(labels, decided).ravel()]


@pytest.mark.parametrize(
    ("threshold", "positives"), [(0.1, 5), (0.5, 3), (0.51, 2), (0.6, 2), (0.95, 0)]
)
def test_a_row_on_the_threshold_is_positive(threshold: float, positives: int) -> None:
    matrix = point_metrics(LABELS, PROBABILITIES, threshold).confusion_matrix
    assert matrix.false_positives + matrix.true_positives == positives


def test_confusion_matrix_has_four_counts_when_one_class_is_decided() -> None:
    assert counts_of(point_metrics(LABELS, np.full(5, 0.2), 0.5)) == [2, 0, 3, 0]


def test_point_metrics_are_plain_json() -> None:
    written = point_metrics(LABELS, PROBABILITIES, 0.5).model_dump(mode="json")
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    assert {type(value) for value in written.values()} == {float, dict}
    assert {type(count) for count in written["confusion_matrix"].values()} == {int}


def test_metrics_come_back_from_json_as_they_were() -> None:
    measured = point_metrics(LABELS, PROBABILITIES, 0.5)
    with_intervals = measured.model_copy(
        update={"interval": {"roc_auc": (0.1 + 0.2, 1.0), "log_loss": (1 / 3, np.inf)}}
    )
    for judged in (measured, with_intervals):
        text = json.dumps(judged.model_dump(mode="json"))
        assert Metrics.model_validate(json.loads(text)) == judged
        assert Metrics.model_validate_json(judged.model_dump_json()) == judged


def test_what_is_no_number_comes_back_from_json_as_no_number() -> None:
    """Of a resample with one class alone, or of rows without a second class."""
    unknown = point_metrics(LABELS, PROBABILITIES, 0.5).model_copy(
        update={"roc_auc": np.nan, "interval": {"roc_auc": (np.nan, np.nan)}}
    )
    for back in (
        Metrics.model_validate(json.loads(json.dumps(unknown.model_dump(mode="json")))),
        Metrics.model_validate_json(unknown.model_dump_json()),
    ):
        assert np.isnan([back.roc_auc, *back.interval["roc_auc"]]).all()
        assert back.log_loss == unknown.log_loss


def test_metrics_cannot_be_changed_and_know_their_fields() -> None:
    measured = point_metrics(LABELS, PROBABILITIES, 0.5)
    for value, field in ((measured, "roc_auc"), (measured.confusion_matrix, "true_positives")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(value, field, 1)
    with pytest.raises(ValidationError, match="auc_roc"):
        Metrics.model_validate({**measured.model_dump(), "auc_roc": 0.5})
    with pytest.raises(ValidationError, match="log_loss"):
        Metrics.model_validate(measured.model_dump(exclude={"log_loss"}))


# Calibration


# Other metrics need both classes.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.filterwarnings("ignore:No positive class found")
@pytest.mark.parametrize(
    ("labels", "probabilities", "error"),
    [
        ([1], [1.0], 0.0),
        ([0], [1.0], 1.0),
        ([0, 1], [0.0, 1.0], 0.0),
        ([0, 1, 1, 1], [0.75, 0.75, 0.75, 0.75], 0.0),
        ([0, 0, 1, 1], [0.75, 0.75, 0.75, 0.75], 0.25),
        # 0.95 and 1.0 share the last bin: mean 0.975, half of its rows positive.
        ([1, 0], [0.95, 1.0], 0.475),
        # A bin of three rows, off by 0.36 - 1 / 3, and one of a single row, off by 0.9.
        ([0, 0, 1, 1], [0.34, 0.36, 0.38, 0.1], (3 * (0.36 - 1 / 3) + 0.9) / 4),
    ],
)
def test_calibration_error_by_hand(
    labels: list[int], probabilities: list[float], error: float
) -> None:
    measured = point_metrics(np.array(labels), np.array(probabilities), 0.5)
    assert measured.expected_calibration_error == pytest.approx(error)


def test_calibration_bins_leave_empty_bins_out() -> None:
    rows, predicted, observed = calibration_bins(np.array([0, 1, 1]), np.array([0.02, 0.04, 1.0]))
    assert rows.tolist() == [2, 1]
    assert predicted == pytest.approx([0.03, 1.0])
    assert observed == pytest.approx([0.5, 1.0])


# Bootstrap


@pytest.fixture(params=["rows", "groups of rows"])
def _drawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw what is drawn of few rows, and of many."""
    if request.param != "rows":
        monkeypatch.setattr(metrics, "SETS", 45)


@st.composite
def weighted_rows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels of both classes, probabilities with many ties, and how often each row is drawn."""
    count = draw(st.integers(2, 12))
    cells = st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.2, 0.5, 0.5001, 1.0]))
    rows = draw(st.lists(cells, min_size=count, max_size=count))
    counts = draw(st.lists(st.integers(0, 4), min_size=count, max_size=count))
    labels, probabilities = (np.array(column) for column in zip(*rows, strict=True))
    return labels, probabilities, np.array(counts)


@given(weighted_rows())
def test_weighted_auc_is_that_of_scikit_learn(
    drawn: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    labels, probabilities, counts = drawn
    measured = metrics.weighted_auc(labels, probabilities, counts[None, :])
    if len(set(labels[counts > 0])) == 2:
        expected = sk.roc_auc_score(labels, probabilities, sample_weight=counts)
        assert measured == pytest.approx([expected])
    else:
        assert np.isnan(measured).all()


def test_each_row_of_counts_has_its_own_auc() -> None:
    counts = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 0], [0, 2, 1, 0, 1], [1, 1, 0, 0, 0]])
    measured = metrics.weighted_auc(LABELS, PROBABILITIES, counts)
    np.testing.assert_allclose(measured, [4 / 6, 1.0, 0.5, np.nan])


@pytest.mark.usefixtures("_drawn")
@pytest.mark.parametrize("seed", range(3))
def test_intervals_hold_the_point(seed: int) -> None:
    labels, probabilities = noisy(seed=seed)
    resampled = bootstrap(labels, {"one": probabilities}, THRESHOLD, 500, 0)["one"]
    measured = point_metrics(labels, probabilities, 0.5)
    assert set(resampled) == {"accuracy", "roc_auc", "log_loss"}
    for metric, values in resampled.items():
        assert values.shape == (500,)
        low, high = interval(values)
        assert low < getattr(measured, metric) < high
        assert np.mean(values) == pytest.approx(getattr(measured, metric), abs=0.02)


def test_more_rows_narrow_the_interval() -> None:
    widths = []
    for rows in (50, 800):
        labels, probabilities = noisy(rows)
        resampled = bootstrap(labels, {"one": probabilities}, THRESHOLD, 300, 0)["one"]
        low, high = interval(resampled["roc_auc"])
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


@pytest.mark.parametrize("wrong", [0.0, 1e-9, 0.4])
def test_resamples_cost_a_sure_mistake_as_the_point_does(wrong: float) -> None:
    labels = np.array([0, 1] * 10)
    probabilities = np.where(labels == 1, wrong, 1 - wrong)
    measured = point_metrics(labels, probabilities, 0.5)
    resampled = bootstrap(labels, {"one": probabilities}, THRESHOLD, 100, 0)["one"]
    np.testing.assert_allclose(resampled["log_loss"], measured.log_loss, rtol=1e-6)


@pytest.mark.usefixtures("_drawn")
def test_seed_decides_the_resamples() -> None:
    labels, probabilities = noisy()
    once, again, other = (
        bootstrap(labels, {"one": probabilities}, THRESHOLD, 100, seed)["one"] for seed in (3, 3, 4)
    )
    for metric, values in once.items():
        np.testing.assert_array_equal(values, again[metric])
        assert (values != other[metric]).any()


@pytest.mark.usefixtures("_drawn")
def test_models_are_measured_on_the_same_resamples() -> None:
    labels, probabilities = noisy()
    models = {"one": probabilities, "other": 1 - probabilities, "same": probabilities.copy()}
    resampled = bootstrap(labels, models, dict.fromkeys(models, 0.5), 100, 0)
    assert set(resampled) == set(models)
    for metric, values in resampled["one"].items():
        assert interval(values - resampled["same"][metric]) == (0.0, 0.0)
    # Of a reversed ranking the AUC is 1 - AUC in every resample, not just on average.
    np.testing.assert_allclose(
        resampled["other"]["roc_auc"], 1 - resampled["one"]["roc_auc"], atol=1e-12
    )


@pytest.mark.usefixtures("_drawn")
def test_each_model_is_decided_at_its_own_threshold() -> None:
    labels, probabilities = noisy()
    thresholds = {"low": 0.2, "high": 0.7, "none": 1.1, "all": 0.0}
    resampled = bootstrap(labels, dict.fromkeys(thresholds, probabilities), thresholds, 400, 0)
    for name, threshold in thresholds.items():
        expected = point_metrics(labels, probabilities, threshold).accuracy
        assert resampled[name]["accuracy"].mean() == pytest.approx(expected, abs=0.01)
        np.testing.assert_array_equal(resampled[name]["roc_auc"], resampled["low"]["roc_auc"])
        np.testing.assert_array_equal(resampled[name]["log_loss"], resampled["low"]["log_loss"])
    # Of the two that call all rows alike, one is right exactly where the other is wrong.
    np.testing.assert_allclose(resampled["none"]["accuracy"] + resampled["all"]["accuracy"], 1)


def test_a_resample_counts_a_row_on_the_threshold_as_positive() -> None:
    resampled = bootstrap(np.array([0, 1]), {"one": np.array([0.2, 0.5])}, THRESHOLD, 100, 0)
    assert set(resampled["one"]["accuracy"]) == {1.0}


def test_a_resample_of_one_class_has_no_auc() -> None:
    labels, probabilities = np.array([0, 0, 0, 1]), np.array([0.2, 0.6, 0.3, 0.5])
    resampled = bootstrap(labels, {"one": probabilities}, THRESHOLD, 300, 0)["one"]
    without = np.isnan(resampled["roc_auc"])
    # A resample lacks the one positive row with probability (3 / 4) ** 4 = 0.32.
    assert 0.2 < without.mean() < 0.45
    assert not np.isnan(resampled["accuracy"]).any()
    assert not np.isnan(resampled["log_loss"]).any()
    assert np.isfinite(interval(resampled["roc_auc"])).all()


@pytest.mark.usefixtures("_drawn")
@pytest.mark.parametrize("block_cells", [1, 200, 7 * 200, 99 * 200])
def test_block_size_changes_nothing(block_cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, probabilities = noisy()
    whole = bootstrap(labels, {"one": probabilities}, THRESHOLD, 100, 0)["one"]
    monkeypatch.setattr(metrics, "BLOCK_CELLS", block_cells)
    in_blocks = bootstrap(labels, {"one": probabilities}, THRESHOLD, 100, 0)["one"]
    for metric, values in whole.items():
        np.testing.assert_allclose(in_blocks[metric], values, rtol=1e-12)


def test_a_resample_of_many_rows_draws_no_more_than_of_fewer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = []
    resample_counts = metrics._resample_counts

    def counted(*arguments: Any) -> Any:
        for counts in resample_counts(*arguments):
            drawn[-1] += counts.size
            yield counts

    monkeypatch.setattr(metrics, "_resample_counts", counted)
    for rows in (15_000, 30_000, 60_000):
        drawn.append(0)
        labels, probabilities = noisy(rows)
        bootstrap(labels, {"one": probabilities}, THRESHOLD, 100, 0)
    assert drawn == [100 * 15_000, 100 * 20_000, 100 * 20_000]


@pytest.mark.long
@pytest.mark.parametrize("order", ["as drawn", "sorted"])
@pytest.mark.parametrize("rare", [1, 20])
def test_groups_of_rows_have_the_intervals_of_single_rows(
    rare: int, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those of differences, where positive rows are rare, and where rows are sorted."""
    labels, one = noisy(9000)
    labels[np.arange(len(labels)) % rare > 0] = 0
    one = np.where(labels == 1, one, np.sqrt(one) / 2)
    noise = np.random.default_rng(1).normal(0, 0.1, len(labels))
    if order == "sorted":
        by_label = np.lexsort((one, labels))
        labels, one, noise = labels[by_label], one[by_label], noise[by_label]
    models = {"one": one, "other": np.clip(one + noise, 0.01, 0.99)}
    intervals = []
    for groups in (3000, len(labels)):
        monkeypatch.setattr(metrics, "SETS", groups)
        resampled = bootstrap(labels, models, dict.fromkeys(models, 0.5), 2000, 0)
        values = [
            measured
            for metric, of_one in resampled["one"].items()
            for measured in (of_one, of_one - resampled["other"][metric])
        ]
        intervals.append([interval(v) for v in values])
    grouped, single = np.array(intervals)
    width = np.diff(single)
    # Two thousand resamples give a bound of their own to about a sixteenth of the half width.
    np.testing.assert_allclose((grouped - single) / width, 0, atol=0.1)


@pytest.mark.usefixtures("_drawn")
def test_groups_of_one_row_are_drawn_as_rows_are() -> None:
    labels, one = noisy()
    by_rows, by_groups = (
        bootstrap(labels, {"one": one}, THRESHOLD, 100, 0, groups=groups)["one"]
        for groups in (None, np.arange(len(labels)))
    )
    for metric, values in by_rows.items():
        np.testing.assert_array_equal(values, by_groups[metric])


def grouped(groups: int, rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of groups that are all alike: as if each row were there several times."""
    labels, one = noisy(groups, seed)
    order = np.random.default_rng(seed).permutation(groups * rows)
    groups_of = np.repeat(np.arange(groups), rows)[order]
    _, first, places = np.unique(groups_of, return_index=True, return_inverse=True)
    numbers = np.argsort(np.argsort(first))[places]
    return labels[groups_of], one[groups_of], numbers


@pytest.mark.usefixtures("_drawn")
def test_rows_of_one_group_that_are_alike_tell_what_one_row_tells() -> None:
    """Drawn by rows, they would make believe that there are four times as many."""
    rows = noisy(400, seed=3)
    labels, one, groups = grouped(400, 4, seed=3)
    widths = []
    for drawn in ((*rows, None), (labels, one, groups), (labels, one, None)):
        resampled = bootstrap(drawn[0], {"one": drawn[1]}, THRESHOLD, 2000, 0, None, drawn[2])[
            "one"
        ]
        widths.append([float(np.ptp(interval(values))) for values in resampled.values()])
    single, by_groups, by_rows = np.array(widths)
    # Where 45 sets are drawn, their own chance is a ninth of the deviation.
    np.testing.assert_allclose(by_groups, single, rtol=0.25)
    assert (by_rows < 0.7 * single).all()


def test_all_rows_of_a_group_are_drawn_as_often() -> None:
    groups = np.array([0, 1, 0, 2, 1, 0])
    counts = np.concatenate([*metrics._drawn_rows(6, groups, 50, 0)])
    assert counts.shape == (50, 6)
    for place, group in enumerate(groups):
        np.testing.assert_array_equal(counts[:, place], counts[:, np.argmax(groups == group)])
    assert set(counts.sum(axis=1)) > {6}


def test_a_resample_of_one_group_alone_has_the_metrics_of_its_rows() -> None:
    labels, p = np.array([1, 0, 0, 1]), np.array([0.9, 0.2, 0.6, 0.3])
    groups = np.array([0, 0, 1, 1])
    resampled = bootstrap(labels, {"one": p}, THRESHOLD, 50, 0, groups=groups)["one"]
    by_group = [point_metrics(labels[groups == g], p[groups == g], 0.5) for g in (0, 1)]
    whole = point_metrics(labels, p, 0.5)
    for metric, values in resampled.items():
        possible = {round(getattr(m, metric), 12) for m in (*by_group, whole)}
        assert {round(value, 12) for value in values} == possible


def test_interval_holds_the_middle_95_percent() -> None:
    values = np.arange(1001.0)
    assert interval(np.append(values[::-1], np.nan)) == pytest.approx([25.0, 975.0])
    assert [type(bound) for bound in interval(values)] == [float, float]
