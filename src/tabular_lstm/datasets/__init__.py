"""Datasets: what the catalog reads and writes.

Importing this package imports the raw CSV's dataset alone; the others are named by their modules.
"""

from tabular_lstm.datasets.raw_csv import RawCSVDataset

__all__ = ["RawCSVDataset"]
