"""What scoring costs: many rows, from file to file, and one row at a time; see `starts.py` too.

    python benchmarks/scoring.py [rate [PROCESSOR] | files [numbers] [mixed] | row]

- rate: rows a second of the forward pass, by NumPy and by the compiled kernel, and of
  `LSTMClassifier.predict_proba` and LightGBM's on the same frame: 1,000,000 rows of Pima's eight
  features, with the default network. PROCESSOR, such as `haswell`, is LLVM's name of an older one
  whose instructions this one knows: the kernel is compiled for it. With OPENBLAS_CORETYPE=Haswell
  and NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL" in the environment NumPy computes as there too.
- files: `kedro run --pipelines scoring` of a CSV of 100,000 to 10,000,000 rows of Pima's eight
  columns, and of a mixed table of twenty: seconds, seconds of 100 rows, and peak memory. Needs 4 GB
  on disk.
- row: 500 rows of each table, one after the other by `load_champion`, each in a frame of its own:
  the seconds of import and loading, and the milliseconds of the first row, of the middle one and
  those below which 95 % of the rows are.

Rows are scored by the default network with its initial weights, which take as long as trained ones,
as a process of its own. Medians of rounds in turns; ten million rows are scored once. The rates of
another machine differ.
"""

import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tabular_lstm  # noqa: F401  before Keras, so that TensorFlow computes as in a run

# isort: split

import numpy as np
import pandas as pd
import yaml
from processes import Finished, run
from projects import PROJECT, medians, pima, project_copy, schema_of, serve

from tabular_lstm.estimator import LSTMClassifier
from tabular_lstm.network import score as scoring
from tabular_lstm.network.kernel import Kernel, Processor
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.task import Task

ROWS = 1_000_000
ROUNDS = 5
BLOCK = 100_000
# Blocks of a file, and rounds: a file of ten million rows is scored once.
SIZES = ((1, 3), (10, 3), (100, 1))
FEW, FEW_ROWS = 100, "few.csv"
NUMBERS = 12
CATEGORIES = range(10, 29, 3)
ONE_BY_ONE = """
import time
began = time.perf_counter()
from tabular_lstm import load_champion
imported = time.perf_counter()
champion = load_champion(".")
loaded = time.perf_counter()
import numpy, pandas
rows, milliseconds = pandas.read_csv("rows.csv"), []
for place in range(len(rows)):
    row, start = rows.iloc[[place]], time.perf_counter()
    champion.predict_proba(row)
    milliseconds.append(1e3 * (time.perf_counter() - start))
middle, most = numpy.quantile(milliseconds, [0.5, 0.95])
print(f"import {imported - began:.2f} s, load {loaded - imported:.3f} s, first row "
      f"{milliseconds[0]:.1f} ms, middle {middle:.2f} ms, 95 % below {most:.2f} ms")
"""


@dataclass(frozen=True)
class Table:
    """Rows to score.

    Attributes:
        block: Rows of a file.
        schema: Learned from them.
        parameters: What a scoring of them needs to know.
    """

    block: pd.DataFrame
    schema: Schema
    parameters: tuple[str, ...] = ()


def numbers() -> Table:
    """Pima's eight numbers, with the codes and bounds that conf declares."""
    conf = PROJECT / "conf/base/parameters_data_processing.yml"
    columns = yaml.safe_load(conf.read_text())["columns"]
    rows = pd.read_csv(PROJECT / "data/01_raw/diabetes.csv").drop(columns=columns["label"])
    schema = schema_of(
        rows,
        missing=columns["missing"],
        bounds={name: tuple(ends) for name, ends in columns["bounds"].items()},
        label=columns["label"],
        task=Task.of_classes((columns["negative_class"], columns["positive_class"])),
    )
    return Table(rows.iloc[np.arange(BLOCK) % len(rows)].reset_index(drop=True), schema)


def mixed() -> Table:
    """Twenty columns: a key, twelve numbers, seven categories of 10 to 28 words."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"customer": [f"C{place:07}" for place in range(BLOCK)]})
    for place in range(NUMBERS):
        rows[f"number_{place}"] = rng.normal(10, 5, BLOCK).round(3)
    names = [f"name_{count}" for count in CATEGORIES]
    for name, count in zip(names, CATEGORIES, strict=True):
        rows[name] = rng.choice([f"word_{place}" for place in range(count)], BLOCK)
    # The label is that of conf, or the champion would be refused.
    schema = schema_of(rows.drop(columns="customer"), categorical=names, label="diabetes")
    return Table(rows, schema, ("columns.key=customer",))


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


def score_command(table: Table, file: str) -> list[str]:
    """Give the command that scores these rows, whether or not they were scored before."""
    parameters = ",".join([f"rows_to_score={file}", "scoring.force=true", *table.parameters])
    return ["-m", "kedro", "run", "--pipelines", "scoring", "--params", parameters]


def score_file(table: Table, project: Path, file: str) -> Finished:
    """Score these rows."""
    return run(score_command(table, file), project)


def measure_rate(compiled_for: str | None = None) -> None:
    """Rows a second of the forward pass and of the estimator, against LightGBM's."""
    from lightgbm import LGBMClassifier  # noqa: PLC0415

    processor = Processor(compiled_for) if compiled_for else Processor.here()
    if processor is None:
        sys.exit("This processor has no fused multiply-add, which the kernel needs")
    print(f"rate: compiled for {processor.name}, {processor.lanes} rows a vector")
    rows, labels = pima()
    model = LSTMClassifier(random_state=0).fit(rows, labels)
    peer = LGBMClassifier(verbose=-1, random_state=0).fit(rows, labels)
    many = pd.DataFrame(np.resize(rows.to_numpy(), (ROWS, 8)), columns=rows.columns)
    scorer = Scorer.of(model.network_)
    sequences = to_sequences(many, scorer.schema)
    compiling = medians({"kernel": lambda: Kernel(scorer, processor)}, 1)["kernel"]
    print(f"rate: compiled in {compiling:.2f} s", flush=True)
    scoring.processor = lambda: processor  # type: ignore[assignment]
    work: dict[str, Callable[[], np.ndarray]] = {
        "LightGBM": lambda: peer.predict_proba(many),
        "kernel": lambda: scoring.score(scorer, sequences),
        "NumPy": lambda: scoring.score(scorer, sequences, many=False),
        "LSTMClassifier": lambda: model.predict_proba(many),
    }
    answers = {name: function() for name, function in work.items()}
    rates = {name: ROWS / seconds for name, seconds in medians(work, ROUNDS).items()}
    for name, rate in rates.items():
        print(f"rate: {name} {rate:,.0f} rows/s, {rate / rates['LightGBM']:.2f} of LightGBM's")
    apart = np.abs(answers["kernel"] - answers["NumPy"]).max()
    print(f"rate: a row's probability by the kernel and by NumPy is at most {apart:.1e} apart")


def measure_files(*names: str) -> None:
    """From CSV to Parquet, in turns with a few rows."""
    for name in names or TABLES:
        table = TABLES[name]()
        with served(table) as project:
            for blocks, rounds in SIZES:
                write(table, blocks, project / "rows.csv")
                scorings = [score_file(table, project, "rows.csv") for _ in range(rounds)]
                few = score_file(table, project, FEW_ROWS)
                seconds = statistics.median(finished.seconds for finished in scorings)
                print(
                    f"files: {name}, {blocks * BLOCK:,} rows: {seconds:.2f} s, of {FEW} rows "
                    f"{few.seconds:.2f} s; peak memory "
                    f"{max(finished.peak for finished in scorings) / 1e6:,.0f} MB",
                    flush=True,
                )


def measure_row() -> None:
    """One row after the other."""
    for name, make in TABLES.items():
        table = make()
        with project_copy() as project:
            serve(project, table.schema)
            table.block.head(500).to_csv(project / "rows.csv", index=False)
            print(f"row: {name}: {run(['-c', ONE_BY_ONE], project).log.splitlines()[-1]}")


MEASURES: dict[str, Callable[..., None]] = {
    "rate": measure_rate,
    "files": measure_files,
    "row": measure_row,
}

if __name__ == "__main__":
    if sys.argv[1:]:
        MEASURES[sys.argv[1]](*sys.argv[2:])
    else:
        for measure in MEASURES.values():
            measure()
