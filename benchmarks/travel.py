"""What travels between the driver and the workers of a cluster.

    python benchmarks/travel.py

A retraining in two groups of members on 200,000 rows of eight features, for one epoch, and a
scoring of as many rows: both in this process, which pickles what it would send and counts the
bytes. Dask may compress them on their way.
"""

import pickle
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from kedro.framework.project import settings
from kedro.framework.startup import bootstrap_project
from projects import project_copy, serve
from scoring_files import numbers, write
from shapes import declare
from tables import markdown

from tabular_lstm.engine import Engine

ROWS = 200_000
found: list[dict[str, Any]] = []


def size(value: Any) -> int:
    """Count the bytes of a value that is pickled with its arrays beside it, as Dask does."""
    arrays: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(value, protocol=5, buffer_callback=arrays.append)
    return len(pickled) + sum(array.raw().nbytes for array in arrays)


def counted(
    function: Callable[[Any, Any], Any], shared: Any, parts: Iterable[Any]
) -> Iterator[tuple[int, Any]]:
    """Do the parts here, and note what would travel: see `tabular_lstm.engine.Workers`."""
    count = there = back = 0
    for place, part in enumerate(parts):
        there += size(part)
        done = function(shared, part)
        back += size(done)
        count += 1
        yield place, done
    found.append(
        {
            "work": f"`{function.__name__}`",
            "parts": count,
            "once to each worker, MB": f"{size(shared) / 1e6:.2f}",
            "with all parts, bytes a row": f"{there / ROWS:.1f}",
            "back, bytes a row": f"{back / ROWS:.1f}",
        }
    )


def run(project: Path, pipeline: str, env: str | None, **parameters: Any) -> None:
    """Run a pipeline in this process."""
    session = settings.SESSION_CLASS.create(project, env=env, runtime_params=parameters)
    session.run(pipeline_names=[pipeline])


def main() -> None:
    """Run, and print a table."""
    Engine.workers = property(lambda engine: counted)  # type: ignore[method-assign, assignment]
    with project_copy() as project:
        bootstrap_project(project)
        declare(project, ROWS, 8)
        run(project, "__default__", "shape", training={"epochs": 1, "groups": 2})
        table = numbers()
        serve(project, table.schema)
        write(table, ROWS // len(table.block), project / "rows.csv")
        run(project, "scoring", None, rows_to_score="rows.csv")
    print(markdown(found))


if __name__ == "__main__":
    main()
