"""Build the network for the schema, and train it."""

from typing import Any

from tabular_lstm.engine import Engine, one_by_one
from tabular_lstm.errors import DataError
from tabular_lstm.parameters.hyperparameters import NetworkOptions, TrainingOptions, fault_of_task
from tabular_lstm.rows.examples import Examples
from tabular_lstm.rows.fingerprints import Fingerprints
from tabular_lstm.tensorflow_import import import_tensorflow

# Kedro imports every pipeline to list them, so only functions import TensorFlow.


def build_network(train_set: Examples, network: NetworkOptions, training: TrainingOptions) -> Any:
    """Build the untrained network, see `tabular_lstm.network.build.build`.

    Raises:
        DataError: The blocks do not fit the task, or a custom network cannot be used, see
            `tabular_lstm.network.own_network.OwnNetwork.built`.
    """
    schema = train_set.schema
    if fault := fault_of_task(schema.task, network, training):
        raise DataError(f"{fault}.")
    import_tensorflow()
    from tabular_lstm.network.build import build  # noqa: PLC0415

    return build(schema, network, training.seed)


def train_network(
    built_network: Any, train_set: Examples, training: TrainingOptions, engine: Engine
) -> tuple[Any, dict[str, Any]]:
    """Train a copy of the network, with rows that share a side in one member's fold.

    For histories it is calibrated for the rows that judge, see `Examples.judging`. If
    `training.groups` is above 1, the engine's workers train the groups of members.

    Returns:
        The candidate, and its training log: see `tabular_lstm.network.fit.train`. Besides, the log
        has `parameters`, how many weights the candidate has; `costs`, of decisions between classes,
        if conf declares them; `trained_on`, the fingerprint of the train set; `learned`, the
        fingerprint of what the candidate learned; and `label_scale`, how a number is learned, and
        why.
    """
    from tabular_lstm.network.fit import fingerprint_network, train  # noqa: PLC0415

    candidate, training_log = train(
        built_network,
        train_set.sequences,
        train_set.labels.to_numpy(),
        training,
        train_set.weights,
        train_set.fold_groups,
        engine.workers or one_by_one,
        train_set.judged,
    )
    target = train_set.schema.target
    training_log |= {
        "label_scale": target.scale if target else "",
        "parameters": sum(weight.size for weight in candidate.get_weights()),
        "costs": training.objective.cost_matrix,
        "trained_on": train_set.fingerprint,
        "learned": fingerprint_network(candidate),
    }
    return candidate, training_log


def fingerprint_train_rows(train_set: Examples) -> Fingerprints:
    """Compute the fingerprints of the rows that the candidate was trained on."""
    return Fingerprints.of_rows(train_set.sequences, train_set.keys, train_set.together)
