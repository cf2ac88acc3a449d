"""Make the package executable: `tabular-lstm` and `python -m tabular_lstm` are `kedro run`."""

from typing import Any

from kedro.framework.cli.utils import find_run_command
from kedro.framework.project import configure_project


def main(*args: Any, **kwargs: Any) -> Any:
    """Run the project's `run` command with the options of `kedro run`."""
    configure_project("tabular_lstm")
    return find_run_command("tabular_lstm")(*args, **kwargs)


if __name__ == "__main__":
    main()
