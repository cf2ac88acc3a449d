"""The two files of an environment, as a person would write them, each choice with its reason."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tabular_lstm.errors import shown
from tabular_lstm.frozen import Frozen
from tabular_lstm.profiling.layout import Layout
from tabular_lstm.profiling.profile import Profile
from tabular_lstm.profiling.proposal import Choice, Proposal
from tabular_lstm.rows.proposals import in_yaml

CATALOG, PARAMETERS = "catalog.yml", "parameters.yml"
# Entries that get a line each.
LINES = 12
WIDTH = 96
LONGEST = 2000  # characters of a comment
PLAIN_PATH = re.compile(r"[A-Za-z/][\w./-]*", re.ASCII)
TO_SCORE = """\
# Rows to score: put new ones there, a CSV or Parquet file or a folder of them, with these columns
# (a label is not needed). Another place for one run: --params rows_to_score=FILE"""
WITHOUT_LABEL = """\
# They have no header and no label. In a file that holds the label, leave that column out, or list
# all columns in names, in the file's order."""
CATALOG_END = "  metadata: {kedro-viz: {layer: 01_raw}}"


class RowsToScore(Frozen):
    """Where new rows are expected, and how they are read: as the others, but without the label.

    Attributes:
        path: From the project's root.
        load_args: Of the file.
    """

    path: str
    load_args: dict[str, Any]

    @classmethod
    def of(cls, env: str, layout: Layout, profile: Profile, proposal: Proposal) -> "RowsToScore":
        """Say so of an environment: rows without a header have their names by their places."""
        names = [column.name for column in profile.columns]
        load_args = dict(layout.load_args)
        has_no_names = "names" in load_args or load_args.get("header", "") is None
        if has_no_names and (names[-1] != proposal.label.name or "names" in load_args):
            load_args["names"] = [name for name in names if name != proposal.label.name]
        return cls(path=f"data/01_raw/{env}_to_score.csv", load_args=load_args)


def catalog_text(path: str, command: str, layout: Layout, to_score: RowsToScore) -> str:
    """Write what the catalog says of the file.

    Args:
        path: Of the file, as it is to stand there.
        command: What wrote this, for the first line.
        layout: Of the file.
        to_score: Of new rows.
    """
    lines = [_comment(f"# How the rows are read. Written by {command}")]
    lines += [_comment(f"# Unsure: {sentence}") for sentence in layout.unsure]
    lines += [
        "raw_rows:",
        "  type: tabular_lstm.datasets.RawCSVDataset",
        f"  filepath: {path if PLAIN_PATH.fullmatch(path) else _value(path)}",
        *_load_args(layout.load_args, layout.reasons),
        CATALOG_END,
        "",
        TO_SCORE,
        *([WITHOUT_LABEL] if "names" in to_score.load_args else []),
        "rows_to_score:",
        "  type: tabular_lstm.datasets.rows_to_score.RowsToScoreDataset",
        # In quotes, since OmegaConf takes no letters but ASCII's without them.
        f"  filepath: ${{runtime_params:rows_to_score,'{to_score.path}'}}",
        *_load_args(to_score.load_args, {"names": "all but the label"}),
        CATALOG_END,
    ]
    return "\n".join([*lines, ""])


def _load_args(load_args: Mapping[str, Any], reasons: Mapping[str, str]) -> list[str]:
    lines = ["  load_args:"] if load_args else []
    for name, value in load_args.items():
        start = f"    {name}: "
        written = _list(value, start) if isinstance(value, list) else f"{start}{_value(value)}"
        lines.append(_commented(written, reasons.get(name)))
    return lines


def parameters_text(proposal: Proposal, command: str) -> str:
    """Write what the parameters say of the columns; all that is left out is a number."""
    label = proposal.label
    lines = [
        _comment(f"# What the columns mean. Written by {command}"),
        "# A proposal: read it. What is not named here is a feature of numbers.",
    ]
    lines += [_wrapped(f"# Unsure: {sentence}") for sentence in sentences(proposal.unsure)]
    positive, negative = label.counts
    lines += [
        "columns:",
        _commented(f"  label: {_value(label.name)}", label.reason),
        _commented(
            f"  positive_class: {_value(label.positive)}",
            f"{label.positive_reason}; {positive} rows",
        ),
        _commented(f"  negative_class: {_value(label.negative)}", f"{negative} rows"),
    ]
    for role in ("key", "group", "weight"):
        for name in proposal.named(role):
            lines.append(_commented(f"  {role}: {_value(name)}", proposal.choices[name].why))
    for role in ("ignore", "categorical"):
        lines += _names(role, {n: proposal.choices[n].why for n in proposal.named(role)})
    lines += _dates({name: proposal.choices[name] for name in proposal.named("dates")})
    lines += _missing(proposal)
    if proposal.max_quarantined_fraction is not None:
        lines += [
            "validation:",
            _commented(
                f"  max_quarantined_fraction: {proposal.max_quarantined_fraction:g}",
                f"{label.without} rows have no label",
            ),
        ]
    return "\n".join([*lines, ""])


def sentences(unsure: Mapping[str, Sequence[str]]) -> list[str]:
    """Say what is unsure, each with the columns of which it is said."""
    return [f"{_some(names)}: {said}" if names else said for said, names in unsure.items()]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - LINES} more" if len(names) > LINES else ""
    return f"{', '.join(map(shown, names[:LINES]))}{more}"


def _names(block: str, reasons: dict[str, str]) -> list[str]:
    if not reasons:
        return []
    if len(reasons) > LINES:
        return [_list([*reasons], f"  {block}: ")]
    return [f"  {block}:", *(_commented(f"    - {_value(n)}", why) for n, why in reasons.items())]


def _dates(choices: dict[str, Choice]) -> list[str]:
    """Write the columns of dates: a list where all are ISO 8601, else each with its format."""
    if all(choice.format is None for choice in choices.values()):
        return _names("dates", {name: choice.why for name, choice in choices.items()})
    return [
        "  dates:",
        *(f"    {in_yaml(name)}: {_value(choice.format)}" for name, choice in choices.items()),
    ]


def _missing(proposal: Proposal) -> list[str]:
    given = {name: c for name, c in proposal.choices.items() if c.missing}
    if not given:
        return []
    lines = ['  missing: # values that mean "not measured"']
    for name, choice in given.items():
        counts = ", ".join(map(str, choice.missing.values()))
        said = f"in {counts} rows"
        if choice.role == "number":
            said += f"; the others are {choice.why}"
        entry = f"    {in_yaml(name)}: [{', '.join(map(_value, choice.missing))}]"
        lines.append(_commented(entry, said) if len(given) <= 3 * LINES else entry)
    return lines


def _commented(entry: str, why: str | None) -> str:
    return f"{entry} {_comment(f'# {why}')}" if why else entry


def _comment(text: str) -> str:
    """Keep a comment one, whatever a file's names and cells hold: a line end would end it."""
    return shown(text, LONGEST)


def _list(values: Sequence[Any], start: str) -> str:
    """Write a list on as many lines as it takes."""
    indent = " " * (len(start) - len(start.lstrip()) + 2)
    lines, line = [], f"{start}["
    for place, value in enumerate(values):
        part = f"{_value(value)}{', ' if place < len(values) - 1 else ']'}"
        if len(line) + len(part.rstrip()) > WIDTH:
            lines.append(line.rstrip())
            line = indent
        line += part
    return "\n".join([*lines, line])


def _wrapped(comment: str) -> str:
    lines, line = [], ""
    for word in _comment(comment).split(" "):
        if line and len(line) + 1 + len(word) > WIDTH:
            lines.append(line)
            line = f"#   {word}"
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, line])


def _value(value: Any) -> str:
    """Write a value so that YAML, and what Kedro makes of `${`, read just it."""
    if isinstance(value, str):  # of backslashes before it, OmegaConf takes two for one
        value = re.sub(r"(\\*)\$\{", r"\1\1\\${", value)
    return in_yaml(value)
