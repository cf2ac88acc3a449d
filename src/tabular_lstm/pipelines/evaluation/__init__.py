"""From a candidate to predictions, metrics, figures and a verdict."""

from tabular_lstm.pipelines.evaluation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
