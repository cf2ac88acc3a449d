"""Raw rows become valid rows, or go to quarantine with the reasons in words."""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import pandas as pd

from tabular_lstm.errors import LISTED, DataError, counted, no_column, row_list, shown
from tabular_lstm.parameters.columns import ROLES, ColumnsOptions
from tabular_lstm.rows.cells import ANY, Problems, read_category, read_numbers
from tabular_lstm.rows.dates import TimeReader, read_dates
from tabular_lstm.rows.fingerprints import read_key
from tabular_lstm.rows.labelled_set import read_weights
from tabular_lstm.rows.labels import are_unlabelled, label_of, labels_if_any
from tabular_lstm.rows.number_format import POINT, NumberFormat

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


class Kinds:
    """The problems of rows, counted by column and kind."""

    def __init__(self) -> None:
        self._entries: dict[str, _Kind] = {}

    def add(
        self, problems: Mapping[str, Problems], rows: pd.Index | Mapping[int, int | str]
    ) -> None:
        """Count the problems of some rows, by column; `rows` names the row at each place."""
        for name, column_problems in problems.items():
            named = shown(name, NAME)
            for place, problem in column_problems.items():
                kind = f"{named}: {problem.rpartition(' is ')[2]}"
                if (entry := self._entries.get(kind)) is None:
                    entry = self._entries[kind] = _Kind(f"{named}: {problem}")
                entry.count += 1
                if len(entry.rows) < LISTED:
                    entry.rows.append(rows[place])

    def counts(self) -> dict[str, int]:
        """Give how many cells have each kind of problem, the commonest first."""
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
        entries = self._entries.items()
        return sorted(entries, key=lambda item: (-item[1].count, item[1].example))


class Keeper(Protocol):
    """Writes the rows that a stream sets aside."""

    def keep(self, rows: pd.DataFrame) -> None:
        """Take the bad rows of a batch: `file` if there are several, `row`, `reason`, cells."""

    def close(self, whole: bool) -> None:
        """Finish; `whole` tells whether the stream was read to its end."""


class Quarantine:
    """The bad rows of a stream: each keeper that subscribes gets them as they come."""

    def __init__(self) -> None:
        self.kinds, self.rows = Kinds(), 0
        self._keepers: list[Keeper] = []

    def subscribe(self, keeper: Keeper) -> None:
        """Give this keeper all rows that come from now on."""
        self._keepers.append(keeper)

    def add(self, bad_rows: pd.DataFrame) -> None:
        """Pass on the rows of a batch that were set aside; there may be none."""
        self.rows += len(bad_rows)
        for keeper in self._keepers:
            keeper.keep(bad_rows)

    def close(self, whole: bool) -> None:
        """Say that the stream has ended."""
        for keeper in self._keepers:
            keeper.close(whole)


# Validation ---------------------------------------------------------------------------------------

YES = ("1", "yes", "true")  # a mark under `columns.history.predict`
# What conf may say about a feature, see `ColumnsOptions`.
DESCRIBED = ("bounds", "missing", "categorical", "dates", "known_in_time", "units")
# pandas' name for a column without a name, even if it was saved several times.
UNNAMED = re.compile(r"Unnamed: \d+(\.\d+)*")


class ReadRows(NamedTuple):
    """What became of the rows; all rows = valid + quarantined + unlabelled.

    Attributes:
        valid: The index is `row`. Key and group are text, the time is datetime64[us] or float64, if
            there are any. Numeric features are float64, categorical features are text, dates are
            datetime64[us]; a missing cell is NaN or NaT. The label is a class's number or a number.
            The weight, if any, is float64.
        quarantined: `row`, `reason`, and the cells as they were.
        unlabelled: How many rows have no label. Their other cells are not read. For histories they
            are read, and rows in quarantine do not count here.
        reasons: Why rows are in quarantine: a line for each column and kind of problem.
        history: For histories the valid rows without a label, like `valid`; else no rows.
    """

    valid: pd.DataFrame
    quarantined: pd.DataFrame
    unlabelled: int
    reasons: list[str]
    history: pd.DataFrame


def read_rows(
    parts: Iterable[pd.DataFrame],
    columns: ColumnsOptions,
    file: str,
    number_format: NumberFormat = POINT,
) -> ReadRows:
    """Read each column by its role, and set aside the rows where a cell has a problem.

    A row without a label is only counted, except for histories.

    Args:
        parts: The rows in several frames of text cells, with the index `row`.
        columns: The role of each column.
        file: The rows' file, for messages.
        number_format: The format of numbers.

    Raises:
        DataError: A column that conf names is not in the file or is not a feature; no feature is
            left; a column has no name and conf does not name it; or no row has a label.
    """
    forms = [columns.dates.get(name) for name in columns.times]
    times = TimeReader(number_format, *forms)
    rows, label, labelled, unlabelled = _Rows(), columns.label, 0, 0
    for part in parts:
        features = _feature_names(part, columns, file)
        is_unlabelled = are_unlabelled(part[label], columns)
        unlabelled += int(is_unlabelled.sum())
        labelled += int((~is_unlabelled).sum())
        is_left_out = columns.history is None and is_unlabelled.any()  # else without a copy
        read_part = part[~is_unlabelled] if is_left_out else part
        rows.add(read_part, _read(read_part, columns, features, times))
    if not labelled:
        raise DataError(
            f"{file}: column '{columns.label}' has no label in any of the {unlabelled} rows: each "
            f"cell is empty or means 'missing'; expected {label_of(columns).expected} in some. "
            "Write the labels into the column, or name another column under columns.label."
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
    return ReadRows(valid, rows.quarantined(), unlabelled, rows.kinds.listed(), history)


def _read(
    part: pd.DataFrame, columns: ColumnsOptions, features: list[str], times: TimeReader
) -> dict[str, tuple[pd.Series, Problems]]:
    """Read the columns of a part: the values, and what is wrong with cells."""
    number_format = times.number_format
    read: dict[str, tuple[object, Problems]] = {}
    group_word = "customer" if columns.history else "group"
    for word, name in (("key", columns.key), (group_word, columns.of)):
        if name is not None:
            read[name] = read_key(part[name], number_format, word)
    for name in columns.times:
        read[name] = times.read(part[name])
    for name in features:
        codes = columns.missing.get(name, [])
        if name in columns.categorical:
            read[name] = read_category(part[name], codes, number_format), {}
        elif name in columns.dates:
            read[name] = read_dates(part[name], codes, columns.dates[name])
        else:
            bounds = columns.bounds.get(name, ANY)
            form = number_format.with_unit(columns.units.get(name))
            read[name] = read_numbers(part[name], codes, bounds, form)
    if columns.history:
        read[columns.label] = labels_if_any(part[columns.label], columns, number_format)
    else:
        read[columns.label] = label_of(columns).read(part[columns.label], number_format)
    predict = columns.history.predict if columns.history else None
    if predict is not None and predict in part:
        read[predict] = read_category(part[predict], (), number_format).str.lower().isin(YES), {}
    if columns.weight is not None:
        read[columns.weight] = read_weights(part[columns.weight], number_format)
    return {name: (pd.Series(values), problems) for name, (values, problems) in read.items()}


def _feature_names(raw_rows: pd.DataFrame, columns: ColumnsOptions, file: str) -> list[str]:
    """Name the feature columns, in their order."""
    roles = [name for role in ROLES if (name := getattr(columns, role)) is not None]
    # A training does not need the column that marks rows to predict.
    history_columns = [columns.history.of, columns.history.order] if columns.history else []
    left_out = columns.not_features.union(columns.ignore)
    features = columns.features or [name for name in raw_rows.columns if name not in left_out]
    declared = [(name, "columns.history") for name in history_columns]
    declared += [(name, "columns") for name in (*roles, *features)]
    declared += [(name, "columns.ignore") for name in columns.ignore]
    declared += [(n, f"columns.{block}") for block in DESCRIBED for n in getattr(columns, block)]
    for name, conf_block in declared:
        if name not in raw_rows.columns:
            needed_by = f"Conf names the column under {conf_block}"
            raise no_column(file, name, list(raw_rows.columns), needed_by)
    if not features:
        raise DataError(f"{file}: no feature is left beside {' and '.join(map(repr, roles))}.")
    unnamed = [name for name in features if UNNAMED.fullmatch(name)]
    if unnamed and columns.features is None:
        raise DataError(
            f"{file}: column '{unnamed[0]}' has no name of its own. Most likely it is the index "
            "that pandas wrote, which may tell the label. Write the file with to_csv(index=False), "
            f"or leave the column out with columns.ignore: ['{unnamed[0]}']."
        )
    for block in DESCRIBED:
        label = {columns.label}
        allowed_names = {"dates": columns.times, "bounds": label, "units": label}
        described = {*getattr(columns, block)} - allowed_names.get(block, set())
        if unknown := sorted(described - set(features)):
            raise DataError(
                f"{file}: columns.{block} names {', '.join(unknown)}, which is no feature. The "
                f"features are: {', '.join(features)}."
            )
    return features


Part = TypeVar("Part", pd.Series, pd.DataFrame)


class _Rows:
    """Takes batches of rows one after the other, and gives all their rows.

    Attributes:
        kinds: What is wrong with rows.
    """

    def __init__(self) -> None:
        self.kinds = Kinds()
        self._names: list[pd.Index] = []
        self._values: dict[str, list[pd.Series]] = {}
        self._bad_rows: list[pd.DataFrame] = []

    def add(self, part: pd.DataFrame, read: Mapping[str, tuple[pd.Series, Problems]]) -> None:
        """Take a batch of text cells, and by column the values and what is wrong with cells."""
        problems = {name: faults for name, (_, faults) in read.items()}
        bad_rows, is_valid = set_aside(part, problems)
        self.kinds.add(problems, part.index)
        all_valid = is_valid.all()
        for name, (values, _) in read.items():
            valid_values = values if all_valid else values[is_valid]
            self._values.setdefault(name, []).append(valid_values)
        self._names.append(part.index if all_valid else part.index[is_valid])
        self._bad_rows.append(bad_rows)

    def valid(self) -> pd.DataFrame:
        """Give the valid rows, once: each column's values are freed as they are joined."""
        names = self._names[0].append(self._names[1:])
        columns = {
            name: pd.concat(_nonempty(self._values.pop(name)), ignore_index=True).array
            for name in [*self._values]
        }
        # Many rows stay column by column, without a copy; a wide table is one block.
        return pd.DataFrame(columns, index=names, copy=len(self._bad_rows) == 1)

    def quarantined(self) -> pd.DataFrame:
        """Give the rows set aside: `row`, `reason`, and the cells as they were."""
        return pd.concat(_nonempty(self._bad_rows), ignore_index=True)


def _nonempty(parts: list[Part]) -> list[Part]:
    """Leave out empty parts: their times have the dtype of dates, even if others are numbers."""
    return [part for part in parts if len(part)] or parts[:1]
