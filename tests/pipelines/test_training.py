"""The training nodes: from a schema and labelled sequences to a candidate and its history."""

import numpy as np
import pandas as pd

from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.parameters.hyperparameters import (
    ReshapingOptions,
    TrainingOptions,
)
from tabular_lstm.pipelines.reshaping.nodes import learn_schema, reshape, split_features_from_label
from tabular_lstm.pipelines.training.nodes import (
    fingerprint_train_rows,
)
from tabular_lstm.rows.examples import Examples
from tests.helpers.decisions import DATA
from tests.helpers.nodes import NO_ROWS

COLUMNS = ColumnsOptions(label="sick", positive_class=1, negative_class=0, categorical=["c"])


def train_rows() -> pd.DataFrame:
    """Rows in no order, as a split leaves them, with a missing number and a missing category."""
    rng = np.random.default_rng(0)
    index = pd.Index(rng.permutation(range(10, 70)), name="row")
    rows = pd.DataFrame(rng.normal(5, 2, (60, 2)), columns=["a", "b"], index=index)
    rows["c"] = pd.Series(["red", "blue", None] * 20, index=index, dtype=object)
    rows.loc[12, "b"] = np.nan
    return rows.assign(sick=(rows["a"] > 5).astype("int64"))


def set_of(rows: pd.DataFrame, columns: ColumnsOptions = COLUMNS) -> Examples:
    schema = learn_schema(rows, NO_ROWS, DATA, columns, ReshapingOptions(), TrainingOptions())
    return reshape(split_features_from_label(rows, schema, columns))


def test_each_row_that_is_trained_on_leaves_its_fingerprint() -> None:
    rows = train_rows().assign(id=[f"P{place}" for place in range(60)])
    columns = COLUMNS.model_copy(update={"key": "id"})
    train_set = set_of(rows, columns)
    sequences = train_set.sequences
    kept = fingerprint_train_rows(train_set)
    assert kept.hold(sequences).all()
    assert kept.hold(sequences[:0], rows["id"]).all()
    assert not kept.hold(sequences + 1).any()
    assert fingerprint_train_rows(set_of(rows.drop(columns="id"))).key is None
