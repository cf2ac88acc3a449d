"""Any catalog entry that loads a table: rows to train on, rows to score, or labels."""

import re
from typing import Any
from urllib.parse import unquote, unquote_plus

from kedro.io import AbstractDataset

from tabular_lstm.datasets.kedro_private import credentials_of
from tabular_lstm.datasets.read_only import ReadOnlyDataset
from tabular_lstm.datasets.rows_to_score import USER
from tabular_lstm.errors import DataError
from tabular_lstm.rows.table_rows import LoadedTable, NoRowsError

# The entries that may be any dataset that loads a table.
LABELS = "late_labels"
TABLES = {"raw_rows", "rows_to_score", LABELS}
WRAPPER = "tabular_lstm.datasets.tables.TableDataset"


def as_table(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Wrap the configuration of another package's dataset, so that it loads `LoadedTable`."""
    if name not in TABLES or str(entry.get("type")).startswith("tabular_lstm."):
        return entry
    return {
        "type": WRAPPER,
        "name": name,
        "dataset": entry,
        "metadata": entry.get("metadata"),
    }


def with_plan(entries: dict[str, Any]) -> dict[str, Any]:
    """Complete the catalog of version 0.1.0, in which `predictions` scored too."""
    if "predictions" not in entries or "predictions@plan" in entries:
        return entries
    folder = {"filepath": entries["predictions"]["filepath"]}
    quarantine = {"filepath": entries["quarantined_rows_to_score"]["filepath"]}
    package = "tabular_lstm.datasets.predictions"
    plan = {"type": f"{package}.ScoringPlanDataset", **folder, "quarantine": quarantine}
    counts = {"type": f"{package}.ScoringCountsDataset", **folder}
    return {**entries, "predictions@plan": plan, "predictions@manifest": counts}


def own_entry(entry: dict[str, Any]) -> dict[str, Any]:
    """Give the configuration of an entry as conf has it, see `as_table`."""
    written: dict[str, Any] = entry["dataset"] if entry.get("type") == WRAPPER else entry
    return written


class TableDataset(ReadOnlyDataset):
    """The rows of another dataset, loaded once, so that the run reads the rows that were hashed.

    Args:
        name: Name of the catalog entry, for messages.
        dataset: The entry's dataset, such as `pandas.SQLQueryDataset` of kedro-datasets, or its
            configuration.
    """

    def __init__(
        self,
        name: str,
        dataset: AbstractDataset[Any, Any] | dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if isinstance(dataset, dict):
            dataset = AbstractDataset.from_config(name, dataset)
        super().__init__(name, metadata)
        self._name, self._dataset = name, dataset
        self._rows: LoadedTable | None = None

    def load(self) -> LoadedTable | None:
        """Load the table, see `LoadedTable.of`; None if labels have not come yet.

        Raises:
            DataError: See `LoadedTable.of`; or the dataset fails.
        """
        if self._rows is None:
            try:
                self._rows = LoadedTable.of(self._dataset.load(), self._name)
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
                text = _without(_shown_parts(credentials_of(self._dataset)), first_line)
                raise DataError(
                    f"{self._name}: {type(self._dataset).__name__} could not load the table: "
                    f"{type(cause).__name__}: {text}. See this entry of the catalog, and its "
                    "credentials."
                ) from error
        return self._rows

    def _exists(self) -> bool:
        return self._dataset.exists()


def _shown_parts(credentials: Any) -> set[str]:
    """Return each part of credentials that a driver may show: of a URL those of user and options.

    A driver splits a URL at the first `@` or `/`, even if the password has one.
    """
    if isinstance(credentials, dict | list):
        parts = credentials.values() if isinstance(credentials, dict) else credentials
        return set().union(*map(_shown_parts, parts))
    credentials = "" if credentials is None else str(credentials)  # YAML may make a number of it
    if "://" in credentials:
        options = credentials.partition("?")[2]
        credentials = " ".join([*re.findall(USER, credentials), options])
    spellings = f"{credentials} {unquote(credentials)} {unquote_plus(credentials)}"
    return {*re.split(r"[\s:/?#@&;=]+", spellings)} - {""}


def _without(parts: set[str], text: str) -> str:
    longest_first = map(re.escape, sorted(parts, key=len, reverse=True))
    return re.sub(rf"(?<!\w)({'|'.join(longest_first)})(?!\w)", "***", text) if parts else text
