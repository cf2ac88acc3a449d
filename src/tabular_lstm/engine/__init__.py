"""Where work runs: in this process, or on the workers of a Dask cluster."""

from tabular_lstm.engine.engine import Engine, Workers, one_by_one

__all__ = ["Engine", "Workers", "one_by_one"]
