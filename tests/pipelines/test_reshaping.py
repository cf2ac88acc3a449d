"""From rows to a schema, and from rows and schema to sequences."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tabular_lstm.datasets.rows_to_score import RawRowsDataset
from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.parameters.hyperparameters import ReshapingOptions, TrainingOptions
from tabular_lstm.pipelines.reshaping import nodes
from tabular_lstm.pipelines.reshaping.nodes import split_features_from_label
from tabular_lstm.rows.cells import LARGEST
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.sequences import to_sequences
from tests.helpers.decisions import DATA
from tests.helpers.nodes import NO_ROWS, split_rows, validate_rows
from tests.helpers.project import Project, declare

COLUMNS = ColumnsOptions(label="sick", positive_class="yes", negative_class="no")


def rows_of(**features: list[float]) -> pd.DataFrame:
    """Rows as `split_rows` gives them, with labels 1, 0, 1, ..."""
    count = len(next(iter(features.values())))
    index = pd.RangeIndex(1, count + 1, name="row")
    return pd.DataFrame({**features, "sick": np.arange(1, count + 1) % 2}, index=index)


def learn_schema(
    rows: pd.DataFrame, columns: ColumnsOptions, reshaping: ReshapingOptions
) -> Schema:
    """Learn from rows as the node does."""
    return nodes.learn_schema(rows, NO_ROWS, DATA, columns, reshaping, TrainingOptions())


def reshape(rows: pd.DataFrame, schema: Schema) -> np.ndarray:
    """Reshape rows as the two nodes do, and give the sequences."""
    labelled = split_features_from_label(rows.assign(sick=1), schema, COLUMNS)
    return nodes.reshape(labelled).sequences


def test_weights_and_groups_of_the_rows_go_with_them() -> None:
    rows = (
        rows_of(a=[1.0, 2.0, 3.0])
        .assign(w=[1.0, 1.0, 4.0], who=["b", "a", "b"])
        .astype({"who": "str"})
    )
    columns = COLUMNS.model_copy(update={"weight": "w", "group": "who"})
    schema = learn_schema(rows, columns, ReshapingOptions())
    reshaped = nodes.reshape(split_features_from_label(rows, schema, columns))
    assert reshaped.weights is not None
    assert reshaped.weights.tolist() == [0.5, 0.5, 2.0]
    assert reshaped.groups is not None
    assert reshaped.groups.tolist() == [0, 1, 0]
    pd.testing.assert_series_equal(reshaped.labels, rows["sick"])
    alike = split_features_from_label(rows.assign(w=3.0, who=[*"xyz"]), schema, columns)
    assert alike.weights is alike.groups is None


def test_text_of_the_file_gives_the_sequences_that_training_had(tmp_path: Path) -> None:
    """The marks travel from the catalog to the schema, and are not read twice on the way."""
    # 1.234 is a category by its comma; by the marks, its text would be another.
    kinds, load_args = ["1,234", "1.234", "0,5"], {"sep": ";", "decimal": ",", "thousands": "."}
    raw = pd.DataFrame(
        {
            "income": [f"{place + 1}.476" for place in range(60)],
            "dose": [f"{place},125" for place in range(60)],
            "kind": kinds * 20,
            "sick": ["yes", "no"] * 30,
        }
    )
    raw.to_csv(tmp_path / "rows.csv", sep=";", index=False)
    dataset = RawRowsDataset(filepath=str(tmp_path / "rows.csv"), load_args=load_args)
    columns = COLUMNS.model_copy(update={"categorical": ["kind"]})
    valid, quarantined, source = validate_rows(dataset.load(), columns)
    train, _, summary = split_rows(valid, source, columns, SplitOptions())
    assert not len(quarantined)

    schema = nodes.learn_schema(
        train,
        NO_ROWS,
        summary,
        columns,
        ReshapingOptions(features_per_step=3),
        TrainingOptions(),
    )

    assert schema.marks == NumberFormat(decimal=",", thousands=".")
    assert schema.categories == {"kind": ["0.5", "1.234", "1234"]}
    sequences = reshape(valid[schema.features], schema)
    assert sequences[:3, 0].tolist() == [[1476, 0.125, 1], [2476, 1.125, 2], [3476, 2.125, 0]]
    text = pd.read_csv(tmp_path / "rows.csv", sep=";", dtype=str)
    np.testing.assert_array_equal(to_sequences(text, schema), sequences)
    numbers = pd.read_csv(tmp_path / "rows.csv", **load_args, dtype={"kind": str})
    np.testing.assert_array_equal(to_sequences(numbers, schema), sequences)


@st.composite
def frames(draw: st.DrawFn) -> tuple[pd.DataFrame, Schema]:
    """Rows of any numbers that are read, and the schema of a drawn step size."""
    count, features = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    numbers = st.floats(-LARGEST, LARGEST, width=32) | st.just(np.nan)
    values = draw(hnp.arrays(np.float64, (count, features), elements=numbers))
    rows = rows_of(**{f"f{i}": values[:, i].tolist() for i in range(features)})
    return rows, learn_schema(
        rows, COLUMNS, ReshapingOptions(features_per_step=draw(st.integers(1, 4)))
    )


@given(frames())
@settings(deadline=None)
def test_flattened_sequences_are_the_features(drawn: tuple[pd.DataFrame, Schema]) -> None:
    rows, schema = drawn
    sequences = reshape(rows, schema)
    assert sequences.dtype == np.float32
    assert sequences.shape == (len(rows), schema.steps, schema.features_per_step)
    flat = sequences.reshape(len(rows), -1)
    used = len(schema.features)
    np.testing.assert_array_equal(flat[:, :used], rows[schema.features].to_numpy(np.float32))
    assert (flat[:, used:] == 0).all()


@pytest.mark.parametrize(
    "roles",
    [
        {"dates": {"at": None}},
        {"group": "who", "key": "id", "ignore": ["at"]},
        {"time": "at", "key": "id", "ignore": ["who"]},
        {"history": {"of": "who", "order": "at"}, "key": "id"},
    ],
    ids=["dates", "group", "time", "history"],
)
def test_no_node_looks_anything_up_among_the_names_of_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, roles: dict[str, Any]
) -> None:
    """pandas keeps names that it has searched as Python strings, for as long as the rows."""
    project = Project.copied_to(tmp_path)
    numbers = np.random.default_rng(0).normal(size=(3, 400))
    rows = pd.DataFrame(
        {
            "a": numbers[0],
            "ward": np.where(numbers[1] > 0, "red", "blue"),
            "w": np.arange(400) % 3,
            "sick": np.where(numbers[0] + numbers[2] > 0, "yes", "no"),
            "who": np.arange(400) % 97,
            "at": pd.date_range("2020", periods=400).astype("str"),
            "id": np.arange(400) % 390,
        }
    )
    folder = project.path / "data/01_raw/months"
    folder.mkdir()
    for month in range(2):
        rows[month * 200 :][:200].to_csv(folder / f"{month}.csv", index=False)
    entry = {"type": "tabular_lstm.datasets.RawRowsDataset", "filepath": "data/01_raw/months"}
    (project.path / "conf/local/catalog.yml").write_text(json.dumps({"raw_rows": entry}))
    columns = {"label": "sick", "positive_class": "yes", "negative_class": "no", "weight": "w"}
    split = {"kind": "time"} if "time" in roles else {}
    declare(project, columns={**columns, "categorical": ["ward"], **roles}, split=split)
    searched = []

    def contains(names: pd.Index, name: object) -> bool:
        if names.name == "row" and len(names):
            searched.append(name)
        return bool(has(names, name))

    has = pd.Index.__contains__
    monkeypatch.setattr(pd.Index, "__contains__", contains)
    project.run("data_processing", "reshaping")
    assert searched == []
    assert project.rows("train").index.str.match(r"[01]\.csv:\d+$").all()
