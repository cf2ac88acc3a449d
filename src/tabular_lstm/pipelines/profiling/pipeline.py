"""Wiring: raw rows → profile."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines.profiling.nodes import profile_rows


def create_pipeline() -> Pipeline:
    """Wire the node from `raw_rows` to `profile`."""
    return Pipeline([Node(profile_rows, inputs="raw_rows", outputs="profile", name="profile_rows")])
