"""Why the network is behind on some sets: its loss with one choice changed.

    python benchmarks/behind.py [SET ...]

Sets: those on which it is behind eight CatBoosts or eight LightGBMs by more than 5 % beyond two
standard errors, but for `plastic`, which is made. Five folds each, as in `accuracy.py`, one seed.
Prints the mean loss, and the mean difference from the defaults with its standard error over the
folds, which is too small because folds share rows. It takes some ten minutes a set.
"""

import sys
from typing import Any

import numpy as np
from accuracy import SCORES, scores
from sets import kind_of, load
from sklearn.model_selection import KFold, StratifiedKFold
from tables import markdown

from tabular_lstm import LSTMClassifier, LSTMRegressor
from tabular_lstm.parameters.task import NUMBER

SETS = ("treasury", "mortgage", "maternal_health_risk")
VARIANTS: dict[str, dict[str, Any]] = {
    "the defaults": {},
    "no dropout": {"dropout": 0.0, "feature_dropout": 0.0},
    "three times as many epochs": {"epochs": 300, "patience": 60},
    "32 units": {"units": (32,)},
}


def losses(data: str, changed: dict[str, Any]) -> np.ndarray:
    """Give the loss of each fold: nRMSE of a number, or log loss."""
    rows, labels = load(data)
    kind = kind_of(data)
    folds = (KFold if kind == NUMBER else StratifiedKFold)(5, shuffle=True, random_state=0)
    place = SCORES[kind].index("nrmse" if kind == NUMBER else "log_loss")
    found = []
    for train, test in folds.split(rows, labels):
        model = (LSTMRegressor if kind == NUMBER else LSTMClassifier)(random_state=0, **changed)
        model.fit(rows.iloc[train], labels[train])
        found.append(scores(model, kind, rows.iloc[test], labels[test], labels)[place])
    return np.array(found)


def main(names: list[str]) -> None:
    """Print a table of the sets."""
    table = []
    for data in names or SETS:
        before = None
        for variant, changed in VARIANTS.items():
            found = losses(data, changed)
            before = found if before is None else before
            off = found - before
            error = off.std(ddof=1) / len(off) ** 0.5
            difference = f"{off.mean():+.4f} ± {error:.4f}" if changed else ""
            row = {"set": data, "network": variant, "loss": f"{found.mean():.4f}"}
            table.append({**row, "difference": difference})
            print(*table[-1].values(), flush=True)
    print(markdown(table))


if __name__ == "__main__":
    main(sys.argv[1:])
