"""Why this row: the features without which its prediction would be another."""

import dataclasses

import numpy as np
import pytest

from tabular_lstm.network import reasons as explaining
from tabular_lstm.network.kernel import Processor
from tabular_lstm.network.outputs import Calibration
from tabular_lstm.network.reasons import reason_names, reasons_of
from tabular_lstm.network.score import FEW, score
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.rows.histories import PADDING
from tabular_lstm.rows.schema import HistoryLayout, parts_of
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.networks import ensemble_of, histories_in, schema_of, sequences_of

WITHIN = 5e-6
# So that a class is often decided on that is not the likeliest.
COSTS = ((0.0, 0.6, 1.0), (3.0, 0.0, 3.0), (1.0, 0.6, 0.0))
# More than are computed in float64, so that the last bits differ.
ROWS = 2000


@pytest.fixture(params=[TWO_CLASSES, CLASSES, NUMBER])
def scorer(request: pytest.FixtureRequest) -> Scorer:
    """A number, a name, a date of five slots and two numbers."""
    features = ["f0", "f1", *parts_of("visit"), "f7", "f8"]
    schema = schema_of(features=9, names=(1,), task=request.param)
    schema = schema.model_copy(update={"features": features, "dates": {"visit": None}})
    network = ensemble_of(schema)
    costs = COSTS if request.param == CLASSES else None
    return dataclasses.replace(Scorer.of(network), calibration=Calibration(costs=costs))


def moved_by(scorer: Scorer, own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """What each row's prediction loses by another one, (rows,): see `Reasons`."""
    if own.shape[1] == 2:
        return (own - other)[:, 1]
    column = 0 if scorer.schema.target else np.argmin(own @ np.array(COSTS), 1)
    return (own - other)[np.arange(len(own)), column]


@pytest.mark.parametrize(("rows", "many"), [(1, False), (700, False), (ROWS, True)])
def test_an_effect_is_what_the_prediction_loses_without_the_feature(
    scorer: Scorer, rows: int, many: bool
) -> None:
    """The slots of a date are missing together: it is one reason, or none where it is missing."""
    sequences = sequences_of(scorer.schema, rows, missing=0.2)
    sequences.reshape(rows, -1)[::3, 2:7] = np.nan
    predicted = score(scorer, sequences, many)
    found = reasons_of(scorer, sequences, predicted, 9, many)
    assert found.features.shape == (rows, 5)
    assert not (found.features[::3] == 2).any()
    effects = np.zeros((rows, 5))
    for feature, slots in enumerate(([0], [1], [2, 3, 4, 5, 6], [7], [8])):
        without = sequences.copy().reshape(rows, -1)
        without[:, slots] = np.nan
        other = score(scorer, without.reshape(sequences.shape), many)
        effects[:, feature] = moved_by(scorer, predicted, other)
    moved = np.abs(found.effects)
    assert (moved[:, :-1] >= moved[:, 1:]).all()
    for place in range(5):
        named = found.features[:, place] >= 0
        expected = effects[np.flatnonzero(named), found.features[named, place]]
        np.testing.assert_allclose(found.effects[named, place], expected, atol=WITHIN)
        assert (found.effects[~named, place] == 0).all()


# Histories


def of_histories(task: str, units: list[int]) -> tuple[Scorer, np.ndarray]:
    """A number, a date, a name, the gap and a label of two features; 30 histories of 1 to 3."""
    labels = ("sick, earlier: a", "sick, earlier: b")
    layout = HistoryLayout(of="who", order="at", steps=3, dates=True, gap="since", labels=labels)
    schema = schema_of(features=10, features_per_step=10, names=(6,), task=task)
    features = ["size", *parts_of("visit"), "f6", "since", *labels]
    changed = {"features": features, "dates": {"visit": None}, "history": layout}
    schema = schema.model_copy(update=changed)
    rows = sequences_of(schema, 90).reshape(30, 3, 10)
    rows[::4, :, 1:6] = rows[1::5, 1, [0]] = rows[3::7, :2, 7] = np.nan
    rows[::3, 1:] = rows[1::3, 2:] = PADDING
    calibration = Calibration(costs=COSTS if task == CLASSES else None)
    scorer = Scorer.of(ensemble_of(schema, units=units))
    return dataclasses.replace(scorer, calibration=calibration), rows


@pytest.mark.parametrize("task", [TWO_CLASSES, CLASSES, NUMBER])
@pytest.mark.parametrize("units", [[4], [4, 3]])
def test_of_a_history_a_reason_is_a_feature_of_one_of_its_rows(task: str, units: list[int]) -> None:
    scorer, rows = of_histories(task, units)
    names, slots = reason_names(scorer.schema), [[0], [1, 2, 3, 4, 5], [6], [7], [8, 9]]
    assert names[:6] == ["size", "visit", "f6", "since", "sick, earlier", "size, 1 row before"]
    assert names[14:] == ["sick, earlier, 2 rows before"]
    predicted = score(scorer, histories_in(rows))
    found = reasons_of(scorer, histories_in(rows), predicted, 20)
    assert found.features.shape == (30, 15)
    own = (rows[..., 0] != PADDING).sum(1) - 1
    for place in range(15):
        step = own - place // 5
        which = np.flatnonzero(step >= 0)
        cells = (which[:, None], step[which, None], slots[place % 5])
        without = rows.copy()
        without[cells] = np.nan
        effects = np.zeros(30)
        effects[which] = moved_by(scorer, predicted, score(scorer, histories_in(without)))[which]
        of_place = found.features == place
        assert (np.abs(effects[~of_place.any(1)]) < WITHIN).all()
        assert not of_place[which][np.isnan(rows[cells][:, 0])].any()  # missing, no reason
        np.testing.assert_allclose(found.effects[of_place], effects[of_place.any(1)], atol=WITHIN)
    assert (np.diff(np.abs(found.effects), axis=1) <= 0).all()
    assert (found.features >= 0).sum() > 150


def test_a_history_has_the_same_reasons_to_the_bit_whatever_is_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scorer, rows = of_histories(TWO_CLASSES, [4])
    predicted = score(scorer, histories_in(rows))
    whole = reasons_of(scorer, histories_in(rows), predicted, 3)
    monkeypatch.setattr(explaining, "EFFECTS_AT_ONCE", 15 * 7)
    for some in (slice(None, None, -1), slice(11, 12)):
        part = reasons_of(scorer, histories_in(rows[some]), predicted[some], 3)
        np.testing.assert_array_equal(part.features, whole.features[some])
        np.testing.assert_array_equal(part.effects, whole.effects[some])
    monkeypatch.setattr(explaining, "CELLS_AT_ONCE", 4)  # one or more columns
    few = reasons_of(scorer, histories_in(rows), predicted, 3)
    np.testing.assert_array_equal(few.features, whole.features)
    np.testing.assert_allclose(few.effects, whole.effects, atol=WITHIN)


# Who computes

with_kernel = pytest.mark.skipif(
    Processor.here() is None, reason="this processor lacks fused multiply-add"
)


@pytest.mark.parametrize("rows", [20, FEW, ROWS])
@pytest.mark.parametrize("many", [False, pytest.param(True, marks=with_kernel)])
def test_a_feature_that_is_nothing_to_the_network_is_no_reason(
    scorer: Scorer, rows: int, many: bool
) -> None:
    kernel = scorer.embed.kernel.copy()
    kernel[:, 6] = 0  # the seventh number, which is the fourth feature
    scorer = dataclasses.replace(scorer, embed=scorer.embed._replace(kernel=kernel))
    sequences = sequences_of(scorer.schema, rows, missing=0.2)
    found = reasons_of(scorer, sequences, score(scorer, sequences, many), 5, many)
    assert {*found.features.ravel()} == {-1, 0, 1, 2, 4}


@with_kernel
def test_among_many_a_row_has_the_same_reasons_to_the_bit_at_whatever_place(
    scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequences = sequences_of(scorer.schema, ROWS, missing=0.1)
    predicted = score(scorer, sequences, True)
    whole = reasons_of(scorer, sequences, predicted, 3, True)
    order = np.random.default_rng(0).permutation(ROWS)
    monkeypatch.setattr(explaining, "EFFECTS_AT_ONCE", 5 * 333)
    for rows in (order, order[:77], order[:1]):
        part = reasons_of(scorer, sequences[rows], predicted[rows], 3, True)
        np.testing.assert_array_equal(part.features, whole.features[rows])
        np.testing.assert_array_equal(part.effects, whole.effects[rows])
