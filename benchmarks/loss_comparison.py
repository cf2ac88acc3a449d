"""The network beside peers by its loss, on sets of more classes and of numbers: tables and words.

A set's loss is the mean over its folds: log loss, or RMSE as a share of the deviation of the set's
labels (nRMSE). Losses of sets differ a hundredfold, so pairs are also compared by their ratio.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sets_files import FAMILIES
from sets_statistics import Interval, bootstrap, counts, family_means, signed_rank, standard_errors
from tables import markdown

FIRST = "lstm"
EQUALS = ("catboost_bagged", "lightgbm_bagged", "realmlp", "catboost")
NAMES = {
    "lstm": "the network",
    "catboost_bagged": "eight CatBoosts",
    "lightgbm_bagged": "eight LightGBMs",
    "catboost": "CatBoost",
    "lightgbm": "LightGBM",
    "linear": "the linear model",
    "random_forest": "random forest",
    "realmlp": "RealMLP, eight folds",
}
BAGS = ["lstm", "catboost_bagged", "lightgbm_bagged"]
FOLDS = 5
FEW = 4  # sets, below which no pair is compared
LEVEL = 0.01  # a ratio of losses within that of 1
FAR = 0.05
LEAST_COVERED = 0.8


@dataclass(frozen=True)
class Measures:
    """By what models of a task are compared.

    Attributes:
        loss: Less is better.
        others: Further measures, of which more is better.
        words: What each is called.
    """

    loss: str
    others: tuple[str, ...]
    words: tuple[str, ...]


def means_of(results: pd.DataFrame, measure: str) -> pd.DataFrame:
    """One row a data set, one column a method; NaN where not all folds have it."""
    means = results.groupby(["data", "method"])[measure].agg(["mean", "count"])
    return means["mean"].where(means["count"] == FOLDS).unstack("method")


def complete(results: pd.DataFrame, names: Sequence[str], needed: list[str]) -> pd.DataFrame:
    """Give the folds of the sets that all of these methods have in full."""
    folds = results[results["data"].isin(names) & results["method"].isin(needed)]
    whole = folds.groupby(["data", "method"]).size().unstack("method").reindex(columns=needed)
    return folds[folds["data"].isin(whole.index[(whole == FOLDS).all(axis="columns")])]


def table(results: pd.DataFrame, names: Sequence[str], measures: Measures) -> str:
    """Write the means of the methods, and in brackets their mean ranks, the least loss first.

    The sets are those that the network, eight CatBoosts and eight LightGBMs have in full; methods
    that lack one of these sets are named in its place.
    """
    shared = complete(results, names, BAGS)["data"].unique().tolist()
    whole = means_of(results[results["data"].isin(shared)], measures.loss).dropna(axis="columns")
    folds = complete(results, shared, [name for name in NAMES if name in whole])
    columns: dict[str, pd.Series] = {}
    for measure, words in zip((measures.loss, *measures.others), measures.words, strict=True):
        means = means_of(folds, measure)
        ranks = means.round(6).rank(axis="columns", ascending=measure == measures.loss)
        columns[words] = means.mean().map("{:.4f}".format) + ranks.mean().map(" ({:.2f})".format)
    for measure, words in (("cpu_seconds", "processor s of a fit"), ("fit_seconds", "seconds")):
        columns[words] = means_of(folds, measure).mean().map("{:.1f}".format)
    order = means_of(folds, measures.loss).mean().sort_values().index
    rows = [
        {"": NAMES[name], **{words: column[name] for words, column in columns.items()}}
        for name in order
    ]
    missing = sorted({*names} - {*shared}, key=str.lower)
    note = f" Not measured in full: {', '.join(missing)}." if missing else ""
    for name in sorted({*NAMES} - {*whole}):
        count = complete(results, names, [name])["data"].nunique()
        note += f" Measured on {count} alone: {NAMES[name]}."
    return f"On {len(shared)} of {len(names)} sets.{note}\n\n{markdown(rows)}\n"


def pairs(results: pd.DataFrame, names: Sequence[str], loss: str) -> str:
    """Write the network against each equal, and where it is far behind."""
    rows, lines = [], []
    for other in EQUALS:
        folds = complete(results, names, [FIRST, other])
        if folds["data"].nunique() < FEW:
            continue
        by_fold = folds.pivot_table(loss, ["data", "fold"], "method")
        seconds = folds.groupby("method")["cpu_seconds"].sum()
        rows.append(
            {
                "against": NAMES[other],
                "sets": folds["data"].nunique(),
                **compared(means_of(folds, loss), other),
                "times as long": f"{seconds[FIRST] / seconds[other]:.2f}",
            }
        )
        lines.append(f"- {NAMES[other]}: {behind(by_fold, other)}")
    return f"{markdown(rows)}\n\n" + "\n".join(lines) + "\n" if rows else ""


def compared(means: pd.DataFrame, other: str) -> dict[str, str]:
    """Fill a row from the mean losses of both on each set."""
    differences = family_means(means[FIRST] - means[other], FAMILIES).to_numpy()
    logs = family_means((means[FIRST] / means[other]).map(np.log), FAMILIES).to_numpy()
    # Of both functions more is better.
    won, likely = counts(-logs, LEVEL), signed_rank(-logs, LEVEL)
    ratio = bootstrap(logs)
    ratios = Interval(*(float(np.exp(end)) for end in (ratio.mean, ratio.low, ratio.high)))
    difference = bootstrap(differences)
    return {
        "difference": f"{difference.mean:+.4f} ({difference.low:+.4f} to {difference.high:+.4f})",
        "ratio": f"{ratios.mean:.3f} ({ratios.low:.3f} to {ratios.high:.3f})",
        "ahead / level / behind": f"{won.better} / {won.equivalent} / {won.worse}",
        "better / level / worse": (
            f"{likely.better:.2f} / {likely.equivalent:.2f} / {likely.worse:.2f}"
        ),
    }


def behind(by_fold: pd.DataFrame, other: str) -> str:
    """Name the three worst sets, and those where the network is far behind."""
    differences = (by_fold[FIRST] - by_fold[other]).unstack("fold")
    means = by_fold.groupby("data").mean()
    ratio = means[FIRST] / means[other]
    error = standard_errors(differences)["corrected"]
    difference = differences.mean(axis="columns")
    far = ratio.index[(ratio > 1 + FAR) & (difference > 2 * error)]

    def listed(sets: pd.Series) -> str:
        both = means.loc[sets.index, [FIRST, other]].itertuples()
        return ", ".join(f"`{name}` {own:.3f} and {its:.3f}" for name, own, its in both)

    worst = listed(ratio.nlargest(3))
    named = listed(ratio[far].sort_values(ascending=False))
    beyond = f"{100 * FAR:.0f} % and two corrected standard errors"
    said = f"behind by more than {beyond} on {named}" if named else f"on none by more than {beyond}"
    return f"the worst three are {worst}; {said}."


def intervals(results: pd.DataFrame, names: Sequence[str]) -> str:
    """Write how often the network's intervals cover, and how wide they are."""
    own = results[(results["method"] == FIRST) & results["data"].isin(names)]
    covered, width = (means_of(own, measure)[FIRST].dropna() for measure in ("coverage", "width"))
    few = covered[covered < LEAST_COVERED].sort_values()
    below = ", ".join(f"`{name}` {share:.3f}" for name, share in few.items()) or "none"
    ends = covered.sort_values()
    lowest, highest = (f"{ends.iloc[end]:.3f} on `{ends.index[end]!s}`" for end in (0, -1))
    return (
        f"The 90 % intervals cover {covered.mean():.3f} of the test rows on average over "
        f"{len(covered)} sets, from {lowest} to {highest}; below {LEAST_COVERED}: {below}. They "
        f"are {width.mean():.2f} deviations of the label wide.\n"
    )
