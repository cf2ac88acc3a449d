"""Learn from out-of-fold outputs: temperature, decision threshold, width of intervals.

Labels of two classes are 0 or 1, of shape (rows,). Weights have the same shape: a row of weight 2
counts as two rows. TensorFlow is not used, because the baselines use this module too.
"""

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from scipy.optimize import minimize_scalar
from scipy.special import ndtri

from tabular_lstm.frozen import Frozen, Number, Share, unless
from tabular_lstm.parameters import CostMatrix, Coverage, NotNegative, Objective

# The rates of intervals for which residual quantiles are kept.
RATES = np.linspace(0.5, 0.99, 50)
NORMAL = ndtri((1 + RATES) / 2) / ndtri(0.95)
# A temperature outside this range means too few rows, or perfectly separated classes.
TEMPERATURES = (0.2, 5.0)
# Sums of weights that differ by less than a millionth count as equal, so that rows with almost no
# weight (a class weight of 0.0001) do not choose a threshold.
DECIMALS = 6


class Calibration(Frozen):
    """What turns the outputs of an ensemble into predictions and decisions.

    Attributes:
        temperature: The logits of classes are divided by it before the sigmoid or softmax (Guo et
            al., "On Calibration of Modern Neural Networks", 2017). Default: 1.
        threshold: For two classes: the probability from which a row is called positive.
        costs: For more classes: the cost of each decision (column) for each actual class (row).
            Default: each error costs the same.
        residuals: For a number, a factor for each of `RATES`: this share of the labels lies within
            the factor times the learned distance from the median. Default: a normal distribution's.
        coverage: For a number: the declared rate of its intervals. Default: 0.9.
    """

    temperature: Annotated[Number, Field(gt=0, allow_inf_nan=False)] = 1.0
    threshold: Share = 0.5
    costs: CostMatrix | None = unless(None)
    residuals: Annotated[tuple[NotNegative, ...], Field(min_length=50, max_length=50)] | None = (
        unless(None)
    )
    coverage: Coverage | None = unless(None)

    @property
    def numbers(self) -> np.ndarray:
        """All attributes in their order, float64, for a fingerprint."""
        return np.concatenate([np.ravel(value) for value in self.model_dump().values()])


def log_losses(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Return the binary cross-entropy of each logit, in nats."""
    return np.asarray(np.logaddexp(0, logits) - labels * logits)


def fit_temperature(
    labels: np.ndarray, logits: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Find the temperature with the lowest log loss of logits / temperature.

    The labels are replaced by Platt's targets: (positives + 1) / (positives + 2) instead of 1, and
    1 / (negatives + 2) instead of 0. Otherwise a few rows that are all classified correctly would
    make every probability 0 or 1.

    Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017;
    the targets: Platt, "Probabilistic Outputs for Support Vector Machines", 1999.

    Examples:
        >>> labels = np.array([0, 1, 1, 1])
        >>> round(fit_temperature(labels, np.array([3.0, 3.0, 3.0, 3.0])), 2)
        3.9
    """
    positives, rows = (
        (np.count_nonzero(labels), len(labels))
        if weights is None
        else (np.sum(weights[labels > 0]), np.sum(weights))
    )
    negatives = rows - positives
    targets = np.where(labels, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    return search_temperature(
        lambda t: np.average(log_losses(targets, logits / t), weights=weights)
    )


def search_temperature(mean_loss: Callable[[float], Any]) -> float:
    """Find the temperature, within `TEMPERATURES`, whose mean loss is lowest."""
    minimum = minimize_scalar(
        lambda log_t: mean_loss(np.exp(log_t)), bounds=np.log(TEMPERATURES), method="bounded"
    )
    return float(np.exp(minimum.x))


def choose_threshold(
    labels: np.ndarray,
    probabilities: np.ndarray,
    objective: Objective,
    weights: np.ndarray | None = None,
) -> float:
    """Find the decision threshold that is best for the objective.

    Among equally good thresholds, the closest to the best threshold of exact probabilities is
    taken: 0.5 for accuracy and F1; for costs, the cost of a false positive divided by the sum of
    both costs.

    Examples:
        >>> choose_threshold(np.array([0, 1, 1]), np.array([0.2, 0.3, 0.9]), Objective())
        0.25
    """
    if weights is not None:
        nonzero = weights > 0
        labels, probabilities, weights = labels[nonzero], probabilities[nonzero], weights[nonzero]
    order = np.argsort(-probabilities, kind="stable")
    ranked, hits = probabilities[order], labels[order].astype(bool)
    # The possible numbers of positive calls: each count after which the probability changes.
    called = np.flatnonzero(np.diff(ranked, prepend=np.inf, append=-np.inf))
    counts = np.ones(len(hits), int) if weights is None else weights[order]
    true_positives = np.concatenate([[0], np.cumsum(counts * hits)])[called]
    false_positives = np.concatenate([[0], np.cumsum(counts * ~hits)])[called]
    false_negatives = np.sum(counts * hits) - true_positives
    costs = objective.costs
    if objective.kind == "f1":
        errors = false_positives + false_negatives
        f1_denominator = 2 * true_positives + errors
        utility = 2 * true_positives / np.where(f1_denominator > 0, f1_denominator, 1)
    else:
        utility = -(costs.false_positive * false_positives + costs.false_negative * false_negatives)
    if weights is not None:
        largest = float(np.abs(utility).max()) or 1.0
        utility = np.asarray(np.round(utility / largest, DECIMALS), np.float64)
    # A threshold is above the first uncalled probability and at most the last called one.
    low = np.append(ranked, 0.0)[called]
    high = np.append(1.0, ranked)[called]
    # A row with probability 1 is called positive at any threshold.
    utility = np.where((called == 0) & (low >= high), -np.inf, utility)
    natural = costs.false_positive / (costs.false_positive + costs.false_negative)
    middle = (low + high) / 2
    middle = np.where(middle > low, middle, high)
    inside = (low < natural) & (natural <= high)
    distance = np.where(inside, 0, np.abs(middle - natural))
    best = np.lexsort((distance, -utility))[0]
    return float(natural if inside[best] else middle[best])


def decisions(predicted: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Choose each row's class by its probabilities: class numbers, int64 (rows,).

    Args:
        predicted: Probabilities of two or more classes, see `outputs.predictions`.
        calibration: With two classes, its threshold decides. With more classes, the class with the
            lowest expected cost is chosen; if costs are equal, the first of them.
    """
    if predicted.ndim == 1:
        return (predicted >= calibration.threshold).astype(np.int64)
    if calibration.costs is None:
        return np.asarray(np.argmax(predicted, 1))
    # Not a matrix product, whose last bits may depend on a row's place.
    return np.asarray(np.argmin(np.einsum("nc,cd->nd", predicted, calibration.costs), 1))


def residual_quantiles(ratios: np.ndarray, weights: np.ndarray | None = None) -> tuple[float, ...]:
    """Return, for each of `RATES`, a bound for a new row's residual that holds at this rate.

    A rate is a share of n + 1 residuals: the n given residuals and the new row's residual. With
    weights, n is `effective_rows`. Where n is too small for a rate, the largest residual is
    enlarged in proportion to the quantiles of a normal distribution.

    Source: Papadopoulos, Gammerman and Vovk, "Normalized Nonconformity Measures for Regression
    Conformal Prediction", 2008; out of fold: Barber, Candès, Ramdas and Tibshirani, "Predictive
    Inference with the Jackknife+", 2021.
    """
    order = np.argsort(ratios, kind="stable")
    counts = np.ones(len(ratios)) if weights is None else weights[order]
    rates = np.cumsum(counts) / (counts.sum() + np.square(counts).sum() / counts.sum())
    place = np.searchsorted(rates, RATES - 1e-9)
    beyond = place == len(rates)
    ranked = ratios[order][np.minimum(place, len(rates) - 1)].astype(np.float64)
    ranked[beyond] *= (NORMAL * ndtri(0.95) / ndtri((1 + rates[-1]) / 2))[beyond]
    return tuple(ranked.tolist())
