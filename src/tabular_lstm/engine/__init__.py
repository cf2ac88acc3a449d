"""Where work runs: in this process, or on the workers of a Dask cluster."""

from tabular_lstm.engine.engine import Engine

__all__ = ["Engine"]
