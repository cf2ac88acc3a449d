"""A Parquet file is read in batches, or refused with the facts."""

import io
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from tabular_lstm.errors import DataError
from tabular_lstm.rows import raw_files as module
from tabular_lstm.rows.raw_files import stream_parquet, types_of_parquet
from tests.helpers.tables import text_of

TABLE = pa.table({"a": list(range(100)), "b": [f"word {place % 7}" for place in range(100)]})


def written(table: pa.Table = TABLE, **options: Any) -> bytes:
    content = io.BytesIO()
    parquet.write_table(table, content, **options)
    return content.getvalue()


def refusal(content: bytes) -> str:
    with pytest.raises(DataError) as error:
        list(stream_parquet(io.BytesIO(content), "rows.parquet"))
    return str(error.value)


@pytest.mark.parametrize("group", [7, 1000])
@pytest.mark.parametrize("codec", ["snappy", "zstd", "none"])
def test_rows_are_those_that_were_written_in_batches(
    group: int, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS", 9)
    content = io.BytesIO(written(row_group_size=group, compression=codec))
    batches = list(stream_parquet(content, "rows.parquet"))
    assert max(batch.num_rows for batch in batches) <= 9
    assert pa.Table.from_batches(batches).equals(TABLE)
    assert list(types_of_parquet(content, "rows.parquet")) == ["a", "b"]


def test_places_in_a_dictionary_become_the_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", 9)
    table = TABLE.set_column(1, "b", TABLE["b"].dictionary_encode())
    batches = list(stream_parquet(io.BytesIO(written(table)), "rows.parquet"))
    assert pa.Table.from_batches(batches).equals(TABLE)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"a,b\n1,x\n" * 99, id="a CSV"),
        pytest.param(written()[:-100], id="cut off"),
        pytest.param(b"PAR1" + bytes(1000) + b"PAR1", id="zeros"),
        pytest.param(written()[:20] + bytes(60) + written()[80:], id="a hole"),
    ],
)
def test_a_file_that_is_damaged_or_no_parquet_is_refused(content: bytes) -> None:
    message = refusal(content)
    assert message.startswith("rows.parquet: the file is damaged, or is not a Parquet file")
    assert "\n" not in message


def test_text_that_is_not_utf_8_is_named_by_its_column() -> None:
    table = pa.table({"a": list(range(15)), "b": text_of([b"red", None, b"\xe9t\xe9"] * 5)})
    content = written(table, use_dictionary=False)
    message = refusal(content)
    assert "column 'b': a value is damaged, or it is text that" in message
    assert "leave the column out: name it in columns.ignore" in message
    batches = list(stream_parquet(io.BytesIO(content), "rows.parquet", without={"b"}))
    assert pa.Table.from_batches(batches).equals(table.select(["a"]))


def test_what_pandas_noted_of_the_columns_is_not_read() -> None:
    content = written(pa.Table.from_pandas(TABLE.to_pandas()))
    damaged = content.replace(b'{"index_columns"', b"{{index_columns'")
    assert damaged != content
    (batch,) = stream_parquet(io.BytesIO(damaged), "rows.parquet")
    assert pa.Table.from_batches([batch]).to_pandas().equals(TABLE.to_pandas())


def test_a_column_name_that_stands_twice_is_refused() -> None:
    table = pa.table([[1], [2]], names=["a", "a"])
    assert "column name 'a' occurs 2 times" in refusal(written(table))
