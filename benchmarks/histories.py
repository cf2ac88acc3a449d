"""How the network does on tables in which a customer has many rows, beside what people do there.

    python benchmarks/histories.py [--data NAME ...] [--methods METHOD ...] [--folds N]
                                   [--folder DIR]

Five folds of customers of each table, or the first N, the same for all methods. One line a fold
goes into `histories.csv`, with a hash of the method's code and of the table: a line is measured
anew when its code or table has changed, and lines of earlier code stay. The predictions are kept
beside it, in `histories/`. Then the tables are printed, of all data also into `histories.md`: each
method's mean loss, and the network against eight CatBoosts with what an expert makes of a history,
for tables that may choose something and the others apart.

Data: `chosen`, `reported`, `synthetic`, `all`, or names of `histories_tables.py` and
`histories_synthetic.py`; methods: see `histories_methods.py`. Use one thread, as all methods then
do: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1.
"""

import argparse
import csv
import time
import warnings
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import histories_summary
import numpy as np
import pandas as pd
from histories_methods import METHODS, Method, Predicted
from histories_panel import FOLDS, LABEL, Panel, load
from histories_summary import FILE, KEYS
from histories_synthetic import SYNTHETIC
from histories_tables import CHOSEN, REPORTED
from sklearn.metrics import log_loss, roc_auc_score

from tabular_lstm.parameters.task import CLASSES, NUMBER, Kind

HERE = Path(__file__).resolve().parent
GROUPS = {
    "chosen": CHOSEN,
    "reported": REPORTED,
    "synthetic": [*SYNTHETIC],
    "all": [*CHOSEN, *REPORTED, *SYNTHETIC],
}
SCORES = ("log_loss", "roc_auc", "nrmse")
COLUMNS = (*KEYS, *SCORES, "own_loss", "fit_seconds", "cpu_seconds")


def table_hash(panel: Panel) -> str:
    """Hash rows and folds."""
    hashed = pd.util.hash_pandas_object(panel.rows, index=False).to_numpy()
    said = (*panel.rows, panel.columns.model_dump_json())
    parts = (hashed.tobytes(), panel.fold.tobytes(), repr(said).encode())
    return sha256(b"".join(parts)).hexdigest()[:8]


def scores(kind: Kind, labels: np.ndarray, values: np.ndarray, spread: float) -> list[float]:
    """Give what SCORES names, NaN where the task has it not.

    RMSE is a share of the standard deviation of all labels of the table; of three classes or more
    ROC AUC is the mean over the classes of each against the others.
    """
    if kind == NUMBER:
        return [np.nan, np.nan, float(np.sqrt(np.mean((values - labels) ** 2)) / spread)]
    classes = range(values.shape[1]) if kind == CLASSES else (0, 1)
    loss = log_loss(labels, values, labels=[*classes])
    if kind != CLASSES:
        return [loss, roc_auc_score(labels, values), np.nan]
    there = [one for one in classes if 0 < np.mean(labels == one) < 1]
    areas = [roc_auc_score(labels == one, values[:, one]) for one in there]
    return [loss, float(np.mean(areas)), np.nan]


def measure(name: str, method: str, code: str, folder: Path, folds: int) -> None:
    """Measure the folds of a table that are not measured, and append a line for each."""
    panel, versions = load(name), (code, table_hash(load(name)))
    results = folder / FILE
    with results.open() as file:
        done = {tuple(row[key] for key in KEYS) for row in csv.DictReader(file)}
    labels = panel.rows[LABEL].to_numpy()
    for fold in range(folds):
        key = (name, method, str(fold), *versions)
        if key in done:
            continue
        predicted, times = timed(METHODS[method], panel, fold)
        if predicted is None:
            return
        test = panel.labelled(fold, test=True)
        kept = folder / "histories" / f"{'-'.join(key)}.npy"
        kept.parent.mkdir(exist_ok=True)
        np.save(kept, predicted.values)
        of = scores(panel.kind, labels[test], predicted.values, np.nanstd(labels))
        numbers = [f"{one:.6f}" for one in (*of, predicted.loss, *times)]
        with results.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow([*key, *numbers])
        print(name, method, fold, dict(zip(COLUMNS[len(KEYS) :], numbers, strict=True)), flush=True)


def timed(method: Method, panel: Panel, fold: int) -> tuple[Predicted | None, tuple[float, float]]:
    """Fit and predict; give the seconds by the clock and of the processor."""
    began, cpu_began = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predicted = method.predict(panel, fold)
    return predicted, (time.perf_counter() - began, time.process_time() - cpu_began)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing, then summarize."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", nargs="+", default=["all"])
    parser.add_argument("--methods", nargs="*", default=[*METHODS], metavar="METHOD")
    parser.add_argument("--folds", type=int, default=FOLDS, metavar="N")
    parser.add_argument("--folder", type=Path, default=HERE, help="of the files; default: here")
    options = parser.parse_args(arguments)
    results = options.folder / FILE
    results.parent.mkdir(parents=True, exist_ok=True)
    if not results.exists():
        results.write_text(",".join(COLUMNS) + "\n")
    # Before anything is measured: files may change while it runs.
    current = {name: method.version for name, method in METHODS.items()}
    names = dict.fromkeys(name for word in options.data for name in GROUPS.get(word, [word]))
    for name in names:
        for method in options.methods:
            measure(name, method, current[method], options.folder, options.folds)
    measured = pd.read_csv(results, dtype={"code": str, "table": str})
    measured = measured[measured["fold"] < options.folds]
    said = histories_summary.summarize(measured, current, [*names], options.folder, options.folds)
    print(said)
    if options.data == ["all"]:
        (options.folder / "histories.md").write_text(f"# Histories\n\n{said}\n")


if __name__ == "__main__":
    main()
