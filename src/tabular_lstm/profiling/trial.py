"""A proposal tried on rows: what goes to quarantine, what tells the label, what stops a run."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Columns, Split, Validation
from tabular_lstm.profiling.profile import Profile
from tabular_lstm.profiling.proposal import Choice, Proposal, refuse_no_feature
from tabular_lstm.rows.data_summary import Source
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.sides import MEND, refuse_many_aside, sides_of
from tabular_lstm.rows.validation import read_rows
from tabular_lstm.rows.warnings import listed, possible_leaks

# A class of fewer rows has all of them tried.
RARE = 1000
# From here on a column of two values is the label in other words.
THE_SAME = 0.9999


def tried(proposal: Proposal, rows: pd.DataFrame, file: str, marks: NumberFormat) -> Proposal:
    """Read some rows as a run would, and say what that shows.

    A column of two values that are the label's in other words is ignored; another one that alone
    tells the classes apart stays, and is unsure.

    Args:
        proposal: As it is.
        rows: Of text cells, with the index `row`; see `tabular_lstm.profiling.sample`.
        file: Their file, for messages.
        marks: What numbers are written with.
    """
    columns = _columns(proposal)
    valid, aside, _ = read_rows([rows], columns, file, marks)
    unsure = dict(proposal.unsure)
    bad = aside[aside["reason"] != f"{columns.label}: no label"]
    if len(bad):
        first = f"row {bad['row'].iloc[0]}: {bad['reason'].iloc[0]}"
        unsure[f"{len(bad)} of {len(rows)} rows would go to quarantine, such as {first}"] = []
    leaks = possible_leaks(valid, columns)
    choices = dict(proposal.choices)
    for name in [*leaks]:
        if leaks[name] >= THE_SAME and rows[name].nunique() == 2:
            choices[name] = Choice(role="ignore", why="the label in other words")
            del leaks[name]
    refuse_no_feature(choices, file)
    if leaks:
        unsure[
            f"alone tells the classes apart: {listed(leaks)}; if it is known only after "
            "the label, ignore it"
        ] = []
    return proposal.model_copy(update={"choices": choices, "unsure": unsure})


def stop_of(
    rows: pd.DataFrame,
    again: Callable[[], Iterator[pd.DataFrame]],
    profile: Profile,
    blocks: Mapping[str, Any],
) -> str | None:
    """Say why a run would stop for these rows; None where it would not.

    What has rows enough on either side has them also with the rows that were not tried. So all rows
    are read only where some are too few.

    Args:
        rows: Drawn from the table, see `tabular_lstm.profiling.sample`.
        again: Gives all rows, some at a time.
        profile: Of the table.
        blocks: The typed parameters of conf.
    """
    columns: Columns = blocks["columns"]
    valid, source = _valid(rows, columns, profile)
    try:
        refuse_many_aside(source, blocks["validation"])
    except DataError as error:
        drawn = f"of {profile.rows} rows, {len(rows)} were tried. "
        return f"{'' if len(rows) == profile.rows else drawn}{_said(error)}"
    fault = _fault_of_sides(valid, source, columns, blocks["split"])
    if fault is None or len(rows) == profile.rows:
        return fault
    for all_of_them in (False, True):
        pieces = (piece if all_of_them else _rare(piece, columns, profile) for piece in again())
        more = pd.concat([*pieces] if all_of_them else [rows, *pieces])
        fault = _fault_of_sides(
            *_valid(more[~more.index.duplicated()], columns, profile), columns, blocks["split"]
        )
        if fault is None:
            return None
    return fault


def blocks_of(proposal: Proposal) -> dict[str, Any]:
    """Give the typed parameters that a proposal makes, the others by their defaults."""
    limit = proposal.max_quarantined_fraction
    validation = Validation() if limit is None else Validation(max_quarantined_fraction=limit)
    return {"columns": _columns(proposal), "validation": validation, "split": Split()}


def _valid(rows: pd.DataFrame, columns: Columns, profile: Profile) -> tuple[pd.DataFrame, Source]:
    """Read rows as a run does; of a folder's rows with one key the last one counts."""
    valid, aside, reasons = read_rows([rows], columns, profile.file, profile.marks)
    if columns.key is not None and isinstance(rows.index[0], str):
        valid = valid[~valid.duplicated(columns.key, keep="last")]
    return valid, Source(
        file=profile.file,
        sha256="",
        rows=len(rows),
        quarantined_rows=len(aside),
        reasons=reasons,
        marks=profile.marks,
    )


def _fault_of_sides(
    valid: pd.DataFrame, source: Source, columns: Columns, split: Split
) -> str | None:
    try:
        sides_of(valid, source, columns, split)
    except DataError as error:
        return _said(error)
    return None


def _said(error: DataError) -> str:
    return str(error).removesuffix(MEND)  # which speaks of a run's quarantine


def _rare(rows: pd.DataFrame, columns: Columns, profile: Profile) -> pd.DataFrame:
    """Give the rows of labels that few rows have."""
    counts = profile.column(columns.label).counts
    few = [value for value, count in counts.items() if count < RARE]
    return rows[rows[columns.label].str.strip().isin(few)]


def _columns(proposal: Proposal) -> Columns:
    """Give what conf will say of the columns."""
    label, choices = proposal.label, proposal.choices
    block: dict[str, Any] = {
        "label": label.name,
        "positive_class": label.positive,
        "negative_class": label.negative,
        **{role: next(iter(proposal.named(role)), None) for role in ("key", "group", "weight")},
        "categorical": proposal.named("categorical"),
        "dates": {name: choices[name].format for name in proposal.named("dates")},
        "ignore": proposal.named("ignore"),
        "missing": {name: [*choice.missing] for name, choice in choices.items() if choice.missing},
    }
    return Columns.model_validate(block)
