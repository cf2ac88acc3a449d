"""What a retraining reads: nothing twice."""

import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pandas as pd
import pytest
import tensorflow as tf

from tabular_lstm.network import keras_file
from tabular_lstm.pipelines import retraining
from tabular_lstm.rows import raw_rows
from tabular_lstm.serving import artifact
from tests.helpers.champions import log_of
from tests.helpers.project import Project

MOST_DATASETS = 35
OPENED: Counter[str] = Counter()


def count_opened(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str):
        OPENED[os.path.basename(arguments[0])] += 1


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count which files are loaded as networks and tables, or parsed as CSV."""
    counted: Counter[str] = Counter()

    def counting(load: Callable[..., Any]) -> Callable[..., Any]:
        def counted_load(path: Any, *arguments: Any, **options: Any) -> Any:
            counted[Path(str(getattr(path, "path", path))).name] += 1
            return load(path, *arguments, **options)

        return counted_load

    read = keras_file.read_keras_file

    def counted_read(content: bytes, file: str) -> Any:
        counted[Path(file).name] += 1
        return read(content, file)

    assert tf.keras.models is keras.models
    for module in (keras.saving, keras.models):
        monkeypatch.setattr(module, "load_model", counting(module.load_model))
    monkeypatch.setattr(artifact, "read_keras_file", counted_read)
    monkeypatch.setattr(pd, "read_parquet", counting(pd.read_parquet))
    parse = raw_rows.stream_cells

    def counted_parse(content: Any, file: str, *rest: Any) -> Any:
        counted[Path(file).name] += 1
        return parse(content, file, *rest)

    monkeypatch.setattr(raw_rows, "stream_cells", counted_parse)
    return counted


def test_a_retraining_has_few_datasets() -> None:
    """One for each entry of the catalog, of whatever types; parameters do not count."""
    names = {name.partition("@")[0] for name in retraining.create_pipeline().datasets()}
    datasets = sorted(name for name in names if not name.startswith("params:"))
    assert len(datasets) <= MOST_DATASETS, datasets


def networks(loads: Counter[str]) -> int:
    """How many networks were loaded, from files of whatever name."""
    return sum(count for name, count in loads.items() if name.endswith(".keras"))


@pytest.mark.long
def test_a_retraining_reads_no_file_twice(served: Project, loads: Counter[str]) -> None:
    sys.addaudithook(count_opened)  # it stays for as long as the process
    OPENED.clear()
    served.run("retraining", training={"seed": 5})
    assert [entry["action"] for entry in log_of(served)] == ["promoted", "promoted"]
    # For its hash, its header, before a run and in it, and its rows.
    assert OPENED[served.raw.name] == 4
    assert loads[served.raw.name] == 1
    # The candidate, and the champion that it is compared with.
    assert networks(loads) == 2
    assert not {name for name in loads if name.endswith(".parquet")}
