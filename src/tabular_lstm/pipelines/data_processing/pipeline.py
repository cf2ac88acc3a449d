"""Wiring: raw rows → valid and quarantined rows → train and test rows."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.data_processing.nodes import accept_rows, split_rows, validate_rows


def create_pipeline() -> Pipeline:
    """Wire the nodes from `raw_rows` to `train_rows` and `test_rows`."""
    return Pipeline(
        [
            Node(
                validate_rows,
                inputs=["raw_rows", "params:columns"],
                outputs=["valid_rows", "quarantined_rows", "source"],
                name="validate_rows",
            ),
            Node(
                accept_rows,
                inputs=["valid_rows", "quarantined_rows", "source", "params:validation"],
                outputs="accepted_rows",
                name="accept_rows",
            ),
            Node(
                split_rows,
                inputs=["accepted_rows", "source", "params:columns", "params:split"],
                outputs=["train_rows", "test_rows", "data_summary"],
                name="split_rows",
            ),
        ],
        namespace="data_processing",
        prefix_datasets_with_namespace=False,
    )
