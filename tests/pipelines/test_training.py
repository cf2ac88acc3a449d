"""The training nodes: from a schema and labelled sequences to a candidate and its history."""

import json
from contextlib import suppress
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Columns, Network, Reshaping, Training
from tabular_lstm.pipelines.reshaping.nodes import (
    learn_schema,
    reshape,
    split_features_from_label,
)
from tabular_lstm.pipelines.training.nodes import build_network, train_network
from tests.conftest import TINY

NETWORK = Network.model_validate(TINY["network"])
TRAINING = Training.model_validate(TINY["training"])
COLUMNS = Columns(label="sick", positive_class=1, negative_class=0)


def train_rows() -> pd.DataFrame:
    """Rows in no order, as a split leaves them, with a missing value."""
    rng = np.random.default_rng(0)
    index = pd.Index(rng.permutation(range(10, 70)), name="row")
    rows = pd.DataFrame(rng.normal(5, 2, (60, 3)), columns=["a", "b", "c"], index=index)
    rows.loc[12, "b"] = np.nan
    return rows.assign(sick=(rows["a"] > 5).astype("int64"))


@pytest.mark.parametrize(("kind", "parameters"), [("stacked", None), ("tutorial", 38)])
def test_the_declared_kind_is_built(kind: str, parameters: int | None) -> None:
    schema = learn_schema(train_rows(), COLUMNS, Reshaping())
    network = build_network(schema, NETWORK.model_copy(update={"kind": kind}), TRAINING)
    assert isinstance(network, keras.Model)
    assert network.name == kind
    assert network.input_shape == (None, 2, 2)
    assert network.output_shape == (None, 1)
    assert parameters in {None, network.count_params()}


def test_the_seed_of_the_training_decides_the_first_weights() -> None:
    schema = learn_schema(train_rows(), COLUMNS, Reshaping())
    one, same, other = (
        build_network(schema, NETWORK, TRAINING.model_copy(update={"seed": seed})).get_weights()
        for seed in (5, 5, 6)
    )
    for a, b in zip(one, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(one, other, strict=True))


def test_a_candidate_is_trained_and_saves_and_loads(tmp_path: Path) -> None:
    rows = train_rows()
    schema = learn_schema(rows, COLUMNS, Reshaping())
    features, labels = split_features_from_label(rows, schema)
    sequences, before = reshape(features, schema), labels.copy()

    network = build_network(schema, NETWORK, TRAINING)
    candidate, history = train_network(network, sequences, labels, TRAINING)

    pd.testing.assert_series_equal(labels, before)
    assert len(history["loss"]) == TRAINING.epochs
    assert json.loads(json.dumps(history, allow_nan=False)) == history
    assert any(
        (a != b).any() for a, b in zip(candidate.get_weights(), network.get_weights(), strict=True)
    )

    path = tmp_path / "candidate.keras"
    candidate.save(path)
    loaded = keras.saving.load_model(path, safe_mode=True)
    expected = candidate.predict(sequences, verbose=0)
    np.testing.assert_array_equal(loaded.predict(sequences, verbose=0), expected)
    assert np.isfinite(expected).all()


def test_missing_values_do_not_turn_the_tutorials_network_into_nan() -> None:
    rows = train_rows()
    schema = learn_schema(rows, COLUMNS, Reshaping())
    features, labels = split_features_from_label(rows, schema)
    tutorial = NETWORK.model_copy(update={"kind": "tutorial"})
    with suppress(DataError):  # to refuse them would do, too
        candidate, _ = train_network(
            build_network(schema, tutorial, TRAINING), reshape(features, schema), labels, TRAINING
        )
        assert np.isfinite(
            candidate.predict(reshape(features.fillna(0.0), schema), verbose=0)
        ).all()
