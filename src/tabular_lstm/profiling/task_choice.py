"""Choose the task of a label: two classes, classes or a number, and its entries in conf."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tabular_lstm.errors import DataError, counted, shown
from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES, Promotion, Split, Validation
from tabular_lstm.parameters.columns import MOST_CLASSES
from tabular_lstm.parameters.task import Kind, Task
from tabular_lstm.profiling.label_classes import (
    alike,
    class_rank,
    class_value,
    classes_of,
    described,
    listed,
    positive_rank,
    same_value,
    why_positive,
)
from tabular_lstm.profiling.table_profile import Code, ColumnProfile, TableProfile
from tabular_lstm.profiling.word_lists import names_a
from tabular_lstm.rows.number_format import all_pointed

LIMIT = Validation().max_quarantined_fraction
LEAST = Promotion().min_test_rows_per_class
# Rows of a class. With ENOUGH, both sides surely get two of them. With FEW, the train side nearly
# always gets two. With JUDGED, the test side gets as many as a promotion needs.
ENOUGH, FEW, JUDGED = 30, 8, round(LEAST / Split().test_fraction)
# Up to FEW_CLASSES distinct whole numbers may be classes; AMOUNT or more probably are not.
FEW_CLASSES, AMOUNT = 20, 6
FAR = 30  # a label is far outside at this many times the range of the middle nine tenths
SET_ASIDE = (
    "label: {} {}, such as '{}', will go to quarantine{}; where there is no label, leave the cell "
    "empty"
)
OF_WHAT = {
    TWO_CLASSES: "of neither class",
    CLASSES: "of no class",
    NUMBER: "that are no number within bounds",
}
TOO_MANY = (
    f", and the run will stop: more than validation.max_quarantined_fraction = {LIMIT} of the "
    "labelled rows"
)
ALL_MISSING = (
    "one value only, beside {} that are empty or hold a word such as NA or None, which count as "
    "missing; to make such a word a class, write it in conf, such as columns.negative_class: 'NA'"
)
LEFT_OUT = (
    "label: too few rows to learn a class from: {}. These rows go to quarantine; collect more, and "
    "name the class under classes, or put rare classes together in the column"
)
RARE = (
    "column '{}' has {}, such as '{}': a run would stop, because it needs two train rows of each. "
    "If they are numbers, write only numbers, and --task number; else put rare ones together."
)
TOO_FEW = "label: a class has {}; a run stops where a side gets fewer than two"
NOT_JUDGED = (
    f"label: classes of fewer than {JUDGED} rows: {{}}. A promotion needs {LEAST} test rows of "
    "each (promotion.min_test_rows_per_class): collect more, or put rare classes together"
)
AS_CLASSES = "label: taken for classes; if these numbers are an amount, --task number"
AS_NUMBER = "label: taken for an amount; if these numbers are classes, --task classes"
ZEROS = "label: {} 0, far from all others; if it means 'no label', leave these cells empty"
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

    @property
    def entries(self) -> dict[str, Any]:
        """The entries of `columns` for the task, without bounds."""
        classes = self.task.classes
        said: dict[str, dict[str, Any]] = {
            TWO_CLASSES: dict(zip(("negative_class", "positive_class"), classes, strict=False)),
            CLASSES: {"classes": [*classes]},
            NUMBER: {"task": NUMBER},
        }
        return said[self.task.kind]


def kind_of(column: ColumnProfile) -> Kind | None:
    """Give the most likely task of a label with these cells; None if they cannot be labels."""
    count = len(classes_of(column))
    may_be_classes = column.whole and 2 < count <= FEW_CLASSES
    are_classes = may_be_classes and (count < AMOUNT or names_a(column.name, "code"))
    kind: Kind | None = None
    if count == 2:
        kind = TWO_CLASSES
    elif are_classes or (count and column.kind == "category"):
        kind = CLASSES
    elif column.kind == "number" and column.distinct > 2:
        kind = NUMBER
    return kind


def propose_task(
    table: TableProfile, column: ColumnProfile, told: str | None, positive: str | None
) -> ProposedTask:
    """Propose the task of a label.

    Args:
        table: The profile of the table.
        column: The label.
        told: `classes` or `number`. Default: the cells decide.
        positive: The positive one of two classes, as written in the file. Default: the words or
            numbers decide.

    Raises:
        DataError: The cells do not fit the task, or `positive` is not one of two classes.
    """
    classes = classes_of(column)
    if told == NUMBER and column.kind != "number":
        example = f"such as '{shown(column.example)}'"
        raise refusal(table, f"column '{column.name}' holds no numbers, {example}; --task classes?")
    kind = NUMBER if told == NUMBER else kind_of(column) if told is None else CLASSES
    if kind is None or (kind != NUMBER and len(classes) < 2):
        raise refusal(table, _no_label(column, classes))
    if kind == NUMBER:
        found = _number(table, column, classes, told)
    else:
        found = _classes(table, column, classes, told, positive)
    if positive is not None and found.task.kind != TWO_CLASSES:
        raise DataError(
            f"{table.file}: --positive {positive}: the label '{column.name}' does not have two "
            f"classes, so none is the positive one: {found.why}."
        )
    return found


def _classes(
    table: TableProfile,
    column: ColumnProfile,
    classes: dict[str, int],
    told: str | None,
    positive: str | None,
) -> ProposedTask:
    """Propose two classes or more; if there are three or more, rare classes are left out."""
    form, labelled = table.number_format, table.rows - column.cells.missing
    coded = labelled - sum(classes.values())
    for least in (ENOUGH, FEW, 0) if len(classes) > 2 else (0,):
        rare = {value: count for value, count in classes.items() if count < least}
        if sum(rare.values()) + coded <= LIMIT * labelled and len(classes) - len(rare) >= 2:
            break
        if least == FEW and rare:
            said = f"{len(classes)} different values, {len(rare)} of them in fewer than {FEW} rows"
            raise refusal(table, RARE.format(column.name, said, shown(next(iter(rare)))))
    kept = {value: count for value, count in classes.items() if value not in rare}
    doubts = [LEFT_OUT.format(listed(rare))] if rare else []
    if len(kept) == 2:
        one, other = sorted(kept, key=lambda value: positive_rank(value, kept, form))
        why, unsure = why_positive(one, other, kept, form)
        if positive is not None:
            same = [
                value for value in kept if same_value(value, form) == same_value(positive, form)
            ]
            if not same:
                raise DataError(
                    f"{table.file}: --positive {positive}: the label '{column.name}' has no such "
                    f"value; expected one of its two values ({listed(kept)})."
                )
            one, other = (one, other) if same == [one] else (other, one)
            why, unsure = "as you chose", []
        order = [other, one]
    else:
        order = sorted(kept, key=lambda value: class_rank(value, form))
        why = f"{len(kept)} values"
        amounts = column.kind == "number" and told is None and not names_a(column.name, "code")
        unsure = [AS_CLASSES] if amounts else []
        if few := {value: n for value, n in kept.items() if n < JUDGED}:
            unsure.append(NOT_JUDGED.format(listed(few)))
    doubts = [*unsure, *doubts, *alike(classes)]
    task = Task.of_classes([class_value(value, form) for value in order])
    if coded:
        doubts.append(_set_aside(coded, task.kind, next(iter(column.codes)), labelled))
    if task.kind == TWO_CLASSES and (fewest := min(kept.values())) < ENOUGH:
        doubts.append(TOO_FEW.format(counted(fewest, "row")))
    counts = tuple(kept[value] for value in order)
    return ProposedTask(task, why, counts, unsure=tuple(doubts))


def _number(
    table: TableProfile, column: ColumnProfile, classes: Mapping[str, int], told: str | None
) -> ProposedTask:
    """Propose a number; codes for "no label" are outside the bounds."""
    low, high = column.lowest or 0.0, column.highest or 0.0
    numbers = [code for code in column.codes if not isinstance(code, str) and code]
    below, above = any(code < low for code in numbers), any(code > high for code in numbers)
    bounds = (low if below else None, high if above else None)
    doubts = [AS_NUMBER] if told is None and 2 < len(classes) <= FEW_CLASSES else []
    if count := column.odd + sum(n for code, n in column.codes.items() if code != 0):
        example = column.odd_example or next(code for code in column.codes if code != 0)
        labelled = table.rows - column.cells.missing
        doubts.append(_set_aside(count, NUMBER, example, labelled))
    if zeros := column.codes.get(0, 0):
        doubts.append(ZEROS.format(f"{counted(zeros, 'row')} {'is' if zeros == 1 else 'are'}"))
    doubts += _far_outside(column, numbers)
    return ProposedTask(
        Task(kind=NUMBER),
        f"{column.distinct} distinct values, {low:g} to {high:g}",
        bounds=bounds if below or above else None,
        unsure=tuple(doubts),
    )


def _far_outside(column: ColumnProfile, codes: list[float]) -> list[str]:
    """Say which labels are so far from the others that they may be faults; codes do not count."""
    read = all_pointed(column.cells.texts, column.number_format).cast(pa.float64())
    numbers = read.to_numpy(zero_copy_only=False)
    left = np.isfinite(numbers) & ~np.isin(numbers, codes)
    numbers = np.repeat(numbers[left], column.cells.counts[left])
    low, high = np.quantile(numbers, [LIMIT, 1 - LIMIT], method="nearest")
    reach = FAR * (high - low)
    near = (numbers >= low - reach) & (numbers <= high + reach)
    if reach == 0 or near.all():
        return []
    lie = f"{counted(np.sum(~near), 'row')} {'lies' if np.sum(~near) == 1 else 'lie'}"
    return [OUTLIERS.format(lie, numbers[~near][0], numbers[near].min(), numbers[near].max())]


def _set_aside(count: int, kind: Kind, example: Code, labelled: int) -> str:
    stops = TOO_MANY if count > LIMIT * labelled else ""
    return SET_ASIDE.format(counted(count, "row"), OF_WHAT[kind], shown(example), stops)


def _no_label(column: ColumnProfile, classes: Mapping[str, int]) -> str:
    """Say why a column cannot be the label."""
    found = "one value only" if column.distinct == 1 else f"{column.distinct} distinct values"
    if column.kind == "identifier" and column.in_order:
        found += ", which number the rows"
    if len(classes) == 1 and column.cells.missing:
        found = ALL_MISSING.format(counted(column.cells.missing, "cell"))
    units = " Write numbers without a unit." if column.kind == "quantity" else ""
    most = f"expected numbers, or two to {MOST_CLASSES} classes that several rows share."
    return f"column '{column.name}' has {found}, such as '{shown(column.example)}'; {most}{units}"


def refusal(table: TableProfile, fault: str) -> DataError:
    """Say what is wrong, and which columns have two values."""
    fitting = described([c for c in table.columns if len(classes_of(c)) == 2])
    found = f" Columns of two values, which --label may name: {fitting}."
    return DataError(f"{table.file}: {fault}{found if fitting else ''}")
