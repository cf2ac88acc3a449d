"""Wiring: raw rows → rows → sequences → candidate → judgement → champion."""

from kedro.pipeline import Pipeline

from tabular_lstm.pipelines import data_processing, evaluation, promotion, reshaping, training


def create_pipeline() -> Pipeline:
    """Compose the five pipelines of a retraining."""
    rooms = (reshaping, training, evaluation, promotion)
    processed = data_processing.create_pipeline(gated=True)
    return sum((room.create_pipeline() for room in rooms), processed)
