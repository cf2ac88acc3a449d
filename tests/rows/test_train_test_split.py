"""A row is on the side that the network's view of it says, whatever its file writes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular_lstm.errors import DataError
from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.parameters.hyperparameters import ReshapingOptions
from tabular_lstm.rows.cells import LARGEST
from tabular_lstm.rows.schema_fit import fit_schema
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.rows.train_test_split import in_test, with_boundary
from tabular_lstm.rows.validation import read_rows
from tabular_lstm.task import Task

COLUMNS = ColumnsOptions(
    label="y",
    positive_class=1,
    negative_class=0,
    categorical=["color"],
    missing={"dose": [0, -9.1, "none taken"], "color": ["?", 0]},
)
CODES = ["0", "-0.0", "0e3", "-9.1", "-9.10"]
NUMBERS = st.one_of(
    st.sampled_from(["", "NA", *CODES, "-1", "1e-60"]),
    st.sampled_from(["0.1", "0.10000000149011612", "16777216", "16777217"]),
    st.floats(-LARGEST, LARGEST, width=32).map(repr),
    st.floats(-1e9, 1e9).map(repr),
)
WORDS = st.sampled_from(["", "NA", "?", "0", "red", " red", "Red", "1", "1.0", "007"])
ROWS = st.lists(st.tuples(NUMBERS, NUMBERS, WORDS), min_size=2, max_size=30)
FEW = settings(max_examples=30)


def read(doses: list[str], columns: ColumnsOptions = COLUMNS, **others: list[str]) -> pd.DataFrame:
    """Rows as validation gives them, of text cells."""
    cells = {"dose": doses, **others}
    raw = pd.DataFrame({**cells, "y": ["1"] * len(doses)}, dtype="str")
    names = [name for name in columns.categorical if name in cells]
    missing = {name: codes for name, codes in columns.missing.items() if name in cells}
    declared = columns.model_copy(update={"categorical": names, "missing": missing})
    read = read_rows([raw], declared, "rows.csv")
    rows, quarantined = read.valid, read.quarantined
    assert quarantined.empty
    return rows


@FEW
@given(cells=ROWS, salt=st.sampled_from("abcdefgh"))
def test_rows_that_are_equal_to_the_network_are_on_one_side(
    cells: list[tuple[str, str, str]], salt: str
) -> None:
    doses, ages, colors = (list(column) for column in zip(*cells, strict=True))
    rows = read(doses, age=ages, color=colors)
    is_test = in_test(rows, COLUMNS, SplitOptions(test_fraction=0.5, salt=salt))
    features = rows.drop(columns="y")
    if is_test.all():
        return
    schema = fit_schema(
        features[~is_test],
        COLUMNS,
        reshaping=ReshapingOptions(),
        label="y",
        task=Task.of_classes((0, 1)),
    )
    # The network cannot tell -0.0 from 0.
    seen = [row.tobytes() for row in to_sequences(features, schema) + np.float32(0)]
    train = {row for row, test in zip(seen, is_test, strict=True) if not test}
    assert train.isdisjoint(row for row, test in zip(seen, is_test, strict=True) if test)


# By group and by time

GROUPED = ColumnsOptions(label="y", positive_class=1, negative_class=0, key="id", group="patient")
TIMED = ColumnsOptions(label="y", positive_class=1, negative_class=0, time="day")
GROUPS = st.lists(st.sampled_from("abcdefgh") | st.integers(0, 9).map(str), min_size=1, max_size=40)
DAYS = st.lists(st.integers(1, 28).map(lambda day: f"2026-02-{day:02}"), min_size=2, max_size=40)


def grouped(groups: list[str], first: int = 0) -> pd.DataFrame:
    """Rows of these groups, each with a key and a dose of its own."""
    keys = [f"K{first + place}" for place in range(len(groups))]
    doses = [str(first + place) for place in range(len(groups))]
    return read(doses, GROUPED, id=keys, patient=groups)


def test_a_group_is_one_however_its_number_is_written() -> None:
    spelt = [f"{number}{end}" for number in range(40) for end in ("", ".0", " ")]
    sides = in_test(grouped(spelt), GROUPED, SplitOptions(test_fraction=0.5)).reshape(-1, 3)
    assert (sides == sides[:, :1]).all()
    assert 0 < sides[:, 0].sum() < 40


@FEW
@given(GROUPS, st.sampled_from("abcdefgh"), st.data())
def test_no_group_is_on_two_sides_whatever_other_rows_there_are(
    groups: list[str], salt: str, data: st.DataObject
) -> None:
    split = SplitOptions(test_fraction=0.5, salt=salt)
    side = dict(zip(groups, in_test(grouped(groups), GROUPED, split), strict=True))
    order = data.draw(st.permutations(groups + data.draw(GROUPS)))
    later = in_test(grouped(order, first=1000), GROUPED, split)
    for group, is_test in zip(order, later, strict=True):
        assert side.setdefault(group, is_test) == is_test


def timed(days: list[str]) -> pd.DataFrame:
    return read([str(place) for place in range(len(days))], TIMED, day=days)


@FEW
@given(DAYS, st.floats(0.05, 0.95))
def test_no_test_row_is_older_than_a_train_row(days: list[str], share: float) -> None:
    rows, split = timed(days), SplitOptions(kind="time", test_fraction=share)
    if len(set(days)) == 1:
        with pytest.raises(DataError, match=f"all {len(days)} rows have the same one"):
            with_boundary(rows, TIMED, split)
        return
    is_test = in_test(rows, TIMED, with_boundary(rows, TIMED, split))
    assert 0 < is_test.sum() < len(days)
    assert rows["day"][~is_test].max() < rows["day"][is_test].min()


@FEW
@given(DAYS, DAYS, st.integers(1, 28), st.data())
def test_with_from_sides_depend_on_no_other_row_and_on_no_order(
    days: list[str], others: list[str], first: int, data: st.DataObject
) -> None:
    split = SplitOptions(kind="time", from_=f"2026-02-{first:02}")
    for some in (days, data.draw(st.permutations(days + others))):
        rows = timed(some)
        is_test = in_test(rows, TIMED, with_boundary(rows, TIMED, split, in_force="2026-02-14"))
        assert is_test.tolist() == [day >= split.from_ for day in some]


def test_a_boundary_in_force_stays_where_newer_rows_come() -> None:
    rows, split = timed([f"2026-02-{day:02}" for day in range(1, 29)]), SplitOptions(kind="time")
    assert with_boundary(rows, TIMED, split).from_ == "2026-02-23"
    assert with_boundary(rows, TIMED, split, "2026-02-03").from_ == "2026-02-03"
    # Unless the column holds something else now.
    assert with_boundary(rows, TIMED, split, 3).from_ == "2026-02-23"
    with pytest.raises(DataError, match=r"split.from = 20260201: column 'day' holds dates"):
        with_boundary(rows, TIMED, SplitOptions(kind="time", from_=20260201), "2026-02-03")
    with pytest.raises(DataError, match="column 'day' holds numbers, such as 1"):
        with_boundary(timed(["1", "2"]), TIMED, SplitOptions(kind="time", from_="2026-02-01"))
