"""From raw rows to champion: the pipelines of a retraining, composed."""

from tabular_lstm.pipelines.retraining.pipeline import create_pipeline

__all__ = ["create_pipeline"]
