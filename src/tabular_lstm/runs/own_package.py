"""A project's own package beside this one: the names of its pipelines, and a hash of its source."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from kedro.framework import project

from tabular_lstm.code_version import source_sha256
from tabular_lstm.errors import DataError

PACKAGE = "tabular_lstm"


def packages_of_pipelines() -> dict[str, str]:
    """Return the package of each folder in `pipelines`, this package or the project's own.

    No pipeline is imported.

    Raises:
        DataError: Both packages have a pipeline of the same name.
    """
    packages: dict[str, str] = {}
    for package, folder in _folders().items():
        for module in iter_modules([str(folder / "pipelines")]):
            if module.name in packages:
                raise DataError(
                    f"{folder}/pipelines/{module.name}: {PACKAGE} already has a pipeline of "
                    "this name. Rename the folder."
                )
            if module.ispkg:
                packages[module.name] = package
    return packages


def own_source() -> dict[str, str]:
    """Return a hash of the own package's Python files as a parameter; none without a package."""
    hashes = [source_sha256(folder) for name, folder in _folders().items() if name != PACKAGE]
    return {"own_package": hashes[0]} if hashes else {}


def _folders() -> dict[str, Path]:
    """Return the folder of this package and of the one that the project names, if it is another."""
    return {
        name: Path(import_module(name).__path__[0])
        for name in dict.fromkeys((PACKAGE, project.PACKAGE_NAME or PACKAGE))
    }
