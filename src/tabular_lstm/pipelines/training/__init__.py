"""From sequences to a trained candidate."""

from tabular_lstm.pipelines.training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
