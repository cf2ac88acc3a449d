"""No row disappears, no row changes sides, and the nodes leave their inputs alone."""

import hashlib
import logging
import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tabular_lstm.datasets import RawRowsDataset
from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Columns, Split, Validation
from tabular_lstm.rows.cells import LARGEST, is_missing
from tabular_lstm.rows.data_summary import Source
from tabular_lstm.rows.raw_rows import RawRows
from tabular_lstm.rows.table_rows import TableRows
from tests.helpers.nodes import accept_rows, split_rows, validate_rows
from tests.helpers.raw_rows import of_frame

NAMES = ["a", "b", "c", "y"]
COLUMNS = Columns(label="y", positive_class=1, negative_class=0)
KEYED = Columns(label="y", positive_class=1, negative_class=0, key="a")
CATEGORICAL = Columns(label="y", positive_class=1, negative_class=0, categorical=["b", "c"])
SOURCE = Source(file="rows.csv", sha256="0" * 64, rows=100)

Row = tuple[str, ...]

# To shrink a failing example takes minutes here, and the examples are small as they come.
properties = settings(
    deadline=None, max_examples=50, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)


def cells(rows: Sequence[Row], names: Sequence[str] = NAMES) -> pd.DataFrame:
    index = pd.RangeIndex(1, len(rows) + 1, name="row")
    return pd.DataFrame(list(rows), index=index, columns=list(names), dtype="str")


def raw(rows: Sequence[Row], names: Sequence[str] = NAMES) -> RawRows:
    return of_frame(cells(rows, names))


def valid(rows: Sequence[Row], columns: Columns = COLUMNS) -> pd.DataFrame:
    return validate_rows(raw(rows), columns)[0]


# validate_rows

ROWS = [("1", "2.5", "0", "1"), ("", "NA", "-3e2", "0"), ("4", "5", "6", "1.0")]


def test_bad_rows_are_set_aside_with_number_reasons_and_cells() -> None:
    columns = Columns(label="y", positive_class=1, negative_class=0, bounds={"b": (0, 9)})
    bad = [("x", "10", " 3 ", "2"), ("1", "2", "inf", "0")]
    rows, quarantined, _ = validate_rows(raw([ROWS[0], bad[0], ROWS[2], bad[1]]), columns)
    assert rows.index.tolist() == [1, 3]
    assert quarantined.columns.tolist() == ["row", "reason", *NAMES]
    assert quarantined["row"].tolist() == [2, 4]
    assert quarantined["reason"].tolist() == [
        "a: 'x' is not a number; b: 10 is outside [0, 9]; y: '2' is neither 1 nor 0",
        "c: inf is infinite or beyond 1e+30 in size",
    ]
    assert quarantined[NAMES].to_numpy().tolist() == [list(row) for row in bad]


@pytest.mark.parametrize(
    ("columns", "facts"),
    [
        ({"label": "diabetes"}, ("'diabetes'", "a, b, c, y")),
        ({"key": "patient"}, ("'patient'", "a, b, c, y")),
        ({"features": ["a", "bmi"]}, ("'bmi'", "a, b, c, y")),
        ({"label": "Y", "features": ["a"]}, ("'Y'", "a, b, c, y")),
    ],
)
def test_a_column_that_the_file_lacks_is_refused(
    columns: dict[str, Any], facts: tuple[str, ...]
) -> None:
    roles = COLUMNS.model_validate(COLUMNS.model_dump() | columns)
    with pytest.raises(DataError) as error:
        validate_rows(raw(ROWS), roles)
    assert all(fact in str(error.value) for fact in ("rows.csv", "is not in the file", *facts))


@pytest.mark.parametrize("block", ["bounds", "missing", "categorical"])
def test_bounds_codes_and_categories_are_for_features_alone(block: str) -> None:
    name = "age"
    values = {"bounds": {name: (0, 1)}, "missing": {name: [0]}, "categorical": [name]}[block]
    columns = Columns.model_validate(COLUMNS.model_dump() | {block: values})
    with pytest.raises(DataError) as error:
        validate_rows(raw(ROWS), columns)
    message = str(error.value)
    assert all(fact in message for fact in ("rows.csv", f"columns.{block}", name, "a, b, c"))


CELLS = st.one_of(
    st.text(max_size=6),
    st.floats().map(str),
    st.sampled_from(["", "NA", "0", "1", "1.0", "inf", "-1", "no", "1e39", "?"]),
)


@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=8))
@properties
def test_rows_in_are_valid_quarantined_or_unlabelled(rows: list[Row]) -> None:
    columns = Columns(
        label="y",
        positive_class=1,
        negative_class=0,
        bounds={"b": (0, 1)},
        missing={"b": [-1], "c": ["?"]},
    )
    if all(is_missing(row[3].strip()) for row in rows):
        with pytest.raises(DataError, match="no label in any"):
            validate_rows(raw(rows), columns)
        return
    good, quarantined, source = validate_rows(raw(rows), columns)
    numbers = [*good.index, *quarantined["row"]]
    none = [number for number, row in enumerate(rows, 1) if is_missing(row[3].strip())]
    assert sorted([*numbers, *none]) == list(range(1, len(rows) + 1))
    assert source.unlabelled_rows == len(none)
    assert (source.rows, source.quarantined_rows) == (len(rows), len(quarantined))
    assert (quarantined["reason"] != "").all()
    assert [tuple(cells) for cells in quarantined[NAMES].to_numpy()] == [
        rows[number - 1] for number in quarantined["row"]
    ]
    assert not np.isinf(good.to_numpy()).any()
    assert set(good["y"]) <= {0, 1}


def test_an_unlabelled_row_is_counted_and_no_other_cell_of_it_is_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """So the guard judges the quarantine among the labelled rows, however many have no label."""
    caplog.set_level(logging.INFO)
    none = [("", "text", "inf", label) for label in ("", " ", "NA", "n/a", "NaN", "null", "None")]
    columns = COLUMNS.model_copy(update={"key": "a"})
    rows, quarantined, source = validate_rows(
        raw([*none, *ROWS[::2], ("7", "x", "1", "1")]), columns
    )
    assert rows.index.tolist() == [8, 9]
    assert quarantined["row"].tolist() == [10]
    assert (source.rows, source.quarantined_rows, source.unlabelled_rows) == (10, 1, 7)
    assert messages(caplog, logging.INFO) == [
        "rows.csv: 10 rows, 2 valid, 1 quarantined, 7 unlabelled"
    ]
    with pytest.raises(DataError, match="1 of 3 labelled rows were quarantined"):
        accept_rows(rows, source, COLUMNS, Validation(max_quarantined_fraction=0.33))
    accept_rows(rows, source, COLUMNS, Validation(max_quarantined_fraction=0.34))


@pytest.mark.parametrize(
    ("load_args", "asked"),
    [
        ({}, True),
        ({"decimal": "."}, False),
        ({"decimal": ",", "thousands": "."}, False),
    ],
)
def test_a_run_asks_what_a_point_is_until_it_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, load_args: dict[str, str], asked: bool
) -> None:
    path = tmp_path / "prices.csv"
    prices = [870, 1155, 1299, 800, 999, 1000]
    rows = [f"{price:,};{place};{place % 2}\n" for place, price in enumerate(prices)]
    path.write_text("a;b;y\n" + "".join(rows).replace(",", "."))
    raw_rows = RawRowsDataset(filepath=str(path), load_args={"sep": ";", **load_args}).load()
    read, _, _ = validate_rows(raw_rows, COLUMNS)
    assert read["a"].tolist() == (
        prices if "thousands" in load_args else [870, 1.155, 1.299, 800, 999, 1]
    )
    said = messages(caplog, logging.WARNING)
    assert len(said) == asked
    assert all("numbers of a: might 1.155 be 1155?" in line for line in said)


def test_dates_that_name_groups_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    columns = Columns(label="y", positive_class=1, negative_class=0, group="day")
    rows = pd.DataFrame({"day": pd.to_datetime(["2026-11-30", "2026-12-01"]), "y": [0, 1], "a": 1})
    for cells in (rows, rows.astype({"day": str})):
        validate_rows(TableRows.of(cells, "visits"), columns)
    assert len(said := messages(caplog, logging.WARNING)) == 1
    assert said[0].startswith("visits: the dates of day are read as texts such as '2026-11-30 00")


def test_a_class_may_be_called_as_what_is_missing() -> None:
    columns = Columns(label="y", positive_class="x", negative_class="", key="a")
    rows, _, source = validate_rows(raw([("1", "1", "1", "x"), ("2", "1", "1", "")]), columns)
    assert rows["y"].tolist() == [1, 0]
    assert source.unlabelled_rows == 0
    rows, _, source = validate_rows(raw([("1", "1", "1", "z")]), columns)
    with pytest.raises(DataError) as error:
        accept_rows(rows, source, columns, Validation())
    assert "'z' is neither 'x' nor ''" in str(error.value)
    assert "an empty cell" not in str(error.value)


def test_a_label_that_no_row_has_is_refused() -> None:
    with pytest.raises(DataError) as error:
        validate_rows(raw([("1", "2", "3", ""), ("1", "2", "3", "NA")]), COLUMNS)
    message = str(error.value)
    assert message.startswith("rows.csv: column 'y' has no label in any of the 2 rows")
    assert "expected 1 or 0" in message
    assert "columns.label" in message


# validate_rows, of a directory


def days(folder: Path, *texts: str) -> RawRows:
    """Write a file for each day and read the directory."""
    folder.mkdir(exist_ok=True)
    for day, text in enumerate(texts, 1):
        (folder / f"2026-11-{day:02d}.csv").write_text(f"a,b,c,y\n{text}\n")
    return RawRowsDataset(filepath=str(folder)).load()


def messages(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


def test_of_rows_with_the_same_key_the_last_one_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    frame = days(
        tmp_path,
        "K1,1,1,0\nK2,2,2,0\nK3,3,3,1",
        "K1,1,1,1\nK4,4,4,0",
        "K4,5,5,0\n K2 ,9,2,0\nK4,6,6,0",
    )
    rows, quarantined, source = validate_rows(frame, KEYED)
    assert rows.reset_index().to_numpy().tolist() == [
        ["2026-11-01.csv:3", "K3", 3, 3, 1],
        ["2026-11-02.csv:1", "K1", 1, 1, 1],  # its label was corrected
        ["2026-11-03.csv:2", "K2", 9, 2, 0],
        ["2026-11-03.csv:3", "K4", 6, 6, 0],
    ]
    assert quarantined.empty
    assert source == Source(
        file=str(tmp_path),
        sha256=frame.sha256(),
        rows=8,
        quarantined_rows=0,
        superseded_rows=4,
    )
    assert messages(caplog, logging.INFO) == [
        f"{tmp_path}: 8 rows, 4 valid, 0 quarantined, 4 superseded by a later row with their key"
    ]


def test_a_later_version_that_is_invalid_supersedes_nothing(tmp_path: Path) -> None:
    frame = days(tmp_path, "K1,1,1,0\nK2,x,2,0", "K1,x,1,1\nK2,2,2,1")
    rows, quarantined, source = validate_rows(frame, KEYED)
    assert rows.reset_index().to_numpy().tolist() == [
        ["2026-11-01.csv:1", "K1", 1, 1, 0],
        ["2026-11-02.csv:2", "K2", 2, 2, 1],
    ]
    assert quarantined["row"].tolist() == ["2026-11-01.csv:2", "2026-11-02.csv:1"]
    assert (source.quarantined_rows, source.superseded_rows) == (2, 0)
    with pytest.raises(DataError, match=r"rows 2026-11-01\.csv:2, 2026-11-02\.csv:1: b: "):
        accept_rows(rows, source, COLUMNS, Validation())


def test_a_later_row_without_label_takes_no_label_away(tmp_path: Path) -> None:
    rows, _, source = validate_rows(days(tmp_path, "K1,1,1,0\nK2,2,2,", "K1,9,9,\nK2,3,3,1"), KEYED)
    assert rows.reset_index().to_numpy().tolist() == [
        ["2026-11-01.csv:1", "K1", 1, 1, 0],
        ["2026-11-02.csv:2", "K2", 3, 3, 1],
    ]
    assert (source.unlabelled_rows, source.superseded_rows) == (2, 0)


@pytest.mark.parametrize("columns", [COLUMNS, KEYED], ids=["no key", "key"])
def test_a_file_added_the_next_day_keeps_rows_on_their_sides(
    tmp_path: Path, columns: Columns
) -> None:
    texts = ["\n".join(",".join(row) for row in BACKGROUND[:100])]
    texts += ["\n".join(",".join(row) for row in BACKGROUND[100:])]
    # Of the new rows one has an earlier one's key and another label.
    corrected = (*BACKGROUND[7][:3], "0")
    today = "\n".join(",".join(row) for row in [*background(250)[200:], corrected])

    def of(*files: str) -> dict[str, str]:
        rows, _, source = validate_rows(days(tmp_path, *files), columns)
        train, test, summary = split_rows(rows, source, columns, Split())
        assert summary.rows == (
            summary.train_rows
            + summary.test_rows
            + summary.quarantined_rows
            + summary.superseded_rows
        )
        return dict.fromkeys(train.index, "train") | dict.fromkeys(test.index, "test")

    before, after = of(*texts), of(*texts, today)
    renamed = {"2026-11-01.csv:8": "2026-11-03.csv:51"} if columns.key else {}
    assert before == {row: after[renamed.get(row, row)] for row in before}
    assert len(after) == (250 if columns.key else 251)
    assert set(before.values()) == {"train", "test"}


LABELS = st.sampled_from(["0", "1"])
KEYS = st.sampled_from(["K1", " K1", "K2", "K3", ""])
DAYS = st.lists(st.lists(st.tuples(KEYS, CELLS, LABELS), min_size=1, max_size=4), min_size=1)


@given(files=DAYS)
@properties
def test_rows_of_a_directory_are_valid_quarantined_or_superseded(
    files: list[list[Row]],
) -> None:
    frame = cells([row for rows in files for row in rows], ["a", "b", "y"])
    frame.index = pd.Index(
        [f"{day}.csv:{row}" for day, rows in enumerate(files) for row in range(1, len(rows) + 1)],
        name="row",
    )
    names = [f"{day}.csv" for day in range(len(files))]
    good, quarantined, source = validate_rows(of_frame(frame, names), KEYED)
    assert source.rows == len(good) + source.quarantined_rows + source.superseded_rows
    assert source.quarantined_rows == len(quarantined)
    last = {
        key.strip(): row for row, key in frame["a"].items() if row not in set(quarantined["row"])
    }
    assert dict(zip(good["a"], good.index, strict=True)) == last


# split_rows


def test_a_feature_that_alone_tells_the_classes_apart_is_named_in_log_and_summary(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = [(*row[:2], str(int(row[3]) + 0.001 * n), row[3]) for n, row in enumerate(background())]
    _, _, summary = split_rows(valid(rows), SOURCE, COLUMNS, Split())
    assert summary.possible_leaks == {"c": 1}
    (warning,) = messages(caplog, logging.WARNING)
    assert "possible leak" in warning
    assert ": c (1.000). If it is known only after the label" in warning
    caplog.clear()
    _, _, summary = split_rows(valid(background()), SOURCE, COLUMNS, Split())
    assert summary.possible_leaks == {}
    assert not messages(caplog, logging.WARNING)


def background(count: int = 200) -> list[Row]:
    """Make rows of which both sides get enough of both classes."""
    values = np.random.default_rng(0).normal(size=(count, 3)).round(6)
    return [(*map(str, row), str(place % 2)) for place, row in enumerate(values)]


BACKGROUND = background()
FINITE = st.floats(-LARGEST, LARGEST)
NUMBERS = st.one_of(FINITE.map(str), st.integers(-9, 9).map(str), st.sampled_from(["", "NA"]))


def sides(
    rows: Sequence[Row],
    columns: Columns = COLUMNS,
    split: Split | None = None,
    names: Sequence[str] = NAMES,
) -> list[str]:
    """Say for each row, in the rows' order, on which side it is, below the background's rows."""
    by_name = [dict(zip(NAMES, row, strict=True)) for row in BACKGROUND]
    above = [tuple(row[name] for name in names) for row in by_name]
    accepted = validate_rows(raw([*above, *rows], names), columns)[0]
    train, test, _ = split_rows(accepted, SOURCE, columns, split or Split())
    side = dict.fromkeys(train.index, "train") | dict.fromkeys(test.index, "test")
    return [side[number] for number in range(len(above) + 1, len(above) + len(rows) + 1)]


GROUPED = COLUMNS.model_copy(update={"group": "a"})


@pytest.mark.parametrize("of_class", ["0", "1"])
def test_a_side_with_one_group_of_a_class_is_refused(of_class: str) -> None:
    other = "1" if of_class == "0" else "0"
    rows = [(f"W{n}", str(n), "1", other) for n in range(40)]
    rows += [("one", str(n), "1", of_class) for n in range(20)]
    with pytest.raises(
        DataError, match=r"too few groups to split: on the .* side . groups"
    ) as error:
        split_rows(valid(rows, GROUPED), SOURCE, GROUPED, Split(test_fraction=0.5))
    assert f"with y = {of_class}; expected at least 2" in str(error.value)


@pytest.mark.parametrize(
    ("columns", "split"),
    [
        ({"group": "a"}, Split(test_fraction=0.5)),
        ({"time": "a"}, Split(kind="time", test_fraction=0.5)),
    ],
    ids=["group", "time"],
)
def test_rows_of_one_key_on_two_sides_are_refused(columns: dict[str, str], split: Split) -> None:
    declared = COLUMNS.model_copy(update={**columns, "key": "b"})
    rows = [(str(n), f"K{n}", "1", str(n % 2)) for n in range(40)]
    train, test, _ = split_rows(valid(rows, declared), SOURCE, declared, split)
    second = test.index[0]
    key = train["b"].iloc[0]
    rows[second - 1] = (rows[second - 1][0], key, *rows[second - 1][2:])
    said = f"1 test row with the key of a train row, such as row {second} with b '{key}'"
    with pytest.raises(DataError, match=said):
        split_rows(valid(rows, declared), SOURCE, declared, split)


@pytest.mark.parametrize(("label", "absent"), [("1", "'healthy'"), ("0", "'ill'")])
def test_one_class_only_is_refused(label: str, absent: str) -> None:
    accepted = valid([(*row[:3], label) for row in BACKGROUND])
    columns = Columns(label="y", positive_class="ill", negative_class="healthy")
    with pytest.raises(DataError) as error:
        split_rows(accepted, SOURCE, columns, Split())
    message = str(error.value)
    assert all(
        fact in message for fact in ("rows.csv", "'y'", f"no usable row has the class {absent}")
    )


@pytest.mark.parametrize("fraction", [0, 0.2])
def test_too_few_rows_to_split_are_refused(fraction: float) -> None:
    accepted = valid([*ROWS[:2], ROWS[0]])
    with pytest.raises(DataError) as error:
        split_rows(accepted, SOURCE, COLUMNS, Split(test_fraction=fraction))
    assert "rows.csv: too few rows to split: on the train side" in str(error.value)


# Split_rows with categories

CATEGORIES = st.one_of(
    st.text(max_size=4),
    st.sampled_from(["", "NA", "red", "blue", " red", "0", "1", "1.0", "', '", "None", "b\\x00"]),
)
NAMED = st.lists(st.tuples(NUMBERS, CATEGORIES, CATEGORIES, LABELS), min_size=1, max_size=8)
AWKWARD: list[Row] = [
    (number, one, other, str((place + again) % 2))
    for place, number in enumerate(["1", "-0.0", "", "2.5e-3"])
    for again, (one, other) in enumerate(
        [
            ("red", "blue"),
            ("blue", "red"),
            ("red", ""),
            ("", "red"),
            ("NA", "null"),
            ("red', 'blue", ""),
            ("it's", 'say "red"'),
            ("rød", "赤"),
            ("1", "1.0"),
            ("007", "7"),
            ("back\\slash", "tab\tin"),
        ]
    )
]


def side_of(content: bytes, split: Split) -> str:
    """Say on which side a row of this content is."""
    digest = hashlib.blake2b(content, digest_size=8, key=split.salt.encode()).digest()
    return "test" if int.from_bytes(digest, "big") / 2**64 < split.test_fraction else "train"


def bits(*cells: str) -> bytes:
    """Give the bytes of float32 numbers, one pattern for each of missing and zero."""
    numbers = (math.nan if cell in {"", "NA"} else float(cell) for cell in cells)
    return b"".join(struct.pack("<f", np.float32(number) + np.float32(0)) for number in numbers)


SPLITS = [Split(), Split(test_fraction=0.5, salt="another")]


@pytest.mark.parametrize("split", SPLITS, ids=["default", "another"])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 0, 1)], ids=["a b c y", "y c a b"])
def test_a_row_of_numbers_is_on_the_side_that_its_bytes_say(
    split: Split, order: tuple[int, ...]
) -> None:
    values = ["1", "", "0", "-0.0", "NA", "33.6", "-1e-300", "243.03009062080926"]
    rows = [(a, b, c, "1") for a in values for b in values for c in values[:3]]
    expected = [side_of(bits(*row[:3]), split) for row in rows]
    reordered = [tuple(row[place] for place in order) for row in rows]
    assert sides(reordered, split=split, names=[NAMES[place] for place in order]) == expected
    assert len(set(expected)) == 2


@pytest.mark.parametrize("split", SPLITS, ids=["default", "another"])
@pytest.mark.parametrize("columns", [KEYED, KEYED.model_copy(update={"categorical": ["b"]})])
def test_a_row_with_a_key_is_on_the_side_that_the_key_says(split: Split, columns: Columns) -> None:
    keys = [f"K-{place}" for place in range(40)] + ["ключ", "007"]
    rows = [(key, "7", "8", "1") for key in keys]
    assert sides(rows, columns, split) == [side_of(key.encode(), split) for key in keys]


@pytest.mark.parametrize("split", SPLITS, ids=["default", "another"])
def test_a_row_with_categories_is_on_the_side_that_numbers_and_words_say(split: Split) -> None:
    words = {"": None, "NA": None, "null": None, "1.0": "1"}
    contents = [
        bits(row[0]) + repr(tuple(words.get(cell, cell) for cell in row[1:3])).encode()
        for row in AWKWARD
    ]
    expected = [side_of(content, split) for content in contents]
    assert sides(AWKWARD, CATEGORICAL, split) == expected
    assert len(set(expected)) == 2


@given(rows=NAMED, more=NAMED, columns=st.permutations(range(4)), data=st.data())
@properties
def test_a_row_with_categories_never_changes_sides(
    rows: list[Row], more: list[Row], columns: list[int], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(rows))))
    corrected = [(*rows[place][:3], data.draw(LABELS)) for place in order]
    changed = [tuple(row[column] for column in columns) for row in [*corrected, *more]]
    before = sides(rows, CATEGORICAL)
    after = sides(changed, CATEGORICAL, names=[NAMES[column] for column in columns])
    assert after[: len(rows)] == [before[place] for place in order]


# All nodes


@pytest.mark.parametrize(
    "columns", [COLUMNS, KEYED, CATEGORICAL], ids=["no key", "key", "categories"]
)
def test_no_node_changes_its_inputs(columns: Columns) -> None:
    frame = cells([*BACKGROUND, ("x", "y", "z", "")])
    before = frame.copy(deep=True)
    rows, quarantined, source = validate_rows(of_frame(frame), columns)
    pd.testing.assert_frame_equal(frame, before)

    inputs = (rows.copy(deep=True), quarantined.copy(deep=True), source.model_copy())
    accept_rows(rows, source, COLUMNS, Validation())
    split_rows(rows, source, columns, Split())
    pd.testing.assert_frame_equal(rows, inputs[0])
    pd.testing.assert_frame_equal(quarantined, inputs[1])
    assert source == inputs[2]


# Weights

WEIGHED = Columns(label="y", positive_class=1, negative_class=0, weight="w")
WITH_W = ["a", "b", "w", "y"]


def weighed(
    count: int = 60, weights: Sequence[str] = ("1",), columns: Sequence[str] = WITH_W
) -> RawRows:
    """Raw rows with weights, which come again and again."""
    rows = [
        (str(place), str(place % 7), weights[place % len(weights)], str(place % 2))
        for place in range(count)
    ]
    return of_frame(cells(rows, WITH_W)[list(columns)])


@pytest.mark.parametrize("key", [None, "a"])
def test_a_weight_changes_neither_side_nor_anything_but_itself(key: str | None) -> None:
    columns = WEIGHED.model_copy(update={"key": key})
    without = Columns(label="y", positive_class=1, negative_class=0, key=key)
    rows, _, _ = validate_rows(weighed(columns=["a", "b", "y"]), without)
    expected = split_rows(rows, SOURCE, without, Split())
    for weights in (("1",), ("2", "0.5", "7")):
        rows, _, _ = validate_rows(weighed(weights=weights), columns)
        *sides, summary = split_rows(rows, SOURCE, columns, Split())
        for side, as_before in zip(sides, expected[:2], strict=True):
            pd.testing.assert_frame_equal(side.drop(columns="w"), as_before)
        assert summary.features == expected[2].features
        assert (summary.weight, summary.weightless_rows) == ("w", 0)
        assert summary.test_rows_sha256 == expected[2].test_rows_sha256
        assert summary.split == expected[2].split


def test_rows_of_weight_0_are_on_neither_side_and_counted() -> None:
    rows, _, _ = validate_rows(weighed(120, ("1", "0", "0", "3")), WEIGHED)
    train, test, summary = split_rows(rows, SOURCE, WEIGHED, Split())
    there = rows[rows["w"] > 0]
    expected = split_rows(there, SOURCE, WEIGHED, Split())
    pd.testing.assert_frame_equal(train, expected[0])
    pd.testing.assert_frame_equal(test, expected[1])
    assert summary.weightless_rows == 60
    assert summary.valid_rows == len(train) + len(test) == 60
    assert summary.counts()["weightless_rows"] == 60
