"""Raw rows become valid rows, or go to quarantine with the reasons in words."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from tabular_lstm.errors import (
    LISTED,
    DataError,
    NotEnoughRowsError,
    counted,
    no_column,
    row_list,
    shown,
)
from tabular_lstm.parameters.columns import ROLES, ColumnsOptions, History
from tabular_lstm.rows.cells import Problems, category_codes, read_category
from tabular_lstm.rows.column_kinds import column_of
from tabular_lstm.rows.data_summary import Source
from tabular_lstm.rows.dates import TimeReader
from tabular_lstm.rows.fingerprints import read_key
from tabular_lstm.rows.labels import are_unlabelled, labels_or_nan, read_label_cells
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.weights import read_weights

# Quarantine ---------------------------------------------------------------------------------------

SHOWN = 5
NAME = 200  # characters of a column's name that a reason shows


def set_aside(
    rows: pd.DataFrame, problems: Mapping[str, Problems]
) -> tuple[pd.DataFrame, np.ndarray]:
    """Take out the rows where a cell has a problem.

    Returns:
        The rows set aside: `row`, `reason`, and the cells as they were.
        Which rows are left, bool (rows,).
    """
    reasons: dict[int, list[str]] = {}
    for name, column_problems in problems.items():
        named = shown(name, NAME)
        for place, problem in column_problems.items():
            reasons.setdefault(place, []).append(f"{named}: {problem}")
    bad_places = sorted(reasons)
    bad_rows = rows.iloc[bad_places].reset_index(allow_duplicates=True)
    joined = pd.Series(["; ".join(reasons[place]) for place in bad_places], dtype=object)
    bad_rows.insert(1, "reason", joined, allow_duplicates=True)
    is_left = np.ones(len(rows), bool)
    is_left[bad_places] = False
    return bad_rows, is_left


@dataclass
class _Kind:
    example: str
    count: int = 0
    rows: list[int | str] = field(default_factory=list)  # the first of them


@dataclass(frozen=True)
class Kinds:
    """The problems of rows, counted by column and kind; the counts of some rows add up."""

    entries: dict[str, _Kind] = field(default_factory=dict)

    def __add__(self, other: "Kinds") -> "Kinds":
        entries = dict(self.entries)
        for kind, entry in other.entries.items():
            first = entries.get(kind, _Kind(entry.example))
            rows = [*first.rows, *entry.rows][:LISTED]
            entries[kind] = _Kind(first.example, first.count + entry.count, rows)
        return Kinds(entries)

    def add(self, problems: Mapping[str, Problems], rows: pd.Index | Sequence[int | str]) -> None:
        """Count the problems of some rows, by column; `rows` names the row at each place."""
        for name, column_problems in problems.items():
            named = shown(name, NAME)
            for place, problem in column_problems.items():
                kind = f"{named}: {problem.rpartition(' is ')[2]}"
                if (entry := self.entries.get(kind)) is None:
                    entry = self.entries[kind] = _Kind(f"{named}: {problem}")
                entry.count += 1
                if len(entry.rows) < LISTED:
                    entry.rows.append(rows[place])

    def counts(self) -> dict[str, int]:
        """Return how many cells have each kind of problem, the commonest first."""
        return {kind: entry.count for kind, entry in self._by_count()}

    def listed(self) -> list[str]:
        """List the kinds, a line for each with its first example, commonest first."""
        by_count, lines = self._by_count(), []
        for _, entry in by_count[:SHOWN]:
            rest = ", and the like" if entry.count > 1 else ""
            lines.append(f"{row_list(entry.rows, entry.count)}: {entry.example}{rest}")
        if (hidden := len(by_count) - SHOWN) > 0:
            lines.append(f"and {counted(hidden, 'more reason')}")
        return lines

    def _by_count(self) -> list[tuple[str, _Kind]]:
        return sorted(self.entries.items(), key=lambda item: (-item[1].count, item[1].example))


# Validation ---------------------------------------------------------------------------------------

# What conf may say about a feature, see `ColumnsOptions`.
DESCRIBED = ("bounds", "missing", "categorical", "dates", "known_in_time", "units")
# pandas' name for a column without a name, even if it was saved several times.
UNNAMED = re.compile(r"Unnamed: \d+(\.\d+)*")


@dataclass(frozen=True, eq=False)
class Rows:
    """What became of the rows of a table.

    Attributes:
        valid: The rows with a label. The index is `row`. Key and group are text, the time is
            datetime64[us] or float64, if there are any. Numeric features are float64, categorical
            features are text, dates are datetime64[us]; a missing cell is NaN or NaT. The label is
            a class's number or a number. The weight, if any, is float64.
        history: For histories the valid rows that are only history, like `valid`; else no rows.
        quarantined: `row`, `reason`, and the cells as they were.
        source: Where the rows come from, how many there are of each, and why some are in
            quarantine: a line for each column and kind of problem.
    """

    valid: pd.DataFrame
    history: pd.DataFrame
    quarantined: pd.DataFrame
    source: Source

    @property
    def all_valid(self) -> pd.DataFrame:
        """Return the valid rows with those that are only history."""
        return pd.concat([self.valid, self.history]) if len(self.history) else self.valid

    def without_superseded(self, key: str) -> "Rows":
        """Keep only the last valid row of each key.

        A row without a label does not supersede a row, so that no label is lost.
        """
        superseded = self.valid.duplicated(key, keep="last").to_numpy()
        valid, history = self.valid[~superseded], self.history
        count, unlabelled = int(superseded.sum()), self.source.unlabelled_rows
        if len(history):
            superseded = (
                history.duplicated(key, keep="last") | history[key].isin(valid[key])
            ).to_numpy()
            history, superseded_count = history[~superseded], int(superseded.sum())
            unlabelled, count = unlabelled - superseded_count, count + superseded_count
        source = self.source.model_copy(
            update={"superseded_rows": count, "unlabelled_rows": unlabelled}
        )
        return replace(self, valid=valid, history=history, source=source)


def read_rows(
    parts: Iterable[pd.DataFrame],
    columns: ColumnsOptions,
    file: str,
    number_format: NumberFormat = POINT,
) -> Rows:
    """Read each column by its role, and set aside the rows where a cell has a problem.

    A row without a label is only counted, except for histories: there its other cells are read.

    Args:
        parts: The rows in several frames of text cells, with the index `row`.
        columns: The role of each column.
        file: The rows' file, for messages.
        number_format: The format of numbers.

    Raises:
        DataError: A column that conf names is not in the file; no feature is left; a column has no
            name and conf does not name it; or no row has a label.
    """
    times = TimeReader(number_format, *map(columns.dates.get, columns.times))
    rows, label, labelled, unlabelled = _ReadParts(), columns.label, 0, 0
    for part in parts:
        features = _feature_names(part, columns, file)
        is_unlabelled = are_unlabelled(part[label], columns)
        unlabelled += int(is_unlabelled.sum())
        labelled += int((~is_unlabelled).sum())
        is_left_out = columns.history is None and is_unlabelled.any()  # else without a copy
        read_part = part[~is_unlabelled] if is_left_out else part
        rows.add(read_part, dict(_read_columns(read_part, columns, features, times)))
    if not labelled:
        raise NotEnoughRowsError(
            f"{file}: column '{label}' has no label in any of the {unlabelled} rows: each "
            "cell is empty or means 'missing'. Write the labels into the column, or name another "
            "column under columns.label."
        )
    if times.offsets.all():
        message = "%s: %d times without an offset are read as UTC, among %d with one"
        logging.getLogger(__name__).warning(message, file, *times.offsets)
    valid, history = rows.valid(), pd.DataFrame()
    if columns.history is not None:
        is_unlabelled = valid[label].isna().to_numpy()
        valid, history = valid[~is_unlabelled], valid[is_unlabelled]
        unlabelled = int(is_unlabelled.sum())
        if columns.task.classes:
            valid = valid.astype({label: np.int64})
    quarantined = pd.concat(_nonempty(rows.bad_rows), ignore_index=True)
    source = Source(
        file=file,
        sha256="",
        rows=len(valid) + len(quarantined) + unlabelled,
        quarantined_rows=len(quarantined),
        unlabelled_rows=unlabelled,
        histories=columns.history and columns.history.words,
        reasons=tuple(rows.kinds.listed()),
    )
    return Rows(valid, history, quarantined, source)


def _read_columns(
    part: pd.DataFrame, columns: ColumnsOptions, features: list[str], times: TimeReader
) -> Iterator[tuple[str, tuple[Any, Problems]]]:
    """Read the columns of a part by their roles: the values, and what is wrong with cells."""
    number_format, history = times.number_format, columns.history
    if columns.key is not None:
        yield columns.key, read_key(part[columns.key], number_format)
    if columns.of is not None:
        word = "customer" if history else "group"
        yield columns.of, read_key(part[columns.of], number_format, word)
    for name in columns.times:
        yield name, times.read(part[name])
    if history is not None and history.then is not None:
        yield history.then, TimeReader(number_format, numbers=True).read(part[history.then])
    for name in features:
        yield name, column_of(name, columns).read(part[name], number_format)
    read_labels = read_label_cells if history is None else labels_or_nan
    yield columns.label, read_labels(part[columns.label], columns, number_format)
    if history is not None and history.mark is not None and history.chosen_by in part:
        yield history.mark, (may_be_predicted(part, history, number_format), {})
    if columns.weight is not None:
        yield columns.weight, read_weights(part[columns.weight], number_format)


def may_be_predicted(
    cells: pd.DataFrame, history: History, number_format: NumberFormat
) -> np.ndarray:
    """Return which rows a scoring may predict by `columns.history.predict`, bool (rows,)."""
    if history.chosen_by is None:
        return np.ones(len(cells), bool)
    values = read_category(cells[history.chosen_by], (), number_format)
    spelt = values.str.lower() if isinstance(history.predict, str) else values
    return spelt.isin(category_codes(history.values, number_format)).to_numpy(bool)


def _feature_names(raw_rows: pd.DataFrame, columns: ColumnsOptions, file: str) -> list[str]:
    """Name the feature columns, in their order."""
    roles = [name for role in ROLES if (name := getattr(columns, role)) is not None]
    history = columns.history
    # A training does not need a column that marks rows to predict.
    history_columns = history and [
        *(history.of, history.order, history.then),
        *(history.predict if isinstance(history.predict, dict) else ()),
    ]
    left_out = columns.not_features.union(columns.ignore)
    features = columns.features or [name for name in raw_rows.columns if name not in left_out]
    declared = [(name, "columns.history") for name in history_columns or () if name]
    declared += [(name, "columns") for name in (*roles, *features)]
    declared += [(name, "columns.ignore") for name in columns.ignore]
    declared += [(n, f"columns.{block}") for block in DESCRIBED for n in getattr(columns, block)]
    for name, conf_block in declared:
        if name not in raw_rows.columns:
            needed_by = f"Conf names the column under {conf_block}"
            raise no_column(file, name, list(raw_rows.columns), needed_by)
    if not features:
        raise DataError(f"{file}: no feature is left besides {' and '.join(map(repr, roles))}.")
    unnamed = [name for name in features if UNNAMED.fullmatch(name)]
    if unnamed and columns.features is None:
        raise DataError(
            f"{file}: column '{unnamed[0]}' has no name of its own. It is most likely the index "
            "that pandas wrote, which may reveal the label. Write the file with "
            f"to_csv(index=False), or leave the column out with columns.ignore: ['{unnamed[0]}']."
        )
    return features


Part = TypeVar("Part", pd.Series, pd.DataFrame)


class _ReadParts:
    """Takes parts of rows one after the other, and returns all their rows.

    Attributes:
        kinds: What is wrong with rows.
        bad_rows: The rows set aside, by part: `row`, `reason`, and the cells as they were.
    """

    def __init__(self) -> None:
        self.kinds = Kinds()
        self.bad_rows: list[pd.DataFrame] = []
        self._names: list[pd.Index] = []
        self._values: dict[str, list[pd.Series]] = {}

    def add(self, part: pd.DataFrame, read: Mapping[str, tuple[Any, Problems]]) -> None:
        """Take a part, and by column the values and what is wrong with cells."""
        problems = {name: faults for name, (_, faults) in read.items()}
        bad_rows, is_valid = set_aside(part, problems)
        self.kinds.add(problems, part.index)
        self.bad_rows.append(bad_rows)
        which: Any = slice(None) if is_valid.all() else is_valid
        self._names.append(part.index[which])
        for name, (values, _) in read.items():
            self._values.setdefault(name, []).append(pd.Series(values)[which])

    def valid(self) -> pd.DataFrame:
        """Return the valid rows, once: each column's values are freed as they are joined."""
        names = self._names[0].append(self._names[1:])
        columns = {
            name: pd.concat(_nonempty(self._values.pop(name)), ignore_index=True).array
            for name in [*self._values]
        }
        # Many rows stay column by column, without a copy; a wide table is one block.
        return pd.DataFrame(columns, index=names, copy=len(self.bad_rows) == 1)


def _nonempty(parts: list[Part]) -> list[Part]:
    """Leave out empty parts: their times have the dtype of dates, even if others are numbers."""
    return [part for part in parts if len(part)] or parts[:1]
