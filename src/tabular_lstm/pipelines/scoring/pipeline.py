"""Wiring: rows to score, champion → checked rows → predictions → summary."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.scoring import nodes


def create_pipeline() -> Pipeline:
    """Wire the nodes from `rows_to_score` and `champion` to `predictions` and their summary."""
    return Pipeline(
        [
            Node(
                nodes.validate_rows_to_score,
                inputs=[
                    "rows_to_score",
                    "champion",
                    "params:columns",
                    "params:validation",
                    "params:scoring",
                ],
                outputs="checked_rows",
                name="validate_rows_to_score",
            ),
            Node(
                nodes.prepare_scorer,
                inputs=[
                    "checked_rows",
                    "champion",
                    "champions",
                    "params:scoring",
                    "params:monitoring",
                    "run_id",
                ],
                outputs="row_scorer",
                name="prepare_scorer",
            ),
            Node(
                nodes.score_rows,
                inputs=["checked_rows", "row_scorer", "scoring_conditions", "engine"],
                outputs="predictions@plan",
                name="score_rows",
            ),
            Node(
                nodes.summarize_scoring,
                inputs=["predictions@manifest", "row_scorer", "checked_rows"],
                outputs="scoring_summary",
                name="summarize_scoring",
            ),
            Node(
                nodes.compare_with_reference,
                inputs=["predictions@manifest", "row_scorer"],
                outputs="scoring_drift",
                name="compare_with_reference",
            ),
        ],
        namespace="scoring",
        prefix_datasets_with_namespace=False,
    )
