"""The training nodes: from a schema and labelled sequences to a candidate and its history."""

import re
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Columns, Network, Reshaping, Training
from tabular_lstm.pipelines.reshaping.nodes import learn_schema, reshape, split_features_from_label
from tabular_lstm.pipelines.training.nodes import (
    build_network,
    fingerprint_train_rows,
)
from tabular_lstm.rows.labelled_set import LabelledSet
from tabular_lstm.rows.schema import Schema
from tests.helpers.decisions import DATA
from tests.helpers.nodes import NO_ROWS
from tests.helpers.project import TINY

NETWORK = Network.model_validate(TINY["network"])
TRAINING = Training.model_validate(TINY["training"])
TUTORIAL = Network(kind="tutorial")
COLUMNS = Columns(label="sick", positive_class=1, negative_class=0, categorical=["c"])


def train_rows() -> pd.DataFrame:
    """Rows in no order, as a split leaves them, with a missing number and a missing category."""
    rng = np.random.default_rng(0)
    index = pd.Index(rng.permutation(range(10, 70)), name="row")
    rows = pd.DataFrame(rng.normal(5, 2, (60, 2)), columns=["a", "b"], index=index)
    rows["c"] = pd.Series(["red", "blue", None] * 20, index=index, dtype=object)
    rows.loc[12, "b"] = np.nan
    return rows.assign(sick=(rows["a"] > 5).astype("int64"))


# By hand, for two steps of two slots, of which two numbers, a category of two and one padded.
# Two members of each of two kinds, of: embed's 8 frequencies a number, matrices from 18 to 8,
# biases and 2 + 2 vectors; two LSTMs of 4 units that read 16 numbers; and a logit of 16.
ENSEMBLE = 4 * (2 * (8 + 18 * 8 + 8) + 4 * 8 + 2 * 16 * (16 + 4 + 1) + 16 + 1)


def set_of(rows: pd.DataFrame, columns: Columns = COLUMNS) -> tuple[Schema, LabelledSet]:
    schema = learn_schema(rows, NO_ROWS, DATA, columns, Reshaping())
    return schema, reshape(split_features_from_label(rows, schema, columns), schema)


def built_for(rows: pd.DataFrame, network: Network, training: Training) -> Any:
    schema, train_set = set_of(rows)
    return build_network(schema, network, training, train_set)


@pytest.mark.parametrize(("network", "parameters"), [(NETWORK, ENSEMBLE), (TUTORIAL, 38)])
def test_the_declared_kind_is_built(network: Network, parameters: int) -> None:
    built = built_for(train_rows().fillna({"b": 0.0, "c": "red"}), network, TRAINING)
    assert isinstance(built, keras.Model)
    assert built.name == network.kind
    assert built.count_params() == parameters
    assert built(np.zeros((5, 2, 2), np.float32)).shape == (5, 1)


def test_the_tutorials_network_refuses_missing_numbers_and_categories_by_row() -> None:
    rows = train_rows().fillna({"b": 0.0, "c": "red"})
    rows.loc[12, "b"], rows.loc[40, "c"] = np.nan, None
    with pytest.raises(DataError, match=r"rows \d\d, \d\d have missing values") as error:
        built_for(rows, TUTORIAL, TRAINING)
    assert {"12", "40"} == set(re.findall(r"\b\d\d\b", str(error.value)))
    assert "network.kind: ensemble" in str(error.value)


def test_each_row_that_is_trained_on_leaves_its_fingerprint() -> None:
    rows = train_rows().assign(id=[f"P{place}" for place in range(60)])
    columns = COLUMNS.model_copy(update={"key": "id"})
    schema, train_set = set_of(rows, columns)
    sequences = train_set.sequences
    kept = fingerprint_train_rows(train_set, rows, schema, columns)
    assert kept.hold(sequences).all()
    assert kept.hold(sequences[:0], rows["id"]).all()
    assert not kept.hold(sequences + 1).any()
    assert fingerprint_train_rows(train_set, rows, schema, COLUMNS).key is None
