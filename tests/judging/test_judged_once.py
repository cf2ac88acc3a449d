"""In a retraining each model is measured once: candidate, baselines and champions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tabular_lstm.judging import comparison
from tests.helpers.champions import log_of
from tests.helpers.judged import BASELINES
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.tables import rows_to_learn


def test_each_model_is_resampled_once_in_a_retraining(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows_to_learn(project.raw).to_csv(project.raw, index=False)
    declare(project, **QUICK)
    resampled: list[str] = []
    bootstrap = comparison.bootstrap

    def counted(labels: np.ndarray, models: Mapping[str, np.ndarray], *others: Any) -> Any:
        resampled.extend(models)
        return bootstrap(labels, models, *others)

    monkeypatch.setattr(comparison, "bootstrap", counted)
    project.run("retraining")
    assert sorted(resampled) == sorted(["candidate", *BASELINES])

    resampled.clear()
    project.run("retraining", training={"seed": 1})
    first, second = log_of(project)
    assert (first["action"], second["action"]) == ("promoted", "promoted")
    assert sorted(resampled) == sorted(["candidate", *BASELINES, first["run_id"]])
