"""The pipelines of tabular-lstm and those in `pipelines/`: `kedro pipeline create NAME`."""

from tabular_lstm.pipeline_registry import register_pipelines

__all__ = ["register_pipelines"]
