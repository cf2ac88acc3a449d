"""Refuses a project that could not run, before any file is written."""

import sys
from pathlib import Path

if "{{ cookiecutter.python_package }}" == "tabular_lstm":
    sys.exit("The package of a project cannot be called tabular_lstm: choose another --name.")
if not Path(r"{{ cookiecutter._template }}", "{{ '{{ cookiecutter.repo_name }}' }}", "data").exists():
    sys.exit(
        "This tabular-lstm runs from a clone, and only a wheel has the whole starter: run make wheel "
        "and install dist/*.whl."
    )
