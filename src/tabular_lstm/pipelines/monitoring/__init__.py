"""From finished scorings and late labels to the champion's health. No TensorFlow."""

from tabular_lstm.pipelines.monitoring.pipeline import create_pipeline

__all__ = ["create_pipeline"]
