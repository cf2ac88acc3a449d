"""From finished scorings and late labels to the champion's health. Never imports TensorFlow."""

from tabular_lstm.pipelines.monitoring.pipeline import create_pipeline

__all__ = ["create_pipeline"]
