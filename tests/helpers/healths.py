"""What a monitoring finds, made up through the public types: no model is trained."""

from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Self

import numpy as np
import pandas as pd

from tabular_lstm.monitoring.drift import Drift, compare
from tabular_lstm.monitoring.health import (
    ChampionHealth,
    Health,
    ScoringHealth,
    health_page,
)
from tabular_lstm.monitoring.performance import Estimate
from tabular_lstm.monitoring.reference import Reference, Watch
from tabular_lstm.parameters.columns import CLASSES, NUMBER, TWO_CLASSES, Task
from tabular_lstm.parameters.hyperparameters import ReshapingOptions
from tabular_lstm.parameters.runs import MonitoringOptions
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.schema_fit import learn_schema
from tabular_lstm.rows.sequences import to_sequences

TASKS = {
    TWO_CLASSES: Task(kind=TWO_CLASSES, classes=("no", "yes")),
    CLASSES: Task(kind=CLASSES, classes=("small", "middle", "large")),
    NUMBER: Task(kind=NUMBER),
}
METRICS = {
    TWO_CLASSES: {"log_loss": 0.45, "roc_auc": 0.83},
    CLASSES: {"log_loss": 0.7, "roc_auc": 0.8},
    NUMBER: {"rmse": 41_200.0, "mae": 30_100.0},
}


def run_at(day: int, hour: int = 6) -> str:
    """The id of a run on a day of November."""
    return f"2026-11-{day:02}T{hour:02}.00.00.000Z"


def time_of(run_id: str) -> str:
    """The time that a run id is, as outputs have it."""
    return f"{run_id[:13]}:{run_id[14:16]}:{run_id[17:]}"


def people(count: int, seed: int, **names: str) -> pd.DataFrame:
    """Rows with numbers, a date and a category, some without a wage."""
    drawn = np.random.default_rng(seed)
    wage = np.exp(drawn.normal(7.5, 0.5, count)).round(2)
    wage[drawn.random(count) < 0.02] = np.nan
    rows = pd.DataFrame(
        {
            "wage": wage,
            "children": drawn.poisson(1.2, count).astype(float),
            "since": pd.Timestamp("2015-01-01")
            + pd.to_timedelta(drawn.integers(0, 3000, count), "D"),
            "region": drawn.choice(
                ["north", "south", "east", "west"], count, p=[0.4, 0.3, 0.2, 0.1]
            ),
        }
    )
    return rows.rename(columns=names)


def moved(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows whose numbers have another unit, and whose categories and dates are others."""
    rows = rows.copy()
    wage, children, since, region = rows.columns
    rows[wage] *= 100
    rows[children] += 1
    rows[since] += pd.Timedelta(days=2000)
    rows.loc[::2, region] = "abroad"
    return rows


@dataclass(frozen=True)
class Found:
    """What `page` takes, to be changed at will."""

    health: Health
    reference: Reference | None
    title: str | None = None

    def having(self, **changes: Any) -> Self:
        """The same with another health."""
        return replace(self, health=self.health.model_copy(update=changes))

    @cached_property
    def page(self) -> str:
        return health_page(self.health, self.reference, self.title)


@cache
def found(
    task: str = TWO_CLASSES,
    scorings: int = 8,
    drift_from: int | None = 5,
    labels_until: int = 6,
    rows: int = 400,
    **names: str,
) -> Found:
    """Make up scorings of a champion, and of the one that it was rolled back to in the middle.

    Args:
        task: Of the labels.
        scorings: How many.
        drift_from: The first scoring whose rows have drifted; None: no scoring.
        labels_until: So many scorings have labels.
        rows: Of each scoring.
        names: Other names of the features.
    """
    train = people(4000, 0, **names)
    schema = learn_schema(
        train,
        categorical=[train.columns[3]],
        missing={},
        reshaping=ReshapingOptions(),
        label="label",
        task=TASKS[task],
        labels=np.arange(4000.0) if task == NUMBER else None,
        dates={train.columns[2]: None},
    )
    reference = Reference.of(
        [to_sequences(train, schema)],
        predictions(4000, task, 0),
        schema,
        candidate_sha256="0" * 64,
        rows=4000,
        quarantined_rows=0,
    )
    drifted = scorings if drift_from is None else drift_from
    champions = [run_at(1), run_at(2)]
    drifts = [
        drift_of(
            schema, reference, run_at(3 + day), champions[day < scorings // 2], rows, day >= drifted
        )
        for day in range(scorings)
    ]
    usual = METRICS[task].items()
    promised = {name: around(value, 0.04) for name, value in usual}
    known = [
        ScoringHealth(
            run_id=drift.run_id,
            scored_at=time_of(drift.run_id),
            champion=drift.champion,
            scored_rows=rows,
            quarantined_rows=day % 3 * 4,
            labelled_rows=rows - 10 if day < labels_until else 0,
            moved=len(drift.moved),
            drift=drift.alarm,
            real={n: around(worse(n, v, day), 0.1) for n, v in usual} if day < labels_until else {},
        )
        for day, drift in enumerate(drifts)
    ]
    alarm = drifts[-1].alarm if drifts else None
    health = Health(
        run_id=run_at(28),
        at=time_of(run_at(28)),
        champion=champions[0],
        alarm=alarm,
        advice="retrain" if alarm else "nothing",
        command="kedro run --env patients --pipelines retraining" if alarm else None,
        scorings=known,
        champions=[
            ChampionHealth(
                run_id=run,
                promoted_at=time_of(run),
                scored_rows=rows * sum(one.champion == run for one in known),
                labelled_rows=sum(one.labelled_rows for one in known if one.champion == run),
                promised=promised,
                real={n: around(v, 0.05) for n, v in usual}
                if any(one.champion == run and one.labelled_rows for one in known)
                else {},
            )
            for run in champions
        ],
        newest=drifts[-1] if drifts else None,
        labels=sum(one.labelled_rows for one in known) + 3,
        unknown_labels=3,
    )
    return Found(health, reference)


def drift_of(
    schema: Schema, reference: Reference, run: str, champion: str, rows: int, drifted: bool
) -> Drift:
    """Compare a day's rows with the reference."""
    day = int(run[8:10])
    new = people(rows, day).set_axis([*reference.features], axis=1)
    watch = Watch(reference, schema)
    task = str(schema.task.kind)
    sequences = to_sequences(moved(new) if drifted else new, schema)
    seen = watch.count(sequences, predictions(rows, task, day, drifted))
    return compare(watch, seen, run, champion, MonitoringOptions(), quarantined=0)


def predictions(rows: int, task: str, seed: int, drifted: bool = False) -> np.ndarray:
    """What a model of the task may say of rows."""
    drawn = np.random.default_rng(seed + 100)
    if task == TWO_CLASSES:
        return drawn.beta(1, 8 if drifted else 2, rows)
    if task == CLASSES:
        return drawn.dirichlet([1, 1, 6 if drifted else 1], rows)
    middle = drawn.normal(200_000 * (1 + drifted), 60_000, rows)
    return np.column_stack([middle, middle - 80_000, middle + 80_000])


def around(value: float, share: float) -> Estimate:
    """An estimate whose interval reaches a share of the value to each side."""
    return Estimate(value=value, low=value * (1 - share), high=value * (1 + share))


def worse(metric: str, value: float, day: int) -> float:
    """A metric that gets worse day by day."""
    return value * (1 - 0.02 * day if metric == "roc_auc" else 1 + 0.04 * day)
