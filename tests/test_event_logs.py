"""An event log from raw rows to a scoring: labels on one kind of event, known late."""

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tests.helpers.commands import RETRAINING, here, succeeds
from tests.helpers.event_log import COLUMNS, event_log
from tests.helpers.histories import TO_SETS, conf_of, raw_of, run
from tests.helpers.once import Once
from tests.helpers.outputs import document
from tests.helpers.pages import Parsed
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.scorings import SCORING, predictions_of, rows_at

HALVES = SplitOptions(test_fraction=0.5)
LOG = ColumnsOptions.model_validate(COLUMNS)


def test_a_schema_learns_from_every_row_of_the_train_side_and_from_no_other() -> None:
    """Each customer has an event and an amount of its own, in a row without a label."""
    rows = event_log(40)
    mark = rows.drop_duplicates("customer").assign(cancelled="", day="2026-03-01")
    mark = mark.assign(event="only " + mark["customer"], minutes=1000.0 + np.arange(len(mark)))
    rows = pd.concat([rows, mark], ignore_index=True)
    made = run(TO_SETS, {**conf_of(LOG, HALVES), **raw_of(rows)})
    trained = {*made["train_rows"]["customer"]}
    assert 10 < len(trained) < 30
    schema = made["schema"]
    kinds = {"order", "call", "visit"}
    assert {*schema.categories["event"]} == {f"only {customer}" for customer in trained} | kinds
    minutes = mark["minutes"][mark["customer"].isin(trained)]
    assert schema.quantiles["minutes"][-1] == minutes.max()
    # The label is on orders alone, which have no minutes; it has what the labelled rows say.
    assert (made["train_rows"]["event"] == "order").all()
    assert 0 < schema.variance[schema.features.index("cancelled, earlier")] < 0.26


def test_in_a_split_by_time_no_later_row_is_learned_from() -> None:
    rows = event_log(40)
    rows.loc[rows["day"] > "2026-04-01", "event"] += ", late"
    by_time = LOG.model_copy(update={"time": "day", "group": None})
    split = SplitOptions.model_validate({"kind": "time", "from": "2026-04-01"})
    made = run(TO_SETS, {**conf_of(by_time, split), **raw_of(rows)})
    assert made["schema"].categories["event"] == ["call", "order", "visit"]


def test_half_lives_are_quantiles_of_the_time_between_two_rows() -> None:
    rows = event_log(40).drop_duplicates(["customer", "day"])
    made = run(TO_SETS, {**conf_of(LOG, HALVES), **raw_of(rows)})
    of_train = rows[rows["customer"].isin(made["train_rows"]["customer"])]
    days = pd.to_datetime(of_train["day"])
    gaps = days.sort_values().groupby(of_train["customer"]).diff().dt.days
    expected = gaps.quantile([0.25, 0.5, 0.9], "nearest").tolist()
    np.testing.assert_allclose(made["schema"].history.half_lives, expected)


def test_half_lives_may_be_a_part_of_a_day() -> None:
    rows = event_log(40)
    days = pd.to_datetime(rows["day"])
    rows["day"] = (days[0] + (days - days[0]) / 1000).dt.strftime("%FT%T")
    made = run(TO_SETS, {**conf_of(LOG, HALVES), **raw_of(rows)})
    half_lives = made["schema"].history.half_lives
    assert len(half_lives) == 3
    assert max(half_lives) < 0.1


def test_half_lives_are_not_those_of_rows_that_a_second_column_orders() -> None:
    rows = event_log(40)
    rows = pd.concat([rows] * 9, ignore_index=True)
    rows["line"] = np.arange(len(rows)).astype(str)
    history = {**COLUMNS["history"], "order": ["day", "line"]}
    log = ColumnsOptions.model_validate({**COLUMNS, "history": history})
    made = run(TO_SETS, {**conf_of(log, HALVES), **raw_of(rows)})
    assert min(made["schema"].history.half_lives) >= 1


def test_the_past_features_that_tell_something_are_chosen() -> None:
    made = run(TO_SETS, {**conf_of(LOG, HALVES), **raw_of(event_log(150))})
    chosen = [name for name in made["schema"].row.features if name.startswith("event: call")]
    assert [name for name in chosen if ", count" in name]


def test_few_of_many_rows_past_features_are_chosen_if_one_tells_everything() -> None:
    """There are more rows than choose, and most candidates are noise."""
    draw = np.random.default_rng(0)
    rows = pd.DataFrame({"customer": np.repeat(np.arange(6000), 8), "day": np.tile(range(8), 6000)})
    rows[["amount", "noise", "more_noise"]] = draw.normal(size=(len(rows), 3)).round(3)
    before = rows["amount"].shift(fill_value=0) + draw.normal(0, 0.5, len(rows))
    rows["cancelled"] = np.where(before > 0, "1", "0")
    columns = {**COLUMNS, "categorical": []}
    columns["history"] = {"of": "customer", "order": "day"}
    log = ColumnsOptions.model_validate(columns)
    schema = run(TO_SETS, {**conf_of(log, HALVES), **raw_of(rows.astype(str))})["schema"]
    past = [name for name in schema.row.features if name not in schema.features]
    assert "amount, earlier, the last" in past
    assert len(past) < 20


@pytest.fixture
def shop(project: Project, once: Once) -> Project:
    """A project whose champion predicts of each customer the last order."""

    def retrain() -> None:
        event_log().to_csv(project.raw, index=False)
        columns = {**COLUMNS, "history": {**COLUMNS["history"], "predict": {"event": "order"}}}
        declare(project, **QUICK, columns=columns, split={"test_fraction": 0.3})
        succeeds(here(*RETRAINING))

    return once("a shop", project, retrain)


def moved(project: Project, rows: pd.DataFrame) -> list[str]:
    """Score rows, and name the features and scores that moved."""
    rows.to_csv(project.path / "new.csv", index=False)
    succeeds(here(*SCORING, *rows_at(project.path / "new.csv", "monitoring.exit_on_alarm=0")))
    drift = document(project, "08_reporting/scoring_drift.json")
    shifts = {**drift["features"], **drift["scores"]}
    return [name for name, shift in shifts.items() if shift["moved"]]


@pytest.mark.long
def test_what_happens_to_rows_that_are_not_predicted_is_no_drift(shop: Project) -> None:
    rows = event_log(150, seed=1)
    is_order = rows["event"] == "order"
    rows.loc[~is_order, "minutes"] = rows["minutes"] * 9
    more_visits = pd.concat([rows, *[rows[rows["event"] == "visit"]] * 5])
    assert moved(shop, more_visits) == []
    last = rows[is_order].sort_values("day").drop_duplicates("customer", keep="last")
    found = predictions_of(shop)
    assert {*found["customer"]} == {*last["customer"]}
    rows.loc[is_order, "amount"] *= 9
    assert "amount" in moved(shop, rows)
    rows = event_log(150, seed=1)
    rows.loc[rows["event"].eq("order") & (rows.index % 3 == 0), "event"] = "ORDER"
    assert "event" in moved(shop, rows)


@pytest.mark.long
def test_the_report_has_the_range_of_each_past_feature_and_none_of_the_label(shop: Project) -> None:
    page = Parsed(shop.versions("08_reporting/report.html")[-1].read_text()).text
    features, past = page.split("The features")[-1].split("What the past says")
    assert "cancelled, earlier" not in features
    schema = document(shop, "04_feature/schema.json")
    names = [n for n in schema["row"]["features"] if n not in schema["features"]]
    assert names
    assert all(name in past for name in names)
