"""Wiring: evaluation and champions → gate checks → decision; its page → promotion log."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.promotion import nodes


def create_pipeline() -> Pipeline:
    """Wire the nodes from `evaluation` and `champions` to `decision`, and from its page on."""
    return Pipeline(
        [
            Node(
                nodes.predict_with_champions,
                inputs=[
                    "champions",
                    "test_set",
                    "evaluation",
                    "params:promotion",
                    "params:evaluation",
                ],
                outputs=["champion_predictions", "compared_champions"],
                name="predict_with_champions",
            ),
            Node(
                nodes.read_back,
                inputs=["candidate@file", "test_set", "candidate_predictions", "evaluation"],
                outputs="checked_artifact",
                name="read_back",
            ),
            Node(
                nodes.check_candidate,
                inputs=[
                    "compared_champions",
                    "checked_artifact",
                    "data_summary",
                    "params:promotion",
                    "params:validation",
                    "params:monitoring",
                ],
                outputs="gate_checks",
                name="check_candidate",
            ),
            Node(
                nodes.decide,
                inputs=[
                    "gate_checks",
                    "compared_champions",
                    "checked_artifact",
                    "train_fingerprints",
                    "data_summary",
                    "provenance",
                ],
                outputs="decision",
                name="decide",
            ),
            Node(
                nodes.record,
                inputs=["decision", "report", "champions"],
                outputs="promotions",
                name="record",
            ),
        ],
        namespace="promotion",
        prefix_datasets_with_namespace=False,
    )
