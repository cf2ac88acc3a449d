"""How the network does beside eight CatBoosts where one class has 32 rows.

    python benchmarks/rare_classes.py [SET ...]

Each set that the defaults may be chosen on, of enough rows, is made rare: 32 rows of its rarer
class and half of the others, 1,500 at most, are trained on; the rest is the test, in which the
class is as common as the set has it. So a test has more rows of the class than one of a rare set
has, and says more. Three draws of each set. The log loss weighs the test rows so that the class is
as rare there as among the train rows.
"""

import sys
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from accuracy import lstm
from accuracy_comparison import compared, fold_differences
from bagged import catboost_bagged
from sets import CHOSEN_ON, load
from sklearn.metrics import log_loss, roc_auc_score
from tables import markdown

RARE = 32
OTHERS = 400
MOST_OTHERS = 1500
DRAWS = 3
METRICS = ("roc_auc", "log_loss")


def rare_draw(labels: np.ndarray, draw: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the train rows of a set made rare, by their numbers; the rest are the test rows.

    Args:
        labels: (rows,), 1 for the rarer class.
        draw: Number of the draw.
    """
    rng = np.random.default_rng(draw)
    rare = rng.permutation(np.flatnonzero(labels == 1))
    others = rng.permutation(np.flatnonzero(labels != 1))
    many = min(len(others) // 2, MOST_OTHERS)
    parts = (rare[:RARE], others[:many]), (rare[RARE:], others[many:])
    train, test = (np.sort(np.concatenate(part)) for part in parts)
    return train, test


def as_rare(labels: np.ndarray, share: float) -> np.ndarray:
    """Give the weights by which the rarer class has a share of the rows, (rows,)."""
    mean = labels.mean()
    return np.asarray(np.where(labels == 1, share / mean, (1 - share) / (1 - mean)))


def measure(name: str) -> pd.DataFrame:
    """Give ROC AUC and log loss of each draw, as if it were a fold, and of each method."""
    rows, labels = load(name)
    labels = rarer_is_one(labels)
    measured = []
    for draw in range(DRAWS):
        train, test = rare_draw(labels, draw)
        weights = as_rare(labels[test], labels[train].mean())
        for method in (lstm, catboost_bagged):
            model = method(rows.select_dtypes("category").columns.tolist())
            p = model.fit(rows.iloc[train], labels[train]).predict_proba(rows.iloc[test])[:, 1]
            scores = (
                roc_auc_score(labels[test], p),
                log_loss(labels[test], p, sample_weight=weights),
            )
            measured.append([name, draw, method.__name__, *scores])
    return pd.DataFrame(measured, columns=["data", "fold", "method", *METRICS])


def rarer_is_one(labels: np.ndarray) -> np.ndarray:
    """Give the labels with 1 for the rarer class."""
    return labels if labels.mean() <= 0.5 else 1 - labels


def sets() -> list[str]:
    """Give the names of the sets that can be made rare, with as many rows of the class to test."""
    counted = {name: np.sort(np.bincount(load(name)[1])) for name in CHOSEN_ON}
    return [n for n, (rare, others) in counted.items() if rare >= 2 * RARE and others >= OTHERS]


def main(names: Sequence[str]) -> None:
    """Print a line a set, the means, and the differences with their intervals."""
    warnings.simplefilter("ignore")
    tables = []
    for name in names or sets():
        tables.append(measure(name))
        print(name, tables[-1].groupby("method")[[*METRICS]].mean(), sep="\n", flush=True)
    measured = pd.concat(tables)
    of_sets = measured.groupby(["data", "method"])[[*METRICS]].mean()
    print(f"Means over {len(tables)} sets:", of_sets.groupby("method").mean(), sep="\n")
    given = measured["data"].unique().tolist()
    area, loss = (fold_differences(measured, m, "catboost_bagged", given) for m in METRICS)
    print("lstm less catboost_bagged:", markdown([compared(area, loss)]), sep="\n")
    print(area.mean(axis="columns").sort_values().round(3).to_string())


if __name__ == "__main__":
    main(sys.argv[1:])
