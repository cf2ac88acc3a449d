"""Wiring: candidate and baselines → predictions → metrics, figures and verdict."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.evaluation import nodes
from tabular_lstm.serving import report


def create_pipeline() -> Pipeline:
    """Wire the nodes from `candidate@network` and the sets to `metrics` and `verdict`."""
    return Pipeline(
        [
            Node(
                nodes.choose_evaluated_set,
                inputs=["train_set", "test_set"],
                outputs="evaluated_set",
                name="choose_evaluated_set",
            ),
            Node(
                nodes.predict_with_candidate,
                inputs=[
                    "candidate@network",
                    "history",
                    "train_fingerprints",
                    "train_set",
                    "evaluated_set",
                    "test_rows",
                    "params:columns",
                ],
                outputs="candidate_predictions",
                name="predict_with_candidate",
            ),
            Node(
                nodes.predict_with_baselines,
                inputs=[
                    "train_set",
                    "evaluated_set",
                    "schema",
                    "params:training",
                    "params:evaluation",
                    "engine",
                ],
                outputs="baseline_predictions",
                name="predict_with_baselines",
            ),
            Node(
                nodes.evaluate,
                inputs=[
                    "candidate_predictions",
                    "history",
                    "baseline_predictions",
                    "evaluated_set",
                    "schema",
                    "params:training",
                    "params:evaluation",
                ],
                outputs="judged",
                name="evaluate",
            ),
            Node(
                nodes.keep_reference,
                inputs=[
                    "candidate@file",
                    "train_set",
                    "test_set",
                    "evaluated_set",
                    "candidate_predictions",
                    "schema",
                    "data_summary",
                ],
                outputs="reference",
                name="keep_reference",
            ),
            Node(
                nodes.measure_importance,
                inputs=[
                    "candidate@network",
                    "evaluated_set",
                    "judged",
                    "schema",
                    "params:evaluation",
                ],
                outputs="permutation_importance",
                name="measure_importance",
            ),
            Node(
                nodes.assemble_metrics,
                inputs=[
                    "run_id",
                    "data_summary",
                    "candidate@network",
                    "history",
                    "params:network",
                    "judged",
                    "train_set",
                    "evaluated_set",
                    "test_rows",
                    "params:evaluation",
                ],
                outputs="metrics",
                name="assemble_metrics",
            ),
            Node(
                nodes.draw_figures,
                inputs=["history", "judged", "permutation_importance"],
                outputs="figures",
                name="draw_figures",
            ),
            Node(
                nodes.compare_with_baselines,
                inputs=[
                    "judged",
                    "evaluated_set",
                    "test_rows",
                    "data_summary",
                    "params:columns",
                    "params:network",
                    "params:training",
                    "params:evaluation",
                ],
                outputs="verdict",
                name="compare_with_baselines",
            ),
        ],
        namespace="evaluation",
        prefix_datasets_with_namespace=False,
    )


def create_report_pipeline() -> Pipeline:
    """Wire the page of a run that decides nothing."""
    return Pipeline(
        [Node(report.page, ["judged", *report.REPORTED], "report", name="write_report")]
    )
