"""A candidate that tells nothing: saved, loaded and judged as any other, and rejected."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.network import fit
from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.champions import assert_settled, champion_of, log_of, on_disk
from tests.helpers.commands import RETRAINING, here, seed, succeeds
from tests.helpers.project import Project

NOTHING_GIVEN = "the candidate gives no {} for {{0}} of {{0}} test rows"
NOTHING_BETTER = "the candidate is not shown to be better than the {}"

# Each spoils a trained network.
Spoil = Callable[[Any], None]


def no_number(network: Any) -> None:
    network.set_weights([np.full_like(weight, np.nan) for weight in network.get_weights()])


def all_alike(network: Any) -> None:
    network.set_weights([np.zeros_like(weight) for weight in network.get_weights()])


@pytest.mark.parametrize(
    ("task", "spoil", "reason"),
    [
        (TWO_CLASSES, no_number, NOTHING_GIVEN.format("probability")),
        (TWO_CLASSES, all_alike, NOTHING_BETTER.format("majority class")),
        (CLASSES, no_number, NOTHING_GIVEN.format("probability")),
        (CLASSES, all_alike, NOTHING_BETTER.format("majority class")),
        (NUMBER, no_number, NOTHING_GIVEN.format("prediction")),
        (NUMBER, all_alike, NOTHING_BETTER.format("mean")),
    ],
)
def test_a_candidate_that_tells_nothing_is_rejected(
    served: Project, monkeypatch: pytest.MonkeyPatch, task: str, spoil: Spoil, reason: str
) -> None:
    old, schema = on_disk(served), champion_of(served).scorer.schema
    really_train = fit.train

    def train(*given: Any) -> Any:
        candidate, history = really_train(*given)
        spoil(candidate)
        return candidate, history

    monkeypatch.setattr(fit, "train", train)
    succeeds(here(*RETRAINING, *seed(5)))

    predictions = pd.read_csv(served.versions("07_model_output/candidate_predictions.csv")[-1])
    given = predictions.filter(regex="^candidate").iloc[:, 0]
    alike = {TWO_CLASSES: 1 / 2, CLASSES: 1 / 3, NUMBER: schema.target and schema.target.mean}
    # A NaN equals a NaN here.
    np.testing.assert_allclose(given, np.nan if spoil is no_number else alike[task], atol=1e-6)
    line = log_of(served)[-1]
    decision = json.loads(
        served.versions("08_reporting/decision.json")[-1].read_text(), parse_constant=pytest.fail
    )
    for what in (line, decision):
        assert what["action"] == "rejected"
        assert what["reason"].startswith(reason.format(len(predictions)))
    assert line["sha256"] == on_disk(served) == old
    assert_settled(served)
    assert len(served.versions("08_reporting/report.html")) == 2
