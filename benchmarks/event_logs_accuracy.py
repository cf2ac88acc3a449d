"""How the network does on event logs, beside CatBoost on counts that a person chose.

    python benchmarks/event_logs_accuracy.py VERSION [--data NAME ...] [--methods METHOD ...]
                                             [--folds N] [--folder FOLDER]

Five folds of customers of each log, or the first N, one line a fold into `event_logs.csv`. It goes
on where it stopped: delete lines to measure them anew. VERSION names the network that is measured.
Then the tables are printed, of all versions also into `event_logs.md`.

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
from event_logs import LOGS, PUBLIC, SIGNALS, log_of, panel_of_log
from event_logs_past import SPAN, Past
from histories import SCORES, parser_of, scores, texts
from histories_expert import change_within
from histories_methods import Predicted, catboosts, lstm
from histories_panel import CUSTOMER, LABEL, TIME, Panel
from tables import markdown

from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.parameters.hyperparameters import (
    NetworkOptions,
    ReshapingOptions,
    TrainingOptions,
)
from tabular_lstm.pipelines.reshaping import nodes
from tabular_lstm.rows.number_format import POINT

FILE = "event_logs.csv"
KEYS = ("data", "method", "version", "fold")
AS_SCORED = "as_scored_"
COLUMNS = (*KEYS, *SCORES, *(AS_SCORED + name for name in SCORES), "cpu_seconds")
ALL_VERSIONS = "all"  # of methods that no version of the network changes
WINDOWS = (7.0, 30.0, 90.0, SPAN)
NETWORK, TRUE, TREES = "lstm", "lstm_true", "catboost_windows"


def days_of(panel: Panel) -> pd.Series:
    """Give the days since the first day of a log, float64 (rows,)."""
    times = panel.rows[TIME]
    days: pd.Series = (times - times.min().floor("D")) / pd.Timedelta(days=1)
    return days


@cache
def as_scored(name: str) -> np.ndarray:
    """Tell the labelled rows that are like those that a scoring predicts: bool (rows,)."""
    panel, known = panel_of_log(name), log_of(name).known
    day = days_of(panel)
    end = day.max()
    window = np.ceil((day - (end - known)) / known)
    is_late = panel.labelled() & (day > end / 3).to_numpy()
    rows = panel.rows.assign(window=window, day=day)[is_late].sort_values("day", kind="stable")
    judged = np.zeros(len(panel.rows), bool)
    judged[rows.drop_duplicates([CUSTOMER, "window"], keep="last").index] = True
    return judged


# --- Methods


def network(name: str, fold: int) -> Predicted:
    """Train the network on the log."""
    return lstm(panel_of_log(name), fold)


def network_on_true(name: str, fold: int) -> Predicted:
    """Train the network on single rows with the true signal."""
    from tabular_lstm.network.build import build  # noqa: PLC0415
    from tabular_lstm.network.fit import predict, train  # noqa: PLC0415

    panel = panel_of_log(name)
    rows = own_columns(panel).assign(
        true=log_of(name).true, **{LABEL: panel.rows[LABEL], CUSTOMER: panel.rows[CUSTOMER]}
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
    schema = nodes.learn_schema(sides[0], rows[:0], summary, columns, ReshapingOptions())
    train_set, test_set = (
        nodes.reshape(nodes.split_features_from_label(side, schema, columns)) for side in sides
    )
    training = TrainingOptions()
    labels = train_set.labels.to_numpy()
    built = build(schema, NetworkOptions(), training.seed)
    model, _ = train(built, train_set.sequences, labels, training, groups=train_set.groups)
    return Predicted(predict(model, test_set.sequences)[:, 1])


def trees(name: str, fold: int) -> Predicted:
    """Fit eight CatBoosts on the row and its windows."""
    return catboosts(panel_of_log(name), fold, windows_of(name))


def own_columns(panel: Panel) -> pd.DataFrame:
    """Give the features that differ within the labelled rows, (rows, features)."""
    labelled = panel.rows[panel.labelled()]
    return panel.rows[[name for name in panel.features if labelled[name].nunique() > 1]]


@cache
def windows_of(name: str) -> pd.DataFrame:
    """Make what `catboost_windows` reads, in the order of the panel's rows: (rows, features)."""
    panel, log = panel_of_log(name), log_of(name)
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


METHODS: dict[str, Callable[[str, int], Predicted]] = {
    NETWORK: network,
    TRUE: network_on_true,
    TREES: trees,
}


# --- Measuring


def measure(name: str, method: str, version: str, results: Path, folds: int) -> None:
    """Measure the folds of a log that are not measured, and append a line for each."""
    version = version if method == NETWORK else ALL_VERSIONS
    panel, scored = panel_of_log(name), as_scored(name)
    with results.open() as file:
        done = {tuple(row[key] for key in KEYS) for row in csv.DictReader(file)}
    for fold in range(folds):
        if (name, method, version, str(fold)) in done:
            continue
        began = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = METHODS[method](name, fold).values
        seconds = time.process_time() - began
        test = panel.labelled(fold, test=True)
        labels, last = panel.rows[LABEL].to_numpy(), scored[test]
        deviation = float(np.nanstd(labels))
        of_all = scores(panel.kind, labels[test], values, deviation)
        of_last = scores(panel.kind, labels[test][last], values[last], deviation)
        numbers = [f"{number:.6f}" for number in (*of_all, *of_last, seconds)]
        with results.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow([name, method, version, fold, *numbers])
        print(name, method, version, fold, *numbers, flush=True)


def table_of(results: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Give means over the folds that all methods of a log have: one row a log, a column a method.

    A network is named with its version.
    """
    named = results["method"].where(results["version"] == ALL_VERSIONS, results["version"])
    by_fold = results.assign(named=named).pivot_table(
        measure, ["data", "fold"], "named", sort=False, dropna=False
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
    results = results.assign(loss=results["log_loss"].fillna(results["nrmse"]))
    last_loss = results[AS_SCORED + "log_loss"].fillna(results[AS_SCORED + "nrmse"])
    results = results.assign(**{AS_SCORED + "loss": last_loss})
    parts = []
    for title, names, others in (
        ("Logs", [*LOGS], [TREES, "before"]),
        ("Signals", SIGNALS, [TRUE, TREES]),
        ("Public", [*PUBLIC], []),
    ):
        of_group = results[results["data"].isin(names)]
        for measure, sign in ((AS_SCORED + "roc_auc", 1), (AS_SCORED + "loss", -1), ("roc_auc", 1)):
            if of_group.empty:
                continue
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
            if method != TRUE or name in SIGNALS:
                measure(name, method, options.version, results, options.folds)
    summary = summarize(pd.read_csv(results))
    print(summary)
    (options.folder / "event_logs.md").write_text(f"# Event logs\n\n{summary}")


if __name__ == "__main__":
    main()
