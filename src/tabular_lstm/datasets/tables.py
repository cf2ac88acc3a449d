"""Any catalog entry that loads a table, as rows to train on, to score or of labels."""

from typing import Any

from kedro.io import AbstractDataset

from tabular_lstm.datasets.kedro_private import replace_entry
from tabular_lstm.datasets.rows_to_score import RawCSVDataset
from tabular_lstm.errors import DataError
from tabular_lstm.rows.table_rows import TableRows

# The entries that may be any dataset that loads a table.
TABLES = ("raw_rows", "rows_to_score", "late_labels")


class TableDataset(AbstractDataset[Any, TableRows]):
    """The rows that another dataset loads, once: the run reads what was hashed.

    Args:
        name: Of the catalog entry, for messages.
        entry: Its dataset, such as `pandas.SQLQueryDataset` of kedro-datasets.
    """

    def __init__(self, name: str, entry: AbstractDataset[Any, Any]) -> None:
        self._name, self._entry = name, entry
        self._rows: TableRows | None = None

    def load(self) -> TableRows:
        """Load the table; raise as `TableRows.of` does."""
        if self._rows is None:
            self._rows = TableRows.of(self._entry.load(), self._name)
        return self._rows

    def hashes(self) -> dict[str, str]:
        """Give the SHA-256 of the content by the name of the entry; raise as `load` does."""
        return self.load().hashes()

    def sha256(self) -> str:
        """Give the SHA-256 of the content; raise as `load` does."""
        return self.load().sha256()

    def save(self, data: Any) -> None:
        """Refuse: rows are written by whoever has them."""
        raise DataError(f"{self._name} is read only here.")

    def _exists(self) -> bool:
        return self._entry.exists()

    def _describe(self) -> dict[str, Any]:
        return {"name": self._name}


def read_as_rows(catalog: Any, names: set[str]) -> None:
    """Let these entries load rows, whatever table they load now."""
    for name in names.intersection(TABLES):
        if not isinstance(entry := catalog.get(name), RawCSVDataset | TableDataset):
            replace_entry(catalog, name, TableDataset(name, entry))
