"""Wiring: schema → network; network and train sequences → candidate and history."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.training.nodes import build_network, train_network


def create_pipeline() -> Pipeline:
    """Wire the nodes from `schema` and the train sequences to `candidate`."""
    return Pipeline(
        [
            Node(
                build_network,
                inputs=["schema", "params:network", "params:training"],
                outputs="network",
                name="build_network",
            ),
            Node(
                train_network,
                inputs=["network", "train_sequences", "train_labels", "params:training"],
                outputs=["candidate@network", "history"],
                name="train_network",
            ),
        ],
        namespace="training",
        prefix_datasets_with_namespace=False,
    )
