"""What a study found: its trials, the best of them, and the lines of conf that adopt it."""

from typing import Any

import yaml

from tabular_lstm.frozen import Frozen
from tabular_lstm.parameters import Network, Training, with_values
from tabular_lstm.tuning.trials import Outcome


class Trial(Outcome):
    """A trial that has ended.

    Attributes:
        number: Its place among those that have ended, from 1.
        values: Of the tuned parameters, by name.
    """

    number: int
    values: dict[str, Any]


class Study(Frozen):
    """The trials of a study that have ended.

    Attributes:
        name: Of the study, and of its file.
        file: Where it is.
        trials: In the order in which they began.
        importances: For each parameter its share of how the loss varies, the largest first; none
            where too few trials are complete.
    """

    name: str
    file: str
    trials: list[Trial]
    importances: dict[str, float]

    @property
    def complete(self) -> list[Trial]:
        """Those with an out-of-fold log loss."""
        return [trial for trial in self.trials if trial.log_loss is not None]

    @property
    def best(self) -> Trial:
        """The one with the lowest log loss, and of equal ones the first."""
        return min(self.complete, key=_log_loss)


def _log_loss(trial: Trial) -> float:
    return float("inf") if trial.log_loss is None else trial.log_loss
