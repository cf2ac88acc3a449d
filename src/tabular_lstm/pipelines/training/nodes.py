"""Build the network for the schema, and train it."""

from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.engine import Engine, one_by_one
from tabular_lstm.errors import DataError, row_list
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.parameters.hyperparameters import NetworkOptions, TrainingOptions, fault_of_task
from tabular_lstm.rows.fingerprints import Fingerprints, keys_of, together_of
from tabular_lstm.rows.histories import table_of
from tabular_lstm.rows.labelled_set import Examples
from tabular_lstm.rows.schema import Schema
from tabular_lstm.tensorflow_import import import_tensorflow

# Kedro imports every pipeline to list them, so only functions import TensorFlow.


def build_network(
    schema: Schema,
    network: NetworkOptions,
    training: TrainingOptions,
    train_set: Examples,
) -> Any:
    """Build the untrained network, after checking that it can read the train rows.

    Returns:
        A `keras.Model`, see `tabular_lstm.network.build`.

    Raises:
        DataError: The blocks do not fit the task, or the tutorial's network would get rows with
            missing values.
    """
    if fault := fault_of_task(schema.task, network, training):
        raise DataError(f"{fault}.")
    rows = table_of(train_set.sequences)
    if network.kind == "tutorial" and (incomplete := np.isnan(rows).any(axis=1)).any():
        raise DataError(
            f"{row_list(train_set.labels.index[incomplete].tolist())} have missing values, which "
            "the network of kind tutorial does not take: expected a value in every cell. Use "
            "network.kind: ensemble."
        )
    import_tensorflow()
    from tabular_lstm.network.build import build  # noqa: PLC0415

    return build(schema, network, training.seed)


def train_network(
    built_network: Any,
    train_set: Examples,
    schema: Schema,
    network: NetworkOptions,
    training: TrainingOptions,
    engine: Engine,
) -> tuple[Any, dict[str, Any]]:
    """Train a copy of the network, with rows that share a side in one member's fold.

    It is calibrated for the rows of histories that judge, see `Examples.judged`.

    If `training.groups` is above 1, the engine's workers train the groups of members.

    Returns:
        The candidate, and its history: see `tabular_lstm.network.fit.train`; `trained_on` is the
        train set's fingerprint, and `learned` the fingerprint of what the candidate learned.
    """
    from tabular_lstm.network.fit import fingerprint_network, train  # noqa: PLC0415

    candidate, history = train(
        built_network,
        train_set.sequences,
        train_set.labels.to_numpy(),
        training,
        train_set.weights,
        train_set.fold_groups,
        engine.workers or one_by_one,
        train_set.judged,
    )
    history["trained_on"] = train_set.fingerprint
    history["learned"] = fingerprint_network(candidate)
    return candidate, history


def fingerprint_train_rows(
    train_set: Examples, train_rows: pd.DataFrame, schema: Schema, columns: ColumnsOptions
) -> Fingerprints:
    """Compute the fingerprints of the rows that the candidate was trained on."""
    keys, together = keys_of(train_rows, columns), together_of(train_rows, columns)
    return Fingerprints.of_rows(train_set.sequences, keys, together)
