"""The settings of tabular-lstm. Your own hooks: `HOOKS = (*HOOKS, YourHooks())`."""

from tabular_lstm.settings import *  # noqa: F403
