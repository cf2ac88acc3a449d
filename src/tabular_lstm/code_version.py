"""The code that computes: this package's files, and the versions of the packages that it uses."""

import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("kedro", "tensorflow", "keras", "numpy", "scipy", "pandas", "scikit-learn")


def packages() -> dict[str, str]:
    """Return the versions of Python and of each package that can change a result."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def code_sha256() -> str:
    """Hash this package's files and the packages' versions."""
    digest = hashlib.sha256(json.dumps(packages()).encode())
    package = Path(__file__).parent
    for path in sorted(package.rglob("*.py")):
        digest.update(f"\n{path.relative_to(package).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()
