"""A candidate that tells nothing: saved, loaded and judged as any other, and rejected."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.judging.metrics import CANDIDATE
from tabular_lstm.network import fit
from tests.helpers.champions import assert_settled, log_of, on_disk
from tests.helpers.commands import RETRAINING, here, seed, succeeds
from tests.helpers.project import Project

NOTHING_BETTER = "the candidate is not shown to be better than the majority class"


# Each spoils a trained network and gives the probability that it has for every row from then on.


def no_number(network: Any, labels: np.ndarray) -> float:
    network.set_weights([np.full_like(weight, np.nan) for weight in network.get_weights()])
    return math.nan


def one_half(network: Any, labels: np.ndarray) -> float:
    network.set_weights([np.zeros_like(weight) for weight in network.get_weights()])
    return 0.5


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (no_number, "the candidate gives no probability for 165 of 165 test rows"),
        (one_half, NOTHING_BETTER),
    ],
)
def test_a_candidate_that_tells_nothing_is_rejected(
    served: Project,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Any, np.ndarray], float],
    reason: str,
) -> None:
    old = on_disk(served)
    really_train, probabilities = fit.train, []

    def train(network: Any, sequences: np.ndarray, labels: np.ndarray, *others: Any) -> Any:
        candidate, history = really_train(network, sequences, labels, *others)
        probabilities.append(spoil(candidate, labels))
        return candidate, history

    monkeypatch.setattr(fit, "train", train)
    succeeds(here(*RETRAINING, *seed(5)))

    predictions = pd.read_csv(served.versions("07_model_output/candidate_predictions.csv")[-1])
    # A NaN equals a NaN here.
    np.testing.assert_allclose(predictions[CANDIDATE], probabilities[0], atol=1e-6)
    line = log_of(served)[-1]
    decision = json.loads(
        served.versions("08_reporting/decision.json")[-1].read_text(), parse_constant=pytest.fail
    )
    for what in (line, decision):
        assert what["action"] == "rejected"
        assert what["reason"].startswith(reason)
    assert line["sha256"] == on_disk(served) == old
    assert_settled(served)
    assert len(served.versions("08_reporting/report.html")) == 2
