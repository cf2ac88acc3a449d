"""Datasets: what the catalog reads and writes.

Importing this package imports those of raw rows alone; the others are named by their modules.
"""

from tabular_lstm.datasets.rows_to_score import RawCSVDataset, RawRowsDataset

__all__ = ["RawCSVDataset", "RawRowsDataset"]
