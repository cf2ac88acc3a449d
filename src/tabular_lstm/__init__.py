"""From a CSV of labelled rows to a trained, judged and promoted LSTM classifier."""

import os
from typing import Any

# Set before TensorFlow is imported: its messages, and oneDNN's reordering, without which the same
# training gives the same bits on more machines.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

__version__ = "0.1.0"
__all__ = ["LSTMClassifier"]


def __getattr__(name: str) -> Any:
    """Import the estimator when asked for it: every Kedro command imports this package."""
    if name == "LSTMClassifier":
        from tabular_lstm.classifier import LSTMClassifier  # noqa: PLC0415

        return LSTMClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
