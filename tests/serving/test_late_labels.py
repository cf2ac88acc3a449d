"""Labels that come late go through the door of all rows, and the last of a key counts."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from tabular_lstm.datasets.rows_to_score import LateLabelsDataset
from tabular_lstm.errors import DataError
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.table_rows import LoadedTable
from tabular_lstm.serving.late_labels import LateLabels, read_late_labels

TWO = ColumnsOptions(label="ill", positive_class="yes", negative_class="no", key="id")
A_NUMBER = ColumnsOptions(label="price", task="number", key="id", bounds={"price": (0, 100)})


def read(path: Path, columns: ColumnsOptions = TWO, **arguments: Any) -> LateLabels:
    return read_late_labels(LateLabelsDataset(str(path), **arguments).load(), columns)


def by_key(labels: LateLabels) -> dict[str, float]:
    return dict(zip(labels.keys, labels.labels.tolist(), strict=True))


def test_the_last_valid_row_of_a_key_counts_and_each_other_row_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    lines = ["7,no", "8,yes", "7.0,yes", "9,", "8,perhaps", ",no", "1e+20,no", "008,no"]
    path.write_text("\n".join(["id,ill", *lines]))
    labels = read(path)
    assert by_key(labels) == {"8": 1, "7": 1, "008": 0}
    assert labels.quarantined["row"].tolist() == [5, 6, 7]
    assert labels.quarantined["reason"].tolist() == [
        "ill: 'perhaps' is neither 'yes' nor 'no'",
        "id: no key",
        "id: '1e+20' is a rounded number, not a key",
    ]
    assert len(labels.reasons) == 3


def test_labels_with_a_unit_are_numbers_and_those_with_another_are_not(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("id,price\n1,$40.5\n2,60 $\n3,7\n4,9 €\n5,$101\n")
    labels = read(path, A_NUMBER.model_copy(update={"units": {"price": "$"}}))
    assert by_key(labels) == {"1": 40.5, "2": 60.0, "3": 7.0}
    assert labels.quarantined["reason"].tolist() == [
        "price: '9 €' is not a number in $",
        "price: $101 is outside [0, 100]",
    ]


def test_a_folder_is_read_in_the_order_of_its_files_and_other_columns_are_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "2026-11-02.csv").write_text("known,price,id\nx,101,3\nx,4,1\n")
    (tmp_path / "2026-11-01.csv").write_text("id,price,known\n1,2,x\n2,3,x\n")
    labels = read(tmp_path, A_NUMBER)
    assert by_key(labels) == {"2": 3.0, "1": 4.0}
    assert labels.quarantined["row"].tolist() == ["2026-11-02.csv:1"]


def test_parquet_and_numbers_are_read_as_the_catalog_and_the_champion_say(tmp_path: Path) -> None:
    rows = pd.DataFrame({"other": [1, 2, 3], "id": [7.0, 8.0, np.nan], "ill": ["yes", None, "no"]})
    rows.to_parquet(tmp_path / "labels.parquet")
    rows.to_csv(tmp_path / "labels.csv", index=False)
    for name in ("labels.parquet", "labels.csv"):
        assert by_key(read(tmp_path / name)) == {"7": 1}
    (tmp_path / "labels.csv").write_text("id;price\n1.000;2,5\n")
    labels = read(tmp_path / "labels.csv", A_NUMBER, load_args={"sep": ";", "decimal": ","})
    assert by_key(labels) == {"1.000": 2.5}
    mixed = LoadedTable.of(pd.DataFrame({"id": ["a", "b"], "price": [5.123, "?"]}), "late_labels")
    with pytest.raises(
        DataError, match="late_labels: column 'price' holds values of several types"
    ):
        read_late_labels(mixed, A_NUMBER, NumberFormat(decimal=",", thousands="."))


def test_no_table_is_no_labels_unless_it_is_named_and_one_without_key_or_label_is_refused(
    tmp_path: Path,
) -> None:
    path = tmp_path / "labels.csv"
    labels = read(path)
    assert len(labels.keys) == len(labels.labels) == len(labels.quarantined) == 0
    with pytest.raises(DatasetError, match="no such file"):
        LateLabelsDataset(str(path), given=str(path)).load()
    path.write_text("id,sick\n1,yes\n")
    with pytest.raises(DataError, match=r"column 'ill' is not in the file.*It is the label"):
        read(path)
    with pytest.raises(DataError, match=r"matched to predictions by the key.*columns\.key"):
        read(path, TWO.model_copy(update={"key": None}))
