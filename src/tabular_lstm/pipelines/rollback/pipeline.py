"""Wiring: champions → decision → report → promotion log."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.rollback import nodes
from tabular_lstm.serving.report import page_of_rollback


def create_pipeline() -> Pipeline:
    """Wire the nodes from `champions` to `promotions`."""
    return Pipeline(
        [
            Node(
                nodes.choose_champion,
                inputs=["champions", "params:rollback", "params:columns", "provenance"],
                outputs="decision",
                name="choose_champion",
            ),
            Node(
                page_of_rollback,
                inputs=["decision", "provenance"],
                outputs="report",
                name="write_report",
            ),
            Node(
                nodes.record_rollback,
                inputs=["decision", "report"],
                outputs="promotions",
                name="record",
            ),
        ],
        namespace="rollback",
        prefix_datasets_with_namespace=False,
    )
