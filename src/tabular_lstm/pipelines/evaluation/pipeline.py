"""Wiring: candidate and baselines → predictions → metrics, figures and verdict."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.judging.names import FIGURES
from tabular_lstm.judging.verdict import compare_with_baselines
from tabular_lstm.pipelines.evaluation import nodes


def create_pipeline() -> Pipeline:
    """Wire the nodes from `candidate@network` and the sequences to `metrics` and `verdict`."""
    return Pipeline(
        [
            Node(
                nodes.choose_evaluated_rows,
                inputs=[
                    "train_sequences",
                    "train_labels",
                    "test_sequences",
                    "test_labels",
                    "train_weights",
                    "test_weights",
                ],
                outputs=[
                    "evaluated_sequences",
                    "evaluated_labels",
                    "evaluated_weights",
                    "evaluated_on",
                ],
                name="choose_evaluated_rows",
            ),
            Node(
                nodes.predict_with_candidate,
                inputs=[
                    "candidate@network",
                    "history",
                    "train_fingerprints",
                    "train_sequences",
                    "train_labels",
                    "evaluated_sequences",
                    "evaluated_labels",
                    "evaluated_on",
                    "test_rows",
                    "params:columns",
                    "train_weights",
                    "evaluated_weights",
                ],
                outputs="candidate_predictions",
                name="predict_with_candidate",
            ),
            Node(
                nodes.predict_with_baselines,
                inputs=[
                    "train_sequences",
                    "train_labels",
                    "evaluated_sequences",
                    "schema",
                    "params:training",
                    "params:evaluation",
                    "engine",
                    "train_weights",
                    "train_groups",
                ],
                outputs=["baseline_predictions", "baseline_thresholds"],
                name="predict_with_baselines",
            ),
            Node(
                nodes.evaluate,
                inputs=[
                    "candidate_predictions",
                    "history",
                    "baseline_predictions",
                    "baseline_thresholds",
                    "params:evaluation",
                    "train_groups",
                    "test_groups",
                ],
                outputs="judged",
                name="evaluate",
            ),
            Node(
                nodes.measure_importance,
                inputs=[
                    "candidate@network",
                    "evaluated_sequences",
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
                    "evaluated_on",
                ],
                outputs="metrics",
                name="assemble_metrics",
            ),
            Node(
                nodes.draw_figures,
                inputs=["history", "judged", "permutation_importance", "schema", "evaluated_on"],
                outputs=list(FIGURES),
                name="draw_figures",
            ),
            Node(
                compare_with_baselines,
                inputs=["judged", "evaluated_on", "params:evaluation"],
                outputs="verdict",
                name="compare_with_baselines",
            ),
        ],
        namespace="evaluation",
        prefix_datasets_with_namespace=False,
    )
