"""Propose conf for the columns of a table from its profile, each choice with its reason."""

from dataclasses import dataclass, field, replace

from tabular_lstm.errors import DataError, counted, no_column, shown
from tabular_lstm.parameters import Columns, History
from tabular_lstm.profiling.label_choice import Label, choose_label
from tabular_lstm.profiling.table_profile import ISO_8601, Code, ColumnProfile, TableProfile
from tabular_lstm.profiling.word_lists import (
    names_a,
    names_a_thing,
    names_a_weight,
    names_an_identifier,
)
from tabular_lstm.rows.validation import UNNAMED

# Most distinct words of categories, as a share of the rows or, in a small table, as a number.
MOST_CATEGORIES, FEW = 0.2, 20
CODES = 12  # most distinct whole numbers that may be codes
# Fewest things in a column of groups, and largest share of the rows that one of them has; in a
# column of counts, a small count has more.
GROUPS, LARGEST_GROUP = 20, 0.2

FEATURES = ("number", "categorical", "dates")  # roles

# What may be unsure about a column.
KEY = "key: does each row keep this value in later files? If not, ignore the column"
GROUP = (
    "group: rows of one value go to one side, and the column is no feature; if it is an amount, "
    "take the line away; if it names a row that later files correct, give --key"
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

    def with_choices(self, choices: dict[str, Choice]) -> "Proposal":
        """Replace the choices of some columns, with what is unsure about them."""
        unsure = {
            doubt: [name for name in names if name not in choices]
            for doubt, names in self.unsure.items()
            if not names or {*names} - {*choices}
        }
        for name, choice in choices.items():
            for doubt in choice.unsure:
                unsure.setdefault(doubt, []).append(name)
        return replace(self, choices=self.choices | choices, unsure=unsure)

    def with_sentence(self, sentence: str) -> "Proposal":
        """Add a sentence at the start of what is unsure."""
        return replace(self, unsure={sentence: [], **self.unsure})


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
    chosen = choose_label(table, label, positive, task)
    if key is not None and key not in table.names:
        raise no_column(table.file, key, table.names, "--key names the column")
    if key == chosen.name:
        raise DataError(f"{table.file}: column '{key}' is both key and label; name another one.")
    choices = _choices(table, chosen, key)
    if not {*FEATURES} & {choice.role for choice in choices.values()}:
        roles = [f"{shown(name)}: {choice.role}, {choice.why}" for name, choice in choices.items()]
        raise DataError(f"{table.file}: no column is left to learn from: {'; '.join(roles)}")
    return Proposal(chosen, {}, {doubt: [] for doubt in chosen.unsure}).with_choices(choices)


def _choices(table: TableProfile, label: Label, key: str | None) -> dict[str, Choice]:
    """Choose a role for each column; roles that only one column can have are chosen first."""
    choices = {label.name: Choice("label", label.reason)}
    if key is not None:
        choices[key] = Choice("key", "as you chose")
    elif named := _key_of(table, label.name):
        choices[named] = Choice("key", "a value of its own in each row", (KEY,))
    left = [column for column in table.columns if column.name not in choices]
    features = {column.name for column in left if of_kind(column).role in FEATURES}
    for group in [c for c in left if _is_group(c) and features - {c.name}][:1]:
        why = f"{group.distinct} values, which several rows share"
        choices[group.name] = Choice("group", why, (GROUP,))
        left.remove(group)
    for weight in [column for column in left if _is_weight(column)][:1]:
        choices[weight.name] = Choice("weight", "by its name", (WEIGHT,))
    return {c.name: choices.get(c.name) or of_kind(c) for c in table.columns}


def _key_of(table: TableProfile, label: str) -> str | None:
    """Choose the column that identifies a row; a column with such a name comes first."""
    unique = [c for c in table.columns if c.distinct == c.rows and c.name != label]
    named = [c.name for c in unique if names_an_identifier(c.name)]
    unnamed = [c.name for c in unique if c.kind == "identifier" and not c.in_order]
    return next(iter(named + unnamed), None)


def is_discrete(column: ColumnProfile) -> bool:
    """Tell whether cells are words or whole numbers."""
    return column.kind in {"category", "identifier"} or (column.kind == "number" and column.whole)


def _is_group(column: ColumnProfile) -> bool:
    """Tell whether a column is a group: it names things, and some things have several rows."""
    return (
        names_a_thing(column.name)
        and is_discrete(column)
        and not any(" " in text for text in column.cells.texts[:3].to_pylist())
        and GROUPS <= column.distinct < column.rows
        and column.cells.counts.max() <= LARGEST_GROUP * column.rows
        and not column.cells.missing
    )


def _is_weight(column: ColumnProfile) -> bool:
    """Tell by name and cells whether a column says how much each row counts."""
    is_amount = column.kind == "number" and (column.lowest or 0) >= 0
    return names_a_weight(column.name) and is_amount and column.present == column.rows


def _are_codes(column: ColumnProfile) -> bool:
    few = column.whole and 2 < column.distinct - len(column.codes) <= CODES
    return column.kind == "number" and few and names_a(column.name, "code")


def _is_scattered(column: ColumnProfile) -> bool:
    return column.distinct > max(FEW, MOST_CATEGORIES * column.cells.present)


def of_kind(column: ColumnProfile) -> Choice:
    """Choose a role for a column that is not label, key, group or weight: the first that fits."""
    name, kind, few = column.name, column.kind, column.distinct <= FEW
    named = names_an_identifier(name) and is_discrete(column) and not few
    row = "it numbers the rows" if column.in_order else "a value of its own in nearly each row"
    form = column.formats[0] if column.formats else ""
    scattered = f"{column.distinct} distinct values in {counted(column.cells.present, 'row')}"
    is_weight = names_a_weight(name) and kind not in {"empty", "constant"}
    weight = "a weight by its name, but a second one, or not 0 or more in each row"
    unnamed = "it has no name; to learn from it, give it one in the header"
    span = "" if column.lowest is None else f"{column.lowest:g} to {column.highest:g}"
    codes = f"{column.distinct} whole numbers, codes by its name"
    rules: list[tuple[bool, str, str, tuple[str, ...]]] = [
        (bool(UNNAMED.fullmatch(name)) and not column.in_order, "ignore", unnamed, ()),
        (is_weight, "ignore", weight, (NO_WEIGHT,)),
        (named, "ignore", f"an identifier by its name, of {column.distinct} values", ()),
        (kind == "identifier", "ignore", row, ()),
        (kind == "empty", "ignore", "no cell holds anything", ()),
        (kind == "constant", "ignore", f"always {shown(column.example)}", ()),
        (kind == "text", "ignore", "free text", ()),
        (kind == "quantity", "categorical" if few else "ignore", "text", (UNITS,)),
        (kind == "date", "dates", f"written as {form}", ()),
        (kind == "category" and _is_scattered(column), "ignore", scattered, (HARDLY_SHARED,)),
        (kind == "category", "categorical", counted(column.distinct, "value"), ()),
        (_are_codes(column), "categorical", codes, (ARE_AMOUNTS,)),
        (True, "number", span, ()),
    ]
    role, why, unsure = next(rule[1:] for rule in rules if rule[0])
    return Choice(
        role,
        why,
        (*unsure, *_questions(column, role)),
        missing=column.codes if role in FEATURES else {},
        format=form if role == "dates" and form != ISO_8601 else None,
    )


def _questions(column: ColumnProfile, role: str) -> list[str]:
    """List what is unsure about the cells of a column with this role."""
    is_number, is_date = role == "number", role == "dates"
    is_category = role == "categorical" and column.kind == "category"
    # In other formats the order of the texts is not the order of the dates.
    is_sorted = is_date and column.in_order and column.formats[0].startswith(("%Y", ISO_8601))
    odd = (
        f"cells that are no numbers: {column.odd}, such as '{shown(column.odd_example)}'; their "
        "labelled rows go to quarantine: mend them, or name them under missing"
    )
    questions = {
        TAKEN_AS_MISSING: (is_number and any(not isinstance(code, str) for code in column.codes))
        or (is_category and bool({*column.codes} - {"?"})),
        MANY_ZEROS: is_number and column.many_zeros,
        odd: is_number and column.odd > 0,
        column.float32_fault: is_number and bool(column.float32_fault),
        IN_TIME: is_sorted,
        f"dates: {' and '.join(column.formats)} fit all cells alike; which is it?": (
            is_date and len(column.formats) > 1
        ),
    }
    return [question for question, is_asked in questions.items() if is_asked]
