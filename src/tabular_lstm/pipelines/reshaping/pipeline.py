"""Wiring: train rows → schema; rows and schema → train set, test set."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.reshaping.nodes import learn_schema, reshape, split_features_from_label


def create_pipeline() -> Pipeline:
    """Wire the nodes from rows and `data_summary` to `train_set` and `test_set`."""
    learn = Node(
        learn_schema,
        inputs=["train_rows", "history_rows", "data_summary", "params:columns", "params:reshaping"],
        outputs="schema",
        name="learn_schema",
    )
    sides = [node for side in ("train", "test") for node in _side(side)]
    return Pipeline([learn, *sides], namespace="reshaping", prefix_datasets_with_namespace=False)


def _side(side: str) -> list[Node]:
    return [
        Node(
            split_features_from_label,
            # Train rows may be the history of test rows.
            inputs=[
                f"{side}_rows",
                "schema",
                "params:columns",
                "history_rows",
                *(["train_rows"] if side == "test" else []),
            ],
            outputs=f"{side}_features",
            name=f"split_{side}_features_from_label",
        ),
        Node(
            reshape,
            inputs=[f"{side}_features", "schema"],
            outputs=f"{side}_set",
            name=f"reshape_{side}_features",
        ),
    ]
