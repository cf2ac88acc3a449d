"""What may be wrong is warned of in one line: possible leaks, copies, spellings."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.rows.data_warnings import (
    doubts_of,
    possible_leaks,
    repeated_test_rows,
    warn_of_spellings,
)
from tabular_lstm.rows.label_measures import measure_of
from tabular_lstm.task import CLASSES, NUMBER, Task
from tests.helpers.decisions import DATA

ROWS = 200


def refused(rows: pd.DataFrame, columns: ColumnsOptions) -> dict[str, float]:
    return possible_leaks(rows, columns)[0]


def asked(rows: pd.DataFrame, columns: ColumnsOptions) -> dict[str, float]:
    return possible_leaks(rows, columns)[1]


def found(rows: pd.DataFrame, columns: ColumnsOptions) -> set[str]:
    return {*refused(rows, columns), *asked(rows, columns)}


def columns_of(**roles: Any) -> ColumnsOptions:
    return ColumnsOptions(label="sick", positive_class=1, negative_class=0, **roles)


def rows_of(count: int = ROWS) -> pd.DataFrame:
    """Rows sorted by their label, with one feature that means nothing."""
    rng = np.random.default_rng(0)
    labels = (np.arange(count) >= count // 2).astype("int64")
    return pd.DataFrame({"noise": rng.normal(size=count), "sick": labels})


def test_the_number_of_rows_sorted_by_their_label_and_codes_are_refused() -> None:
    rows = rows_of()
    assert refused(rows, columns_of()) == {}
    for number in (np.arange(ROWS), -np.arange(ROWS)):
        with_index = rows.assign(**{"Unnamed: 0": number.astype(float)})
        assert refused(with_index, columns_of()) == {"Unnamed: 0": 1}
    codes = np.random.default_rng(3).choice([0, 2, 4], ROWS) + rows["sick"]
    assert refused(rows.assign(status=codes.astype(float)), columns_of()) == {"status": 1}
    # Of several files, each sorted by the label.
    many = rows_of(600)
    labels = np.random.default_rng(3).permutation(many["sick"].to_numpy())
    for files in (2, 3, 5):
        in_turn = np.concatenate([np.sort(part) for part in np.array_split(labels, files)])
        numbered = many.assign(sick=in_turn, record=np.arange(600.0))
        assert refused(numbered, columns_of()).keys() == {"record"}


@pytest.mark.parametrize("missing_class", [0, 1])
def test_whether_a_value_is_missing_may_tell_the_classes_apart(missing_class: int) -> None:
    rows = rows_of()
    known = np.random.default_rng(1).normal(size=ROWS)
    measured = np.where(rows["sick"] == missing_class, np.nan, known)
    assert refused(rows.assign(after=measured), columns_of()) == {"after": 1}
    coded = np.where(np.isnan(measured), 0.0, known)
    assert refused(rows.assign(after=coded), columns_of()) == {"after": 1}, "by value"
    # With a code in the midst of the values, half of them known, only the missing ones tell.
    declared = columns_of(missing={"after": [0]})
    assert refused(rows.assign(after=coded), declared) == {"after": 1}


def test_a_category_is_measured_by_the_other_rows_of_it() -> None:
    rows, rng = rows_of(), np.random.default_rng(2)
    rows = rows.assign(
        ward=np.where(rows["sick"] == 1, "icu", rng.choice(["a", "b"], ROWS)),
        id=[f"P{number}" for number in range(ROWS)],
        one="the same",
        pair=[f"{number // 2}" for number in range(ROWS)],
        town=rng.choice(list("abcdefgh"), ROWS),
        **{"place in town": np.where(rng.random(ROWS) < 0.5, np.nan, 1.0)},
    )
    words = ["ward", "id", "one", "pair", "town"]
    # Two rows of a pair tell each other's label; an id, whose rows are alone, tells nothing.
    assert list(refused(rows, columns_of(categorical=words))) == ["ward", "pair"]


def test_of_histories_a_leak_is_what_tells_the_label_of_a_row_and_not_whose_it_is() -> None:
    """Nobody is sick at first, most who are sick once stay so, and some never are."""
    rng = np.random.default_rng(0)
    of, visit = np.repeat(np.arange(80), 6), np.tile(np.arange(6), 80)
    sick = (visit >= rng.integers(1, 9, 80)[of]) ^ ((visit > 0) & (rng.random(480) < 0.05))
    rows = pd.DataFrame(
        {
            "patient": of.astype(str),
            "visit": visit.astype(float),
            "born": rng.normal(size=80)[of],
            "seen": 1.0 + visit,
            "before": pd.Series(sick.astype(float)).groupby(of).shift(),
            "code": sick + rng.choice([0.0, 2.0], 480),
            "sick": sick.astype("int64"),
        }
    )
    history = {"of": "patient", "order": "visit"}
    columns = ColumnsOptions.model_validate({**columns_of().model_dump(), "history": history})
    for declared in (columns, columns.model_copy(update={"time": "visit", "group": None})):
        assert refused(rows, declared) == {"code": 1}


def test_chance_and_copies_of_rows_are_no_leak() -> None:
    """Among many features of few rows, some rank all rows rightly."""
    rng = np.random.default_rng(6)
    noise = pd.DataFrame(rng.normal(size=(30, 2000))).rename(columns=str)
    for count in (8, 30):
        labels = np.arange(count) % 2
        assert refused(noise[:count].assign(sick=labels), columns_of()) == {}
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(300, 4)), columns=[*"abcd"])
    rows["sick"] = rng.permutation(300) % 2
    for places in (rng.integers(0, 300, 900), np.repeat(np.arange(300), 2)):
        copies = rows.iloc[places].reset_index(drop=True)
        assert refused(copies, columns_of()) == {}
        # And what is one stays one.
        told = copies.assign(after=copies["sick"] * 9 + copies["a"], code=copies["sick"] * 1.0)
        assert refused(told, columns_of()) == {"after": 1, "code": 1}


# Of classes and of a number

ROLES: dict[str, dict[str, Any]] = {
    CLASSES: {"label": "y", "classes": ["bus", "car", "van"]},
    NUMBER: {"label": "y", "task": "number"},
}


def told_by_size(task: str) -> pd.DataFrame:
    """Rows of which one number tells much of the label, but not all."""
    rng = np.random.default_rng(0)
    size = rng.normal(size=600)
    noisy = size + rng.normal(0, 0.5, 600)
    labels = np.digitize(noisy, (-0.5, 0.5)) if task == CLASSES else np.exp(noisy)
    return pd.DataFrame({"size": size, "noise": rng.normal(size=600), "y": labels})


@pytest.mark.parametrize("task", [CLASSES, NUMBER])
def test_a_feature_that_gives_the_label_away_is_a_possible_leak(task: str) -> None:
    rows, rng = told_by_size(task), np.random.default_rng(1)
    assert refused(rows, ColumnsOptions(**ROLES[task])) == {}
    labels = rows["y"].to_numpy()
    order = rng.permutation(3)[labels] if task == CLASSES else np.abs(np.log(labels) - 3)
    sixtieths = np.digitize(labels, np.quantile(labels, np.linspace(0, 1, 60)[1:-1]))
    missing = np.where(rng.random(600) < 0.001, np.nan, labels * 3 - 7)
    codes = np.char.add("c", sixtieths.astype(str))
    leaks = {"after": order + 0.0, "times": missing, "code": codes}
    rows = rows.assign(**leaks, id=[f"P{number}" for number in range(600)])
    measured = refused(rows, ColumnsOptions(**ROLES[task], categorical=["code", "id"]))
    assert measured.keys() == leaks.keys()
    assert max(measured.values()) <= 1
    assert refused(rows.assign(y=labels[0]), ColumnsOptions(**ROLES[task])) == {}


def told_a_little(count: int = 1_000, positive: float = 0.2) -> pd.DataFrame:
    """Rows of two numbers that tell a little of who is sick."""
    rng = np.random.default_rng(0)
    sick = (rng.random(count) < positive).astype("int64")
    return pd.DataFrame({"a": rng.normal(sick), "b": rng.normal(sick), "sick": sick})


@pytest.mark.parametrize("turned", [0, 1])
def test_what_tells_many_rows_of_a_class_and_few_others_is_a_possible_leak(turned: int) -> None:
    rows, rng = told_a_little(), np.random.default_rng(1)
    rows["sick"] = (rows["sick"] == 1 - turned).astype("int64")
    is_sick = rows["sick"].to_numpy() == 1
    drawn, measured = rng.random(len(rows)), rng.normal(size=len(rows))
    words = rng.choice(["new", "old"], len(rows))
    soft = {
        "status": np.where(drawn < np.where(is_sick, 0.9, 0.01), "closed", words),
        "cancelled": np.where(drawn < np.where(is_sick, 0.7, 0.005), measured, np.nan),
        "later": measured + 4 * is_sick,
        "record": np.argsort(np.argsort(is_sick ^ (drawn < 0.03), kind="stable")) * 1.0,
    }
    # A number that separates the classes for all but 3 % of the rows may be honest. And what only
    # rows of the commonest class have does not tell who is of the other.
    honest = {"record", *(["status", "cancelled"] if turned else [])}
    for name, values in soft.items():
        columns = columns_of(categorical=["status"] if name == "status" else [])
        leaking = rows.assign(**{name: values})
        leaks, strong_features = possible_leaks(leaking, columns)
        assert [*leaks] == [name] * (name not in honest)
        assert [*strong_features] == [name] * (name in honest)
        known = columns.model_copy(update={"known_in_time": [name]})
        assert possible_leaks(leaking, known) == ({}, {})
    # Several are found together.
    columns = columns_of(categorical=["status"])
    leaking = rows.assign(status=soft["status"], cancelled=soft["cancelled"])
    assert found(leaking, columns) == {"status", "cancelled"}
    # One that a person declares does not hide the other.
    known = columns.model_copy(update={"known_in_time": ["status"]})
    assert found(leaking, known) == {"cancelled"}


def test_a_number_that_explains_far_more_than_all_others_is_asked_about() -> None:
    rows, columns = told_by_size(NUMBER), ColumnsOptions(**ROLES[NUMBER])
    rng = np.random.default_rng(1)
    labels = np.log(rows["y"])
    later = labels + rng.normal(0, 0.2, len(rows)) * labels.std()
    alone = rows.drop(columns="size").assign(z=0.0, later=later)
    assert refused(alone, columns) == {}
    assert asked(alone, columns).keys() == {"later"}
    # Another feature explains nearly as much.
    assert refused(rows.assign(later=later, z=labels + 0.3), columns).keys() == {"z"}


def test_a_feature_that_tells_one_of_three_classes_is_no_leak() -> None:
    rows, columns = told_by_size(CLASSES), ColumnsOptions(**ROLES[CLASSES])
    rows["petal"] = np.where(rows["y"] == 0, 0.0, np.random.default_rng(2).uniform(1, 2, 600))
    assert refused(rows, columns) == {}
    # Nor does a class of few rows count.
    rare = rows.assign(y=np.where(np.arange(600) < 9, 2, rows["y"].clip(upper=1)))
    assert refused(rare, columns).keys() == {"petal"}
    # Two of several classes are measured as two classes are.
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 2, 600)
    values = labels + rng.normal(size=600)
    two, three = (measure_of(labels, Task.of_classes(range(count))) for count in (2, 3))
    assert three.of_number(values) == pytest.approx(two.of_number(values), abs=0.02)


def test_a_number_that_the_label_is_no_monotone_function_of_is_asked_about() -> None:
    rng, columns = np.random.default_rng(3), ColumnsOptions(**ROLES[NUMBER])
    record = rng.permutation(5_000).astype(float)
    rows = pd.DataFrame({"record": record, "y": np.sin(record / 900)})
    outlier = rows.assign(y=np.where(record == 7, 1e9, rows["y"]))
    for known in (rows, outlier):
        smooth = known.assign(noise=rng.normal(size=len(rows)))
        assert refused(smooth, columns) == {}
        assert asked(smooth, columns).keys() == {"record"}


def weak_features(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    """Features that tell nothing."""
    numbers = {f"weak {place}": rng.normal(size=count) for place in range(4)}
    return {**numbers, "kind": rng.choice([*"abcde"], count)}


def strong_feature(rng: np.random.Generator, name: str, count: int = 3_000) -> pd.DataFrame:
    """A feature that is known before the label and tells much of it, beside weak ones."""
    drawn, coin, weak = rng.random(count), rng.random(count), weak_features(rng, count)
    if name == "age":
        values = rng.integers(18, 100, count).astype(float)
        label = drawn < 0.55 / (1 + np.exp((74 - values) / 3))
    elif name == "contract":
        label, terms = drawn < 0.27, ["month", "year", "two years"]
        of_left, of_others = (
            rng.choice(terms, count, p=shares) for shares in ([0.74, 0.255, 0.005], [0.3, 0.1, 0.6])
        )
        values = np.where(label, of_left, of_others)
    elif name == "days overdue":
        label = drawn < 0.15
        is_late = coin > np.where(label, 0.28, 0.98)
        values = (rng.gamma(1.3, 20, count) * is_late).round()
    elif name == "amount":
        label = drawn < 0.1
        common = np.where(coin < 0.7, rng.normal(3, 0.9, count), rng.normal(5.8, 0.9, count))
        values = np.exp(np.where(label, rng.normal(5.7, 0.3, count), common)).round(2)
    else:
        values = rng.uniform(-1, 1, count)
        label = drawn < np.interp(values, [-0.2, 0.8], [0.002, 0.8])
    return pd.DataFrame({name: values, **weak, "sick": label.astype("int64")})


@pytest.mark.parametrize("name", ["age", "contract", "days overdue", "amount", "score"])
def test_a_strong_feature_that_is_known_before_the_label_is_asked_about_and_not_refused(
    name: str,
) -> None:
    rows = strong_feature(np.random.default_rng(0), name)
    columns = columns_of(categorical=["kind", *(["contract"] if name == "contract" else [])])
    leaks, strong_features = possible_leaks(rows, columns)
    assert leaks == {}
    assert [*strong_features] == [name]
    assert 0.6 < strong_features[name] < 0.93


@pytest.mark.long
@pytest.mark.parametrize("decimals", [0, 2])
@pytest.mark.parametrize("order", ["by day", "rising", "of meters", "of shops"])
def test_yesterdays_price_is_asked_about_however_well_it_tells_todays(
    order: str, decimals: int
) -> None:
    rng, count = np.random.default_rng(0), 4_000
    prices = (200 * np.exp(np.cumsum(rng.normal(0, 0.012, count + 1)))).round(decimals)
    dates = np.datetime64("2010-01-01", "s") + np.arange(count) * np.timedelta64(86_400, "s")
    rows = pd.DataFrame({"yesterday": prices[:-1], "day": dates, "y": prices[1:]})
    rows = rows.assign(**weak_features(rng, count))
    roles: dict[str, Any] = {"categorical": ["kind"], "dates": ["day"]}
    if order == "of shops":
        rows["shop"] = [f"s{place // 20}" for place in range(count)]
        roles["history"] = {"of": "shop", "order": "day"}
        days = np.arange(count) % 20  # the shops open on one day, and the file is in no order
        rows = rows.assign(day=dates[days]).iloc[rng.permutation(count)]
    elif order == "rising":
        rises = rng.integers(1, 9, count + 1).cumsum() / 10.0
        rows = rows.assign(yesterday=rises[:-1], y=rises[1:], day=dates[0])
    elif order == "of meters":  # whose readings only rise
        roles["history"] = {"of": "meter", "order": "day"}
        rises = rng.integers(0, 9, (80, 51)).cumsum(1) + rng.integers(0, 9_000, (80, 1)) + 0.0
        rows = rows.assign(yesterday=rises[:, :-1].ravel(), y=rises[:, 1:].ravel())
        days = dates[np.arange(count) % 50]
        rows = rows.assign(meter=np.arange(count) // 50, day=days).iloc[rng.permutation(count)]
    columns = ColumnsOptions.model_validate({**ROLES[NUMBER], **roles})
    leaks, strong_features = possible_leaks(rows, columns)
    assert leaks == {}
    assert strong_features["yesterday"] > 0.996
    # The label in another unit is a leak all the same, and so it is with a few errors.
    close = np.where(rng.random(len(rows)) < 0.02, rows["yesterday"], rows["y"] * 1.07)
    assert refused(rows.assign(close=close), columns).keys() == {"close"}


@pytest.mark.long
@pytest.mark.parametrize("order", ["as drawn", "rising", "falling", "a walk"])
def test_a_whole_number_a_few_units_off_or_rounded_is_a_leak_though_labels_repeat(
    order: str,
) -> None:
    rng, count, columns = np.random.default_rng(1), 1_500, ColumnsOptions(**ROLES[NUMBER])
    minutes = np.round(np.exp(rng.normal(size=count) / 1.5) * 100)
    if order == "a walk":  # by a step up or down, or none
        minutes = 500 + np.cumsum(rng.integers(-1, 2, count)) * 5.0
    elif order != "as drawn":
        minutes = np.sort(minutes)[:: 1 if order == "rising" else -1]
    rows = pd.DataFrame({"y": minutes, "x": rng.normal(size=count), "z": rng.normal(size=count)})
    leaks = {
        "one more": minutes + 1,
        "one less": minutes - 1,
        "five more": minutes + 5,
        "one or two more": minutes + rng.integers(1, 3, count),
        "up to two off": minutes + rng.integers(-2, 3, count),
        "rounded": np.round(minutes / 5) * 5,
        "with errors": np.where(rng.random(count) < 0.02, rng.permutation(minutes), minutes),
    }
    for name, leak in leaks.items():
        assert refused(rows.assign(paid=leak), columns).keys() == {"paid"}, name
    # With one decimal, and of two values.
    tenths = minutes + rng.integers(0, 10, count) / 10
    for leak in (tenths.round(), (tenths + 0.1).round(1)):
        assert refused(rows.assign(y=tenths, paid=leak), columns).keys() == {"paid"}
    is_long = (minutes > np.median(minutes)) * 1.0
    assert refused(rows.assign(y=is_long, short=1 - is_long), columns).keys() == {"short"}


def test_where_a_class_has_few_rows_a_feature_that_settles_it_is_asked_about() -> None:
    """No model is promoted with so few rows of a class, and a finding may settle a disease."""
    rows = rows_of(400).assign(sick=(np.arange(400) < 20).astype("int64"))
    rows["finding"] = rows["sick"] * 2.0
    assert possible_leaks(rows, columns_of()) == ({}, {"finding": 1})
    more = rows.assign(sick=(np.arange(400) < 40).astype("int64"), finding=0.0)
    more["finding"] = more["sick"] * 2.0
    assert possible_leaks(more, columns_of()) == ({"finding": 1}, {})


def test_a_number_of_which_most_labels_are_equal_is_told_only_with_the_others() -> None:
    rng = np.random.default_rng(0)
    claims = np.where(rng.random(2_000) < 0.03, rng.lognormal(6, 1, 2_000), 0)
    rows = pd.DataFrame({"y": claims, "kind": rng.choice([*"ab"], 2_000), "x": rng.random(2_000)})
    columns = ColumnsOptions(**ROLES[NUMBER], categorical=["kind"])
    assert possible_leaks(rows, columns) == ({}, {})
    assert refused(rows.assign(paid=claims * 0.9), columns).keys() == {"paid"}


def test_test_rows_with_the_features_of_a_train_row_are_counted() -> None:
    sexes: dict[str, Any] = {"sex": list("fmf"), "sick": 0}
    train = pd.DataFrame({"id": list("abc"), "age": [1.0, 2, 3], **sexes})
    test = pd.DataFrame({"id": list("xyz"), "age": [1.0, 2, 9], **sexes})
    for role in ("key", "group", "time"):
        assert repeated_test_rows(train, test, columns_of(categorical=["sex"], **{role: "id"})) == 2
    # A code and a blank are the same to the network.
    coded = columns_of(categorical=["sex"], key="id", missing={"age": [1]})
    assert repeated_test_rows(train, test.assign(age=[float("nan"), 2, 3]), coded) == 3
    assert repeated_test_rows(train, test, columns_of(categorical=["id", "sex"])) == 0


@pytest.mark.parametrize(
    ("one", "other", "warned"),
    [
        ("ACME", "acme", True),
        ("u\u0308", "\u00fc", True),
        ("A B", "A\u00a0B", True),
        ("007", "7", True),
        ("A-1", "A1", False),
    ],
)
def test_texts_that_people_take_for_one_are_named(
    one: str, other: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    texts = pd.Series(["K1", one, other, one], dtype="str")
    rows = pd.DataFrame({"id": texts, "town": texts})
    warn_of_spellings(rows, columns_of(key="id", categorical=["town"]), "rows.csv")
    assert ["of 2. If they mean the same" in said for said in caplog.messages] == [True] * warned


def test_the_advice_on_a_leak_can_be_copied_into_conf() -> None:
    names = ["closed: when", "days, since", "2024", "yes", "#id", "x" * 60]
    data = DATA.model_copy(update={"possible_leaks": dict.fromkeys(names, 0.99)})
    (doubt,) = doubts_of(data)
    ignored, known = re.findall(r"columns\.\w+: \[.*?\](?=\.|$)", doubt)
    assert [*yaml.safe_load(ignored).values()] == [names] == [*yaml.safe_load(known).values()]
