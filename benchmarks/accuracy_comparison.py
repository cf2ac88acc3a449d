"""LSTMClassifier against each of its equals: the statistics of `sets_statistics.py` as tables."""

from collections.abc import Mapping, Sequence

import pandas as pd
from sets import IMBALANCED
from sets_statistics import (
    EQUIVALENT,
    FAR,
    Interval,
    bootstrap,
    counts,
    family_means,
    far_behind,
    signed_rank,
)
from tables import markdown

FIRST = "lstm"
EQUALS = (
    "catboost_bagged",
    "lightgbm_bagged",
    "realmlp",
    "tabm",
    "catboost_tuned",
    "lightgbm_tuned",
)
FOLDS = 5
NOTE = f"""
Differences are {FIRST} less the other: of AUC, more is better for {FIRST}, of log loss, less. In
brackets is the paired bootstrap's 95 % over families of sets; a family's sets count as one, their
mean. Wins, ties within {EQUIVALENT} and losses, and the probabilities of the Bayesian signed-rank
test that {FIRST} is better, equivalent within {EQUIVALENT}, and worse, are by AUC over families.
"""


def fold_differences(
    results: pd.DataFrame, metric: str, other: str, names: Sequence[str]
) -> pd.DataFrame:
    """Give first less other on each fold; one row a set that both have in full."""
    chosen = results[results["data"].isin(names)].pivot_table(metric, ["data", "fold"], "method")
    if not {FIRST, other} <= set(chosen):
        return pd.DataFrame(columns=range(FOLDS))
    return (chosen[FIRST] - chosen[other]).unstack("fold").dropna()


def shown(interval: Interval) -> str:
    """Write a mean and its interval."""
    return f"{interval.mean:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"


def compare(results: pd.DataFrame, groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Write a table of all pairs and groups of sets, and where the first is far behind."""
    rows, lines = [], []
    for other in EQUALS:
        for title, names in groups.items():
            area = fold_differences(results, "roc_auc", other, names)
            if area.empty:
                continue
            loss = fold_differences(results, "log_loss", other, names)
            rows.append({"against": other, "sets": title, **compared(area, loss)})
            lines.append(f"- {other}, {title}: {behind(area)}")
    if not rows:
        return []
    listed = "\n".join(lines)
    return [f"## {FIRST} against its equals\n{NOTE}\n{markdown(rows)}\n\n{listed}\n"]


def compared(area: pd.DataFrame, loss: pd.DataFrame) -> dict[str, str]:
    """Fill a row of the table from the differences of AUC and of log loss."""
    by_set = area.mean(axis="columns")
    families = family_means(by_set, IMBALANCED).to_numpy()
    losses = family_means(loss.mean(axis="columns"), IMBALANCED).to_numpy()
    won, likely = counts(families), signed_rank(families)
    return {
        "sets, families": f"{len(by_set)}, {len(families)}",
        "AUC": shown(bootstrap(families)),
        "log loss": shown(bootstrap(losses)),
        "wins / ties / losses": f"{won.better} / {won.equivalent} / {won.worse}",
        "better / equivalent / worse": (
            f"{likely.better:.3f} / {likely.equivalent:.3f} / {likely.worse:.3f}"
        ),
    }


def behind(area: pd.DataFrame) -> str:
    """Name the three worst sets, and those where the first is far behind."""
    worst = area.mean(axis="columns").nsmallest(3)
    three = ", ".join(f"{name} {difference:+.3f}" for name, difference in worst.items())
    errors = f"{FAR} and two corrected standard errors"
    table = far_behind(area)
    if table.empty:
        return f"the worst three are {three}. Nowhere does it lose more than {errors}."
    named = ", ".join(
        f"{name} {row['difference']:+.3f} (standard error {row['corrected']:.3f}, "
        f"plain {row['plain']:.3f})"
        for name, row in table.iterrows()
    )
    return f"the worst three are {three}. It loses more than {errors} on {named}."
