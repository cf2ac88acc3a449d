"""Histories of unequal length: TensorFlow and NumPy agree, and padding says nothing."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tabular_lstm.network.build import LSTMEnsemble, initialize, summaries
from tabular_lstm.network.fit import train
from tabular_lstm.network.offset import Offset
from tabular_lstm.network.outputs import outputs_of
from tabular_lstm.network.score import FEW, score
from tabular_lstm.network.scorer import Scorer, Slots
from tabular_lstm.parameters.hyperparameters import TrainingOptions
from tabular_lstm.rows.histories import PADDING, Compact, Histories
from tabular_lstm.rows.schema import HistoryLayout, quantiles
from tabular_lstm.task import NUMBER, TWO_CLASSES
from tests.helpers.networks import (
    TASKS,
    ensemble_of,
    histories_at,
    id_of,
    prepared,
    schema_of,
    sequences_of,
)

LONGEST = 9
LAYOUT = HistoryLayout(of="who", order="at", steps=LONGEST, gap="f0", dates=False)
LAYOUTS = [
    {"features": 4},
    {"features": 4, "scores": False},
    {"features": 4, "names": (0, 1, 2, 3)},
    *(task | {"features_per_step": 7} for task in TASKS[::2]),
]
every = pytest.mark.parametrize("layout", LAYOUTS, ids=id_of)
either = pytest.mark.parametrize("units", [[4], [4, 3]], ids=["one LSTM", "two"])


def network_of(layout: dict[str, Any], units: list[int]) -> LSTMEnsemble:
    """A network whose states move: its weights are large. Two numbers have scores."""
    schema = schema_of(**{**layout, "features_per_step": layout["features"]})
    known = sequences_of(schema, 200).reshape(200, -1).astype(float)
    of_numbers = {
        name: quantiles(values.round(digits))
        for name, values, digits in zip(schema.features, known.T, (0, 9), strict=False)
        if name not in schema.categories
    }
    schema = schema.model_copy(update={"history": LAYOUT, "quantiles": of_numbers})
    network = ensemble_of(schema, units=units, members=3)
    network.set_weights([2 * weight for weight in network.get_weights()])
    return network


def histories_of(network: LSTMEnsemble, count: int = 60) -> Histories:
    """Histories of 1 to 9 rows with missing values, in no order of their lengths."""
    lengths = np.random.default_rng(0).integers(1, LONGEST + 1, count)
    lengths[:2] = 1, LONGEST
    table = sequences_of(network.schema, int(lengths.sum()), missing=0.2)
    own = np.cumsum(lengths) - 1
    return histories_at(table.reshape(len(table), -1), own - lengths + 1, own, LONGEST)


@every
@either
def test_each_history_is_read_alone_as_a_sequence_of_its_own_length(
    layout: dict[str, Any], units: list[int]
) -> None:
    """Without a length and a mask, a sequence is read as rows have always been read."""
    network = network_of(layout, units)
    histories = histories_of(network, 12)
    rows, places = histories.compact()
    rows = prepared(network.embed, rows[None, :, None])
    found = network.member_outputs((rows, places[None]), summarized=True).numpy()
    for place in range(len(histories)):
        rows = prepared(network.embed, histories[[place]].dense()[:, :, None])
        steps = tf.transpose(network.embed(rows), [0, 2, 1, 3])
        for recur in network.recur:
            forward, backward = recur(steps)
            steps = tf.concat([forward, backward[:, ::-1]], -1)
        wide = summaries(rows, np.arange(rows.shape[1])[None, None], network.embed.slots)
        alone = network.read_out((forward, backward), wide=wide).numpy()[:, 0]
        np.testing.assert_allclose(found[:, place], alone, atol=1e-6)
    assert np.ptp(found, axis=1).max() > 0.05


@every
@either
def test_numpy_scores_histories_as_tensorflow_computes_them(
    layout: dict[str, Any], units: list[int]
) -> None:
    network = network_of(layout, units)
    histories = histories_of(network, FEW + 40)
    expected = network(histories.dense()).numpy()
    for count in (60, FEW + 40):
        predicted, computed = score(Scorer.of(network), histories[:count]), expected[:count]
        if network.schema.target is None:
            found = network.schema.task.to_file(predicted)
            np.testing.assert_allclose(found, computed, atol=1e-6)
            continue
        # Of a number Keras gives quantiles, and `test_outputs` tells what they mean.
        given = computed.astype(float), network.schema, network.calibration, 0.9
        found = outputs_of(network.schema.task).predictions(*given)
        np.testing.assert_allclose(predicted, found, atol=1e-5 * network.schema.target.deviation)


@either
def test_what_stands_behind_the_last_row_changes_no_output(units: list[int]) -> None:
    network = network_of(LAYOUTS[3], units)
    scorer = Scorer.of(network)
    histories = histories_of(network)
    dense = histories.dense()
    scored, computed = score(scorer, histories), network(dense).numpy()
    rng = np.random.default_rng(1)
    for values in (rng.normal(size=dense.shape), np.full(dense.shape, np.nan)):
        other = np.where(dense[..., :1] != PADDING, dense, values).astype(np.float32)
        other[..., 0] = dense[..., 0]  # which tells rows from padding
        np.testing.assert_array_equal(network(other).numpy(), computed)
    longer = np.concatenate([dense, np.full_like(dense, PADDING)], 1)
    np.testing.assert_allclose(network(longer).numpy(), computed, atol=1e-6)
    for place in range(len(dense)):
        alone = score(scorer, histories[[place]])
        np.testing.assert_allclose(alone, scored[[place]], atol=1e-7)


def test_a_category_that_is_in_earlier_rows_alone_keeps_what_was_learned_of_it() -> None:
    network = network_of({"features": 4, "names": (1,)}, [4])
    rows, customers = 4, 40
    table = sequences_of(network.schema, rows * customers).reshape(-1, 4)
    last = np.arange(customers) * rows + rows - 1
    table[:, 1], table[last, 1] = 1, 0
    histories = histories_at(table, last - rows + 1, last, rows)
    candidate, _ = train(network, histories, np.arange(customers) % 2.0, TrainingOptions(epochs=1))
    here, earlier, nowhere, unknown, missing = candidate.embed.vectors.numpy().swapaxes(0, 1)
    assert np.abs(earlier - here).max() > 0.01
    # What no row has gets the mean of the others, by the rows that have them.
    mean = (here + (rows - 1) * earlier) / rows
    for of_none in (nowhere, unknown, missing):
        np.testing.assert_allclose(of_none, mean, atol=1e-6)


def test_a_line_in_the_last_values_is_told_at_once_with_honest_intervals() -> None:
    """Of few rows a line through many summaries is near the rows that it is learned from."""
    schema = schema_of(features=12, features_per_step=12, task=NUMBER, scores=False)
    network = ensemble_of(schema.model_copy(update={"history": LAYOUT}), members=8)
    histories, train_rows = histories_of(network, 1500), 100
    summaries = network.embed.slots.summaries(histories.compact(), np.float64)
    line = summaries[3] - 0.5 * summaries[3 + 12]
    noise = np.random.default_rng(1).normal(0, 0.1, len(line))
    labels = schema.target.mean + schema.target.deviation * (line + noise)
    train_set = histories[:train_rows], labels[:train_rows]
    candidate, history = train(network, *train_set, TrainingOptions(epochs=6))
    predicted, lower, upper = score(Scorer.of(candidate), histories[train_rows:]).T
    new = labels[train_rows:]
    error = np.sqrt(np.mean((predicted - new) ** 2)) / schema.target.deviation
    assert 0.1 < error < 0.15
    assert 0.85 < np.mean((lower < new) & (new < upper)) < 0.96
    # In the unit of the label, as of every other network.
    assert 0.5 * error < history["validation_loss"][-1] < 2 * error
    assert 0.5 * error < history["out_of_fold_quantile_loss"] < 2 * error


@pytest.mark.parametrize("task", [TWO_CLASSES, NUMBER])
def test_summaries_have_the_weights_of_the_regression_alone(task: str) -> None:
    """By gradient they would fit the noise of a few customers."""
    schema = schema_of(features=4, features_per_step=4, task=task, scores=False)
    network = ensemble_of(schema.model_copy(update={"history": LAYOUT}), units=[4], members=2)
    initialize(network, 0)
    histories, labels = histories_of(network, 200), np.arange(200) % 2
    candidate, _ = train(network, histories, labels, TrainingOptions(epochs=2))
    first, second = candidate.read_out.kernel.numpy()[:, 16:]
    assert first.any() == (task == NUMBER)
    np.testing.assert_array_equal(first, second)


def test_members_learn_what_the_regression_leaves() -> None:
    rng = np.random.default_rng(0)
    line = rng.normal(size=7).astype(np.float32)
    offset = Offset(rng.normal(size=9), 0.5, line)
    states, summaries, weights = (
        rng.normal(size=shape).astype(np.float32) for shape in [(9, 16), (9, 6), (3, 16, 5)]
    )
    kernel, bias = np.pad(weights, ((0, 0), (0, 6), (0, 0))), np.ones((3, 5), np.float32)
    read = np.hstack([states, summaries])
    before = read @ kernel + bias[:, None]
    *others, kernel, bias = offset.added_to([states, kernel, bias])
    regression = summaries @ line[:-1] + line[-1]
    expected = regression[:, None] + 0.5 * before
    np.testing.assert_allclose(read @ kernel + bias[:, None], expected, atol=1e-5)
    np.testing.assert_array_equal(others[0], states)


def test_a_skewed_number_is_read_by_its_score_too() -> None:
    """Its multiples lie at the same distance whether it is small or large."""
    incomes = np.exp(np.random.default_rng(0).normal(10, 2, 100_000))
    schema = schema_of(features=2)
    of_numbers = {"f0": quantiles(incomes), "f1": quantiles(np.arange(100.0) % 2)}
    slots = Slots.of(schema.model_copy(update={"quantiles": of_numbers}))
    far = [np.nan, -3e38, 3e38, -np.inf, np.inf]
    asked = np.array([*np.exp([6, 8, 10, 12, 14]), *far], np.float32)
    (found,) = slots.score(asked[None])
    np.testing.assert_allclose(found[:5], [-2, -1, 0, 1, 2], atol=0.05)
    np.testing.assert_array_equal(found[5:], [np.nan, -3, 3, -3, 3])
    # A summary has the scores too; f1 has two values, and so no score.
    rows = np.stack([asked, asked], 1)
    one_each = Compact(rows, np.arange(len(rows), dtype=np.int32)[:, None])
    assert slots.wide == 9
    last = slots.summaries(one_each, np.float64)[2]
    np.testing.assert_allclose(last, np.nan_to_num(found), atol=1e-6)


def test_numbers_that_are_close_to_0_have_scores_unless_tensorflow_takes_them_for_0() -> None:
    small = {"f0": quantiles(np.arange(1000) * 1e-36), "f1": quantiles(np.arange(1000) * 1e-42)}
    slots = Slots.of(schema_of(features=2).model_copy(update={"quantiles": small}))
    assert slots.scored.tolist() == [0]
    asked = np.array([-1, 0, 5e-34, 1], np.float32)
    np.testing.assert_allclose(slots.score(asked[None])[0], [-3, -3, 0, 3], atol=0.05)
