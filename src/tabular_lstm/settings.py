"""Kedro's settings: the project's hooks, and how conf is loaded.

Each environment keeps its outputs in its own folder. An event is one line in the log.
"""

import logging
import warnings
from functools import cached_property
from typing import Any

from kedro.config import OmegaConfigLoader
from omegaconf import OmegaConf

from tabular_lstm.datasets.kedro_private import parameters_of_files
from tabular_lstm.datasets.tables import as_table, complete
from tabular_lstm.environments import output_folder, refuse_unknown, run_command, with_model
from tabular_lstm.errors import DataError, printable
from tabular_lstm.parameters import BLOCKS
from tabular_lstm.runs.hooks import RunHooks
from tabular_lstm.runs.models import values_of_models

# Blocks that conf need not have; the columns are a project's own.
DEFAULTS = {
    n: b().model_dump(mode="json", by_alias=True) for n, b in BLOCKS.items() if n != "columns"
}


class EnvironmentConfigLoader(OmegaConfigLoader):
    """Kedro's config loader, plus `${outputs:}`, `${run_command:}`, `${model:}`, `${model:value}`.

    `${model:}` is the name of the model, `${model:value}` its value in the column of `where`.

    The loader merges all files, and then the parameters of the command line. What conf leaves out
    gets its default: a block of parameters from its class, a catalog entry from `complete`. The
    resolvers are not in a hook, because Kedro-Viz loads the catalog without the project's hooks.

    Raises:
        DataError: See `refuse_unknown`.
    """

    def __init__(self, conf_source: str, env: str | None = None, **arguments: Any) -> None:
        refuse_unknown(env, conf_source)
        super().__init__(conf_source, env, **arguments)

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Load one kind of configuration, with this loader's environment.

        All loaders of a process share the resolvers, so each load registers its own again.
        """
        model = self.runtime_params.get("model", "")  # "" for Kedro-Viz
        env = with_model(self.env, model)
        OmegaConf.register_resolver("outputs", lambda: output_folder(env), replace=True)
        OmegaConf.register_resolver("run_command", lambda: run_command(env), replace=True)
        name = str(model) or "MODEL"
        values = self._values if model and key == "catalog" else {}

        def of_model(part: str = "") -> str:
            if part and (part, key) != ("value", "catalog"):
                raise DataError(
                    f"${{model:{part}}}: expected ${{model:}} or, in the catalog, ${{model:value}}."
                )
            return values.get(name, name) if part else name

        OmegaConf.register_resolver("model", of_model, replace=True)
        if key == "catalog":
            entries = complete(super().__getitem__(key))
            return {name: as_table(name, entry) for name, entry in entries.items()}
        if key != "parameters":
            return super().__getitem__(key)
        with parameters_of_files(self) as runtime_values:
            config: dict[str, Any] = _merged(DEFAULTS | super().__getitem__(key), runtime_values)
        return config

    @cached_property
    def _values(self) -> dict[str, str]:
        return values_of_models(self["parameters"])


def _merged(config: Any, runtime_values: Any) -> Any:
    """Replace conf's values by the given values. A `${` that is still in conf is plain text."""
    if not (isinstance(config, dict) and isinstance(runtime_values, dict)):
        return runtime_values
    return config | {n: _merged(config.get(n), value) for n, value in runtime_values.items()}


class LineRecord(logging.LogRecord):
    """A log record of any logger. Its message is one line, whatever text the message contains.

    A formatter cannot do this, because Kedro accepts only Python's own in conf/logging.yml.
    """

    def getMessage(self) -> str:  # noqa: N802
        """Return the message on one line."""
        return printable(super().getMessage())


logging.setLogRecordFactory(LineRecord)

# Deprecated: Kedro 1.7 uses a function of omegaconf 2.4, Kedro-Viz 12.5 a class of FastAPI.
warnings.filterwarnings("ignore", message="register_new_resolver|ORJSONResponse is deprecated")

CONFIG_LOADER_CLASS = EnvironmentConfigLoader
HOOKS = (RunHooks(),)
# They would keep sizes and times in .viz/, and Kedro-Viz would show them for any environment.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-viz",)
