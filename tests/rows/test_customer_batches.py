"""Rows to score of histories, put together by customer: corrected rows, types, no row left."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Columns, Split
from tabular_lstm.rows.number_format import POINT
from tabular_lstm.rows.raw_rows import Batch
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.scoring_validation import Check, CheckedBatch, whole_customers
from tests.helpers.histories import TO_SETS, conf_of, raw_of, run

COLUMNS = Columns.model_validate(
    {
        "label": "sick",
        "positive_class": "yes",
        "negative_class": "no",
        "key": "id",
        "history": {"of": "patient", "order": "visit"},
    }
)


def rows(patients: int = 30, visits: int = 5) -> pd.DataFrame:
    place = np.arange(patients * visits)
    return pd.DataFrame(
        {
            "id": [f"K{one}" for one in place],
            "patient": [f"P{one}" for one in place // visits],
            "visit": (place % visits + 1).astype(str),
            "dose": (100 * (place // visits) + place % visits).astype(str),
            "sick": np.where(np.random.default_rng(0).random(len(place)) < 0.5, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def schema() -> Schema:
    made = run(TO_SETS, {**conf_of(COLUMNS, Split(test_fraction=0.5)), **raw_of(rows())})
    found: Schema = made["schema"]
    return found


def checked(schema: Schema, **files: pd.DataFrame) -> list[CheckedBatch]:
    batches = [
        Batch(f"{name}.csv", 1, pa.Table.from_pandas(one, preserve_index=False), f"in/{name}.csv")
        for name, one in files.items()
    ]
    check = Check(schema, "id", {"id": pa.string(), "patient": pa.string()}, schema.marks)
    return [check.of(batch) for batch in whole_customers(batches, "patient", POINT)]


def doses(found: list[CheckedBatch], patient: str) -> list[float]:
    for batch in found:
        if patient in (of := batch.copied["patient"].to_pylist()):
            of_patient = batch.sequences[[of.index(patient)]]
            return [float(value) for value in of_patient.dense()[0, :, 0]]
    raise AssertionError(patient)


@pytest.mark.parametrize(("label", "first"), [("yes", 77.0), ("", 0.0)])
def test_a_later_row_corrects_one_with_its_key_but_without_a_label_none_that_has_one(
    schema: Schema, label: str, first: float
) -> None:
    correction = rows()[:1].assign(dose="77", sick=label)
    found = checked(schema, one=rows(), two=correction)
    assert doses(found, "P0") == [first, 1, 2, 3, 4]


def test_a_batch_without_a_row_that_can_be_used_is_quarantined_whole(schema: Schema) -> None:
    (found,) = checked(schema, one=rows().assign(visit="soon"))
    assert len(found.aside) == found.count == 150
    assert len(found.sequences) == 0


def test_another_type_in_another_file_is_refused_by_name(schema: Schema) -> None:
    typed = rows().astype({"dose": "float64"})
    with pytest.raises(
        DataError, match=r"two\.csv: column 'dose' is float, and double in one\.csv"
    ):
        checked(schema, one=typed, two=typed.astype({"dose": "float32"}))


@pytest.mark.parametrize(
    "other",
    [{"dose": "float64"}, {"visit": "float64", "dose": "float64"}, {"sick": "null[pyarrow]"}],
    ids=["a cell is missing", "two columns", "no label yet"],
)
def test_a_column_that_is_empty_in_a_file_or_whole_in_another_is_the_same_column(
    schema: Schema, other: dict[str, str]
) -> None:
    typed = rows().astype({"dose": "int64", "visit": "int64"})
    later = typed.assign(sick=None) if "sick" in other else typed.astype(other)
    expected = checked(schema, one=typed)
    for files in ((typed[:72], later[72:]), (later[:72], typed[72:])):
        found = checked(schema, one=files[0], two=files[1])
        assert doses(found, "P14") == doses(expected, "P14")
        assert sum(len(batch.sequences) for batch in found) == 30


def test_a_whole_number_that_float64_has_not_is_refused_beside_fractions(schema: Schema) -> None:
    typed = rows().assign(dose=2**60 + 1)
    with pytest.raises(DataError, match="whole numbers in one file and float64 in another"):
        checked(schema, one=typed[:72], two=typed[72:].assign(dose=0.5))
