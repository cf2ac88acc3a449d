"""Predict a number from its history by ridge regression; the members learn the residuals.

A number that changes slowly is close to its last value. A network that must learn this first learns
less about the change. The regression and the read-out are linear in the same summaries. So the
regression's weights are added to a trained read-out, and scoring needs no other code.

Source: Hoerl and Kennard, "Ridge Regression", 1970; out of fold: Wolpert, "Stacked Generalization",
1992.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from tabular_lstm.network.forward import cut
from tabular_lstm.network.member_training import Trained
from tabular_lstm.network.outputs import FARTHEST, NARROWEST
from tabular_lstm.network.plan import Plan
from tabular_lstm.network.score import blas
from tabular_lstm.network.slots import Slots
from tabular_lstm.rows.histories import Histories
from tabular_lstm.rows.schema import scale

# The possible penalties: each is added to every summary's sum of squares.
PENALTIES = 10.0 ** np.arange(-1, 4)


@dataclass(frozen=True)
class Offset:
    """A ridge regression, cross-fitted over the folds, which also choose its penalty.

    Attributes:
        values: Its prediction for each train row, fitted without the row's fold, float64 (rows,).
        unit: The standard deviation of the residuals, at least `NARROWEST`.
        line: Its weights, then its bias, as means over the folds, float32 (`Slots.wide` + 1,).
    """

    values: np.ndarray
    unit: float
    line: np.ndarray

    @classmethod
    def of(
        cls,
        histories: Histories,
        slots: Slots,
        targets: np.ndarray,
        weights: np.ndarray | None,
        fold: np.ndarray,
    ) -> Self:
        """Fit the regression to targets, (rows,), with each row's weight and fold, (rows,)."""
        size, folds = slots.wide + 1, int(fold.max()) + 1
        counts, values = np.ones(len(fold)) if weights is None else weights, np.empty(len(fold))

        def blocks() -> Iterator[tuple[slice, np.ndarray]]:
            for rows in cut(len(slots.places), len(fold)):
                found = slots.summaries(histories.compact(rows), np.float64)
                learned = targets[rows].clip(-FARTHEST, FARTHEST)
                yield rows, np.column_stack([*found, np.ones(len(learned)), learned])

        # On one core: with several cores, the last bits depend on the number of cores.
        with blas().limit(limits=1):
            products = np.zeros((folds, size + 1, size + 1))
            for rows, found in blocks():
                for number in range(folds):
                    some = fold[rows] == number
                    products[number] += (found[some].T * counts[rows][some]) @ found[some]
            others = (products.sum(0) - products)[:, :size]
            ridge = PENALTIES[:, None, None, None] * np.diag(np.arange(size) < size - 1)
            lines = np.linalg.solve(others[..., :size] + ridge, others[..., size:])[..., 0]
            less = np.pad(lines, ((0, 0), (0, 0), (0, 1)), constant_values=-1)
            errors = np.einsum("pfi,fij,pfj->p", less, products, less)
        best = lines[errors.argmin()]
        for rows, found in blocks():
            values[rows] = np.einsum("rs,rs->r", found[:, :size], best[fold[rows]])
        unit = max(scale(targets - values)[1] ** 0.5, NARROWEST)
        return cls(values, unit, best.mean(0).astype(np.float32))

    def rest(self, targets: np.ndarray) -> np.ndarray:
        """Return the residuals that the members learn: float32 (rows,)."""
        return np.asarray((targets - self.values) / self.unit, np.float32)

    def taken_in(self, trained: Trained, plan: Plan) -> Trained:
        """Add the regression to the read-outs of members that were trained on the residuals."""
        kernel, bias = (self.unit * weight for weight in trained.weights[-2:])
        kernel[:, kernel.shape[1] - len(self.line) + 1 :] += self.line[:-1, None]
        bias += self.line[-1]
        pairs = zip(plan.held_out, trained.outputs, strict=True)
        outputs = [self.values[rows, None] + self.unit * rest for rows, rest in pairs]
        losses = {name: (self.unit * np.array(of)).tolist() for name, of in trained.losses.items()}
        weights = [*trained.weights[:-2], kernel, bias]
        return replace(trained, weights=weights, outputs=outputs, losses=losses)
