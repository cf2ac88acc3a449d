"""Both kinds of network: what they are made of, what they do with odd values, their saved file."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tabular_lstm.network.build import LSTMEnsemble, build
from tabular_lstm.network.fit import predict
from tabular_lstm.parameters import Ensemble, Network, Training
from tests.helpers.networks import (
    assert_same_weights,
    ensemble_of,
    keras_lstm,
    schema_of,
    sequences_of,
    with_slot,
)

# The tutorial's network


@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`:UserWarning")
def test_tutorial_is_the_tutorials_network_to_the_letter() -> None:
    lstm, normalization, dense = layers.LSTM, layers.BatchNormalization, layers.Dense
    expected = keras.Sequential(
        [
            lstm(1, activation="relu", input_shape=(4, 2), dropout=0.4, return_sequences=True),
            normalization(),
            lstm(1),
            normalization(),
            dense(1, activation="sigmoid"),
        ]
    )
    network = build(schema_of(8), Network(kind="tutorial"), 0)
    assert isinstance(network, keras.Sequential)
    assert network.input_shape == expected.input_shape == (None, 4, 2)
    assert network.count_params() == expected.count_params() == 38
    assert len(network.layers) == len(expected.layers) == 5
    for layer, literal in zip(network.layers, expected.layers, strict=True):
        assert type(layer) is type(literal)
        assert layer.get_config() | {"name": ""} == literal.get_config() | {"name": ""}


# What an ensemble is made of


@pytest.mark.parametrize(
    ("members", "features", "features_per_step", "steps"),
    [(2, 8, 2, 4), (9, 3, 2, 2), (1, 1, 1, 1)],
)
def test_a_sequence_in_gives_a_probability_out(
    members: int, features: int, features_per_step: int, steps: int
) -> None:
    schema = schema_of(features, features_per_step)
    network = ensemble_of(schema, members=members, dimensions=8)
    sequences = sequences_of(schema)
    assert sequences.shape == (10, steps, features_per_step)
    assert network.member_logits(sequences[None]).shape == (members, 10)
    probabilities = network(sequences).numpy()
    assert probabilities.shape == (10, 1)
    assert ((probabilities > 0) & (probabilities < 1)).all()
    assert len(np.unique(probabilities)) == 10


def test_every_weight_has_a_leading_axis_of_members_and_the_size_that_the_options_say() -> None:
    schema = schema_of(5, names=(1, 4))
    options = {"members": 3, "dimensions": 4, "frequencies": 6, "units": [5, 2]}
    network = ensemble_of(schema, **options)
    assert {weight.path: tuple(weight.shape) for weight in network.weights} == {
        "embed/frequency": (3, 3, 1, 6),
        "embed/kernel": (3, 3, 14, 4),
        "embed/bias": (3, 3, 1, 4),
        "embed/vectors": (3, 2 * (3 + 2), 4),
        "recur_1/kernel": (3, 2, 8, 20),
        "recur_1/recurrent": (3, 2, 5, 20),
        "recur_1/bias": (3, 2, 20),
        "recur_2/kernel": (3, 2, 10, 8),
        "recur_2/recurrent": (3, 2, 2, 8),
        "recur_2/bias": (3, 2, 8),
        "read_out/kernel": (3, 8, 1),
        "read_out/bias": (3, 1),
    }
    assert all(weight.trainable for weight in network.weights)


@pytest.mark.parametrize("units", [[4], [4, 3], [2, 2, 5]])
def test_lstms_are_stacked_as_kerass_bidirectional_ones(units: list[int]) -> None:
    schema = schema_of(6)
    network, sequences = ensemble_of(schema, units=units), sequences_of(schema)
    for member, logits in enumerate(network.member_logits(sequences[None])):
        steps = tf.transpose(network.embed(sequences[None])[member], [1, 0, 2])
        for recur in network.recur:
            forward = keras_lstm(recur, member, 0)(steps)
            backward = keras_lstm(recur, member, 1)(steps)
            steps = tf.concat([forward, backward[:, ::-1]], -1)
        last = tf.concat([forward[:, -1], backward[:, -1]], -1)
        read = tf.concat([last, tf.reduce_mean(steps, 1)], -1)
        kernel, bias = network.read_out.get_weights()
        np.testing.assert_allclose(logits, (read @ kernel[member])[:, 0] + bias[member], atol=1e-6)


def test_the_probability_is_that_of_the_mean_logit_divided_by_the_temperature() -> None:
    schema = schema_of()
    network, sequences = ensemble_of(schema, members=3), sequences_of(schema)
    logits = network.member_logits(sequences[None]).numpy().astype(np.float64)
    assert logits.std(0).min() > 0.01
    for temperature in (1.0, 0.25, 3.0):
        again = LSTMEnsemble.from_config(network.get_config() | {"temperature": temperature})
        again.set_weights(network.get_weights())
        expected = 1 / (1 + np.exp(-logits.mean(0) / temperature))
        np.testing.assert_allclose(again(sequences)[:, 0], expected, atol=1e-6)
    np.testing.assert_allclose(
        network(sequences)[:, 0], 1 / (1 + np.exp(-logits.mean(0))), atol=1e-6
    )


# Members


def test_no_member_has_a_gradient_from_anothers_logits() -> None:
    schema = schema_of(5, names=(1,))
    network = ensemble_of(schema, members=3, units=[4, 3])
    own_rows = np.stack([sequences_of(schema, rows=20)] * 3)
    for sequences in (own_rows, own_rows[:1]):
        for member in range(3):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(network.member_logits(sequences)[member] ** 2)
            gradients = tape.gradient(loss, [weight.value for weight in network.weights])
            for gradient in map(tf.convert_to_tensor, gradients):
                touched = [(part.numpy() != 0).any() for part in gradient]
                assert touched == [other == member for other in range(3)]


# What it does with values


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_units_of_measurement_do_not_count(scale: float) -> None:
    schema = schema_of()
    sequences = sequences_of(schema)
    expected = predict(ensemble_of(schema), sequences)
    measured = predict(ensemble_of(schema_of(scale=scale)), (scale * sequences).astype(np.float32))
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(measured, expected, atol=1e-6)


@pytest.mark.parametrize("names", [(), (0, 1, 2, 3)])
def test_a_missing_value_is_told_from_every_value_that_is_there(names: tuple[int, ...]) -> None:
    schema = schema_of(names=names)
    network, sequences = ensemble_of(schema, dimensions=8), sequences_of(schema)
    for slot, mean in enumerate(schema.mean):
        there = [0.0, 1.0, 2.0, 3.0] if names else [mean, 0.0]
        missing = predict(network, with_slot(sequences, *divmod(slot, 2), np.nan))
        for value in there:
            assert (
                missing != predict(network, with_slot(sequences, *divmod(slot, 2), value))
            ).all()


@pytest.mark.parametrize("names", [(), (3,)])
def test_padded_slots_never_change_the_probability(names: tuple[int, ...]) -> None:
    schema = schema_of(features=4, features_per_step=3, names=names)
    assert schema.padded_slots == 2
    network, sequences = ensemble_of(schema), sequences_of(schema)
    expected = predict(network, sequences)
    for value in (0.0, 7.5, -3e38, np.nan, np.inf, -np.inf):
        padded = with_slot(with_slot(sequences, 1, 1, value), 1, 2, value)
        np.testing.assert_array_equal(predict(network, padded), expected)
        np.testing.assert_array_equal(network(padded), network(sequences))


# Initial weights


def drawn(seed: int = 0, **options: Any) -> dict[str, np.ndarray]:
    """The initial weights by name, of a schema with numbers and categories."""
    schema = schema_of(40, features_per_step=10, names=tuple(range(0, 40, 2)))
    ensemble = Ensemble.model_validate({"frequency_scale": [0.1], **options})
    network = build(schema, Network(ensemble=ensemble), seed)
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
    weights = drawn(frequencies=7, frequency_scale=0.3, dimensions=6, units=[5, 3])
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


# The saved file

SAVED: dict[str, Any] = {
    "training": Training(epochs=7, batch_size=16, seed=3).model_dump(),
    "temperature": 1.75,
    "threshold": 0.375,
}


@pytest.fixture
def saved(tmp_path: Path) -> tuple[LSTMEnsemble, Path]:
    """An ensemble with all that it can hold, and its file."""
    schema = schema_of(5, names=(1, 2))
    network = ensemble_of(schema, units=[4, 4], members=3)
    full = LSTMEnsemble.from_config(network.get_config() | SAVED)
    full.set_weights(network.get_weights())
    path = tmp_path / "network.keras"
    full.save(path)
    return full, path


def test_a_saved_ensemble_loads_in_safe_mode_as_it_was(saved: tuple[LSTMEnsemble, Path]) -> None:
    network, path = saved
    loaded = keras.models.load_model(path)
    assert type(loaded) is LSTMEnsemble
    assert loaded.get_config() == network.get_config()
    assert loaded.schema == network.schema == schema_of(5, names=(1, 2))
    assert loaded.options == network.options
    assert Training.model_validate(loaded.training) == Training(epochs=7, batch_size=16, seed=3)
    assert (loaded.temperature, loaded.threshold) == (1.75, 0.375)
    assert_same_weights(loaded, network)
    sequences = sequences_of(network.schema, rows=50, missing=0.2)
    np.testing.assert_array_equal(predict(loaded, sequences), predict(network, sequences))
    np.testing.assert_array_equal(loaded(sequences), network(sequences))


def test_a_saved_ensemble_is_json_and_numbers_alone(saved: tuple[LSTMEnsemble, Path]) -> None:
    network, path = saved
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["config.json", "metadata.json", "model.weights.h5"]
        config = json.loads(archive.read("config.json"))
        weights = archive.read("model.weights.h5")
    assert config["registered_name"] == "tabular_lstm>LSTMEnsemble"
    assert config["config"] == network.get_config()
    for code in ("Lambda", "lambda", "pickle", "marshal", "exec"):
        assert code not in json.dumps(config)
    assert weights.startswith(b"\x89HDF\r\n")
    for start_of_a_pickle in (b"\x80\x02}", b"\x80\x03", b"\x80\x04\x95", b"\x80\x05\x95"):
        assert start_of_a_pickle not in weights


LOAD_AND_PREDICT = """
import sys

import tabular_lstm.network.build

import keras
import numpy as np
import pickle


def refuse(*arguments, **options):
    raise AssertionError("the file holds a pickle")


pickle.load = pickle.loads = pickle.Unpickler = refuse
folder = sys.argv[1]
sequences = np.load(f"{folder}/sequences.npy")
for name in sys.argv[2:]:
    model = keras.models.load_model(f"{folder}/{name}.keras")
    np.save(f"{folder}/{name}.npy", model.predict(sequences, batch_size=4096, verbose=0)[:, 0])
"""


@pytest.mark.long
def test_a_saved_network_predicts_the_same_in_another_process(
    saved: tuple[LSTMEnsemble, Path],
) -> None:
    folder = saved[1].parent
    networks = {
        "network": saved[0],
        "tutorial": build(schema_of(5), Network(kind="tutorial"), 0),
    }
    networks["tutorial"].save(folder / "tutorial.keras")
    rows = sequences_of(saved[0].schema, rows=20)
    sequences = np.concatenate([rows, np.full((1, 3, 2), 1e9, np.float32)])
    np.save(folder / "sequences.npy", sequences)
    subprocess.run(
        [sys.executable, "-c", LOAD_AND_PREDICT, str(folder), *networks],
        check=True,
        cwd=folder,
        timeout=120,
    )
    for name, network in networks.items():
        loaded = np.load(folder / f"{name}.npy")
        assert np.ptp(loaded) > 0
        np.testing.assert_allclose(loaded, predict(network, sequences), atol=1e-6)
