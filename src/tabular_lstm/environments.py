"""Each conf environment keeps its outputs in a folder of its own."""

from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader


def output_folder(env: str | None) -> str:
    """Name the folder of an environment's outputs.

    Examples:
        >>> output_folder(None)
        'data'
        >>> output_folder("tutorial")
        'data/tutorial'
    """
    return "data" if env in {None, "base", "local"} else f"data/{env}"


class EnvironmentConfigLoader(OmegaConfigLoader):
    """Kedro's config loader, plus `${outputs:}` for the catalog.

    Not a hook, because Kedro-Viz loads the catalog without the project's hooks.
    """

    def __init__(
        self,
        conf_source: str | Path,
        env: str | None = None,
        runtime_params: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        folder = output_folder(env)
        super().__init__(
            conf_source,
            env,
            runtime_params,
            custom_resolvers={"outputs": lambda: folder},
            **options,
        )
