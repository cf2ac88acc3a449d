"""What the outputs of a network mean, for each task: loss, calibration, predictions, decisions.

Outputs are floats of shape (rows, o), and in training (k, n, o). Two classes have one output, the
logit of the positive class. More classes have one logit each. A number has quantiles of the label,
standardized by the schema's target. Scoring does not need TensorFlow, so functions of tensors take
the TensorFlow module as an argument.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, cast

import numpy as np
from pydantic import Field
from scipy.special import entr, expit, logsumexp, ndtri, softmax

from tabular_lstm.frozen import Frozen, Number, Positive, Share, unless
from tabular_lstm.parameters.hyperparameters import (
    CostMatrix,
    Coverage,
    NotNegative,
    Objective,
    TrainingOptions,
)
from tabular_lstm.rows.schema import Schema, Target
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES, Task

# Calibration --------------------------------------------------------------------------------------
# Learn from out-of-fold outputs: temperature, decision threshold, width of intervals.
#
# Labels of two classes are 0 or 1, of shape (rows,). Weights have the same shape: a row of weight
# 2 counts as two rows. TensorFlow is not used, because the baselines use this module too.

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
        factor: The mean of a number that is learned as its asinh is multiplied by it, see
            `_NumberOutputs`. Default: 1.
    """

    temperature: Annotated[Number, Field(gt=0, allow_inf_nan=False)] = 1.0
    threshold: Share = 0.5
    costs: CostMatrix | None = unless(None)
    residuals: Annotated[tuple[NotNegative, ...], Field(min_length=50, max_length=50)] | None = (
        unless(None)
    )
    coverage: Coverage | None = unless(None)
    factor: Positive = unless(1.0)

    @property
    def in_history(self) -> dict[str, float]:
        """What was learned, by its names in the history of a training."""
        names = {
            "temperature": "temperature",
            "threshold": "decision_threshold",
            "coverage": "coverage",
        }
        return {n: getattr(self, f) for f, n in names.items() if f in self.model_fields_set}

    @property
    def numbers(self) -> np.ndarray:
        """All attributes in their order, float64, for a fingerprint."""
        return np.concatenate([np.ravel(value) for value in self.model_dump().values()])


def search_temperature(mean_loss: Callable[[float], Any]) -> float:
    """Find the temperature, within `TEMPERATURES`, whose mean loss is lowest."""
    # A scoring needs no search, and this import takes a sixth of a second.
    from scipy.optimize import minimize_scalar  # noqa: PLC0415

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
    if predicted.shape[1] == 2:
        return (predicted[:, 1] >= calibration.threshold).astype(np.int64)
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


# Outputs ------------------------------------------------------------------------------------------

# Standardized labels are clipped here, because one label of 10^9 among tens would outweigh all
# others in the loss.
FARTHEST = 10.0
# The quantiles that are learned for a number, and the weight of each in the mean.
QUANTILES = np.array([0.05, 0.25, 0.5, 0.75, 0.95], np.float32)
IN_MEAN = np.array([0.185, 0.0, 0.63, 0.0, 0.185])
# The least distance of a quantile from the median: a smaller distance comes from overfitting.
NARROWEST = 1e-3
# Steps of the search for a shift; each step leaves a small part of the gap.
SHIFTS = 20
# The largest factor of a mean, and its inverse the smallest; the least mean that has a factor.
MOST, TINY = 2.0, 1e-300
# How many strata the folds of a number have.
STRATA = 16


def judged_places(strata: np.ndarray, judged: np.ndarray | None) -> np.ndarray | None:
    """Return the places of the rows that judge; None if all do, or too few to calibrate for them.

    At least 100 are needed, and 10 of each stratum: of each class, or see `Outputs.strata`.
    """
    if judged is None or judged.all():
        return None
    fewest = np.bincount(strata[judged], minlength=int(strata.max()) + 1).min()
    return np.flatnonzero(judged) if fewest >= 10 and judged.sum() >= 100 else None


def outputs_of(task: Task) -> "Outputs":
    """Return the `Outputs` of a task."""
    return OUTPUTS[task.kind]


# The table ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pace:
    """How fast a task's members learn and when they stop; losses are shares of a constant's."""

    speed: int = 1  # factor of the learning rate, for fewer epochs
    waits: float = 0.5  # least wait before a stop, as a share of the epochs until the last progress
    told: float = 0.0  # in a short table, waits are shorter if less of the loss is explained
    learned: float = 0.1  # below this share of the loss, a loss must fall by more
    falls: float = 0.0  # in a short table, the least fall of a loss that counts as progress
    exact: float = 0.0  # below this share of the loss, less is dropped, in proportion


class Outputs:
    """What is computed from labels, outputs and weights, here for three or more classes."""

    pace = Pace()

    def targets(self, labels: np.ndarray, schema: Schema) -> np.ndarray:
        """Return the labels as the network learns them: float32 (rows,)."""
        return labels.astype(np.float32)

    def strata(self, targets: np.ndarray) -> np.ndarray:
        """Return each row's stratum, uint8 (rows,); the folds share each stratum evenly."""
        return targets.astype(np.uint8)

    def loss_of_constant(self, targets: np.ndarray) -> float:
        """Return the loss of the best prediction that is the same for all rows."""
        return float(entr(np.bincount(self.strata(targets)) / len(targets)).sum())

    def tensor_losses(self, tf: Any, targets: Any, outputs: Any) -> Any:
        """Return the losses in training, (k, n), of targets (k, n) and outputs (k, n, o)."""
        return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(targets, tf.int32), outputs)

    def activated(self, tf: Any, outputs: Any) -> Any:
        """Turn calibrated outputs into what the Keras model returns: tensors (n, o)."""
        return tf.nn.softmax(outputs)

    def losses(self, targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """Return the loss of each row: float64 (rows,)."""
        label_logits = np.take_along_axis(outputs, targets.astype(int)[:, None], 1)[:, 0]
        return np.asarray(logsumexp(outputs, 1) - label_logits)

    def fit_temperature(
        self, targets: np.ndarray, outputs: np.ndarray, weights: np.ndarray | None = None
    ) -> float:
        """Find the temperature with the lowest log loss of outputs / temperature.

        If a row's class has n rows, the target of this class is (n + 1) / (n + 2) instead of 1. The
        other classes share the rest evenly. Otherwise a few rows that are all classified correctly
        would make every probability 0 or 1.

        Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML
        2017; the targets: Platt, "Probabilistic Outputs for Support Vector Machines", 1999.

        Examples:
            >>> labels = np.array([0, 1, 1, 1])
            >>> round(OUTPUTS[TWO_CLASSES].fit_temperature(labels, np.full((4, 1), 3.0)), 2)
            3.9
        """
        rows, classes = outputs.shape
        labels = targets.astype(int)
        count = np.bincount(labels, weights, classes)[labels]
        # The largest logit of each row is subtracted once; scipy's logsumexp takes longer.
        shifted = outputs - outputs.max(1, keepdims=True)
        label_logits = shifted[np.arange(rows), labels]
        hit = (count + 1) * label_logits + (shifted.sum(1) - label_logits) / (classes - 1)
        hit /= count + 2
        return search_temperature(
            lambda t: np.average(np.log(np.exp(shifted / t).sum(1)) - hit / t, weights=weights)
        )

    def shifted(
        self, targets: np.ndarray, outputs: np.ndarray, weights: np.ndarray | None
    ) -> np.ndarray:
        """Find what to add to outputs so that each class is predicted as often as it occurs: (o,).

        The rows may be a part with other shares of the classes than the rows that were learned.
        Source: Saerens, Latinne and Decaestecker, "Adjusting the Outputs of a Classifier to New a
        Priori Probabilities", Neural Computation 14, 2002, here with known shares.
        """
        classes, labels = outputs.shape[1], targets.astype(int)
        counts = np.bincount(labels, weights, classes)
        shares, shift = (counts + 1) / (counts + 1).sum(), np.zeros(classes)
        for _ in range(SHIFTS):
            temperature = self.fit_temperature(targets, outputs + shift, weights)
            predicted = softmax((outputs + shift) / temperature, 1)
            shift += temperature * np.log(shares / np.average(predicted, 0, weights))
        return shift

    def calibration(
        self,
        targets: np.ndarray,
        outputs: np.ndarray,
        temperature: float,
        training: TrainingOptions,
        weights: np.ndarray | None,
        schema: Schema,
    ) -> Calibration:
        """Learn the calibration from out-of-fold outputs and their best temperature."""
        return Calibration(temperature=temperature, costs=training.objective.cost_matrix)

    def calibrated(
        self,
        targets: np.ndarray,
        outputs: np.ndarray,
        training: TrainingOptions,
        weights: np.ndarray | None,
        schema: Schema,
        temperature: float | None = None,
    ) -> tuple[Calibration, float]:
        """Learn the calibration from out-of-fold outputs; return it and their calibrated loss.

        `temperature`: the best one, if it is known already. Default: search for it.
        """
        if temperature is None:
            temperature = self.fit_temperature(targets, outputs, weights)
        loss = np.average(self.losses(targets, outputs / temperature), weights=weights)
        calibration = self.calibration(targets, outputs, temperature, training, weights, schema)
        return calibration, float(loss)

    def predictions(
        self, outputs: np.ndarray, schema: Schema, calibration: Calibration, coverage: float | None
    ) -> np.ndarray:
        """Turn outputs into predictions.

        Args:
            outputs: The ensemble's outputs, the mean over its members, (rows, o).
            schema: The schema of the rows.
            calibration: The calibration of the ensemble.
            coverage: The rate of a number's intervals, from 0.5 to 0.99. Default: the declared one.

        Returns:
            float64. The probability of each class, (rows, classes); or of a number the prediction
            and both ends of its interval, (rows, 3).
        """
        return np.asarray(softmax(outputs / calibration.temperature, 1), np.float64)


class _TwoClassOutputs(Outputs):
    """The same for two classes: the negative class has the logit 0."""

    def tensor_losses(self, tf: Any, targets: Any, outputs: Any) -> Any:
        return tf.nn.sigmoid_cross_entropy_with_logits(targets, outputs[..., 0])

    def activated(self, tf: Any, outputs: Any) -> Any:
        return tf.sigmoid(outputs)

    def losses(self, targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        logits = outputs[:, 0]
        return np.asarray(np.logaddexp(0, logits) - targets * logits)

    def fit_temperature(
        self, targets: np.ndarray, outputs: np.ndarray, weights: np.ndarray | None = None
    ) -> float:
        return super().fit_temperature(targets, _of_both(outputs), weights)

    def shifted(
        self, targets: np.ndarray, outputs: np.ndarray, weights: np.ndarray | None
    ) -> np.ndarray:
        negative, positive = OUTPUTS[CLASSES].shifted(targets, _of_both(outputs), weights)
        return np.array([positive - negative])

    def calibration(
        self,
        targets: np.ndarray,
        outputs: np.ndarray,
        temperature: float,
        training: TrainingOptions,
        weights: np.ndarray | None,
        schema: Schema,
    ) -> Calibration:
        probabilities = expit(outputs[:, 0] / temperature)
        threshold = choose_threshold(targets, probabilities, training.objective, weights)
        return Calibration(temperature=temperature, threshold=threshold)

    def predictions(
        self, outputs: np.ndarray, schema: Schema, calibration: Calibration, coverage: float | None
    ) -> np.ndarray:
        positive = expit(outputs[:, 0] / calibration.temperature)
        return np.stack([1 - positive, positive], 1)


def _of_both(outputs: np.ndarray) -> np.ndarray:
    """Return the logits of both classes, (rows, 2), from those of the positive class, (rows, 1)."""
    return np.hstack([np.zeros_like(outputs), outputs])


class _NumberOutputs(Outputs):
    """The same for a number, whose `QUANTILES` are learned.

    Sources: Koenker and Bassett, "Regression Quantiles", 1978 (the loss); Keefer and Bodily,
    "Three-Point Approximations for Continuous Random Variables", 1983 (the mean); Romano, Patterson
    and Candès, "Conformalized Quantile Regression", NeurIPS 2019 (intervals, here in shares of the
    distance from the median); Duan, "Smearing Estimate: A Nonparametric Retransformation Method",
    1983 (the factor, which makes the mean of all predictions that of the labels, out of fold).
    """

    pace = Pace(speed=2, waits=0.8, told=0.5, learned=0, falls=0.001, exact=0.3)

    def targets(self, labels: np.ndarray, schema: Schema) -> np.ndarray:
        return cast(Target, schema.target).learned(labels).astype(np.float32)

    def strata(self, targets: np.ndarray) -> np.ndarray:
        ends = np.quantile(targets, np.arange(1, STRATA) / STRATA)
        return np.searchsorted(ends, targets).astype(np.uint8)

    def loss_of_constant(self, targets: np.ndarray) -> float:
        constant = self.losses(targets, np.quantile(targets, QUANTILES)[None]).mean()
        return max(float(constant), NARROWEST)  # labels may be equal

    def tensor_losses(self, tf: Any, targets: Any, outputs: Any) -> Any:
        error = tf.clip_by_value(targets, -FARTHEST, FARTHEST)[..., None] - outputs
        return 2 * tf.reduce_mean(tf.maximum(QUANTILES * error, (QUANTILES - 1) * error), -1)

    def activated(self, tf: Any, outputs: Any) -> Any:
        return outputs

    def losses(self, targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        error = np.clip(targets, -FARTHEST, FARTHEST)[:, None] - outputs.astype(np.float64)
        return np.asarray(2 * np.maximum(QUANTILES * error, (QUANTILES - 1) * error).mean(1))

    def fit_temperature(
        self, targets: np.ndarray, outputs: np.ndarray, weights: np.ndarray | None = None
    ) -> float:
        return 1.0

    def shifted(
        self, targets: np.ndarray, outputs: np.ndarray, weights: np.ndarray | None
    ) -> np.ndarray:
        return np.zeros(outputs.shape[1])

    def calibration(
        self,
        targets: np.ndarray,
        outputs: np.ndarray,
        temperature: float,
        training: TrainingOptions,
        weights: np.ndarray | None,
        schema: Schema,
    ) -> Calibration:
        ordered, below, above = _ordered(outputs)
        error, target = targets - ordered[:, 2], cast(Target, schema.target)
        ratios = np.where(error < 0, -error / below, error / above)
        return Calibration(
            residuals=residual_quantiles(ratios, weights),
            coverage=training.coverage,
            factor=mean_factor(target, targets, _mean(ordered, target), weights),
        )

    def predictions(
        self, outputs: np.ndarray, schema: Schema, calibration: Calibration, coverage: float | None
    ) -> np.ndarray:
        ordered, below, above = _ordered(outputs)
        rate = coverage or calibration.coverage or TrainingOptions().coverage
        residuals = NORMAL if calibration.residuals is None else calibration.residuals
        times, target = np.interp(rate, RATES, residuals), cast(Target, schema.target)
        middle = ordered[:, 2]
        ends = np.stack([middle, middle - times * below, middle + times * above])
        middle, lower, upper = target.in_own_unit(ends)
        if not target.median:
            middle = np.clip(calibration.factor * _mean(ordered, target), *target.bounds)
        return np.stack([middle, np.minimum(lower, middle), np.maximum(upper, middle)], 1)


def _ordered(outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each row's quantiles in order, and the distances of the lowest and the highest one."""
    ordered = np.sort(outputs.astype(np.float64), 1)
    below, above = ordered[:, 2] - ordered[:, 0], ordered[:, -1] - ordered[:, 2]
    return ordered, np.maximum(below, NARROWEST), np.maximum(above, NARROWEST)


def mean_factor(
    target: Target, targets: np.ndarray, means: np.ndarray, weights: np.ndarray | None
) -> float:
    """Return the factor that makes the mean of out-of-fold means, (rows,), that of the labels.

    It is 1 if the labels are learned as they are, if a median is predicted, or with labels below 0.
    """
    labels = target.in_own_unit(targets.astype(np.float64))
    if target.asinh is None or target.median or labels.min() < 0:
        return 1.0
    actual, predicted = np.average(np.stack([labels, means]), 1, weights)
    return float(np.clip(actual / max(predicted, TINY), 1 / MOST, MOST))


def _mean(ordered: np.ndarray, target: Target) -> np.ndarray:
    """Return each row's mean, in the label's unit, of quantiles in order."""
    if target.asinh is None:
        return target.in_own_unit(ordered @ IN_MEAN)
    return np.asarray(target.in_own_unit(ordered) @ IN_MEAN)


OUTPUTS: dict[str, Outputs] = {
    TWO_CLASSES: _TwoClassOutputs(),
    CLASSES: Outputs(),
    NUMBER: _NumberOutputs(),
}
