"""A search: what is tried on which rows, how its study is known again, when a trial is given up.

A study belongs to what it was made on. Other rows, another space, other fixed parameters or other
code make another study.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np

from tabular_lstm.code import code_sha256
from tabular_lstm.engine import Workers
from tabular_lstm.errors import DataError
from tabular_lstm.network.plan import batch_size, epochs, patience_of
from tabular_lstm.parameters import Tuning, values_of, without
from tabular_lstm.rows.schema import fingerprint
from tabular_lstm.tuning.trials import Outcome, TrialTask

# Complete trials before one is given up.
COMPLETE_BEFORE = 5


@dataclass(frozen=True)
class Search:
    """What is to be tried: a tuning's parameters, on rows, by workers."""

    task: TrialTask
    tuning: Tuning
    workers: Workers

    @property
    def present(self) -> dict[str, Any]:
        """The values of the tuned parameters that are in force."""
        return values_of(self.task.network, self.task.training, self.tuning.space)

    @property
    def present_in_numbers(self) -> dict[str, Any]:
        """The same, where one that is left open is what a training takes for it."""
        rows, features = len(self.task.labels), self.task.sequences[0].size
        at_most = self.task.training.epochs or epochs(rows, features)
        open_ = {
            "training.batch_size": batch_size(rows),
            "training.epochs": at_most,
            "training.patience": patience_of(at_most),
        }
        return {n: open_.get(n) if v is None else v for n, v in self.present.items()}

    def name(self) -> str:
        """Name the study: 16 digits of a SHA-256 of all that its trials depend on."""
        task = self.task
        groups = None if task.groups is None else task.groups.astype("<i8").tobytes()
        made_of = [
            fingerprint(task.sequences, task.labels, task.weights),
            None if groups is None else hashlib.sha256(groups).hexdigest(),
            task.schema.model_dump(mode="json"),
            without(task.network, task.training, self.tuning.space),
            self.tuning.model_dump(mode="json", exclude={"trials", "adopt"}),
            version("optuna"),
            code_sha256(),
        ]
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]

    def limit(self, ended: Sequence[Outcome]) -> float:
        """Give the loss above which a trial is given up where it no longer falls.

        The median over the complete trials, of what they ended with. Not of what they had at the
        same epoch, as in Optuna's median pruner: a low learning rate is behind for long, and may
        end ahead (docs/tuning.md has the numbers). None is given up whose members are trained in
        groups: the folds of one group may be harder than all folds are.
        """
        losses = [outcome.losses[-1] for outcome in ended if outcome.end == "complete"]
        in_one_piece = min(self.task.training.groups, self.task.network.ensemble.count) == 1
        enough = self.tuning.prune and in_one_piece and len(losses) >= COMPLETE_BEFORE
        return float(np.median(losses)) if enough else np.inf


def refuse_without_optuna() -> None:
    """Stop where the extra is not installed.

    Raises:
        DataError: Says how to install it.
    """
    if find_spec("optuna") is None:
        raise DataError(
            "The pipeline tuning takes the package optuna, which is not installed. Install the "
            "extra: pip install 'tabular-lstm[tuning]'."
        )
