"""A label of each task: which cells are read, what is said of others, and which rows suffice."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.parameters.hyperparameters import ReshapingOptions, TrainingOptions
from tabular_lstm.pipelines.reshaping.nodes import learn_schema
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.labels import are_unlabelled, read_label_cells
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.validation import read_rows
from tabular_lstm.task import Value
from tests.helpers.nodes import NO_ROWS, split_rows, validate_rows
from tests.helpers.raw_rows import of_frame

ROWS = 400
CLASSES = ["bus", "Zoë", 3, "007"]


def columns_of(**roles: Any) -> ColumnsOptions:
    return ColumnsOptions(label="y", **roles)


def table(labels: Any) -> pd.DataFrame:
    """Rows of text, each with two numbers that say nothing."""
    rng, count = np.random.default_rng(0), len(labels)
    rows = pd.DataFrame({"a": rng.normal(size=count), "b": rng.normal(size=count), "y": labels})
    return rows.astype("str").set_index(pd.RangeIndex(1, count + 1, name="row"))


def split(labels: Any, columns: ColumnsOptions, **blocks: Any) -> tuple[pd.DataFrame, DataSummary]:
    """Give train rows and data summary."""
    valid, _, source = validate_rows(of_frame(table(labels)), columns)
    train, _, summary = split_rows(valid, source, columns, SplitOptions(**blocks))
    return train, summary


def drawn(*values: str) -> np.ndarray:
    return np.random.default_rng(1).choice([*values], ROWS).astype(object)


def test_a_class_is_read_as_a_number_or_a_text_and_nothing_else_is_one() -> None:
    cells = [*("bus", " bus ", "3", "3.0", "3e0", "007"), "Zoe\u0308", "BUS", "b us", "7", "van"]
    cells += ["", "NA"]
    read = read_rows([table(cells)], columns_of(classes=CLASSES), "rows.csv")
    assert read.valid["y"].tolist() == [0, 0, 2, 2, 2, 3]
    assert read.valid["y"].dtype == np.int64
    assert read.source.unlabelled_rows == 2
    assert read.quarantined["reason"].tolist() == [
        f"y: '{value}' is neither 'bus', 'Zoë', 3 nor '007'"
        for value in ("Zoe\u0308", "BUS", "b us", "7", "van")
    ]
    # Of many classes a reason names some.
    columns = columns_of(classes=[f"c{number}" for number in range(40)])
    (reason,) = read_rows([table(["c1", "d"])], columns, "rows.csv").quarantined["reason"]
    assert reason == "y: 'd' is neither 'c0', 'c1', 'c2', 'c3', 'c4' nor one of 35 others"


def test_a_number_is_read_as_a_feature_is() -> None:
    cells = ["1.234,5", "-2", "12 kg", "1e40", "-9", "inf", "nan"]
    columns = columns_of(task="number", bounds={"y": (-5, None)})
    german = NumberFormat(decimal=",", thousands=".")
    read = read_rows([table(cells)[["y"]].assign(a="1")], columns, "rows.csv", german)
    assert read.valid["y"].tolist() == [1234.5, -2]
    assert read.source.unlabelled_rows == 1
    assert read.quarantined["reason"].tolist() == [
        "y: '12 kg' is not a number",
        "y: 1e40 is infinite or beyond 1e+30 in size",
        "y: -9 is outside [-5, inf)",
        "y: inf is infinite or beyond 1e+30 in size",
    ]


def test_a_class_is_needed_on_the_train_side_and_not_on_the_test_side() -> None:
    with pytest.raises(
        DataError, match=r"on the train side 0 rows with y = 'van'; .* taken out of"
    ):
        split(drawn("bus", "car"), columns_of(classes=["bus", "car", "van"]))
    common = drawn("bus", "car")
    train, summary = split(common, columns_of(positive_class="bus", negative_class="car"))
    assert summary.label_share is not None
    assert summary.label is None
    # Whatever a row's label is, it stays on its side.
    of_train, columns = train.index.to_numpy() - 1, columns_of(classes=["bus", "car", "van"])
    split(np.where(np.isin(np.arange(ROWS), of_train[:3]), "van", common), columns)
    lone, of_test = np.arange(ROWS) == of_train[0], [*{*range(ROWS)} - {*of_train}][:2]
    with pytest.raises(DataError, match="on the train side 1 row with y = 'van'; expected at"):
        split(np.where(lone, "van", common), columns)
    lone[of_test] = True
    two = columns_of(positive_class="bus", negative_class="van")
    with pytest.raises(DataError, match=r"1 row with y = 'van'; expected at least 2\. Add some"):
        split(np.where(lone, "van", "bus"), two)


def test_the_summary_of_classes_and_of_a_number_says_what_the_labels_are() -> None:
    labels = drawn("bus", "car", "car", "van")
    _, summary = split(labels, columns_of(classes=["bus", "car", "van"]))
    assert summary.label_share is None
    assert summary.label is not None
    assert summary.label.levels == {
        name: pytest.approx(np.mean(labels == name), abs=1e-4) for name in ("bus", "car", "van")
    }
    assert summary.split["classes"] == ["bus", "car", "van"]
    assert summary.task.classes == ("bus", "car", "van")
    prices = np.random.default_rng(2).normal(50, 9, ROWS).round(2)
    prices[0] = 1e9
    train, summary = split(prices, columns_of(task="number"))
    assert summary.label is not None
    assert summary.label.mean == pytest.approx(50, abs=2)
    assert summary.label.deviation == pytest.approx(9, abs=1)
    assert summary.split["task"] == "number"
    assert DataSummary.model_validate_json(summary.model_dump_json()) == summary
    schema = learn_schema(
        train, NO_ROWS, summary, columns_of(task="number"), ReshapingOptions(), TrainingOptions()
    )
    assert schema.target is not None
    assert schema.target.deviation == pytest.approx(9, abs=1)


def test_a_constant_number_is_refused() -> None:
    with pytest.raises(DataError, match=r"all \d+ labels of the train side are 3; expected"):
        split(np.full(ROWS, 3.0), columns_of(task="number"))
    with pytest.raises(
        DataError, match=r"too few rows to split: on the test side 0 rows; expected"
    ):
        split([1.0, 2.0], columns_of(task="number"), test_fraction=0.01)


# Two classes

NEITHER = {("2", 1, 0): "1 nor 0", ("yes", 1, 0): "1 nor 0", ("Yes", "yes", "no"): "'yes' nor 'no'"}
NEITHER[("1.0", "1", "2")] = "'1' nor '2'"


@pytest.mark.parametrize(
    ("text", "positive", "negative", "value"),
    [
        *((text, 1, 0, 1.0) for text in ("1", "1.0", " 1 ", "1.", "01", "1e0")),
        ("0", 1, 0, 0.0),
        ("1", 2, 1, 0.0),
        ("0.5", 0.5, -0.5, 1.0),
        ("yes", "yes", "no", 1.0),
        (" no ", "yes", "no", 0.0),
        ("1", "1", "2", 1.0),
        ("none", "severe", "none", 0.0),  # called as what is missing
        *((*cell, None) for cell in NEITHER),
    ],
)
def test_the_positive_class_is_1_and_the_other_0_and_any_other_a_problem(
    text: str, positive: Value, negative: Value, value: float | None
) -> None:
    columns = columns_of(positive_class=positive, negative_class=negative)
    values, problems = read_label_cells(pd.Series([text], name="y"), columns, POINT)
    if value is None:
        assert problems == {0: f"'{text}' is neither {NEITHER[text, positive, negative]}"}
    else:
        assert (values[0], problems) == (value, {})


@pytest.mark.parametrize("text", ["", "  ", "NA", "null"])
@pytest.mark.parametrize("classes", [(1, 0), ("yes", "no"), ("yes", "Null"), ("severe", "none")])
def test_a_row_without_label_is_known(text: str, classes: tuple[Value, Value]) -> None:
    columns = columns_of(positive_class=classes[0], negative_class=classes[1])
    unlabelled = are_unlabelled(pd.Series(["yes", text, 1, text.upper(), None, "none"]), columns)
    expected = [False, True, False, True, True, classes[1] != "none"]
    assert unlabelled.tolist() == expected
