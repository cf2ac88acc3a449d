"""A key or a group has one spelling: a whole number that a program wrote as 7.0 is 7."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from tabular_lstm.errors import shown
from tabular_lstm.rows.cells import Problems, problems_at, texts
from tabular_lstm.rows.number_format import AS_FLOAT, POINT, NumberFormat, all_pointed
from tabular_lstm.rows.numbers import EMPTY, as_texts
from tabular_lstm.rows.spellings import spelt_alike

WHOLE = r"^-?(?:0|[1-9][0-9]*)$"
# As pandas and Excel write a number that is too long for them. 1E5 may be a code.
ROUNDED = r"^[+-]?[0-9]+(?:\.[0-9]*)?[eE]\+[0-9]+$"
# From here on a float64 cannot tell a whole number from the next one.
EXACT = 2**53
# Superseded rows of one key in one file, and rows of a group in multiples of those of most groups,
# that are worth a warning.
CROWD = 10
EXACT_DIGITS = len(str(EXACT))

logger = logging.getLogger(__name__)


def read_key(
    cells: pd.Series, marks: NumberFormat = POINT, word: str = "key"
) -> tuple[pd.Series, Problems]:
    """Read the key as text in its one spelling.

    As soon as one key of a column is missing, pandas writes 7.0 for 7; so 7.0 and 7 are the key
    "7". Nothing else is changed: `007`, `7`, `+7` and `7.000`, which may be 7000, are four keys,
    as are whole numbers of any length. A number that a program has rounded, `1.23457E+17` or one
    of 2^53 or more with a `.0`, is no key, for other keys may have become the same.

    Args:
        cells: The column, of text, numbers or a mixture.
        marks: What its numbers are written with.
        word: What the column holds, for the problems. Default: keys.

    Returns:
        str: the key, of any text where the cell has a problem; and the problems. An empty cell and
        every word for "missing" are no key.
    """
    text = _written(cells, marks)
    keys = _without_fractions(text)
    absent = text.str.lower().isin(EMPTY).to_numpy()
    rounded = text.str.match(ROUNDED).to_numpy(bool, copy=True)
    is_long = text.str.match(AS_FLOAT) & keys.str.len().ge(EXACT_DIGITS)
    long = np.flatnonzero(is_long.to_numpy(bool))
    rounded[long] = [_is_rounded(number) for number in keys.iloc[long]]
    problems = {
        **dict.fromkeys(np.flatnonzero(absent).tolist(), f"no {word}"),
        **problems_at(cells, rounded, f"is a rounded number, not a {word}", quoted=True),
    }
    return keys, problems


def warn_of_spellings(
    cells: pd.Series, keys: pd.Series, file: str, marks: NumberFormat = POINT, word: str = "key"
) -> None:
    """Say so where a column spells keys in two ways, or some nearly alike, with examples and rows.

    Args:
        cells: The column as it was read.
        keys: What `read_key` gave for it.
        file: For the message.
        marks: What its numbers are written with.
        word: What the column holds. Default: keys.
    """
    text = _written(cells, marks)
    as_float = text.str.match(AS_FLOAT).to_numpy(bool)
    is_whole = text.str.match(WHOLE).to_numpy(bool)
    mixed: list[str] = []
    if as_float.any() and is_whole.any():
        mixed.append(
            f"{as_float.sum()} {word}s are written like {_first(text, as_float)} and "
            f"{is_whole.sum()} like {_first(text, is_whole)}; read without the fraction, equal "
            f"numbers are the same {word}"
        )
    for count, alike, by in _nearly_alike(pd.Series(keys.unique())):
        examples = " and ".join(_first(text, (keys == key).to_numpy()) for key in alike)
        mixed.append(
            f"{count} {word}s differ from another one by {by} alone, such as {examples}; they are "
            f"different {word}s. If they are the same, write them alike in the file"
        )
    if mixed:
        logger.warning("%s: column '%s': %s.", file, cells.name, ". ".join(mixed))


def warn_of_crowds(superseded: pd.Series, file: str) -> None:
    """Say so where one key is on many rows of one file: it may be a word for "no key".

    Args:
        superseded: The keys of the rows that a later row replaces, by names such as
            2026-11-01.csv:3.
        file: For the message.
    """
    files = (row.rpartition(":")[0] for row in superseded.index)
    for (key, name), rows in Counter(zip(superseded, files, strict=True)).most_common(1):
        if rows >= CROWD:
            logger.warning(
                "%s: %d rows of %s are superseded under the key '%s'. If that is a word for "
                "'no key', leave these cells empty: the rows then go to quarantine.",
                file,
                rows,
                name,
                shown(key),
            )


def warn_of_a_large_group(groups: pd.Series, file: str) -> None:
    """Say so where one group has ten times as many rows as most: it may be a word for "no group".

    Args:
        groups: Those of the valid rows.
        file: For the message.
    """
    rows = groups.value_counts()
    if len(rows) and rows.iloc[0] >= CROWD * rows.median():
        logger.warning(
            "%s: %d of %d rows are of the group '%s' of column '%s', and of most groups %g. If it "
            "is a word for 'no group', leave these cells empty: the rows then go to quarantine.",
            file,
            rows.iloc[0],
            len(groups),
            shown(rows.index[0]),
            groups.name,
            rows.median(),
        )


def _written(cells: pd.Series, marks: NumberFormat) -> pd.Series:
    """Give the cells' text as a CSV of just these cells has it, numbers with a decimal point."""
    text = texts(cells, write=str).fillna("")
    if marks == POINT:
        return text
    numbers = all_pointed(as_texts(text), marks).to_pandas()
    return pd.Series(numbers, dtype="str").set_axis(text.index).fillna(text)


def _without_fractions(text: pd.Series) -> pd.Series:
    """Give what `tabular_lstm.rows.number_format.without_fraction` gives for each text."""
    is_float = text.str.match(AS_FLOAT).to_numpy(bool)
    if not is_float.any():
        return text
    whole = text.str.removesuffix(".0")
    return text.where(~is_float, whole.mask((whole == "-0").to_numpy(bool), "0"))


def _nearly_alike(distinct: pd.Series) -> Iterator[tuple[int, Sequence[str], str]]:
    """Find keys that may be one: how many, two of them, and by what they differ."""
    distinct = distinct[~distinct.str.lower().isin(EMPTY).to_numpy(bool)]
    if spelt := spelt_alike(distinct):
        yield sum(map(len, spelt)), spelt[0][:2], "case, blanks or Unicode form"
    numbers = distinct[distinct.str.match(r"^[0-9]+(?:\.[0-9]+)?$").to_numpy(bool)]
    plain, has_point = numbers.str.lstrip("0"), numbers.str.contains(".", regex=False)
    plain = plain.mask(has_point.to_numpy(bool), plain.str.rstrip("0").str.rstrip("."))
    alike = plain.duplicated(keep=False)
    if alike.any():
        two = numbers[plain == plain[alike].iloc[0]][:2]
        yield int(alike.sum()), two.tolist(), "zeros in front or after a point"


def _is_rounded(number: object) -> bool:
    return len(str(number)) > EXACT_DIGITS + 1 or abs(int(str(number))) >= EXACT


def _first(text: pd.Series, where: np.ndarray) -> str:
    place = int(np.argmax(where))
    return f"'{shown(text.iloc[place])}' (row {text.index[place]})"
