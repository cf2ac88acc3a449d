"""From a CSV of labelled rows to a trained, judged and promoted LSTM."""

import importlib
import logging
import os
from typing import Any

# Set before TensorFlow is imported: its messages; oneDNN's reordering, without which the same
# training gives the same bits on more machines; and an allocator that keeps memory for a next step.
# The C library's gives it back to the system: to have it again takes up to two fifths of a step.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
# Keras imports matplotlib, too. Where no folder of the user can be written, as under cron, it tells
# of its way out, and at DEBUG of each font: neither is for the log of a run.
if logging.getLogger("matplotlib").level == logging.NOTSET:
    logging.getLogger("matplotlib").setLevel(logging.ERROR)

__version__ = "0.1.0"
__all__ = ["LSTMClassifier", "LSTMRegressor", "load_champion"]

WHERE = {
    "LSTMClassifier": "tabular_lstm.classifier",
    "LSTMRegressor": "tabular_lstm.regressor",
    "load_champion": "tabular_lstm.serving.champion",
}


def __getattr__(name: str) -> Any:
    """Import one of these when asked for it: every Kedro command imports this package."""
    if name in WHERE:
        return getattr(importlib.import_module(WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
