"""Kedro's settings: the project's hooks, and TensorFlow kept quiet before anything imports it."""

import os

from tabular_lstm.hooks import RunHooks

# Set here because Kedro reads this file before the catalog imports TensorFlow.
# Without oneDNN's reordering the same run gives the same bits on more machines.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

HOOKS = (RunHooks(),)
