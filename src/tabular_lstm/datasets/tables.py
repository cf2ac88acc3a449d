"""Any catalog entry that loads a table: rows to train on, rows to score, or labels."""

import logging
import re
from functools import cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, unquote_plus

import yaml
from kedro.io import AbstractDataset
from omegaconf import OmegaConf

from tabular_lstm.datasets.kedro_private import credentials_of, guesses_types
from tabular_lstm.datasets.read_only import ReadOnlyDataset
from tabular_lstm.datasets.rows_to_score import USER
from tabular_lstm.errors import DataError
from tabular_lstm.rows.raw_rows import Table
from tabular_lstm.rows.table_rows import LoadedTable, NoRowsError

# The entries that may use any dataset that loads a table.
LABELS = "late_labels"
TABLES = {"raw_rows", "rows_to_score", LABELS}
WRAPPER = "tabular_lstm.datasets.tables.TableDataset"
WORKBOOK = (
    "%s: pandas reads the text 007 of a workbook as the number 7. To keep text as text, write "
    "load_args: {dtype: object} in this entry of the catalog"
)
# What a scoring writes, with the datasets that conf may name; a second one is from version 0.1.0.
WRITTEN = {
    "predictions": ("tabular_lstm.datasets.predictions.PredictionsDataset",),
    "quarantined_rows_to_score": (
        "pandas.CSVDataset",
        "tabular_lstm.datasets.predictions.QuarantineDataset",
    ),
}

logger = logging.getLogger(__name__)


def as_table(name: str, entry: Any) -> Any:
    """Wrap the configuration of another package's dataset, so that it loads a `LoadedTable`.

    Anything that is not a dataset configuration is returned unchanged, for Kedro to refuse.
    """
    kind = entry.get("type") if isinstance(entry, dict) else None
    if name not in TABLES or kind is None or str(kind).startswith("tabular_lstm."):
        return entry
    return {
        "type": WRAPPER,
        "name": name,
        "dataset": entry,
        "metadata": entry.get("metadata"),
    }


def complete(entries: dict[str, Any]) -> dict[str, Any]:
    """Complete the catalog with the entries of this package's catalog that it lacks.

    The entries that write and read predictions get the paths of the predictions and of their
    quarantine. Version 0.1.0 called the training log `history`.

    Raises:
        DataError: Predictions or their quarantine use a different dataset than in this package.
    """
    if "history" in entries:
        logger.warning("The catalog's entry 'history' is called 'training_log'. Rename it.")
        entries = {"training_log": entries["history"], **entries}
    lacking = {n: entry for n, entry in _own_catalog().items() if n not in entries}
    entries |= cast(dict[str, Any], OmegaConf.to_container(OmegaConf.create(lacking), resolve=True))
    paths = {name: _path_of(name, entries[name]) for name in WRITTEN}
    package, folder = "tabular_lstm.datasets", {"filepath": paths["predictions"]}
    readers = {
        "predictions@plan": {
            "type": f"{package}.predictions.ScoringPlanDataset",
            "quarantine": {"filepath": paths["quarantined_rows_to_score"]},
        },
        "predictions@manifest": {"type": f"{package}.predictions.ScoringCountsDataset"},
        "finished_scorings": {},
    }
    return entries | {n: entries.get(n, {}) | entry | folder for n, entry in readers.items()}


@cache
def _own_catalog() -> dict[str, Any]:
    """Read this package's catalog, before interpolation; in a clone it is that of `conf/base`.

    It leaves out raw rows and rows to score, which each project defines itself.
    """
    package = Path(__file__).parents[1]
    paths = package / "catalog.yml", package.parents[1] / "conf/base/catalog.yml"
    text = next(path for path in paths if path.exists()).read_text()
    entries = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    return {name: entry for name, entry in entries.items() if name not in TABLES - {LABELS}}


def _path_of(name: str, entry: Any) -> str:
    """Return the path of an entry that a scoring writes in parts; only its own datasets can."""
    kinds, arguments = WRITTEN[name], entry if isinstance(entry, dict) else {}
    path = str(arguments.get("filepath", "://"))
    is_kept = arguments.get("versioned", name == "predictions") and "save_args" not in arguments
    if arguments.get("type") not in kinds or "://" in path or not is_kept:
        raise DataError(
            f"The catalog's entry '{name}': a scoring writes it part by part, so only its path may "
            f"differ from conf/base: expected type {kinds[0]}, a filepath on this machine, and "
            "everything else as it is there."
        )
    return path


def own_entry(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of an entry as it is in conf, see `as_table`."""
    return cast(dict[str, Any], entry["dataset"] if entry.get("type") == WRAPPER else entry)


class TableDataset(ReadOnlyDataset):
    """The rows of another dataset, loaded once, so that a run reads the rows that were hashed.

    Args:
        name: Name of the catalog entry, for messages.
        dataset: The entry's dataset, such as kedro-datasets' `pandas.SQLQueryDataset`, or its
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
        self._rows: Table | None = None

    def load(self) -> Table | None:
        """Load the table, see `LoadedTable.of`; None if labels have not arrived yet.

        Raises:
            DataError: See `LoadedTable.of`; or the dataset fails.
        """
        if self._rows is None:
            if guesses_types(self._dataset):
                logger.warning(WORKBOOK, self._name)
            try:
                loaded = self._dataset.load()
                # A dataset derived from RawRowsDataset already returns a table.
                self._rows = (
                    loaded if isinstance(loaded, Table) else LoadedTable.of(loaded, self._name)
                )
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
    """Return each part of credentials that a driver may show; for a URL, of user and options.

    A driver splits a URL at the first `@` or `/`, even if the password contains one.
    """
    if isinstance(credentials, dict | list):
        parts = credentials.values() if isinstance(credentials, dict) else credentials
        return set().union(*map(_shown_parts, parts))
    credentials = "" if credentials is None else str(credentials)  # YAML may read a number
    if "://" in credentials:
        options = credentials.partition("?")[2]
        credentials = " ".join([*re.findall(USER, credentials), options])
    spellings = f"{credentials} {unquote(credentials)} {unquote_plus(credentials)}"
    return {*re.split(r"[\s:/?#@&;=]+", spellings)} - {""}


def _without(parts: set[str], text: str) -> str:
    longest_first = map(re.escape, sorted(parts, key=len, reverse=True))
    return re.sub(rf"(?<!\w)({'|'.join(longest_first)})(?!\w)", "***", text) if parts else text
