"""The summary of a run's data: for its metrics, and for later runs to compare theirs with."""

import hashlib
from pathlib import PurePath
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from tabular_lstm.frozen import Frozen
from tabular_lstm.parameters import Columns, Split
from tabular_lstm.rows.leaks import possible_leaks
from tabular_lstm.rows.schema import POINT, Marks
from tabular_lstm.rows.sides import features_seen

NotNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
COUNTS = {"rows", "train_rows", "test_rows", "quarantined_rows", "superseded_rows", "sha256"}
OF_WEIGHTS = {"weight", "weightless_rows"}


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
    marks: Marks = POINT


class DataSummary(Frozen):
    """A run's data; all rows = train + test + quarantined + superseded + weightless rows.

    Attributes:
        file: Name of the file or directory, without its folders.
        valid_rows: Train rows and test rows.
        label_share: Share of positive rows among the valid ones.
        test_rows_sha256: Hash of the test rows, whatever their order and that of the columns.
        split: All that decides which side a row is on and what its label means.
        possible_leaks: ROC AUC of each feature that alone tells the classes of the train rows
            apart, see `tabular_lstm.rows.leaks`.
        repeated_test_rows: Test rows that have the features of a train row, as the network sees
            them; there are none without a key.
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
    possible_leaks: dict[str, float] = {}
    repeated_test_rows: NotNegative = 0
    marks: Marks = POINT
    weight: str | None = None
    weightless_rows: NotNegative = 0

    def counts(self) -> dict[str, Any]:
        """Give the numbers of rows and the hash of the file, as in metrics.json."""
        return self.model_dump(include=COUNTS | OF_WEIGHTS)

    def other_weights(self, before: "DataSummary") -> str:
        """Say by what the rows count, where they counted otherwise for a champion."""
        now, then = (f"by '{d.weight}'" if d.weight else "all alike" for d in (self, before))
        return f"rows count {now}, and counted {then} when the champion was judged"

    @model_serializer(mode="wrap")
    def _as_before_without_weights(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A decision of a run without weights keeps the hash by which the log names it.
        dumped: dict[str, Any] = dump(self)
        return {name: value for name, value in dumped.items() if value or name not in OF_WEIGHTS}


def summarize(
    train_rows: pd.DataFrame,
    test_rows: pd.DataFrame,
    source: Source,
    columns: Columns,
    split: Split,
    weightless_rows: int = 0,
) -> DataSummary:
    """Describe a run's data once its rows are split."""
    roles = {columns.label, columns.key, columns.weight}
    features = [str(name) for name in train_rows if name not in roles]
    split_by: dict[str, Any] = {
        **split.model_dump(),
        **columns.model_dump(include={"label", "positive_class", "negative_class", "key"}),
        "categorical": sorted(columns.categorical),
    }
    if columns.dates:
        split_by["dates"] = columns.dates
    if columns.key is None:
        split_by |= {"features": sorted(features), "missing": columns.missing}
    by_name = test_rows.sort_index(axis="columns")
    hashes = np.sort(pd.util.hash_pandas_object(by_name, index=False).to_numpy())
    labels = pd.concat([train_rows[columns.label], test_rows[columns.label]])
    return DataSummary(
        **source.model_dump(include=COUNTS),
        train_rows=len(train_rows),
        test_rows=len(test_rows),
        file=PurePath(source.file).name,
        valid_rows=len(labels),
        features=features,
        label_share=float(labels.mean()),
        test_rows_sha256=hashlib.sha256(hashes.tobytes()).hexdigest(),
        split=split_by,
        possible_leaks=possible_leaks(train_rows, columns),
        repeated_test_rows=_repeated(train_rows, test_rows, columns),
        marks=source.marks,
        weight=columns.weight,
        weightless_rows=weightless_rows,
    )


def _repeated(train_rows: pd.DataFrame, test_rows: pd.DataFrame, columns: Columns) -> int:
    if columns.key is None:  # equal rows are on the same side
        return 0
    trained_on = {*features_seen(train_rows, columns)}
    return sum(seen in trained_on for seen in features_seen(test_rows, columns))
