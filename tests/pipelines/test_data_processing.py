"""No row disappears, no row changes sides, and the nodes leave their inputs alone."""

import hashlib
import logging
import math
import struct
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tabular_lstm.datasets.rows_to_score import RawRowsDataset
from tabular_lstm.errors import DataError
from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.parameters.hyperparameters import (
    EvaluationOptions,
    ReshapingOptions,
    TrainingOptions,
    ValidationOptions,
)
from tabular_lstm.pipelines.reshaping import nodes
from tabular_lstm.rows import raw_rows
from tabular_lstm.rows.cells import LARGEST, is_missing
from tabular_lstm.rows.data_summary import Source
from tabular_lstm.rows.fingerprints import Fingerprints, keys_of, together_of
from tabular_lstm.rows.raw_rows import Table
from tests.helpers.nodes import NO_ROWS, accept_rows, split_rows, validate_rows
from tests.helpers.raw_rows import of_frame

NAMES = ["a", "b", "c", "y"]
COLUMNS = ColumnsOptions(label="y", positive_class=1, negative_class=0)
KEYED = ColumnsOptions(label="y", positive_class=1, negative_class=0, key="a")
CATEGORICAL = ColumnsOptions(label="y", positive_class=1, negative_class=0, categorical=["b", "c"])
SOURCE = Source(file="rows.csv", sha256="0" * 64, rows=100)

Row = tuple[str, ...]

# To shrink a failing example takes minutes here, and the examples are small as they come.
properties = settings(
    deadline=None, max_examples=50, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)


def cells(rows: Sequence[Row], names: Sequence[str] = NAMES) -> pd.DataFrame:
    index = pd.RangeIndex(1, len(rows) + 1, name="row")
    return pd.DataFrame(list(rows), index=index, columns=list(names), dtype="str")


def raw(rows: Sequence[Row], names: Sequence[str] = NAMES) -> Table:
    return of_frame(cells(rows, names))


def valid(rows: Sequence[Row], columns: ColumnsOptions = COLUMNS) -> pd.DataFrame:
    return validate_rows(raw(rows), columns)[0]


# validate_rows

ROWS = [("1", "2.5", "0", "1"), ("", "NA", "-3e2", "0"), ("4", "5", "6", "1.0")]


def test_bad_rows_are_set_aside_with_number_reasons_and_cells() -> None:
    columns = ColumnsOptions(label="y", positive_class=1, negative_class=0, bounds={"b": (0, 9)})
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
        ({"label": "diabetes"}, "is not in the file|'diabetes'|a, b, c, y"),
        ({"key": "patient"}, "is not in the file|'patient'|a, b, c, y"),
        ({"features": ["a", "bmi"]}, "is not in the file|'bmi'|a, b, c, y"),
        ({"label": "Y", "features": ["a"]}, "is not in the file|'Y'|a, b, c, y"),
        # Bounds, codes and categories are for features alone.
        ({"bounds": {"age": (0, 1)}}, "columns.bounds|age|a, b, c"),
        ({"missing": {"age": [0]}}, "columns.missing|age|a, b, c"),
        ({"categorical": ["age"]}, "columns.categorical|age|a, b, c"),
    ],
)
def test_a_column_that_the_file_lacks_is_refused(columns: dict[str, Any], facts: str) -> None:
    with pytest.raises(DataError) as error:
        validate_rows(raw(ROWS), ColumnsOptions.model_validate(COLUMNS.model_dump() | columns))
    assert all(fact in str(error.value) for fact in ("rows.csv", *facts.split("|")))


CELLS = st.one_of(
    st.text(max_size=6),
    st.floats().map(str),
    st.sampled_from(["", "NA", "0", "1", "1.0", "inf", "-1", "no", "1e39", "?"]),
)


@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=8))
@properties
def test_rows_in_are_valid_quarantined_or_unlabelled(rows: list[Row]) -> None:
    columns = ColumnsOptions(
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
        accept_rows(rows, source, ValidationOptions(max_quarantined_fraction=0.33))
    accept_rows(rows, source, ValidationOptions(max_quarantined_fraction=0.34))


def test_a_label_that_no_row_has_is_refused() -> None:
    with pytest.raises(DataError, match=r"Write the labels into.*columns\.label") as error:
        validate_rows(raw([("1", "2", "3", ""), ("1", "2", "3", "NA")]), COLUMNS)
    assert str(error.value).startswith("rows.csv: column 'y' has no label in any of the 2 rows")


# validate_rows, of a directory


def days(folder: Path, *texts: str) -> Table:
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


def test_a_later_row_that_is_invalid_or_without_a_label_supersedes_nothing(
    tmp_path: Path,
) -> None:
    frame = days(tmp_path, "K1,1,1,0\nK2,x,2,0\nK3,1,1,0", "K1,x,1,1\nK2,2,2,1\nK3,9,9,")
    rows, quarantined, source = validate_rows(frame, KEYED)
    assert rows.reset_index().to_numpy().tolist() == [
        ["2026-11-01.csv:1", "K1", 1, 1, 0],
        ["2026-11-01.csv:3", "K3", 1, 1, 0],
        ["2026-11-02.csv:2", "K2", 2, 2, 1],
    ]
    assert quarantined["row"].tolist() == ["2026-11-01.csv:2", "2026-11-02.csv:1"]
    counts = source.quarantined_rows, source.superseded_rows, source.unlabelled_rows
    assert counts == (2, 0, 1)
    with pytest.raises(DataError, match=r"rows 2026-11-01\.csv:2, 2026-11-02\.csv:1: b: "):
        accept_rows(rows, source, ValidationOptions())


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
    _, _, summary = split_rows(valid(rows), SOURCE, COLUMNS, SplitOptions())
    assert summary.possible_leaks == {"c": 1}
    (warning,) = messages(caplog, logging.WARNING)
    assert warning.startswith("Possible leak, which alone tells the label")
    assert ": c (1.000). The metrics of this run may be far too good" in warning
    caplog.clear()
    _, _, summary = split_rows(valid(background()), SOURCE, COLUMNS, SplitOptions())
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
    columns: ColumnsOptions = COLUMNS,
    split: SplitOptions | None = None,
    names: Sequence[str] = NAMES,
) -> list[str]:
    """Say for each row, in the rows' order, on which side it is, below the background's rows."""
    by_name = [dict(zip(NAMES, row, strict=True)) for row in BACKGROUND]
    above = [tuple(row[name] for name in names) for row in by_name]
    accepted = validate_rows(raw([*above, *rows], names), columns)[0]
    train, test, _ = split_rows(accepted, SOURCE, columns, split or SplitOptions())
    side = dict.fromkeys(train.index, "train") | dict.fromkeys(test.index, "test")
    return [side[number] for number in range(len(above) + 1, len(above) + len(rows) + 1)]


def of_one_group(label: str) -> list[Row]:
    """Rows of which one group alone has this label."""
    rows = [(f"W{n}", str(n), "1", str(1 - int(label))) for n in range(40)]
    return rows + [("one", str(n), "1", label) for n in range(20)]


NAMED_CLASSES = {"positive_class": "ill", "negative_class": "healthy"}
ONE_GROUP = r"too few groups to split: on the .* side . groups with y = {}; expected at least 2"


@pytest.mark.parametrize(
    ("rows", "columns", "fraction", "message"),
    [
        (of_one_group("0"), {"group": "a"}, 0.5, ONE_GROUP.format(0)),
        (of_one_group("1"), {"group": "a"}, 0.5, ONE_GROUP.format(1)),
        (
            [(*row[:3], "1") for row in BACKGROUND],
            NAMED_CLASSES,
            0.2,
            "train side 0 rows with y = 'healthy'",
        ),
        (
            [(*row[:3], "0") for row in BACKGROUND],
            NAMED_CLASSES,
            0.2,
            "train side 0 rows with y = 'ill'",
        ),
        ([*ROWS[:2], ROWS[0]], {}, 0, "too few rows to split: on the train side"),
        ([*ROWS[:2], ROWS[0]], {}, 0.2, "too few rows to split: on the train side"),
    ],
)
def test_what_cannot_be_split_is_refused(
    rows: list[Row], columns: dict[str, str], fraction: float, message: str
) -> None:
    accepted = valid(rows, COLUMNS.model_copy(update={"group": columns.get("group")}))
    declared = COLUMNS.model_copy(update=columns)
    with pytest.raises(DataError, match=f"rows.csv: .*{message}"):
        split_rows(accepted, SOURCE, declared, SplitOptions(test_fraction=fraction))


@pytest.mark.parametrize(
    ("columns", "split"),
    [
        ({"group": "a"}, SplitOptions(test_fraction=0.5)),
        ({"time": "a"}, SplitOptions(kind="time", test_fraction=0.5)),
    ],
    ids=["group", "time"],
)
def test_rows_of_one_key_on_two_sides_are_refused(
    columns: dict[str, str], split: SplitOptions
) -> None:
    declared = COLUMNS.model_copy(update={**columns, "key": "b"})
    rows = [(str(n), f"K{n}", "1", str(n % 2)) for n in range(40)]
    train, test, _ = split_rows(valid(rows, declared), SOURCE, declared, split)
    second = test.index[0]
    key = train["b"].iloc[0]
    rows[second - 1] = (rows[second - 1][0], key, *rows[second - 1][2:])
    said = f"1 test row with the same key as a train row, such as row {second} with b '{key}'"
    with pytest.raises(DataError, match=said):
        split_rows(valid(rows, declared), SOURCE, declared, split)


# Split_rows with categories

CATEGORIES = st.one_of(
    st.text(max_size=4),
    st.sampled_from(["", "NA", "red", "blue", " red", "0", "1", "1.0", "', '", "None", "b\\x00"]),
)
NAMED = st.lists(st.tuples(NUMBERS, CATEGORIES, CATEGORIES, LABELS), min_size=1, max_size=8)


def side_of(content: bytes, split: SplitOptions) -> str:
    """Say on which side a row of this content is."""
    digest = hashlib.blake2b(content, digest_size=8, key=split.salt.encode()).digest()
    return "test" if int.from_bytes(digest, "big") / 2**64 < split.test_fraction else "train"


def bits(*cells: str) -> bytes:
    """Give the bytes of float32 numbers, one pattern for each of missing and zero."""
    numbers = (math.nan if cell in {"", "NA"} else float(cell) for cell in cells)
    return b"".join(struct.pack("<f", np.float32(number) + np.float32(0)) for number in numbers)


WORDS = ["red,blue", "blue,red", "red,", ",red", "NA,null", 'it\'s,say "red"', "rød,赤", "1,1.0"]
WORDS += ["007,7", "back\\slash,tab\tin"]
AWKWARD: list[Row] = [
    (number, *words, "1")
    for number in ["1", "-0.0", "", "2.5e-3"]
    for words in [*(cell.split(",") for cell in WORDS), ["red', 'blue", ""]]
]


@pytest.mark.parametrize("split", [SplitOptions(), SplitOptions(test_fraction=0.5, salt="another")])
def test_a_row_is_on_the_side_that_its_bytes_say(split: SplitOptions) -> None:
    """Of numbers in any order of columns, of a key, and of numbers with words."""
    values = ["1", "", "0", "-0.0", "NA", "33.6", "-1e-300", "243.03009062080926"]
    rows = [(a, b, c, "1") for a in values for b in values for c in values[:3]]
    expected = [side_of(bits(*row[:3]), split) for row in rows]
    assert {*expected} == {"train", "test"}
    for order in ((0, 1, 2, 3), (3, 2, 0, 1)):
        reordered = [tuple(row[place] for place in order) for row in rows]
        assert sides(reordered, split=split, names=[NAMES[place] for place in order]) == expected

    keys = [*(f"K-{place}" for place in range(40)), "ключ", "007"]
    for columns in (KEYED, KEYED.model_copy(update={"categorical": ["b"]})):
        rows = [(key, "7", "8", "1") for key in keys]
        assert sides(rows, columns, split) == [side_of(key.encode(), split) for key in keys]

    words = {"": None, "NA": None, "null": None, "1.0": "1"}
    contents = [
        bits(row[0]) + repr(tuple(words.get(cell, cell) for cell in row[1:3])).encode()
        for row in AWKWARD
    ]
    assert sides(AWKWARD, CATEGORICAL, split) == [side_of(content, split) for content in contents]


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


@pytest.mark.parametrize("columns", [KEYED, CATEGORICAL], ids=["key", "categories"])
def test_no_node_changes_its_inputs(columns: ColumnsOptions) -> None:
    frame = cells([*BACKGROUND, ("x", "y", "z", "")])
    before = frame.copy(deep=True)
    rows, _, source = validate_rows(of_frame(frame), columns)
    pd.testing.assert_frame_equal(frame, before)
    valid_rows, valid_source = rows.copy(deep=True), source.model_copy()
    accept_rows(rows, source, ValidationOptions())
    split_rows(rows, source, columns, SplitOptions())
    pd.testing.assert_frame_equal(rows, valid_rows)
    assert source == valid_source


@pytest.mark.parametrize("key", [None, "a"])
def test_a_weight_changes_neither_side_nor_anything_but_itself(key: str | None) -> None:
    """And rows of weight 0 are on neither side, and counted."""

    def split_weighed(weights: Sequence[str], columns: ColumnsOptions) -> Any:
        rows = [
            (str(place), str(place % 7), weights[place % len(weights)], str(place % 2))
            for place in range(120)
        ]
        table = cells(rows, ["a", "b", "w", "y"])
        table = table if columns.weight else table.drop(columns="w")
        accepted, _, _ = validate_rows(of_frame(table), columns)
        return accepted, split_rows(accepted, SOURCE, columns, SplitOptions())

    without = COLUMNS.model_copy(update={"key": key})
    weighed = without.model_copy(update={"weight": "w"})
    _, (*expected, summary) = split_weighed(("1",), without)
    for weights in (("1",), ("2", "0.5", "7")):
        _, (*sides, with_weights) = split_weighed(weights, weighed)
        for side, as_before in zip(sides, expected, strict=True):
            pd.testing.assert_frame_equal(side.drop(columns="w"), as_before)
        assert (with_weights.weight, with_weights.weightless_rows) == ("w", 0)
        for name in ("features", "test_rows_sha256", "split"):
            assert getattr(with_weights, name) == getattr(summary, name)

    rows, (train, test, counted) = split_weighed(("1", "0", "0", "3"), weighed)
    expected = split_rows(rows[rows["w"] > 0], SOURCE, weighed, SplitOptions())
    pd.testing.assert_frame_equal(train, expected[0])
    pd.testing.assert_frame_equal(test, expected[1])
    assert counted.weightless_rows == counted.counts()["weightless_rows"] == 60
    assert counted.valid_rows == len(train) + len(test) == 60


# Rows that are read in parts are the same rows, with the same messages, as those read at once

PART_ROWS = 300
LABEL = {"label": "y", "positive_class": 1, "negative_class": 0}
DESCRIBED = {
    **LABEL,
    "categorical": ["kind"],
    "dates": {"born": "%d.%m.%Y"},
    "missing": {"b": [-9, "?"]},
    "bounds": {"b": (-10, 10)},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files, of which the later ones repeat some rows, and spell some cells otherwise."""
    rng, n = np.random.default_rng(0), np.arange(PART_ROWS)
    table = {
        "a": rng.normal(size=PART_ROWS).round(3),
        "b": rng.integers(0, 9, PART_ROWS),
        "c": 10**7 + n,
        "kind": rng.choice(["red", "Red", "blue", ""], PART_ROWS),
        "born": [f"{1 + row % 28:02d}.{1 + row % 12:02d}.{1950 + row % 50}" for row in n],
        "visit": [f"{row:03d}" if row % 9 else f"{row}.0" for row in n],
        "person": n // 3,
        "seen": [f"2026-{1 + row // 28:02d}-{1 + row % 28:02d}" for row in n],
        "w": rng.choice(["1", "2", "0"], PART_ROWS),
        "y": rng.integers(0, 2, PART_ROWS),
    }
    rows = pd.DataFrame(table).astype(str)
    odd = {"a": "high", "b": "?", "kind": " red ", "born": "unknown", "visit": "", "w": "-1"}
    for place, (name, cell) in enumerate(odd.items()):
        rows.loc[200 + place :: 23, name] = cell
    rows.loc[30:60, "seen"] = [str(row) for row in range(31)]  # most of the first are dates
    rows.loc[[40, 250], "y"] = "2"
    for file, (start, end) in enumerate([(0, 120), (100, 220), (210, PART_ROWS)]):
        rows[start:end].to_csv(tmp_path / f"{file}.csv", index=False)
    return tmp_path


def read(folder: Path, columns: ColumnsOptions, caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """Go from the files to sequences, and give all that comes out, with the messages."""
    caplog.clear()
    raw = RawRowsDataset(filepath=str(folder)).load()
    valid, quarantined, source = validate_rows(raw, columns)
    split = SplitOptions(kind="hash" if columns.time is None else "time")
    *sides, summary = split_rows(valid, source, columns, split)
    schema = nodes.learn_schema(
        sides[0],
        NO_ROWS,
        summary,
        columns,
        ReshapingOptions(allow_padding=True),
        TrainingOptions(),
    )
    labelled = [nodes.split_features_from_label(side, schema, columns) for side in sides]
    train_set, test_set = map(nodes.reshape, labelled)
    together, keys = together_of(sides[0], columns), keys_of(sides[0], columns)
    trained = Fingerprints.of_rows(train_set.sequences, keys, together).sha256
    messages = [record.getMessage() for record in caplog.records]
    facts = {"facts": [source, summary, schema, trained, messages]}
    return (
        facts
        | {"quarantined": quarantined, **vars(train_set)}
        | {f"test {name}": value for name, value in vars(test_set).items()}
    )


@pytest.mark.parametrize(
    "columns",
    [
        {**DESCRIBED, "weight": "w", "ignore": ["visit", "person", "seen"]},
        {**DESCRIBED, "group": "person", "ignore": ["visit", "seen"]},
        {**DESCRIBED, "time": "seen", "key": "visit", "ignore": ["person"]},
        {**LABEL, "dates": ["kind"], "ignore": ["born", "seen", "visit"]},
    ],
    ids=["all kinds", "a group", "a time", "no date"],
)
def test_parts_of_the_rows_give_what_all_at_once_give(
    folder: Path,
    columns: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO)
    expected = read(folder, ColumnsOptions.model_validate(columns), caplog)
    assert len(expected["quarantined"])
    monkeypatch.setattr(raw_rows, "ROWS", 7)
    monkeypatch.setattr("tabular_lstm.rows.cells.PART", 7)
    parts = read(folder, ColumnsOptions.model_validate(columns), caplog)
    assert parts["facts"] == expected["facts"]
    for name, value in expected.items():
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(parts[name], value)
        elif isinstance(value, pd.Series | np.ndarray):
            np.testing.assert_array_equal(parts[name], value)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("wrad", "'evaluation.segments.wrad' is unknown; did you mean 'ward'?"),
        ("y", "'evaluation.segments.y' is unknown; known: age, ward"),
        ("store", "'evaluation.segments.store' is unknown; known: age, ward"),
        ("region", "'evaluation.segments.region' is unknown; known: age, ward"),
        ("age", ""),  # of 90 values
    ],
)
def test_only_a_segment_that_is_not_read_is_refused_and_the_reason_said(
    name: str, told: str
) -> None:
    rows = pd.DataFrame({"age": range(90), "ward": ["A", "B"] * 45, "y": [0, 1] * 45})
    columns = ColumnsOptions(
        label="y", positive_class=1, negative_class=0, categorical=["ward"], ignore=["store"]
    )
    evaluation = EvaluationOptions(segments=[name])
    with pytest.raises(DataError) if told else nullcontext() as refused:
        split_rows(rows.rename_axis("row"), SOURCE, columns, SplitOptions(), evaluation)
    assert str(refused.value if refused else "").endswith(told)
