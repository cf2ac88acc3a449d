"""Any catalog entry that loads a table: rows to train on, rows to score, or labels."""

import logging
import re
from typing import Any
from urllib.parse import unquote, unquote_plus

from kedro.io import AbstractDataset

from tabular_lstm.datasets.kedro_private import credentials_of, guesses_types, replace_entry
from tabular_lstm.datasets.rows_to_score import USER, RawRowsDataset
from tabular_lstm.errors import DataError
from tabular_lstm.rows.table_rows import NoRowsError, TableRows

# The entries that may be any dataset that loads a table.
LABELS = "late_labels"
TABLES = {"raw_rows", "rows_to_score", LABELS}
WORKBOOK = (
    "%s: pandas reads the text 007 of a workbook as the number 7. To keep text as text, write "
    "load_args: {dtype: object} in this entry of the catalog"
)

logger = logging.getLogger(__name__)


class TableDataset(AbstractDataset[Any, Any]):
    """The rows of another dataset, loaded once, so that the run reads the rows that were hashed.

    Args:
        name: Name of the catalog entry, for messages.
        entry: The entry's dataset, such as `pandas.SQLQueryDataset` of kedro-datasets.
    """

    def __init__(self, name: str, entry: AbstractDataset[Any, Any]) -> None:
        self._name, self._entry = name, entry
        self._rows: TableRows | None = None

    def load(self) -> Any:
        """Load the table, see `TableRows.of`; None if labels have not come yet.

        Raises:
            DataError: See `TableRows.of`; or the dataset fails.
        """
        if self._rows is None:
            if guesses_types(self._entry):
                logger.warning(WORKBOOK, self._name)
            try:
                self._rows = TableRows.of(self._entry.load(), self._name)
            except DataError as error:
                if isinstance(error, NoRowsError) and self._name == LABELS:
                    return None
                raise
            except Exception as error:
                # Show only the root cause: errors that wrap it contain the query and its values.
                cause: BaseException = error
                while cause.__cause__ is not None:
                    cause = cause.__cause__
                first_line = re.sub(USER, "", str(cause).strip().split("\n")[0])
                text = _without(_parts(credentials_of(self._entry)), first_line)
                raise DataError(
                    f"{self._name}: {type(self._entry).__name__} could not load the table: "
                    f"{type(cause).__name__}: {text}. See this entry of the catalog, and its "
                    "credentials."
                ) from error
        return self._rows

    rows = load  # as of a `RawRowsDataset`

    def hashes(self, key: str | None) -> dict[str, str]:
        """Give the hash of the content, see `TableRows.hashes`; raise as `load` does."""
        hashes: dict[str, str] = self.load().hashes(key)
        return hashes

    def sha256(self) -> str:
        """Give the SHA-256 of the content; raise as `load` does."""
        return str(self.load().sha256())

    def save(self, data: Any) -> None:
        """Refuse: raw rows are read only."""
        raise DataError(f"{self._name} is read only here.")

    def _exists(self) -> bool:
        return self._entry.exists()

    def _describe(self) -> dict[str, Any]:
        return {"name": self._name}


def _parts(credentials: Any) -> set[str]:
    """Return each part of credentials that a driver may show: of a URL those of user and options.

    A driver splits a URL at the first `@` or `/`, even if the password has one.
    """
    if isinstance(credentials, dict | list):
        parts = credentials.values() if isinstance(credentials, dict) else credentials
        return set().union(*map(_parts, parts))
    credentials = "" if credentials is None else str(credentials)  # YAML may make a number of it
    if "://" in credentials:
        options = credentials.partition("?")[2]
        credentials = " ".join([*re.findall(USER, credentials), options])
    spellings = f"{credentials} {unquote(credentials)} {unquote_plus(credentials)}"
    return {*re.split(r"[\s:/?#@&;=]+", spellings)} - {""}


def _without(parts: set[str], text: str) -> str:
    longest_first = map(re.escape, sorted(parts, key=len, reverse=True))
    return re.sub(rf"(?<!\w)({'|'.join(longest_first)})(?!\w)", "***", text) if parts else text


def read_as_rows(catalog: Any, names: set[str]) -> None:
    """Let these entries load their tables as `RawRows`."""
    for name in names & TABLES:
        if not isinstance(entry := catalog.get(name), RawRowsDataset | TableDataset):
            replace_entry(catalog, name, TableDataset(name, entry))
