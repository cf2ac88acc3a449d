"""A project of one's own beside the installed package: a package `churn` with few files."""

from pathlib import Path

from tests.helpers.project import Project

PYPROJECT = """
[tool.kedro]
package_name = "churn"
project_name = "churn"
kedro_init_version = "1.7.0"
source_dir = "src"
"""
MAIN = """
from pathlib import Path
from kedro.framework.cli.utils import find_run_command
from kedro.framework.project import configure_project

configure_project("churn")
find_run_command("churn")()
"""
FILES = {
    "__init__": "",
    "__main__": MAIN,
    "cli": "from tabular_lstm.cli import cli, run\n",
    "pipeline_registry": "from tabular_lstm.pipeline_registry import register_pipelines\n",
    "settings": "from tabular_lstm.settings import *\n",
}
PIPELINE = """
from kedro.pipeline import Node, Pipeline

{code}

def create_pipeline():
    return Pipeline([Node({node})])
"""


def own(project: Project) -> Project:
    """Give a project a package of its own; later commands in its folder run that package."""
    (project.path / "pyproject.toml").write_text(PYPROJECT)
    package = package_of(project)
    package.mkdir()
    for name, code in FILES.items():
        (package / f"{name}.py").write_text(code)
    return project


def package_of(project: Project) -> Path:
    """The folder of the own package."""
    return project.path / "src/churn"


def write_pipeline(project: Project, name: str, code: str, node: str) -> Path:
    """Write a pipeline of one node, given the node's arguments and the code of its function."""
    folder = package_of(project) / "pipelines" / name
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").write_text(PIPELINE.format(code=code, node=node))
    return folder / "__init__.py"
