"""Wiring: candidate and baselines → predictions → metrics, figures and verdict."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.evaluation import nodes
from tabular_lstm.serving import report


def create_pipeline() -> Pipeline:
    """Wire the nodes from `candidate@network` and the sets to `metrics` and `verdict`."""
    return Pipeline(
        [
            Node(
                nodes.predict_with_candidate,
                inputs=[
                    "candidate@network",
                    "training_log",
                    "train_fingerprints",
                    "train_set",
                    "test_set",
                ],
                outputs="candidate_predictions",
                name="predict_with_candidate",
            ),
            Node(
                nodes.predict_with_baselines,
                inputs=[
                    "train_set",
                    "test_set",
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
                    "baseline_predictions",
                    "training_log",
                    "train_set",
                    "test_set",
                    "params:evaluation",
                ],
                outputs="evaluation",
                name="evaluate",
            ),
            Node(
                nodes.keep_reference,
                inputs=[
                    "candidate@file",
                    "train_set",
                    "test_set",
                    "candidate_predictions",
                    "data_summary",
                ],
                outputs="reference",
                name="keep_reference",
            ),
            Node(
                nodes.measure_importance,
                inputs=["candidate@network", "test_set", "evaluation", "params:evaluation"],
                outputs="permutation_importance",
                name="measure_importance",
            ),
            Node(
                nodes.assemble_metrics,
                inputs=[
                    "data_summary",
                    "training_log",
                    "params:network",
                    "evaluation",
                    "provenance",
                ],
                outputs="metrics",
                name="assemble_metrics",
            ),
            Node(
                nodes.draw_figures,
                inputs=["training_log", "evaluation", "permutation_importance"],
                outputs="figures",
                name="draw_figures",
            ),
            Node(
                nodes.compare_with_baselines,
                inputs=[
                    "evaluation",
                    "test_set",
                    "data_summary",
                    "params:columns",
                    "params:evaluation",
                ],
                outputs="verdict",
                name="compare_with_baselines",
            ),
        ],
        namespace="evaluation",
        prefix_datasets_with_namespace=False,
        tags="report",
    )


def create_report_pipeline(basis: str = "evaluation", namespace: str = "report") -> Pipeline:
    """Wire the page of a run: about its `evaluation` or, if there is one, its `decision`."""
    return Pipeline(
        [
            Node(
                report.describe_data,
                inputs=["data_summary", "quarantined_rows", "reference", "provenance", "train_set"],
                outputs="data_section",
                name="describe_data",
            ),
            Node(
                report.page,
                inputs=[
                    basis,
                    "data_section",
                    "metrics",
                    "verdict",
                    "figures",
                    "permutation_importance",
                ],
                outputs="report",
                name="write_report",
            ),
        ],
        namespace=namespace,
        prefix_datasets_with_namespace=False,
        tags="report",
    )
