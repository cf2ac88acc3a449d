"""Datasets: what the catalog reads and writes.

This package imports only the datasets of raw rows; the others are imported from their modules.
"""

from tabular_lstm.datasets.rows_to_score import RawCSVDataset, RawRowsDataset

__all__ = ["RawCSVDataset", "RawRowsDataset"]
