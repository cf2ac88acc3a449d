"""From raw CSV to champion: all the other pipelines of a retraining, composed."""

from tabular_lstm.pipelines.retraining.pipeline import create_pipeline

__all__ = ["create_pipeline"]
