"""Wiring: train rows → schema; rows and schema → train set, test set."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.reshaping.nodes import (
    learn_schema,
    reshape,
    reshape_test_rows,
    split_features_from_label,
)


def create_pipeline() -> Pipeline:
    """Wire the nodes from rows and `data_summary` to `train_set` and `test_set`."""
    return Pipeline(
        [
            Node(
                learn_schema,
                inputs=[
                    "train_rows",
                    "history_rows",
                    "data_summary",
                    "params:columns",
                    "params:reshaping",
                    "params:training",
                ],
                outputs="schema",
                name="learn_schema",
            ),
            Node(
                split_features_from_label,
                inputs=["train_rows", "schema", "params:columns", "history_rows"],
                outputs="train_features",
                name="split_train_features_from_label",
            ),
            Node(
                split_features_from_label,
                # Train rows may be the history of test rows.
                inputs=["test_rows", "schema", "params:columns", "history_rows", "train_rows"],
                outputs="test_features",
                name="split_test_features_from_label",
            ),
            Node(
                reshape, inputs="train_features", outputs="train_set", name="reshape_train_features"
            ),
            Node(
                reshape_test_rows,
                inputs=["test_features", "train_set"],
                outputs="test_set",
                name="reshape_test_features",
            ),
        ],
        namespace="reshaping",
        prefix_datasets_with_namespace=False,
        tags=["training", "report"],
    )
