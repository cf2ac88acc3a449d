"""Members stop by the loss on their folds as calibration will leave it."""

from dataclasses import replace

import numpy as np
from sklearn.metrics import roc_auc_score

from tabular_lstm.network.calibration import fit_temperature, log_losses
from tabular_lstm.network.members import train_members
from tabular_lstm.network.plan import Plan, plan_training
from tabular_lstm.network.stopping import fold_losses
from tests.helpers.trainings import training_of

LABELS = (np.random.default_rng(0).random(80) < 0.4).astype(np.float32)


def plan_of(members: int, kinds: int = 1) -> Plan:
    return plan_training(members, LABELS, 4, training_of(epochs=2, patience=5), kinds=kinds)


def told(plan: Plan, noise: float, size: float = 1.0) -> list[np.ndarray]:
    """Logits of each member's fold that tell the labels, but for noise, and are of some size."""
    rng = np.random.default_rng(1)
    return [
        size * (2 * LABELS[rows] - 1 + noise * rng.normal(size=len(rows))) for rows in plan.held_out
    ]


def test_the_loss_is_that_of_the_logits_over_their_temperature() -> None:
    plan = plan_of(4)
    logits = told(plan, noise=2.0, size=3.0)
    temperature = fit_temperature(LABELS[np.concatenate(plan.held_out)], np.concatenate(logits))
    expected = [
        log_losses(LABELS[rows], z / temperature).mean()
        for rows, z in zip(plan.held_out, logits, strict=True)
    ]
    np.testing.assert_allclose(fold_losses(LABELS, plan, logits), expected, rtol=1e-6)
    assert temperature > 1.5


def test_how_large_all_logits_are_changes_nothing() -> None:
    plan = plan_of(4)
    small, large = (told(plan, noise=2.0, size=size) for size in (0.5, 1.0))
    losses = [fold_losses(LABELS, plan, logits) for logits in (small, large)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_each_kind_has_a_temperature_of_its_own() -> None:
    plan = plan_of(8, kinds=2)
    logits = told(plan, noise=2.0)
    larger = [z * (0.5 if kind else 1.0) for z, kind in zip(logits, plan.kind, strict=True)]
    losses = [fold_losses(LABELS, plan, each) for each in (logits, larger)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
    as_one = fold_losses(LABELS, replace(plan, kind=[0] * 8), larger)
    assert np.abs(as_one - losses[0]).max() > 0.01


def test_a_row_of_weight_two_counts_as_two() -> None:
    plan = plan_of(4)
    logits = told(plan, noise=2.0)
    twice = [np.concatenate([rows, rows[:3]]) for rows in plan.held_out]
    weights = np.ones(len(LABELS))
    weights[np.concatenate([rows[:3] for rows in plan.held_out])] = 2
    doubled = [np.concatenate([z, z[:3]]) for z in logits]
    np.testing.assert_allclose(
        fold_losses(LABELS, plan, logits, weights),
        fold_losses(LABELS, replace(plan, held_out=twice), doubled),
        rtol=1e-6,
    )


class Overconfident:
    """Members that order the rows better in the second epoch, by logits that are far too large."""

    def __init__(self, plan: Plan) -> None:
        self.of_epochs = [told(plan, noise=2.0), told(plan, noise=1.4, size=6.0)]
        self.epoch, self.kept = 0, np.zeros(len(plan.held_out), int)

    def train_epoch(self, batches: np.ndarray, rates: np.ndarray) -> float:
        self.epoch += 1
        return 1.0

    def logits(self, rows_of: list[np.ndarray]) -> list[np.ndarray]:
        return self.of_epochs[self.epoch - 1]

    def keep(self, improved: np.ndarray) -> None:
        self.kept[improved] = self.epoch


def test_logits_that_are_too_large_stop_no_member_that_orders_the_rows_better() -> None:
    plan = plan_of(4)
    members = Overconfident(plan)
    history = train_members(members, plan, LABELS)  # type: ignore[arg-type]
    seen = np.concatenate(plan.held_out)
    raw, order = zip(
        *(
            (log_losses(LABELS[seen], z).mean(), roc_auc_score(LABELS[seen], z))
            for z in map(np.concatenate, members.of_epochs)
        ),
        strict=True,
    )
    assert raw[1] > 1.5 * raw[0]
    assert order[1] > order[0]
    assert history["best_epochs"] == members.kept.tolist() == [2] * 4
    assert history["validation_loss"][1] < history["validation_loss"][0]


def test_logits_that_are_no_numbers_are_no_progress() -> None:
    plan = plan_of(4)
    logits = [np.full(len(rows), np.nan) for rows in plan.held_out]
    assert np.isnan(fold_losses(LABELS, plan, logits)).all()
