"""What the programs share: a copy of this project, a network that serves in it, and Pima's rows."""

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from tabular_lstm.rows.schema import Schema

PROJECT = Path(__file__).resolve().parents[1]
RUN = "2026-01-01T00.00.00.000Z"


def pima() -> "tuple[pd.DataFrame, np.ndarray]":
    """Read Pima: features, labels."""
    import pandas as pd  # noqa: PLC0415

    rows = pd.read_csv(PROJECT / "data/01_raw/diabetes.csv")
    return rows.iloc[:, :8].astype(float), rows.iloc[:, 8].to_numpy()


def schema_of(rows: "pd.DataFrame", **options: Any) -> "Schema":
    """Learn a schema of two classes by default; `options` are of `fit_schema` and `Declaration`."""
    from tabular_lstm.parameters.hyperparameters import ReshapingOptions  # noqa: PLC0415
    from tabular_lstm.rows.column_kinds import Declaration  # noqa: PLC0415
    from tabular_lstm.rows.schema_fit import fit_schema  # noqa: PLC0415
    from tabular_lstm.task import Task  # noqa: PLC0415

    default: dict[str, Any] = {"label": "label", "task": Task.of_classes((0, 1))}
    names = options.keys() & {"categorical", "missing", "bounds"}
    of_columns = {name: options.pop(name) for name in names}
    return fit_schema(
        rows, Declaration(**of_columns), reshaping=ReshapingOptions(), **{**default, **options}
    )


def medians(work: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Time each function in turn, several rounds, and give the medians of seconds."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, function in work.items():
            began = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


@contextmanager
def project_copy() -> Iterator[Path]:
    """Copy what a run reads into a temporary folder; its code is that which is installed."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        for name in ("conf", "data/01_raw"):
            shutil.copytree(PROJECT / name, project / name)
        for name in ("pyproject.toml", ".telemetry"):
            shutil.copy(PROJECT / name, project)
        (project / "src").mkdir()  # Kedro wants it to be there
        conf = project / "conf/logging.yml"  # each node is named
        conf.write_text(conf.read_text().replace("    level: INFO", "    level: DEBUG"))
        yield project


def serve(project: Path, schema: "Schema") -> None:
    """Let the default network for these rows serve in a folder that has no champion.

    It has its initial weights, which take as long as trained ones.
    """
    # TensorFlow's import takes seconds and memory, and not every program that copies needs it.
    from tabular_lstm.files import sha256  # noqa: PLC0415
    from tabular_lstm.network.build import build  # noqa: PLC0415
    from tabular_lstm.parameters.hyperparameters import NetworkOptions  # noqa: PLC0415
    from tabular_lstm.serving.promotion_log import LogEntry, append  # noqa: PLC0415

    file = project / f"data/06_models/candidate.keras/{RUN}/candidate.keras"
    file.parent.mkdir(parents=True)
    build(schema, NetworkOptions(), 0).save(file)
    entry = LogEntry(
        run_id=RUN,
        time=RUN,
        action="promoted",
        reason="to measure",
        served_before=None,
        serves_now=RUN,
        sha256=sha256(file.read_bytes()),
        inputs=None,
        test_rows_sha256=None,
        decision_sha256="",
        line_before=None,
    )
    append(project / "data/08_reporting/promotions.jsonl", entry)
