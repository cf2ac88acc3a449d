"""What `histories.py` prints: each method's losses, and the network against what others do.

A table's loss is the mean over its folds: log loss of classes, of numbers RMSE as a share of the
deviation of the labels (nRMSE). The expert's eight CatBoosts are those on the label or those on its
change, whichever had the lower out-of-fold loss on the fold's train rows.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from histories_panel import CUSTOMER, LABEL, load
from histories_synthetic import SYNTHETIC, rows_of
from histories_tables import CHOSEN, REPORTED
from sets_statistics import bootstrap, counts
from sklearn.metrics import log_loss, roc_auc_score
from tables import markdown

from tabular_lstm.parameters.task import CLASSES, NUMBER

FILE = "histories.csv"
KEYS = ("data", "method", "fold", "code", "table")
FIRST, EXPERT = "lstm", "expert"
TREES = ("catboost", "catboost_change")
LEVEL = 0.001
DRAWS = 2000


def newest(results: pd.DataFrame, current: Mapping[str, str]) -> pd.DataFrame:
    """Give the folds that count, with `method` naming the code of networks that are not current.

    Of each table those of the last rows measured; of each method but the network the last code.
    """
    results = results.drop_duplicates([*KEYS], keep="last")  # of two that measured at once
    table = results.groupby("data")["table"].transform("last")
    results = results[results["table"] == table]
    own = results[results["method"] == FIRST]
    others = results[results["method"] != FIRST]
    others = others[others["code"] == others.groupby(["data", "method"])["code"].transform("last")]
    is_current = own["code"] == current[FIRST]
    own = own.assign(method=np.where(is_current, FIRST, FIRST + " " + own["code"]))
    return pd.concat([own, others, expert(others)], ignore_index=True)


def expert(results: pd.DataFrame) -> pd.DataFrame:
    """Give of each fold the eight CatBoosts with the lower out-of-fold loss."""
    trees = results[results["method"].isin(TREES)].sort_values("own_loss", kind="stable")
    best = trees.drop_duplicates(["data", "fold"])
    return best.assign(source=best["method"], method=EXPERT)


def losses(results: pd.DataFrame, folds: int, measure: str | None = None) -> pd.DataFrame:
    """One row a table, one column a method; NaN where not all folds have it."""
    of = results["log_loss"].fillna(results["nrmse"]) if measure is None else results[measure]
    grouped = of.groupby([results["data"], results["method"]]).agg(["mean", "count"])
    return grouped["mean"].where(grouped["count"] == folds).unstack("method")


def against(means: pd.DataFrame, areas: pd.DataFrame, first: str, other: str) -> dict[str, object]:
    """Compare two methods over tables; above 0 the first is ahead."""
    ahead = (means[other] - means[first]).dropna().to_numpy()
    ratio = (means[other] / means[first]).dropna().map(np.log).to_numpy()
    area = (areas[first] - areas[other]).dropna().to_numpy()
    loss, ratios, won = bootstrap(ahead), bootstrap(ratio), counts(ahead, LEVEL)
    shown = {
        "": f"{first} against {other}",
        "tables": len(ahead),
        "loss, ahead by": f"{loss.mean:+.4f} ({loss.low:+.4f} to {loss.high:+.4f})",
        "in %": f"{100 * ratios.mean:+.1f} ({100 * ratios.low:+.1f} to {100 * ratios.high:+.1f})",
        "ahead / level / behind": f"{won.better} / {won.equivalent} / {won.worse}",
    }
    if len(area) > 1:
        of = bootstrap(area)
        shown["ROC AUC, ahead by"] = f"{of.mean:+.4f} ({of.low:+.4f} to {of.high:+.4f})"
    return shown


def row_losses(name: str, folds: pd.DataFrame, folder: Path) -> pd.Series | None:
    """Give each labelled row's log loss, or squared error in variances; None where not kept."""
    panel = load(name)
    labels = panel.rows[LABEL].to_numpy()
    found = np.full(len(labels), np.nan)
    for _, line in folds.iterrows():
        method = line["source"] if line["method"] == EXPERT else line["method"].split()[0]
        key = (name, method, str(line["fold"]), line["code"], line["table"])
        file = folder / "histories" / f"{'-'.join(key)}.npy"
        if not file.exists():
            return None
        test, values = panel.labelled(line["fold"], test=True), np.load(file)
        if panel.kind == NUMBER:
            found[test] = (values - labels[test]) ** 2 / np.nanvar(labels)
        else:
            classes = labels[test].astype(int)
            p = values if panel.kind == CLASSES else np.stack([1 - values, values], 1)
            found[test] = -np.log(np.clip(p[np.arange(len(p)), classes], 1e-15, 1))
    return pd.Series(found, index=panel.rows[CUSTOMER]).dropna()


def over_customers(name: str, first: pd.Series, other: pd.Series) -> tuple[float, float]:
    """Give the 95 % of how far the first is ahead, when customers are drawn with replacement."""
    sums = pd.DataFrame({"first": first, "other": other, "rows": 1}).groupby(level=0).sum()
    drawn = np.random.default_rng(0).integers(len(sums), size=(DRAWS, len(sums)))
    totals = sums.to_numpy()[drawn].sum(1)
    means = totals[:, :2] / totals[:, 2:]
    means = np.sqrt(means) if load(name).kind == NUMBER else means
    low, high = np.quantile(means[:, 1] - means[:, 0], [0.025, 0.975])
    return float(low), float(high)


def every_table(
    results: pd.DataFrame, names: Sequence[str], folder: Path, folds: int
) -> list[dict[str, object]]:
    """Give a line a table: the task, each method's loss, and the network beside the expert."""
    means, lines = losses(results, folds), []
    order = [*means.mean().sort_values().index]
    for name in names:
        line: dict[str, object] = {
            "": name,
            "loss": "log loss" if load(name).kind != NUMBER else "nRMSE",
        }
        of_table = means[order].loc[name].map("{:.4f}".format, na_action="ignore").fillna("")
        line |= {str(method): loss for method, loss in of_table.items()}
        both = [results[(results["data"] == name) & (results["method"] == m)] for m in
                (FIRST, EXPERT)]  # fmt: skip
        line["ahead of the expert, over customers"] = ""
        if all(len(lines_of) == folds for lines_of in both):
            found = [row_losses(name, lines_of, folder) for lines_of in both]
            if found[0] is not None and found[1] is not None:
                low, high = over_customers(name, found[0], found[1])
                line["ahead of the expert, over customers"] = f"{low:+.4f} to {high:+.4f}"
        lines.append(line)
    return lines


def synthetic(results: pd.DataFrame, folds: int) -> list[dict[str, object]]:
    """Give a line a table: ROC AUC of each method, and of the true probabilities."""
    areas, lines = losses(results, folds, "roc_auc"), []
    for name in SYNTHETIC:
        if name not in areas.index:
            continue
        panel, (rows, best) = load(name), rows_of(name)
        tests = [panel.labelled(fold, test=True) for fold in range(folds)]
        labels = rows["label"].to_numpy()
        area = np.mean([roc_auc_score(labels[test], best[test]) for test in tests])
        loss = np.mean([log_loss(labels[test], best[test]) for test in tests])
        line: dict[str, object] = {"": name, "best possible": f"{area:.4f}"}
        of_table = areas.loc[name].map("{:.4f}".format, na_action="ignore").fillna("")
        line |= {str(method): shown for method, shown in of_table.items()}
        lines.append(line | {"log loss, best possible": f"{loss:.4f}"})
    return lines


def summarize(
    results: pd.DataFrame,
    current: Mapping[str, str],
    names: Sequence[str],
    folder: Path,
    folds: int,
) -> str:
    """Write all of it, of tables that may choose something and of the others apart."""
    results = newest(results[results["data"].isin(names)], current)
    parts = []
    for title, group in {"chosen": CHOSEN, "reported": REPORTED}.items():
        of_group = results[results["data"].isin(group)]
        if of_group.empty:
            continue
        there = [name for name in group if name in set(of_group["data"])]
        parts.append(f"## {title}: {len(there)} of {len(group)} tables\n")
        parts.append(markdown(every_table(of_group, there, folder, folds)) + "\n")
        means, areas = losses(of_group, folds), losses(of_group, folds, "roc_auc")
        methods = [str(name) for name in means]
        networks = [name for name in methods if name.split()[0] == FIRST]
        others = [name for name in methods if name not in networks]
        pairs = [(FIRST, other) for other in others if FIRST in networks]
        pairs += [(name, EXPERT) for name in networks if name != FIRST and EXPERT in others]
        lines = [
            against(means, areas, one, other)
            for one, other in pairs
            if means[[one, other]].notna().all(axis="columns").any()
        ]
        columns = dict.fromkeys(key for line in lines for key in line)
        if lines:
            parts.append(markdown([{key: one.get(key, "") for key in columns} for one in lines]))
            parts.append("")
    if drawn := synthetic(results, folds):
        parts += ["## synthetic: ROC AUC\n", markdown([*drawn])]
    return "\n".join(parts)
