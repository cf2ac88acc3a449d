"""What a forest adds to the network, and what it does as well without the network.

    python benchmarks/companion.py [SET ...]

Three rows: the network; the network and a forest; eight CatBoosts and the forest. Two models are
blended as two kinds of members are: by one weight, fitted on calibrated logits of rows that neither
had seen. Those of the forest are out of bag. Five folds of each set; by default of the sets that
defaults may be chosen on, up to 1,500 rows.
"""

import sys
import warnings
from collections.abc import Sequence
from unittest import mock

import numpy as np
import pandas as pd
from accuracy import lstm
from bagged import catboost_bagged
from peers import one_hot
from scipy.special import expit, logit
from sets import CHOSEN_ON, load
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from threads import threads

from tabular_lstm.network import outputs
from tabular_lstm.network.calibration import choose_threshold
from tabular_lstm.network.kinds import weigh
from tabular_lstm.parameters import Task

TREES = 500
ROWS = 1500
# Logits of rows that the model has not seen, of the train rows and of the test rows.
Logits = tuple[np.ndarray, np.ndarray]


def of_network(rows: pd.DataFrame, labels: np.ndarray, test: pd.DataFrame) -> Logits:
    """Train the network; its out-of-fold logits are seen where it is calibrated."""
    with mock.patch.object(outputs, "choose_threshold", wraps=choose_threshold) as chosen:
        model = lstm([]).fit(rows, labels)
    _, out_of_fold, *_ = chosen.call_args.args
    return logits(out_of_fold), logits(model.predict_proba(test)[:, 1])


def of_forest(rows: pd.DataFrame, labels: np.ndarray, test: pd.DataFrame) -> Logits:
    """Fit a forest; rows are out of bag in a third of its trees."""
    forest = RandomForestClassifier(TREES, oob_score=True, random_state=0, n_jobs=threads())
    model = one_hot(forest, scaled=False).fit(rows, labels)
    out_of_bag = forest.oob_decision_function_[:, 1]
    test_rows = model.predict_proba(test)[:, 1]
    least = 1 / TREES  # a forest gives 0 and 1
    return logits(out_of_bag, least), logits(test_rows, least)


def of_catboost(rows: pd.DataFrame, labels: np.ndarray, test: pd.DataFrame) -> Logits:
    """Fit eight CatBoosts on the network's folds."""
    model = catboost_bagged(rows.select_dtypes("category").columns.tolist()).fit(rows, labels)
    return logits(model.out_of_fold), logits(model.predict_proba(test)[:, 1])


def logits(probabilities: np.ndarray, least: float = 1e-9) -> np.ndarray:
    """Give the logits of probabilities, those of a class at least `least`."""
    return np.asarray(logit(np.clip(probabilities, least, 1 - least)))


def blended(labels: np.ndarray, models: Sequence[Logits]) -> np.ndarray:
    """Give the probabilities of the test rows by the models' blend."""
    of, seen = outputs.outputs_of(Task.of_classes([0, 1])), [model[0][:, None] for model in models]
    kinds = weigh(of, labels.astype(float), seen, [0.0] * len(models))
    shares = (kind.share / kind.temperature * z for kind, (_, z) in zip(kinds, models, strict=True))
    return np.asarray(expit(sum(shares)))


def measure(name: str) -> pd.DataFrame:
    """Give each row's ROC AUC and log loss of each fold."""
    rows, labels = load(name)
    measured = []
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for train, test in folds.split(rows, labels):
        given = rows.iloc[train], labels[train], rows.iloc[test]
        network, forest, catboost = (of(*given) for of in (of_network, of_forest, of_catboost))
        tried = {
            "network": [network],
            "network and forest": [network, forest],
            "CatBoost and forest": [catboost, forest],
        }
        for model, parts in tried.items():
            p = blended(labels[train], parts)
            scores = roc_auc_score(labels[test], p), log_loss(labels[test], p)
            measured.append([name, model, *scores])
    return pd.DataFrame(measured, columns=["data", "model", "ROC AUC", "log loss"])


def main(names: Sequence[str]) -> None:
    """Print a line a set, and the means."""
    warnings.simplefilter("ignore")
    tables = []
    for name in names or [name for name in CHOSEN_ON if len(load(name)[1]) <= ROWS]:
        tables.append(measure(name))
        print(tables[-1].groupby("model").mean(numeric_only=True).assign(data=name), flush=True)
    means = pd.concat(tables).groupby(["data", "model"], sort=False).mean()
    print(f"Means over {len(tables)} sets:", means.groupby("model", sort=False).mean(), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
