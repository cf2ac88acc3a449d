"""Refuses a project that could not run, before any file is written."""

import sys
from importlib.util import find_spec
from pathlib import Path

package = "{{ cookiecutter.python_package }}"
if find_spec(package) or not package.isidentifier():
    sys.exit(
        f"The package of a project cannot be called {package}: it is the name of an installed package, "
        "or not a valid name in Python. Choose another --name."
    )
if not Path(r"{{ cookiecutter._template }}", "{{ '{{ cookiecutter.repo_name }}' }}", "data").exists():
    sys.exit(
        "This tabular-lstm runs from a clone, but only a wheel contains the whole starter: run make "
        "wheel and install dist/*.whl."
    )
