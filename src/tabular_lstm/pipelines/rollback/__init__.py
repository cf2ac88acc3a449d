"""From the promotion log to an earlier champion."""

from tabular_lstm.pipelines.rollback.pipeline import create_pipeline

__all__ = ["create_pipeline"]
