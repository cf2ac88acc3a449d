"""Each conf environment keeps its outputs in a folder of its own."""

import re
from typing import Any

from kedro.config import OmegaConfigLoader
from omegaconf import OmegaConf

from tabular_lstm.errors import DataError

# No path, nothing that a shell takes apart, and no layer of data/ such as 01_raw.
NAME = re.compile(r"(?!0\d_)\w[\w.-]*")


def output_folder(env: str | None) -> str:
    """Name the folder of an environment's outputs.

    Examples:
        >>> output_folder(None)
        'data'
        >>> output_folder("tutorial")
        'data/tutorial'
    """
    return "data" if env in {None, "base", "local"} else f"data/{env}"


def run_command(env: str | None) -> str:
    """Say how to run in an environment, for messages that name a command to copy.

    Examples:
        >>> run_command(None), run_command("nightly")
        ('kedro run', 'kedro run --env nightly')
    """
    return "kedro run" if env in {None, "base", "local"} else f"kedro run --env {env}"


class EnvironmentConfigLoader(OmegaConfigLoader):
    """Kedro's config loader, plus `${outputs:}` and `${run_command:}` for the catalog.

    Not a hook, because Kedro-Viz loads the catalog without the project's hooks.

    Raises:
        DataError: The environment's name is a path, or more than a name.
    """

    def __init__(self, conf_source: str, env: str | None = None, **arguments: Any) -> None:
        if env and not NAME.fullmatch(env):
            raise DataError(
                f"Environment {env!r}: expected the name of a folder in {conf_source}, of letters, "
                "digits, '_', '-' and '.', that is no layer of data/ such as 01_raw. The run's "
                "outputs go to data/<name>/."
            )
        super().__init__(conf_source, env, **arguments)

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Load one kind of configuration, with this loader's environment.

        Resolvers are global to a process: another loader may have registered its own since.
        """
        OmegaConf.register_resolver("outputs", lambda: output_folder(self.env), replace=True)
        OmegaConf.register_resolver("run_command", lambda: run_command(self.env), replace=True)
        config: dict[str, Any] = super().__getitem__(key)
        return config
