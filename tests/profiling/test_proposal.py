"""What is proposed for a column, and what is said to be unsure."""

from typing import Any

import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Columns, Split, Validation
from tabular_lstm.profiling.layout import Layout
from tabular_lstm.profiling.page import page
from tabular_lstm.profiling.proposal import Proposal, propose
from tabular_lstm.profiling.trial import stop_of, tried
from tabular_lstm.rows.data_summary import Source
from tabular_lstm.rows.number_format import POINT
from tabular_lstm.rows.sides import sides_of
from tabular_lstm.rows.validation import read_rows
from tests.helpers.profiles import profile

COUNT = 60
LABEL = {"y": [0, 0, 1] * 20}
SPREAD = [(x * 37) % 101 for x in range(COUNT)]
OTHERS = {"age": [20 + x % 45 for x in range(COUNT)], **LABEL}


def proposal(columns: dict[str, list[Any]], **told: str) -> Proposal:
    return propose(profile({**columns, **OTHERS}), **told)


def rows(columns: dict[str, list[Any]]) -> pd.DataFrame:
    """Text cells, as a run reads them."""
    cells = pd.DataFrame(columns).astype(str)
    cells.index = pd.RangeIndex(1, len(cells) + 1, name="row")
    return cells


def doubts(found: Proposal, name: str) -> str:
    return " ".join(said for said, names in found.unsure.items() if name in names)


@pytest.mark.parametrize(
    ("name", "values", "role"),
    [
        ("height", SPREAD, "number"),
        ("color", ["red", "blue", "green"] * 20, "categorical"),
        ("smokes", ["yes", "no"] * 30, "categorical"),
        ("region", [1, 2, 4] * 20, "categorical"),
        ("children", [0, 1, 2] * 20, "number"),
        ("zip", ["01067", "04109", "10115"] * 20, "categorical"),
        ("seen", [f"2026-11-{day:02}" for day in range(1, 21)] * 3, "dates"),
        ("dose", [f"{mg} mg" for mg in range(COUNT)], "ignore"),
        ("pack", ["10 mg", "20 mg"] * 30, "categorical"),
        ("patient", [f"P{x}" for x in range(COUNT)], "key"),
        ("customer_id", [x * x for x in range(COUNT)], "key"),
        ("id", [*range(1, COUNT + 1)], "key"),
        ("Unnamed: 0", [*range(COUNT)], "ignore"),
        ("Unnamed: 3", SPREAD, "ignore"),
        ("subject", [x // 3 for x in range(COUNT)], "group"),
        ("subject", [x // 4 for x in range(COUNT)], "number"),
        ("family", [1] * 20 + [x % 25 for x in range(COUNT - 20)], "number"),
        ("students", [30 + x // 2 for x in range(COUNT)], "number"),
        ("PID", [7 * x + 900 for x in range(COUNT)], "key"),
        ("studyid", [7 * x + 900 for x in range(COUNT)], "key"),
        ("uid", [900, *(7 * x + 900 for x in range(COUNT - 1))], "ignore"),
        ("paid", [900, *(7 * x + 900 for x in range(COUNT - 1))], "number"),
        ("patient_id", [f"P{x // 2}" for x in range(COUNT)], "group"),
        ("user_id", ["", *(f"U{x // 2}" for x in range(1, COUNT))], "ignore"),
        ("store_id", [(x * 7919) % 40 * 113 for x in range(COUNT)], "ignore"),
        ("sample_weight", [0.5, 1, 2] * 20, "weight"),
        ("case_weight", [0.5, "", 2] * 20, "ignore"),
        ("weight", [x + 0.5 for x in SPREAD], "number"),
        ("name", [f"Mr {x % 50} Smith" for x in range(COUNT)], "ignore"),
        ("remark", [f"he said that it was {x} today" for x in range(COUNT)], "ignore"),
        ("site", ["Berlin"] * COUNT, "ignore"),
        ("notes", [""] * COUNT, "ignore"),
    ],
)
def test_each_kind_of_column_has_its_role(name: str, values: list[Any], role: str) -> None:
    found = proposal({name: values})
    assert found.choices[name].role == role
    assert found.choices[name].why
    assert found.choices["y"].role == "label"


def test_a_key_may_be_told() -> None:
    columns = {"id": [*range(1, COUNT + 1)], "patient": [f"P{x}" for x in range(COUNT)]}
    found = proposal(columns, key="patient")
    assert found.named("key") == ["patient"]
    assert found.choices["id"].role == "ignore"
    with pytest.raises(DataError, match="column 'nobody' is not in the file"):
        proposal(columns, key="nobody")
    with pytest.raises(DataError, match="column 'y' is both key and label"):
        proposal(columns, key="y")


def test_what_might_be_otherwise_is_said() -> None:
    found = proposal(
        {
            "region": [1, 2, 4] * 20,
            "steps": [10, 20, 40] * 20,
            "bmi": [0] * 5 + [20 + x / 10 for x in range(COUNT - 5)],
            "seen": ["05/11/2026", "06/11/2026", "07/11/2026"] * 20,
            "dose": [f"{mg} mg" for mg in range(COUNT)],
        }
    )
    assert "if they are amounts, take them from there" in doubts(found, "region")
    assert "names and not amounts" in doubts(found, "steps")
    assert "stand apart" in doubts(found, "bmi")
    assert found.choices["bmi"].missing == {0: 5}
    assert "%d/%m/%Y and %m/%d/%Y" in doubts(found, "seen")
    assert "write them without it" in doubts(found, "dose")
    assert doubts(found, "age") == ""


def test_rows_in_the_order_of_their_dates_may_be_split_by_time() -> None:
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 7) for day in range(1, 11)]
    assert "add split: {kind: time}" in doubts(proposal({"seen": days}), "seen")
    assert doubts(proposal({"seen": days[::-1]}), "seen") == ""
    assert doubts(proposal({"seen": days[::2] * 2}), "seen") == ""  # one patient after another


def test_rows_in_the_order_of_their_years_may_be_split_by_time() -> None:
    years = [1990 + x // 5 for x in range(COUNT)]
    found = proposal({"Year": years, "height": years, "subject": [x % 20 for x in range(COUNT)]})
    assert found.choices["Year"].role == "number"
    assert "add split: {kind: time}, and take the line of group away" in doubts(found, "Year")
    assert "time" not in doubts(found, "height")
    assert "time" not in doubts(proposal({"Year": years[::-1]}), "Year")
    assert "time" not in doubts(proposal({"years": [x // 5 for x in range(COUNT)]}), "years")


def test_a_column_that_is_nothing_leaves_nothing_to_learn_from() -> None:
    with pytest.raises(DataError, match="no column is left to learn from: name: key"):
        propose(profile({"name": [f"N{x}" for x in range(COUNT)], **LABEL}))


def test_many_rows_without_a_label_are_allowed_for() -> None:
    some = [*([""] * 12), *LABEL["y"][12:]]
    table = profile({"age": OTHERS["age"], "y": some})
    found = propose(table, label="y")
    assert found.max_quarantined_fraction == pytest.approx(0.25)
    layout = Layout(load_args={}, reasons={}, unsure=[])
    assert "so max_quarantined_fraction is set to 0.25" in page(table, layout, found)
    assert proposal({}).max_quarantined_fraction is None


def test_a_trial_finds_the_label_in_other_words_and_what_tells_it() -> None:
    columns = {
        "died": ["no", "no", "yes"] * 20,
        "discharge": [5 + x % 3 // 2 * 10 + x / 100 for x in range(COUNT)],
        **OTHERS,
    }
    found = tried(propose(profile(columns), label="y"), rows(columns), "rows.csv", POINT)
    assert found.choices["died"].role == "ignore"
    assert found.choices["died"].why == "the label in other words"
    assert found.choices["discharge"].role == "number"
    (said,) = [said for said in found.unsure if "tells the classes apart" in said]
    assert "discharge (1.000)" in said
    assert not any("quarantine" in said for said in found.unsure)


def test_a_trial_says_which_rows_would_go_to_quarantine() -> None:
    columns = {"age": [*(20 + x % 45 for x in range(299)), "about 7"], "y": [0, 0, 1] * 100}
    found = tried(propose(profile(columns)), rows(columns), "rows.csv", POINT)
    assert any(
        "1 of 300 rows would go to quarantine, such as row 300: age" in said
        for said in found.unsure
    )


def test_a_label_and_the_same_in_other_words_leave_nothing_to_learn_from() -> None:
    columns: dict[str, list[Any]] = {"sick": ["no", "no", "yes"] * 20, **LABEL}
    with pytest.raises(DataError, match="no column is left to learn from: sick: ignore"):
        tried(propose(profile(columns), label="y"), rows(columns), "rows.csv", POINT)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1] * 40 + [2] * 18 + [999] * 2, "999 seems to be no weight"),
        ([1, 2, ""] * 20, "20 rows have none"),
        ([1, 2, -3] * 20, "its lowest is -3"),
        (["1 kg", "2 kg", "3 kg"] * 20, "its cells are of the kind quantity"),
    ],
)
def test_a_weight_by_name_that_is_none_by_its_cells_becomes_no_feature_in_silence(
    values: list[Any], said: str
) -> None:
    found = proposal({"sample_weight": values, "height": SPREAD})
    assert found.choices["sample_weight"].role == "ignore"
    assert f"a weight by its name, but {said}" in doubts(found, "sample_weight")


def test_a_weight_is_said_to_be_unsure_and_kilograms_are_none() -> None:
    found = proposal({"sample_weight": [0.5, 1, 2] * 20, "case_weight": [1, 2, 3] * 20})
    assert found.named("weight") == ["sample_weight"]
    assert "if it is an amount, such as kilograms" in doubts(found, "sample_weight")
    assert "another column is the weight" in doubts(found, "case_weight")
    for name in ("weight", "body_weight", "person_weight", "Weight (kg)"):
        kilos = proposal({name: [*([999] * 3), *(50 + x % 60 + 0.5 for x in range(57))]})
        assert kilos.choices[name].role == "number"
        assert kilos.choices[name].missing == {999: 3}
        assert "take them from there" in doubts(kilos, name)


@pytest.mark.parametrize("group", [False, True])
def test_the_split_by_time_that_is_offered_runs(group: bool) -> None:
    """Its lines are followed to the letter: a group and a time exclude each other."""
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 7) for day in range(1, 11)]
    columns = {"seen": days, **({"patient": [f"P{x % 20}" for x in range(COUNT)]} if group else {})}
    found = proposal(columns)
    assert found.named("group") == ["patient"] * group
    said = doubts(found, "seen")
    assert ("take the line of group away" in said) == group
    block = {"label": "y", "positive_class": 1, "negative_class": 0, "time": "seen"}
    if group and "take the line of group away" not in said:
        block["group"] = "patient"
    text = rows({**columns, **OTHERS})
    conf = Columns.model_validate({**block, "categorical": ["patient"] * group})
    valid, _, _ = read_rows(text, conf, "rows.csv")
    source = Source(file="rows.csv", sha256="", rows=COUNT)
    assert len(sides_of(valid, source, conf, Split(kind="time")).test) == 12


def test_many_zeros_that_may_be_amounts_are_asked_for() -> None:
    found = proposal({"insulin": [0] * 25 + [14 + 2 * x for x in range(32)] + [400, 600, 900]})
    assert found.choices["insulin"].missing == {}
    assert "0 is far more frequent than any other number" in doubts(found, "insulin")


@pytest.mark.parametrize(
    ("rare", "fault"), [(40, None), (2, "too few rows to split: of 30000 rows")]
)
def test_a_rare_class_is_looked_for_in_all_rows(rare: int, fault: str | None) -> None:
    """Of rows that are drawn evenly hardly any are of it, and the run takes all."""
    columns = {"age": [x % 977 for x in range(30_000)], "y": [0] * (30_000 - rare) + [1] * rare}
    text = rows(columns)
    conf = Columns(label="y", positive_class=1, negative_class=0)
    blocks = {"columns": conf, "validation": Validation(), "split": Split()}
    pieces = [text.iloc[:20_000], text.iloc[20_000:]]
    found = stop_of(text.iloc[::10], lambda: iter(pieces), profile(columns), blocks)
    assert found is None if fault is None else fault in str(found)


@pytest.mark.parametrize(
    ("name", "values", "asked"),
    [
        ("nr", [17 + x // 3 for x in range(COUNT)], True),
        ("schoolid", [2020 + x // 4 for x in range(COUNT)], True),
        ("pid", [f"P{x // 3}" for x in range(COUNT)], True),
        ("School", [f"North {x // 4}" for x in range(COUNT)], True),
        ("tree", [x % 15 for x in range(COUNT)], True),
        ("subject", [x // 4 for x in range(COUNT)], True),
        ("tree", [x % 4 for x in range(COUNT)], False),
        ("nr", [*range(COUNT)], False),
        ("no", [0] * 40 + [*range(1, 21)], False),  # of something
        ("years_at_firm", [x % 15 for x in range(COUNT)], False),
        ("age_at_start", [x % 15 for x in range(COUNT)], False),
    ],
)
def test_a_column_that_may_name_things_of_several_rows_is_asked_for(
    name: str, values: list[Any], asked: bool
) -> None:
    found = proposal({name: values, "height": SPREAD})
    assert ("does it name a thing" in doubts(found, name)) == asked
    assert found.named("group") == []


def test_things_that_hold_the_things_of_a_group_are_asked_for_too() -> None:
    found = proposal(
        {
            "childid": [x // 2 for x in range(COUNT)],
            "schoolid": [x // 5 for x in range(COUNT)],
        }
    )
    assert found.named("group") == ["childid"]
    assert "if it is an amount, take the line away" in doubts(found, "childid")
    assert "does it name a thing" in doubts(found, "schoolid")


def test_many_codes_by_their_name_may_be_categories() -> None:
    codes = [x * 7 % 16 for x in range(COUNT)]
    for name in ("state", "county", "zip", "precinct"):
        assert "add them to categorical" in doubts(proposal({name: codes}), name)
    assert doubts(proposal({"hours": codes}), "hours") == ""
    assert doubts(proposal({"area": SPREAD}), "area") == ""
