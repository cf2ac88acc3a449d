"""From raw text cells to train rows and test rows. Never imports TensorFlow."""

from tabular_lstm.pipelines.data_processing.pipeline import create_pipeline

__all__ = ["create_pipeline"]
