"""Wiring: candidate, champions and the same test rows → gate → decision → log → champion."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.promotion import nodes

FIGURES = {
    "learning_curves": "learning_curves",
    "roc": "roc_curve",
    "precision_recall": "precision_recall_curve",
    "calibration": "calibration_curve",
    "confusion_matrix": "confusion_matrix",
    "importance": "importance_chart",
    "scores": "score_distribution",
}


def create_pipeline() -> Pipeline:
    """Wire the nodes from `candidate_artifact` and `artifacts` to `champion`."""
    return Pipeline(
        [
            Node(
                nodes.describe_data,
                inputs="data_summary",
                outputs="data",
                name="describe_data",
            ),
            Node(
                nodes.choose_golden_rows,
                inputs=["test_rows", "candidate_predictions"],
                outputs="golden_rows",
                name="choose_golden_rows",
            ),
            Node(
                nodes.predict_with_champions,
                inputs=[
                    "artifacts",
                    "past_promotions",
                    "past_decisions",
                    "test_rows",
                    "data",
                    "params:columns",
                    "params:promotion",
                ],
                outputs=["champion_predictions", "champions"],
                name="predict_with_champions",
            ),
            Node(
                nodes.compare,
                inputs=[
                    "candidate_predictions",
                    "baseline_predictions",
                    "champion_predictions",
                    "champions",
                    "scores",
                    "params:evaluation",
                    "params:promotion",
                ],
                outputs="comparison",
                name="compare",
            ),
            Node(
                nodes.check_data,
                inputs=["data", "champions", "params:promotion", "params:validation"],
                outputs="data_check",
                name="check_data",
            ),
            Node(nodes.check_floor, inputs="comparison", outputs="floor_check", name="check_floor"),
            Node(
                nodes.check_champions,
                inputs=["comparison", "champions", "past_promotions", "data", "params:promotion"],
                outputs="champion_check",
                name="check_champions",
            ),
            Node(
                nodes.check_artifact,
                inputs=["candidate_artifact", "golden_rows"],
                outputs="artifact_check",
                name="check_artifact",
            ),
            Node(
                nodes.decide,
                inputs=[
                    "data_check",
                    "floor_check",
                    "champion_check",
                    "artifact_check",
                    "run_id",
                    "provenance",
                    "data",
                    "scores",
                    "champions",
                    "comparison",
                ],
                outputs="decision",
                name="decide",
            ),
            Node(
                nodes.write_report,
                inputs={
                    "decision": "decision",
                    "metrics": "metrics",
                    "verdict": "verdict",
                    "quarantined_rows": "quarantined_rows",
                    **FIGURES,
                },
                outputs="report",
                name="write_report",
            ),
            Node(nodes.record, inputs=["decision", "report"], outputs="promotions", name="record"),
            Node(
                nodes.promote,
                inputs=["promotions", "candidate_artifact"],
                outputs="champion",
                name="promote",
            ),
        ],
        namespace="promotion",
        prefix_datasets_with_namespace=False,
    )
