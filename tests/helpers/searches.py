"""Searches whose trials are no trainings: what a trial gives is a function of what it tries."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from tabular_lstm.parameters import Network, Training, Tuning
from tabular_lstm.rows.labelled_set import LabelledSet
from tabular_lstm.tuning.search import search
from tabular_lstm.tuning.trials import Study, TrialTask
from tests.helpers.trainings import SCHEMA, rows_of

SPACE = {
    "training.learning_rate": {"low": 0.001, "high": 0.1, "log": True},
    "training.batch_size": {"choices": [8, 16, 32]},
    "network.ensemble.dimensions": {"low": 2, "high": 12},
    "network.ensemble.units": {"choices": [[4], [8, 4]]},
}
Ending = Callable[[dict[str, Any]], float]


class StoppedError(Exception):
    """A search was stopped midway."""


def ending(values: dict[str, Any]) -> float:
    """End a trial: its loss is lowest at a learning rate of 0.02."""
    rate, dimensions = values["training.learning_rate"], values[[*SPACE][2]]
    return 0.4 + abs(math.log10(rate / 0.02)) / 10 + dimensions / 1000


def searched(
    folder: Path,
    trials: int = 14,
    end: Ending = ending,
    stop_at: int | None = None,
    training: Training | None = None,
    rows: int = 40,
    at_once: int = 1,
    **tuning: Any,
) -> Study:
    """Search by trials that end as is said, or that are stopped when so many have ended.

    Of those that are under way at once the last ends first.
    """

    count = itertools.count()

    def workers(function: Any, shared: Any, parts: Iterable[Any]) -> Iterator[tuple[int, float]]:
        left = enumerate(parts)
        while under_way := [*itertools.islice(left, at_once)]:
            for place, values in reversed(under_way):
                if next(count) == stop_at:
                    raise StoppedError
                yield place, end(values)

    sequences, labels = rows_of(rows)
    train_set = LabelledSet(sequences, pd.Series(labels))
    task = TrialTask(SCHEMA, Network(), training or Training(), train_set)
    block = Tuning.model_validate({"trials": trials, "space": SPACE, **tuning})
    return search(folder / "studies.db", task, block, workers)
