"""What scoring many rows costs, from file to file and beside LightGBM.

    python benchmarks/scoring.py [rate [PROCESSOR] | files [numbers] [mixed] | start | monitoring]

- rate: rows a second of the forward pass, by NumPy and by the compiled kernel, and of
  `LSTMClassifier.predict_proba` and LightGBM's on the same frame: 1,000,000 rows of Pima's eight
  features, with the default network. PROCESSOR, such as `haswell`, is LLVM's name of an older one
  whose instructions this one knows: the kernel is compiled for it. With OPENBLAS_CORETYPE=Haswell
  and NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL" in the environment NumPy computes as there too.
- files: `kedro run --pipelines scoring` of a CSV of 100,000 to 10,000,000 rows of Pima's eight
  columns, and of a mixed table of twenty: its peak memory and its rows a second, all of it and less
  the time that it takes for 100 rows. Beside it, on the same rows, the bare forward pass of ready
  sequences and LightGBM's `predict_proba`. Needs 4 GB on disk and 8 GB of memory.
- monitoring: the same of 10,000,000 rows of Pima's eight columns by a champion that has a
  reference, which they are compared with, and by the same champion without it.
- start: 100 rows from command to exit, beside `kedro registry list`.

Ratios are of medians over several rounds, in turns; ten million rows are scored once. The rates of
another machine differ.
"""

import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tabular_lstm  # noqa: F401  before Keras, so that TensorFlow computes as in a run

# isort: split

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from scoring_files import measure_files, measure_monitoring, measure_start
from speed import ROUNDS, compare, pima, seconds

from tabular_lstm import LSTMClassifier
from tabular_lstm.network import score as scoring
from tabular_lstm.network.kernel import Kernel, Processor
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.rows.sequences import to_sequences

ROWS = 1_000_000


def measure_rate(compiled_for: str | None = None) -> None:
    """Rows a second of the forward pass and of the estimator, against LightGBM's."""
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
    print(f"rate: compiled in {seconds(lambda: Kernel(scorer, processor)):.2f} s", flush=True)
    scoring.processor = lambda: processor  # type: ignore[assignment]
    work: dict[str, Callable[[], Any]] = {
        "LightGBM": lambda: peer.predict_proba(many),
        "kernel": lambda: scoring.score(scorer, sequences),
        "NumPy": lambda: scoring.score(scorer, sequences, many=False),
        "LSTMClassifier": lambda: model.predict_proba(many),
    }
    answers = {name: one() for name, one in work.items()}
    apart = np.abs(answers["kernel"] - answers["NumPy"]).max()
    rates = {name: ROWS / median for name, median in compare(work, ROUNDS).items()}
    for name, rate in rates.items():
        print(f"rate: {name} {rate:,.0f} rows/s, {rate / rates['LightGBM']:.2f} of LightGBM's")
    print(f"rate: a row's probability by the kernel and by NumPy is at most {apart:.1e} apart")


def machine() -> str:
    """Name the processor and count its cores."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"


MEASURES: dict[str, Callable[..., None]] = {
    "rate": measure_rate,
    "files": measure_files,
    "start": measure_start,
    "monitoring": measure_monitoring,
}

if __name__ == "__main__":
    print(machine())
    if sys.argv[1:]:
        MEASURES[sys.argv[1]](*sys.argv[2:])
    else:
        for measure in MEASURES.values():
            measure()
