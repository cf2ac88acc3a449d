"""Small networks, schemas and sequences, and what they are compared with."""

from typing import Any

import keras
import numpy as np

from tabular_lstm.network.build import Embed, LSTMEnsemble, Recur, build
from tabular_lstm.network.outputs import Calibration
from tabular_lstm.parameters.hyperparameters import Ensemble, NetworkOptions
from tabular_lstm.rows.histories import PADDING, Histories
from tabular_lstm.rows.schema import SCORES, Schema, Target
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES

MEAN = [1.0, 2.0, 3.0, 4.0]
VARIANCE = [4.0, 1.0, 0.25, 16.0]
# What a schema says of its label, by the task.
LABELS: dict[str, dict[str, Any]] = {
    TWO_CLASSES: {"positive_class": 1, "negative_class": 0},
    CLASSES: {"classes": ("bus", "car", "van")},
    NUMBER: {"target": Target(mean=20.0, deviation=4.0)},
}
SEVEN = "seven classes"
LABELS[SEVEN] = {"classes": tuple("abcdefg")}
# Arguments of `schema_of`.
MIXED: dict[str, Any] = {"features": 7, "features_per_step": 2, "names": (1, 4)}
LAYOUTS: list[dict[str, Any]] = [
    {"features": 4},
    {"features": 4, "names": (0, 1, 2, 3)},
    MIXED,
    {"features": 5, "features_per_step": 3, "names": (4,)},
    {"features": 3, "features_per_step": 3},
    {"features": 1, "features_per_step": 1},
    {"features": 6, "features_per_step": 1, "names": (0,)},
    {**MIXED, "scores": False},  # as version 0.1.0 made schemas
]
TASKS = [{**MIXED, "task": task} for task in (CLASSES, SEVEN, NUMBER)]


def id_of(layout: dict[str, Any]) -> str:
    """Name a layout in a test's id."""
    return "-".join(map(str, layout.values()))


def schema_of(
    features: int = 4,
    features_per_step: int = 2,
    scale: float = 1.0,
    names: tuple[int, ...] = (),
    task: str = TWO_CLASSES,
    scores: bool = True,
) -> Schema:
    """A schema; `names` are the places of the features that hold one of three categories.

    The numbers are skewed a little: a score is no line of the value.
    """
    repeats = -(-features // 4)
    numeric = [place not in names for place in range(features)]
    mean, variance = (MEAN * repeats)[:features], (VARIANCE * repeats)[:features]
    skewed = scale * SCORES * (1 + SCORES / 8)
    of_numbers = {
        f"f{place}": (scale * mean[place] + variance[place] ** 0.5 * skewed).tolist()
        for place in range(features)
        if scores and numeric[place]
    }
    return Schema(
        features=[f"f{i}" for i in range(features)],
        steps=-(-features // features_per_step),
        features_per_step=features_per_step,
        categories={f"f{place}": ["blue", "green", "red"] for place in names},
        missing={},
        mean=[scale * m * number for m, number in zip(mean, numeric, strict=True)],
        variance=[
            scale**2 * v if number else 1.0 for v, number in zip(variance, numeric, strict=True)
        ],
        quantiles=of_numbers,
        scores=scores,
        label="sick",
        **LABELS[task],
    )


def ensemble_of(
    schema: Schema, seed: int = 0, calibration: dict[str, Any] | None = None, **options: Any
) -> LSTMEnsemble:
    """An ensemble whose biases are not the 0 that they start as."""
    small = {"members": 2, "units": [4], "dimensions": 3, "frequencies": 2}
    options = {**small, "frequency_scale": [0.1], **options}
    network = build(schema, NetworkOptions(ensemble=Ensemble.model_validate(options)), seed)
    network.calibration = Calibration.model_validate(calibration or {})
    rng = np.random.default_rng(seed)
    network.set_weights([w + rng.normal(0, 0.1, w.shape) for w in network.get_weights()])
    return network


def sequences_of(schema: Schema, rows: int = 10, missing: float = 0.0) -> np.ndarray:
    """Values about as the schema expects them and a share of them missing; noise in padded slots.

    A category is one of the three or an unknown one.
    """
    rng = np.random.default_rng(0)
    slots = schema.steps * schema.features_per_step
    padding = (0, schema.padded_slots)
    scale = np.sqrt(np.pad(schema.variance, padding, constant_values=1.0))
    values = np.pad(schema.mean, padding) + scale * rng.normal(size=(rows, slots))
    for name, categories in schema.categories.items():
        values[:, schema.features.index(name)] = rng.integers(0, len(categories) + 1, rows)
    values[rng.random(values.shape) < missing] = np.nan
    return values.reshape(rows, schema.steps, schema.features_per_step).astype(np.float32)


def prepared(embed: Embed, sequences: np.ndarray) -> np.ndarray:
    """What a layer, or `member_outputs`, takes of sequences, (k or 1, n, T, F)."""
    tables = sequences.reshape(*sequences.shape[:2], -1)
    return np.stack([embed.slots.prepared(table) for table in tables])


def with_slot(sequences: np.ndarray, step: int, place: int, value: float) -> np.ndarray:
    changed = sequences.copy()
    changed[:, step, place] = value
    return changed


def assert_same_weights(one: keras.Model, other: keras.Model) -> None:
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def keras_lstm(recur: Recur, member: int, direction: int) -> keras.layers.LSTM:
    """A stock LSTM with a member's weights: gates in Keras' order, 1 more for the forget gate."""
    lstm = keras.layers.LSTM(recur.units, return_sequences=True, go_backwards=bool(direction))
    lstm.build((None, None, recur.kernel.shape[2]))
    weights = []
    for weight in recur.get_weights():
        given, candidate, forget, out = np.split(weight[member, direction], 4, -1)
        weights.append(np.concatenate([given, forget, candidate, out], -1))
    weights[2][recur.units : 2 * recur.units] += 1
    lstm.set_weights(weights)
    return lstm


def histories_at(table: np.ndarray, first: np.ndarray, last: np.ndarray, steps: int) -> Histories:
    """Histories of a table's rows, from their first place to their own one: no label is known."""
    order = np.arange(len(table))
    customer, time = np.zeros_like(order), order.astype(float)
    return Histories(table, first, last, last, first, order, customer, time, steps)


def histories_in(rows: np.ndarray) -> Histories:
    """Histories that `Histories.dense` gives so: (histories, T, features)."""
    places = rows[..., 0] != PADDING
    own = np.cumsum(places.sum(1)) - 1
    return histories_at(rows[places], own - places.sum(1) + 1, own, rows.shape[1])
