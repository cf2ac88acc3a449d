"""From a CSV of labelled rows to a trained, judged and promoted LSTM."""

import importlib
import logging
import os
from typing import Any

# Set before TensorFlow is imported: fewer messages; no reordering by oneDNN, so that a training
# gives the same bits on more machines; and an allocator that keeps memory for the next step. The C
# library returns memory to the system, and getting it back takes up to 40 % of a step.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
# Keras imports matplotlib, which logs a message if it cannot write to the user's folders (as under
# cron), and each font at DEBUG. A run's log should contain neither.
if logging.getLogger("matplotlib").level == logging.NOTSET:
    logging.getLogger("matplotlib").setLevel(logging.ERROR)

__version__ = "0.2.0"
__all__ = ["LSTMClassifier", "LSTMRegressor", "compare", "load_champion"]

WHERE = {
    "LSTMClassifier": "tabular_lstm.estimator",
    "LSTMRegressor": "tabular_lstm.estimator",
    "compare": "tabular_lstm.judging.compare",
    "load_champion": "tabular_lstm.serving.champion",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, because every Kedro command imports this package."""
    if name in WHERE:
        return getattr(importlib.import_module(WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
