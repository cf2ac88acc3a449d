"""The gate's comparison of a candidate with a champion, for the predictions of any two models.

It needs neither Kedro nor TensorFlow, nor any files of this project. The gate makes the same
comparison in `gate.check_champions`; its other checks need a run.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from tabular_lstm.judging.baselines import CANDIDATE
from tabular_lstm.judging.comparison import Comparison, Evaluation, Predictions
from tabular_lstm.judging.gate import ComparedChampion, check_champions
from tabular_lstm.judging.model_metrics import fewest_rows
from tabular_lstm.metrics import METRICS
from tabular_lstm.parameters.hyperparameters import EvaluationOptions
from tabular_lstm.parameters.runs import PromotionOptions
from tabular_lstm.rows.weights import scaled
from tabular_lstm.task import NUMBER, Task

CHAMPION = ""  # no run id


@dataclass(frozen=True)
class Compared:
    """A candidate compared with a champion on the same rows.

    Attributes:
        candidate, champion: For each metric, its value and the ends of its 95 % interval.
        differences: For each metric that the gate compares, the candidate's value minus the
            champion's, with one-sided bounds at `confidence`; see `comparison.Difference`.
        intervals: For each of these metrics, the 95 % interval of the difference.
        verdict: `better` or `worse` if the interval of the main metric's difference excludes 0,
            else `level`. The main metric is ROC AUC for classes, RMSE for a number, and MAE for a
            median.
        not_worse: Whether the gate would let the candidate pass: it is shown not to be worse by
            more than the tolerance in any of these metrics.
        sentence: The gate's sentence about the comparison.
    """

    candidate: dict[str, tuple[float, float, float]]
    champion: dict[str, tuple[float, float, float]]
    differences: Comparison
    intervals: dict[str, tuple[float, float]]
    verdict: Literal["better", "level", "worse"]
    not_worse: bool
    sentence: str


def compare(
    labels: ArrayLike,
    candidate: ArrayLike,
    champion: ArrayLike,
    *,
    task: Literal["two classes", "classes", "number", "median"] = "two classes",
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    tolerance: dict[str, float] | None = None,
    confidence: float = 0.95,
    bootstrap_resamples: int = 1000,
    seed: int = 0,
) -> Compared:
    """Compare a candidate with a champion by their predictions for the same held-out rows.

    Args:
        labels: Labels (rows,): classes of any type, or numbers.
        candidate: Probabilities (rows, classes) with the classes in sorted order, as from
            scikit-learn's `predict_proba`; with two classes also (rows,), the probability of the
            second class. For a number, predictions (rows,). A missing prediction, NaN, counts as a
            wrong one.
        champion: The champion's predictions, in the same form.
        task: What the labels are; `median` is a number whose predictions are compared by MAE alone.
        groups: The group of each row, (rows,), such as the customer. Whole groups are resampled.
            Default: each row is its own group.
        weights: How much each row counts, (rows,), above 0. Default: all rows count equally.
        tolerance: By how much the candidate may be worse in `roc_auc` and `log_loss` or, for a
            number, in `rmse` and `mae`, in standard deviations of the labels. Default: 0.02 each.
        confidence: One-sided confidence of the gate's bounds.
        bootstrap_resamples: Number of resamples of the rows, at least 100.
        seed: Seed of the resamples.

    Raises:
        ValueError: The shapes do not match, a label, weight or group is missing, the labels do not
            fit the task, a row's probabilities do not add up to 1, or an option is invalid.

    Examples:
        >>> labels = [0, 1] * 50
        >>> sure = [0.1, 0.9] * 50
        >>> compare(labels, candidate=sure, champion=[0.5] * 100).verdict
        'better'
    """
    actual, of_number = _of_each_row(labels, "labels"), task in {NUMBER, "median"}
    classes, codes = np.unique(actual, return_inverse=True)
    judged = Task.of_number(task == "median") if of_number else Task.of_classes(classes.tolist())
    if len(classes) < 2 or task not in {judged.kind, "median"}:
        raise ValueError(
            f"task {task!r} with {len(classes)} different labels: expected 'two classes' with two, "
            "'classes' with more, or 'number' or 'median' with two or more"
        )
    if weights is not None and not (np.asarray(weights, float) > 0).all():
        raise ValueError("weights: expected numbers above 0")
    rows = len(actual)
    models = {
        CANDIDATE: _predictions(candidate, "candidate", rows, judged),
        CHAMPION: _predictions(champion, "champion", rows, judged),
    }
    evaluation = Evaluation(
        actual.astype(float) if of_number else codes,
        None if weights is None else scaled(_of_each_row(weights, "weights", rows).astype(float)),
        None if groups is None else pd.factorize(_of_each_row(groups, "groups", rows))[0],
        task=judged,
    ).with_models(
        models,
        EvaluationOptions.model_validate(
            {"bootstrap_resamples": bootstrap_resamples, "seed": seed}
        ),
    )
    promotion = PromotionOptions.model_validate(
        {"tolerance": tolerance or {}, "confidence": confidence}
    )
    fewest, of_class = fewest_rows(evaluation, judged)
    if fewest < promotion.min_test_rows_per_class:
        raise ValueError(
            f"too few rows, or groups,{of_class} to compare two models: {fewest}; expected at "
            f"least {promotion.min_test_rows_per_class}"
        )
    check = check_champions(evaluation, [ComparedChampion(run_id=CHAMPION, sha256="")], promotion)
    intervals = {m: evaluation.interval(CANDIDATE, CHAMPION, m) for m in judged.compared}
    main = judged.traits.main
    low, high = sorted(METRICS[main].worse * end for end in intervals[main])
    measured = {
        name: {m: (float(getattr(metrics, m)), *ends) for m, ends in metrics.interval.items()}
        for name, metrics in evaluation.metrics.items()
    }
    return Compared(
        candidate=measured[CANDIDATE],
        champion=measured[CHAMPION],
        differences=check.compared[CHAMPION],
        intervals=intervals,
        verdict="better" if high < 0 else "worse" if low > 0 else "level",
        not_worse=check.passed,
        sentence=check.sentence,
    )


def _of_each_row(values: ArrayLike, name: str, rows: int | None = None) -> np.ndarray:
    array = np.asarray(values)
    missing_count = int(pd.Series(array.ravel()).replace([np.inf, -np.inf], np.nan).isna().sum())
    if array.ndim != 1 or len(array) != (rows or len(array)) or missing_count:
        raise ValueError(
            f"{name}: expected one finite value for each of the {rows or len(array)} rows; "
            f"got shape {array.shape} with {missing_count} missing or infinite"
        )
    return array


def _predictions(values: ArrayLike, name: str, rows: int, task: Task) -> Predictions:
    """Bring predictions into the shape in which models are measured, see `tabular_lstm.metrics`."""
    array = np.asarray(values, float)
    if task.has_threshold and array.ndim == 1:
        array = np.stack([1 - array, array], axis=1)
    shape = (rows, len(task.classes)) if task.classes else (rows,)
    if array.shape != shape or np.isinf(array).any():
        raise ValueError(
            f"{name}: expected shape {shape} for {rows} rows of {task.in_words}, and no infinite "
            f"value; got shape {array.shape} with {np.isinf(array).sum()} infinite values"
        )
    if not task.classes:  # no metric here reads the ends of the intervals
        return Predictions(np.repeat(array[:, None], 3, axis=1), None)
    sums = array[~np.isnan(array).any(axis=1)].sum(axis=1)
    if (array < 0).any() or (np.abs(sums - 1) > 1e-3).any():
        raise ValueError(
            f"{name}: expected probabilities of 0 or more that add up to 1 in each row"
        )
    return Predictions(array, 0.5 if task.has_threshold else None)
