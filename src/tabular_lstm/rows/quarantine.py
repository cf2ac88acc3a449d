"""Rows with a cell that cannot be used, set aside with the reasons in words."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tabular_lstm.errors import row_list
from tabular_lstm.rows.cells import Problems

SHOWN = 5


def set_aside(
    raw_rows: pd.DataFrame, problems: Mapping[str, Problems]
) -> tuple[pd.DataFrame, np.ndarray]:
    """Take the rows that have a problem.

    Args:
        raw_rows: Rows of text cells, with the index `row`.
        problems: For each column what is wrong with which of its cells.

    Returns:
        The quarantined rows: `row`, `reason`, and the cells as they were. And which rows these
        are, bool (rows,).
    """
    reasons: dict[int, list[str]] = {}
    for name, of_column in problems.items():
        for place, problem in of_column.items():
            reasons.setdefault(place, []).append(f"{name}: {problem}")
    places = sorted(reasons)
    quarantined = raw_rows.iloc[places].reset_index(allow_duplicates=True)
    joined = pd.Series(["; ".join(reasons[place]) for place in places], dtype=object)
    quarantined.insert(1, "reason", joined, allow_duplicates=True)
    bad = np.zeros(len(raw_rows), bool)
    bad[places] = True
    return quarantined, bad


def list_reasons(quarantined: pd.DataFrame) -> str:
    """List the reasons, a line for each column and kind with its first example, commonest first.

    Args:
        quarantined: What `set_aside` gives.
    """
    found: dict[str, tuple[str, list[int | str]]] = {}
    # By place: the file may have columns of these names too.
    for row, reasons in zip(quarantined.iloc[:, 0], quarantined.iloc[:, 1], strict=True):
        for reason in reasons.split("; "):
            column, _, problem = reason.partition(": ")
            kind = f"{column}: {problem.rpartition(' is ')[2]}"
            found.setdefault(kind, (reason, []))[1].append(row)
    by_count = sorted(found.values(), key=lambda item: -len(item[1]))
    listed = "".join(
        f"\n  {row_list(rows)}: {example}{', and the like' if len(rows) > 1 else ''}"
        for example, rows in by_count[:SHOWN]
    )
    hidden = len(by_count) - SHOWN
    return listed + (f"\n  and {hidden} more reasons" if hidden > 0 else "")
