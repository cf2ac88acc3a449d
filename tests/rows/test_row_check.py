"""Rows to score are checked block by block: the good ones go on, the bad ones to quarantine."""

import datetime
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from tabular_lstm.rows.checking import Check, CheckedBlock, CheckedRows, refuse_missing_columns
from tabular_lstm.rows.rows_to_score import RowsToScore

from tabular_lstm.errors import DataError
from tabular_lstm.rows import checking
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.sequences import to_sequences
from tests.helpers.checks import blocks_of

SCHEMA = Schema(
    features=["age", "color"],
    steps=2,
    features_per_step=1,
    categories={"color": ["blue", "red"]},
    missing={"age": [0]},
    bounds={"age": (0.0, 120.0)},
    mean=[40.0, 0.0],
    variance=[100.0, 1.0],
    label="warm",
    positive_class="yes",
    negative_class="no",
)


def rows_of(path: Path) -> RowsToScore:
    names = sorted(file.name for file in path.iterdir()) if path.is_dir() else [""]
    open_file: Callable[[str], object] = lambda name: (path / name if name else path).open("rb")  # noqa: E731
    return RowsToScore(str(path), names, open_file)  # type: ignore[arg-type]


def written(path: Path, rows: pd.DataFrame) -> Path:
    rows.to_csv(path, index=False)
    return path


def people(count: int, bad: tuple[int, ...] = ()) -> pd.DataFrame:
    """So many rows, of which those at some places have an impossible age."""
    rows = pd.DataFrame(
        {
            "id": [f"P{number}" for number in range(count)],
            "color": (["red", "green", "blue", ""] * count)[:count],
            "age": [str(18 + number % 60) for number in range(count)],
        }
    )
    rows.loc[list(bad), "age"] = "-1"
    return rows


def checked(
    path: Path, limit: float = 0.5, key: str | None = None, copied: tuple[str, ...] = ()
) -> CheckedRows:
    source = rows_of(path)
    types = {name: pa.string() if name == key else source.types([name])[name] for name in copied}
    return CheckedRows(source, Check(SCHEMA, key, types, source.marks), limit)


@pytest.fixture(autouse=True)
def _blocks_of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = RowsToScore.blocks
    monkeypatch.setattr(RowsToScore, "blocks", lambda rows, **given: blocks(rows, 4, **given))


def test_good_rows_are_laid_out_as_in_training_and_keep_their_numbers(tmp_path: Path) -> None:
    rows = people(10, bad=(1, 6))
    stream = checked(written(tmp_path / "rows.csv", rows))
    blocks = list(blocks_of(stream))
    assert [block.count for block in blocks] == [4, 4, 2]
    assert [block.rows.tolist() for block in blocks] == [[1, 3, 4], [5, 6, 8], [9, 10]]
    assert all(block.expected >= 8 for block in blocks)
    good = rows.drop(index=[1, 6])
    np.testing.assert_array_equal(
        np.concatenate([block.sequences for block in blocks]), to_sequences(good, SCHEMA)
    )
    assert stream.quarantine.rows == 2
    assert stream.quarantine.kinds.counts() == {"age: outside [0, 120]": 2}


def test_in_a_folder_rows_are_numbered_by_file(tmp_path: Path) -> None:
    folder = tmp_path / "days"
    folder.mkdir()
    for day in "ab":
        written(folder / f"{day}.csv", people(5, bad=(4,)))
    stream = checked(folder)
    asides: list[pd.DataFrame] = []

    class Keeper:
        def keep(self, rows: pd.DataFrame) -> None:
            asides.append(rows)

        def close(self, whole: bool) -> None:
            assert whole

    stream.quarantine.subscribe(Keeper())
    blocks = list(blocks_of(stream))
    places = [(block.file, block.rows.tolist()) for block in blocks]
    assert places == [(file, rows) for file in ("a.csv", "b.csv") for rows in ([1, 2, 3, 4], [])]
    aside = pd.concat(asides)
    assert aside[["file", "row"]].to_numpy().tolist() == [["a.csv", 5], ["b.csv", 5]]
    assert "rows a.csv:5, b.csv:5: age: -1 is outside" in stream.quarantine.kinds.listed()


def test_the_key_is_read_and_other_columns_are_copied(tmp_path: Path) -> None:
    rows = people(4)
    rows["id"] = ["7.0", " 8 ", "", "9"]
    stream = checked(written(tmp_path / "rows.csv", rows), key="id", copied=("id", "color"))
    (block,) = blocks_of(stream)
    assert pa.table(block.copied).to_pydict() == {
        "id": ["7", "8", "9"],
        "color": ["red", "green", ""],
    }
    assert stream.quarantine.kinds.counts() == {"id: no key": 1}


def test_copied_columns_keep_their_types_though_the_first_blocks_hold_none(tmp_path: Path) -> None:
    rows = people(10).assign(
        seen=[None] * 9 + [datetime.date(2026, 11, 26)],
        paid=[None] * 9 + [Decimal("1.50")],
        tags=[None] * 9 + [["a", "b"]],
    )
    path = tmp_path / "rows.parquet"
    rows.to_parquet(path)
    names = ("seen", "paid", "tags")
    blocks = list(blocks_of(checked(path, copied=names)))
    copied = pa.concat_tables([pa.table(block.copied) for block in blocks])
    assert copied.equals(parquet.read_table(path, columns=list(names)))


def test_bytes_of_a_feature_or_the_key_are_text(tmp_path: Path) -> None:
    """Older programs write text to Parquet as bytes."""
    rows = people(4).assign(file=[b"\xff"] * 4)
    table = pa.Table.from_pandas(rows, preserve_index=False)
    for name in ("id", "color"):
        place = table.column_names.index(name)
        table = table.set_column(place, name, table[name].cast(pa.binary()))
    path = tmp_path / "rows.parquet"
    parquet.write_table(table, path)
    (block,) = blocks_of(checked(path, key="id", copied=("id", "file")))
    np.testing.assert_array_equal(block.sequences, to_sequences(rows, SCHEMA))
    assert pa.table(block.copied).to_pydict() == {
        "id": ["P0", "P1", "P2", "P3"],
        "file": [b"\xff"] * 4,
    }


class Ended:
    """A keeper that notes how the stream ended."""

    whole: bool | None = None

    def keep(self, rows: pd.DataFrame) -> None:
        """Take no note."""

    def close(self, whole: bool) -> None:
        assert self.whole is None
        self.whole = whole


def taken(stream: CheckedRows) -> tuple[list[CheckedBlock], Ended, str]:
    """Take all blocks, and give what the stream ended with."""
    ended, blocks, message = Ended(), [], ""
    stream.quarantine.subscribe(ended)
    try:
        blocks.extend(blocks_of(stream))
    except DataError as error:
        message = str(error)
    return blocks, ended, message


def test_too_many_bad_rows_end_the_stream_and_all_of_them_are_known(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.csv", people(10, bad=(8, 9)))
    _, ended, message = taken(checked(path, limit=0.19))
    assert f"{path}: 2 of the 10 rows that were read went to quarantine" in message
    assert "rows 9, 10: age: -1 is outside [0, 120], and the like" in message
    assert ended.whole is True

    _, ended, message = taken(checked(path, limit=0.2))
    assert message == ""
    assert ended.whole is True


def test_a_file_of_bad_rows_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as there are too many even if each of the other rows were good."""
    path = written(tmp_path / "rows.csv", people(100, bad=tuple(range(100))))
    stream = checked(path, limit=0.05)
    assert stream.source.most_rows() >= 100
    _, ended, message = taken(stream)
    counted = int(message.partition(" of the ")[0].rpartition(" ")[2])
    assert 0.05 * stream.source.most_rows() < counted < 100
    assert "whatever comes after them" in message
    assert ended.whole is True


def test_a_stream_that_fails_or_is_left_leaves_no_whole_quarantine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "rows.csv", people(10))
    stream, ended = checked(path), Ended()
    stream.quarantine.subscribe(ended)
    blocks = blocks_of(stream)
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    assert ended.whole is False

    def fail(*arguments: object) -> None:
        raise DataError("no more")

    monkeypatch.setattr(checking, "lay_out", fail)
    _, ended, message = taken(checked(path))
    assert message == "no more"
    assert ended.whole is False


def test_a_column_that_is_needed_is_asked_for_by_name(tmp_path: Path) -> None:
    rows = rows_of(written(tmp_path / "rows.csv", people(2)))
    refuse_missing_columns(rows, {"age": "It is needed"})
    with pytest.raises(DataError) as refused:
        refuse_missing_columns(rows, {"age": "", "Colour": "It is needed"})
    assert str(refused.value) == (
        f"{rows.path}: column 'Colour' is not in the file. Did you mean 'color'? It has: id, "
        "color, age. It is needed."
    )
    with pytest.raises(DataError, match=r"is not in the file\. It has"):
        refuse_missing_columns(rows, {"sex": ""})


@pytest.mark.parametrize("count", [1, 7, 1000])
def test_how_many_rows_there_are_is_known_about(tmp_path: Path, count: int) -> None:
    rows = rows_of(written(tmp_path / "rows.csv", people(count)))
    head = rows.head(100)
    assert rows.most_rows() >= count
    assert rows.about(head) == pytest.approx(count, rel=0.15, abs=3)

    whole = tmp_path / "rows.parquet"
    people(count).to_parquet(whole)
    assert rows_of(whole).most_rows() == rows_of(whole).about(head) == count
