"""`python -m {{ cookiecutter.python_package }}` is `kedro run`."""

from kedro.framework.project import configure_project

from {{ cookiecutter.python_package }}.cli import run

if __name__ == "__main__":
    configure_project("{{ cookiecutter.python_package }}")
    run()
