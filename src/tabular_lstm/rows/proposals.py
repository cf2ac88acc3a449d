"""Say what to declare where columns are not as conf says: lines of conf to add, or questions."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from tabular_lstm.errors import shown
from tabular_lstm.parameters import Columns, Value
from tabular_lstm.progress import progress
from tabular_lstm.rows.looks import Look, counts_of, date_in, look, reads
from tabular_lstm.rows.number_format import POINT, NumberFormat, pointed
from tabular_lstm.rows.spellings import spelt_alike

# Different numbers of the columns that are read already, by which marks are ruled out.
OF_OTHERS = 200
HEAD = (
    "\nWhat these columns look like. Where it is so, give these lines to `columns` in the "
    "environment's parameters.yml:"
)
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
# Without quotes YAML takes them for something else.
NO_TEXT = {"yes", "no", "y", "n", "on", "off", "true", "false", "null", "none"}
UNREAD = (" is not a number", " is not a date", " is ambiguous with ")


def proposals(
    parts: Callable[[], Iterable[pd.DataFrame]],
    columns: Columns,
    problems: Mapping[str, Collection[str]],
    numeric: Sequence[str],
    marks: NumberFormat = POINT,
    ignore: Sequence[str] = (),
) -> tuple[str, list[str]]:
    """Propose what to declare: every column of which a cell is no number or no date is in it.

    Args:
        parts: Gives the rows, of text cells, some at a time; called only where they are needed.
        columns: The role of each column, as declared.
        problems: By column, what is wrong with cells, once of each kind.
        numeric: The features that are numbers.
        marks: What the numbers are written with.
        ignore: Features that tell nothing, for other reasons. Default: none.

    Returns:
        Lines, each after an end of line; nothing where there is nothing to propose. And all that
        is to be in `columns.ignore`, so that the run proposes one such line.
    """
    unread = [
        name
        for name, of_column in problems.items()
        if name not in columns.not_features and any(u in text for text in of_column for u in UNREAD)
    ]
    counts = {
        name: _undeclared(of_column, columns.missing.get(name, []))
        for name, of_column in _counts(parts, unread).items()
    }
    what = "Looking what to declare, columns"
    looks = {name: look(of_column) for name, of_column in progress(counts.items(), what)}
    own = [name for name, seen in looks.items() if seen.kind == "own"]
    ignore = [*dict.fromkeys([*columns.ignore, *own, *ignore])]
    lines = [f"\n  {line}" for line in _lines(looks, columns, own, ignore)]
    said = [f"{HEAD}{''.join(lines)}"] if lines else []
    for name, seen in looks.items():
        if len(seen.forms) > 1:
            said.append(_which_format(name, [*counts[name]], seen.forms))
    numbers = {name: [*counts[name]] for name, seen in looks.items() if seen.kind == "numbers"}
    marked = {
        name: [text for text in of_column if text not in looks[name].words]
        for name, of_column in numbers.items()
    }
    if other := {name: found for name, found in marked.items() if not reads(found, marks)}:
        others = _counts(parts, [name for name in numeric if name not in counts])
        all_read = {name: [*of_column][:OF_OTHERS] for name, of_column in others.items()}
        said.append(_which_marks(other, all_read, looks, marks))
    mixed = [name for name, seen in looks.items() if seen.kind == "mixed"]
    if mixed:
        said.append(
            f"\nMost cells of {', '.join(map(shown, mixed))} are numbers and the others are not: "
            "mend these, or name the column in columns.categorical."
        )
    if problems.get(columns.label):
        said.append(_of_label(_counts(parts, [columns.label])[columns.label], columns))
    return "".join(said), ignore


def _counts(
    parts: Callable[[], Iterable[pd.DataFrame]], names: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Count the texts of these columns, see `counts_of`."""
    counts: dict[str, dict[str, int]] = {name: {} for name in names}
    for part in parts() if names else ():
        counts = {name: counts_of(part[name], counts[name]) for name in names}
    return counts


def _undeclared(counts: dict[str, int], codes: Sequence[Value]) -> dict[str, int]:
    """Leave out what means "not measured" already."""
    declared = {str(code) for code in codes}
    return {text: rows for text, rows in counts.items() if text not in declared}


def _lines(
    looks: Mapping[str, Look], columns: Columns, own: Sequence[str], ignore: Sequence[str]
) -> Iterator[str]:
    """Give the lines of conf, each with what is declared already."""
    names = [name for name, seen in looks.items() if seen.kind == "names"]
    dates = {name: seen.forms[0] for name, seen in looks.items() if len(seen.forms) == 1}
    codes = {name: list(seen.words) for name, seen in looks.items() if seen.words}
    gone = {*names, *own}
    if names:
        yield f"categorical: {in_yaml([*columns.categorical, *names])} # names and not amounts"
    if dates or gone & columns.dates.keys():
        declared = {name: form for name, form in columns.dates.items() if name not in gone}
        all_dates = declared | dates
        plain = all(form is None for form in all_dates.values())
        written = in_yaml(list(all_dates) if plain else all_dates)
        yield f"dates: {written}{' # or ignore, to leave them out' if dates else ''}"
    if own:
        own_text = "has nearly in each row a text of its own, such as a name or a note"
        yield f"ignore: {in_yaml(ignore)} # {', '.join(map(shown, own))} {own_text}"
    if codes:
        known = {name: list(values) for name, values in columns.missing.items()}
        together = known | {name: [*known.get(name, []), *words] for name, words in codes.items()}
        words = ", ".join(dict.fromkeys(repr(shown(w)) for of in codes.values() for w in of))
        yield f"missing: {in_yaml(together)} # if {words} means that nothing was measured"


def _which_format(name: str, texts: Sequence[str], forms: Sequence[str | None]) -> str:
    """Ask by which of the formats a column's dates are written."""

    def days(text: str) -> list[datetime | None]:
        return [date_in(text, form) for form in forms]

    text = next((text for text in texts if len({*days(text)}) == len(forms)), texts[0])
    ways = [
        f"{day:%Y-%m-%d}, dates: {in_yaml({name: form})}"
        for day, form in zip(days(text), forms, strict=True)
        if day is not None
    ]
    return f"\nIs '{shown(text)}' of {shown(name)} {', or '.join(ways)}?"


def _which_marks(
    unread: Mapping[str, list[str]],
    read: Mapping[str, list[str]],
    looks: Mapping[str, Look],
    marks: NumberFormat,
) -> str:
    """Ask which marks numbers are written with; say it where one answer reads all columns."""
    cells = [text for of_column in unread.values() for text in of_column]
    # By what they make of the cells: of marks that read them alike the simplest.
    ways: dict[tuple[str | None, ...], NumberFormat] = {}
    for way in looks[next(iter(unread))].marks:
        if all(way in looks[name].marks for name in unread) and all(
            reads([text for text in of_column if pointed(text, marks)], way)
            for of_column in read.values()
        ):
            ways.setdefault(tuple(pointed(text, way) for text in cells), way)
    # Of each column a cell that is not read now.
    firsts = {
        name: next(text for text in of_column if pointed(text, marks) is None)
        for name, of_column in unread.items()
    }
    names = ", ".join(map(shown, unread))
    if not ways:
        pointed_too = {
            name: text for name, of_column in read.items() for text in of_column if "." in text
        }
        every = [*firsts.items(), *[*pointed_too.items()][:1]]
        examples = [f"'{shown(text)}' of {shown(name)}" for name, text in every]
        return (
            f"\nNo marks in the catalog's load_args read all numbers of {names} and of the columns "
            f"that are read: {', '.join(examples)}. A file writes all its numbers with the same "
            "marks; write it again so."
        )
    if len(ways) == 1:
        ((reading, way),) = ways.items()
        by_cell = dict(zip(cells, reading, strict=True))
        examples = [f"'{shown(t)}' of {shown(n)} as {by_cell[t]}" for n, t in firsts.items()]
        return (
            f"\nThe numbers of {names} can all be read with one choice of marks, in the catalog "
            f"load_args: {_load_args(way)}. It reads {', '.join(examples)}. If that is not what "
            "they mean, write the file again."
        )
    # The cell in which the answers differ most.
    apart = max(range(len(cells)), key=lambda place: len({reading[place] for reading in ways}))
    where = next(name for name, of_column in unread.items() if cells[apart] in of_column)
    answers = [f"{reading[apart]}, load_args: {_load_args(way)}" for reading, way in ways.items()]
    return (
        f"\nWhat are the marks in the numbers of {names}? Is '{shown(cells[apart])}' of "
        f"{shown(where)} {', or '.join(answers)}, in the catalog? It would be read in silence "
        "either way."
    )


def _load_args(marks: NumberFormat) -> str:
    given = {} if marks.decimal == POINT.decimal else {"decimal": marks.decimal}
    return in_yaml(given | ({"thousands": marks.thousands} if marks.thousands else {}))


def _of_label(counts: Mapping[str, int], columns: Columns) -> str:
    """Say which values the label has beside the two classes."""
    classes = {str(value): value for value in (columns.positive_class, columns.negative_class)}
    others = {text: rows for text, rows in counts.items() if text not in classes}
    spelt = {text: one for text in others for one in classes if spelt_alike([text, one])}
    said = [
        f"\n'{shown(text)}' of {columns.label} ({_rows(others[text])}) differs from the class "
        f"'{one}' by case, blanks or Unicode form alone. Nothing is merged in silence: write both "
        "alike."
        for text, one in spelt.items()
    ]
    left = {text: rows for text, rows in others.items() if text not in spelt}
    numbers = [text for text in left if pointed(text) is not None]
    numeric = [value for value in classes.values() if not isinstance(value, str)]
    if numeric and numbers:
        equal = {float(value) for value in numeric}
        left = {text: n for text, n in left.items() if _number(text) not in equal}
    if not left:
        return "".join(said)
    listed = ", ".join(f"'{shown(text)}' ({_rows(rows)})" for text, rows in [*left.items()][:5])
    more = f" and {len(left) - 5} more" if len(left) > 5 else ""
    none = not {*counts} - {*others} and not spelt and len(left) == len(counts)
    if none and len(left) == 2:
        one, other = map(in_yaml, left)
        said.append(
            f"\n{columns.label} holds {listed}, and neither class of conf. Which one is to be "
            f"predicted? positive_class: {one} and negative_class: {other}, or the other way round."
        )
    else:
        said.append(
            f"\n{columns.label} also holds {listed}{more}: a label has two classes, "
            f"{columns.positive_class!r} and {columns.negative_class!r} in conf. Rows of a third "
            "one are set aside. Write one of the two in its place, leave its rows out of the file, "
            "or name the two classes that are meant."
        )
    return "".join(said)


def _number(text: str) -> float | None:
    number = pointed(text)
    return None if number is None else float(number)


def _rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"


def in_yaml(value: Any) -> str:
    """Write a value of conf in a line of YAML."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{in_yaml(name)}: {in_yaml(v)}' for name, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(in_yaml, value))}]"
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in NO_TEXT:
        return value
    written = json.dumps(value, ensure_ascii=False)
    # YAML refuses some characters that are not seen, and takes others for line ends.
    return "".join(c if c.isprintable() else _escaped(c) for c in written)


def _escaped(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if ord(letter) < 2**16 else f"\\U{ord(letter):08x}"
