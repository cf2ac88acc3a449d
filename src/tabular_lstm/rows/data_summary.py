"""The summary of a run's data, for the run's metrics and for comparison by later runs."""

import hashlib
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd
from pydantic import NonNegativeInt, PositiveInt

from tabular_lstm.errors import counted
from tabular_lstm.frozen import Frozen, Share, unless
from tabular_lstm.parameters.columns import TASKS, ColumnsOptions, Moment, SplitOptions
from tabular_lstm.rows.csv_files import number_format_of
from tabular_lstm.rows.dependent_rows import DependentRows
from tabular_lstm.rows.labels import LabelSummary, summary_of_labels
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.task import Task

COUNTS = {
    *("rows", "train_rows", "test_rows", "quarantined_rows", "superseded_rows", "sha256"),
    # Left out if empty, so that the hashes of older decisions stay the same.
    *("unlabelled_rows", "weight", "weightless_rows", "histories", "customers"),
}
OF_COLUMNS = {"label", *TASKS, "key", "group", "time"}
# Values that are left out of `split`, so that a split equals that of earlier versions.
BY_HASH_OF_ROWS = {"kind": "hash", "from": None, "group": None, "time": None}


class FileRows(Frozen):
    """The rows of the raw files, and how many of them have no label.

    Attributes:
        histories: In words, which rows are a history. Default: each row is a sequence by itself,
            and no cell of a row without a label is read.
    """

    rows: PositiveInt
    unlabelled_rows: NonNegativeInt = 0
    histories: str | None = unless(None)

    @property
    def labelled_rows(self) -> int:
        """Count the rows whose cells are read; these include the quarantined rows."""
        return self.rows - (0 if self.histories else self.unlabelled_rows)

    @property
    def labelled(self) -> str:
        """Write the number in words: "90 labelled rows", or "100 rows" if all are labelled."""
        all_labelled = self.labelled_rows == self.rows
        return counted(self.labelled_rows, "row" if all_labelled else "labelled row")


class Source(FileRows):
    """Where the rows come from, how they are read, and what validation made of them."""

    file: str
    sha256: str
    quarantined_rows: int = 0
    superseded_rows: int = 0
    reasons: tuple[str, ...] = ()
    load_args: dict[str, Any] = {}


class DataSummary(FileRows):
    """A run's data.

    All rows = train + test + quarantined + superseded + weightless + unlabelled rows.

    Attributes:
        label_share: For two classes, the share of positive rows among the rows of both sides; None
            for another task.
        label: For another task, the summary of these rows' labels: the share of each class, or
            mean and standard deviation of a number; None for two classes.
        test_rows_sha256: Hash of the test rows with their labels. The order of rows and columns
            and the weights do not count. A row is hashed by its key or, without one, by its cells.
        rows_sha256: Hash of what a training and a judgement are made of, in any order: the rows of
            both sides, with histories the other rows of their pasts, and how many labelled rows are
            in quarantine. None in earlier versions.
        split: All that decides which side a row is on and what its label means.
        boundary: A row with this time or a later one is a test row; None for a split by hash.
        possible_leaks: ROC AUC or R² of each feature that alone predicts the train rows' labels too
            well, see `tabular_lstm.rows.data_warnings.possible_leaks`.
        repeated_test_rows: Number of test rows with the same features as a train row, as the
            network sees them; 0 without a key, a group or a split by time.
        weightless_rows: Number of valid rows of weight 0, which are on neither side.
        dependent_rows: Rows that belong together and may be on both sides; None if none were found.
        customers: Number of customers; 0 without histories.
        lineage: What earlier versions wrote; nothing reads it. Default: None.
    """

    unlabelled_rows: NonNegativeInt = unless(0)
    train_rows: NonNegativeInt
    test_rows: NonNegativeInt
    quarantined_rows: NonNegativeInt
    superseded_rows: NonNegativeInt
    sha256: str
    file: str
    valid_rows: PositiveInt
    features: list[str]
    label_share: Share | None = unless(None)
    label: LabelSummary | None = unless(None)
    test_rows_sha256: str
    rows_sha256: str | None = unless(None)
    split: dict[str, Any]
    boundary: Moment | None = unless(None)
    possible_leaks: dict[str, float] = {}
    repeated_test_rows: NonNegativeInt = 0
    marks: NumberFormat = POINT
    weight: str | None = unless(None)
    weightless_rows: NonNegativeInt = unless(0)
    dependent_rows: DependentRows | None = unless(None)
    customers: NonNegativeInt = unless(0)
    median: bool = unless(False)
    lineage: Any = unless(None)

    @property
    def task(self) -> Task:
        """Say what is predicted."""
        if "task" in self.split:
            return Task.of_number(self.median)
        if classes := self.split.get("classes"):
            return Task.of_classes(classes)
        pair = ("negative_class", "positive_class")
        return Task(kind="two classes", classes=[self.split[n] for n in pair if n in self.split])

    @property
    def told_apart_by(self) -> str:
        """Name the role that may put rows with the same features on both sides."""
        if self.boundary is not None:
            return "time"
        return "key" if self.split.get("group") is None else "group"

    @property
    def said_of_histories(self) -> str:
        """Describe the histories: which rows, how many customers, how many rows of a customer."""
        rows = self.valid_rows + self.weightless_rows + self.unlabelled_rows
        each = rows / self.customers
        return f"{self.histories}; {self.customers} in all, {each:.1f} rows each on average"

    def counts(self) -> dict[str, Any]:
        """Return the numbers of rows and the hash of the file, as in metrics.json."""
        return self.model_dump(include=COUNTS)

    def other_weights(self, before: "DataSummary") -> str:
        """Describe the rows' weights now, and when the champion was judged."""
        weights_now, weights_then = (
            f"by '{summary.weight}'" if summary.weight else "all alike"
            for summary in (self, before)
        )
        return f"rows count {weights_now}, and counted {weights_then} when the champion was judged"


def summarize(
    train_rows: pd.DataFrame,
    test_rows: pd.DataFrame,
    source: Source,
    columns: ColumnsOptions,
    split: SplitOptions,
    history_rows: pd.DataFrame,
    **further_fields: Any,
) -> DataSummary:
    """Describe a run's data once its rows are split; `further_fields` complete the summary."""
    features = [str(name) for name in train_rows if name not in columns.not_features]
    split_by: dict[str, Any] = {
        **split.model_dump(by_alias=True, exclude={"independent"}),
        **columns.model_dump(by_alias=True, include=OF_COLUMNS),
        "categorical": sorted(columns.categorical),
    }
    for name, default in BY_HASH_OF_ROWS.items():
        if split_by[name] == default:
            del split_by[name]
    if columns.dates:
        split_by["dates"] = columns.dates
    if columns.key is None and columns.together is None:
        split_by |= {"features": sorted(features), "missing": columns.missing}
    labels = pd.concat([train_rows[columns.label], test_rows[columns.label]])
    if columns.history is not None:
        all_rows = pd.concat([train_rows, test_rows, history_rows])
        further_fields["customers"] = all_rows[columns.of].nunique()
    return DataSummary(
        **source.model_dump(include=COUNTS),
        train_rows=len(train_rows),
        test_rows=len(test_rows),
        file=PurePath(source.file).name,
        valid_rows=len(labels),
        features=features,
        **summary_of_labels(labels, columns.task),
        test_rows_sha256=_hash_of_test_rows(test_rows, columns),
        split=split_by,
        marks=number_format_of(source.load_args),
        weight=columns.weight,
        **further_fields,
    )


def _hash_of_test_rows(rows: pd.DataFrame, columns: ColumnsOptions) -> str:
    """Hash the test rows, see `DataSummary`."""
    key_and_label = {columns.key, columns.label}
    hashed_columns = key_and_label if columns.key else {*rows.columns} - {columns.weight}
    hashes = pd.util.hash_pandas_object(rows[sorted(hashed_columns)], index=False).to_numpy()
    return hashlib.sha256(np.sort(hashes).tobytes()).hexdigest()
