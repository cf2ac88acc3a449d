"""Past features: what earlier rows and known labels say about a row, and nothing later does."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.judging.baseline_fits import plain_rows
from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.rows.chosen_past import MOST
from tabular_lstm.rows.past_features import as_rows, candidates
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.timeline import read_sequences
from tests.helpers.histories import TO_SETS, conf_of, raw_of, run

STEPS, DELAY = 3, 2
LABELS: dict[str, dict[str, Any]] = {
    "two classes": {"positive_class": "yes", "negative_class": "no"},
    "classes": {"classes": ["no", "yes", "perhaps"]},
    "a number": {"task": "number"},
}


def columns_of(task: str, categorical: list[str]) -> ColumnsOptions:
    history = {"of": "patient", "order": "day", "steps": STEPS, "known_after": DELAY}
    return ColumnsOptions.model_validate(
        {"label": "worse", **LABELS[task], "categorical": categorical, "history": history}
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


def schema_of(
    task: str, rows: pd.DataFrame | None = None, categorical: Sequence[str] = ("ward",)
) -> Schema:
    columns = columns_of(task, [*categorical])
    cells = raw_of(visits(task) if rows is None else rows)
    schema: Schema = run(TO_SETS, {**conf_of(columns, SplitOptions(test_fraction=0.3)), **cells})[
        "schema"
    ]
    return schema


def every_past_feature(
    rows: pd.DataFrame, schema: Schema, names: Collection[str] = ()
) -> pd.DataFrame:
    """All past features that there may be, or some, of each row: (rows, features)."""
    histories, unchosen = read_sequences(rows, schema), schema.model_copy(update={"row": None})
    compute, named = (
        {name: of_name for group in candidates(histories, some) for name, of_name in group.items()}
        for some in (schema, unchosen)
    )
    return pd.DataFrame({name: compute[name]() for name in names or named})


def faded_weights(days: Any, now: float, half_life: float) -> np.ndarray:
    return np.asarray(0.5 ** ((now - np.asarray(days, float)) / half_life))


def worked_out(rows: pd.DataFrame, row: int, schema: Schema) -> dict[str, float]:
    """The past features of a row, from all rows of its patient."""
    own, of = rows.loc[row], rows[rows["patient"] == rows["patient"][row]]
    now = own["day"]
    earlier = of[of["day"] < now].sort_values("day", kind="stable")
    known = earlier[(earlier["day"] + DELAY <= now) & (earlier["worse"] != "")]
    measured = earlier[earlier["dose"].notna()]
    labels = (known["worse"] == "yes").to_numpy(float)
    half_lives = {"": np.inf, **{f" (half-life {h:g})": h for h in schema.history.half_lives}}

    def of_end(values: Any, place: int) -> float:
        return float(np.asarray(values)[-place]) if len(values) >= place else np.nan

    def counts(name: str, some: pd.DataFrame) -> dict[str, float]:
        return {
            f"{name}, count{period}": faded_weights(some["day"], now, half_life).sum()
            for period, half_life in half_lives.items()
        }

    def amounts(name: str, some: pd.DataFrame, values: Any) -> dict[str, float]:
        made = {}
        for period, half_life in half_lives.items():
            weights = faded_weights(some["day"], now, half_life)
            mean = np.average(values, weights=weights) if len(values) else np.nan
            made |= {f"{name}, mean{period}": mean, f"{name}, sum{period}": weights @ values}
        return made

    def recent_mean(values: Any) -> float:
        """The weight of a value halves after two values, and eight count."""
        weights = 0.5 ** (np.arange(len(values))[::-1] / 2)
        return float(np.average(values[-8:], weights=weights[-8:])) if len(values) else np.nan

    def deviation(half_life: float) -> float:
        if len(doses) < 2 or np.ptp(doses) == 0:
            return np.nan
        weights = faded_weights(measured["day"], now, half_life)
        mean = np.average(doses, weights=weights)
        spread = np.average((doses - mean) ** 2, weights=weights) ** 0.5
        return float((own["dose"] - mean) / spread)

    doses = measured["dose"].to_numpy()
    wards = {ward: earlier[earlier["ward"] == ward] for ward in ("east", "west")}
    return {
        **counts("rows, earlier", earlier),
        "dose, less the one before": own["dose"] - of_end(doses, 1),
        "dose, less the mean before": own["dose"] - (doses.mean() if len(doses) else np.nan),
        "dose, recent mean": recent_mean(doses),
        **{f"dose, deviation from the mean before{p}": deviation(h) for p, h in half_lives.items()},
        "dose, earlier, the last": of_end(doses, 1),
        **amounts("dose, earlier", measured, doses),
        "ward, since the same": now - of_end(wards[own["ward"]]["day"], 1),
        **{
            name: value
            for ward, some in wards.items()
            for name, value in {
                **counts(f"ward: {ward}, earlier", some),
                f"ward: {ward}, earlier, since the last": now - of_end(some["day"], 1),
            }.items()
        },
        **amounts("worse, earlier", known, labels),
        "worse, earlier, recent mean": recent_mean(labels),
        "worse, earlier, 1 before": of_end(labels, 1),
        "worse, earlier, 2 before": of_end(labels, 2),
        **counts("worse, earlier", known),
        "worse, earlier, since the last": now - of_end(known["day"], 1),
        "worse, earlier, since the last 1": now - of_end(known["day"][labels == 1], 1),
    }


def test_a_row_has_what_its_patients_whole_past_says_though_a_history_has_three_rows() -> None:
    # Of rows of one day the order is not the file's: one visit a day tells which label was last.
    rows = visits("two classes").drop_duplicates(["patient", "day"], ignore_index=True)
    schema = schema_of("two classes")
    assert len(schema.history.half_lives) > 1
    made = every_past_feature(rows, schema)
    expected = pd.DataFrame([worked_out(rows, row, schema) for row in rows.index])
    assert {*made} == {*expected}
    np.testing.assert_allclose(made, expected[[*made]], rtol=1e-6, atol=1e-9)
    assert np.isfinite(made).all(axis=1).any()


def test_members_and_baselines_read_the_row_and_the_past_features_that_were_chosen() -> None:
    rows = visits("two classes")
    schema = schema_of("two classes")
    histories = read_sequences(rows, schema)
    made, columns = plain_rows(histories, schema)
    own = ["dose", "born", "ward", "day, since the row before", "day"]
    past = every_past_feature(rows, schema)[columns.features[len(own) :]]
    assert columns.features == [*own, *past]
    assert 0 < len(past.columns) < MOST
    np.testing.assert_array_equal(made[:, len(own) :], past.to_numpy(np.float32))
    np.testing.assert_array_equal(made[:, 0], rows["dose"].to_numpy(np.float32))
    # The members of the network read the same, in four steps.
    sequences = as_rows(histories, schema).reshape(len(rows), -1)
    np.testing.assert_array_equal(sequences[:, : made.shape[1]], made)


def test_a_past_far_from_0_tells_as_much_as_one_near_0() -> None:
    near = visits("a number")
    near["worse"] = (pd.to_numeric(near["worse"]) * 1000).round()
    far = near.assign(**{name: near[name] + 2.0**40 for name in ("dose", "day", "worse")})
    made = []
    for rows in (near, far):
        table = rows.assign(worse=rows["worse"].map("{:.0f}".format).replace("nan", ""))
        schema = schema_of("a number", table)
        made.append(every_past_feature(table, schema))
    assert schema.origin.keys() == {"dose", "day", "worse, earlier"}
    gone = made[0].columns.difference(made[1].columns)  # sums of values without their origin
    assert len(gone)
    assert gone.str.contains(", earlier, sum").all()
    moved = made[1] - made[0][[*made[1]]]
    np.testing.assert_array_equal(made[1].isna(), made[0][[*made[1]]].isna())
    np.testing.assert_allclose(moved.max(), moved.min(), atol=0.01)


@pytest.mark.long
@pytest.mark.parametrize("task", [*LABELS])
def test_no_later_row_no_unknown_label_and_no_other_patient_is_in_it(task: str) -> None:
    rows, schema, rng = visits(task), schema_of(task), np.random.default_rng(1)
    whole = every_past_feature(rows, schema)
    changed = pd.Series(0, whole.columns)
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
        other.loc[later | ~is_patient, "ward"] = "west"
        found = every_past_feature(other, schema, [*whole]).loc[row]
        np.testing.assert_array_equal(found, whole.loc[row])
        # Rows that are gone, of the same day or later, or of other patients, change no bit.
        for gone in (later, ~is_patient):
            left = other[~gone].reset_index(drop=True)
            place = row - int(gone[:row].sum())
            same = every_past_feature(left, schema, [*whole]).loc[place]
            np.testing.assert_array_equal(same, found)
        # What the patient did earlier is in it.
        earlier = is_patient & (day < own["day"])
        other.loc[earlier, "dose"] *= rng.random(earlier.sum())
        other.loc[earlier, "ward"] = rng.permutation(["east", "west"] * len(rows))[: earlier.sum()]
        known = earlier & (day + DELAY <= own["day"])
        other.loc[known, "worse"] = rng.permutation(rows["worse"])[: known.sum()]
        changed += every_past_feature(other, schema, [*whole]).loc[row].fillna(-9) != found.fillna(
            -9
        )
    # Only the counts of all rows and the times of known labels stay what they are.
    unchanged = changed.index[changed == 0]
    assert all(name.startswith("rows, earlier, count") for name in unchanged)


def test_past_features_are_of_columns_that_change_within_a_patient_however_rarely_measured() -> (
    None
):
    rows = visits("two classes").drop_duplicates(["patient", "day"])
    rows = rows[rows["worse"] != ""].reset_index(drop=True)
    number = rows.sort_values("day").groupby("patient").cumcount().sort_index()
    rows["lab"] = np.where(number % 2, np.nan, rows.index)
    rows["home"] = rows["patient"].str[-1]
    schema = schema_of("two classes", rows, categorical=["ward", "home"])
    made = every_past_feature(rows, schema)
    assert [name for name in made if name.endswith(", recent mean")] == [
        "dose, recent mean",
        "lab, recent mean",
        "worse, earlier, recent mean",
    ]
    assert [name for name in made if name.endswith(", since the same")] == ["ward, since the same"]


def test_a_column_of_many_categories_has_no_feature_of_each_of_them() -> None:
    rows = visits("two classes").drop_duplicates(["patient", "day"], ignore_index=True)
    rows["shop"] = [f"s{number % 60}" for number in np.random.default_rng(0).permutation(len(rows))]
    made = every_past_feature(rows, schema_of("two classes", rows, categorical=["ward", "shop"]))
    assert [name for name in made if name.startswith("shop")] == ["shop, since the same"]


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ({"dose, recent mean": 1.0}, "dose, recent mean"),
        ({"ward: a": "b", "ward": "a: b"}, "ward: a: b, earlier, count"),
    ],
)
def test_one_name_for_two_features_is_refused(columns: dict[str, Any], name: str) -> None:
    rows = visits("two classes").assign(**columns)
    texts = [column for column, value in columns.items() if isinstance(value, str)]
    for column in texts:  # else nothing changes within a patient
        rows.loc[::2, column] = "other"
    with pytest.raises(DataError, match=f"Column '{name}' has the same name as a feature that"):
        schema_of("two classes", rows, categorical=sorted({"ward", *texts}))


def test_a_column_is_read_although_a_feature_of_a_column_that_never_changes_has_its_name() -> None:
    rows = visits("two classes")
    rows["born, recent mean"] = np.arange(len(rows)) * 1.0
    schema = schema_of("two classes", rows)
    histories = read_sequences(rows, schema)
    read = as_rows(histories, schema).reshape(len(rows), -1)
    slot = schema.row.features.index("born, recent mean")
    np.testing.assert_array_equal(read[:, slot], rows["born, recent mean"].astype(np.float32))


def test_a_value_that_differed_long_ago_makes_no_infinite_deviation() -> None:
    rows = visits("two classes")
    steady = pd.DataFrame({"patient": "Q", "day": np.arange(40) * 26, "dose": 5.0})
    steady.loc[0, "dose"], steady.loc[39, "dose"] = 9.0, 6.0
    rows = pd.concat([rows, steady.assign(born=1950.0, ward="east", worse="no")], ignore_index=True)
    schema = schema_of("two classes", rows)
    made = every_past_feature(rows, schema).astype(np.float32)
    assert not np.isinf(made.to_numpy()).any()


def test_features_of_every_column_are_tried_however_many_there_are() -> None:
    """Only the label of the visit before, known by then, tells this one's."""
    rows, rng = visits("two classes"), np.random.default_rng(2)
    rows = pd.concat([rows.assign(patient=rows["patient"] + f"-{n}") for n in range(20)])
    rows = rows.sort_values(["patient", "day"], ignore_index=True)
    rows["day"] = rows.groupby("patient").cumcount() * DELAY
    is_new = rng.random(len(rows)) < 0.2
    drawn = pd.Series(rng.choice(["yes", "no"], len(rows)))
    rows["worse"] = drawn.where(is_new | (rows["day"] == 0)).ffill()
    noise = {f"noise {number}": rng.normal(size=len(rows)) for number in range(20)}
    schema = schema_of("two classes", rows.assign(**noise))
    assert [name for name in schema.row.features if name.startswith("worse, earlier")]
