"""Wiring: raw rows → valid and quarantined rows → train and test rows."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.data_processing.nodes import accept_rows, split_rows, validate_rows


def create_pipeline(gated: bool = False) -> Pipeline:
    """Wire the nodes from `raw_rows` to `train_rows` and `test_rows`.

    Args:
        gated: Whether a gate follows, which judges the share of quarantined rows; a split by time
            then keeps the boundary of the gate's earlier decisions. Default: False; too many
            quarantined rows stop the run.
    """
    validate = Node(
        validate_rows,
        inputs=["raw_rows", "params:columns"],
        outputs=["valid_rows", "quarantined_rows"],
        name="validate_rows",
    )
    accept = Node(
        accept_rows,
        inputs=["valid_rows", "params:validation"],
        outputs="accepted_rows",
        name="accept_rows",
    )
    accepted = "valid_rows" if gated else "accepted_rows"
    past = ["champions"] if gated else []
    parameters = ["params:columns", "params:split", "params:evaluation"]
    split = Node(
        split_rows,
        inputs=[accepted, *parameters, *past],
        outputs=["train_rows", "test_rows", "history_rows", "data_summary"],
        name="split_rows",
    )
    return Pipeline(
        [validate, split] if gated else [validate, accept, split],
        namespace="data_processing",
        prefix_datasets_with_namespace=False,
        tags=["training", "report"],
    )
