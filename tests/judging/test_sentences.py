"""The verdict says of each baseline what the numbers say, and the worst news first."""

from dataclasses import dataclass

import numpy as np
import pytest

from tabular_lstm.judging.comparison import Judged, compare_with_baselines
from tabular_lstm.judging.metrics import CANDIDATE, point_metrics
from tabular_lstm.parameters import Evaluation
from tests.helpers.judged import BASELINES

Interval = tuple[float, float]


@dataclass(frozen=True)
class Told(Judged):
    """Judged models whose differences all have one interval."""

    bounds: Interval = (0, 0)

    def minus(self, one: str, other: str, metric: str) -> tuple[float, np.ndarray]:
        difference = getattr(self.metrics[one], metric) - getattr(self.metrics[other], metric)
        return difference, np.empty(0)

    def interval(self, one: str, other: str, metric: str) -> Interval:
        return self.bounds


def judged_of(baseline_auc: dict[str, float], interval: Interval) -> Judged:
    """Models with these ROC AUCs, and one interval for the differences of all baselines."""
    points = point_metrics(np.array([0, 1]), np.array([0.5, 0.5]), 0.5)
    candidate = {
        "roc_auc": 0.8,
        "accuracy": 0.761,
        "log_loss": 0.512,
        "interval": {
            "roc_auc": (0.701, 0.872),
            "accuracy": (0.714, 0.803),
            "log_loss": (0.455, 0.566),
        },
    }
    beside = {
        name: {"roc_auc": baseline_auc.get(name, 0.5), "accuracy": 0.652} for name in BASELINES
    }
    return Told(
        labels=np.arange(77) % 2,
        metrics={
            name: points.model_copy(update=numbers)
            for name, numbers in {CANDIDATE: candidate, **beside}.items()
        },
        bounds=interval,
    )


def sentences_of(judged: Judged) -> list[str]:
    return compare_with_baselines(judged, Evaluation())


def about(sentences: list[str], name: str) -> str:
    """The one sentence that compares the candidate with this baseline."""
    (found,) = [sentence for sentence in sentences if name in sentence]
    return found


@pytest.mark.parametrize(
    ("baseline", "interval", "verdict"),
    [
        (0.7, (0.001, 0.2), "beats logistic regression:"),
        (0.7, (-0.001, 0.2), "is ahead of logistic regression, within chance:"),
        (0.9, (-0.2, 0.001), "is behind logistic regression, within chance:"),
        (0.9, (-0.2, -0.001), "loses to logistic regression:"),
        (0.803, (-0.004, -0.001), "is behind logistic regression, by less than matters:"),
        (0.799, (-0.001, 0.004), "is level with logistic regression:"),
    ],
)
def test_the_interval_decides_the_verdict(
    baseline: float, interval: Interval, verdict: str
) -> None:
    sentences = sentences_of(judged_of({"logistic_regression": baseline}, interval))
    assert f"The candidate {verdict}" in about(sentences, "logistic regression")


def test_sentences_hold_the_numbers() -> None:
    sentences = sentences_of(judged_of({"hist_gradient_boosting": 0.74}, (-0.034, 0.151)))
    sentence = about(sentences, "gradient boosting")
    for number in ("0.800 against 0.740", "+0.060", "[-0.034, +0.151]", "76.1 % against 65.2 %"):
        assert number in sentence
    summary = about(sentences, "77 test rows")
    for number in ("0.800", "[0.701, 0.872]", "76.1 %", "[71.4, 80.3]", "0.512", "[0.455, 0.566]"):
        assert number in summary


@pytest.mark.parametrize(
    ("baseline_auc", "first"),
    [
        ({"logistic_regression": 0.801}, True),
        ({"logistic_regression": 0.8}, False),
        ({"logistic_regression": 0.85, "hist_gradient_boosting": 0.9}, True),
    ],
)
def test_logistic_regression_is_named_first_exactly_when_it_wins(
    baseline_auc: dict[str, float], first: bool
) -> None:
    sentences = sentences_of(judged_of(baseline_auc, (-0.1, 0.1)))
    assert ("logistic regression" in sentences[0]) is first
    assert len(sentences) == 5


def test_the_verdict_counts_what_is_called_positive() -> None:
    labels = np.array([1] * 4 + [0] * 6)
    measured = point_metrics(labels, np.array([0.9, 0.9, 0.9, 0.1, 0.9] + [0.1] * 5), 0.5)
    judged = judged_of({}, (0.1, 0.3))
    numbers = {"confusion_matrix": measured.confusion_matrix}
    judged.metrics[CANDIDATE] = judged.metrics[CANDIDATE].model_copy(update=numbers)
    assert sentences_of(judged)[1] == (
        "From a probability of 0.500 on it calls 4 rows positive, 3 of them correctly "
        "(precision 75.0 %); 4 rows are positive (recall 75.0 %; F1 0.750)"
    )
    nothing = point_metrics(labels, np.full(10, 0.1), 0.5).confusion_matrix
    assert (nothing.precision, nothing.recall, nothing.f1) == (None, 0.0, 0.0)
    none = judged.metrics[CANDIDATE].model_copy(update={"confusion_matrix": nothing})
    judged.metrics[CANDIDATE] = none
    assert "it calls no row positive; 4 rows are positive" in sentences_of(judged)[1]
