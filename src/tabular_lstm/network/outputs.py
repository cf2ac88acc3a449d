"""What the outputs of a network mean, of each task: loss, calibration, predictions, decisions.

Outputs are float, (rows, o); of members in training (k, n, o). Of two classes there is one, the
logit of the positive class; of more classes one logit each; of a number quantiles of
the label, in the unit of the schema's target. Scoring does without
TensorFlow, so the functions of tensors are given its module.
"""

from typing import Any

import numpy as np
from scipy.special import expit, logsumexp, softmax

from tabular_lstm.network.calibration import (
    NORMAL,
    RATES,
    Calibration,
    choose_threshold,
    decisions,
    fit_temperature,
    log_losses,
    residual_quantiles,
    search_temperature,
)
from tabular_lstm.parameters import (
    CLASSES,
    NUMBER,
    TWO_CLASSES,
    Task,
    Training,
)
from tabular_lstm.rows.schema import Schema

# Standardized labels beyond that count as if they were there: an outlier of 10^9 among tens would
# be all that is learned.
FARTHEST = 10.0
# What is learned of a number, and what each counts for in the mean.
QUANTILES = np.array([0.05, 0.25, 0.5, 0.75, 0.95], np.float32)
IN_MEAN = np.array([0.185, 0.0, 0.63, 0.0, 0.185])
# Quantiles that are closer to the median come of rows that are learned by heart.
NARROWEST = 1e-3
# Strata of a number's folds.
STRATA = 16


def outputs_of(task: Task) -> "Outputs":
    """Give what is done with the outputs of a task."""
    return OUTPUTS[task.kind]


def predictions(
    outputs: np.ndarray, schema: Schema, calibration: Calibration, coverage: float | None = None
) -> np.ndarray:
    """Turn outputs into predictions.

    Args:
        outputs: Of the ensemble, the mean over its members, (rows, o).
        schema: Of the rows.
        calibration: Of the ensemble.
        coverage: The rate of a number's intervals, from 0.5 to 0.99. Default: the declared one.

    Returns:
        Of two classes the probability of the positive one, float64 (rows,); of more classes the
        probability of each, (rows, classes); of a number its prediction and both ends of its
        interval, (rows, 3).
    """
    return outputs_of(schema.task).predictions(outputs, schema, calibration, coverage)


# The table ---------------------------------------------------------------------------------------


class Outputs:
    """What is done with labels, outputs and weights of rows, (rows,): of three or more classes."""

    loss = "log_loss"  # by which epochs and kinds are told apart
    predicted = "probability"  # what a row is given
    speed = 1  # times the learning rate, for fewer epochs
    waits = 0.5  # times the epochs until the last progress, at least, before a member stops
    learned = 0.1  # times the entropy of the labels: below it a loss must fall by more

    def targets(self, labels: np.ndarray, schema: Schema) -> np.ndarray:
        """Give the labels as they are learned: float32 (rows,)."""
        return labels.astype(np.float32)

    def strata(self, targets: np.ndarray) -> np.ndarray:
        """Give whole numbers of each of which a fold has its share: uint8 (rows,)."""
        return targets.astype(np.uint8)

    def tensor_losses(self, tf: Any, targets: Any, outputs: Any) -> Any:
        """Give the losses in training of tensors (k, n) and (k, n, o): (k, n)."""
        return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(targets, tf.int32), outputs)

    def activated(self, tf: Any, outputs: Any) -> Any:
        """Give what the network gives of its calibrated outputs: tensors (n, o)."""
        return tf.nn.softmax(outputs)

    def losses(self, targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """Give the loss of each row: float64 (rows,)."""
        own = np.take_along_axis(outputs, targets.astype(int)[:, None], 1)[:, 0]
        return np.asarray(logsumexp(outputs, 1) - own)

    def fit_temperature(
        self, targets: np.ndarray, outputs: np.ndarray, weights: np.ndarray | None = None
    ) -> float:
        """Find what outputs are divided by for the lowest loss; see `fit_temperature` of two.

        Of a class of n rows the target is (n + 1) / (n + 2) of their own; the other classes share
        the rest evenly.
        """
        rows, classes = outputs.shape
        own = targets.astype(int)
        count = np.bincount(own, weights, classes)[own]
        # Less the largest of each row, which a temperature divides too: scipy's takes longer.
        less = outputs - outputs.max(1, keepdims=True)
        of_own = less[np.arange(rows), own]
        hit = (count + 1) * of_own + (less.sum(1) - of_own) / (classes - 1)
        hit /= count + 2
        return search_temperature(
            lambda t: np.average(np.log(np.exp(less / t).sum(1)) - hit / t, weights=weights)
        )

    def calibration(
        self,
        targets: np.ndarray,
        outputs: np.ndarray,
        temperature: float,
        training: Training,
        weights: np.ndarray | None,
    ) -> Calibration:
        """Learn from out-of-fold outputs, and from the temperature that they have the best with."""
        return Calibration(temperature=temperature, costs=training.objective.cost_matrix)

    def history(self, calibration: Calibration) -> dict[str, float]:
        """Say what the calibration is, for the history."""
        return {"temperature": calibration.temperature}

    def predictions(
        self, outputs: np.ndarray, schema: Schema, calibration: Calibration, coverage: float | None
    ) -> np.ndarray:
        """See `predictions`."""
        return np.asarray(softmax(outputs / calibration.temperature, 1), np.float64)

    def explained(self, predicted: np.ndarray, calibration: Calibration) -> np.ndarray:
        """Say which column of each row's predictions its reasons are of: int (rows,)."""
        return decisions(predicted, calibration)


class _OfTwoClasses(Outputs):
    """The same of two classes, of whose logits that of the negative one is 0."""

    def tensor_losses(self, tf: Any, targets: Any, outputs: Any) -> Any:
        return tf.nn.sigmoid_cross_entropy_with_logits(targets, outputs[..., 0])

    def activated(self, tf: Any, outputs: Any) -> Any:
        return tf.sigmoid(outputs)

    def losses(self, targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        return log_losses(targets, outputs[:, 0])

    def fit_temperature(
        self, targets: np.ndarray, outputs: np.ndarray, weights: np.ndarray | None = None
    ) -> float:
        return fit_temperature(targets, outputs[:, 0], weights)

    def calibration(
        self,
        targets: np.ndarray,
        outputs: np.ndarray,
        temperature: float,
        training: Training,
        weights: np.ndarray | None,
    ) -> Calibration:
        probabilities = expit(outputs[:, 0] / temperature)
        threshold = choose_threshold(targets, probabilities, training.objective, weights)
        return Calibration(temperature=temperature, threshold=threshold)

    def history(self, calibration: Calibration) -> dict[str, float]:
        return {
            "temperature": calibration.temperature,
            "decision_threshold": calibration.threshold,
        }

    def predictions(
        self, outputs: np.ndarray, schema: Schema, calibration: Calibration, coverage: float | None
    ) -> np.ndarray:
        return np.asarray(expit(outputs[:, 0] / calibration.temperature))

    def explained(self, predicted: np.ndarray, calibration: Calibration) -> np.ndarray:
        return np.zeros(len(predicted), int)


class _OfNumber(Outputs):
    """The same of a number, of which `QUANTILES` are learned.

    Sources: Koenker and Bassett, "Regression Quantiles", 1978 (the loss); Keefer and Bodily,
    "Three-Point Approximations for Continuous Random Variables", 1983 (the mean); Romano, Patterson
    and Candès, "Conformalized Quantile Regression", NeurIPS 2019 (intervals, here in shares of the
    distance from the median).
    """

    loss, predicted = "quantile_loss", "prediction"
    speed = 2
    waits = 0.8
    learned = 0.0

    def targets(self, labels: np.ndarray, schema: Schema) -> np.ndarray:
        mean, deviation = _unit(schema)
        return ((labels - mean) / deviation).astype(np.float32)

    def strata(self, targets: np.ndarray) -> np.ndarray:
        ends = np.quantile(targets, np.arange(1, STRATA) / STRATA)
        return np.searchsorted(ends, targets).astype(np.uint8)

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

    def calibration(
        self,
        targets: np.ndarray,
        outputs: np.ndarray,
        temperature: float,
        training: Training,
        weights: np.ndarray | None,
    ) -> Calibration:
        _, median, below, above = _distribution(outputs)
        error = targets - median
        ratios = np.where(error < 0, -error / below, error / above)
        residuals = residual_quantiles(ratios, weights)
        return Calibration(residuals=residuals, coverage=training.coverage)

    def history(self, calibration: Calibration) -> dict[str, float]:
        # The rate that the figure of the intervals holds them against.
        return {} if calibration.coverage is None else {"coverage": calibration.coverage}

    def predictions(
        self, outputs: np.ndarray, schema: Schema, calibration: Calibration, coverage: float | None
    ) -> np.ndarray:
        expected, median, below, above = _distribution(outputs)
        rate = coverage or calibration.coverage or Training().coverage
        residuals = NORMAL if calibration.residuals is None else calibration.residuals
        times = np.interp(rate, RATES, residuals)
        lower = np.minimum(median - times * below, expected)
        upper = np.maximum(median + times * above, expected)
        mean, deviation = _unit(schema)
        return mean + deviation * np.stack([expected, lower, upper], 1)

    def explained(self, predicted: np.ndarray, calibration: Calibration) -> np.ndarray:
        return np.zeros(len(predicted), int)


def _unit(schema: Schema) -> tuple[float, float]:
    """Give the mean and the standard deviation that a number is standardized by."""
    if schema.target is None:
        raise ValueError(f"expected a schema of a number, got one of {schema.task.kind}")
    return schema.target.mean, schema.target.deviation


def _distribution(outputs: np.ndarray) -> tuple[np.ndarray, ...]:
    """Give mean and median of each row, and the distances to the lowest and highest quantile."""
    ordered = np.sort(outputs.astype(np.float64), 1)
    median = ordered[:, 2]
    below, above = median - ordered[:, 0], ordered[:, -1] - median
    return ordered @ IN_MEAN, median, np.maximum(below, NARROWEST), np.maximum(above, NARROWEST)


OUTPUTS: dict[str, Outputs] = {
    TWO_CLASSES: _OfTwoClasses(),
    CLASSES: Outputs(),
    NUMBER: _OfNumber(),
}
