"""Wiring: promotion log → decision → log → champion."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.rollback import nodes
from tabular_lstm.serving.promotion_log import record


def create_pipeline() -> Pipeline:
    """Wire the nodes from `past_promotions` to `champion`."""
    return Pipeline(
        [
            Node(
                nodes.choose_champion,
                inputs=["past_promotions", "artifacts", "params:rollback", "run_id", "provenance"],
                outputs="decision",
                name="choose_champion",
            ),
            Node(record, inputs="decision", outputs="promotions", name="record"),
            Node(
                nodes.restore,
                inputs=["promotions", "artifacts"],
                outputs="champion",
                name="restore",
            ),
        ],
        namespace="rollback",
        prefix_datasets_with_namespace=False,
    )
