"""Kedro's settings: the project's hooks, and a log without other libraries' chatter."""

import os
import warnings

from tabular_lstm.environments import EnvironmentConfigLoader
from tabular_lstm.hooks import RunHooks

# Set here because Kedro reads this file before the catalog imports TensorFlow.
# Without oneDNN's reordering the same run gives the same bits on more machines.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

# Kedro 1.7 calls omegaconf 2.4 by a name that warns several times a run.
warnings.filterwarnings("ignore", message="register_new_resolver", category=UserWarning)

CONFIG_LOADER_CLASS = EnvironmentConfigLoader
HOOKS = (RunHooks(),)
