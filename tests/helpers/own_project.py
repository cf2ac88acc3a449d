"""A project of one's own beside the installed package: a package `churn` with few files."""

import shutil
from pathlib import Path

from tests.helpers.project import ROOT, Project

PYPROJECT = """
[tool.kedro]
package_name = "churn"
project_name = "churn"
kedro_init_version = "1.7.0"
source_dir = "src"
"""
TEMPLATE = ROOT / "src/tabular_lstm/starter/{{ cookiecutter.repo_name }}"
PIPELINE = """
from kedro.pipeline import Node, Pipeline


def {name}({arguments}):
    return {result}


def create_pipeline():
    return Pipeline([Node({name}, {inputs}, "{name}_made", name="{name}")])
"""


def own(project: Project) -> Project:
    """Give a project a package of its own; later commands in its folder run that package."""
    (project.path / "pyproject.toml").write_text(PYPROJECT)
    write_package(package_of(project))
    return project


def package_of(project: Project) -> Path:
    """The folder of the own package."""
    return project.path / "src/churn"


def write_package(folder: Path) -> None:
    """Write the starter's package."""
    shutil.copytree(TEMPLATE / "src/{{ cookiecutter.python_package }}", folder)


def write_pipeline(package: Path, name: str, result: str, inputs: list[str]) -> Path:
    """Write a pipeline of one node: its result is an expression of the inputs, `params` for theirs.

    Returns:
        The file with its code.
    """
    arguments = ", ".join(entry.partition(":")[0] for entry in inputs)
    code = PIPELINE.format(name=name, arguments=arguments, result=result, inputs=inputs)
    file = package / "pipelines" / name / "__init__.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    (package / "pipelines/__init__.py").touch()
    file.write_text(code)
    return file
