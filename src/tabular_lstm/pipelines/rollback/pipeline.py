"""Wiring: what is left of the champions → decision → promotion log."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.rollback import nodes
from tabular_lstm.serving.promotion_log import LogEntry


def create_pipeline() -> Pipeline:
    """Wire the nodes from `champions` to `promotions`."""
    return Pipeline(
        [
            Node(
                nodes.choose_champion,
                inputs=["champions", "params:rollback", "params:columns", "run_id", "provenance"],
                outputs="decision",
                name="choose_champion",
            ),
            Node(LogEntry.of, inputs="decision", outputs="promotions", name="record"),
        ],
        namespace="rollback",
        prefix_datasets_with_namespace=False,
    )
