"""Compare any two models on the same rows and the same bootstrap resamples, and say it in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import pandas as pd

from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.intervals import (
    CENTRAL,
    NORMAL,
    Resampled,
    bootstrap,
    bounds,
    interval,
    unseen_log_loss,
    unseen_roc_auc,
)
from tabular_lstm.judging.metrics import CANDIDATE, METRICS, MODELS, Metrics, point_metrics
from tabular_lstm.parameters import Evaluation

# What is compared, and the sign that makes more of it worse.
WORSE = {"log_loss": 1, "roc_auc": -1}
UNSEEN = {"log_loss": unseen_log_loss, "roc_auc": unseen_roc_auc}
POWER = 0.8
ROC_AUC, ACCURACY, LOG_LOSS = METRICS["roc_auc"], METRICS["accuracy"], METRICS["log_loss"]


class Difference(Frozen):
    """By how much one model's metric differs from another's.

    Attributes:
        difference: Of the metric on the rows, the one - the other.
        at_worst: Its bound on the side that is worse for the one.
        at_best: Its bound on the other side.
        detectable: The smallest true difference that so many rows show four times out of five.
    """

    difference: float
    at_worst: float
    at_best: float
    detectable: float


class Comparison(Frozen):
    """One model compared with another, metric by metric."""

    log_loss: Difference
    roc_auc: Difference

    def by_metric(self) -> dict[str, Difference]:
        """Give the differences by the metric's name."""
        return dict(self)


@dataclass(frozen=True)
class Judged:
    """What models say of the same rows, measured; by the models' names.

    Attributes:
        labels, weights, groups: (rows,), see `bootstrap`; weights are of mean 1.
        side: `test`, or `train` where nothing is held out. Default: `test`.
        probabilities: (rows,); a row that a model gave none has that of the wrong class.
        without_probability: How many such rows there are.
        metrics, resampled: On the rows, with 95 % intervals, and on resamples of them.
        parts: Of a model for which not all rows count, what is said of those that do.
    """

    labels: np.ndarray
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None
    side: str = "test"
    probabilities: dict[str, np.ndarray] = field(default_factory=dict)
    without_probability: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, Metrics] = field(default_factory=dict)
    resampled: dict[str, Resampled] = field(default_factory=dict)
    parts: dict[str, "Judged"] = field(default_factory=dict)

    def with_models(
        self,
        probabilities: Mapping[str, np.ndarray],
        thresholds: Mapping[str, float],
        evaluation: Evaluation,
    ) -> Self:
        """Measure more models, on the same resamples each time, given each one's threshold.

        A probability is NaN where a model gives none.
        """
        # A row without a probability gets that of the wrong class: no model gains by giving none.
        known = {n: np.where(np.isnan(p), 1 - self.labels, p) for n, p in probabilities.items()}
        unknown = {name: int(np.isnan(p).sum()) for name, p in probabilities.items()}
        resampled = bootstrap(
            self.labels,
            known,
            thresholds,
            evaluation.bootstrap_resamples,
            evaluation.seed,
            self.weights,
            self.groups,
        )
        metrics = {
            name: point_metrics(
                self.labels, p, thresholds[name], resampled[name], self.weights, self.groups
            )
            for name, p in known.items()
        }
        return replace(
            self,
            probabilities=self.probabilities | known,
            without_probability=self.without_probability | unknown,
            metrics=self.metrics | metrics,
            resampled=self.resampled | resampled,
        )

    def with_part(
        self,
        beside: str,
        name: str,
        probabilities: np.ndarray,
        threshold: float,
        counts: np.ndarray,
        evaluation: Evaluation,
    ) -> Self:
        """Measure one more model, and another `beside` it, on the rows that `counts`, bool, says.

        Of rows that do not count, the model need give no probabilities.
        """
        weights = None if self.weights is None else self.weights[counts]
        groups = None if self.groups is None else pd.factorize(self.groups[counts])[0]
        part = Judged(self.labels[counts], weights, groups).with_models(
            {beside: self.probabilities[beside][counts], name: probabilities[counts]},
            {beside: self.metrics[beside].decision_threshold, name: threshold},
            evaluation,
        )
        return replace(
            self,
            metrics=self.metrics | {name: part.metrics[name]},
            without_probability=self.without_probability | {name: part.without_probability[name]},
            parts=self.parts | {name: part},
        )

    @property
    def weighted(self) -> str:
        """Say after a number of rows that they do not count alike."""
        return "" if self.weights is None else ", weighted"

    def minus(self, one: str, other: str, metric: str) -> tuple[float, np.ndarray]:
        """Give the one's metric - the other's, on the other's rows and on their resamples."""
        judged = self.parts.get(other, self)
        point = getattr(judged.metrics[one], metric) - getattr(judged.metrics[other], metric)
        return point, judged.resampled[one][metric] - judged.resampled[other][metric]

    def interval(self, one: str, other: str, metric: str) -> tuple[float, float]:
        """Give the 95 % interval of a metric's difference."""
        point, values = self.minus(one, other, metric)
        (low, high), tail = interval(values), (1 + CENTRAL) / 2
        unseen = self._unseen(one, other, metric, tail) if metric in UNSEEN else 0.0
        return min(low, point - unseen), max(high, point + unseen)

    def roc_auc_bounds(self, name: str, confidence: float) -> tuple[float, float]:
        """Bound a model's ROC AUC on its rows, below and above, each with that confidence."""
        judged = self.parts.get(name, self)
        values, point = judged.resampled[name]["roc_auc"], judged.metrics[name].roc_auc
        low, high = bounds(values[~np.isnan(values)], point, confidence)
        chance = np.full(len(judged.labels), 0.5)
        rows = judged.labels, judged.probabilities[name], chance
        unseen = unseen_roc_auc(*rows, confidence, judged.weights, judged.groups)
        return float(np.fmin(low, point - unseen)), float(np.fmax(high, point + unseen))

    def compare(self, one: str, other: str, confidence: float) -> Comparison:
        """Compare one model with another; `confidence` is one-sided, of each bound."""
        deviations = NORMAL.inv_cdf(confidence) + NORMAL.inv_cdf(POWER)
        compared = {}
        for metric, sign in WORSE.items():
            point, values = self.minus(one, other, metric)
            worse = sign * values[~np.isnan(values)]
            best, worst = bounds(worse, sign * point, confidence)
            unseen = self._unseen(one, other, metric, confidence)
            compared[metric] = Difference(
                difference=point,
                at_worst=sign * np.maximum(worst, sign * point + unseen),
                at_best=sign * np.minimum(best, sign * point - unseen),
                detectable=np.maximum(deviations * worse.std(), unseen),
            )
        return Comparison(**compared)

    def _unseen(self, one: str, other: str, metric: str, confidence: float) -> float:
        """Say by how much a difference may be off for rows of a kind that none here is of."""
        judged = self.parts.get(other, self)
        rows = judged.labels, judged.probabilities[one], judged.probabilities[other]
        return UNSEEN[metric](*rows, confidence, judged.weights, judged.groups)


def compare_with_baselines(judged: Judged, evaluation: Evaluation) -> list[str]:
    """Say in one sentence for each baseline whether the candidate beats it, and by how much.

    A logistic regression that does better is what a reader must hear first.
    """
    metrics = judged.metrics[CANDIDATE]
    baselines = [name for name in judged.metrics if name != CANDIDATE]
    sentences = {name: _sentence(judged, name, evaluation.meaningful) for name in baselines}
    summary = (
        f"Candidate on {len(judged.labels)} {judged.side} rows{judged.weighted}: "
        f"{ROC_AUC} {metrics.roc_auc:.3f} {_brackets(metrics.interval['roc_auc'])}, "
        f"{ACCURACY} {100 * metrics.accuracy:.1f} % "
        f"{_brackets(metrics.interval['accuracy'], '.1f', 100)}, "
        f"{LOG_LOSS} {metrics.log_loss:.3f} {_brackets(metrics.interval['log_loss'])}"
    )
    if judged.metrics["logistic_regression"].roc_auc <= metrics.roc_auc:
        return [summary, _threshold_sentence(metrics), *sentences.values()]
    worst = sentences.pop("logistic_regression")
    return [worst, summary, _threshold_sentence(metrics), *sentences.values()]


def _threshold_sentence(metrics: Metrics) -> str:
    """Say what the decision threshold does."""
    matrix = metrics.confusion_matrix
    rightly, wrongly = matrix.true_positives, matrix.false_positives
    beginning = f"From a probability of {metrics.decision_threshold:.3f} on it calls"
    positive = f"of {rightly + matrix.false_negatives:.6g} that are"
    if matrix.precision is None or matrix.recall is None:
        return f"{beginning} no row positive, {positive}"
    return (
        f"{beginning} {rightly + wrongly:.6g} rows positive, {rightly:.6g} of them rightly "
        f"(precision {100 * matrix.precision:.1f} %), {positive} (recall "
        f"{100 * matrix.recall:.1f} %; F1 {matrix.f1:.3f})"
    )


def _sentence(judged: Judged, name: str, meaningful: float) -> str:
    candidate, baseline = judged.metrics[CANDIDATE], judged.metrics[name]
    difference, _ = judged.minus(CANDIDATE, name, "roc_auc")
    low, high = judged.interval(CANDIDATE, name, "roc_auc")
    other = f"{'the ' if name == 'majority_class' else ''}{MODELS[name]}"
    ahead, sure = difference > 0, low > 0 or high < 0
    if difference == 0 or -meaningful < low <= 0 <= high < meaningful:
        how = f"is level with {other}"
    elif sure and abs(difference) >= meaningful:
        how = f"{'beats' if ahead else 'loses to'} {other}"
    else:
        why = "by less than matters" if sure else "within chance"
        how = f"is {'ahead of' if ahead else 'behind'} {other}, {why}"
    return (
        f"The candidate {how}: {ROC_AUC} {candidate.roc_auc:.3f} against {baseline.roc_auc:.3f}, "
        f"difference {difference:+.3f} {_brackets((low, high), '+.3f')}; "
        f"{ACCURACY} {100 * candidate.accuracy:.1f} % against {100 * baseline.accuracy:.1f} %"
    )


def _brackets(bounds: tuple[float, float], form: str = ".3f", scale: float = 1) -> str:
    return "[" + ", ".join(format(scale * bound, form) for bound in bounds) + "]"
