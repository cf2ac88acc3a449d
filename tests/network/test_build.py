"""The ensemble: what it is made of, what it does with odd values, their saved file."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tabular_lstm.network.build import build
from tabular_lstm.network.fit import predict
from tabular_lstm.parameters.hyperparameters import Ensemble, NetworkOptions
from tests.helpers.networks import (
    ensemble_of,
    keras_lstm,
    prepared,
    schema_of,
    sequences_of,
)

# What an ensemble is made of


@pytest.mark.parametrize("units", [[4], [4, 3], [2, 2, 5]])
def test_lstms_are_stacked_as_kerass_bidirectional_ones(units: list[int]) -> None:
    schema = schema_of(6)
    network, sequences = ensemble_of(schema, units=units), sequences_of(schema)
    slots = prepared(network.embed, sequences[None])
    for member, outputs in enumerate(network.member_outputs(slots)):
        steps = tf.transpose(network.embed(slots)[member], [1, 0, 2])
        for recur in network.recur:
            forward = keras_lstm(recur, member, 0)(steps)
            backward = keras_lstm(recur, member, 1)(steps)
            steps = tf.concat([forward, backward[:, ::-1]], -1)
        last = tf.concat([forward[:, -1], backward[:, -1]], -1)
        read = tf.concat([last, tf.reduce_mean(steps, 1)], -1)
        kernel, bias = network.read_out.get_weights()
        np.testing.assert_allclose(outputs, read @ kernel[member] + bias[member], atol=1e-6)


# What it does with values


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_units_of_measurement_do_not_count(scale: float) -> None:
    schema = schema_of()
    sequences = sequences_of(schema)
    expected = predict(ensemble_of(schema), sequences)
    measured = predict(ensemble_of(schema_of(scale=scale)), (scale * sequences).astype(np.float32))
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(measured, expected, atol=1e-6)


# Initial weights


def drawn(seed: int = 0, **options: Any) -> dict[str, np.ndarray]:
    """The initial weights by name, of a schema with numbers and categories."""
    schema = schema_of(40, features_per_step=10, names=tuple(range(0, 40, 2)))
    ensemble = Ensemble.model_validate({"frequency_scale": [0.1], **options})
    network = build(schema, NetworkOptions(ensemble=ensemble), seed)
    return {weight.path: weight.numpy() for weight in network.weights}


def test_the_seed_decides_the_initial_weights_and_each_member_has_its_own() -> None:
    one, again, other = drawn(7), drawn(7), drawn(8)
    for name, weight in one.items():
        np.testing.assert_array_equal(again[name], weight)
        members_differ = [(weight[i] != weight[j]).any() for i in range(8) for j in range(i)]
        zero = name in {"recur_1/bias", "read_out/bias"}
        assert (weight == 0).all() == zero
        assert (other[name] != weight).any() != zero
        assert all(members_differ) != zero


def test_initial_weights_are_spread_as_their_kinds_should_be() -> None:
    weights = drawn(1, frequencies=7, frequency_scale=0.3, dimensions=6, units=[5, 3])
    assert weights["embed/frequency"].std() == pytest.approx(0.3, rel=0.1)
    assert weights["embed/vectors"].std() == pytest.approx(0.5, rel=0.1)
    limits = {
        "embed/kernel": 1 / np.sqrt(2 * 7 + 2),
        "embed/bias": 1 / np.sqrt(2 * 7 + 2),
        "recur_1/kernel": np.sqrt(6 / (10 * 6 + 4 * 5)),
        "recur_2/kernel": np.sqrt(6 / (2 * 5 + 4 * 3)),
        "read_out/kernel": np.sqrt(6 / (4 * 3 + 1)),
    }
    for name, limit in limits.items():
        assert 0.9 * limit < np.abs(weights[name]).max() <= limit
        assert weights[name].std() == pytest.approx(limit / np.sqrt(3), rel=0.1)
    for name, units in {"recur_1/recurrent": 5, "recur_2/recurrent": 3}.items():
        for member in weights[name].reshape(-1, units, 4 * units):
            np.testing.assert_allclose(member @ member.T, np.eye(units), atol=1e-6)
