"""Kedro's settings: the project's hooks, and a log without other libraries' chatter."""

import warnings

from tabular_lstm.runs.environments import EnvironmentConfigLoader
from tabular_lstm.runs.hooks import RunHooks

# Kedro 1.7 calls omegaconf 2.4 by a name that warns several times a run.
warnings.filterwarnings("ignore", message="register_new_resolver", category=UserWarning)

CONFIG_LOADER_CLASS = EnvironmentConfigLoader
HOOKS = (RunHooks(),)
