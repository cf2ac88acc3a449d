"""Wiring: judge (candidate and champions → decision), then promote (decision → promotion log)."""

from typing import Any

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.promotion import nodes
from tabular_lstm.serving import report

# Datasets keep their names in the catalog.
NAMES_KEPT: Any = {"prefix_datasets_with_namespace": False}


def create_pipeline() -> Pipeline:
    """Wire the nodes from `candidate@file` and `champions` to `promotions`."""
    judge = Pipeline(_judge(), namespace="judge", **NAMES_KEPT)
    promote = Pipeline(
        [
            Node(report.page, ["decision", *report.REPORTED], "report", name="write_report"),
            Node(
                nodes.record,
                inputs=["decision", "report", "champions"],
                outputs="promotions",
                name="record",
            ),
        ],
        namespace="promote",
        **NAMES_KEPT,
    )
    return Pipeline([judge, promote], namespace="promotion", **NAMES_KEPT)


def _judge() -> list[Node]:
    return [
        Node(
            nodes.predict_with_champions,
            inputs=[
                "champions",
                "train_rows",
                "test_rows",
                "history_rows",
                "test_set",
                "schema",
                "data_summary",
                "params:columns",
                "params:promotion",
                "params:monitoring",
                "run_id",
            ],
            outputs=["champion_predictions", "compared_champions"],
            name="predict_with_champions",
        ),
        Node(
            nodes.check_candidate,
            inputs=[
                "judged",
                "compared_champions",
                "candidate@file",
                "train_rows",
                "test_rows",
                "history_rows",
                "candidate_predictions",
                "data_summary",
                "params:evaluation",
                "params:promotion",
                "params:validation",
                "params:monitoring",
            ],
            outputs="checked",
            name="check_candidate",
        ),
        Node(
            nodes.decide,
            inputs=[
                "checked",
                "compared_champions",
                "train_fingerprints",
                "data_summary",
                "champions",
                "run_id",
                "provenance",
            ],
            outputs="decision",
            name="decide",
        ),
    ]
