"""The code that computes: this package's files, and the versions of the packages that it uses."""

import contextlib
import hashlib
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tabular_lstm import __version__

PACKAGES = (
    *("kedro", "tensorflow", "tensorflow-cpu", "keras"),
    *("numpy", "scipy", "pandas", "scikit-learn"),
)


def packages() -> dict[str, str]:
    """Return the versions of Python, this project, and each package that can change a result.

    A scoring-only installation lacks some of the packages.
    """
    versions = {"python": platform.python_version(), "tabular-lstm": __version__}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def code_sha256() -> str:
    """Hash this package's files, except project templates, and the packages' versions."""
    return source_sha256(Path(__file__).parent, json.dumps(packages()), "starter")


def source_sha256(package: Path, first: str = "", left_out: str = "") -> str:
    """Hash a text and a package's Python files, without those in the folder `left_out`."""
    digest = hashlib.sha256(first.encode())
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package)
        if name.parts[0] != left_out:
            digest.update(f"\n{name.as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()
