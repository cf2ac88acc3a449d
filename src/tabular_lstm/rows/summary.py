"""The summary of a run's data: for its metrics, and for later runs to compare theirs with."""

import hashlib
from pathlib import PurePath
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from tabular_lstm.frozen import Frozen
from tabular_lstm.parameters import Columns, Moment, Split
from tabular_lstm.rows.fingerprints import hashes_of, in_parts
from tabular_lstm.rows.leaks import possible_leaks
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.sides import features_seen

NotNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
COUNTS = {"rows", "train_rows", "test_rows", "quarantined_rows", "superseded_rows", "sha256"}
OF_WEIGHTS = {"weight", "weightless_rows"}
# A decision of a run without these keeps the hash by which the log names it.
IF_ANY = {*OF_WEIGHTS, "boundary"}
# A split that is as if there were no other ones is said as it was before there were.
BY_HASH_OF_ROWS = {"kind": "hash", "from": None, "group": None, "time": None}


class Source(Frozen):
    """Where the rows come from, and what validation made of them.

    Attributes:
        file: Path of the file or directory.
        sha256: Hash of the bytes that the rows were parsed from.
        quarantined_rows: Rows with a cell that is not as declared.
        superseded_rows: Valid rows that a later row with their key replaced.
        reasons: Why rows were quarantined, a line for each column and kind of problem; empty if
            none was.
        to_declare: What conf may say of such columns, see `tabular_lstm.rows.proposals`.
        marks: What its numbers are written with.
    """

    file: str
    sha256: str
    rows: int
    quarantined_rows: int = 0
    superseded_rows: int = 0
    reasons: str = ""
    to_declare: str = ""
    marks: NumberFormat = POINT


class DataSummary(Frozen):
    """A run's data; all rows = train + test + quarantined + superseded + weightless rows.

    Attributes:
        file: Name of the file or directory, without its folders.
        valid_rows: Train rows and test rows.
        label_share: Share of positive rows among the valid ones.
        test_rows_sha256: Hash of which rows the test rows are, with their labels, whatever their
            order, that of the columns, and their weights. A row is its key or, without one, its
            cells.
        split: All that decides which side a row is on and what its label means.
        boundary: Of a split by time, from when on rows are test rows; None of another split.
        possible_leaks: ROC AUC of each feature that alone tells the classes of the train rows
            apart, see `tabular_lstm.rows.leaks`.
        repeated_test_rows: Test rows that have the features of a train row, as the network sees
            them; there are none without a key, a group or a split by time.
        marks: What the file writes numbers with; those of train rows and test rows are read.
        weight: The column of the rows' weights; None where all rows count alike.
        weightless_rows: Valid rows of weight 0, which are on neither side.
    """

    rows: Positive
    train_rows: NotNegative
    test_rows: NotNegative
    quarantined_rows: NotNegative
    superseded_rows: NotNegative
    sha256: str
    file: str
    valid_rows: Positive
    features: list[str]
    label_share: Annotated[float, Field(ge=0, le=1)]
    test_rows_sha256: str
    split: dict[str, Any]
    boundary: Moment | None = None
    possible_leaks: dict[str, float] = {}
    repeated_test_rows: NotNegative = 0
    marks: NumberFormat = POINT
    weight: str | None = None
    weightless_rows: NotNegative = 0

    @property
    def told_apart_by(self) -> str:
        """Say which role decides that rows with the same features may be on both sides."""
        if self.boundary is not None:
            return "time"
        return "key" if self.split.get("group") is None else "group"

    def counts(self) -> dict[str, Any]:
        """Give the numbers of rows and the hash of the file, as in metrics.json."""
        return self.model_dump(include=COUNTS | OF_WEIGHTS)

    def other_weights(self, before: "DataSummary") -> str:
        """Say by what the rows count, where they counted otherwise for a champion."""
        now, then = (f"by '{d.weight}'" if d.weight else "all alike" for d in (self, before))
        return f"rows count {now}, and counted {then} when the champion was judged"

    @model_serializer(mode="wrap")
    def _without_what_is_not_there(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        dumped: dict[str, Any] = dump(self)
        # A boundary may be 0.
        return {
            name: value
            for name, value in dumped.items()
            if name not in IF_ANY or (value is not None and (value or name == "boundary"))
        }


def summarize(
    train_rows: pd.DataFrame,
    test_rows: pd.DataFrame,
    source: Source,
    columns: Columns,
    split: Split,
    weightless_rows: int = 0,
    boundary: Moment | None = None,
) -> DataSummary:
    """Describe a run's data once its rows are split.

    Args:
        train_rows: Valid rows.
        test_rows: Likewise.
        source: Where they come from.
        columns: The role of each column.
        split: As conf has it.
        weightless_rows: See `DataSummary`. Default: none.
        boundary: Likewise.
    """
    features = [str(name) for name in train_rows if name not in columns.not_features]
    of_columns = {"label", "positive_class", "negative_class", "key", "group", "time"}
    split_by: dict[str, Any] = {
        **split.model_dump(by_alias=True),
        **columns.model_dump(include=of_columns),
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
    return DataSummary(
        **source.model_dump(include=COUNTS),
        train_rows=len(train_rows),
        test_rows=len(test_rows),
        file=PurePath(source.file).name,
        valid_rows=len(labels),
        features=features,
        label_share=float(labels.mean()),
        test_rows_sha256=_sha256(test_rows, columns),
        split=split_by,
        boundary=boundary,
        possible_leaks=possible_leaks(train_rows, columns),
        repeated_test_rows=_repeated(train_rows, test_rows, columns),
        marks=source.marks,
        weight=columns.weight,
        weightless_rows=weightless_rows,
    )


def _sha256(rows: pd.DataFrame, columns: Columns) -> str:
    """Hash which rows these are, see `DataSummary`."""
    by_key = {columns.key, columns.label}
    known_by = by_key if columns.key else {*rows.columns} - {columns.weight}
    hashes = pd.util.hash_pandas_object(rows[sorted(known_by)], index=False).to_numpy()
    return hashlib.sha256(np.sort(hashes).tobytes()).hexdigest()


def _repeated(train_rows: pd.DataFrame, test_rows: pd.DataFrame, columns: Columns) -> int:
    if columns.key is None and columns.together is None:  # equal rows are on the same side
        return 0
    seen_in_training, seen = (_seen(rows, columns) for rows in (train_rows, test_rows))
    return int(np.isin(seen, seen_in_training).sum())


def _seen(rows: pd.DataFrame, columns: Columns) -> np.ndarray:
    """Hash each row's features as the network sees them: uint64 (rows,)."""
    hashes = np.empty(len(rows), np.uint64)
    for at in in_parts(len(rows)):
        hashes[at] = hashes_of(features_seen(rows.iloc[at], columns))
    return hashes
