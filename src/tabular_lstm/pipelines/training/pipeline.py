"""Wiring: train set → network → candidate, training log, fingerprints."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.training.nodes import (
    build_network,
    fingerprint_train_rows,
    train_network,
)


def create_pipeline() -> Pipeline:
    """Wire the nodes from `train_set` to `candidate`."""
    return Pipeline(
        [
            Node(
                build_network,
                inputs=["train_set", "params:network", "params:training"],
                outputs="network",
                name="build_network",
            ),
            Node(
                train_network,
                inputs=["network", "train_set", "params:training", "engine"],
                outputs=["candidate@network", "training_log"],
                name="train_network",
            ),
            Node(
                fingerprint_train_rows,
                inputs="train_set",
                outputs="train_fingerprints",
                name="fingerprint_train_rows",
            ),
        ],
        namespace="training",
        prefix_datasets_with_namespace=False,
        tags=["training", "report"],
    )
