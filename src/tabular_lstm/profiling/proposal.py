"""Propose conf for the columns of a table, each choice with its reason, and write it as text."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from textwrap import TextWrapper
from typing import Any, cast

from tabular_lstm.errors import DataError, counted, first_ten, no_column, printable, shown
from tabular_lstm.parameters.columns import ColumnsOptions, DateFormat, History, in_words
from tabular_lstm.profiling.label_choice import ProposedLabel, choose_label
from tabular_lstm.profiling.layout import Layout
from tabular_lstm.profiling.table_profile import Code, ColumnProfile, TableProfile
from tabular_lstm.profiling.words import names_a, names_a_thing, names_an_identifier
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
    "group: rows with the same value go to one side, and the column is not a feature; if it is an "
    "amount, remove the line; if it names a row that later files correct, give --key"
)
IN_TIME = (
    "these dates first occur in chronological order: to judge a model on the newest rows, name the "
    "column under time too, add split: {kind: time}, leave its format under dates, and remove any "
    "line of group"
)
TAKEN_AS_MISSING = "missing: values that stand apart were taken for 'not measured'; were they?"
MANY_ZEROS = (
    "0 is far more frequent than other numbers: if it means 'not measured', add it to missing"
)
ODD_CELLS = (
    "cells that are not {}s: {}, such as '{}'; their labelled rows go to quarantine: correct them, "
    "name them under missing, or name the unit of numbers under units"
)
SHORT_YEARS = "dates: years 00 to 68 are read as 2000 to 2068, and 69 to 99 as 1969 to 1999; right?"
CODED = "categorical: few whole numbers, named like codes; if they are amounts, remove them"
MAY_BE_CODES = (
    "whole numbers, named like codes, are read as amounts: if they are codes, name the column "
    "under categorical"
)
HARDLY_SHARED = (
    "words that hardly any two rows share: to learn from them, add them to categorical; if they "
    "are numbers or dates, write all in one unit or one format"
)


@dataclass(frozen=True)
class Choice:
    """What is proposed for a column.

    Attributes:
        role: `label`, `key`, `group`, `dates`, `categorical`, `number`, or `ignore`;
            for histories `customer` and `order`.
        why: The reason, in a few words.
        unsure: Sentences on what may be wrong in the choice.
        missing: Values that mean "not measured", with their counts.
        format: Format or formats of dates, see `ColumnsOptions.dates`.
        unit: Unit of numbers; "" for none.
    """

    role: str
    why: str
    unsure: tuple[str, ...] = ()
    missing: dict[Code, int] = field(default_factory=dict)
    format: DateFormat = None
    unit: str = ""


@dataclass(frozen=True)
class Proposal:
    """The proposed conf for a table.

    Attributes:
        choices: The choice for each column by its name, in the file's order.
        sentences: What may be wrong, but for what is unsure about a column.
        history: The proposed block `history`. Default: none.
    """

    label: ProposedLabel
    choices: dict[str, Choice]
    sentences: tuple[str, ...]
    history: History | None = None

    def named(self, role: str) -> dict[str, Choice]:
        """Return the columns of a role."""
        return {name: choice for name, choice in self.choices.items() if choice.role == role}

    def columns(self) -> ColumnsOptions:
        """Return the proposed block `columns`, as a run reads it."""
        return ColumnsOptions(
            label=self.label.name,
            **self.label.task.declared,
            key=next(iter(self.named("key")), None),
            group=next(iter(self.named("group")), None),
            history=self.history and self.history.model_dump(),
            categorical=[*self.named("categorical")],
            dates={n: c.format for n, c in self.choices.items() if c.format or c.role == "dates"},
            ignore=[*self.named("ignore")],
            missing={name: [*c.missing] for name, c in self.choices.items() if c.missing},
            units={name: c.unit for name, c in self.choices.items() if c.unit},
            bounds={self.label.name: bounds} if (bounds := self.label.bounds) else {},
        )

    def with_sentence(self, sentence: str) -> "Proposal":
        """Add a sentence at the start of what is unsure."""
        return replace(self, sentences=(sentence, *self.sentences))

    @property
    def unsure(self) -> dict[str, list[str]]:
        """Sentences on what may be wrong, each with the names of its columns, if it has any."""
        found: dict[str, list[str]] = {sentence: [] for sentence in self.sentences}
        for name, choice in self.choices.items():
            for doubt in choice.unsure:
                found.setdefault(doubt, []).append(name)
        return found


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
        roles = "; ".join(f"{shown(name)}: {c.role}, {c.why}" for name, c in choices.items())
        raise DataError(f"{table.file}: no column is left to learn from: {roles}")
    return Proposal(chosen, choices, tuple(chosen.unsure))


def _choices(table: TableProfile, label: ProposedLabel, key: str | None) -> dict[str, Choice]:
    """Choose a role for each column; roles that only one column can have are chosen first."""
    column = table.column(label.name)
    choices = {label.name: Choice("label", label.reason, unit=column.unit)}
    if key is not None:
        choices[key] = Choice("key", "as you chose")
    elif named := _key_of(table, label.name):
        choices[named] = Choice("key", "a different value in each row", (KEY,))
    left = [column for column in table.columns if column.name not in choices]
    features = {column.name for column in left if of_kind(column).role in FEATURES}
    for group in [c for c in left if _is_group(c) and features - {c.name}][:1]:
        choices[group.name] = Choice(
            "group", f"{group.distinct} values, which several rows share", (GROUP,)
        )
    return {c.name: choices.get(c.name) or of_kind(c) for c in table.columns}


def _key_of(table: TableProfile, label: str) -> str | None:
    """Choose the column that identifies a row; a column with such a name comes first."""
    unique = [c for c in table.columns if c.distinct == c.rows and c.name != label]
    named = [c.name for c in unique if names_an_identifier(c.name)]
    unnamed = [c.name for c in unique if c.kind == "identifier" and not c.in_order]
    return next(iter(named + unnamed), None)


def is_discrete(column: ColumnProfile) -> bool:
    """Return whether cells are words or whole numbers."""
    return column.kind in {"category", "identifier"} or (
        column.kind == "number" and column.whole and not column.unit
    )


def _is_group(column: ColumnProfile) -> bool:
    """Return whether a column is a group: it names things, and some things have several rows."""
    return (
        names_a_thing(column.name)
        and is_discrete(column)
        and not any(" " in text for text in column.cells.texts[:3].to_pylist())
        and GROUPS <= column.distinct < column.rows
        and column.cells.counts.max() <= LARGEST_GROUP * column.rows
        and not column.cells.missing
    )


def of_kind(column: ColumnProfile) -> Choice:
    """Choose a role for a column that is not label, key or group: the first that fits."""
    name, kind, values = column.name, column.kind, column.distinct - len(column.codes)
    named = names_an_identifier(name) and is_discrete(column) and column.distinct > FEW
    is_scattered = column.distinct > max(FEW, MOST_CATEGORIES * column.cells.present)
    are_codes = is_discrete(column) and 2 < values <= CODES and names_a(name, "code")
    row = "it numbers the rows" if column.in_order else "a different value in nearly every row"
    forms, dates = [*column.formats], sum(column.formats.values())
    shares = [f"{in_words(form)} in {n / dates:.1%}" for form, n in column.formats.items()]
    scattered = f"{column.distinct} distinct values in {counted(column.cells.present, 'row')}"
    unnamed = "it has no name; to learn from it, give it one in the header"
    span = "" if column.lowest is None else f"{column.lowest:g} to {column.highest:g}"
    span += f", in {shown(column.unit)}" if column.unit else ""
    rules: list[tuple[bool, str, str, tuple[str, ...]]] = [
        (bool(UNNAMED.fullmatch(name)) and not column.in_order, "ignore", unnamed, ()),
        (named, "ignore", f"an identifier by its name, of {column.distinct} values", ()),
        (kind == "identifier", "ignore", row, ()),
        (kind == "empty", "ignore", "all cells are empty", ()),
        (kind == "constant", "ignore", f"always {shown(column.example)}", ()),
        (kind == "text", "ignore", "free text", ()),
        (len(forms) > 1, "dates", f"written as {' and '.join(shares)}", ()),
        (kind == "date", "dates", f"written as {in_words(forms)}", ()),
        (kind == "category" and is_scattered, "ignore", scattered, (HARDLY_SHARED,)),
        (kind == "category", "categorical", counted(column.distinct, "value"), ()),
        (are_codes, "categorical", f"{column.distinct} whole numbers, named like codes", (CODED,)),
        (True, "number", span, ()),
    ]
    role, why, unsure = next(rule[1:] for rule in rules if rule[0])
    return Choice(
        role,
        why,
        (*unsure, *_questions(column, role)),
        missing=column.codes if role in FEATURES else {},
        format=None if role != "dates" else forms[0] if len(forms) == 1 else forms,
        unit=column.unit if role == "number" else "",
    )


def _questions(column: ColumnProfile, role: str) -> list[str]:
    """List what is unsure about the cells of a column, which is read by its role."""
    if role == "number":
        asked = {
            # A text such as n/a among numbers is surely a missing value; 999 may be a number.
            TAKEN_AS_MISSING: any(not isinstance(code, str) for code in column.codes),
            MANY_ZEROS: column.many_zeros,
            MAY_BE_CODES: is_discrete(column) and names_a(column.name, "surely a code"),
            f"units: {counted(column.unitless, 'number')} without a unit: in {column.unit} too?": (
                column.unitless > 0
            ),
            _odd_cells(column): column.odd > 0,
        }
    elif role == "categorical" and column.kind == "category":  # not a number of few values
        alike = " and ".join(f"'{shown(word)}'" for word in column.alike)
        asked = {
            # A question mark is surely a missing value; another text may be a category.
            TAKEN_AS_MISSING: bool({*column.codes} - {"?"}),
            f"{alike} differ only in spelling: if they are one category, spell them the same way": (
                bool(alike)
            ),
        }
    elif role == "dates":
        forms = in_words([*column.formats])
        rivals = " and ".join(map(in_words, column.rivals))
        asked = {
            _odd_cells(column): column.odd > 0,
            # In other formats the order of the texts is not the order of the dates.
            IN_TIME: column.in_order and forms.startswith(("%Y", "ISO")),
            SHORT_YEARS: "%y" in forms,
            f"dates: {rivals} fit the same cells; which is it?": bool(rivals),
        }
    else:
        asked = {}
    return [question for question, is_asked in asked.items() if is_asked]


def _odd_cells(column: ColumnProfile) -> str:
    return ODD_CELLS.format(column.kind, column.odd, shown(column.odd_example))


# Conf text ----------------------------------------------------------------------------------------

WRAPPER = TextWrapper(96, subsequent_indent="#   ", break_long_words=False, break_on_hyphens=False)
LONGEST = 2000  # characters of a comment
PLAIN = re.compile(r"[A-Za-z/_][\w./-]*", re.ASCII)  # words and paths
# YAML reads these words as something else if they are not quoted.
NO_WORDS = {"yes", "no", "y", "n", "on", "off", "true", "false", "null", "none"}
TO_SCORE = """\
# Rows to score: put new ones there, a CSV or Parquet file or a folder of them, with these columns
# (a label is not needed; histories need all earlier rows, and the label's column, which may be
# empty). Another place for one run: --params rows_to_score=FILE"""
STEPS = "the most rows of a history, the predicted row included"
KNOWN_AFTER = "labels here were known by then; write more if some take longer or come in batches"
NOT_KNOWN = "    # known_after: # the longest time until a label is known; later rows then use it"
METADATA = "  metadata: {kedro-viz: {layer: 01_raw}}"
HEADER = ("column", "kind", "missing", "example", "proposed", "why")
# Longest name and longest example on the page.
NAME, EXAMPLE = 28, 18


def catalog_text(entry: Mapping[str, Any], to_score: str, layout: Layout) -> str:
    """Write the catalog's entries for the raw rows and for the rows to score; both are read alike.

    The load arguments come from the layout.
    """
    raw_rows = {n: value for n, value in entry.items() if n not in {"load_args", "metadata"}}
    lines = [
        "# How the rows are read. Written by kedro profile",
        *_doubts(layout.unsure),
        "raw_rows:",
        *(f"  {name}: {in_yaml(value)}" for name, value in raw_rows.items()),
        *_load_args(layout.load_args or entry.get("load_args", {})),
        METADATA,
        "",
        TO_SCORE,
        "rows_to_score:",
        "  type: tabular_lstm.datasets.RawRowsDataset",
        # In quotes, because OmegaConf accepts only ASCII letters without quotes.
        f"  filepath: ${{runtime_params:rows_to_score,'{to_score}'}}",
        *_load_args(layout.load_args),
        METADATA,
    ]
    return "\n".join([*lines, ""])


def _load_args(load_args: Mapping[str, Any]) -> list[str]:
    lines = [f"    {name}: {in_yaml(value)}" for name, value in load_args.items()]
    return ["  load_args:", *lines] if lines else []


def parameters_text(proposal: Proposal) -> str:
    """Write the parameters of the columns; a column that is not named is a feature of numbers."""
    label = proposal.label
    lines = [
        "# What the columns mean, as proposed by kedro profile: check it.",
        "# A column that is not named here is a numeric feature.",
        *_doubts(_sentences(proposal)),
        "columns:",
        _yaml_line("  label", label.name, label.reason),
        *_task_lines(label),
    ]
    lines += [
        _yaml_line(f"  {role}", name, choice.why)
        for role in ("key", "group")
        for name, choice in proposal.named(role).items()
    ]
    if (history := proposal.history) is not None:
        lines += [
            "  history:",
            _yaml_line("    of", history.of, proposal.choices[history.of].why),
            _yaml_line("    order", history.order, proposal.choices[history.order].why),
            _yaml_line("    steps", history.steps, STEPS),
            NOT_KNOWN
            if history.known_after is None
            else _yaml_line("    known_after", history.known_after, KNOWN_AFTER),
        ]
        lines += [
            _yaml_line(
                "    predict", {n: v[0] if len(v) == 1 else v}, "only such rows have a label"
            )
            for n, v in cast(dict[str, Any], history.predict or {}).items()
        ]
    for role in ("ignore", "categorical"):
        named = proposal.named(role)
        lines += [f"  {role}:"] if named else []
        lines += [_commented(f"    - {in_yaml(name)}", named[name].why) for name in named]
    columns, choices = proposal.columns(), proposal.choices
    for block, values, comment in (
        ("dates", columns.dates, ""),
        ("missing", columns.missing, ' # values that mean "not measured"; beside them, the others'),
        ("units", columns.units, " # beside numbers; a cell may lack it"),
    ):
        lines += [f"  {block}:{comment}"] if values else []
        lines += [
            _yaml_line(f"    {_yaml_name(name)}", value, choices[name].why)
            for name, value in values.items()
        ]
    return "\n".join([*lines, ""])


def _task_lines(label: ProposedLabel) -> list[str]:
    """Write what is predicted, and the number of rows of each class."""
    classes, rows = label.task.classes, [counted(count, "row") for count in label.counts]
    if len(classes) == 2:
        (no, yes), (no_rows, yes_rows) = classes, rows
        positive = _yaml_line("  positive_class", yes, f"{label.why}; {yes_rows}")
        return [positive, _yaml_line("  negative_class", no, no_rows)]
    if classes:
        pairs = zip(classes, rows, strict=True)
        return ["  classes:", *(_commented(f"    - {in_yaml(name)}", n) for name, n in pairs)]
    task = _yaml_line("  task", "number", label.why)
    if label.bounds is None:
        return [task]
    return [task, "  bounds:", f"    {_yaml_name(label.name)}: {in_yaml([*label.bounds])}"]


def _page_line(label: ProposedLabel, is_history: bool) -> str:
    """Say what is predicted, and how many rows have which label."""
    names = [*map(shown, label.task.classes)]
    rows = [counted(count, "row") for count in label.counts]
    text = first_ten([f"{name} {count}" for name, count in zip(names, rows, strict=True)])
    positive = f"; positive: {names[1]}" if len(names) == 2 else ""
    role = "used only as history" if is_history else "left out"
    unlabelled = f"; {label.unlabelled} unlabelled, {role}" if label.unlabelled else ""
    return f"Label {shown(label.name)}: {text or f'a number, {label.why}'}{positive}{unlabelled}"


def _sentences(proposal: Proposal) -> list[str]:
    """List what is unsure, each with its columns."""
    return [
        f"{first_ten([*map(shown, names)])}: {doubt}" if names else doubt
        for doubt, names in proposal.unsure.items()
    ]


def _doubts(sentences: Iterable[str]) -> list[str]:
    """Write what is unsure as comments, wrapped to lines."""
    return [line for text in sentences for line in WRAPPER.wrap(_comment(f"Unsure: {text}"))]


def _yaml_line(start: str, value: Any, why: str | None) -> str:
    return _commented(f"{start}: {in_yaml(value)}", why)


def _commented(entry: str, why: str | None) -> str:
    return f"{entry} {_comment(why)}" if why else entry


def _comment(text: str) -> str:
    """Write a comment on one line, even if the file's names and cells hold line ends."""
    return f"# {shown(text, LONGEST)}"


def in_yaml(value: Any) -> str:
    """Write a value on one line; YAML reads this value, and OmegaConf too, which expands `${`."""
    if isinstance(value, list):
        return f"[{', '.join(map(in_yaml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_yaml_name(name)}: {in_yaml(v)}' for name, v in value.items())}}}"
    if isinstance(value, str):  # OmegaConf reads two backslashes before `${` as one
        value = re.sub(r"(\\*)\$\{", r"\1\1\\${", value)
    return _yaml_name(value)


def _yaml_name(value: Any) -> str:
    """Write a name or a value on one line, so that YAML reads exactly this name or value."""
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in NO_WORDS:
        return value
    written = json.dumps(value, ensure_ascii=False)
    # YAML refuses some invisible characters, and reads others as line ends.
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in written)


def profile_page(table: TableProfile, layout: Layout, proposal: Proposal) -> str:
    """Write the page: the role proposed for each column, the label's classes, what is unsure."""
    read = "".join(f"; {name}: {_yaml_name(value)}" for name, value in layout.load_args.items())
    lines = [
        f"{table.file}: {counted(table.rows, 'row')}, {len(table.columns)} columns{read}",
        "",
        *_table(table, proposal),
        "",
        _page_line(proposal.label, proposal.history is not None),
    ]
    if doubts := [*_sentences(proposal), *layout.unsure]:
        lines += ["", "Unsure:", *(f"- {shown(doubt, LONGEST)}" for doubt in doubts)]
    return "\n".join(map(printable, lines))


def _table(table: TableProfile, proposal: Proposal) -> list[str]:
    rows = [HEADER, *(_row(column, proposal.choices[column.name]) for column in table.columns)]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _row(column: ColumnProfile, choice: Choice) -> tuple[str, ...]:
    missing = 1 - column.present / column.rows
    codes = ", ".join(shown(code) for code in sorted(choice.missing, key=str)[:3])
    return (
        shown(column.name, NAME),
        column.kind,
        f"{missing:.1%}" if missing else "",
        shown(column.example, EXAMPLE),
        {"number": "feature"}.get(choice.role, choice.role),
        f"{choice.why}; {codes} as missing" if codes else choice.why,
    )
