"""The classes of a label: their values, their order, and the positive one."""

from collections.abc import Mapping, Sequence
from math import isfinite

from tabular_lstm.errors import LISTED, shown
from tabular_lstm.parameters.columns import MOST_CLASSES
from tabular_lstm.parameters.task import Value
from tabular_lstm.profiling.table_profile import ColumnProfile
from tabular_lstm.profiling.word_lists import LETTERS, WORDS
from tabular_lstm.rows.number_format import NumberFormat, pointed

ALIKE = "label: {} differ only by case or blanks: if they are one class, write them alike"


def classes_of(column: ColumnProfile) -> dict[str, int]:
    """Give a column's values that may be classes, with their counts; none if there are too many.

    A number is one class in every spelling.
    """
    if column.distinct > MOST_CLASSES:
        return {}
    codes = {code if isinstance(code, str) else float(code) for code in column.codes}
    classes: dict[str | float, tuple[str, int]] = {}
    for value, count in column.cells.top(MOST_CLASSES).items():
        if (same := same_value(value, column.number_format)) not in codes:
            first, so_far = classes.get(same, (value, 0))
            classes[same] = first, so_far + count
    return dict(classes.values())


def same_value(value: str, form: NumberFormat) -> str | float:
    """Give the number that a text stands for, or the text itself if it is not a number."""
    number = pointed(value, form)
    return value if number is None else float(number)


def class_rank(value: str, form: NumberFormat) -> tuple[bool, float, str]:
    """Give a sort key: numbers by value, then words by the alphabet."""
    number = same_value(value, form)
    return (True, 0.0, value) if isinstance(number, str) else (False, number, value)


def alike(classes: Mapping[str, int]) -> list[str]:
    """Say which classes differ only by case or blanks."""
    spellings: dict[str, list[str]] = {}
    for value in classes:
        spellings.setdefault(" ".join(value.split()).casefold(), []).append(value)
    several = [f"'{shown(v)}'" for values in spellings.values() if len(values) > 1 for v in values]
    return [ALIKE.format(first_ten(several))] if several else []


def positive_rank(
    value: str, classes: Mapping[str, int], form: NumberFormat
) -> tuple[int, float, int, str]:
    """Give a sort key that puts the positive class first, whatever the order of the rows."""
    words = 0 if _says_yes(value, classes) else 2 if _means(value, "negative", classes) else 1
    number = same_value(value, form)
    return (words, 0.0 if isinstance(number, str) else -number, classes[value], value)


def why_positive(
    one: str, other: str, classes: Mapping[str, int], form: NumberFormat
) -> tuple[str, list[str]]:
    """Give the reason why a value is the positive class, and what is unsure about it."""
    swap = f"--positive {shown(other)!r} chooses the other one"
    if _says_yes(one, classes) or _means(other, "negative", classes):
        return "by the word", []
    numbers = {same_value(one, form), same_value(other, form)}
    if not any(isinstance(number, str) for number in numbers):
        doubt = f"positive class: {one} is the greater number; {swap}"
        return "the greater number", [doubt] if numbers != {0, 1} else []
    if classes[one] == classes[other]:
        return "the first by the alphabet, as there is no other reason", [
            f"positive class: '{shown(one)}' is only the first by the alphabet; {swap}"
        ]
    return "the rarer one", [f"positive class: '{shown(one)}' is the rarer one; {swap}"]


def _says_yes(value: str, classes: Mapping[str, int]) -> bool:
    """Tell whether a word means a positive class, or the other class is this word with a "no"."""
    denied = {f"{no}{value}".lower() for no in ("no ", "no", "not ", "non", "non-", "un", "in")}
    return _means(value, "positive", classes) or any(c.lower() in denied for c in classes)


def _means(value: str, role: str, classes: Mapping[str, int]) -> bool:
    """Tell whether a word has a role; a single letter counts only in a pair, such as y and n."""
    if len(value) == 1 and {other.lower() for other in classes} not in LETTERS:
        return False
    return value.lower() in WORDS[role]


def class_value(text: str, form: NumberFormat) -> Value:
    """Give a class as conf writes it: a number as a number, any other text as text."""
    number = pointed(text, form)
    if number is None or not isfinite(float(number)) or (text[:1] == "0" and text[1:].isdigit()):
        return text
    return int(float(number)) if float(number).is_integer() else float(number)


def described(columns: Sequence[ColumnProfile]) -> str:
    """List columns of two values with their counts: the first ten, and how many more."""
    said = []
    for column in columns[:LISTED]:
        classes = classes_of(column)
        without = column.rows - sum(classes.values())
        none = f"; {without} without" if without else ""
        said.append(f"{shown(column.name)} ({listed(classes)}{none})")
    more = f" and {len(columns) - LISTED} more" if len(columns) > LISTED else ""
    return f"{'; '.join(said)}{more}"


def listed(classes: Mapping[str, int]) -> str:
    """Name classes with their counts."""
    return first_ten([f"{shown(value)}: {count}" for value, count in classes.items()])


def first_ten(said: Sequence[str]) -> str:
    """List the first ten of some names, and say how many more there are."""
    more = f" and {len(said) - LISTED} more" if len(said) > LISTED else ""
    return f"{', '.join(said[:LISTED])}{more}"
