"""What `kedro run --pipelines scoring` costs for a file of rows, as a process of its own.

`python benchmarks/scoring.py files`, `start` and `monitoring` call it. Two tables are scored by a
default network: Pima's eight numbers, with the codes and bounds that conf declares, and a mixed
one of twelve numbers, seven categories of 10 to 28 words and a key. A file is one block of rows
over and over, so that it takes little time to write.
"""

import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tabular_lstm  # noqa: F401  before Keras, so that TensorFlow computes as in a run

# isort: split

import numpy as np
import pandas as pd
import yaml
from lightgbm import LGBMClassifier
from processes import Finished, run
from projects import PROJECT, RUN, project_copy, serve
from speed import seconds

from tabular_lstm import load_champion
from tabular_lstm.monitoring.reference import Reference
from tabular_lstm.network.score import score
from tabular_lstm.parameters import Reshaping, Task
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.schema_fit import learn_schema
from tabular_lstm.rows.sequences import to_sequences

BLOCK = 100_000
# Blocks of a file, and rounds: a file of ten million rows is scored once.
SIZES = ((1, 3), (10, 3), (100, 1))
FEW, FEW_ROWS = 100, "few.csv"
ROUNDS = 7
WATCHED_ROUNDS = 3
NUMBERS = 12
CATEGORIES = range(10, 29, 3)


@dataclass(frozen=True)
class Table:
    """Rows to score.

    Attributes:
        block: Rows of a file.
        schema: Learned from them.
        labels: Of the first of them, for LightGBM to learn.
        parameters: What a scoring of them needs to know.
    """

    block: pd.DataFrame
    schema: Schema
    labels: np.ndarray
    parameters: tuple[str, ...] = ()

    @property
    def features(self) -> pd.DataFrame:
        """The block as a frame for LightGBM: numbers as float64, text as categories."""
        rows = self.block[self.schema.features]
        types = {name: "category" if name in self.schema.categories else float for name in rows}
        return rows.astype(types)


def numbers() -> Table:
    """Pima's eight columns."""
    columns = yaml.safe_load((PROJECT / "conf/base/parameters_data_processing.yml").read_text())
    declared = columns["columns"]
    rows = pd.read_csv(PROJECT / "data/01_raw/diabetes.csv")
    labels = rows.pop(declared["label"]).to_numpy()
    schema = learn_schema(
        rows,
        categorical=[],
        missing=declared["missing"],
        bounds={name: tuple(ends) for name, ends in declared["bounds"].items()},
        reshaping=Reshaping(),
        label=declared["label"],
        task=Task.of_classes((declared["negative_class"], declared["positive_class"])),
    )
    block = rows.iloc[np.arange(BLOCK) % len(rows)].reset_index(drop=True)
    return Table(block, schema, labels)


def mixed() -> Table:
    """Twenty columns: a key, numbers and categories."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"customer": [f"C{place:07}" for place in range(BLOCK)]})
    for place in range(NUMBERS):
        rows[f"number_{place}"] = rng.normal(10, 5, BLOCK).round(3)
    names = [f"name_{count}" for count in CATEGORIES]
    for name, count in zip(names, CATEGORIES, strict=True):
        rows[name] = rng.choice([f"word_{place}" for place in range(count)], BLOCK)
    schema = learn_schema(
        rows.drop(columns="customer"),
        categorical=names,
        missing={},
        reshaping=Reshaping(),
        label="label",
        task=Task.of_classes(("no", "yes")),
    )
    return Table(rows, schema, rng.integers(2, size=BLOCK), ("columns.key=customer",))


TABLES = {"numbers": numbers, "mixed": mixed}


def write(table: Table, blocks: int, file: Path) -> None:
    """Write the block so many times below one header."""
    header, _, rows = table.block.to_csv(index=False).partition("\n")
    with file.open("w") as out:
        out.write(f"{header}\n")
        for _ in range(blocks):
            out.write(rows)


@contextmanager
def served(table: Table) -> Iterator[Path]:
    """Give a project in which a network for this table serves, and has scored once."""
    with project_copy() as project:
        serve(project, table.schema)
        table.block.head(FEW).to_csv(project / FEW_ROWS, index=False)
        score_file(table, project, FEW_ROWS)
        yield project


def score_file(table: Table, project: Path, file: str) -> Finished:
    """Run the pipeline, whether or not these rows were scored before."""
    parameters = ",".join([f"rows_to_score={file}", "scoring.force=true", *table.parameters])
    return run(["-m", "kedro", "run", "--pipelines", "scoring", "--params", parameters], project)


def measure_files(*names: str) -> None:
    """From CSV to Parquet, beside the bare forward pass and LightGBM on the same rows."""
    for name in names or TABLES:
        table = TABLES[name]()
        with served(table) as project:
            for blocks, rounds in SIZES:
                measure_file(name, table, blocks, rounds, project)


def measure_file(name: str, table: Table, blocks: int, rounds: int, project: Path) -> None:
    """Score one file, in turns with the others, and print rates, memory and ratios."""
    rows, file = blocks * BLOCK, project / "rows.csv"
    write(table, blocks, file)
    frame = pd.concat([table.features] * blocks, ignore_index=True)
    scorer = load_champion(project).artifact.scorer
    sequences = to_sequences(frame, scorer.schema)
    learned = frame[: len(table.labels)], table.labels
    peer = LGBMClassifier(verbose=-1, random_state=0).fit(*learned)
    score(scorer, sequences[:BLOCK])  # compile
    scorings: list[Finished] = []

    def score_the_file() -> float:
        scorings.append(score_file(table, project, file.name))
        return scorings[-1].seconds

    took = medians(
        {
            "file": score_the_file,
            "few": lambda: score_file(table, project, FEW_ROWS).seconds,
            "forward": lambda: seconds(lambda: score(scorer, sequences)),
            "LightGBM": lambda: seconds(lambda: peer.predict_proba(frame)),
        },
        rounds,
    )
    print(
        f"files: {name}, {rows:,} rows, {file.stat().st_size / 1e6:,.0f} MB: {took['file']:.2f} s, "
        f"{statistics.median(one.processor_seconds for one in scorings):.2f} s of processor time; "
        f"of {FEW} rows {took['few']:.2f} s; peak memory "
        f"{max(one.peak for one in scorings) / 1e6:,.0f} MB"
    )
    file.unlink()
    rates = {
        "from command to exit": rows / took["file"],
        f"less the time of {FEW} rows": rows / (took["file"] - took["few"]),
        "bare forward pass": rows / took["forward"],
        "LightGBM": rows / took["LightGBM"],
    }
    for what, rate in rates.items():
        ratios = [rate / rates[other] for other in ("bare forward pass", "LightGBM")]
        print(
            f"files:   {what}: {rate:,.0f} rows/s, {ratios[0]:.2f} of the bare forward pass's, "
            f"{ratios[1]:.2f} of LightGBM's",
            flush=True,
        )


def measure_start() -> None:
    """A hundred rows from command to exit, beside `kedro registry list`."""
    table = numbers()
    listing = ["-m", "kedro", "registry", "list"]
    with served(table) as project:
        took = medians(
            {
                "scoring": lambda: score_file(table, project, FEW_ROWS).seconds,
                "registry": lambda: run(listing, project).seconds,
            },
            ROUNDS,
        )
        peak = score_file(table, project, FEW_ROWS).peak
    print(
        f"start: scoring {FEW} rows {took['scoring']:.2f} s, kedro registry list "
        f"{took['registry']:.2f} s, ratio {took['scoring'] / took['registry']:.2f}; peak memory of "
        f"the scoring {peak / 1e6:,.0f} MB"
    )


def measure_monitoring(blocks: str = "100") -> None:
    """Score blocks of rows by a champion with a reference, and by the same without, in turns."""
    table = numbers()
    with served(table) as project:
        write(table, int(blocks), project / "rows.csv")
        file = project / f"data/07_model_output/reference.json/{RUN}/reference.json"
        file.parent.mkdir(parents=True)
        reference = reference_of(table, project)
        found: dict[str, list[Finished]] = {"without a reference": [], "with one": []}
        for _ in range(WATCHED_ROUNDS):
            for how, scorings in found.items():
                file.unlink(missing_ok=True)
                if how == "with one":
                    file.write_text(reference)
                scorings.append(score_file(table, project, "rows.csv"))
        assert "ALARM" not in found["with one"][0].log
    print(f"monitoring: {int(blocks) * BLOCK:,} rows of {len(table.schema.columns)} features")
    took = {
        how: [statistics.median(values) for values in zip(*map(costs, scorings), strict=True)]
        for how, scorings in found.items()
    }
    for place, unit in enumerate(("s", "s of processor time", "MB at most")):
        without, watched = (values[place] for values in took.values())
        print(
            f"monitoring: {without:.1f} {unit} without a reference, {watched:.1f} with one: ratio "
            f"{watched / without:.3f}"
        )


def costs(finished: Finished) -> tuple[float, float, float]:
    """Give seconds, seconds of processor time, and the peak memory in MB."""
    return finished.seconds, finished.processor_seconds, finished.peak / 1e6


def reference_of(table: Table, project: Path) -> str:
    """Make the reference of the network that serves, of the table's first rows."""
    artifact = load_champion(project).artifact
    sequences = to_sequences(table.features[: len(table.labels)], table.schema)
    reference = Reference.of(
        [sequences],
        score(artifact.scorer, sequences),
        table.schema,
        candidate_sha256=artifact.sha256,
        rows=len(sequences),
        quarantined_rows=0,
    )
    return reference.model_dump_json()


def medians(work: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Let each measure its seconds in turn, several rounds, and give the medians."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, one in work.items():
            times[name].append(one())
    return {name: statistics.median(values) for name, values in times.items()}
