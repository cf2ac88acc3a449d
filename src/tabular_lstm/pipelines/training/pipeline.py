"""Wiring: schema → network; train set → candidate, history, fingerprints."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.training.nodes import (
    build_network,
    fingerprint_train_rows,
    train_network,
)


def create_pipeline() -> Pipeline:
    """Wire the nodes from `schema` and `train_set` to `candidate`."""
    return Pipeline(
        [
            Node(
                build_network,
                inputs=["schema", "params:network", "params:training", "train_set"],
                outputs="network",
                name="build_network",
            ),
            Node(
                train_network,
                inputs=[
                    "network",
                    "train_set",
                    "schema",
                    "params:network",
                    "params:training",
                    "engine",
                ],
                outputs=["candidate@network", "history"],
                name="train_network",
            ),
            Node(
                fingerprint_train_rows,
                inputs=["train_set", "train_rows", "schema", "params:columns"],
                outputs="train_fingerprints",
                name="fingerprint_train_rows",
            ),
        ],
        namespace="training",
        prefix_datasets_with_namespace=False,
    )
