"""Which column is the label, and what is predicted: one of two classes, of more, or a number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from tabular_lstm.errors import DataError, amount, counted, first_ten, no_column, shown
from tabular_lstm.parameters.columns import MOST_CLASSES, SplitOptions
from tabular_lstm.parameters.runs import PromotionOptions
from tabular_lstm.profiling.table_profile import ColumnProfile, TableProfile
from tabular_lstm.profiling.words import (
    LETTERS,
    WORDS,
    has_word,
    names_a,
    names_an_identifier,
    words_of,
)
from tabular_lstm.rows.number_format import NumberFormat, pointed
from tabular_lstm.task import CLASSES, NUMBER, TRAITS, TWO_CLASSES, Task, TaskKind, Value

LEAST = PromotionOptions().min_test_rows_per_class
# Rows of a class: with FEW, the train side nearly always gets two, as a run needs; with JUDGED, the
# test side gets as many as a promotion needs.
FEW, JUDGED = 8, round(LEAST / SplitOptions().test_fraction)
# Up to FEW_CLASSES distinct whole numbers may be classes; AMOUNT or more probably are not.
FEW_CLASSES, AMOUNT = 20, 6
# Least share of rows with a label in a column that is proposed only because of its place.
MOST = 0.5

BY_NAME, ONLY = "by its name", "the only column of two values"
SKEWED = "half of the values are below {}, the largest is {}: the run chooses a scale"
TWO_VALUES, CLASSES_TOO = ", and it has two values", ", and it has classes"
LIKELY = " that most rows have and that is no trait, such as sex"
NO_LABEL = "no label was found. Name a column of classes or of numbers with --label."
NO_TASK = (
    "column '{}' has "
    f"{{}}, such as '{{}}'; expected numbers, or two to {MOST_CLASSES} classes of at least {FEW} "
    "rows each. Empty cells, NA and None count as missing."
)

# What may be unsure about the label.
SET_ASIDE = (
    "label: {} {}, such as '{}', will go to quarantine; if there is no label, leave the cell empty"
)
FEW_ROWS = (
    f"label: classes of fewer than {JUDGED} rows: {{}}. A promotion needs {LEAST} test rows of "
    "each (promotion.min_test_rows_per_class). If there are more than two classes, those below "
    f"{FEW} rows are left out, and their rows go to quarantine: collect more, or put rare classes "
    "together"
)
ALIKE = "label: {} differ only in spelling: if they are one class, spell them the same way"
FEW_NUMBERS = (
    "label: few distinct numbers: classes or an amount? To read them the other way: --task {}"
)


@dataclass(frozen=True)
class ProposedLabel:
    """The label that is proposed, and what is predicted.

    Attributes:
        name: Name of the column.
        reason: Why this column was chosen.
        unlabelled: How many rows have no label.
        task: The task, with the classes in the order of conf.
        why: Why this task or, for two classes, why this positive class, in a few words.
        unsure: Sentences on what may be wrong in the proposal.
        counts: Rows of each class, in the order of the classes; empty for a number.
        bounds: Lowest and highest number, if codes are outside; None for classes.
    """

    name: str
    reason: str
    unlabelled: int
    task: Task
    why: str
    unsure: list[str]
    counts: tuple[int, ...] = ()
    bounds: tuple[float | None, float | None] | None = None


def choose_label(
    table: TableProfile,
    label: str | None = None,
    positive: str | None = None,
    task: str | None = None,
) -> ProposedLabel:
    """Choose the label, and the task.

    The label is the given column, or else the first one that `_label_reasons` names. A column that
    is chosen by its name may have any share of missing cells.

    Args:
        table: The profile of the table.
        label: The label's column. Default: names, places and values decide.
        positive: The positive one of two classes, as written in the file. Default: the words or
            numbers decide.
        task: `classes` or `number`. Default: the cells decide.

    Raises:
        DataError: No column is surely the label; its cells do not fit the task; or `positive` is
            not one of two classes.
    """
    if label is not None and label not in table.names:
        raise no_column(table.file, label, table.names, "--label names the column")
    if label is None:
        column, reason, unsure = _likely_label(table)
    else:
        column, reason, unsure = table.column(label), "as you chose", []
    classes, kind = classes_of(column), kind_of(column, task)
    learnable = {name: n for name, n in classes.items() if len(classes) == 2 or n >= FEW}
    if kind is None or (kind != NUMBER and len(learnable) < 2):
        values = counted(column.distinct, "distinct value")
        raise label_refusal(table, NO_TASK.format(column.name, values, shown(column.example)))
    are_few = column.kind == "number" and 2 < len(classes) <= FEW_CLASSES
    if task is None and are_few and not names_a(column.name, "code"):
        unsure = [*unsure, FEW_NUMBERS.format(CLASSES if kind == NUMBER else NUMBER)]
    proposed = (
        _number_label(column, reason, unsure)
        if kind == NUMBER
        else _class_label(table, column, learnable, reason, unsure, positive)
    )
    if positive is not None and proposed.task.kind != TWO_CLASSES:
        raise DataError(
            f"{table.file}: --positive {positive}: the label '{column.name}' does not have two "
            f"classes, so none is the positive one: {proposed.why}."
        )
    return proposed


def _likely_label(table: TableProfile) -> tuple[ColumnProfile, str, list[str]]:
    """Choose the column, and return the reason and what is unsure about it."""
    # Row numbers and dates of rows are often the first or the last column too.
    ends = [c for c in table.columns if c.kind != "empty" and not c.in_order]
    two_valued = [column for column in table.columns if len(classes_of(column)) == 2]
    reasons = (pair for pair in _label_reasons(table, two_valued, ends) if pair[1])
    reason, columns = next(reasons, ("", []))
    if not columns:
        raise label_refusal(table, NO_LABEL)
    chosen = next((last for last in ends[-1:] if last in columns), columns[0])
    if reason == BY_NAME and len(columns) == 1:
        return chosen, reason, []
    also = described([c for c in two_valued if c is not chosen])
    doubt = f"also of two values: {also}" if also else "is it what you want to predict?"
    return chosen, reason, [f"label: {doubt} (--label names another one)"]


def _label_reasons(
    table: TableProfile, two_valued: Sequence[ColumnProfile], ends: Sequence[ColumnProfile]
) -> list[tuple[str, list[ColumnProfile]]]:
    """List the reasons to choose a column, each with its columns, the best reason first.

    Args:
        table: The profile of the table.
        two_valued: Columns of two values.
        ends: Columns; the first and the last of them may be the label because of their place.
    """
    last, first = "the last column", "the first column"
    has_places = any(c.name.lower() in {"x", "z"} for c in table.columns)  # then y is one, too
    sure = [
        c
        for c in table.columns
        if set() < {*words_of(c.name)} <= WORDS["surely a label"]
        and not (has_places and c.name.lower() == "y" and kind_of(c) == NUMBER)
    ]
    may_be = [c for c in table.columns if kind_of(c)]
    predicted = [c for c in may_be if names_a(c.name, "predicted")]
    placed = [c for c in may_be if _may_be_label(c)]
    no_traits = [c for c in two_valued if not has_word(c.name, "trait")]
    likely = [c for c in no_traits if sum(classes_of(c).values()) >= MOST * c.rows]
    reasons = [
        (BY_NAME, [c for c in sure if c in two_valued]),
        (BY_NAME + TWO_VALUES, [c for c in two_valued if c.name.lower() in WORDS["label"]]),
        (BY_NAME, [c for c in sure if c in may_be]),
        (last + TWO_VALUES, [c for c in ends[-1:] if c in likely]),
        (f"{last}, and often a label by its name", [c for c in ends[-1:] if c in predicted]),
        ("a word of its name" + TWO_VALUES, [c for c in no_traits if has_word(c.name, "label")]),
        (first + TWO_VALUES, [c for c in ends[:1] if c in likely]),
        (ONLY, no_traits if len(two_valued) == 1 else []),
        (ONLY + LIKELY, likely if len(likely) == 1 else []),
    ]
    without_two_values = [
        ("often a label by its name", predicted),
        (last, [c for c in ends[-1:] if c in placed]),
        (first + CLASSES_TOO, [c for c in ends[:1] if c in placed and kind_of(c) == CLASSES]),
        (BY_NAME, sure),  # so that the refusal says what is wrong with it
    ]
    return reasons if no_traits else reasons + without_two_values


def _may_be_label(column: ColumnProfile) -> bool:
    """Return whether a column may be the label only because of its place."""
    return (
        (column.kind == "number" or column.distinct <= FEW_CLASSES)
        and column.present >= MOST * column.rows
        and not names_an_identifier(column.name)
        and not any(has_word(column.name, role) for role in ("trait", "date"))
    )


def label_refusal(table: TableProfile, fault: str) -> DataError:
    """Say what is wrong, and which columns have two values."""
    two_valued = described([c for c in table.columns if len(classes_of(c)) == 2])
    named = f" Columns of two values, which --label may name: {two_valued}." if two_valued else ""
    return DataError(f"{table.file}: {fault}{named}")


def kind_of(column: ColumnProfile, told: str | None = None) -> TaskKind | None:
    """Return the most likely task of a label with these cells; None if they cannot be labels.

    Args:
        column: The profile of the label's column.
        told: `classes` or `number`. Default: the cells decide.
    """
    count = len(classes_of(column))
    are_codes = column.whole and (count < AMOUNT or names_a(column.name, "code"))
    may_be_classes = column.kind == "category" or (are_codes and count <= FEW_CLASSES)
    are_classes = told == CLASSES or (told is None and may_be_classes)
    is_number = told == NUMBER or (told is None and column.distinct > 2)
    fits: dict[TaskKind, bool] = {
        TWO_CLASSES: count == 2 and told != NUMBER,
        CLASSES: count > 2 and not column.unit and are_classes,
        NUMBER: column.kind == "number" and is_number,
    }
    return next((kind for kind in fits if fits[kind]), None)


def _class_label(
    table: TableProfile,
    column: ColumnProfile,
    learnable: dict[str, int],
    reason: str,
    unsure: list[str],
    positive: str | None,
) -> ProposedLabel:
    """Propose two classes or more; the classes that are not learnable are left out."""
    form, classes = table.number_format, classes_of(column)
    if len(learnable) == 2:
        order, why, doubts = _two_classes(table, column, learnable, positive)
    else:
        # Numbers by value, then words by the alphabet.
        numbers = {value: same_value(value, form) for value in learnable}
        order = sorted(learnable, key=lambda v: (isinstance(numbers[v], str), numbers[v]))
        why, doubts = f"{len(learnable)} values", []
    if few := {value: count for value, count in classes.items() if count < JUDGED}:
        doubts.append(FEW_ROWS.format(classes_in_words(few)))
    task = Task.of_classes([class_value(value, form) for value in order])
    doubts += [ALIKE.format(" and ".join(map(shown, column.alike)))] if column.alike else []
    if coded := column.cells.present - sum(classes.values()):
        code = shown(next(iter(column.codes)))
        doubts.append(SET_ASIDE.format(counted(coded, "row"), task.traits.not_a_label, code))
    return ProposedLabel(
        column.name,
        reason,
        column.cells.missing,
        task,
        why,
        [*unsure, *doubts],
        tuple(learnable[value] for value in order),
    )


def _two_classes(
    table: TableProfile, column: ColumnProfile, classes: dict[str, int], positive: str | None
) -> tuple[list[str], str, list[str]]:
    """Return the negative and the positive class, why, and what is unsure about that."""
    form, (first, second) = table.number_format, sorted(classes)
    if positive is not None:
        chosen = [v for v in classes if same_value(v, form) == same_value(positive, form)]
        if not chosen:
            raise DataError(
                f"{table.file}: --positive {positive}: the label '{column.name}' has no such "
                f"value; expected one of its two values ({classes_in_words(classes)})."
            )
        return sorted(classes, key=lambda value: value in chosen), "as you chose", []
    numbers = [same_value(value, form) for value in (first, second)]
    are_numbers = not any(isinstance(number, str) for number in numbers)
    # The first reason that tells the values apart; the positive class has the greater rank.
    reasons = [
        (_meaning(first, second), _meaning(second, first), "by the word"),
        (*(numbers if are_numbers else (0, 0)), "the larger number"),
        (-classes[first], -classes[second], "the rarer one"),
        (1, 0, "only the first in the alphabet"),
    ]
    of_first, of_second, why = next(reason for reason in reasons if reason[0] != reason[1])
    negative, positive = (second, first) if of_first > of_second else (first, second)
    swap = f"'{shown(positive)}' is {why}; --positive {shown(negative)!r} chooses the other one"
    is_sure = why == "by the word" or {*numbers} == {0, 1}
    return [negative, positive], why, [] if is_sure else [f"positive class: {swap}"]


def _meaning(value: str, opposite: str) -> int:
    """Return 1 for a word that means a positive class, -1 for a negative one, and else 0.

    A single letter counts only in a pair, such as y and n.
    """
    if len(value) == 1 and {value.lower(), opposite.lower()} not in LETTERS:
        return 0
    return int(value.lower() in WORDS["positive"]) - int(value.lower() in WORDS["negative"])


def _number_label(column: ColumnProfile, reason: str, unsure: list[str]) -> ProposedLabel:
    """Propose a number; codes for "no label" are outside the bounds."""
    low, high = column.lowest or 0.0, column.highest or 0.0
    codes = {code: count for code, count in column.codes.items() if code != 0}
    numbers = [code for code in codes if not isinstance(code, str)]
    below, above = any(code < low for code in numbers), any(code > high for code in numbers)
    bounds = (low if below else None, high if above else None)
    doubts = []
    if count := column.odd + sum(codes.values()):
        example = shown(column.odd_example or next(iter(codes)))
        doubts.append(SET_ASIDE.format(counted(count, "row"), TRAITS[NUMBER].not_a_label, example))
    apart = "; " if low > 0 else "; but for zeros and signs "
    skewed = apart + SKEWED.format(*map(amount, column.skew)) if column.skew else ""
    return ProposedLabel(
        column.name,
        reason,
        column.cells.missing,
        Task.of_number(),
        f"{column.distinct} distinct values, {low:g} to {high:g}{skewed}",
        [*unsure, *doubts],
        bounds=bounds if below or above else None,
    )


def classes_of(column: ColumnProfile) -> dict[str, int]:
    """Return a column's values that may be classes, with their counts; none if there are too many.

    A number is one class in every spelling.
    """
    if column.distinct > MOST_CLASSES:
        return {}
    codes = {code if isinstance(code, str) else float(code) for code in column.codes}
    classes: dict[str | float, tuple[str, int]] = {}
    for value, count in column.cells.by_frequency().items():
        if (same := same_value(value, column.number_format)) not in codes:
            first, so_far = classes.get(same, (value, 0))
            classes[same] = first, so_far + count
    return dict(classes.values())


def same_value(value: str, form: NumberFormat) -> str | float:
    """Return the number that a text stands for, or the text itself if it is not a number."""
    number = pointed(value, form)
    return value if number is None else float(number)


def class_value(text: str, form: NumberFormat) -> Value:
    """Return a class as conf writes it: a number as a number, any other text as text."""
    number = pointed(text, form)
    if number is None or not isfinite(float(number)) or (text[:1] == "0" and text[1:].isdigit()):
        return text
    return int(float(number)) if float(number).is_integer() else float(number)


def described(columns: Sequence[ColumnProfile]) -> str:
    """List columns of two values with their counts: the first ten, and how many more."""
    return first_ten(
        [f"{shown(column.name)} ({classes_in_words(classes_of(column))})" for column in columns],
        "; ",
    )


def classes_in_words(classes: Mapping[str, int]) -> str:
    """Name classes with their counts."""
    return first_ten([f"{shown(value)}: {count}" for value, count in classes.items()])
