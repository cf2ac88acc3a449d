"""How the network does on event logs, beside CatBoost on counts that a person chose.

    python benchmarks/event_logs_accuracy.py VERSION [--data NAME ...] [--methods METHOD ...]
                                             [--folds N] [--folder FOLDER]

Each of the eight logs is drawn twice. Five folds of customers of each draw, or the first N, add one
line each to `event_logs.csv`. A run goes on where the last one stopped: delete lines to measure
them anew. VERSION names the network that is measured. Then the tables of all versions are printed,
and written into `event_logs.md`.

- `lstm`: the network with its defaults, through the project's own nodes.
- `lstm_true`: of a signal, the network without a history, on the row and the true signal.
- `catboost_windows`: eight CatBoosts, see `methods.py`, on the row; on how many rows of each kind
  there were in 7, 30 and 90 days and in all, and how long ago the last one was; of each number on
  the last three, the mean and the sum of all, of 30 and of 90 days, and the row's number less the
  mean; on the last category; and on the labels known by then: how many, their mean, the last one
  and how long ago it was.

All is of the labelled rows, or of those like the rows that a scoring predicts: each customer's last
row of the kind, at several times that are one delay of the labels apart. The first third of the
whole time is left out.

A score that is `expected` is the mean over all labels that the rows might have had: those of two
classes are weighted by their true probabilities, a number is compared with its true mean. Only of
drawn logs are these known. The observed labels of a few hundred rows differ by more than methods.

Use one thread, as all methods then do: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1.
"""

import csv
import time
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from accuracy_summary import bootstrap
from event_logs import LOGS, PUBLIC, SIGNALS, draws_of, log_of, panel_of_log
from event_logs_past import SPAN, Past
from histories import SCORES, parser_of, scores, texts
from histories_expert import change_within
from histories_methods import Predicted, catboosts, lstm
from histories_panel import CUSTOMER, LABEL, TIME, Panel
from sklearn.metrics import log_loss, roc_auc_score
from tables import markdown

from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.parameters.hyperparameters import (
    NetworkOptions,
    ReshapingOptions,
    TrainingOptions,
)
from tabular_lstm.pipelines.reshaping import nodes
from tabular_lstm.rows.number_format import POINT
from tabular_lstm.task import NUMBER, TaskKind

FILE = "event_logs.csv"
KEYS = ("data", "draw", "method", "version", "fold")
AS_SCORED, EXPECTED = "as_scored_", "expected_"
GROUPS = ("", AS_SCORED, EXPECTED, EXPECTED + AS_SCORED)
COLUMNS = (*KEYS, *(group + name for group in GROUPS for name in SCORES), "cpu_seconds")
ALL_VERSIONS = "all"  # of methods that no version of the network changes
WINDOWS = (7.0, 30.0, 90.0, SPAN)
NETWORK, TRUE, TREES = "lstm", "lstm_true", "catboost_windows"


def days_of(panel: Panel) -> pd.Series:
    """Give the days since the first day of a log, float64 (rows,)."""
    times = panel.rows[TIME]
    days: pd.Series = (times - times.min().floor("D")) / pd.Timedelta(days=1)
    return days


@cache
def as_scored(name: str, draw: int) -> np.ndarray:
    """Tell the labelled rows that are like those that a scoring predicts: bool (rows,)."""
    panel, known = panel_of_log(name, draw), log_of(name, draw).known
    day = days_of(panel)
    end = day.max()
    window = np.ceil((day - (end - known)) / known)
    is_late = panel.labelled() & (day > end / 3).to_numpy()
    rows = panel.rows.assign(window=window, day=day)[is_late].sort_values("day", kind="stable")
    judged = np.zeros(len(panel.rows), bool)
    judged[rows.drop_duplicates([CUSTOMER, "window"], keep="last").index] = True
    return judged


# --- Methods


def network(name: str, draw: int, fold: int) -> Predicted:
    """Train the network on the log."""
    return lstm(panel_of_log(name, draw), fold)


def network_on_true(name: str, draw: int, fold: int) -> Predicted:
    """Train the network on single rows with the true signal."""
    from tabular_lstm.network.build import build  # noqa: PLC0415
    from tabular_lstm.network.fit import predict, train  # noqa: PLC0415

    panel = panel_of_log(name, draw)
    rows = own_columns(panel).assign(
        true=log_of(name, draw).true, **{LABEL: panel.rows[LABEL], CUSTOMER: panel.rows[CUSTOMER]}
    )
    columns = ColumnsOptions.model_validate(
        {
            "label": LABEL,
            "positive_class": 1,
            "negative_class": 0,
            "group": CUSTOMER,
            "categorical": rows.select_dtypes("category").columns.tolist(),
        }
    )
    sides = [rows[panel.labelled(fold, side)].astype({LABEL: int}) for side in (False, True)]
    summary: Any = SimpleNamespace(lineage=None, marks=POINT)
    schema = nodes.learn_schema(
        sides[0], rows[:0], summary, columns, ReshapingOptions(), TrainingOptions()
    )
    train_set, test_set = (
        nodes.reshape(nodes.split_features_from_label(side, schema, columns)) for side in sides
    )
    training = TrainingOptions()
    labels = train_set.labels.to_numpy()
    built = build(schema, NetworkOptions(), training.seed)
    model, _ = train(built, train_set.sequences, labels, training, groups=train_set.groups)
    return Predicted(predict(model, test_set.sequences)[:, 1])


def trees(name: str, draw: int, fold: int) -> Predicted:
    """Fit eight CatBoosts on the row and its windows."""
    return catboosts(panel_of_log(name, draw), fold, windows_of(name, draw))


def own_columns(panel: Panel) -> pd.DataFrame:
    """Give the features that differ within the labelled rows, (rows, features)."""
    labelled = panel.rows[panel.labelled()]
    return panel.rows[[name for name in panel.features if labelled[name].nunique() > 1]]


@cache
def windows_of(name: str, draw: int) -> pd.DataFrame:
    """Make what `catboost_windows` reads, in the order of the panel's rows: (rows, features)."""
    panel, log = panel_of_log(name, draw), log_of(name, draw)
    customer = pd.factorize(panel.rows[CUSTOMER])[0]
    day = days_of(panel).to_numpy()
    order = np.lexsort((day, customer))
    rows, past = panel.rows.iloc[order], Past(customer[order], day[order])
    made: dict[str, Any] = {"since the first": past.day - past.day[past.start(SPAN)]}
    every = np.ones(len(rows), bool)
    kinds: dict[str, np.ndarray] = {}
    if log.kind:
        kinds = {kind: (rows[log.kind] == kind).to_numpy() for kind in rows[log.kind].unique()}
    for kind, mask in {"any": every, **kinds}.items():
        made |= {f"{kind}: in {days:g}": past.count(mask, days) for days in WINDOWS}
        made[f"{kind}: since"] = past.since(mask)
    for column in change_within(panel):
        if column == log.kind:
            continue
        if rows[column].dtype == "category":
            codes = rows[column].cat.codes.to_numpy().astype(float)
            last = np.nan_to_num(past.last(np.where(codes < 0, np.nan, codes)), nan=-1).astype(int)
            made[f"{column}: last"] = pd.Categorical.from_codes(last, rows[column].cat.categories)
            continue
        values = rows[column].to_numpy()
        made |= {f"{column}: {lag} before": past.last(values, lag) for lag in (1, 2, 3)}
        for days in WINDOWS[1:]:
            made[f"{column}: mean of {days:g}"] = past.mean(values, days)
            made[f"{column}: sum of {days:g}"] = past.sum(values, days)
        made[f"{column}: less the mean"] = values - past.mean(values)
    made |= known_labels(rows[LABEL].to_numpy(), past, log.known)
    frame = pd.DataFrame(made, index=rows.index).loc[panel.rows.index]
    labelled = frame[panel.labelled()]
    differs = [column for column in frame if labelled[column].nunique() > 1]
    return pd.concat([own_columns(panel), frame[differs]], axis="columns")


def known_labels(labels: np.ndarray, past: Past, known: float) -> dict[str, np.ndarray]:
    """Tell of the labels that are known at each row, rows sorted as those of `past`."""
    has_label = ~np.isnan(labels)
    known_from = past.key[has_label] + known
    first = np.searchsorted(known_from, past.customer * SPAN)
    end = np.searchsorted(known_from, past.key, "right")
    running = np.concatenate([[0.0], np.cumsum(labels[has_label])])
    count = end - first
    place = np.maximum(end - 1, 0)
    since = past.day - past.day[has_label][place]
    return {
        "labels known": count,
        "label: mean": np.where(
            count, (running[end] - running[first]) / np.maximum(count, 1), np.nan
        ),
        "label: last": np.where(count, labels[has_label][place], np.nan),
        "label: since": np.where(count, since, np.nan),
    }


METHODS: dict[str, Callable[[str, int, int], Predicted]] = {
    NETWORK: network,
    TRUE: network_on_true,
    TREES: trees,
}


# --- Measuring


def expected_scores(kind: TaskKind, best: np.ndarray, values: np.ndarray) -> list[float]:
    """Give what SCORES names, on average over the labels that rows might have had.

    Args:
        kind: Two classes or a number.
        best: The true probabilities, or the true means as shares of the labels' standard deviation.
        values: What is predicted, likewise.
    """
    if kind == NUMBER:
        return [np.nan, np.nan, float(np.sqrt(np.mean((values - best) ** 2)))]
    labels, weights = np.repeat([1, 0], len(best)), np.concatenate([best, 1 - best])
    twice = np.concatenate([values, values])
    loss = log_loss(labels, twice, sample_weight=weights)
    return [loss, roc_auc_score(labels, twice, sample_weight=weights), np.nan]


def measure(name: str, draw: int, method: str, version: str, results: Path, folds: int) -> None:
    """Measure the folds of a draw that are not measured, and append a line for each."""
    version = version if method == NETWORK else ALL_VERSIONS
    panel, scored, best = panel_of_log(name, draw), as_scored(name, draw), log_of(name, draw).best
    with results.open() as file:
        done = {tuple(row[key] for key in KEYS) for row in csv.DictReader(file)}
    for fold in range(folds):
        if (name, str(draw), method, version, str(fold)) in done:
            continue
        began = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = METHODS[method](name, draw, fold).values
        seconds = time.process_time() - began
        test = panel.labelled(fold, test=True)
        labels, last = panel.rows[LABEL].to_numpy(), scored[test]
        deviation = float(np.nanstd(labels))
        measured = [
            *scores(panel.kind, labels[test], values, deviation),
            *scores(panel.kind, labels[test][last], values[last], deviation),
        ]
        unit = deviation if panel.kind == NUMBER else 1
        for judged in (np.ones(len(last), bool), last):
            of_best = best[test][judged] / unit, values[judged] / unit
            is_known = name not in PUBLIC
            measured += expected_scores(panel.kind, *of_best) if is_known else [np.nan] * 3
        numbers = [f"{number:.6f}" for number in (*measured, seconds)]
        line = [name, draw, method, version, fold, *numbers]
        with results.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(line)
        print(*line, flush=True)


def table_of(results: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Give means over the draws and folds that all methods of a log have.

    Each row is a log, each column a method.

    A network is named with its version.
    """
    named = results["method"].where(results["version"] == ALL_VERSIONS, results["version"])
    by_fold = results.assign(named=named).pivot_table(
        measure, ["data", "draw", "fold"], "named", sort=False, dropna=False
    )
    used = by_fold.groupby("data").transform("any")
    complete = (by_fold.notna() | ~used).all(axis="columns") & used.any(axis="columns")
    means: pd.DataFrame = by_fold[complete].groupby("data", sort=False).mean()
    return means


def ahead_by(table: pd.DataFrame, other: str, sign: int) -> list[dict[str, object]]:
    """Compare each version of the network with a method; above 0 the network is ahead."""
    lines: list[dict[str, object]] = []
    for version in table.columns.difference([TRUE, TREES, other]):
        differences = (sign * (table[version] - table[other])).dropna().to_numpy()
        if len(differences) > 1:
            text = bootstrap(differences).text()
            lines.append(
                {"network": version, "against": other, "of": len(differences), "ahead by": text}
            )
    return lines


def summarize(results: pd.DataFrame) -> str:
    """Write the tables of logs and of signals, of rows as they are scored and of all."""
    losses = {g + "loss": results[g + "log_loss"].fillna(results[g + "nrmse"]) for g in GROUPS}
    results = results.assign(**losses)
    expected = EXPECTED + AS_SCORED
    judged_by = [expected + "roc_auc", expected + "loss", AS_SCORED + "roc_auc", AS_SCORED + "loss"]
    parts = []
    for title, names, others, measures in (
        ("Logs", [*LOGS], [TREES, "before"], judged_by),
        ("Signals", SIGNALS, [TRUE, TREES], [EXPECTED + "roc_auc", "roc_auc"]),
        ("Public", [*PUBLIC], [], [AS_SCORED + "roc_auc", "roc_auc"]),
    ):
        of_group = results[results["data"].isin(names)]
        for measure in measures if len(of_group) else ():
            sign = -1 if measure.endswith("loss") else 1
            table = table_of(of_group, measure)
            parts.append(f"## {title}: {measure.replace('_', ' ')}\n")
            lines = [{"": name, **texts(row)} for name, row in table.iterrows()]
            compared = [
                line for other in others if other in table for line in ahead_by(table, other, sign)
            ]
            parts += [markdown(lines) + "\n", *([markdown(compared) + "\n"] if compared else [])]
    return "\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing, then summarize."""
    parser = parser_of(__doc__, [*LOGS, *SIGNALS, *PUBLIC], [*METHODS])
    parser.add_argument("version", help="of the network, such as before")
    options = parser.parse_args(arguments)
    results = options.folder / FILE
    if not results.exists():
        results.write_text(",".join(COLUMNS) + "\n")
    for name in options.data:
        for method in options.methods:
            for draw in draws_of(name) if method != TRUE or name in SIGNALS else ():
                measure(name, draw, method, options.version, results, options.folds)
    summary = summarize(pd.read_csv(results))
    print(summary)
    (options.folder / "event_logs.md").write_text(f"# Event logs\n\n{summary}")


if __name__ == "__main__":
    main()
