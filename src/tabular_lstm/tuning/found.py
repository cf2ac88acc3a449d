"""What a study found: its trials, the best of them, and the lines of conf that adopt it."""

from collections.abc import Iterator
from typing import Any, Self

import yaml
from pydantic import model_validator

from tabular_lstm.errors import DataError
from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.names import METRICS
from tabular_lstm.parameters import TUNABLE, Network, Training, Tuning, values_of, with_values
from tabular_lstm.tuning.trials import Outcome

# Complete trials before importances are more than noise.
ENOUGH = 10
LOSS = f"out-of-fold {METRICS['log_loss']}"


class Trial(Outcome):
    """A trial that has ended.

    Attributes:
        number: Its place among those that have ended, from 1.
        values: Of the tuned parameters, by name.
        numbers: The same, as far as the space has them; one that was left open is what the
            training took for it.
    """

    number: int
    values: dict[str, Any]
    numbers: dict[str, Any]

    @model_validator(mode="after")
    def _possible(self) -> Self:
        """Refuse what no tuning tried, as in a file that somebody changed."""
        if strange := self.values.keys() - TUNABLE.keys():
            raise ValueError(f"{', '.join(sorted(strange))}: cannot be tuned")
        with_values(Network(), Training(), self.values)
        return self


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


class Measured(Frozen):
    """Values of the tuned parameters, and how good they are.

    Attributes:
        trial: Its number in the study.
        log_loss: Out-of-fold, calibrated.
        values: By name.
    """

    trial: int
    log_loss: float
    values: dict[str, Any]


class BestParameters(Frozen):
    """What a tuning found.

    Attributes:
        run_id: Of the run.
        study: Its name.
        trials: That have ended.
        pruned: Of them, given up early.
        diverged: Of them, those with a loss that was not finite.
        present: With the parameters in force.
        best: With the lowest log loss; the present ones where no other are better.
        network: The block `network` with the best values.
        training: Likewise.
    """

    run_id: str
    study: str
    trials: int
    pruned: int
    diverged: int
    present: Measured
    best: Measured
    network: Network
    training: Training

    @property
    def better(self) -> bool:
        """Whether any are better than the present ones."""
        return self.best.log_loss < self.present.log_loss

    def sentence(self) -> str:
        """Say how much better, and what that is worth."""
        early = f", {self.pruned} of them given up early," if self.pruned else ""
        if not self.better:
            return (
                f"None of {self.trials} trials{early} was better than the present parameters: "
                f"{LOSS} {self.present.log_loss:.4f}"
            )
        gain = round(self.present.log_loss, 4) - round(self.best.log_loss, 4)
        return (
            f"The best of {self.trials} trials{early} is number {self.best.trial}: "
            f"{LOSS} {self.best.log_loss:.4f}, with the present parameters "
            f"{self.present.log_loss:.4f}, {gain:.4f} more. The best of many is partly luck on "
            "these rows; how good it is, a retraining measures on test rows"
        )

    def conf(self) -> str:
        """Write the two blocks for conf, whole, since an environment's block replaces the other."""
        blocks = {
            "network": self.network.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json"),
        }
        return in_conf(blocks)


def best_of(
    study: Study, network: Network, training: Training, tuning: Tuning, run_id: str
) -> BestParameters:
    """Take the best trial, and the one that has the parameters in force.

    Raises:
        DataError: The study, an earlier run's, has no such trial.
    """
    values = values_of(network, training, tuning.space)
    present = next((trial for trial in study.complete if trial.values == values), None)
    if present is None:
        raise DataError(
            f"{study.file}: no trial has the present parameters. Run the whole: kedro run "
            "--pipelines tuning."
        )
    best = min((present, study.best), key=_log_loss)
    blocks = with_values(network, training, best.values)
    ends = [trial.end for trial in study.trials]
    return BestParameters(
        run_id=run_id,
        study=study.name,
        trials=len(ends),
        pruned=ends.count("pruned"),
        diverged=ends.count("diverged"),
        present=_measured(present),
        best=_measured(best),
        network=blocks[0],
        training=blocks[1],
    )


def _measured(trial: Trial) -> Measured:
    return Measured(trial=trial.number, log_loss=_log_loss(trial), values=trial.values)


def in_conf(blocks: dict[str, Any]) -> str:
    """Write blocks as conf has them, a value a line."""
    return "\n".join(_lines(blocks))


def in_yaml(value: Any) -> str:
    """Write a value as it stands behind its name in conf."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=float("inf"))
    return text.removesuffix("...\n").strip()


def _lines(block: dict[str, Any], indent: str = "") -> Iterator[str]:
    for name, value in block.items():
        if isinstance(value, dict):
            yield f"{indent}{name}:"
            yield from _lines(value, f"{indent}  ")
        else:
            yield f"{indent}{name}: {in_yaml(value)}"
