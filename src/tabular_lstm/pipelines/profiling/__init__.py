"""From raw rows to their profile. Never imports TensorFlow."""

from tabular_lstm.pipelines.profiling.pipeline import create_pipeline

__all__ = ["create_pipeline"]
