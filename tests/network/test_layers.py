"""Each layer against the same arithmetic written plainly, one member after the other."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tabular_lstm.network import build
from tabular_lstm.network.build import Embed, ReadOut, Recur
from tabular_lstm.parameters.hyperparameters import Ensemble
from tabular_lstm.rows.schema import SCORES
from tests.helpers.networks import prepared, schema_of, sequences_of

MEMBERS = 3
DIMENSIONS = 5
FREQUENCIES = 4
ROWS = 12


@pytest.fixture(params=["few features", "many features"])
def _as_of_features(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute as with many features: blocks of them."""
    if request.param == "many features":
        monkeypatch.setattr(build, "BLOCK", 2)


# Embed

MEAN = [1.0, -2.0, 0.0, 30.0, 0.0]
VARIANCE = [4.0, 0.25, 1.0, 100.0, 1.0]
# All but one have scores too, which are no line of the values.
QUANTILES = {
    place: MEAN[place] + np.sqrt(VARIANCE[place]) * SCORES * (1 + SCORES / 8)
    for place in (0, 1, 3, 4)
}
# How many categories each of the five features has; of two features to a step, the last is padded.
NUMBERS = [0, 0, 0, 0, 0]
MIXED = [0, 3, 0, 0, 2]
NAMES = [2, 3, 1, 4, 2]


def with_random_weights(layer: keras.Layer, scale: float = 1.0) -> Any:
    """Give a layer weights that are never 0, the biases included."""
    rng = np.random.default_rng(5)
    layer.set_weights([scale * rng.normal(size=weight.shape) for weight in layer.weights])
    return layer


def embed_of(categories: Sequence[int], features_per_step: int = 2, scores: bool = True) -> Embed:
    schema = schema_of(len(categories), features_per_step, scores=scores).model_copy(
        update={
            "mean": MEAN,
            "variance": VARIANCE,
            "quantiles": {
                f"f{place}": quantiles.tolist()
                for place, quantiles in QUANTILES.items()
                if scores and not categories[place]
            },
            "categories": {
                f"f{place}": [*map(str, range(count))]
                for place, count in enumerate(categories)
                if count
            },
        }
    )
    layer = Embed(
        schema,
        Ensemble(
            members=MEMBERS,
            dimensions=DIMENSIONS,
            frequencies=FREQUENCIES,
            frequency_scale=[0.1],
        ),
    )
    return with_random_weights(layer, 0.3)


def slots_of(categories: Sequence[int], per_step: int = 2, readers: int = 1) -> np.ndarray:
    """Numbers up to seven deviations off, each category and an unknown one, a fifth missing."""
    rng = np.random.default_rng(1)
    slots = rng.normal(size=(readers, ROWS, per_step * -(-len(categories) // per_step)))
    for place, count in enumerate(categories):
        if count:
            slots[..., place] = rng.integers(0, count + 1, (readers, ROWS))
        else:
            deviations = rng.uniform(-7, 7, (readers, ROWS))
            slots[..., place] = MEAN[place] + deviations * np.sqrt(VARIANCE[place])
    slots[rng.random(slots.shape) < 0.2] = np.nan
    return slots.reshape(readers, ROWS, -1, per_step).astype(np.float32)


def embedded(
    categories: Sequence[int],
    weights: Sequence[np.ndarray],
    sequences: np.ndarray,
    scores: bool,
) -> np.ndarray:
    """Embed value by value: (k, T, n, F·d), float64."""
    frequency, kernel, bias, vectors = weights
    rows, steps, per_step = sequences.shape[1:]
    result = np.zeros((MEMBERS, steps, rows, per_step, DIMENSIONS))
    for member, of_member in enumerate(np.broadcast_to(sequences, (MEMBERS, *sequences.shape[1:]))):
        number = first_vector = 0
        for feature, count in enumerate(categories):
            step, place = divmod(feature, per_step)
            for row, value in enumerate(of_member[:, step, place].astype(np.float64)):
                if count:
                    known = value in range(count)
                    chosen = count + 1 if np.isnan(value) else int(value) if known else count
                    vector = vectors[member, first_vector + chosen]
                else:
                    missing = np.isnan(value)
                    z = 0 if missing else (value - MEAN[feature]) / np.sqrt(VARIANCE[feature])
                    forms = [min(max(z, -5), 5)]
                    if scores:
                        of_number = QUANTILES.get(feature)
                        score = (
                            forms[0] if of_number is None else np.interp(value, of_number, SCORES)
                        )
                        forms.insert(0, 0 if missing else score)
                    angles = 2 * np.pi * frequency[member, number, 0] * forms[0]
                    waves = [*np.cos(angles), *np.sin(angles), *forms, float(missing)]
                    vector = waves @ kernel[member, number] + bias[member, number, 0]
                    vector = np.maximum(vector, 0)
                result[member, step, row, place] = vector
            number += not count
            first_vector += count + 2 if count else 0
    return result.reshape(MEMBERS, steps, rows, -1)


@pytest.mark.usefixtures("_as_of_features")
@pytest.mark.parametrize("categories", [NUMBERS, MIXED, NAMES])
@pytest.mark.parametrize(
    ("features_per_step", "readers", "scores"),
    [(1, MEMBERS, True), (2, 1, True), (3, MEMBERS, True), (2, MEMBERS, False)],
)
def test_embed_is_the_formula_by_hand(
    categories: list[int], features_per_step: int, readers: int, scores: bool
) -> None:
    layer = embed_of(categories, features_per_step, scores)
    sequences = slots_of(categories, features_per_step, readers)
    measured = layer(prepared(layer, sequences)).numpy()
    assert measured.shape == (MEMBERS, layer.slots.steps, ROWS, features_per_step * DIMENSIONS)
    expected = embedded(categories, layer.get_weights(), sequences, scores)
    np.testing.assert_allclose(measured, expected, atol=1e-5)


@pytest.mark.parametrize("categories", [NUMBERS, NAMES])
@pytest.mark.parametrize("value", [0.0, 7.5, -3e38, np.nan, np.inf])
def test_a_padded_slot_gives_zeros_whatever_is_in_it(categories: list[int], value: float) -> None:
    layer = embed_of(categories)
    sequences = slots_of(categories)
    expected = layer(prepared(layer, sequences)).numpy()
    sequences[:, :, 2, 1] = value
    measured = layer(prepared(layer, sequences)).numpy()
    np.testing.assert_array_equal(measured[:, 2, :, DIMENSIONS:], 0)
    np.testing.assert_array_equal(measured, expected)


def test_the_gradient_of_numbers_is_that_of_their_formula() -> None:
    layer = Embed(schema_of(4, 2), Ensemble(members=2, frequency_scale=[1.0]))
    layer = with_random_weights(layer, 0.5)
    sequences = sequences_of(schema_of(4, 2), rows=9, missing=0.2)[None]
    values = [weight.value for weight in layer.weights[:3]]
    slots = prepared(layer, sequences)
    missing = np.isnan(slots[:, :, 4:]).swapaxes(1, 2)[..., None]
    score, z = np.nan_to_num(slots).reshape(1, 9, 2, 4, 1).transpose(2, 0, 3, 1, 4)
    with tf.GradientTape(persistent=True) as tape:
        total = tf.reduce_sum(layer(slots) ** 2)
        frequency, kernel, bias = map(tf.convert_to_tensor, values)
        angle = 2 * np.pi * score * frequency
        others = np.repeat(np.concatenate([score, z, missing], -1), 2, 0).astype(np.float32)
        waves = tf.concat([tf.cos(angle), tf.sin(angle), others], -1)
        expected = tf.reduce_sum(tf.nn.relu(waves @ kernel + bias) ** 2)
    for one, other in zip(
        tape.gradient(total, values), tape.gradient(expected, values), strict=True
    ):
        np.testing.assert_allclose(one, tf.convert_to_tensor(other), rtol=1e-3, atol=1e-3)


# Features dropped


def features_kept(seed: tuple[int, int], rows: int = 4000) -> np.ndarray:
    """Which features of each row are left in training, (k, rows, S), each vector's mean."""
    layer = Embed(schema_of(5, 2, names=(3,)), Ensemble(members=4, frequency_scale=[1.0]))
    layer.set_weights(
        [np.full(w.shape, float(w.name in ("bias", "vectors"))) for w in layer.weights]
    )
    sequences, shares = np.zeros((1, rows, 3, 2), np.float32), tf.constant([0.0, 0.0, 0.25, 0.25])
    slots = prepared(layer, sequences)
    vectors = layer(slots, tf.constant(seed), shares).numpy().reshape(4, 3, rows, 2, -1)
    assert (vectors.min(-1) == vectors.max(-1)).all()
    return np.asarray(vectors.mean(-1).transpose(0, 2, 1, 3).reshape(4, rows, 6))


def test_whole_features_are_dropped_of_the_members_of_a_kind_and_the_rest_is_enlarged() -> None:
    kept = features_kept((3, 1))
    assert (kept[:2, :, :5] == 1).all()
    assert (kept[:, :, 5] == 0).all()  # padding
    of_kind = kept[2:, :, :5]
    np.testing.assert_allclose(of_kind[of_kind > 0], 1 / 0.75, rtol=1e-6)
    np.testing.assert_allclose((of_kind == 0).mean(1), 0.25, atol=0.035)


# Recur


def recur_of(inputs: int, units: int, scale: float = 0.5) -> Recur:
    return with_random_weights(Recur(MEMBERS, inputs, units), scale)


def steps_of(length: int, rows: int, inputs: int) -> np.ndarray:
    shape = (MEMBERS, length, rows, inputs)
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


def loop(weights: Sequence[Any], steps: Any, direction: int) -> tuple[list[Any], list[Any]]:
    """An LSTM in plain TensorFlow over (T, n, inputs): its states and its cells, step by step."""
    kernel, recurrent, bias = (weight[direction] for weight in weights)
    state = cell = tf.zeros((steps.shape[1], recurrent.shape[0]), steps.dtype)
    states, cells = [], []
    for step in tf.unstack(steps)[:: -1 if direction else 1]:
        gates = tf.matmul(step, kernel) + tf.matmul(state, recurrent) + bias
        given, candidate, forget, out = tf.split(gates, 4, -1)
        cell = tf.sigmoid(forget + 1) * cell + tf.sigmoid(given) * tf.tanh(candidate)
        state = tf.sigmoid(out) * tf.tanh(cell)
        states.append(state)
        cells.append(cell)
    return states, cells


@pytest.mark.usefixtures("_as_of_features")
@pytest.mark.parametrize(
    ("length", "rows", "inputs", "units", "scale"),
    [(4, 7, 3, 5, 0.5), (1, 2, 4, 3, 0.5), (6, 1, 1, 1, 0.5), (12, 5, 6, 4, 2.0)],
)
def test_recur_has_the_gradient_of_a_plain_loop(
    length: int, rows: int, inputs: int, units: int, scale: float
) -> None:
    recur, steps = recur_of(inputs, units, scale), steps_of(length, rows, inputs)
    weighing = np.random.default_rng(4).normal(size=(2, MEMBERS, length, rows, units))

    def gradients_of_recur(steps: Any) -> list[Any]:
        with tf.GradientTape() as tape:
            tape.watch(steps)
            total = tf.reduce_sum(tf.stack(recur(steps)) * tf.constant(weighing, tf.float32))
        return tape.gradient(total, [steps, *(weight.value for weight in recur.weights)])

    measured = tf.function(gradients_of_recur)(tf.constant(steps))

    for member in range(MEMBERS):
        exact = [tf.constant(steps[member], tf.float64)]
        exact += [tf.constant(weight[member], tf.float64) for weight in recur.get_weights()]
        with tf.GradientTape() as tape:
            tape.watch(exact)
            total = sum(
                tf.reduce_sum(tf.stack(loop(exact[1:], exact[0], direction)[0]) * part)
                for direction, part in enumerate(weighing[:, member])
            )
        for gradient, expected in zip(measured, tape.gradient(total, exact), strict=True):
            assert np.abs(expected).max() > 0.01 or length == 1
            np.testing.assert_allclose(gradient[member], expected, atol=1e-4, rtol=1e-4)


# Read out


def dropped(dropout: float, seed: tuple[int, int], place: int = 0, rows: int = 4000) -> np.ndarray:
    """What is left in training of states of 1, seen at one of the 4u places: (k, rows)."""
    layer = ReadOut(MEMBERS, 2, 1, dropout)
    kernel, bias = np.zeros((MEMBERS, 8, 1)), np.zeros((MEMBERS, 1))
    kernel[:, place] = 1
    layer.set_weights([kernel, bias])
    states = np.ones((2, MEMBERS, 3, rows, 2), np.float32)
    return layer(tuple(states), tf.constant(seed)).numpy()[..., 0]


def test_dropout_takes_its_share_and_enlarges_the_rest() -> None:
    for place in range(8):
        left = dropped(0.25, (3, 1), place)
        np.testing.assert_allclose(np.unique(left), [0, 1 / 0.75], rtol=1e-6)
        np.testing.assert_allclose((left == 0).mean(1), 0.25, atol=0.035)
