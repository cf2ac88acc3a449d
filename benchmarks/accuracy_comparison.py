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
Differences are {FIRST} less the other: of AUC, more is better for {FIRST}, of log loss, less. In brackets
is the bootstrap's 95 % over families of sets; a family's sets count as one, their mean. Wins, ties within
{EQUIVALENT} and losses, and the probabilities of the Bayesian signed-rank test that {FIRST} is better,
equivalent within {EQUIVALENT}, and worse, are by AUC over families.
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
            loss = fold_differences(results, "log_loss", other, names)
            if area.empty:
                continue
            by_set = area.mean(axis="columns")
            families = family_means(by_set, IMBALANCED)
            won, likely = counts(families.to_numpy()), signed_rank(families.to_numpy())
            losses = family_means(loss.mean(axis="columns"), IMBALANCED)
            rows.append(
                {
                    "against": other,
                    "sets": title,
                    "sets, families": f"{len(by_set)}, {len(families)}",
                    "AUC": shown(bootstrap(families.to_numpy())),
                    "log loss": shown(bootstrap(losses.to_numpy())),
                    "wins / ties / losses": f"{won.better} / {won.equivalent} / {won.worse}",
                    "better / equivalent / worse": " / ".join(
                        f"{share:.3f}" for share in (likely.better, likely.equivalent, likely.worse)
                    ),
                }
            )
            worst = by_set.nsmallest(3)
            lines.append(
                f"- {other}, {title}: the worst three are "
                + ", ".join(f"{name} {difference:+.3f}" for name, difference in worst.items())
                + f". {behind(area)}"
            )
    if not rows:
        return []
    return [f"## {FIRST} against its equals\n{NOTE}\n{markdown(rows)}\n\n" + "\n".join(lines) + "\n"]


def behind(area: pd.DataFrame) -> str:
    """Name the sets where the first is far behind."""
    table = far_behind(area)
    if table.empty:
        return f"Nowhere does it lose more than {FAR} and two corrected standard errors."
    named = (
        f"{row.Index} {row.difference:+.3f} (standard error {row.corrected:.3f}, plain {row.plain:.3f})"
        for row in table.itertuples()
    )
    return f"It loses more than {FAR} and two corrected standard errors on {', '.join(named)}."
