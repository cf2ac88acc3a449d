"""How long a program waits that scores one row at a time with `load_champion`.

    python benchmarks/one_row.py

For each of several tables it makes a folder in which the default network serves, with its initial
weights, which take as long as trained ones. A process of its own then imports `load_champion`,
loads the champion and scores 500 other rows, each in a frame of its own, as values and as text. It
prints the seconds of import and loading, and the milliseconds of the first row, of the middle one
and those below which 95 % of the rows are.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from projects import serve

if TYPE_CHECKING:
    from tabular_lstm.rows.schema import Schema

ROWS = 500
# Features, how many of them hold categories, and how many categories each.
TABLES = ((8, 0, 0), (8, 3, 10), (20, 7, 10), (20, 7, 1000))


def schema_of(features: int, named: int, categories: int) -> "Schema":
    """Learn the schema of such a table."""
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    from tabular_lstm.parameters import Reshaping, Task  # noqa: PLC0415, Task
    from tabular_lstm.rows.schema_fit import learn_schema  # noqa: PLC0415

    rng = np.random.default_rng(0)
    names = [f"name_{place}" for place in range(named)]
    words = [f"word_{place}" for place in range(categories)]
    rows = pd.DataFrame({name: rng.permutation(words) for name in names}, range(categories or 100))
    for place in range(features - named):
        rows[f"number_{place}"] = rng.normal(size=len(rows)).round(3)
    return learn_schema(
        rows,
        categorical=names,
        missing={},
        reshaping=Reshaping(),
        label="label",
        task=Task.of_classes(("no", "yes")),
    )


def measure(project: str) -> None:
    """Load the champion of a folder, and score row after row."""
    start = time.perf_counter()
    from tabular_lstm import load_champion  # noqa: PLC0415

    imported = time.perf_counter()
    champion = load_champion(project)
    loaded = time.perf_counter()
    print(f"  import {imported - start:.2f} s, load {loaded - imported:.3f} s")

    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    rng, schema = np.random.default_rng(1), champion.schema
    values = pd.DataFrame(
        {
            name: rng.choice(schema.categories[name], ROWS)
            if name in schema.categories
            else rng.normal(size=ROWS).round(3)
            for name in schema.features
        }
    )
    for kind, rows in (("values", values), ("text", values.astype(str))):
        taken = []
        for place in range(ROWS):
            row = rows.iloc[[place]]
            start = time.perf_counter()
            champion.predict_proba(row)
            taken.append(1e3 * (time.perf_counter() - start))
        middle, most = np.quantile(taken, [0.5, 0.95])
        print(
            f"  {kind}: first {taken[0]:.1f} ms, middle {middle:.2f} ms, 95 % below {most:.2f} ms"
        )


def main() -> None:
    """Measure each table in a process of its own, or the one in the folder that is named."""
    if len(sys.argv) > 1:
        measure(sys.argv[1])
        return
    for features, named, categories in TABLES:
        print(f"{features} columns, {named} of them of {categories} categories", flush=True)
        with tempfile.TemporaryDirectory() as project:
            serve(Path(project), schema_of(features, named, categories))
            subprocess.run([sys.executable, __file__, project], check=True)


if __name__ == "__main__":
    main()
