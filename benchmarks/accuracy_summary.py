"""The tables of `accuracy.md`, from the folds that `accuracy.py` measured.

    python benchmarks/accuracy_summary.py

A set's loss is the mean over its folds: log loss, or RMSE as a share of the deviation of the set's
labels (nRMSE). A set's folds are those that all of NEEDED have, where they have any: with many
classes eight CatBoosts take hours. A difference is the network less the other: below 0 the network
is better. Sets of one family, as KEEL cuts several of one source, count as one: their mean. Losses
of sets differ a hundredfold, so that "level" is a ratio of losses within 1 %.
Far behind is by more than 5 % of the loss, or 0.02 of ROC AUC, and two corrected standard errors.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sets import (
    CHOSEN_ON,
    CLASSES_CHOSEN,
    CLASSES_REPORTED,
    IMBALANCED,
    NUMBERS_CHOSEN,
    NUMBERS_REPORTED,
    REPORTED_ON,
)
from sets_files import FAMILIES
from sets_messy import names as messy
from tables import markdown

from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES, TaskKind

HERE = Path(__file__).resolve().parent
FAMILY_OF = IMBALANCED | FAMILIES
NETWORK, EIGHT = "lstm", "catboost_bagged"
NAMES = {
    "lstm": "the network",
    "catboost_bagged": "eight CatBoosts",
    "lightgbm_bagged": "eight LightGBMs",
    "catboost": "CatBoost",
    "lightgbm": "LightGBM",
    "linear": "the linear model",
    "random_forest": "random forest",
    "hist_gradient_boosting": "HistGradientBoosting",
    "catboost_tuned": "eight CatBoosts, tuned",
    "realmlp": "RealMLP, eight folds",
    "tabm": "TabM",
}
# A table is of the sets that these have in full.
NEEDED = [NETWORK, EIGHT, "lightgbm_bagged"]
FOLDS = 5
FEW = 4  # sets, below which no pair is compared
LEVEL = 0.01  # a ratio of losses within that of 1
FAR_LOSS, FAR_AREA = 0.05, 0.02
SLOW = 4  # times the processor time of eight CatBoosts
WORDS = {"log_loss": "log loss", "roc_auc": "ROC AUC", "nrmse": "nRMSE", "r2": "R²"}


@dataclass(frozen=True)
class Task:
    """A task's folds and sets.

    Attributes:
        file: Where the folds are.
        prefix: Of the words that name its sets.
        reported: Names of sets by which nothing was chosen.
        chosen: Names of sets that the defaults were chosen on.
        loss: Less is better.
        second: A second measure, of which more is better.
    """

    file: str
    prefix: str
    reported: list[str]
    chosen: list[str]
    kind: TaskKind = TWO_CLASSES
    loss: str = "log_loss"
    second: str = "roc_auc"

    def sides(self) -> Iterator[tuple[str, list[str]]]:
        """Give the lists of sets with their names."""
        messy_reported = messy("report", self.kind)
        yield "reported", self.reported
        yield "messy_reported", messy_reported
        yield "all_reported", [*self.reported, *messy_reported]
        yield "chosen", self.chosen
        yield "messy_chosen", messy("choose", self.kind)
        yield "long", messy("long", self.kind)


TASKS: dict[TaskKind, Task] = {
    TWO_CLASSES: Task("accuracy.csv", "", REPORTED_ON, CHOSEN_ON),
    CLASSES: Task("accuracy_classes.csv", "classes_", CLASSES_REPORTED, CLASSES_CHOSEN, CLASSES),
    NUMBER: Task(
        "accuracy_numbers.csv",
        "numbers_",
        NUMBERS_REPORTED,
        NUMBERS_CHOSEN,
        NUMBER,
        "nrmse",
        "r2",
    ),
}

# --- Statistics over sets


@dataclass(frozen=True)
class Interval:
    """A mean and its interval of 95 %."""

    mean: float
    low: float
    high: float

    def text(self) -> str:
        """Write it."""
        return f"{self.mean:+.4f} ({self.low:+.4f} to {self.high:+.4f})"


def bootstrap(differences: np.ndarray, draws: int = 10_000, seed: int = 0) -> Interval:
    """Draw families with replacement, and take the middle 95 % of the means.

    It is paired: what is drawn are the differences of two methods on one family.
    """
    rng = np.random.default_rng(seed)
    samples = rng.integers(len(differences), size=(draws, len(differences)))
    low, high = np.quantile(differences[samples].mean(axis=1), [0.025, 0.975])
    return Interval(float(differences.mean()), float(low), float(high))


def family_means(values: pd.Series, family_of: Mapping[str, str]) -> np.ndarray:
    """Average the sets of each family; a set that the mapping lacks is a family of its own."""
    families = [family_of.get(name, name) for name in values.index]
    return values.groupby(families).mean().to_numpy()


def counts(ahead_by: np.ndarray, level: float) -> str:
    """Count where one is ahead, level and behind."""
    ahead, behind = np.sum(ahead_by > level), np.sum(ahead_by < -level)
    return f"{ahead} / {len(ahead_by) - ahead - behind} / {behind}"


def corrected_errors(differences: pd.DataFrame) -> pd.Series:
    """Give the standard error of the mean of each set's paired fold differences.

    The train rows of any two folds overlap in three quarters of them, so the differences are not
    independent. Nadeau and Bengio, "Inference for the Generalization Error", Machine Learning 2003:
    the variance times 1/5 + test rows / train rows = 1/5 + 1/4.

    Args:
        differences: One row a set, one column a fold.
    """
    variance: pd.Series = differences.var(axis="columns", ddof=1)
    return (variance * (1 / FOLDS + 1 / (FOLDS - 1))).pow(0.5)


# --- Tables


def shared_folds(results: pd.DataFrame) -> pd.DataFrame:
    """Keep of each set the folds that each of NEEDED has, if it has any of the set."""
    needed = results[results["method"].isin(NEEDED)]
    methods_of_set = needed.groupby("data")["method"].nunique()
    methods_of_fold = needed.groupby(["data", "fold"])["method"].transform("nunique")
    lacking = needed[methods_of_fold < needed["data"].map(methods_of_set)]
    lacking_folds = pd.MultiIndex.from_frame(lacking[["data", "fold"]])
    return results[~pd.MultiIndex.from_frame(results[["data", "fold"]]).isin(lacking_folds)]


def folds_of(results: pd.DataFrame) -> pd.DataFrame:
    """Give the share of a set's folds that a method has: one row a set, one column a method."""
    counted = results.pivot_table("fold", "data", "method", "count")
    return counted.div(results.groupby("data")["fold"].nunique(), axis="index")


def means_of(results: pd.DataFrame, measure: str) -> pd.DataFrame:
    """One row a data set, one column a method; NaN where not all folds of the set have it."""
    means = results.pivot_table(measure, "data", "method", "mean", dropna=False)
    measured = results[results[measure].notna()]
    return means.where(folds_of(measured).reindex_like(means) == 1)


def complete(results: pd.DataFrame, names: Sequence[str], methods: list[str]) -> pd.DataFrame:
    """Give the folds of the sets that all of these methods have in full."""
    folds = results[results["data"].isin(names)]
    is_complete = (folds_of(folds).reindex(columns=methods) == 1).all(axis="columns")
    in_full = folds["data"].isin(is_complete.index[is_complete])
    return folds[in_full & folds["method"].isin(methods)]


def ranks(means: pd.DataFrame, ascending: bool) -> pd.DataFrame:
    """Rank the methods on each data set, 1 is best, equals share the mean of their ranks."""
    return means.round(6).rank(axis="columns", ascending=ascending)


def compared_folds(results: pd.DataFrame, names: Sequence[str], loss: str) -> pd.DataFrame:
    """Give the folds of a table: its sets are NEEDED's, its methods those that have them all."""
    shared = complete(results, names, NEEDED)["data"].unique().tolist()
    means = means_of(results[results["data"].isin(shared)], loss).dropna(axis="columns")
    return complete(results, shared, [name for name in NAMES if name in means])


def table(results: pd.DataFrame, names: Sequence[str], task: Task) -> str:
    """Write the means of the methods, and in brackets their mean ranks, the least loss first."""
    folds = compared_folds(results, names, task.loss)
    columns: dict[str, pd.Series] = {}
    for measure in (task.loss, task.second):
        means = means_of(folds, measure)
        mean_ranks = ranks(means, ascending=measure == task.loss).mean()
        columns[WORDS[measure]] = means.mean().map("{:.4f}".format) + mean_ranks.map(
            " ({:.2f})".format
        )
    for measure, words in (("cpu_seconds", "processor s of a fit"), ("fit_seconds", "seconds")):
        # Lines of the first rounds have no `cpu_seconds`: no mean of other sets in their place.
        seconds = means_of(folds, measure).mean(skipna=False)
        columns[words] = seconds.map("{:.1f}".format, na_action="ignore").fillna("")
    lines = [
        {"": NAMES[name], **{words: column[name] for words, column in columns.items()}}
        for name in means_of(folds, task.loss).mean().sort_values().index
    ]
    missing = sorted({*names} - {*folds["data"]}, key=str.lower)
    note = f" Not measured in full: {', '.join(missing)}." if missing else ""
    fold_counts = folds.groupby("data")["fold"].nunique()
    few = [f"{name} {count}" for name, count in fold_counts.items() if count < FOLDS]
    note += f" Fewer than {FOLDS} folds: {', '.join(few)}." if few else ""
    return f"{folds['data'].nunique()} of {len(names)} sets.{note}\n\n{markdown(lines)}\n"


def pairs(results: pd.DataFrame, names: Sequence[str], task: Task) -> str:
    """Write the network against each method, and where it is far behind."""
    lines, notes = [], []
    for method in [name for name in NAMES if name != NETWORK]:
        folds = complete(results, names, [NETWORK, method])
        if folds["data"].nunique() < FEW:
            continue
        loss, second = (means_of(folds, measure) for measure in (task.loss, task.second))
        log_ratios = family_means((loss[NETWORK] / loss[method]).map(np.log), FAMILY_OF)
        difference = bootstrap(family_means(loss[NETWORK] - loss[method], FAMILY_OF))
        second_difference = bootstrap(family_means(second[NETWORK] - second[method], FAMILY_OF))
        seconds = folds.groupby("method")["cpu_seconds"].agg(lambda cell: cell.sum(skipna=False))
        times = seconds[NETWORK] / seconds[method]
        lines.append(
            {
                "against": NAMES[method],
                "sets, families": f"{len(loss)}, {len(log_ratios)}",
                f"difference of {WORDS[task.loss]}": difference.text(),
                f"difference of {WORDS[task.second]}": second_difference.text(),
                "ahead / level / behind": counts(-log_ratios, LEVEL),
                "times as long": "" if np.isnan(times) else f"{times:.2f}",
            }
        )
        if method in NEEDED:
            notes.append(f"- {NAMES[method]}: {far_behind(folds, method, task)}")
    return "\n".join([markdown(lines), "", *notes, ""]) if lines else ""


def far_behind(folds: pd.DataFrame, method: str, task: Task) -> str:
    """Name the three worst sets, and those where the network is far behind, and surely."""

    def is_far(measure: str, sign: int, limit: pd.Series | float) -> pd.Series:
        by_fold = folds.pivot_table(measure, ["data", "fold"], "method")
        differences = sign * (by_fold[NETWORK] - by_fold[method]).unstack("fold")
        mean = differences.mean(axis="columns")
        return (mean > limit) & (mean > 2 * corrected_errors(differences))

    losses = means_of(folds, task.loss)
    ratio = (losses[NETWORK] / losses[method]).sort_values(ascending=False)
    far = is_far(task.loss, 1, FAR_LOSS * losses[method])
    if task.second == "roc_auc":
        far |= is_far("roc_auc", -1, FAR_AREA)

    def listed(names: pd.Index) -> str:
        rows = losses.loc[names, [NETWORK, method]].itertuples()
        return ", ".join(f"`{name}` {first:.3f} and {second:.3f}" for name, first, second in rows)

    behind = listed(ratio.index[far[ratio.index]]) if far.any() else "no set"
    return f"the worst three are {listed(ratio.index[:3])}. Far behind on {behind}."


def fit_times(results: pd.DataFrame) -> str:
    """Write how long a fit takes beside eight CatBoosts, over all sets that both have."""
    both = complete(results, results["data"].unique().tolist(), [NETWORK, EIGHT])
    seconds = means_of(both, "cpu_seconds").dropna()
    ratio = (seconds[NETWORK] / seconds[EIGHT]).sort_values()
    in_sum = seconds[NETWORK].sum() / seconds[EIGHT].sum()
    slow = ", ".join(f"`{name}` {times:.1f}" for name, times in ratio[ratio > SLOW].items())
    return (
        f"A fit takes {ratio.median():.2f} times the processor time of eight CatBoosts at the "
        f"median of {len(ratio)} sets, {in_sum:.2f} times in sum. More than {SLOW} times: "
        f"{slow or 'none'}.\n"
    )


def intervals(results: pd.DataFrame, names: Sequence[str]) -> str:
    """Write how often the network's intervals cover, and how wide they are."""
    network = results[(results["method"] == NETWORK) & results["data"].isin(names)]
    coverage, width = (
        means_of(network, measure)[NETWORK].dropna() for measure in ("coverage", "width")
    )
    ordered = coverage.sort_values()
    lowest, highest = (f"{ordered.iloc[end]:.3f} on `{ordered.index[end]!s}`" for end in (0, -1))
    return (
        f"The 90 % intervals cover {coverage.mean():.3f} of the test rows on average over "
        f"{len(coverage)} sets, from {lowest} to {highest}. They are {width.mean():.2f} deviations "
        "of the label wide.\n"
    )


def every_set(results: pd.DataFrame, measure: str) -> str:
    """Write a measure of every set and method."""
    means = means_of(results, measure).round(4).astype(object)
    means = means.where(means.notna(), "")
    shown = [name for name in NAMES if name in means]
    return markdown(
        [
            {"": name, **{NAMES[method]: row[method] for method in shown}}
            for name, row in means.iterrows()
        ]
    )


def summarize(kind: TaskKind, results: pd.DataFrame) -> str:
    """Write all tables of a task."""
    task, parts = TASKS[kind], [f"# {kind}: the network beside other methods\n"]
    for side, names in task.sides():
        if not complete(results, names, NEEDED).empty:
            parts += [f"## {kind}, {side}: {table(results, names, task)}"]
            parts += [pairs(results, names, task)]
            parts += [intervals(results, names)] if kind == NUMBER else []
    if {NETWORK, EIGHT} <= {*results["method"]}:
        parts += [f"## {kind}: time\n", fit_times(results)]
    for measure in (task.loss, task.second):
        parts += [f"## {kind}: mean {WORDS[measure]}\n"]
        parts += [every_set(results, measure) + "\n"]
    return "\n".join(parts)


def main(folder: Path = HERE) -> None:
    """Write the tables."""
    files = {kind: folder / task.file for kind, task in TASKS.items()}
    results = {
        kind: shared_folds(pd.read_csv(file)) for kind, file in files.items() if file.exists()
    }
    summary = "\n".join(summarize(kind, folds) for kind, folds in results.items())
    (folder / "accuracy.md").write_text(summary)
    print(summary)


if __name__ == "__main__":
    main()
