"""The page that is printed: what each column is taken for, the label's classes, what is unsure."""

from collections.abc import Iterator
from itertools import groupby

from tabular_lstm.errors import shown
from tabular_lstm.profiling.conf_files import sentences
from tabular_lstm.profiling.layout import Layout
from tabular_lstm.profiling.profile import ColumnProfile, Profile
from tabular_lstm.profiling.proposal import Choice, Proposal

HEADER = ("column", "kind", "missing", "example", "proposed", "why")
# Widths that a cell is cut to, but for the last.
WIDTHS = (28, 10, 8, 18, 11)
# Columns up to which each has a line of its own.
EACH = 60


def page(profile: Profile, layout: Layout, proposal: Proposal) -> str:
    """Write the page.

    Args:
        profile: Of the file.
        layout: How it is read.
        proposal: What is made of it.
    """
    label = proposal.label
    allowed = proposal.max_quarantined_fraction
    read = ", ".join(f"{name}: {shown(_short(value))}" for name, value in layout.load_args.items())
    total = sum(label.counts)
    lines = [
        f"{profile.file}: {profile.rows} rows, {len(profile.columns)} columns"
        + (f"; {read}" if read else ""),
        "",
        *_table(profile, proposal),
        "",
        f"Label {shown(label.name)}: {shown(label.positive)} (positive) {label.counts[0]} rows, "
        f"{shown(label.negative)} {label.counts[1]} rows; {label.counts[0] / total:.1%} positive"
        + (f"; {label.without} rows have no label" if label.without else "")
        + (f", so max_quarantined_fraction is set to {allowed:g}" if allowed is not None else ""),
    ]
    if doubts := [*layout.unsure, *sentences(proposal.unsure)]:
        lines += ["", "Unsure:", *(f"- {shown(doubt, 2000)}" for doubt in doubts)]
    return "\n".join(lines)


def _short(value: object) -> object:
    return "null" if value is None else f"{len(value)} names" if isinstance(value, list) else value


def _table(profile: Profile, proposal: Proposal) -> list[str]:
    rows = [HEADER, *_rows(profile, proposal)]
    widths = [min(most, max(len(row[place]) for row in rows)) for place, most in enumerate(WIDTHS)]
    return [
        "  ".join(
            [*(_cut(cell, width) for cell, width in zip(row, widths, strict=False)), row[-1]]
        ).rstrip()
        for row in rows
    ]


def _cut(cell: str, width: int) -> str:
    return (cell if len(cell) <= width else f"{cell[: width - 1]}…").ljust(width)


def _rows(profile: Profile, proposal: Proposal) -> Iterator[tuple[str, ...]]:
    """Give a line for each column, or for columns in a row that are alike where they are many."""
    if len(profile.columns) <= EACH:
        for column in profile.columns:
            yield _row([column], profile.rows, proposal.choices[column.name])
        return
    for _, alike in groupby(profile.columns, lambda c: (c.kind, proposal.choices[c.name].role)):
        columns = [*alike]
        yield _row(columns, profile.rows, proposal.choices[columns[0].name])


def _row(columns: list[ColumnProfile], rows: int, choice: Choice) -> tuple[str, ...]:
    first, more = columns[0], len(columns) - 1
    codes = {code for column in columns for code in column.codes if choice.missing or more}
    missing = sum(c.missing + sum(c.codes.values()) for c in columns) / (rows * len(columns))
    why = choice.why
    if codes and choice.role in {"number", "categorical", "dates"}:
        listed = ", ".join(shown(code) for code in sorted(codes, key=str)[:3])
        why += f"; {listed} as missing"
    return (
        shown(first.name) if not more else f"{shown(first.name)} … {shown(columns[-1].name)}",
        first.kind,
        f"{missing:.1%}" if missing else "",
        shown(next(iter(first.examples), "")),
        {"number": "feature"}.get(choice.role, choice.role),
        f"{more + 1} columns" if more else why,
    )
