"""Propose conf for the columns of a table from its profile, each choice with its reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from tabular_lstm.errors import DataError, counted, no_column, shown
from tabular_lstm.parameters import Columns, History
from tabular_lstm.profiling.label_choice import Label, choose_label
from tabular_lstm.profiling.table_profile import ISO_8601, Code, ColumnProfile, TableProfile
from tabular_lstm.profiling.word_lists import (
    may_name_a_thing,
    names_a,
    names_a_thing,
    names_a_weight,
    names_an_identifier,
)
from tabular_lstm.rows.validation import UNNAMED

# Most distinct words of categories, as a share of the rows or, in a small table, as a number.
MOST_CATEGORIES, FEW = 0.2, 20
CODES = 12  # most distinct whole numbers that may be codes
# Fewest things in a column of groups, and in a column that the page asks about.
GROUPS, ASKED = 20, 10
# Largest share of the rows that one thing has; in a column of counts, a small count has more.
LARGEST_GROUP = 0.2

FEATURES = {"number", "categorical", "dates"}  # roles

# What may be unsure about a column.
KEY = "key: does each row keep this value in later files? If not, ignore the column"
GROUP = (
    "group: rows of one value go to one side, and the column is no feature; if it is an amount, "
    "take the line away; if it names a row that later files correct, give --key"
)
ASK_GROUP = (
    "does it name a thing, such as a school or a tree, that has several rows? If so, name the "
    "column under group, and nowhere else: the rows of one thing then go to one side"
)
WEIGHT = "weight: by its name; if it is an amount, such as kilograms, take the line away"
NO_WEIGHT = "a weight by its name: mend its cells and name it under weight, or take it from ignore"
IN_TIME = (
    "these dates first occur in the order of time: to judge a model on the newest rows, name the "
    "column under time too, add split: {kind: time}, leave its format under dates, and take a line "
    "of group away"
)
TAKEN_AS_MISSING = "missing: values that stand apart were taken for 'not measured'; were they?"
MANY_ZEROS = (
    "0 is far more frequent than other numbers: if it means 'not measured', add it to missing"
)
ARE_AMOUNTS = "categorical: few whole numbers, codes by their names; if amounts, take them away"
HARDLY_SHARED = "words that hardly any two rows share: to learn from them, add them to categorical"
UNITS = "numbers with a unit are text here: to learn from them as numbers, write them without it"


@dataclass(frozen=True)
class Choice:
    """What is proposed for a column.

    Attributes:
        role: `label`, `key`, `group`, `weight`, `dates`, `categorical`, `number`, or `ignore`;
            for histories `customer` and `order`.
        why: The reason, in a few words.
        unsure: Sentences on what may be wrong in the choice.
        missing: Values that mean "not measured", with their counts.
        format: Format of dates for `datetime.strptime`; None for ISO 8601.
    """

    role: str
    why: str
    unsure: tuple[str, ...] = ()
    missing: dict[Code, int] = field(default_factory=dict)
    format: str | None = None


@dataclass(frozen=True)
class Proposal:
    """The proposed conf for a table.

    Attributes:
        choices: The choice for each column by its name, in the file's order.
        unsure: Sentences on what may be wrong, each with the names of its columns.
        history: The proposed block `history`. Default: none.
    """

    label: Label
    choices: dict[str, Choice]
    unsure: dict[str, list[str]]
    history: History | None = None

    def named(self, role: str) -> dict[str, Choice]:
        """Give the columns of a role."""
        return {name: choice for name, choice in self.choices.items() if choice.role == role}

    def columns(self) -> Columns:
        """Give the proposed block `columns`, as a run reads it."""
        return Columns(
            label=self.label.name,
            **self.label.proposed.entries,
            key=next(iter(self.named("key")), None),
            group=next(iter(self.named("group")), None),
            weight=next(iter(self.named("weight")), None),
            history=self.history and self.history.model_dump(),
            categorical=[*self.named("categorical")],
            dates={n: c.format for n, c in self.choices.items() if c.format or c.role == "dates"},
            ignore=[*self.named("ignore")],
            missing={name: [*c.missing] for name, c in self.choices.items() if c.missing},
            bounds={self.label.name: bounds} if (bounds := self.label.proposed.bounds) else {},
        )


def propose(
    table: TableProfile,
    label: str | None = None,
    positive: str | None = None,
    key: str | None = None,
    task: str | None = None,
) -> Proposal:
    """Choose a role for each column; the label, the key and the task may be given.

    Raises:
        DataError: There is no label, see `choose_label`; no such column; or no feature is left.
    """
    found = choose_label(table, label, positive, task)
    if key is not None and key not in table.names:
        raise no_column(table.file, key, table.names, "--key names the column")
    if key == found.name:
        raise DataError(f"{table.file}: column '{key}' is both key and label; name another one.")
    choices = _choices(table, found, key)
    if not FEATURES & {choice.role for choice in choices.values()}:
        said = "; ".join(
            f"{shown(n)}: {choice.role}, {choice.why}" for n, choice in choices.items()
        )
        raise DataError(f"{table.file}: no column is left to learn from: {said}")
    unsure: dict[str, list[str]] = {sentence: [] for sentence in found.unsure}
    for name, choice in choices.items():
        for doubt in choice.unsure:
            unsure.setdefault(doubt, []).append(name)
    return Proposal(found, choices, unsure)


def _choices(table: TableProfile, label: Label, key: str | None) -> dict[str, Choice]:
    """Choose a role for each column; roles that only one column can have are chosen first."""
    choices = {label.name: Choice("label", label.reason)}
    if key is not None:
        choices[key] = Choice("key", "as you chose")
    elif chosen := _key_of(table, label.name):
        choices[chosen] = Choice("key", "a value of its own in each row", (KEY,))
    left = [column for column in table.columns if column.name not in choices]
    features = {column.name for column in left if of_kind(column).role in FEATURES}
    for group in [c for c in left if _is_group(c) and features - {c.name}][:1]:
        why = f"{group.distinct} values, which several rows share"
        choices[group.name] = Choice("group", why, (GROUP,))
        left.remove(group)
    for weight in [column for column in left if _is_weight(column)][:1]:
        choices[weight.name] = Choice("weight", "by its name", (WEIGHT,))
    for column in table.columns:
        choices.setdefault(column.name, of_kind(column))
    return {name: choices[name] for name in table.names}


def _key_of(table: TableProfile, label: str) -> str | None:
    """Choose the column that identifies a row; a column with such a name comes first."""
    fitting = [
        column.name
        for column in table.columns
        if column.distinct == column.rows
        and column.name != label
        and (
            names_an_identifier(column.name)
            or (column.kind == "identifier" and not column.in_order)
        )
    ]
    return next(iter([*filter(names_an_identifier, fitting), *fitting]), None)


def is_discrete(column: ColumnProfile) -> bool:
    """Tell whether cells are words or whole numbers."""
    return column.kind in {"category", "identifier"} or (column.kind == "number" and column.whole)


def _largest(column: ColumnProfile) -> int:
    """Count the rows of the most frequent value."""
    return int(column.cells.counts.max(initial=0))


def _is_group(column: ColumnProfile) -> bool:
    """Tell whether a column is a group: it names things, and some things have several rows."""
    return (
        names_a_thing(column.name)
        and is_discrete(column)
        and not any(" " in text for text in column.cells.texts[:3].to_pylist())
        and GROUPS <= column.distinct < column.rows
        and _largest(column) <= LARGEST_GROUP * column.rows
        and not column.cells.missing
    )


def _may_be_group(column: ColumnProfile) -> bool:
    """Tell whether to ask about a group: the name fits, and a thing has two rows on average."""
    is_even = _largest(column) <= LARGEST_GROUP * column.present
    is_called_so = names_a_thing(column.name) or (may_name_a_thing(column.name) and is_even)
    have_rows = column.distinct >= ASKED and column.present >= 2 * column.distinct
    return _is_group(column) or (is_called_so and is_discrete(column) and have_rows)


def _is_weight(column: ColumnProfile) -> bool:
    """Tell by name and cells whether a column says how much each row counts."""
    is_amount = column.kind == "number" and (column.lowest or 0) >= 0
    return names_a_weight(column.name) and is_amount and column.present == column.rows


def of_kind(column: ColumnProfile) -> Choice:
    """Choose a role for a column that is not label, key, group or weight."""
    if UNNAMED.fullmatch(column.name) and not column.in_order:
        return Choice("ignore", "it has no name; to learn from it, give it one in the header")
    if names_a_weight(column.name) and column.kind not in {"empty", "constant"}:
        why = "a weight by its name, but a second one, or not 0 or more in each row"
        return Choice("ignore", why, (NO_WEIGHT,))
    if names_an_identifier(column.name) and is_discrete(column) and column.distinct > FEW:
        choice = Choice("ignore", f"an identifier by its name, of {column.distinct} values")
    elif column.kind in OF_KIND:
        choice = OF_KIND[column.kind](column)
    else:
        choice = Choice("ignore", _why_ignored(column))
    return replace(choice, unsure=choice.unsure + _true({ASK_GROUP: _may_be_group(column)}))


def _why_ignored(column: ColumnProfile) -> str:
    if column.kind == "identifier":
        return "it numbers the rows" if column.in_order else "a value of its own in nearly each row"
    return {
        "empty": "no cell holds anything",
        "constant": f"always {shown(column.example)}",
        "text": "free text",
    }[column.kind]


def _number(column: ColumnProfile) -> Choice:
    few = column.whole and 2 < column.distinct - len(column.codes) <= CODES
    if few and names_a(column.name, "code"):
        why = f"{column.distinct} whole numbers, codes by its name"
        return Choice("categorical", why, (ARE_AMOUNTS,), column.codes)
    odd = f"cells that are no numbers: {column.odd}, such as '{shown(column.odd_example)}'; their "
    odd += "labelled rows go to quarantine: mend them, or name them under missing"
    doubts = {
        TAKEN_AS_MISSING: any(not isinstance(code, str) for code in column.codes),
        MANY_ZEROS: column.many_zeros,
        odd: column.odd > 0,
        column.float32_fault: column.float32_fault != "",
    }
    why = f"{column.lowest:g} to {column.highest:g}"
    return Choice("number", why, _true(doubts), column.codes)


def _category(column: ColumnProfile) -> Choice:
    rows = column.rows - column.cells.missing
    if column.distinct > max(FEW, MOST_CATEGORIES * rows):
        why = f"{column.distinct} distinct values in {counted(rows, 'row')}"
        return Choice("ignore", why, (HARDLY_SHARED,))
    doubts = {TAKEN_AS_MISSING: bool({*column.codes} - {"?"})}
    return Choice("categorical", counted(column.distinct, "value"), _true(doubts), column.codes)


def _quantity(column: ColumnProfile) -> Choice:
    return Choice("categorical" if column.distinct <= FEW else "ignore", "text", (UNITS,))


def _date(column: ColumnProfile) -> Choice:
    form = column.formats[0]
    several = f"dates: {' and '.join(column.formats)} fit all cells alike; which is it?"
    doubts = {
        # In other formats the order of the texts is not the order of the dates.
        IN_TIME: column.in_order and (form == ISO_8601 or form.startswith("%Y")),
        several: len(column.formats) > 1,
    }
    written = None if form == ISO_8601 else form
    return Choice("dates", f"written as {form}", _true(doubts), column.codes, written)


OF_KIND: dict[str, Callable[[ColumnProfile], Choice]] = {
    "number": _number,
    "category": _category,
    "quantity": _quantity,
    "date": _date,
}


def _true(doubts: Mapping[str, bool]) -> tuple[str, ...]:
    return tuple(doubt for doubt, is_so in doubts.items() if is_so)
