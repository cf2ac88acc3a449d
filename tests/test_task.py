"""A metric of the gate is one entry, and a baseline is one entry: each adds one to a retraining."""

import json
from typing import Any

import numpy as np
import pytest

from tabular_lstm.judging.baselines import MODELS, Model
from tabular_lstm.metrics import METRICS, Labels, Metric, Statistic
from tests.helpers.commands import RETRAINING, here, succeeds
from tests.helpers.project import Project


def squared(rows: Labels, predictions: np.ndarray, decided: np.ndarray) -> Statistic:
    errors = (predictions[:, -1] - rows.labels) ** 2
    return lambda counts, gathered: counts @ errors / counts.sum(axis=1)


@pytest.mark.long
def test_a_metric_and_a_baseline_are_one_entry_each(
    quick: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the metrics one whose value on the rows is stored already, and a new one."""
    added: Any = {"worse": 1, "statistic": squared, "tolerance": 0.1}
    for name in ("brier_score", "mean_square"):
        monkeypatch.setitem(METRICS, name, Metric(name.replace("_", " "), **added))
    path = "sklearn.naive_bayes.GaussianNB"
    bayes = Model("naive Bayes", "#F0E442", classifier=path, encoded=True)
    monkeypatch.setitem(MODELS, "naive_bayes", bayes)
    succeeds(here(*RETRAINING))
    decision = json.loads(quick.versions("08_reporting/decision.json")[-1].read_text())
    page, metrics = (quick.path / "data/08_reporting/latest.html").read_text(), quick.metrics()
    floor = decision["judgement"]["checks"][2]
    for name in ("brier_score", "mean_square"):
        low, high = metrics["test"]["interval"][name]
        assert low < metrics["test"][name] < high
        assert floor["logistic_regression"][name]["at_worst"] < 0
        assert f"{name.replace('_', ' ')} -0." in floor["sentence"]
        assert f"{name.replace('_', ' ').capitalize()} <small>lower is better" in page
    assert metrics["baselines"]["naive_bayes"]["roc_auc"] < metrics["test"]["roc_auc"]
    assert "naive_bayes" in decision["judgement"]["baselines"]
    assert "The candidate beats naive Bayes" in page
    (roc,) = (quick.path / "data/08_reporting/figures").rglob("roc_curve.svg")
    assert "naive Bayes, AUC" in roc.read_text()
