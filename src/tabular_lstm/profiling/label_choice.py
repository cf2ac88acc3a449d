"""Which column is the label, and what is predicted: one of two classes, of more, or a number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import pyarrow as pa

from tabular_lstm.errors import LISTED, DataError, counted, no_column, shown
from tabular_lstm.parameters.columns import MOST_CLASSES, SplitOptions
from tabular_lstm.parameters.hyperparameters import ValidationOptions
from tabular_lstm.parameters.runs import PromotionOptions
from tabular_lstm.profiling.table_profile import Code, ColumnProfile, TableProfile
from tabular_lstm.profiling.words import (
    DENIALS,
    LETTERS,
    WORDS,
    has_word,
    names_a,
    names_a_weight,
    names_an_identifier,
    words_of,
)
from tabular_lstm.rows.number_format import NumberFormat, all_pointed, pointed
from tabular_lstm.task import CLASSES, NUMBER, TRAITS, TWO_CLASSES, Task, TaskKind, Value

LIMIT = ValidationOptions().max_quarantined_fraction
LEAST = PromotionOptions().min_test_rows_per_class
# Rows of a class: with FEW, the train side nearly always gets two of them; with JUDGED, the test
# side gets as many as a promotion needs.
FEW, JUDGED = 8, round(LEAST / SplitOptions().test_fraction)
# Up to FEW_CLASSES distinct whole numbers may be classes; AMOUNT or more probably are not.
FEW_CLASSES, AMOUNT = 20, 6
# Least share of rows with a label in a column that is proposed only because of its place.
MOST = 0.5
FAR = 30  # a label is far outside at this many times the range of the middle nine tenths

BY_NAME, ONLY = "by its name", "the only column of two values"
TWO_VALUES, CLASSES_TOO = ", and it has two values", ", and it has classes"
LIKELY = " that most rows have and that is no trait, such as sex"
NO_LABEL = "no label was found; --label may name a column of classes or of numbers."
IN_UNITS = " Columns of numbers with a unit, which --label may name too: {}."
BUT_FOR = " but for those that are empty or in the order of the rows"

# What may be unsure about the label.
SET_ASIDE = (
    "label: {} {}, such as '{}', will go to quarantine{}; where there is no label, leave the cell "
    "empty"
)
TOO_MANY = (
    f", and the run will stop: more than validation.max_quarantined_fraction = {LIMIT} of the "
    "labelled rows"
)
LEFT_OUT = (
    "label: too few rows to learn a class from: {}. These rows go to quarantine; collect more, and "
    "name the class under classes, or put rare classes together in the column"
)
RARE = (
    "column '{}' has {}, such as '{}': a run would stop, because it needs two train rows of each. "
    "If they are numbers, write only numbers, and --task number; else put rare ones together."
)
FEW_ROWS = (
    f"label: classes of fewer than {JUDGED} rows: {{}}. A promotion needs {LEAST} test rows of "
    "each (promotion.min_test_rows_per_class), and a run two rows on each side: collect more, or "
    "put rare classes together"
)
ALIKE = "label: {} differ by their spelling alone: if they are one class, write them alike"
AS_CLASSES = "label: taken for classes; if these numbers are an amount, --task number"
AS_NUMBER = "label: taken for an amount; if these numbers are classes, --task classes"
OUTLIERS = (
    "label: {} far outside the others, such as {:.12g}: these are {:.12g} to {:.12g}; if that is a "
    "fault, set bounds of the label, and such rows go to quarantine"
)


@dataclass(frozen=True)
class ProposedTask:
    """The proposed task.

    Attributes:
        task: The task, with the classes in the order of conf.
        why: Why this task or, for two classes, why this positive class, in a few words.
        counts: Rows of each class, in the order of the classes; empty for a number.
        bounds: Lowest and highest number, if codes are outside; None for classes.
        unsure: Sentences on what may be wrong in the proposal.
    """

    task: Task
    why: str
    counts: tuple[int, ...] = ()
    bounds: tuple[float | None, float | None] | None = None
    unsure: tuple[str, ...] = ()


@dataclass(frozen=True)
class Label:
    """The label that is proposed.

    Attributes:
        name: Name of the column.
        reason: Why this column was chosen.
        proposed: What is predicted.
        unlabelled: How many rows have no label.
        unsure: Sentences on what may be wrong in the proposal.
    """

    name: str
    reason: str
    proposed: ProposedTask
    unlabelled: int
    unsure: list[str]


def choose_label(
    table: TableProfile,
    label: str | None = None,
    positive: str | None = None,
    task: str | None = None,
) -> Label:
    """Choose the label, and the task.

    The label is the given column, or else the first one that `_reasons` names. A column that is
    chosen by its name may have any share of missing cells.

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
    column, reason, unsure = _column(table) if label is None else (table.column(label), "", [])
    classes = classes_of(column)
    if task == NUMBER and column.kind != "number":
        example = f"such as '{shown(column.example)}'"
        raise refusal(table, f"column '{column.name}' holds no numbers, {example}; --task classes?")
    if task == CLASSES and column.unit:
        raise refusal(table, f"--task classes: cells of '{column.name}' have a unit: {column.unit}")
    kind = kind_of(column) if task is None else NUMBER if task == NUMBER else CLASSES
    if kind is None or (kind != NUMBER and len(classes) < 2):
        raise refusal(table, _no_label(column, classes))
    if kind == NUMBER:
        proposed = _number(table, column, asks=task is None and 2 < len(classes) <= FEW_CLASSES)
    else:
        learnable = _learnable(table, column, classes)
        proposed = _classes(table, column, learnable, task, positive)
    if positive is not None and proposed.task.kind != TWO_CLASSES:
        raise DataError(
            f"{table.file}: --positive {positive}: the label '{column.name}' does not have two "
            f"classes, so none is the positive one: {proposed.why}."
        )
    return Label(
        name=column.name,
        reason=reason or "as you chose",
        proposed=proposed,
        unlabelled=column.cells.missing,
        unsure=[*unsure, *proposed.unsure],
    )


def _column(table: TableProfile) -> tuple[ColumnProfile, str, list[str]]:
    """Choose the column, and give the reason and what is unsure about it."""
    # Row numbers and dates of rows are often the first or the last column too.
    ends = [c for c in table.columns if c.kind != "empty" and not c.in_order]
    two_valued = [column for column in table.columns if len(classes_of(column)) == 2]
    reasons = _reasons(table, two_valued, ends)
    reason, columns = next((pair for pair in reasons if pair[1]), ("", []))
    if not columns:
        last = ends[-1] if ends and kind_of(ends[-1]) else None
        named = f" The last column is {shown(last.name)}." if last else ""
        units = first_ten([shown(c.name) for c in table.columns if c.unit and kind_of(c)])
        raise refusal(table, f"{NO_LABEL}{IN_UNITS.format(units) if units else ''}{named}")
    chosen = next((last for last in ends[-1:] if last in columns), columns[0])
    if reason == BY_NAME and len(columns) == 1:
        return chosen, reason, []
    also = described([c for c in two_valued if c is not chosen])
    doubt = f"also of two values: {also}" if also else "is it what you want to predict?"
    if reason == ONLY and kind_of(ends[-1]) == NUMBER:
        doubt = f"or is it the last column, {shown(ends[-1].name)}?"
    return chosen, reason, [f"label: {doubt} (--label names another one)"]


def _reasons(
    table: TableProfile, two_valued: Sequence[ColumnProfile], ends: Sequence[ColumnProfile]
) -> list[tuple[str, list[ColumnProfile]]]:
    """List the reasons to choose a column, each with its columns, the best reason first.

    Args:
        table: The profile of the table.
        two_valued: Columns of two values.
        ends: Columns; the first and the last of them may be the label because of their place.
    """
    columns, names = table.columns, {column.name.lower() for column in table.columns}
    last = "the last column" + ("" if columns[-1] in ends else BUT_FOR)
    first = "the first column" + ("" if columns[0] in ends else BUT_FOR)
    has_places = bool({"x", "z"} & names)  # a number y is a coordinate
    sure = [
        c
        for c in columns
        if set() < {*words_of(c.name)} <= WORDS["surely a label"]
        and not (has_places and c.name.lower() == "y" and kind_of(c) == NUMBER)
    ]
    called = [c for c in columns if c in sure or names_a(c.name, "predicted")]
    may_be = [c for c in columns if kind_of(c)]
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
        (BY_NAME, called),  # so that the refusal says what is wrong with it
    ]
    return reasons if no_traits else reasons + without_two_values


def _may_be_label(column: ColumnProfile) -> bool:
    """Tell whether a column may be the label only because of its place."""
    names_rows = names_an_identifier(column.name) or names_a_weight(column.name)
    is_other = names_rows or has_word(column.name, "trait") or has_word(column.name, "date")
    is_shared = column.kind == "number" or column.distinct <= FEW_CLASSES
    return is_shared and not is_other and column.present >= MOST * column.rows


def _no_label(column: ColumnProfile, classes: Mapping[str, int]) -> str:
    """Say why a column cannot be the label."""
    values = "one value only" if column.distinct == 1 else f"{column.distinct} distinct values"
    if column.kind == "identifier" and column.in_order:
        values += ", which number the rows"
    example = f", such as '{shown(column.example)}'"
    if len(classes) == 1 and column.cells.missing:
        example = (
            f", beside {counted(column.cells.missing, 'cell')} that are empty or hold a word such "
            "as NA or None, which count as missing; to make such a word a class, write it in conf, "
            "such as columns.negative_class: 'NA'"
        )
    most = f"expected numbers, or two to {MOST_CLASSES} classes that several rows share."
    return f"column '{column.name}' has {values}{example}; {most}"


def refusal(table: TableProfile, fault: str) -> DataError:
    """Say what is wrong, and which columns have two values."""
    two_valued = described([c for c in table.columns if len(classes_of(c)) == 2])
    named = f" Columns of two values, which --label may name: {two_valued}." if two_valued else ""
    return DataError(f"{table.file}: {fault}{named}")


def kind_of(column: ColumnProfile) -> TaskKind | None:
    """Give the most likely task of a label with these cells; None if they cannot be labels."""
    count = len(classes_of(column))
    may_be_classes = column.whole and not column.unit and 2 < count <= FEW_CLASSES
    are_classes = may_be_classes and (count < AMOUNT or names_a(column.name, "code"))
    kind: TaskKind | None = None
    if count == 2:
        kind = TWO_CLASSES
    elif are_classes or (count and column.kind == "category"):
        kind = CLASSES
    elif column.kind == "number" and column.distinct > 2:
        kind = NUMBER
    return kind


def _learnable(
    table: TableProfile, column: ColumnProfile, classes: dict[str, int]
) -> dict[str, int]:
    """Give the classes without rare ones, of which a run would stop; two classes are learnable.

    Raises:
        DataError: So many rows are of rare classes that a run would stop without them too.
    """
    rare = {value: count for value, count in classes.items() if count < FEW}
    if len(classes) == 2 or not rare:
        return classes
    labelled = table.rows - column.cells.missing
    left_out = sum(rare.values()) + labelled - sum(classes.values())
    if left_out > LIMIT * labelled or len(classes) - len(rare) < 2:
        values = f"{len(classes)} different values, {len(rare)} of them in fewer than {FEW} rows"
        raise refusal(table, RARE.format(column.name, values, shown(next(iter(rare)))))
    return {value: count for value, count in classes.items() if value not in rare}


def _classes(
    table: TableProfile,
    column: ColumnProfile,
    learnable: dict[str, int],
    told: str | None,
    positive: str | None,
) -> ProposedTask:
    """Propose two classes or more; the classes that are not learnable are left out."""
    form, labelled, classes = table.number_format, column.cells.present, classes_of(column)
    if len(learnable) == 2:
        order, why, doubts = _two_classes(table, column, learnable, positive)
    else:
        order = sorted(learnable, key=lambda value: class_rank(value, form))
        why = f"{len(learnable)} values"
        amounts = column.kind == "number" and told is None and not names_a(column.name, "code")
        doubts = [AS_CLASSES] if amounts else []
    if few := {value: count for value, count in learnable.items() if count < JUDGED}:
        doubts.append(FEW_ROWS.format(listed(few)))
    if rare := {value: count for value, count in classes.items() if value not in learnable}:
        doubts.append(LEFT_OUT.format(listed(rare)))
    doubts += [ALIKE.format(" and ".join(map(shown, column.alike)))] if column.alike else []
    task = Task.of_classes([class_value(value, form) for value in order])
    if coded := labelled - sum(classes.values()):
        doubts.append(_set_aside(coded, task.kind, next(iter(column.codes)), labelled))
    return ProposedTask(task, why, tuple(learnable[v] for v in order), unsure=tuple(doubts))


def _two_classes(
    table: TableProfile, column: ColumnProfile, classes: dict[str, int], positive: str | None
) -> tuple[list[str], str, list[str]]:
    """Give the negative and the positive class, why, and what is unsure about that."""
    form, (first, second) = table.number_format, sorted(classes)
    if positive is not None:
        chosen = [v for v in classes if same_value(v, form) == same_value(positive, form)]
        if not chosen:
            raise DataError(
                f"{table.file}: --positive {positive}: the label '{column.name}' has no such "
                f"value; expected one of its two values ({listed(classes)})."
            )
        return sorted(classes, key=lambda value: value in chosen), "as you chose", []
    numbers = [same_value(value, form) for value in (first, second)]
    ranks: Sequence[float] = [_meaning(first, second), _meaning(second, first)]
    why, how = "by the word", ""
    if ranks[0] == ranks[1] and not any(isinstance(number, str) for number in numbers):
        ranks, why = [float(number) for number in numbers], "the greater number"
        how = "" if {*numbers} == {0, 1} else "{} is the greater number"
    elif ranks[0] == ranks[1]:
        ranks, why = [-classes[first], -classes[second]], "the rarer one"
        how = "'{}' is the rarer one"
    if ranks[0] == ranks[1]:
        why = "the first by the alphabet, as there is no other reason"
        how = "'{}' is only the first by the alphabet"
    order = [second, first] if ranks[0] >= ranks[1] else [first, second]
    swap = f"; --positive {shown(order[0])!r} chooses the other one"
    doubts = [f"positive class: {how.format(shown(order[1]))}{swap}"] if how else []
    return order, why, doubts


def _meaning(value: str, opposite: str) -> int:
    """Give 1 for a word that means a positive class, -1 for a negative one, and else 0.

    "Cancer" means one beside "no cancer". A single letter counts only in a pair, such as y and n.
    """
    if len(value) == 1 and {value.lower(), opposite.lower()} not in LETTERS:
        return 0
    is_denied = opposite.lower() in {no + value.lower() for no in DENIALS}
    if is_denied or value.lower() in WORDS["positive"]:
        return 1
    return -int(value.lower() in WORDS["negative"])


def _number(table: TableProfile, column: ColumnProfile, asks: bool) -> ProposedTask:
    """Propose a number; codes for "no label" are outside the bounds."""
    low, high = column.lowest or 0.0, column.highest or 0.0
    codes = {code: count for code, count in column.codes.items() if code != 0}
    numbers = [code for code in codes if not isinstance(code, str)]
    below, above = any(code < low for code in numbers), any(code > high for code in numbers)
    bounds = (low if below else None, high if above else None)
    doubts = [AS_NUMBER] if asks else []
    if count := column.odd + sum(codes.values()):
        example = column.odd_example or next(iter(codes))
        doubts.append(_set_aside(count, NUMBER, example, column.cells.present))
    return ProposedTask(
        Task(kind=NUMBER),
        f"{column.distinct} distinct values, {low:g} to {high:g}",
        bounds=bounds if below or above else None,
        unsure=(*doubts, *_far_outside(column, numbers)),
    )


def _far_outside(column: ColumnProfile, codes: list[float]) -> list[str]:
    """Say which labels are so far from the others that they may be faults; codes do not count."""
    read = all_pointed(column.cells.texts, column.number_format).cast(pa.float64())
    numbers = read.to_numpy(zero_copy_only=False)
    is_label = np.isfinite(numbers) & ~np.isin(numbers, codes)
    numbers = np.repeat(numbers[is_label], column.cells.counts[is_label])
    low, high = np.quantile(numbers, [LIMIT, 1 - LIMIT], method="nearest")
    reach = FAR * (high - low)
    near = (numbers >= low - reach) & (numbers <= high + reach)
    if reach == 0 or near.all():
        return []
    lie = f"{counted(np.sum(~near), 'row')} {'lies' if np.sum(~near) == 1 else 'lie'}"
    return [OUTLIERS.format(lie, numbers[~near][0], numbers[near].min(), numbers[near].max())]


def _set_aside(count: int, kind: TaskKind, example: Code, labelled: int) -> str:
    stops = TOO_MANY if count > LIMIT * labelled else ""
    return SET_ASIDE.format(counted(count, "row"), TRAITS[kind].not_a_label, shown(example), stops)


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


def class_value(text: str, form: NumberFormat) -> Value:
    """Give a class as conf writes it: a number as a number, any other text as text."""
    number = pointed(text, form)
    if number is None or not isfinite(float(number)) or (text[:1] == "0" and text[1:].isdigit()):
        return text
    return int(float(number)) if float(number).is_integer() else float(number)


def described(columns: Sequence[ColumnProfile]) -> str:
    """List columns of two values with their counts: the first ten, and how many more."""
    texts = []
    for column in columns:
        classes = classes_of(column)
        without = column.rows - sum(classes.values())
        none = f"; {without} without" if without else ""
        texts.append(f"{shown(column.name)} ({listed(classes)}{none})")
    return first_ten(texts, "; ")


def listed(classes: Mapping[str, int]) -> str:
    """Name classes with their counts."""
    return first_ten([f"{shown(value)}: {count}" for value, count in classes.items()])


def first_ten(texts: Sequence[str], between: str = ", ") -> str:
    """List the first ten of some texts, and say how many more there are."""
    more = f" and {len(texts) - LISTED} more" if len(texts) > LISTED else ""
    return f"{between.join(texts[:LISTED])}{more}"
