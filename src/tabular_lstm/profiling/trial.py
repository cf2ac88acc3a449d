"""The proposal tried on some rows: which of them go to quarantine, and what tells the label."""

import numpy as np
import pandas as pd
import pyarrow as pa

from tabular_lstm.parameters import Columns
from tabular_lstm.profiling.proposal import Choice, Proposal, refuse_no_feature
from tabular_lstm.rows.leaks import listed, possible_leaks
from tabular_lstm.rows.schema import Marks
from tabular_lstm.rows.validation import read_rows

# Rows that are tried, drawn evenly: fewer of many columns.
TRIED, LEAST, CELLS = 4000, 500, 2**18
# From here on a column of two values is the label in other words.
THE_SAME = 0.9999


def tried(proposal: Proposal, table: pa.Table, file: str, marks: Marks) -> Proposal:
    """Read some rows as a run would, and say what that shows.

    A column of two values that are the label's in other words is ignored; another one that alone
    tells the classes apart stays, and is unsure.

    Args:
        proposal: As it is.
        table: All rows, of text cells.
        file: Their file, for messages.
        marks: What numbers are written with.
    """
    count = max(LEAST, min(TRIED, CELLS // table.num_columns))
    places = np.unique(np.linspace(0, table.num_rows - 1, count).astype(int))
    rows = table.take(places).to_pandas()
    rows.index = pd.Index(places + 1, name="row")
    columns = _columns(proposal)
    valid, aside, _ = read_rows(rows, columns, file, marks)
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


def _columns(proposal: Proposal) -> Columns:
    """Give what conf will say of features, label and key."""
    label, choices = proposal.label, proposal.choices
    block = {
        "label": label.name,
        "positive_class": label.positive,
        "negative_class": label.negative,
        "key": next(iter(proposal.named("key")), None),
        "categorical": proposal.named("categorical"),
        "dates": {name: choices[name].format for name in proposal.named("dates")},
        # What is no feature is not read here.
        "ignore": [name for role in ("ignore", "group", "weight") for name in proposal.named(role)],
        "missing": {name: [*choice.missing] for name, choice in choices.items() if choice.missing},
    }
    return Columns.model_validate(block)
