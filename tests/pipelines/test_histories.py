"""Histories from raw rows to sequences, by the nodes: which rows are in them, and which are not."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.network.fit import fingerprint_network
from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.pipelines.evaluation.nodes import predict_with_candidate
from tabular_lstm.pipelines.reshaping.nodes import reshape, split_features_from_label
from tabular_lstm.pipelines.training.nodes import fingerprint_train_rows
from tests.helpers.histories import TO_SETS, bits, conf_of, history_of, raw_of, run
from tests.helpers.networks import ensemble_of

PATIENTS, VISITS = 30, 5
COLUMNS = ColumnsOptions.model_validate(
    {
        "label": "sick",
        "positive_class": "yes",
        "negative_class": "no",
        "weight": "counts",
        "history": {"of": "patient", "order": "visit"},
    }
)
BY_TIME = COLUMNS.model_copy(update={"time": "visit", "group": None})
HALVES, FROM_4 = (
    SplitOptions(test_fraction=0.5),
    SplitOptions.model_validate({"kind": "time", "from": 4}),
)


def visits() -> pd.DataFrame:
    """Five visits of each patient, on the days 1 to 5; each has a `dose` of its own."""
    place = np.arange(PATIENTS * VISITS)
    of, day = place // VISITS, place % VISITS + 1
    return pd.DataFrame(
        {
            "patient": [f"P{n}" for n in of],
            "visit": day.astype(str),
            "dose": (100 * of + day).astype(str),
            "counts": "1",
            "sick": np.where(of % 2, "yes", "no"),
        }
    )


def sets_of(
    cells: pd.DataFrame, columns: ColumnsOptions = COLUMNS, split: SplitOptions = HALVES
) -> Any:
    return run(TO_SETS, {**conf_of(columns, split), **raw_of(cells)})


def doses(made: dict[str, Any], row: Any) -> list[float]:
    """What a history holds, the row itself last."""
    place = made["schema"].features.index("dose")
    return [float(dose) for dose in history_of(made, row).dense()[0, :, place]]


# The third visit of the second patient, and the last one, which it is history of.
THIRD, LAST = 7, 10


@pytest.mark.parametrize(
    ("column", "cell", "reason", "label"),
    [
        ("dose", "much", "dose: 'much' is not a number", "yes"),
        ("patient", "", "patient: no customer", "yes"),
        ("visit", "", "visit: no time", ""),
        ("visit", "soon", "visit: 'soon' is neither an ISO date nor a number", ""),
    ],
)
def test_a_bad_row_is_left_out_of_histories_and_their_examples_are_kept(
    column: str, cell: str, reason: str, label: str
) -> None:
    cells = visits()
    cells.loc[THIRD, [column, "sick"]] = cell, label
    made = sets_of(cells)
    assert made["quarantined_rows"][["row", "reason"]].to_numpy().tolist() == [[THIRD + 1, reason]]
    summary = made["data_summary"]
    assert (summary.rows, summary.quarantined_rows, summary.unlabelled_rows) == (len(cells), 1, 0)
    assert summary.train_rows + summary.test_rows == len(cells) - 1
    assert doses(made, LAST) == [101, 102, 104, 105]
    # It is as if it had never been there: the gap of the next visit is two days.
    without = sets_of(cells.drop(index=THIRD))
    assert bits(history_of(made, LAST)) == bits(history_of(without, LAST - 1))
    # Where all rows are read, a few bad ones among many do not stop a run for few labels.
    cells.loc[cells["visit"] != "4", "sick"] = ""
    source = sets_of(cells)["valid_rows"].source
    assert source.quarantined_rows / source.labelled_rows == 1 / len(cells)


def test_rows_without_label_or_weight_are_history_and_no_example() -> None:
    whole = sets_of(visits())
    for column, cell in (("sick", ""), ("counts", "0")):
        cells = visits()
        cells.loc[THIRD, column] = cell
        made = sets_of(cells)
        assert made["history_rows"].index.tolist() == [THIRD + 1]
        with pytest.raises(KeyError):
            history_of(made, THIRD + 1)
        assert bits(history_of(made, LAST)) == bits(history_of(whole, LAST))
        summary = made["data_summary"]
        assert summary.unlabelled_rows + summary.weightless_rows == 1
        assert summary.train_rows + summary.test_rows == len(cells) - 1


ABSENT = "column '{}' is not in the file.*'{}'.*under columns.history"


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({"of": "patients"}, ABSENT.format("patients", "patient")),
        ({"order": "visits"}, ABSENT.format("visits", "visit")),
        ({"known_after": "30 days"}, "'30 days', but the times in 'visit' are numbers: expected a"),
        ({}, r"'visit', the order of histories: numbers of 2\^53 or"),
    ],
)
def test_what_the_rows_do_not_have_is_refused_by_name(
    history: dict[str, Any], message: str
) -> None:
    cells = visits()
    if not history:  # numbers of time that cannot be told apart
        cells["visit"] = "176722560000000000" + cells["visit"]
    declared = COLUMNS.model_dump(exclude={"history", "group"}, exclude_none=True)
    declared["history"] = {"of": "patient", "order": "visit", **history}
    with pytest.raises(DataError, match=message):
        sets_of(cells, ColumnsOptions.model_validate(declared))


def test_of_dates_a_delay_that_is_a_number_is_of_days() -> None:
    cells = visits()
    cells["visit"] = "2026-01-0" + cells["visit"]
    days, hours, more = (
        bits(history_of(sets_of(cells, COLUMNS.model_copy(update={"history": history})), LAST))
        for history in (
            COLUMNS.history.model_copy(update={"known_after": delay})
            for delay in (2.0, "48 hours", 3.0)
        )
    )
    assert days == hours != more


def test_a_customer_stays_on_one_side_as_histories_grow_and_rows_change_places() -> None:
    def sides(cells: pd.DataFrame) -> dict[str, str]:
        made = sets_of(cells)
        of = {side: {*made[f"{side}_rows"]["patient"]} for side in ("train", "test")}
        assert of["train"].isdisjoint(of["test"])
        assert min(map(len, of.values())) > 5
        return {patient: side for side, patients in of.items() for patient in patients}

    cells = visits()
    before = sides(cells)
    newer = cells.assign(visit="6", dose="9")
    another = cells.assign(patient="Q" + cells["patient"])
    after = sides(pd.concat([newer, another, cells]).sample(frac=1, random_state=0))
    assert {patient: after[patient] for patient in before} == before
    assert len(after) == 2 * PATIENTS


def test_by_time_the_boundary_is_on_the_examples_own_row_and_train_rows_are_its_history() -> None:
    made = sets_of(visits(), BY_TIME, FROM_4)
    assert {*made["test_rows"]["visit"]} == {4, 5}
    assert doses(made, LAST) == [101, 102, 103, 104, 105]
    assert doses(made, LAST - 1) == [101, 102, 103, 104]
    assert doses(made, THIRD + 1) == [101, 102, 103]
    assert made["train_set"].sequences.lengths.tolist() == [1, 2, 3] * PATIENTS
    assert made["test_set"].sequences.lengths.tolist() == [4, 5] * PATIENTS


def test_a_later_row_of_a_customer_that_was_trained_on_is_refused_as_test_row() -> None:
    made = sets_of(visits())
    train_set, schema, candidate = made["train_set"], made["schema"], ensemble_of(made["schema"])
    training_log = {"trained_on": train_set.fingerprint, "learned": fingerprint_network(candidate)}
    fingerprints = fingerprint_train_rows(train_set)

    def predicted(test_rows: pd.DataFrame) -> pd.DataFrame:
        test_set = reshape(split_features_from_label(test_rows, schema, COLUMNS))
        return predict_with_candidate(candidate, training_log, fingerprints, train_set, test_set)

    assert len(predicted(made["test_rows"])) == len(made["test_rows"])
    later = made["train_rows"].iloc[[0]].assign(visit=9.0, dose=-1.0).set_axis([151])
    with pytest.raises(DataError, match=r"Test row 151: .*trained on rows with the same patient"):
        predicted(pd.concat([made["test_rows"], later]))


def test_superseded_rows_are_in_no_history_whether_they_have_a_label_or_not() -> None:
    """Of a folder's files: a label that comes later, one that is corrected, and one that stays."""
    cells = visits().assign(id=[f"K{n}" for n in range(PATIENTS * VISITS)])
    first = cells.copy()
    first.loc[[5, 6, 8], "sick"] = ""
    again = cells.loc[5:8].assign(dose=["5", "6", "7", "8"], sick=["yes", "", "no", ""])
    again = pd.concat([again, cells.loc[[9]].assign(dose="9", sick="")])
    names = [f"1.csv:{n}" for n in range(1, len(first) + 1)]
    names += [f"2.csv:{n}" for n in range(1, len(again) + 1)]
    both = pd.concat([first, again]).set_axis(pd.Index(names, name="row"))
    columns = COLUMNS.model_copy(update={"key": "id"})
    raw = raw_of(both, "1.csv", "2.csv")
    made = run(TO_SETS, {**conf_of(columns, HALVES), **raw})
    # The fifth visit has its label of the first file, and so the cells of that.
    assert doses(made, "1.csv:10") == [5, 6, 7, 8, 105]
    assert made["history_rows"].index.tolist() == ["2.csv:2", "2.csv:4"]
    summary = made["data_summary"]
    assert (summary.superseded_rows, summary.unlabelled_rows) == (5, 2)
    assert summary.train_rows + summary.test_rows == PATIENTS * VISITS - 2


def test_what_may_be_a_mistake_in_a_history_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """A customer that is spelt otherwise without a label; a row that is there again with one."""
    cells = visits()
    earlier = cells["visit"] != "5"
    cells["patient"] = cells["patient"].where(~earlier, cells["patient"].str.lower())
    cells.loc[earlier, "sick"] = ""
    assert {*sets_of(cells)["train_set"].sequences.lengths} == {1}
    assert "'p0' and 'P0'" in caplog.text or "'P0' and 'p0'" in caplog.text

    cells = visits().assign(id=[f"K{n}" for n in range(PATIENTS * VISITS)])
    columns = COLUMNS.model_copy(update={"key": "id"})
    sets_of(cells, columns)
    assert "the key, has" not in caplog.text
    again = cells.loc[[THIRD]].assign(sick="")
    made = sets_of(pd.concat([cells, again], ignore_index=True), columns)
    assert doses(made, LAST).count(103) == 2
    words = "'id', the key, has only 150 different values in 151 rows, and every row counts. If"
    assert words in caplog.text


def test_a_second_column_orders_rows_of_one_time_and_changes_nothing_else() -> None:
    # The visits 2 and 3 are on one day, and so are 4 and 5; 5 comes before 4.
    visit = visits()["visit"]
    cells = visits().assign(
        visit=visit.map(dict(zip("12345", "12244", strict=True))),
        line=visit.map(dict(zip("12345", ["1", "1.0", "2", "20", "3"], strict=True))),
    )
    made = sets_of(cells, with_history({"then": "line"}, []))
    assert made["schema"].features == ["dose", "visit, since the row before", "visit"]
    histories = {row: doses(made, row) for row in range(THIRD - 1, LAST + 1)}
    assert histories == {
        6: [101],
        7: [101, 102],
        8: [101, 102, 103],
        9: [101, 102, 103, 105, 104],
        10: [101, 102, 103, 105],
    }
    gap = made["schema"].features.index("visit, since the row before")
    assert history_of(made, 9).dense()[0, 1:, gap].tolist() == [1, 0, 2, 0]
    without = sets_of(cells.drop(columns="line"))
    assert doses(without, 9) == [101, 102, 103, 104]
    # Of equal rows of one day the last line judges, whatever its place in the file.
    again = pd.concat([cells, cells[cells["line"] == "20"].assign(line="10")], ignore_index=True)
    judging = sets_of(again, with_history({"then": "line", "known_after": 2.0}, []))
    assert {*judging["test_set"].judged_rows["line"]} == {2, 20}
    # A row without a label is history of one of the same day.
    cells.loc[LAST - 1, "sick"] = ""
    made = sets_of(cells, with_history({"then": "line"}, []))
    assert doses(made, LAST - 1) == histories[LAST - 1]
    # So it is something new to a retraining if it changes.
    cells.loc[LAST - 1, "dose"] = "7"
    other = sets_of(cells, with_history({"then": "line"}, []))
    assert other["data_summary"].rows_sha256 != made["data_summary"].rows_sha256
    cells.loc[THIRD, "line"] = ""
    made = sets_of(cells, with_history({"then": "line"}, []))
    assert made["quarantined_rows"]["reason"].tolist() == ["line: no time"]


def with_history(history: dict[str, Any], categorical: list[str]) -> ColumnsOptions:
    declared = COLUMNS.history.model_copy(update=history)
    return COLUMNS.model_copy(update={"history": declared, "categorical": categorical})


def judged_days(cells: pd.DataFrame, **history: Any) -> tuple[str, set[float]]:
    """Give which test rows judge, and the days of their visits."""
    made = sets_of(cells, with_history(history, [*{"kind"} & {*cells}]))
    test_set = made["test_set"]
    return test_set.judging.definition, {*test_set.judged_rows["visit"]}


def test_the_rows_that_judge_are_those_that_a_scoring_would_have_predicted() -> None:
    cells = visits()
    # The last row of two days, back from the newest, without the first third of the time.
    assert judged_days(cells, known_after=2.0) == ("last rows", {3, 5})
    # Where the newest labels have not come, a scoring two days ago is the newest one.
    unlabelled = cells.assign(sick=cells["sick"].where(cells["visit"] != "5", ""))
    assert judged_days(unlabelled, known_after=2.0) == ("last rows", {3})
    # A patient's last row counts even if another patient came later.
    first_patient = sets_of(cells)["train_rows"]["patient"].iloc[0]
    earlier = cells[(cells["visit"] < "4") | (cells["patient"] == first_patient)]
    assert judged_days(earlier, known_after=10.0) == ("last rows", {3})
    # Without a delay, the usual time between two visits counts.
    assert judged_days(cells) == ("last rows", {3, 4, 5})
    # Where each patient has one visit, no history is shorter than today's.
    assert judged_days(cells.drop_duplicates("patient"), known_after=1.0) == ("last rows", {1})
    # If no label came in time, all rows judge.
    assert judged_days(unlabelled, known_after=10.0) == ("all rows", {1, 2, 3, 4})


def test_marked_rows_judge_and_a_training_does_not_need_the_mark() -> None:
    cells = visits().assign(due=np.where(visits()["visit"] == "2", "Yes", ""))
    assert judged_days(cells, predict="due") == ("marked rows", {2})
    for without_marks in (cells.assign(due=""), visits()):
        last = judged_days(without_marks, predict="due", known_after=2.0)
        assert last == ("last rows", {3, 5})
    declared = COLUMNS.history.model_copy(update={"predict": "due"})
    marked = sets_of(cells, COLUMNS.model_copy(update={"history": declared}))
    assert bits(marked["test_set"].sequences) == bits(sets_of(visits())["test_set"].sequences)


def test_the_last_rows_of_some_values_judge_and_the_column_is_a_feature_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kind = visits()["visit"].map(lambda visit: "call" if visit in "25" else "order")
    cells = visits().assign(kind=kind, sick=visits()["sick"].where(kind == "order", ""))
    orders = {"predict": {"kind": ["order"]}}
    # Every two days: calls have no labels, so those of the newest orders have come.
    assert judged_days(cells, known_after=2.0, **orders) == ("chosen last rows", {4})
    assert judged_days(cells, known_after=1.0, **orders) == ("chosen last rows", {3, 4})
    # Without a delay, the usual time between two orders counts: a day and a half.
    assert judged_days(cells, **orders) == ("chosen last rows", {4})
    both = judged_days(cells.assign(sick=visits()["sick"]), predict={"kind": ["order", "call"]})
    assert both == ("chosen last rows", {3, 4, 5})
    numbers = cells.assign(kind=np.where(kind == "order", "1.0", "2"))
    assert judged_days(numbers, predict={"kind": [1]}) == ("chosen last rows", {4})
    made, plain = (sets_of(cells, with_history(of, ["kind"])) for of in (orders, {}))
    assert bits(made["test_set"].sequences) == bits(plain["test_set"].sequences)
    assert "kind" in made["schema"].categories
    assert caplog.text.count("none of them has a label") == 1  # not if only orders have any
    # A column that is no feature chooses them as well.
    ignored = with_history(orders, []).model_copy(update={"ignore": ["kind"]})
    assert {*sets_of(cells, ignored)["test_set"].judged_rows["visit"]} == {4}


def test_values_of_no_labelled_row_are_refused_and_so_is_a_column_that_is_missing() -> None:
    cells = visits().assign(kind="order")
    with pytest.raises(DataError, match=r"predict is \{'kind': \['ordr'\]\}: none of the \d+ lab"):
        judged_days(cells, predict={"kind": ["ordr"]})
    with pytest.raises(DataError, match=r"column 'kind' is not in the file.*columns\.history"):
        judged_days(visits(), predict={"kind": ["order"]})


def test_of_equal_rows_no_label_decides_which_one_judges() -> None:
    cells = visits()
    cells["visit"], cells["dose"] = "1", "7"
    cells["sick"] = np.where(np.random.default_rng(0).random(len(cells)) < 0.3, "yes", "no")
    declared = COLUMNS.history.model_copy(update={"known_after": 1.0})
    test_set = sets_of(cells, COLUMNS.model_copy(update={"history": declared}))["test_set"]
    # Of a patient's five equal visits one judges: the last in the file, as in a scoring.
    judging = [*test_set.labels.index[test_set.judged]]
    assert judging == [row for row in test_set.labels.index if row % VISITS == 0]
