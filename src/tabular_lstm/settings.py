"""Kedro's settings: the project's hooks, and a log without known warnings of libraries."""

import warnings

from tabular_lstm.runs.adoption import TuningHooks
from tabular_lstm.runs.config_loader import EnvironmentConfigLoader
from tabular_lstm.runs.hooks import RunHooks

# Kedro 1.7 calls omegaconf 2.4, and Kedro-Viz 12.5 FastAPI, by names that warn each time.
warnings.filterwarnings("ignore", message="register_new_resolver|ORJSONResponse is deprecated")

CONFIG_LOADER_CLASS = EnvironmentConfigLoader
HOOKS = (TuningHooks(), RunHooks())
