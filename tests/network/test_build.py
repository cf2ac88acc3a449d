"""Both kinds of network: their layers, what they do with odd values, and their saved file."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tabular_lstm.network.build import build
from tabular_lstm.network.fit import predict
from tabular_lstm.parameters import Network, Stacked
from tabular_lstm.schema import Schema

MEAN = [1.0, 2.0, 3.0, 4.0]
VARIANCE = [4.0, 1.0, 0.25, 16.0]


def schema_of(features: int = 4, features_per_step: int = 2, scale: float = 1.0) -> Schema:
    repeats = -(-features // 4)
    return Schema(
        features=[f"f{i}" for i in range(features)],
        steps=-(-features // features_per_step),
        features_per_step=features_per_step,
        missing={},
        mean=[scale * mean for mean in (MEAN * repeats)[:features]],
        variance=[scale**2 * variance for variance in (VARIANCE * repeats)[:features]],
        label="sick",
        positive_class=1,
        negative_class=0,
    )


def stacked(schema: Schema, seed: int = 0, **options: Any) -> keras.Model:
    return build(schema, Network(stacked=Stacked(**{"units": [3, 2], **options})), seed)


def sequences_of(schema: Schema, rows: int = 10) -> np.ndarray:
    """Values about as the schema expects them, float32; noise in padded slots."""
    rng = np.random.default_rng(0)
    slots = schema.steps * schema.features_per_step
    padding = (0, schema.padded_slots)
    scale = np.sqrt(np.pad(schema.variance, padding, constant_values=1.0))
    values = np.pad(schema.mean, padding) + scale * rng.normal(size=(rows, slots))
    return values.reshape(rows, schema.steps, schema.features_per_step).astype(np.float32)


def with_slot(sequences: np.ndarray, step: int, place: int, value: float) -> np.ndarray:
    changed = sequences.copy()
    changed[:, step, place] = value
    return changed


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


def test_tutorial_reads_raw_values() -> None:
    sequences = sequences_of(schema_of())
    networks = [build(schema_of(scale=k), Network(kind="tutorial"), 0) for k in (1.0, 1000.0)]
    expected, measured = (predict(network, sequences) for network in networks)
    np.testing.assert_array_equal(measured, expected)


# The layers of the stacked network


@pytest.mark.parametrize("units", [[3], [4, 2], [2, 3, 4]])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_lstms_follow_the_units(units: list[int], bidirectional: bool) -> None:
    network = stacked(schema_of(), units=units, bidirectional=bidirectional)
    kind = layers.Bidirectional if bidirectional else layers.LSTM
    lstms = [
        layer for layer in network.layers if isinstance(layer, layers.Bidirectional | layers.LSTM)
    ]
    assert [type(layer) for layer in lstms] == [kind] * len(units)
    outputs = [tuple(layer.output.shape) for layer in lstms]
    width = 2 if bidirectional else 1
    assert outputs[:-1] == [(None, 2, width * size) for size in units[:-1]]
    assert outputs[-1] == (None, width * units[-1])


@pytest.mark.parametrize(
    ("normalization", "kind"),
    [("none", None), ("layer", layers.LayerNormalization), ("batch", layers.BatchNormalization)],
)
def test_normalization_and_dropout_follow_each_lstm(
    normalization: str, kind: type[keras.Layer] | None
) -> None:
    network = stacked(schema_of(), normalization=normalization, dropout=0.25)
    names = [type(layer) for layer in network.layers]
    start = names.index(layers.Bidirectional)
    block = [layers.Bidirectional, *([kind] if kind else []), layers.Dropout]
    assert names[start:] == [*block, *block, layers.Dense]
    rates = [layer.rate for layer in network.layers if isinstance(layer, layers.Dropout)]
    assert rates == [0.25, 0.25]


@pytest.mark.parametrize(
    ("features", "features_per_step", "steps"), [(8, 2, 4), (3, 2, 2), (5, 5, 1), (40, 1, 40)]
)
def test_a_sequence_in_gives_a_probability_out(
    features: int, features_per_step: int, steps: int
) -> None:
    schema = schema_of(features, features_per_step)
    network = stacked(schema)
    assert network.input_shape == (None, steps, features_per_step)
    assert network.output_shape == (None, 1)
    probabilities = predict(network, sequences_of(schema))
    assert ((probabilities > 0) & (probabilities < 1)).all()
    assert len(set(probabilities)) == len(probabilities)


@pytest.mark.parametrize("kind", ["stacked", "tutorial"])
def test_layers_are_kerass_own_and_none_holds_code(kind: str) -> None:
    network = build(schema_of(3), Network.model_validate({"kind": kind}), 0)
    config = json.loads(network.to_json())
    assert "Lambda" not in json.dumps(config)
    for layer in config["config"]["layers"]:
        assert layer["module"].split(".")[0] == "keras"
        assert not layer["registered_name"] or layer["registered_name"] == layer["class_name"]


# What it does with values


@pytest.mark.parametrize("scale", [1e-12, 1e3])
def test_units_of_measurement_do_not_count(scale: float) -> None:
    schema = schema_of()
    sequences = sequences_of(schema)
    expected = predict(stacked(schema), sequences)
    measured = predict(stacked(schema_of(scale=scale)), (scale * sequences).astype(np.float32))
    np.testing.assert_allclose(measured, expected, atol=1e-6)


@pytest.mark.parametrize("variance", [1e36, 1e70])
def test_any_variance_of_float32_values_is_possible(variance: float) -> None:
    schema = schema_of().model_copy(update={"variance": [variance, *VARIANCE[1:]]})
    sequences = with_slot(sequences_of(schema_of()), 0, 0, np.sqrt(variance))
    calm = with_slot(sequences, 0, 0, MEAN[0])
    network = stacked(schema)
    assert (predict(network, sequences) != predict(network, calm)).all()


def test_a_missing_value_counts_as_the_mean() -> None:
    schema = schema_of()
    network, sequences = stacked(schema), sequences_of(schema)
    for slot, mean in enumerate(MEAN):
        missing = predict(network, with_slot(sequences, *divmod(slot, 2), np.nan))
        average = predict(network, with_slot(sequences, *divmod(slot, 2), mean))
        np.testing.assert_allclose(missing, average, atol=1e-7)
        assert (missing != predict(network, sequences)).all()


@pytest.mark.parametrize("normalization", ["none", "layer", "batch"])
def test_any_value_gives_a_probability(normalization: str) -> None:
    values = np.array([np.nan, np.inf, -np.inf, 3e38, -3e38], np.float32)
    sequences = np.broadcast_to(values[:, None, None], (5, 2, 2))
    probabilities = predict(stacked(schema_of(3), normalization=normalization), sequences)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()


def test_outliers_are_clipped_at_five_standard_deviations() -> None:
    schema = schema_of()
    network, sequences = stacked(schema), sequences_of(schema)
    for side in (1, -1):
        four, five, six, fifty = (
            predict(network, with_slot(sequences, 0, 0, MEAN[0] + side * deviations * 2.0))
            for deviations in (4, 5, 6, 50)
        )
        np.testing.assert_array_equal(six, five)
        np.testing.assert_array_equal(fifty, five)
        assert (four != five).all()


def test_padded_slots_never_change_the_probability() -> None:
    schema = schema_of(features=4, features_per_step=3)
    assert schema.padded_slots == 2
    network, sequences = stacked(schema), sequences_of(schema)
    expected = predict(network, sequences)
    for value in (0.0, 7.5, -3e38, np.nan, np.inf, -np.inf):
        padded = with_slot(with_slot(sequences, 1, 1, value), 1, 2, value)
        np.testing.assert_array_equal(predict(network, padded), expected)


# Seeds and files


def weights_differ(one: keras.Model, other: keras.Model) -> list[bool]:
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return [not np.array_equal(a, b) for a, b in pairs]


def test_seed_decides_the_weights() -> None:
    first = stacked(schema_of(), seed=7)
    other = stacked(schema_of(), seed=8)
    again = stacked(schema_of(), seed=7)
    assert not any(weights_differ(first, again))
    assert any(weights_differ(first, other))


LOAD_AND_PREDICT = """
import sys
import keras
import numpy as np

folder = sys.argv[1]
sequences = np.load(f"{folder}/sequences.npy")
for name in sys.argv[2:]:
    model = keras.saving.load_model(f"{folder}/{name}.keras", safe_mode=True)
    np.save(f"{folder}/{name}.npy", model.predict(sequences, batch_size=4096, verbose=0)[:, 0])
assert not any(name.split(".")[0] == "tabular_lstm" for name in sys.modules)
"""


def test_a_saved_network_predicts_the_same_without_this_package(tmp_path: Path) -> None:
    schema = schema_of(3)
    networks = {
        "stacked": stacked(schema, normalization="batch"),
        "tutorial": build(schema, Network(kind="tutorial"), 0),
    }
    sequences = np.concatenate([sequences_of(schema), np.full((1, 2, 2), 1e9, np.float32)])
    np.save(tmp_path / "sequences.npy", sequences)
    for name, network in networks.items():
        network.save(tmp_path / f"{name}.keras")
    subprocess.run(
        [sys.executable, "-c", LOAD_AND_PREDICT, str(tmp_path), *networks],
        check=True,
        cwd=tmp_path,
        timeout=120,
    )
    for name, network in networks.items():
        loaded = np.load(tmp_path / f"{name}.npy")
        np.testing.assert_array_equal(loaded, predict(network, sequences).astype(np.float32))
