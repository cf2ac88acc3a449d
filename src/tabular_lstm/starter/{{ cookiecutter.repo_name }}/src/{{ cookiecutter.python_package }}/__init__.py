"""{{ cookiecutter.project_name }}: what this project adds to tabular-lstm."""
