"""What is recorded of each feature: the numbers of all valid rows, in bounded space."""

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.parameters import Reshaping
from tabular_lstm.rows.data_summary import FEATURES, LETTERS, FeatureSummary, summarize_features
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.schema_fit import learn_schema


def schema_for(rows: pd.DataFrame, **roles: object) -> Schema:
    given = {"categorical": [], "missing": {}, "reshaping": Reshaping(allow_padding=True)}
    return learn_schema(rows, label="y", classes=(0, 1), **(given | roles))


def test_numbers_dates_and_categories_of_both_sides() -> None:
    rows = pd.DataFrame(
        {
            "age": [10.0, 20.0, 30.0, 0.0],
            "still": [7.0, 7.0, 7.0, 7.0],
            "nothing": [np.nan] * 4,
            "day": ["1970-01-02", "1970-01-04", None, "1970-01-03"],
            "town": ["Rome", "Rome", "Oslo", None],
        }
    )
    dates = {"day": None}
    schema = schema_for(rows, categorical=["town"], missing={"age": [0]}, dates=dates)
    summaries = summarize_features(rows.iloc[:2], rows.iloc[2:], schema)
    age, day = summaries["age"], summaries["day"]
    assert (age.kind, age.missing) == ("number", 0.25)
    assert (age.mean, age.deviation) == (20, pytest.approx(8.165, abs=0.001))
    assert (day.kind, day.missing, day.mean) == ("date", 0.25, 2)
    assert summaries["still"] == FeatureSummary(kind="number", missing=0, mean=7, deviation=0)
    assert summaries["nothing"] == FeatureSummary(kind="number", missing=1)
    assert summaries["town"] == FeatureSummary(
        kind="category", missing=0.25, levels={"Rome": 0.5, "Oslo": 0.25}, distinct=2
    )
    assert summaries["town"].knows_all_levels
    # Whatever the order of the rows.
    assert summarize_features(rows.iloc[2:], rows.iloc[:2], schema) == summaries


def test_of_many_long_levels_the_commonest_are_kept_and_shortened() -> None:
    towns = [f"{number:02d}" + "x" * 100 for number in range(40) for _ in range(number + 1)]
    rows = pd.DataFrame({"town": towns})
    town = summarize_features(rows, rows, schema_for(rows, categorical=["town"]))["town"]
    assert len(town.levels) == 20
    assert town.distinct == 40
    assert not town.knows_all_levels
    assert next(iter(town.levels)) == ("39" + "x" * 100)[: LETTERS - 1] + "…"


def test_no_table_makes_the_record_large() -> None:
    letters = [f"{row}" + "long " * 20 for row in range(50)]
    rows = pd.DataFrame({f"feature {number}": letters for number in range(FEATURES + 5)})
    summaries = summarize_features(rows, rows, schema_for(rows, categorical=list(rows)))
    assert len(summaries) == FEATURES
    assert sum(len(of.model_dump_json()) for of in summaries.values()) < 200_000
