"""From new rows to predictions by the champion. Never imports TensorFlow."""

from tabular_lstm.pipelines.scoring.pipeline import create_pipeline

__all__ = ["create_pipeline"]
