"""Which column is the label."""

from collections.abc import Sequence
from dataclasses import dataclass

from tabular_lstm.errors import no_column, shown
from tabular_lstm.parameters import NUMBER
from tabular_lstm.profiling.label_classes import classes_of, described
from tabular_lstm.profiling.table_profile import ColumnProfile, TableProfile
from tabular_lstm.profiling.task_choice import (
    FEW_CLASSES,
    ProposedTask,
    kind_of,
    propose_task,
    refusal,
)
from tabular_lstm.profiling.word_lists import (
    WORDS,
    has_word,
    names_a,
    names_a_weight,
    names_an_identifier,
    words_of,
)

# Least share of rows with a label in a column that is proposed only because of its place.
MOST = 0.5
LIKELY = "most rows have and that is no trait, such as sex"
ONLY = "the only column of two values"
UNITS = " If column '{}' is the label, such as '{}': write numbers without a unit."
NONE = " No column has two values; --label may name one of classes or of a number."


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

    The label is the first of these columns that exists: the given column; a column of two values
    with the name of a label; a column whose name surely means a label; the last column, if it has
    two values or is named like something that is predicted; a column of two values with a label
    word in its name; the first column, if it has two values; the only column of two values. If no
    column has two values: a column that is named like something that is predicted, the last column,
    or the first column if it has classes. A column that is chosen by its name may have any share of
    missing cells. For `positive` and `task` see `propose_task`.

    Raises:
        DataError: No column is surely the label, or the cells of the column cannot be labels.
    """
    column, reason, unsure = _column(table, label)
    proposed = propose_task(table, column, task, positive)
    return Label(
        name=column.name,
        reason=reason,
        proposed=proposed,
        unlabelled=column.cells.missing,
        unsure=[*unsure, *proposed.unsure],
    )


def _column(table: TableProfile, label: str | None) -> tuple[ColumnProfile, str, list[str]]:
    """Choose the column, and give the reason and what is unsure about it."""
    if label is not None:
        if label not in table.names:
            raise no_column(table.file, label, table.names, "--label names the column")
        return table.column(label), "as you chose", []
    fitting = [column for column in table.columns if len(classes_of(column)) == 2]
    # Row numbers and dates of rows are often the first or the last column too.
    ends = [c for c in table.columns if c.kind != "empty" and not c.in_order]
    ways = _ways(table, fitting, ends)
    reason, found = next(((way, found) for way, found in ways if found), ("", []))
    if not found:
        more = " Several columns have two values, and none is surely the label."
        said = f"no label was found.{more if len(fitting) > 1 else ''}"
        if ends and kind_of(ends[-1]):
            said += f" The last column is {shown(ends[-1].name)}, which --label may name."
        if measured := [c for c in table.columns if c.kind == "quantity"]:
            said += UNITS.format(shown(measured[-1].name), shown(measured[-1].example))
        raise refusal(table, said if fitting else said + NONE)
    chosen = next((last for last in ends[-1:] if last in found), found[0])
    if reason == "by its name" and len(found) == 1:
        return chosen, reason, []
    also = described([c for c in fitting if c is not chosen])
    doubt = f"also of two values: {also}" if also else "is it what you want to predict?"
    if reason.startswith(ONLY) and kind_of(ends[-1]) == NUMBER and not also:
        doubt = f"or is it the last column, {shown(ends[-1].name)}?"
    return chosen, reason, [f"label: {doubt} (--label names another one)"]


def _ways(
    table: TableProfile, fitting: Sequence[ColumnProfile], ends: Sequence[ColumnProfile]
) -> list[tuple[str, list[ColumnProfile]]]:
    """List the reasons to choose a column, each with its columns, the best reason first.

    Args:
        table: The profile of the table.
        fitting: Columns of two values.
        ends: Columns; the first and the last of them may be the label because of their place.
    """
    kinds = {column.name: kind_of(column) for column in table.columns}
    sure = [c for c in table.columns if set() < {*words_of(c.name)} <= WORDS["surely a label"]]
    called = [c for c in fitting if c in sure or c.name.lower() in WORDS["label"]]
    others = [c for c in fitting if not has_word(c.name, "trait")]
    likely = [c for c in others if sum(classes_of(c).values()) >= MOST * c.rows]
    last, first = (
        _place("last", ends[-1:], table.columns[-1]),
        _place("first", ends[:1], table.columns[0]),
    )
    # A number called y beside x or z is a coordinate.
    by_name = [
        c
        for c in sure
        if kinds[c.name] and not (c.name.lower() == "y" and {"x", "z"} & {*map(str.lower, kinds)})
    ]
    predicted = [c for c in table.columns if kinds[c.name] and names_a(c.name, "predicted")]
    words = [c for c in others if has_word(c.name, "label")]
    ways = [
        ("by its name", [c for c in sure if c in fitting]),
        ("by its name, and it has two values", called),
        ("by its name", by_name),
        (f"{last}, and it has two values", [c for c in ends[-1:] if c in likely]),
        (f"{last}, and often a label by its name", [c for c in ends[-1:] if c in predicted]),
        ("a word of its name, and it has two values", words),
        (f"{first}, and it has two values", [c for c in ends[:1] if c in likely]),
        (ONLY, others if len(fitting) == 1 else []),
        (f"{ONLY} that {LIKELY}", likely if len(likely) == 1 else []),
    ]
    if others:
        return ways
    placed = [c for c in (*ends[-1:], *ends[:1]) if _may_be_label(c) and kinds[c.name]]
    return [
        *ways,
        ("often a label by its name", predicted),
        (last, [c for c in placed if c is ends[-1]]),
        (f"{first}, and it has classes", [c for c in placed if kinds[c.name] != NUMBER]),
        ("by its name", [c for c in table.columns if c in sure or names_a(c.name, "predicted")]),
    ]


def _may_be_label(column: ColumnProfile) -> bool:
    """Tell whether a column may be the label only because of its place."""
    names_rows = names_an_identifier(column.name) or names_a_weight(column.name)
    is_other = names_rows or has_word(column.name, "trait") or has_word(column.name, "date")
    is_shared = column.kind == "number" or column.distinct <= FEW_CLASSES
    return is_shared and not is_other and column.present >= MOST * column.rows


def _place(end: str, columns: Sequence[ColumnProfile], outermost: ColumnProfile) -> str:
    """Say that a column is the last or the first one, and which columns do not count."""
    beyond = (
        "" if outermost in columns else " but for those that are empty or in the order of the rows"
    )
    return f"the {end} column{beyond}"
