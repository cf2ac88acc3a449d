"""Make the package executable: `python -m` and its name is `kedro run`."""

from pathlib import Path

from kedro.framework.cli.utils import find_run_command
from kedro.framework.project import configure_project

if __name__ == "__main__":
    package = Path(__file__).parent.name
    configure_project(package)
    find_run_command(package)()
