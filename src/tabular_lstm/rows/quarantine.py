"""Rows with a cell that cannot be used, set aside with the reasons in words."""

import pandas as pd

from tabular_lstm.errors import row_list

SHOWN = 5


def set_aside(raw_rows: pd.DataFrame, problems: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Take the rows that have a problem.

    Args:
        raw_rows: Rows of text cells, with the index `row`.
        problems: For each cell what is wrong with it, "" if nothing is, with the same index.

    Returns:
        The quarantined rows: `row`, `reason`, and the cells as they were. And which rows these
        are, bool with the index of `raw_rows`.
    """
    bad = (problems != "").any(axis="columns")
    reasons = ["; ".join(filter(None, row)) for row in problems[bad].to_numpy()]
    quarantined = raw_rows[bad].reset_index(allow_duplicates=True)
    quarantined.insert(1, "reason", pd.Series(reasons, dtype=object), allow_duplicates=True)
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
