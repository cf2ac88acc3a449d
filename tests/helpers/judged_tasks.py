"""Labels of four classes and of a number, and models that tell something of them, judged."""

from typing import Any

import numpy as np

from tabular_lstm.judging.comparison import Evaluation
from tabular_lstm.parameters.hyperparameters import EvaluationOptions
from tabular_lstm.task import NUMBER, Task
from tests.helpers.judged import ruled

NAMES = ["red", "green", "blue", 4]
FOUR, OF_NUMBER = Task.of_classes(NAMES), Task(kind=NUMBER)
RESAMPLED = EvaluationOptions(bootstrap_resamples=200)


def classes_of(count: int = 200, seed: int = 0, skill: float = 1.5) -> tuple[np.ndarray, ...]:
    """Labels of four classes, and probabilities that tell something of them."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(4, count, p=[0.4, 0.3, 0.2, 0.1])
    logits = rng.normal(size=(count, 4)) + skill * np.eye(4)[labels]
    odds = np.exp(logits)
    return labels, odds / odds.sum(axis=1, keepdims=True)


def numbers_of(
    count: int = 200, seed: int = 0, unit: float = 1.0, error: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and predictions with intervals, in some unit."""
    rng = np.random.default_rng(seed)
    labels = rng.normal(5, 2, count)
    predicted = labels + rng.normal(0, error, count)
    return unit * labels, unit * np.stack([predicted, predicted - 0.8, predicted + 0.7], axis=1)


def judge(task: Task, labels: np.ndarray, rule: Any = None, **models: np.ndarray) -> Evaluation:
    rules = dict.fromkeys(models, rule)
    return Evaluation(labels, task=task).with_models(ruled(models, rules), RESAMPLED)
