"""Small trainings: networks, rows, and members that note what they are trained on."""

from typing import Any

import numpy as np
from scipy.special import expit

from tabular_lstm.engine import Engine
from tabular_lstm.network.build import LSTMEnsemble, build
from tabular_lstm.network.member_training import Trained, train_members
from tabular_lstm.network.members import Members
from tabular_lstm.network.plan import TrainingInputs, plan_training, stratified_folds
from tabular_lstm.parameters.hyperparameters import Ensemble, NetworkOptions, TrainingOptions
from tabular_lstm.parameters.runs import EngineOptions
from tabular_lstm.rows.schema import SCORES, Schema
from tests.helpers.networks import prepared

SCHEMA = Schema(
    features=["a", "b", "c", "d"],
    steps=2,
    features_per_step=2,
    missing={},
    mean=[0.0] * 4,
    variance=[1.0] * 4,
    quantiles={name: SCORES.tolist() for name in "abcd"},
    scores=True,
    label="sick",
    positive_class=1,
    negative_class=0,
)
HERE = Engine(EngineOptions())


def network_of(seed: int = 0, schema: Schema = SCHEMA, **options: Any) -> LSTMEnsemble:
    small = {"members": 2, "units": [4], "dimensions": 3, "frequencies": 2}
    quiet = {"dropout": 0.0, "frequency_scale": [0.1]}
    ensemble = Ensemble.model_validate({**small, **quiet, **options})
    return build(schema, NetworkOptions(ensemble=ensemble), seed)


def training_of(**changed: Any) -> TrainingOptions:
    return TrainingOptions.model_validate(
        {"epochs": 3, "batch_size": 16, "learning_rate": 0.02, **changed}
    )


def rows_of(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose first feature tells the classes apart; half positive."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(count) < count // 2).astype(np.float32)
    sequences = rng.normal(size=(count, 2, 2)).astype(np.float32)
    sequences[:, 0, 0] = 2 * labels - 1 + 0.1 * sequences[:, 0, 0]
    return sequences, labels


def noise(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Rows that say nothing about their labels: training on them can only overfit."""
    sequences, labels = rows_of(count)
    return np.random.default_rng(1).normal(size=sequences.shape).astype(np.float32), labels


def half_told(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose first feature tells the odds of being positive, a third of them."""
    rng = np.random.default_rng(4)
    sequences = rng.normal(size=(count, 2, 2)).astype(np.float32)
    odds = expit(2 * sequences[:, 0, 0] - 1)
    return sequences, (rng.random(count) < odds).astype(np.float32)


def folds_of(labels: np.ndarray, members: int, seed: int = 0) -> list[np.ndarray]:
    """The rows that each member leaves out."""
    folds = min(8, len(labels))
    fold = stratified_folds(labels, folds, seed)
    return [np.flatnonzero(fold == member % folds) for member in range(members)]


def member_logits(network: LSTMEnsemble, sequences: np.ndarray) -> np.ndarray:
    """Each member's logit of each row, of two classes, (k, rows)."""
    slots = prepared(network.embed, sequences[None])
    return network.member_outputs(slots).numpy().astype(np.float64)[..., 0]


def weights_of(network: LSTMEnsemble, member: int) -> list[np.ndarray]:
    return [weight[member] for weight in network.get_weights()]


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def inputs_of(
    network: LSTMEnsemble,
    sequences: np.ndarray,
    labels: np.ndarray,
    training: TrainingOptions,
    weights: np.ndarray | None = None,
    planned_for: np.ndarray | None = None,
) -> TrainingInputs:
    """What `train` gives to who trains members; with the folds of other labels, if given."""
    planned = labels if planned_for is None else planned_for
    plan = plan_training(network.options.count, planned, sequences[0].size, training)
    of_network = network.get_config(), network.get_weights()
    return TrainingInputs(*of_network, sequences, labels, training, weights, plan)


class Observed(Members):
    """Members that note what they are trained on and the weights after each epoch."""

    def __init__(self, inputs: TrainingInputs) -> None:
        super().__init__(inputs, range(len(inputs.plan.kind)))
        self.batches: list[np.ndarray] = []
        self.each_epoch: list[list[np.ndarray]] = []

    def train_epoch(
        self, places: np.ndarray, batches: np.ndarray, *arguments: Any
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        trained = super().train_epoch(places, batches, *arguments)
        self.batches.append(batches)
        self.each_epoch.append(self.in_shape(self.weights.copy()))
        return trained


def observe(
    network: LSTMEnsemble,
    sequences: np.ndarray,
    labels: np.ndarray,
    training: TrainingOptions,
    planned_for: np.ndarray | None = None,
) -> tuple[Observed, Trained]:
    """Train members as `train` does, and look on."""
    inputs = inputs_of(network, sequences, labels, training, planned_for=planned_for)
    members = Observed(inputs)
    return members, train_members(members, inputs.plan, inputs)
