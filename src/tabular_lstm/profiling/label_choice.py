"""Which column is the label, and which of its two values is the positive class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from tabular_lstm.errors import LISTED, DataError, counted, no_column, shown
from tabular_lstm.parameters import Validation, Value
from tabular_lstm.profiling.table_profile import ColumnProfile, TableProfile
from tabular_lstm.profiling.word_lists import LETTERS, WORDS, has_word, words_of
from tabular_lstm.rows.number_format import NumberFormat, pointed

LIMIT = Validation().max_quarantined_fraction
# Share of the rows that have a label, where a column is proposed for its place alone.
MOST = 0.5
LIKELY = "most rows have and that is no trait, such as sex"
NEITHER = (
    "label: {} of neither class, such as '{}', will go to quarantine{}; where there is no label, "
    "leave the cell empty"
)
TOO_MANY = (
    f", and the run will stop: more than validation.max_quarantined_fraction = {LIMIT} of the "
    "labelled rows"
)
ALL_MISSING = (
    "one value only, beside {} that are empty or hold a word such as NA or None, which count as "
    "missing; to make such a word a class, write it in conf, such as columns.negative_class: 'NA'"
)
# Values of a column that is a label of more than two classes.
FEW_CLASSES = 20


@dataclass(frozen=True)
class Label:
    """The label that is proposed.

    Attributes:
        name: Of the column.
        positive: The value whose probability the network is to give.
        negative: The other one.
        counts: Rows of the positive and of the negative class.
        unlabelled: Rows in which it is missing.
        reason: Why this column.
        positive_reason: Why this value.
        unsure: What might be otherwise, in sentences.
    """

    name: str
    positive: Value
    negative: Value
    counts: tuple[int, int]
    unlabelled: int
    reason: str
    positive_reason: str
    unsure: list[str]


def choose_label(
    table: TableProfile, label: str | None = None, positive: str | None = None
) -> Label:
    """Choose the label among the columns of two values.

    That is, in this order: the one that is given; one that is called as labels are; the last
    column; the first one; the only one. Of a column that is called so, any share of the cells may
    be missing. `positive` is written as in the file.

    Raises:
        DataError: No column is the label, beyond doubt or at all; or it has not two values.
    """
    column, reason, unsure = _column(table, label)
    classes = classes_of(column)
    if len(classes) != 2:
        raise _not_two(table, column, classes)
    form = table.number_format
    one, other = sorted(classes, key=lambda value: _rank(value, classes, form))
    why, doubts = _why_positive(one, other, classes, form)
    if positive is not None:
        same = [value for value in classes if _same(value, form) == _same(positive, form)]
        if not same:
            raise DataError(
                f"{table.file}: --positive {positive}: the label '{column.name}' has no such "
                f"value; expected one of its two values ({_listed(classes)})."
            )
        one, other = (one, other) if same == [one] else (other, one)
        why, doubts = "as told", []
    unlabelled = column.cells.missing
    if others := table.rows - unlabelled - sum(classes.values()):
        example = next(str(code) for code in column.codes)
        stops = TOO_MANY if others > LIMIT * (table.rows - unlabelled) else ""
        doubts = [*doubts, NEITHER.format(counted(others, "row"), shown(example), stops)]
    return Label(
        name=column.name,
        positive=_value(one, table),
        negative=_value(other, table),
        counts=(classes[one], classes[other]),
        unlabelled=unlabelled,
        reason=reason,
        positive_reason=why,
        unsure=[*unsure, *doubts],
    )


def _column(table: TableProfile, label: str | None) -> tuple[ColumnProfile, str, list[str]]:
    """Choose the column, and say why and what else it might be."""
    if label is not None:
        if label not in table.names:
            raise no_column(table.file, label, table.names, "--label names the column")
        return table.column(label), "as told", []
    fitting = [column for column in table.columns if len(classes_of(column)) == 2]
    sure = [c for c in table.columns if c.name and {*words_of(c.name)} <= WORDS["surely a label"]]
    called = [c for c in fitting if c in sure or c.name.lower() in WORDS["label"]]
    if (several := [c for c in sure if _has_few_classes(c)]) and not called:
        raise _not_two(table, several[-1], classes_of(several[-1]))
    others = [c for c in fitting if not has_word(c.name, "trait")]
    likely = [c for c in others if sum(classes_of(c).values()) >= MOST * c.rows]
    # Columns that number or date the rows stand at either end too.
    ends = [c for c in table.columns if c.kind != "empty" and not c.in_order]
    only = "the only column of two values"
    ways = {
        "by its name": [c for c in sure if c in fitting],
        "by its name, and it has two values": called,
        _place("last", ends[-1:], table.columns[-1]): [c for c in ends[-1:] if c in likely],
        "a word of its name, and it has two values": [
            c for c in others if has_word(c.name, "label")
        ],
        _place("first", ends[:1], table.columns[0]): [c for c in ends[:1] if c in likely],
        only: others if len(fitting) == 1 else [],
        f"{only} that {LIKELY}": likely if len(likely) == 1 else [],
    }
    reason, found = next(((way, found) for way, found in ways.items() if found), ("", []))
    if not found:
        more = " Several columns have two values, and none is surely the label."
        raise _refusal(table, f"no label was found.{more if len(fitting) > 1 else ''}")
    last = ends[-1]
    chosen = last if last in found else found[0]
    if reason == "by its name" and len(found) == 1:
        return chosen, reason, []
    also = _described([c for c in fitting if c is not chosen])
    doubt = f"also of two values: {also}" if also else "is it what you want to predict?"
    return chosen, reason, [f"label: {doubt} (--label names another one)"]


def _place(end: str, columns: Sequence[ColumnProfile], outermost: ColumnProfile) -> str:
    """Say that a column is the last or the first one, and what stands beyond."""
    beyond = (
        "" if outermost in columns else " but for those that are empty or in the order of the rows"
    )
    return f"the {end} column{beyond}, and it has two values"


def _has_few_classes(column: ColumnProfile) -> bool:
    return len(classes_of(column)) > 2 and column.kind in {"number", "category"}


def classes_of(column: ColumnProfile) -> dict[str, int]:
    """Give the values of a column that may be classes, with their counts; none of many values.

    A number is one class however it is written.
    """
    if column.distinct > FEW_CLASSES:
        return {}
    codes = {code if isinstance(code, str) else float(code) for code in column.codes}
    classes: dict[str | float, tuple[str, int]] = {}
    for value, count in column.cells.top(FEW_CLASSES).items():
        if (same := _same(value, column.number_format)) not in codes:
            first, so_far = classes.get(same, (value, 0))
            classes[same] = first, so_far + count
    return dict(classes.values())


def _same(value: str, form: NumberFormat) -> str | float:
    """Give what is the same of all ways to write a number."""
    number = pointed(value, form)
    return value if number is None else float(number)


def _rank(
    value: str, classes: Mapping[str, int], form: NumberFormat
) -> tuple[int, float, int, str]:
    """Give what sorts the positive class before the other one, whatever the order of the rows."""
    words = 0 if _says_yes(value, classes) else 2 if _means(value, "negative", classes) else 1
    number = _same(value, form)
    return (words, 0.0 if isinstance(number, str) else -number, classes[value], value)


def _why_positive(
    one: str, other: str, classes: Mapping[str, int], form: NumberFormat
) -> tuple[str, list[str]]:
    """Say why a value is the positive class, and what speaks against it."""
    swap = f"--positive {shown(other)!r} makes it the other one"
    if _says_yes(one, classes) or _means(other, "negative", classes):
        return "by the word", []
    numbers = {_same(one, form), _same(other, form)}
    if not any(isinstance(number, str) for number in numbers):
        doubt = f"positive class: {one} is the greater number; {swap}"
        return "the greater number", [doubt] if numbers != {0, 1} else []
    if classes[one] == classes[other]:
        return "the first by the alphabet, for want of a better reason", [
            f"positive class: nothing speaks for '{shown(one)}' but the alphabet; {swap}"
        ]
    return "the rarer one", [f"positive class: '{shown(one)}' is the rarer one; {swap}"]


def _says_yes(value: str, classes: Mapping[str, int]) -> bool:
    """Tell whether a word is one for a positive class, or the other one is this with a no."""
    denied = {f"{no}{value}".lower() for no in ("no ", "no", "not ", "non", "non-", "un", "in")}
    return _means(value, "positive", classes) or any(c.lower() in denied for c in classes)


def _means(value: str, role: str, classes: Mapping[str, int]) -> bool:
    """Tell whether a word is one of a role; a letter counts only beside that which it goes with."""
    if len(value) == 1 and {other.lower() for other in classes} not in LETTERS:
        return False
    return value.lower() in WORDS[role]


def _value(text: str, table: TableProfile) -> Value:
    """Give a class as conf has it: a number as a number, any other text as text."""
    number = pointed(text, table.number_format)
    if number is None or not isfinite(float(number)) or (text[:1] == "0" and text[1:].isdigit()):
        return text
    return int(float(number)) if float(number).is_integer() else float(number)


def _not_two(table: TableProfile, column: ColumnProfile, classes: Mapping[str, int]) -> DataError:
    if len(classes) < 2:
        found = "one value only" if classes else f"{column.distinct} distinct values"
        if classes and column.cells.missing:
            found = ALL_MISSING.format(counted(column.cells.missing, "cell"))
        return _refusal(table, f"column '{column.name}' has {found}; expected two classes.")
    return _refusal(
        table,
        f"the label '{column.name}' has {len(classes)} classes, and this project tells two apart: "
        f"{_listed(classes)}. Write a column with one class against the others, name it with "
        f"--label, and name '{column.name}' under columns.ignore, because it tells the new one; or "
        "leave out the rows of the other classes. If another column is the label, name that.",
    )


def _refusal(table: TableProfile, fault: str) -> DataError:
    """Say what is wrong, and which columns have two values."""
    fitting = _described([c for c in table.columns if len(classes_of(c)) == 2])
    found = f"Of two values, such as --label may name: {fitting}"
    return DataError(f"{table.file}: {fault} {found if fitting else 'No column has two values'}.")


def _described(columns: Sequence[ColumnProfile]) -> str:
    """List columns of two values with their counts: the first ten, and how many more."""
    listed = []
    for column in columns[:LISTED]:
        classes = classes_of(column)
        without = column.rows - sum(classes.values())
        none = f"; {without} without" if without else ""
        listed.append(f"{shown(column.name)} ({_listed(classes)}{none})")
    more = f" and {len(columns) - LISTED} more" if len(columns) > LISTED else ""
    return f"{'; '.join(listed)}{more}"


def _listed(classes: Mapping[str, int]) -> str:
    return _first_ten([f"{shown(value)}: {count}" for value, count in classes.items()])


def list_names(names: Sequence[str]) -> str:
    """Name some things in a sentence: the first ten, and how many more."""
    return _first_ten([*map(shown, names)])


def _first_ten(said: Sequence[str]) -> str:
    more = f" and {len(said) - LISTED} more" if len(said) > LISTED else ""
    return f"{', '.join(said[:LISTED])}{more}"
