"""Wiring: raw CSV → rows → sequences → candidate → judgement → champion."""

from kedro.pipeline import Pipeline

from tabular_lstm.pipelines import data_processing, evaluation, promotion, reshaping, training


def create_pipeline() -> Pipeline:
    """Compose the five pipelines of a retraining."""
    rooms = (data_processing, reshaping, training, evaluation, promotion)
    return sum((room.create_pipeline() for room in rooms), Pipeline([]))
