"""Wiring: raw rows → rows → sequences → candidate → evaluation → decision → page → champion."""

from kedro.pipeline import Pipeline

from tabular_lstm.pipelines import data_processing, evaluation, promotion, reshaping, training
from tabular_lstm.pipelines.evaluation.pipeline import create_report_pipeline


def create_pipeline() -> Pipeline:
    """Compose the five pipelines of a retraining, and the page about its decision."""
    rooms = (reshaping, training, evaluation, promotion)
    processed = data_processing.create_pipeline(gated=True)
    report = create_report_pipeline("decision", "promotion")
    return sum((room.create_pipeline() for room in rooms), processed) + report
