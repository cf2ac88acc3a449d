"""Wiring: late labels → labels; with finished scorings → measured → health → page."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.monitoring import nodes
from tabular_lstm.serving import late_labels


def create_pipeline() -> Pipeline:
    """Wire the nodes from `late_labels` and `finished_scorings` to `health` and its page."""
    return Pipeline(
        [
            Node(
                nodes.read_labels,
                inputs=["late_labels", "champions", "params:columns"],
                outputs=["labels", "quarantined_labels"],
                name="read_labels",
            ),
            Node(
                late_labels.measure_labelled_rows,
                inputs=["labels", "finished_scorings", "champions", "params:columns"],
                outputs="measured",
                name="measure_labelled_rows",
            ),
            Node(
                nodes.examine,
                inputs=[
                    "measured",
                    "finished_scorings",
                    "champions",
                    "params:columns",
                    "params:monitoring",
                    "run_id",
                ],
                outputs="health",
                name="examine",
            ),
            Node(
                nodes.write_health_page,
                inputs=["health", "champions", "params:report"],
                outputs="monitoring_page",
                name="write_page",
            ),
        ],
        namespace="monitoring",
        prefix_datasets_with_namespace=False,
    )
