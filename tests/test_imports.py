"""What importing a module loads: no Kedro, TensorFlow or matplotlib where they are not needed."""

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import tabular_lstm
from tests.helpers.champions import log_of
from tests.helpers.commands import RETRAINING, ROLLBACK, with_modules
from tests.helpers.project import Project
from tests.helpers.scorings import SCORING

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


def test_importing_the_library_loads_nothing_heavy() -> None:
    rooms = ["parameters", "rows", "profiling", "judging", "serving", "estimator"]
    modules = ", ".join(name for room in rooms for name in modules_of(room))
    assert loaded_by(f"import {modules}\nfrom tabular_lstm import LSTMClassifier") == set()


@pytest.mark.long
def test_the_network_needs_no_kedro() -> None:
    # Keras imports matplotlib where it is installed.
    loaded = loaded_by("import " + ", ".join(modules_of("network")))
    assert loaded - {"matplotlib"} == {"keras", "tensorflow"}


def test_matplotlib_is_imported_where_something_is_drawn() -> None:
    names = ("data_processing", "evaluation", "promotion", "scoring")
    nodes = [f"tabular_lstm.pipelines.{name}.nodes" for name in names]
    assert "matplotlib" not in loaded_by("import " + ", ".join(nodes))


LONG = pytest.mark.long


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (SCORING, 0, "Scored 20 of 20 rows"),
        pytest.param(("registry", "list"), 0, "retraining", marks=LONG),
        pytest.param(("run", "--pipelines", "data_processing"), 0, "", marks=LONG),
        pytest.param(("profile", "data/01_raw/concrete.csv", "--env", "a"), 0, "", marks=LONG),
        pytest.param(("run", "--pipelines", "monitoring"), 0, "No labels", marks=LONG),
        pytest.param(RETRAINING, 0, "Unchanged: run ", marks=LONG),
        pytest.param(ROLLBACK, 1, "There is no champion before", marks=LONG),
        pytest.param((*ROLLBACK, "--params", "rollback.run_id=RUN"), 0, "", marks=LONG),
        pytest.param(
            ("run", "--params", "split.test_fraction=0.999999"),
            1,
            "too few rows to split",
            marks=LONG,
        ),
        pytest.param(
            ("run", "--params", "network.kind=tutorial"),
            1,
            "kind: tutorial is gone; expected kind: keras",
            marks=LONG,
        ),
    ],
)
def test_what_trains_nothing_does_not_wait_for_tensorflow(
    served: Project, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """Nor does what the rows rule out, which is refused before."""
    (line,) = log_of(served)
    ended, modules = with_modules(
        served, *(argument.replace("RUN", line["run_id"]) for argument in arguments)
    )
    assert ended.returncode == code, ended.stderr
    assert said in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    assert not {"tensorflow", "keras", "obstore", "mlflow", "tabular_lstm.runs.tracking"} & modules
    assert not {SCORING: {"sklearn"}, ROLLBACK: {"matplotlib"}}.get(arguments[:3], set()) & modules
