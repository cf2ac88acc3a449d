"""Wiring: rows → schema, features and labels, weights, groups; schema, features → sequences."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.reshaping.nodes import learn_schema, reshape, split_features_from_label
from tabular_lstm.rows.groups import number_groups
from tabular_lstm.rows.weights import weights_of


def create_pipeline() -> Pipeline:
    """Wire the nodes from rows and `data_summary` to sequences, labels, weights, groups."""
    return Pipeline(
        [
            Node(
                learn_schema,
                inputs=["train_rows", "data_summary", "params:columns", "params:reshaping"],
                outputs="schema",
                name="learn_schema",
            ),
            *(
                node
                for side in ("train", "test")
                for node in (
                    Node(
                        split_features_from_label,
                        inputs=[f"{side}_rows", "schema"],
                        outputs=[f"{side}_features", f"{side}_labels"],
                        name=f"split_{side}_features_from_label",
                    ),
                    Node(
                        weights_of,
                        inputs=[f"{side}_rows", "params:columns"],
                        outputs=f"{side}_weights",
                        name=f"weigh_{side}_rows",
                    ),
                    Node(
                        number_groups,
                        inputs=[f"{side}_rows", "params:columns"],
                        outputs=f"{side}_groups",
                        name=f"number_{side}_groups",
                    ),
                    Node(
                        reshape,
                        inputs=[f"{side}_features", "schema"],
                        outputs=f"{side}_sequences",
                        name=f"reshape_{side}_features",
                    ),
                )
            ),
        ],
        namespace="reshaping",
        prefix_datasets_with_namespace=False,
    )
