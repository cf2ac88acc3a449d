"""Which format a column of dates is written in, as `datetime.strptime` says it."""

import re
from functools import cache

import numpy as np
import pyarrow.compute as pc

from tabular_lstm.profiling.distinct import Cells
from tabular_lstm.rows.looks import DAYS, TIMES

MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
PARTS = {
    "%Y": "(?:1[5-9]|2[0-9])[0-9]{2}",
    "%y": "[0-9]{2}",
    "%m": "(?:0?[1-9]|1[0-2])",
    "%d": "(?:0?[1-9]|[12][0-9]|3[01])",
    "%b": f"(?i:{MONTHS})",
    "%B": "(?i:January|February|March|April|May|June|"
    "July|August|September|October|November|December)",
    "%H": "(?:[01]?[0-9]|2[0-3])",
    "%I": "(?:0?[1-9]|1[0-2])",
    "%M": "[0-5]?[0-9]",
    "%S": "[0-5]?[0-9]",
    "%p": "(?i:[AP]M)",
}
# As `tabular_lstm.rows.dates.ISO`, of months and days that there are: 1234-56-78 is no date.
ISO = (
    "[12][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:[T ](?:[01][0-9]|2[0-3])(?::[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?)?"
    "(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
# Eight digits are more often another number than a date with a time beside it.
COMPACT = ["%Y%m%d"]
FORMATS = [day + time for day in DAYS if day not in COMPACT for time in TIMES] + COMPACT
LIKE_A_DATE = re.compile(
    "[0-9]{1,4}[-/. ][0-9A-Za-z]|[0-9]{8}$|[A-Za-z]{3,9} [0-9]|[0-9]{1,2}[A-Za-z]{3}[0-9]"
)
# Of dates that need no format.
NONE = "ISO 8601"


def date_formats(cells: Cells, formats: list[str] = FORMATS) -> list[str]:
    """Name the formats in which all cells of a column are dates: one, or two where both fit.

    Args:
        cells: At least one.
        formats: Those that may be. Default: all that are known.

    Returns:
        Formats of `datetime.strptime`, or `NONE`; nothing where the cells are no dates.
    """
    if not LIKE_A_DATE.match(cells.texts[0].as_py()):
        return []
    if cells.all_match(ISO):
        return [NONE]
    return [name for name in formats if cells.all_match(_pattern(name))][:2]


def are_dates(cells: Cells, name: str) -> np.ndarray:
    """Tell which distinct cells are dates of a format."""
    matches = pc.match_substring_regex(cells.texts, f"^(?:{_pattern(name)})$")
    found: np.ndarray = matches.to_numpy(zero_copy_only=False)
    return found


@cache
def _pattern(name: str) -> str:
    if name == NONE:
        return ISO
    return re.sub("%[A-Za-z]", lambda code: PARTS[code[0]], name.replace(".", r"\."))
