"""From raw rows to better parameters, by trials on the train rows alone."""

from tabular_lstm.pipelines.tuning.pipeline import create_pipeline

__all__ = ["create_pipeline"]
