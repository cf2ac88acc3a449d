"""What importing a module loads: no Kedro, TensorFlow or matplotlib where they are not needed."""

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import tabular_lstm
from tests.helpers.champions import log_of
from tests.helpers.commands import ROLLBACK, succeeds, with_modules
from tests.helpers.project import Project

HEAVY = {"kedro", "kedro_datasets", "keras", "matplotlib", "tensorflow"}


def modules_of(room: str) -> list[str]:
    """Name a room and its modules: a package, or a single file."""
    folder = Path(tabular_lstm.__file__).parent / room
    return [f"tabular_lstm.{room}"] + [
        f"tabular_lstm.{room}.{module.name}" for module in pkgutil.iter_modules([str(folder)])
    ]


def loaded_by(statements: str) -> set[str]:
    """Run statements in a fresh process and give which of the heavy libraries it loaded."""
    program = f"import sys\n{statements}\nprint(*{{m.partition('.')[0] for m in sys.modules}})"
    ended = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=120
    )
    return HEAVY & {*ended.stdout.split()}


@pytest.mark.parametrize(
    "room", ["parameters", "rows", "profiling", "judging", "serving", "estimator"]
)
def test_importing_loads_nothing_heavy(room: str) -> None:
    assert loaded_by("import " + ", ".join(modules_of(room))) == set()


def test_neither_does_importing_the_estimator_from_the_package() -> None:
    assert loaded_by("from tabular_lstm import LSTMClassifier") == set()


@pytest.mark.long
def test_the_network_needs_no_kedro() -> None:
    # Keras imports matplotlib where it is installed.
    loaded = loaded_by("import " + ", ".join(modules_of("network")))
    assert loaded - {"matplotlib"} == {"keras", "tensorflow"}


def test_matplotlib_is_imported_where_something_is_drawn() -> None:
    names = ("data_processing", "evaluation", "promotion", "scoring")
    nodes = [f"tabular_lstm.pipelines.{name}.nodes" for name in names]
    assert "matplotlib" not in loaded_by("import " + ", ".join(nodes))


def test_a_rollback_needs_no_tensorflow(served: Project) -> None:
    again = f"rollback.run_id={log_of(served)[-1]['run_id']}"
    ended, modules = with_modules(served, *ROLLBACK, "--params", again)
    succeeds(ended)
    assert log_of(served)[-1]["action"] == "rolled_back", ended.stdout
    assert not {"tensorflow", "keras", "matplotlib", "obstore"} & modules
