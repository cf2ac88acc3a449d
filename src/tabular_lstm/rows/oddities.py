"""Say once what is odd about columns that can be read, and what to do; a run goes on."""

import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from tabular_lstm.errors import LISTED, shown
from tabular_lstm.parameters import Columns
from tabular_lstm.rows.cells import written
from tabular_lstm.rows.looks import ENOUGH_ROWS, NEARLY_ALL
from tabular_lstm.rows.proposals import in_yaml
from tabular_lstm.rows.spellings import spelt_alike

# Rows from which whole numbers that are all different and without a gap are those of the rows.
ENOUGH_NUMBERS = 50
GAPS = 1.1

SAME = "every row has the same in {}: a column of one value tells nothing"
OWN = "nearly each row has its own value in {}: identifiers and free text tell nothing of new rows"
LEAVE_OUT = "%s: %s. If that is what they are, leave out: columns.ignore: %s"
SPELT = (
    "%s: categories that differ by case, blanks or Unicode form alone count as different ones: %s. "
    "If they are the same, write them alike in the file"
)

logger = logging.getLogger(__name__)


class Odd(NamedTuple):
    """Features that tell nothing: with their only value, and those of own values."""

    same: dict[str, str] = {}
    own: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Name them all."""
        return [*self.same, *self.own]


def odd_features(rows: pd.DataFrame, columns: Columns) -> Odd:
    """Find the features of one value, and those of own values; of few rows none.

    Args:
        rows: Valid rows, as they were read; of columns that no row was set aside for.
        columns: The role of each column.
    """
    if len(rows) < ENOUGH_ROWS:
        return Odd()
    features = [str(name) for name in rows if name not in columns.not_features]
    same = {name: value for name in features if (value := _only_value(rows[name])) is not None}
    own = [name for name in features if name not in same and _is_own(rows[name], name, columns)]
    return Odd(same, tuple(own))


def warn_of_oddities(
    rows: pd.DataFrame, columns: Columns, file: str, odd: Odd, ignore: Sequence[str]
) -> None:
    """Name columns that tell nothing, in one line, and categories that are spelt alike, in another.

    Args:
        rows: Valid rows, as they were read.
        columns: The role of each column.
        file: For the message.
        odd: See `odd_features`.
        ignore: All columns that this run proposes to leave out.
    """
    if len(rows) < ENOUGH_ROWS:
        return
    said = []
    if odd.same:
        said.append(
            SAME.format(", ".join(f"{shown(n)} ({value})" for n, value in odd.same.items()))
        )
    if odd.own:
        said.append(OWN.format(", ".join(map(shown, odd.own))))
    if said:
        logger.warning(LEAVE_OUT, file, "; ".join(said), in_yaml(ignore))
    categorical = [str(name) for name in rows if name in columns.categorical]
    spelt = [text for name in categorical if name not in odd.own for text in _spellings(rows[name])]
    if spelt:
        more = f"; and {len(spelt) - LISTED} more" if len(spelt) > LISTED else ""
        logger.warning(SPELT, file, f"{'; '.join(spelt[:LISTED])}{more}")


def _only_value(column: pd.Series) -> str | None:
    """Write the one value that a column has in all rows; None where it has several."""
    first, last = column.iloc[0], column.iloc[-1]
    if pd.isna(first):
        return "empty" if pd.isna(last) and column.isna().all() else None
    return shown(written(first)) if first == last and bool((column == first).all()) else None


def _is_own(column: pd.Series, name: str, columns: Columns) -> bool:
    """Tell whether a column may be an identifier, or text that people wrote."""
    if name in columns.dates:
        return False
    if name in columns.categorical:
        known = column.notna().sum()
        return bool(known >= ENOUGH_ROWS and column.nunique() >= NEARLY_ALL * known)
    # Numbers are all different where they are fine enough. Those of the rows have no gaps.
    some, count = column.iloc[:ENOUGH_NUMBERS].to_numpy(), len(column)
    if count < ENOUGH_NUMBERS or len(np.unique(some)) < len(some) or (some % 1 != 0).any():
        return False
    return bool(column.max() - column.min() < GAPS * count and column.nunique() == count)


def _spellings(column: pd.Series) -> Iterator[str]:
    """Name the categories that are spelt alike, with their rows."""
    counts = column.value_counts()
    for alike in spelt_alike(pd.Series(counts.index)):
        listed = ", ".join(f"'{shown(text)}' ({counts[text]} rows)" for text in alike)
        yield f"{shown(column.name)}: {listed}"
