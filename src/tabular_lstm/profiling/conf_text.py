"""The texts of a profile: the two files of an environment, with reasons, and the printed page."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from textwrap import TextWrapper
from typing import Any

from tabular_lstm.errors import counted, printable, shown
from tabular_lstm.parameters import NUMBER
from tabular_lstm.profiling.label_choice import Label, first_ten
from tabular_lstm.profiling.layout import Layout
from tabular_lstm.profiling.proposal import Choice, Proposal
from tabular_lstm.profiling.table_profile import ColumnProfile, TableProfile

WRAPPER = TextWrapper(96, subsequent_indent="#   ", break_long_words=False, break_on_hyphens=False)
LONGEST = 2000  # characters of a comment
PLAIN_PATH = re.compile(r"[A-Za-z/][\w./-]*", re.ASCII)
PLAIN_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
# YAML reads these words as something else if they are not quoted.
NO_WORDS = {"yes", "no", "y", "n", "on", "off", "true", "false", "null", "none"}
TO_SCORE = """\
# Rows to score: put new ones there, a CSV or Parquet file or a folder of them, with these columns
# (a label is not needed). Another place for one run: --params rows_to_score=FILE"""
WITHOUT_LABEL = """\
# They have no header and no label. In a file that holds the label, leave that column out, or list
# all columns in names, in the file's order."""
STEPS = "rows of a history at most, its own included"
KNOWN_AFTER = "    # known_after: {} # time until a label is known, and later rows use it"
METADATA = "  metadata: {kedro-viz: {layer: 01_raw}}"
HEADER = ("column", "kind", "missing", "example", "proposed", "why")
# The cells of the page are cut to these widths; the last cell is not cut.
WIDTHS = (28, 10, 8, 18, 11)


def catalog_text(
    entry: Mapping[str, Any], to_score: str, layout: Layout, table: TableProfile, label: str
) -> str:
    """Write the catalog's entries for the raw rows and for the rows to score; both are read alike.

    The load arguments come from the layout, each with its reason.
    """
    raw_rows = {n: value for n, value in entry.items() if n not in {"load_args", "metadata"}}
    load_args = layout.load_args or entry.get("load_args", {})
    new_args = dict(layout.load_args)
    # Without a header, a column's place decides its name.
    if layout.load_args.get("header", "") is None and table.names[-1] != label:
        new_args["names"] = [name for name in table.names if name != label]
    lines = [
        "# How the rows are read. Written by kedro profile",
        *_doubts(layout.unsure),
        "raw_rows:",
        *(f"  {name}: {_path_or_value(value)}" for name, value in raw_rows.items()),
        *_load_args(load_args, layout.reasons),
        METADATA,
        "",
        TO_SCORE,
        *([WITHOUT_LABEL] if "names" in new_args else []),
        "rows_to_score:",
        "  type: tabular_lstm.datasets.RawRowsDataset",
        # In quotes, because OmegaConf accepts only ASCII letters without quotes.
        f"  filepath: ${{runtime_params:rows_to_score,'{to_score}'}}",
        *_load_args(new_args, {"names": "all but the label"}),
        METADATA,
    ]
    return "\n".join([*lines, ""])


def _load_args(load_args: Mapping[str, Any], reasons: Mapping[str, str]) -> list[str]:
    lines = [_entry(f"    {name}", value, reasons.get(name)) for name, value in load_args.items()]
    return ["  load_args:", *lines] if lines else []


def parameters_text(proposal: Proposal) -> str:
    """Write the parameters of the columns; a column that is not named is a feature of numbers."""
    label = proposal.label
    lines = [
        "# What the columns mean, proposed by kedro profile: read it.",
        "# A column that is not named here is a numeric feature.",
        *_doubts(_sentences(proposal)),
        "columns:",
        _entry("  label", label.name, label.reason),
        *_task_lines(label),
    ]
    for role in ("key", "group", "weight"):
        lines += [_entry(f"  {role}", n, choice.why) for n, choice in proposal.named(role).items()]
    if (history := proposal.history) is not None:
        apart = proposal.choices[history.order].why
        lines += [
            "  history:",
            _entry("    of", history.of, proposal.choices[history.of].why),
            _entry("    order", history.order, apart),
            _entry("    steps", history.steps, STEPS),
            KNOWN_AFTER.format("30 days" if " days later" in apart else 1),
        ]
    for role in ("ignore", "categorical"):
        named = proposal.named(role)
        lines += [f"  {role}:"] if named else []
        lines += [_commented(f"    - {_value(name)}", choice.why) for name, choice in named.items()]
    dates = proposal.columns().dates
    lines += ["  dates:"] if dates else []
    lines += [_entry(f"    {_quoted(n)}", dates[n], proposal.choices[n].why) for n in dates]
    missing = {name: choice for name, choice in proposal.choices.items() if choice.missing}
    lines += ['  missing: # values that mean "not measured"'] if missing else []
    for name, choice in missing.items():
        why = f"in {', '.join(map(str, choice.missing.values()))} "
        why += "row" if [*choice.missing.values()] == [1] else "rows"
        why += f"; the others are {choice.why}" if choice.role == "number" else ""
        lines.append(_entry(f"    {_quoted(name)}", [*choice.missing], why))
    return "\n".join([*lines, ""])


def _task_lines(label: Label) -> list[str]:
    """Write what is predicted, and the number of rows of each class."""
    proposed = label.proposed
    classes, rows = proposed.task.classes, [counted(count, "row") for count in proposed.counts]
    if len(classes) == 2:
        (no, yes), (no_rows, yes_rows) = classes, rows
        positive = _entry("  positive_class", yes, f"{proposed.why}; {yes_rows}")
        return [positive, _entry("  negative_class", no, no_rows)]
    if classes:
        pairs = zip(classes, rows, strict=True)
        return ["  classes:", *(_commented(f"    - {_value(name)}", n) for name, n in pairs)]
    lines = [_entry("  task", NUMBER, proposed.why)]
    if proposed.bounds:
        lines += ["  bounds:", f"    {_quoted(label.name)}: {_value([*proposed.bounds])}"]
    return lines


def _page_line(label: Label, is_history: bool) -> str:
    """Say what is predicted, and how many rows have which label."""
    proposed = label.proposed
    rows = [counted(count, "row") for count in proposed.counts]
    names = [*map(shown, proposed.task.classes)]
    text = first_ten([f"{name}: {count}" for name, count in zip(names, rows, strict=True)])
    if len(names) == 2:
        share = proposed.counts[1] / sum(proposed.counts)
        text = f"{names[1]} (positive) {rows[1]}, {names[0]} {rows[0]}; {share:.1%} positive"
    role = "history alone" if is_history else "left out"
    unlabelled = f"; {label.unlabelled} unlabelled, {role}" if label.unlabelled else ""
    return f"Label {shown(label.name)}: {text or f'a number, {proposed.why}'}{unlabelled}"


def _sentences(proposal: Proposal) -> list[str]:
    """List what is unsure, each with its columns."""
    unsure = proposal.unsure.items()
    return [
        f"{first_ten([*map(shown, names)])}: {doubt}" if names else doubt for doubt, names in unsure
    ]


def _doubts(sentences: Iterable[str]) -> list[str]:
    """Write what is unsure as comments, wrapped to lines."""
    return [line for text in sentences for line in WRAPPER.wrap(_comment(f"Unsure: {text}"))]


def _entry(start: str, value: Any, why: str | None) -> str:
    return _commented(f"{start}: {_value(value)}", why)


def _commented(entry: str, why: str | None) -> str:
    return f"{entry} {_comment(why)}" if why else entry


def _comment(text: str) -> str:
    """Write a comment on one line, even if the file's names and cells hold line ends."""
    return f"# {shown(text, LONGEST)}"


def _path_or_value(value: Any) -> str:
    return value if isinstance(value, str) and PLAIN_PATH.fullmatch(value) else _value(value)


def _value(value: Any) -> str:
    """Write a value on one line; YAML reads this value, and OmegaConf too, which expands `${`."""
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_quoted(name)}: {_value(v)}' for name, v in value.items())}}}"
    if isinstance(value, str):  # OmegaConf reads two backslashes before `${` as one
        value = re.sub(r"(\\*)\$\{", r"\1\1\\${", value)
    return _quoted(value)


def _quoted(value: Any) -> str:
    """Write a name or a value on one line, so that YAML reads exactly this name or value."""
    if isinstance(value, str) and PLAIN_WORD.fullmatch(value) and value.lower() not in NO_WORDS:
        return value
    written = json.dumps(value, ensure_ascii=False)
    # YAML refuses some invisible characters, and reads others as line ends.
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in written)


def page(table: TableProfile, layout: Layout, proposal: Proposal) -> str:
    """Write the page: the role proposed for each column, the label's classes, what is unsure."""
    read = "".join(f"; {name}: {_quoted(value)}" for name, value in layout.load_args.items())
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
    rows: list[Sequence[str]] = [HEADER]
    rows += [_row(c, proposal.choices[c.name]) for c in table.columns]
    widths = [min(most, max(len(row[n]) for row in rows)) for n, most in enumerate(WIDTHS)]
    # The last cell has no width.
    return ["  ".join([*map(_cut, row, widths), row[-1]]).rstrip() for row in rows]


def _cut(cell: str, width: int) -> str:
    return (cell if len(cell) <= width else f"{cell[: width - 1]}…").ljust(width)


def _row(column: ColumnProfile, choice: Choice) -> Sequence[str]:
    missing = 1 - column.present / column.rows
    codes = ", ".join(shown(code) for code in sorted(choice.missing, key=str)[:3])
    return (
        shown(column.name),
        column.kind,
        f"{missing:.1%}" if missing else "",
        shown(column.example),
        {"number": "feature"}.get(choice.role, choice.role),
        f"{choice.why}; {codes} as missing" if codes else choice.why,
    )
