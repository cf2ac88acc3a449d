"""Wiring: candidate and baselines → predictions → metrics, figures and verdict."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.evaluation import nodes

FIGURES = (
    "learning_curves",
    "roc_curve",
    "precision_recall_curve",
    "calibration_curve",
    "confusion_matrix",
    "importance_chart",
    "score_distribution",
)


def create_pipeline() -> Pipeline:
    """Wire the nodes from `candidate` and the sequences to `metrics` and `verdict`."""
    return Pipeline(
        [
            Node(
                nodes.choose_evaluated_rows,
                inputs=[
                    "train_sequences",
                    "train_labels",
                    "test_sequences",
                    "test_labels",
                ],
                outputs=["evaluated_sequences", "evaluated_labels", "evaluated_on"],
                name="choose_evaluated_rows",
            ),
            Node(
                nodes.predict_with_candidate,
                inputs=[
                    "candidate",
                    "history",
                    "train_sequences",
                    "train_labels",
                    "evaluated_sequences",
                    "evaluated_labels",
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
                    "evaluated_on",
                    "params:evaluation",
                ],
                outputs="scores",
                name="evaluate",
            ),
            Node(
                nodes.measure_importance,
                inputs=[
                    "candidate",
                    "evaluated_sequences",
                    "candidate_predictions",
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
                    "candidate",
                    "history",
                    "params:network",
                    "scores",
                ],
                outputs="metrics",
                name="assemble_metrics",
            ),
            Node(
                nodes.draw_figures,
                inputs=[
                    "history",
                    "candidate_predictions",
                    "baseline_predictions",
                    "scores",
                    "permutation_importance",
                    "schema",
                ],
                outputs=list(FIGURES),
                name="draw_figures",
            ),
            Node(
                nodes.compare_with_baselines,
                inputs=["scores", "data_summary"],
                outputs="verdict",
                name="compare_with_baselines",
            ),
        ],
        namespace="evaluation",
        prefix_datasets_with_namespace=False,
    )
