"""Rows that cannot be used are set aside with their reasons, counted by kind, and passed on."""

import pandas as pd

from tabular_lstm.rows.validation import Kinds, set_aside

ROWS = pd.DataFrame({"age": ["20", "old", "-3", "old"], "row": list("abcd")})
ROWS.index = pd.RangeIndex(11, 15, name="row")
PROBLEMS = {
    "id": {2: "no key"},
    "age": {1: "'old' is not a number", 2: "-3 is outside [0, 120]", 3: "'old' is not a number"},
}
UNREAD = {"age": dict.fromkeys(range(4), "'?' is not a number")}


def test_bad_rows_are_set_aside_as_they_were_with_all_reasons() -> None:
    aside, is_left = set_aside(ROWS, PROBLEMS)
    assert aside.columns.tolist() == ["row", "reason", "age", "row"]
    assert aside.to_numpy().tolist() == [
        [12, "age: 'old' is not a number", "old", "b"],
        [13, "id: no key; age: -3 is outside [0, 120]", "-3", "c"],
        [14, "age: 'old' is not a number", "old", "d"],
    ]
    assert is_left.tolist() == [True, False, False, False]


def test_kinds_are_counted_over_blocks_and_the_commonest_comes_first() -> None:
    kinds = Kinds()
    assert kinds.listed() == []
    kinds.add(PROBLEMS, ROWS.index)
    kinds.add(UNREAD, {place: f"b.csv:{row}" for place, row in enumerate(ROWS.index)})
    counts = {"age: not a number": 6, "age: outside [0, 120]": 1, "id: no key": 1}
    assert kinds.counts() == counts
    assert kinds.listed() == [
        "rows 12, 14, b.csv:11, b.csv:12, b.csv:13, b.csv:14: age: 'old' is not a number, and "
        "the like",
        "row 13: age: -3 is outside [0, 120]",
        "row 13: id: no key",
    ]
    kinds = Kinds()
    kinds.add(UNREAD, ROWS.index)
    kinds.add({f"column {n}": {0: "no key"} for n in range(6)}, ROWS.index)
    assert kinds.listed()[-1] == "and 2 more reasons"


def test_of_many_rows_the_first_are_named_and_the_others_counted_also_of_several_batches() -> None:
    parts = [Kinds() for _ in range(3)]
    for kinds in parts:
        kinds.add(UNREAD, ROWS.index)
    assert (
        "rows 11, 12, 13, 14, 11, 12, 13, 14, 11, 12 and 2 more" in sum(parts, Kinds()).listed()[0]
    )
