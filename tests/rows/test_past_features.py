"""Past features: what earlier rows and known labels say about a row, and nothing later does."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.judging.baseline_fits import plain_rows
from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.rows.past_features import as_rows
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.timeline import read_sequences
from tests.helpers.histories import TO_SETS, conf_of, raw_of, run

STEPS, DELAY = 3, 2
LABELS: dict[str, dict[str, Any]] = {
    "two classes": {"positive_class": "yes", "negative_class": "no"},
    "classes": {"classes": ["no", "yes", "perhaps"]},
    "a number": {"task": "number"},
}


def columns_of(task: str) -> ColumnsOptions:
    history = {"of": "patient", "order": "day", "steps": STEPS, "known_after": DELAY}
    return ColumnsOptions.model_validate(
        {"label": "worse", **LABELS[task], "categorical": ["ward"], "history": history}
    )


def visits(task: str) -> pd.DataFrame:
    """One to nine visits of each of forty patients, in no order, some on one day or incomplete."""
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(40), rng.integers(1, 10, 40))
    classes = {"two classes": ["yes", "no"], "classes": ["no", "yes", "perhaps"]}.get(task)
    labels = rng.choice(classes, len(of)) if classes else rng.normal(size=len(of)).round(3)
    rows = pd.DataFrame(
        {
            "patient": [f"P{n}" for n in of],
            "day": pd.Series(rng.integers(0, 3, len(of))).groupby(of).cumsum(),
            "dose": rng.integers(0, 9, len(of)).astype(float),
            "born": 1950.0 + of % 7,
            "ward": rng.choice(["east", "west"], len(of)),
            "worse": pd.Series(labels).astype(str),
        }
    )
    rows.loc[rng.random(len(of)) < 0.2, "dose"] = np.nan
    rows.loc[rng.random(len(of)) < 0.2, "worse"] = ""
    return rows.sample(frac=1, random_state=0, ignore_index=True)


def schema_of(task: str, rows: pd.DataFrame | None = None) -> Schema:
    cells = raw_of(visits(task) if rows is None else rows)
    schema: Schema = run(
        TO_SETS, {**conf_of(columns_of(task), SplitOptions(test_fraction=0.3)), **cells}
    )["schema"]
    return schema


def recent_mean(values: np.ndarray) -> float:
    """The weight of a value halves after two values, and eight count."""
    weights = 0.5 ** (np.arange(len(values))[::-1] / 2)
    return float(np.average(values[-8:], weights=weights[-8:])) if len(values) else np.nan


def worked_out(rows: pd.DataFrame, row: int) -> dict[str, float]:
    """The features of a row and its past, from all rows of its patient."""
    own, of = rows.loc[row], rows[rows["patient"] == rows["patient"][row]]
    earlier = of[of["day"] < own["day"]].sort_values("day", kind="stable")
    known = earlier[(earlier["day"] + DELAY <= own["day"]) & (earlier["worse"] != "")]
    doses = earlier["dose"].dropna().to_numpy()
    labels = (known["worse"] == "yes").to_numpy(float)
    ones = known["day"][known["worse"] == "yes"]

    def of_end(values: Any, place: int) -> float:
        return float(values[-place]) if len(values) >= place else np.nan

    return {
        "dose": own["dose"],
        "born": own["born"],
        "ward": float(own["ward"] == "west"),
        "day, since the row before": own["day"] - of_end(earlier["day"].to_numpy(), 1),
        "day": own["day"],
        "dose, less the one before": own["dose"] - of_end(doses, 1),
        "dose, less the mean before": own["dose"] - (doses.mean() if len(doses) else np.nan),
        "dose, recent mean": recent_mean(doses),
        "worse, earlier, count": len(known),
        "worse, earlier, since the last": own["day"] - of_end(known["day"].to_numpy(), 1),
        "worse, earlier, mean": labels.mean() if len(labels) else np.nan,
        "worse, earlier, recent mean": recent_mean(labels),
        "worse, earlier, 1 before": of_end(labels, 1),
        "worse, earlier, 2 before": of_end(labels, 2),
        "worse, earlier, since the last 1": own["day"] - of_end(ones.to_numpy(), 1),
    }


def test_a_row_has_what_its_patients_whole_past_says_though_a_history_has_three_rows() -> None:
    # Of rows of one day the order is not the file's: one visit a day tells which label was last.
    rows = visits("two classes").drop_duplicates(["patient", "day"], ignore_index=True)
    schema = schema_of("two classes")
    histories = read_sequences(rows, schema)
    made, columns = plain_rows(histories, schema)
    expected = pd.DataFrame([worked_out(rows, row) for row in rows.index])
    assert columns.features == [*expected]
    np.testing.assert_allclose(made, expected.to_numpy(float), rtol=1e-6)
    assert np.isfinite(made).all(1).any()
    # The members of the network read the same, in four steps.
    sequences = as_rows(histories, schema)
    assert sequences.shape == (len(rows), 4, 4)
    np.testing.assert_array_equal(sequences.reshape(len(rows), -1)[:, : len(expected.T)], made)


def test_a_past_far_from_0_tells_as_much_as_one_near_0() -> None:
    near = visits("a number")
    near["worse"] = (pd.to_numeric(near["worse"]) * 1000).round()
    far = near.assign(**{name: near[name] + 2.0**40 for name in ("dose", "day", "worse")})
    made = []
    for rows in (near, far):
        table = rows.assign(worse=rows["worse"].map("{:.0f}".format).replace("nan", ""))
        schema = schema_of("a number", table)
        made.append(plain_rows(read_sequences(table, schema), schema)[0])
    assert schema.origin.keys() == {"dose", "day", "worse, earlier"}
    moved = made[1] - made[0]
    np.testing.assert_array_equal(np.isnan(made[1]), np.isnan(made[0]))
    np.testing.assert_allclose(np.nanmax(moved, axis=0), np.nanmin(moved, axis=0), atol=0.01)


@pytest.mark.long
@pytest.mark.parametrize("task", [*LABELS])
def test_no_later_row_no_unknown_label_and_no_other_patient_is_in_it(task: str) -> None:
    rows, schema, rng = visits(task), schema_of(task), np.random.default_rng(1)
    whole = as_rows(read_sequences(rows, schema), schema)
    changed_rows = 0
    for row in rng.choice(len(rows), 40, replace=False):
        own = rows.loc[row]
        is_patient, day = rows["patient"] == own["patient"], rows["day"]
        later = is_patient & (day >= own["day"]) & (rows.index != row)
        other = rows.copy()
        # Labels of the same day and of those that are not known yet, the row's own one too.
        unknown = is_patient & (day + DELAY > own["day"])
        labels = rng.permutation(rows["worse"])
        other.loc[unknown, "worse"] = labels[unknown]
        other.loc[later, ["dose", "born"]] += 1000
        other.loc[later, "day"] += rng.integers(0, 3)
        other.loc[~is_patient, ["dose", "day"]] *= 7
        found = as_rows(read_sequences(other, schema), schema)[row]
        np.testing.assert_array_equal(found, whole[row])
        gone = other.drop(index=other.index[later]).reset_index(drop=True)
        place = row - int(later[:row].sum())
        np.testing.assert_array_equal(as_rows(read_sequences(gone, schema), schema)[place], found)
        # An earlier dose is in it.
        earlier = is_patient & (day < own["day"]) & rows["dose"].notna()
        if earlier.any():
            other.loc[earlier, "dose"] += 1
            changed = as_rows(read_sequences(other, schema), schema)[row]
            changed_rows += not np.array_equal(changed, found, equal_nan=True)
    assert changed_rows > 20


def test_past_features_are_of_numbers_that_change_within_a_patient_however_rarely_measured() -> (
    None
):
    rows = visits("two classes").drop_duplicates(["patient", "day"])
    rows = rows[rows["worse"] != ""].reset_index(drop=True)
    number = rows.sort_values("day").groupby("patient").cumcount().sort_index()
    rows["lab"] = np.where(number % 2, np.nan, rows.index)
    features = schema_of("two classes", rows).row.features
    made = [name for name in features if name.endswith(", recent mean")]
    assert made == ["dose, recent mean", "lab, recent mean", "worse, earlier, recent mean"]


def test_a_column_with_the_name_of_a_past_feature_is_refused() -> None:
    rows = visits("two classes").assign(**{"dose, recent mean": 1.0})
    with pytest.raises(
        DataError, match="Column 'dose, recent mean' has the name of a feature that"
    ):
        schema_of("two classes", rows)
