"""How the network does on tables in which a customer has many rows, beside what people do there.

    python benchmarks/histories.py [--data NAME ...] [--methods METHOD ...] [--folds N]
                                   [--folder FOLDER]

Five folds of customers of each table, or the first N, the same for all methods, one line a fold
into `histories.csv`. It goes on where it stopped: delete lines to measure them anew. Then the
tables are printed, of all data also into `histories.md`.

A table's loss is the mean over its folds: log loss of classes, of numbers RMSE as a share of the
deviation of the labels (nRMSE); of all labelled rows, and of those like the rows that a scoring
predicts, see `tabular_lstm.rows.timeline.last_rows`. `expert` are the eight CatBoosts on the label
or those on its change, whichever had the lower out-of-fold loss on the fold's train rows.

Data: `chosen`, `reported`, `synthetic`, `all`, or names of `histories_tables.py` and
`histories_panel.py`; methods: see `histories_methods.py`. Use one thread, as all methods then do:
OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1.
"""

import argparse
import csv
import time
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from accuracy_summary import bootstrap, counts
from histories_methods import METHODS, sets_of
from histories_panel import FOLDS, LABEL, SYNTHETIC, load, synthetic_rows
from histories_tables import CHOSEN, REPORTED
from sklearn.metrics import log_loss, roc_auc_score
from tables import markdown

from tabular_lstm.task import CLASSES, NUMBER, TaskKind

HERE = Path(__file__).resolve().parent
FILE = "histories.csv"
GROUPS = {
    "chosen": CHOSEN,
    "reported": REPORTED,
    "synthetic": [*SYNTHETIC],
    "all": [*CHOSEN, *REPORTED, *SYNTHETIC],
}
KEYS = ("data", "method", "fold")
SCORES = ("log_loss", "roc_auc", "nrmse")
AS_SCORED = "as_scored_"  # of the rows like those that a scoring predicts
TIMES = ("own_loss", "fit_seconds", "cpu_seconds")
COLUMNS = (*KEYS, *SCORES, *TIMES, *(AS_SCORED + name for name in SCORES))
NETWORK, EXPERT = "lstm", "expert"
TREES = ("catboost", "catboost_change")
LEVEL = 0.001


def scores(kind: TaskKind, labels: np.ndarray, values: np.ndarray, deviation: float) -> list[float]:
    """Give what SCORES names, NaN where the task has it not.

    RMSE is a share of the standard deviation of all labels of the table; of three classes or more
    ROC AUC is the mean over the classes of each against the others.
    """
    if kind == NUMBER:
        return [np.nan, np.nan, float(np.sqrt(np.mean((values - labels) ** 2)) / deviation)]
    classes = range(values.shape[1]) if kind == CLASSES else (0, 1)
    loss = log_loss(labels, values, labels=[*classes])
    if kind != CLASSES:
        has_both = 0 < np.mean(labels) < 1
        return [loss, roc_auc_score(labels, values) if has_both else np.nan, np.nan]
    present = [number for number in classes if 0 < np.mean(labels == number) < 1]
    areas = [roc_auc_score(labels == number, values[:, number]) for number in present]
    return [loss, float(np.mean(areas)) if areas else np.nan, np.nan]


@cache
def as_scored(name: str, fold: int) -> np.ndarray:
    """Tell which test rows of a fold are like those that a scoring predicts: bool (rows,)."""
    judged: np.ndarray = sets_of(load(name), fold)[2].judged
    return judged


def measure(name: str, method: str, results: Path, folds: int) -> None:
    """Measure the folds of a table that are not measured, and append a line for each."""
    panel = load(name)
    with results.open() as file:
        done = {tuple(row[key] for key in KEYS) for row in csv.DictReader(file)}
    labels = panel.rows[LABEL].to_numpy()
    for fold in range(folds):
        if (name, method, str(fold)) in done:
            continue
        began, cpu_began = time.perf_counter(), time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            predicted = METHODS[method](panel, fold)
        if predicted is None:
            return
        times = time.perf_counter() - began, time.process_time() - cpu_began
        test_labels = labels[panel.labelled(fold, test=True)]
        deviation, scored = np.nanstd(labels), as_scored(name, fold)
        measured = scores(panel.kind, test_labels, predicted.values, deviation)
        last = scores(panel.kind, test_labels[scored], predicted.values[scored], deviation)
        numbers = [f"{number:.6f}" for number in (*measured, predicted.loss, *times, *last)]
        with results.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow([name, method, fold, *numbers])
        print(name, method, fold, dict(zip(COLUMNS[3:], numbers, strict=True)), flush=True)


def with_expert(results: pd.DataFrame) -> pd.DataFrame:
    """Add of each fold the eight CatBoosts with the lower out-of-fold loss."""
    trees = results[results["method"].isin(TREES)].sort_values("own_loss", kind="stable")
    best = trees.drop_duplicates(["data", "fold"])
    return pd.concat([results, best.assign(method=EXPERT)], ignore_index=True)


def means_of(
    results: pd.DataFrame, folds: int, measure: str | None = None, rows: str = ""
) -> pd.DataFrame:
    """One row a table, one column a method; NaN where not all folds have it. Default: the loss."""
    loss = results[f"{rows}log_loss"].fillna(results[f"{rows}nrmse"])
    values = loss if measure is None else results[rows + measure]
    grouped = values.groupby([results["data"], results["method"]]).agg(["mean", "count"])
    return grouped["mean"].where(grouped["count"] == folds).unstack("method")


def against(losses: pd.DataFrame, areas: pd.DataFrame, method: str) -> dict[str, object]:
    """Compare the network with a method over tables; above 0 the network is ahead."""
    ahead = (losses[method] - losses[NETWORK]).dropna().to_numpy()
    area = (areas[NETWORK] - areas[method]).dropna().to_numpy()
    return {
        "the network against": method,
        "tables": len(ahead),
        "loss, ahead by": bootstrap(ahead).text(),
        "ahead / level / behind": counts(ahead, LEVEL),
        "ROC AUC, ahead by": bootstrap(area).text() if len(area) > 1 else "",
    }


def compared(losses: pd.DataFrame, areas: pd.DataFrame) -> list[dict[str, object]]:
    """Compare the network with each method that was measured on some table of the same folds."""
    pairs = {method: losses.get([NETWORK, method]) for method in losses if method != NETWORK}
    return [
        against(losses, areas, str(method))
        for method, pair in pairs.items()
        if pair is not None and pair.notna().all(axis="columns").any()
    ]


def texts(row: pd.Series) -> dict[str, str]:
    """Write four decimals by method, nothing where there is none."""
    return {str(name): "" if np.isnan(number) else f"{number:.4f}" for name, number in row.items()}


def synthetic(results: pd.DataFrame, folds: int) -> list[dict[str, object]]:
    """Give a line a table: ROC AUC of each method, and of the true probabilities."""
    lines: list[dict[str, object]] = []
    for name, row in means_of(results, folds, "roc_auc").iterrows():
        panel, (rows, best) = load(str(name)), synthetic_rows(str(name))
        labels = rows["label"].to_numpy()
        tests = [panel.labelled(fold, test=True) for fold in range(folds)]
        area = np.mean([roc_auc_score(labels[test], best[test]) for test in tests])
        lines.append({"": name, "best possible": f"{area:.4f}", **texts(row)})
    return lines


def summarize(results: pd.DataFrame, folds: int) -> str:
    """Write all tables, those that may choose something and the others apart."""
    results, parts = with_expert(results[results["fold"] < folds]), []
    for title in ("chosen", "reported"):
        of_group = results[results["data"].isin(GROUPS[title])]
        if of_group.empty:
            continue
        losses, areas = means_of(of_group, folds), means_of(of_group, folds, "roc_auc")
        parts.append(f"## {title}: {len(losses)} of {len(GROUPS[title])} tables\n")
        order = [*losses.mean().sort_values().index]
        lines = [
            {
                "": name,
                "loss": "nRMSE" if load(str(name)).kind == NUMBER else "log loss",
                **texts(row[order]),
            }
            for name, row in losses.sort_index(key=lambda names: names.str.lower()).iterrows()
        ]
        parts.append(markdown(lines) + "\n")
        as_scored_means = (means_of(of_group, folds, n, AS_SCORED) for n in (None, "roc_auc"))
        lines = compared(losses, areas)
        parts += [markdown(lines) + "\n"] if lines else []
        if lines := compared(*as_scored_means):
            parts.append("On the rows like those that a scoring predicts:\n")
            parts.append(markdown(lines) + "\n")
    drawn = results[results["data"].isin(SYNTHETIC)]
    if not drawn.empty:
        parts += ["## synthetic: ROC AUC\n", markdown(synthetic(drawn, folds))]
    return "\n".join(parts)


def parser_of(
    documentation: str | None, data: Sequence[str], methods: Sequence[str]
) -> argparse.ArgumentParser:
    """Give the options of a benchmark: data, methods, folds, and the folder of its files."""
    parser = argparse.ArgumentParser(description=(documentation or "").partition("\n")[0])
    parser.add_argument("--data", nargs="+", default=data, metavar="NAME")
    parser.add_argument("--methods", nargs="*", default=methods, metavar="METHOD")
    parser.add_argument("--folds", type=int, default=FOLDS, metavar="N")
    parser.add_argument("--folder", type=Path, default=HERE, help="of the files; default: here")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing, then summarize."""
    options = parser_of(__doc__, ["all"], [*METHODS]).parse_args(arguments)
    results = options.folder / FILE
    if not results.exists():
        results.write_text(",".join(COLUMNS) + "\n")
    names = dict.fromkeys(name for word in options.data for name in GROUPS.get(word, [word]))
    for name in names:
        for method in options.methods:
            measure(name, method, results, options.folds)
    measured = pd.read_csv(results)
    summary = summarize(measured[measured["data"].isin(names)], options.folds)
    print(summary)
    if options.data == ["all"]:
        (options.folder / "histories.md").write_text(f"# Histories\n\n{summary}\n")


if __name__ == "__main__":
    main()
