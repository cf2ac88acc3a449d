"""A candidate as MLflow loads it gives what `load_champion` gives."""

import numpy as np
import pandas as pd
import pytest

from tabular_lstm import load_champion
from tabular_lstm.errors import DataError
from tabular_lstm.rows.schema import Schema, parts_of
from tabular_lstm.serving import pyfunc
from tests.helpers.champions import champion_path
from tests.helpers.project import ROOT, Project


@pytest.fixture
def rows() -> pd.DataFrame:
    frame = pd.read_csv(ROOT / "data/01_raw/rows_to_score.csv")
    return frame.set_index(frame.index + 100)


def test_it_gives_the_champion_s_probabilities_and_decisions(
    served: Project, rows: pd.DataFrame
) -> None:
    model, champion = pyfunc._load_pyfunc(str(champion_path(served))), load_champion(served.path)
    scored = model.predict(rows)
    assert np.array_equal(scored["probability"], champion.predict_proba(rows)[:, 1])
    assert np.array_equal(scored["decision"], champion.predict(rows))
    assert scored.index.equals(rows.index)


def test_a_row_is_refused_as_by_the_champion(served: Project, rows: pd.DataFrame) -> None:
    model = pyfunc._load_pyfunc(str(champion_path(served)))
    with pytest.raises(DataError, match="no column 'glucose'"):
        model.predict(rows.drop(columns="glucose"))


def test_the_example_is_made_up_and_can_be_scored(served: Project) -> None:
    champion = pyfunc.read(champion_path(served))
    example = pyfunc.example(champion.schema)
    assert [*example.columns] == champion.schema.features
    assert len(pyfunc.Model(champion).predict(example)) == 1


def test_the_example_of_a_category_is_one_that_was_seen() -> None:
    schema = Schema(
        features=["sex", "age"],
        steps=1,
        features_per_step=2,
        categories={"sex": ["f", "m"]},
        missing={},
        mean=[0, 40.5],
        variance=[1, 1],
        label="y",
        positive_class=1,
        negative_class=0,
    )
    assert pyfunc.example(schema).to_dict("records") == [{"sex": "f", "age": 40.5}]


def test_the_example_of_a_date_is_a_day() -> None:
    parts = parts_of("visit")
    schema = Schema(
        features=parts,
        steps=3,
        features_per_step=2,
        dates={"visit": None},
        missing={},
        mean=[20762.3, 0, 0, 0, 0],
        variance=[1] * 5,
        label="y",
        positive_class=1,
        negative_class=0,
    )
    assert pyfunc.example(schema).to_dict("records") == [{"visit": pd.Timestamp("2026-11-05")}]
    far = schema.model_copy(update={"mean": [2_900_000.0, *schema.mean[1:]]})  # in the year 9909
    assert str(pyfunc.example(far)["visit"].iloc[0].year) == "9909"
