"""From train and test rows to train set and test set, by a schema learned from the train rows."""

from tabular_lstm.pipelines.reshaping.pipeline import create_pipeline

__all__ = ["create_pipeline"]
