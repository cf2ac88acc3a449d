"""Which column is the label, and which of its two values is the positive class."""

from collections.abc import Sequence
from math import isfinite

from tabular_lstm.errors import LISTED, DataError, no_column, shown
from tabular_lstm.frozen import Frozen
from tabular_lstm.parameters import Value
from tabular_lstm.profiling.names import (
    LABELS,
    LETTERS,
    NEGATIVE,
    POSITIVE,
    SURE_LABELS,
    names_a_label,
    names_a_trait,
    words_of,
)
from tabular_lstm.profiling.profile import ColumnProfile, Profile
from tabular_lstm.rows.number_format import pointed

# Rows without a label, at most, of a column that is proposed unasked.
FEW_WITHOUT = 0.05
# Values of a column that is a label of more than two classes.
FEW_CLASSES = 20


class Label(Frozen):
    """The label that is proposed.

    Attributes:
        name: Of the column.
        positive: The value whose probability the network is to give.
        negative: The other one.
        counts: Rows of the positive and of the negative class.
        without: Rows of neither.
        reason: Why this column.
        positive_reason: Why this value.
        unsure: What might be otherwise, in sentences.
    """

    name: str
    positive: Value
    negative: Value
    counts: tuple[int, int]
    without: int
    reason: str
    positive_reason: str
    unsure: list[str]


def label_of(profile: Profile, label: str | None = None, positive: str | None = None) -> Label:
    """Choose the label among the columns of two values.

    That is, in this order: the one that is told; one that is called as labels are; the last
    column; the first one; the only one.

    Args:
        profile: Of the table.
        label: Name of the column. Default: chosen.
        positive: The positive class, as it is written in the file. Default: chosen.

    Raises:
        DataError: No column is the label, beyond doubt or at all; or it has not two values.
    """
    column, reason, unsure = _column(profile, label)
    classes = _classes(column)
    if len(classes) != 2:
        raise _not_two(profile, column, classes)
    one, other = sorted(classes, key=lambda value: _order(value, classes))
    said, doubt = _why_positive(one, other, column, classes)
    if positive is not None:
        same = [value for value in classes if _is_the_same(value, positive)]
        if not same:
            raise DataError(
                f"{profile.file}: --positive {positive}: expected a value of the label "
                f"'{column.name}', which are {_listed(classes)}."
            )
        one, other = same[0], next(value for value in classes if value != same[0])
        said, doubt = "as told", None
    without = profile.rows - sum(classes.values())
    return Label(
        name=column.name,
        positive=_value(one, profile),
        negative=_value(other, profile),
        counts=(classes[one], classes[other]),
        without=without,
        reason=reason,
        positive_reason=said,
        unsure=[*unsure, *([doubt] if doubt else [])],
    )


def _column(profile: Profile, label: str | None) -> tuple[ColumnProfile, str, list[str]]:
    """Choose the column, and say why and what else it might be."""
    names = [column.name for column in profile.columns]
    if label is not None:
        if label not in names:
            raise no_column(profile.file, label, names, "--label names the column")
        return profile.column(label), "as told", []
    fitting = [column for column in profile.columns if _may_be_label(column, profile.rows)]
    sure = [c for c in profile.columns if c.name and {*words_of(c.name)} <= SURE_LABELS]
    called = [c for c in fitting if c.name.lower() in LABELS or c in sure]
    if (many := [c for c in sure if _is_few(c)]) and not called:
        raise _not_two(profile, many[-1], _classes(many[-1]))
    untold = [c for c in fitting if not names_a_trait(c.name)]
    ends = [c for c in profile.columns if c.kind != "empty" and not _is_in_order(c)]
    if not ends:
        raise _no_label(profile, fitting)
    last, first = ends[-1], ends[0]
    ways = {
        "by its name": [c for c in sure if c in fitting],
        "by its name, and it has two values": called,
        "the last column, and it has two values": [last] if last in untold else [],
        "a word of its name, and it has two values": [c for c in untold if names_a_label(c.name)],
        "the first column, and it has two values": [first] if first in untold else [],
        "the only column of two values": untold if len(untold) == 1 else [],
    }
    reason, found = next(((way, found) for way, found in ways.items() if found), ("", []))
    if not found:
        raise _no_label(profile, fitting)
    chosen = last if last in found else found[0]
    if reason == "by its name":
        return chosen, reason, []
    others = [c.name for c in fitting if c is not chosen]
    doubts = [f"also of two values: {_some(others)}"] if others else []
    if chosen is not last and _is_few(last):
        doubts.append(f"the last column, {shown(last.name)}, has {len(_classes(last))} classes")
    doubt = "; ".join(doubts) or "is it what you want to predict?"
    return chosen, reason, [f"label: {doubt} (--label names another one)"]


def _is_in_order(column: ColumnProfile) -> bool:
    """Tell whether a column numbers or dates the rows; years are less sure."""
    return column.in_order and column.kind != "number"


def _may_be_label(column: ColumnProfile, rows: int) -> bool:
    classes = _classes(column)
    return len(classes) == 2 and sum(classes.values()) >= (1 - FEW_WITHOUT) * rows


def _is_few(column: ColumnProfile) -> bool:
    return 2 < len(_classes(column)) <= FEW_CLASSES and column.kind in {
        "number",
        "category",
        "boolean",
    }


def _classes(column: ColumnProfile) -> dict[str, int]:
    """Give the values of a column that may be classes, with their counts."""
    if len(column.counts) == 1 and len(column.words) == 1:
        return column.counts | column.words  # such as some and none
    codes = {*map(str, column.codes)}
    # A number is one class however it is written.
    numbers = {value: pointed(value) for value in column.counts if value not in codes}
    classes: dict[str | float, tuple[str, int]] = {}
    for value, number in numbers.items():
        same = value if number is None else float(number)
        first, count = classes.get(same, (value, 0))
        classes[same] = first, count + column.counts[value]
    return dict(classes.values())


def _order(value: str, classes: dict[str, int]) -> tuple[int, float, int, str]:
    """Give what sorts the positive class before the other one, whatever the order of the rows."""
    words = 0 if _says_yes(value, classes) else 2 if _says_no(value, classes) else 1
    number = pointed(value)
    return (words, -float(number) if number else 0.0, classes[value], value)


def _why_positive(
    one: str, other: str, column: ColumnProfile, classes: dict[str, int]
) -> tuple[str, str | None]:
    if _says_yes(one, classes) or _says_no(other, classes):
        return "by the word", None
    if pointed(one) is not None and pointed(other) is not None:
        return "the greater number", (
            f"positive class: {one} is the greater number; {_the_other(other)}"
            if {one, other} != {"0", "1"}
            else None
        )
    if classes[one] == classes[other]:
        return "the first by the alphabet, for want of a better reason", (
            f"positive class: nothing speaks for '{shown(one)}' but the alphabet; "
            f"{_the_other(other)}"
        )
    return "the rarer one", f"positive class: '{shown(one)}' is the rarer one; {_the_other(other)}"


def _says_yes(value: str, classes: dict[str, int]) -> bool:
    """Tell whether a word is one for a positive class, or the other one is this with a no."""
    denied = {f"{no}{value}".lower() for no in ("no ", "no", "not ", "non", "non-", "un", "in")}
    return _means(value, POSITIVE, classes) or any(other.lower() in denied for other in classes)


def _says_no(value: str, classes: dict[str, int]) -> bool:
    return _means(value, NEGATIVE, classes)


def _means(value: str, words: set[str], classes: dict[str, int]) -> bool:
    """Tell whether a word is among some; a letter counts only beside that which it goes with."""
    if len(value) == 1 and {other.lower() for other in classes} not in LETTERS:
        return False
    return value.lower() in words


def _is_the_same(value: str, told: str) -> bool:
    one, other = pointed(value), pointed(told)
    return value == told or (one is not None and other is not None and float(one) == float(other))


def _the_other(value: str) -> str:
    return f"--positive {shown(value)!r} makes it the other one"


def _value(text: str, profile: Profile) -> Value:
    """Give a class as conf has it: a number as a number, any other text as text."""
    number = pointed(text, profile.marks)
    if number is None or (text[:1] == "0" and text[1:].isdigit()):
        return text
    value = float(number)
    if not isfinite(value):
        return text
    return int(value) if value.is_integer() else value


def _not_two(profile: Profile, column: ColumnProfile, classes: dict[str, int]) -> DataError:
    if len(classes) < 2 or not column.counts:
        found = "one value only" if len(classes) == 1 else f"{column.distinct} distinct values"
        return DataError(
            f"{profile.file}: column '{column.name}' has {found}; expected two classes."
            f"{_candidates(profile)}"
        )
    return DataError(
        f"{profile.file}: the label '{column.name}' has {len(classes)} classes, and this project "
        f"tells two apart: {_listed(classes)}. Write a column with one class against the others "
        "(or leave out the rows of the others), and name it with --label; if another column is the "
        f"label, name that.{_candidates(profile)}"
    )


def _no_label(profile: Profile, fitting: Sequence[ColumnProfile]) -> DataError:
    told = " Several columns have two values, and none is surely the label." if fitting else ""
    return DataError(f"{profile.file}: no label was found.{told}{_candidates(profile)}")


def _candidates(profile: Profile) -> str:
    """Say which columns may be the label."""
    fitting = [column for column in profile.columns if len(_classes(column)) == 2]
    if fitting:
        listed = "; ".join(
            f"{shown(c.name)} ({_listed(_classes(c))}{_without(c, profile.rows)})"
            for c in fitting[:LISTED]
        )
        return f" Columns of two values, one of which --label may name: {listed}."
    more = [column for column in profile.columns if _is_few(column)]
    listed = ", ".join(f"{shown(c.name)} ({len(_classes(c))})" for c in more[:LISTED])
    return f" No column has two values{f'; few have: {listed}' if more else ''}."


def _without(column: ColumnProfile, rows: int) -> str:
    without = rows - sum(_classes(column).values())
    return f"; {without} rows have none" if without else ""


def _listed(classes: dict[str, int]) -> str:
    some = list(classes.items())[:LISTED]
    more = f" and {len(classes) - LISTED} more" if len(classes) > LISTED else ""
    return f"{', '.join(f'{shown(value)}: {count}' for value, count in some)}{more}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{', '.join(map(shown, names[:LISTED]))}{more}"
