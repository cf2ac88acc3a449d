"""From a candidate and the champions to a decision, and from the decision to the champion."""

from tabular_lstm.pipelines.promotion.pipeline import create_pipeline

__all__ = ["create_pipeline"]
