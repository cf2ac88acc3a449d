"""Two methods compared over data sets: by how much, how often, how surely, and where one is behind.

A difference is first less second: above 0 the first has the higher AUC, below 0 the lower log loss.
Sets of one family, as KEEL cuts several of one source, count as one: their mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

EQUIVALENT = 0.001
FAR = 0.02
FOLDS = 5


@dataclass(frozen=True)
class Interval:
    """A mean and its interval of 95 %."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Shares:
    """Of the first method: better, equivalent, worse; counts or probabilities."""

    better: float
    equivalent: float
    worse: float


def family_means(differences: pd.Series, family_of: Mapping[str, str]) -> pd.Series:
    """Average the sets of each family; a set that the mapping lacks is a family of its own."""
    return differences.groupby([family_of.get(name, name) for name in differences.index]).mean()


def bootstrap(differences: np.ndarray, draws: int = 10_000, seed: int = 0) -> Interval:
    """Draw families with replacement, and take the middle 95 % of the means.

    It is paired: what is drawn are the differences of two methods on one family.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(differences), size=(draws, len(differences)))
    low, high = np.quantile(differences[drawn].mean(axis=1), [0.025, 0.975])
    return Interval(float(differences.mean()), float(low), float(high))


def counts(differences: np.ndarray, equivalent: float = EQUIVALENT) -> Shares:
    """Count wins, ties and losses."""
    return Shares(
        int(np.sum(differences > equivalent)),
        int(np.sum(np.abs(differences) <= equivalent)),
        int(np.sum(differences < -equivalent)),
    )


def signed_rank(
    differences: np.ndarray, equivalent: float = EQUIVALENT, draws: int = 50_000, seed: int = 0
) -> Shares:
    """Give the probabilities that the first is better, equivalent and worse on another family.

    The Bayesian signed-rank test of Benavoli, Corani, Demsar and Zaffalon, "Time for a Change",
    JMLR 2017. The prior is a Dirichlet process: one family at 0 that counts half of one that was
    measured, as in the authors' package, baycomp. A draw of the families' weights gives how much of
    all pairs of them has a mean above, within and below the region of practical equivalence; the
    probabilities are how often each of the three is most.
    """
    weights = np.random.default_rng(seed).dirichlet([0.5, *np.ones(len(differences))], draws)
    values = np.concatenate([[0.0], differences])
    means = (values[:, None] + values) / 2
    kinds = (means > equivalent, np.abs(means) <= equivalent, means < -equivalent)
    masses = [((weights @ kind) * weights).sum(axis=1) for kind in kinds]
    most = np.bincount(np.argmax(masses, axis=0), minlength=3) / draws
    return Shares(*most.tolist())


def standard_errors(differences: pd.DataFrame) -> pd.DataFrame:
    """Give the standard errors of the mean of each set's paired fold differences.

    `plain` is deviation / sqrt(5). The train rows of any two folds overlap in three quarters of
    them, so the differences are not independent and it is too small. `corrected` is that of Nadeau
    and Bengio, "Inference for the Generalization Error", Machine Learning 2003: the variance times
    1/5 + test rows / train rows = 1/5 + 1/4, 1.5 times as much.

    Args:
        differences: One row a set, one column a fold.
    """
    deviation = differences.std(axis="columns", ddof=1)
    return pd.DataFrame(
        {
            "plain": deviation / np.sqrt(FOLDS),
            "corrected": deviation * np.sqrt(1 / FOLDS + 1 / (FOLDS - 1)),
        }
    )


def far_behind(differences: pd.DataFrame, far: float = FAR) -> pd.DataFrame:
    """Give the sets where the first loses more than `far` and more than two corrected errors.

    Args:
        differences: Of a metric of which more is better; one row a set, one column a fold.
        far: What matters.

    Returns:
        The mean difference and both standard errors of each, the worst first.
    """
    table = standard_errors(differences).assign(difference=differences.mean(axis="columns"))
    limit = np.maximum(far, 2 * table["corrected"])
    return table[table["difference"] < -limit].sort_values("difference")
