"""From a CSV of labelled rows to a trained, judged and saved LSTM classifier."""

from typing import Any

__version__ = "0.1.0"
__all__ = ["LSTMClassifier"]


def __getattr__(name: str) -> Any:
    """Import the estimator when asked for it: every Kedro command imports this package."""
    if name == "LSTMClassifier":
        from tabular_lstm.classifier import LSTMClassifier  # noqa: PLC0415

        return LSTMClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
