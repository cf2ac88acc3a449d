"""Tables of customers over time, and the pipelines' nodes over them."""

from typing import Any

import numpy as np
import pandas as pd
from kedro.pipeline import Pipeline

from tabular_lstm.engine import Engine
from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.parameters.hyperparameters import (
    EvaluationOptions,
    NetworkOptions,
    ReshapingOptions,
    TrainingOptions,
    ValidationOptions,
)
from tabular_lstm.parameters.runs import EngineOptions
from tabular_lstm.pipelines import data_processing, reshaping, training
from tabular_lstm.rows.histories import Histories
from tests.helpers.decisions import PROVENANCE
from tests.helpers.project import TINY
from tests.helpers.raw_rows import of_frame

DAY = 86_400_000_000
START = np.datetime64("2026-01-01", "us")
TO_SETS = data_processing.create_pipeline() + reshaping.create_pipeline()
TO_CANDIDATE = TO_SETS + training.create_pipeline()


def run(pipeline: Pipeline, given: dict[str, Any]) -> dict[str, Any]:
    """Run the nodes, but for those whose outputs are given, and give all that there is then."""
    values = {**given, "engine": Engine(EngineOptions()), "provenance": PROVENANCE}
    for node in pipeline.nodes:
        if not {*values}.issuperset(node.outputs):
            values |= node.run({name: values[name] for name in node.inputs})
    return values


def conf_of(
    columns: ColumnsOptions, split: SplitOptions, units: tuple[int, ...] = (4,)
) -> dict[str, Any]:
    """Give the parameters, of small networks that train for a moment."""
    network = {"ensemble": {**TINY["network"]["ensemble"], "units": units}}
    blocks = {
        "columns": columns,
        "split": split,
        "evaluation": EvaluationOptions(),
        "validation": ValidationOptions(max_quarantined_fraction=0.9),
        "reshaping": ReshapingOptions(),
        "network": NetworkOptions.model_validate(network),
        "training": TrainingOptions.model_validate(TINY["training"]),
    }
    return {f"params:{name}": block for name, block in blocks.items()}


def raw_of(cells: pd.DataFrame, *names: str) -> dict[str, Any]:
    """Give cells as the raw rows, numbered from 1, of a file or of a folder's files."""
    text = cells.astype(object).where(cells.notna(), "").astype("str")
    if not names:
        text = text.set_index(pd.RangeIndex(1, len(text) + 1, name="row"))
    return {"raw_rows": of_frame(text, names)}


def written(moments: pd.Series, dates: bool, form: str | None = None) -> pd.Series:
    """Write moments, microseconds or numbers, as a column has them."""
    if not dates:
        return moments.map(repr)
    times = pd.Series(START + moments.to_numpy().astype("m8[us]"), moments.index)
    return times.map(str) if form is None else times.dt.strftime(form)


def history_of(made: dict[str, Any], row: Any) -> Histories:
    """Give the history of one example, by its row."""
    for side in ("train_set", "test_set"):
        of_side = made[side]
        place = np.flatnonzero(of_side.labels.index == row)
        if len(place):
            return of_side.sequences[place]
    raise KeyError(row)


def bits(history: Histories) -> bytes:
    """Give what the network reads, with its shape."""
    dense = history.dense()
    return repr(dense.shape).encode() + dense.tobytes()
