"""Warnings of what can be read and may still be wrong, such as possible leaks of the label.

A possible leak is a feature that alone tells the classes apart. Such a feature is often known only
after the label: a date of discharge, a row number of rows that were sorted by the label.
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from tabular_lstm.errors import LISTED, shown
from tabular_lstm.parameters import TWO_CLASSES, Columns
from tabular_lstm.progress import progress
from tabular_lstm.rows.cells import as_texts, spelling
from tabular_lstm.rows.dependent_rows import DependentRows
from tabular_lstm.rows.number_format import point_or_groups, points_of_thousands
from tabular_lstm.rows.raw_rows import RawRows
from tabular_lstm.rows.sequences import amounts
from tabular_lstm.rows.train_test_split import row_hashes

LEAK = 0.99
# Rows of each class, below which chance too often ranks all rows rightly.
ENOUGH_ROWS = 10
logger = logging.getLogger(__name__)


def possible_leaks(rows: pd.DataFrame, columns: Columns) -> dict[str, float]:
    """Measure how well each feature alone ranks the labels, and take those that do it too well.

    A number ranks the rows in its order or in the opposite one, missing values first or last, or by
    the labels of the rows next to it in that order, whichever ranks best. Equal values, of
    categories and of numbers, also rank them by the share of positives among the *other* rows of
    that value: what no two rows share tells nothing. Of a group the first row counts alone, because
    the others share its label.

    Where nearly each row but for its copies has a value of its own, copies share it: of equal rows
    one counts.

    Returns:
        ROC AUC of the features that reach 0.99, the highest first; none where there are fewer than
        ten rows of a class, which chance orders rightly too often.
    """
    if columns.task.kind != TWO_CLASSES:
        return {}
    if columns.group is not None:
        rows = rows.drop_duplicates(columns.group)
    features = [str(name) for name in rows if name not in columns.not_features]
    leaks = _leaks(rows, features, columns)
    if leaks:
        equal = pd.DataFrame({"row": row_hashes(rows, columns, ""), "label": rows[columns.label]})
        once = rows[~equal.duplicated().to_numpy()]
        own = [name for name in leaks if once[name].nunique() > len(once) / 2]
        others = {name: auc for name, auc in leaks.items() if name not in own}
        leaks = others | _leaks(once, own, columns)
    return dict(sorted(leaks.items(), key=lambda item: -item[1]))


def _leaks(rows: pd.DataFrame, features: Sequence[str], columns: Columns) -> dict[str, float]:
    labels = rows[columns.label].to_numpy() == 1
    if min(labels.sum(), (~labels).sum()) < ENOUGH_ROWS:
        return {}
    areas = {
        name: _auc_of_category(rows[name], labels)
        if name in columns.categorical
        else _auc_of_number(amounts(rows[name], columns), labels)
        for name in progress(features, "Looking for leaks, features")
    }
    return {name: auc for name, auc in areas.items() if auc >= LEAK}


def listed(leaks: Mapping[str, float]) -> str:
    """Name possible leaks in a sentence, each with its area: the first ten, and how many more."""
    names = [f"{shown(name)} ({auc:.3f})" for name, auc in leaks.items()]
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{', '.join(names[:LISTED])}{more}"


def said_of(found: DependentRows) -> str:
    """Say which rows belong together, what that does to the figures, and the two ways out."""
    return f"{facts_of(found)}: the figures of this run may be far too good. {ways_out(found)}"


def facts_of(found: DependentRows) -> str:
    """Say which rows belong together, and what a quick model gains from that."""
    return (
        f"rows with the same {found.named} ({found.groups:,} values, {found.rows:,} rows) mostly "
        f"have the same label. {numbers_of(found)}"
    )


def numbers_of(found: DependentRows) -> str:
    """Say what a quick model gains from rows that belong together and are on both sides."""
    low, high = found.fall
    return (
        f"A quick model's ROC AUC is {found.spread:.2f} with such rows on both sides and "
        f"{found.together:.2f} with them together (a fall of {low:.2f} to {high:.2f})"
    )


def ways_out(found: DependentRows, ignored: Collection[str] = ()) -> str:
    """Say what to write where rows belong together, and what where they are independent.

    Columns that conf ignores are no features, of which alone conf says that.
    """
    names = [shown(name) for name in found.columns]
    but_for = ", ".join(map(shown, found.but_for))
    alike = f"name {but_for} under columns.ignore and nowhere else, or" if but_for else "or"
    ways = {
        "column": f"Name the column: columns.group: {names[0]}",
        "columns": "Write a column that names what they share, and name it under columns.group",
        "near-duplicates": f"Keep one row of each, {alike} write a column that names the row "
        "which the others repeat, and name it under columns.group",
    }
    features = [shown(name) for name in found.columns if name not in ignored]
    independent = f"split.independent: [{', '.join(features)}]" if features else "leave it so"
    return f"{ways[found.kind]}. Or, if the rows are independent: {independent}"


def _auc_of_number(values: np.ndarray, labels: np.ndarray) -> float:
    by_neighbours = _auc_of_neighbours(values, labels)
    # NaN is one value, the last.
    distinct, places = np.unique(values, return_inverse=True)
    positives, negatives = _counts(places, labels)
    del places  # of many rows what is not needed is freed at once
    last = _roc_auc(positives, negatives)
    first = last
    if np.isnan(distinct[-1]):
        first = _roc_auc(np.roll(positives, 1), np.roll(negatives, 1))
    by_others = _auc_of_others(positives, negatives) if len(distinct) < len(values) else 0.5
    return max(first, 1 - first, last, 1 - last, by_others, by_neighbours)


def _auc_of_neighbours(values: np.ndarray, labels: np.ndarray) -> float:
    """Rank each row by the labels of the two rows below and the two above it in the values' order.

    So a number is found that tells the classes apart by stretches, such as the row number in a file
    of sorted files. Equal values are in an order drawn once, which tells nothing.
    """
    drawn = np.random.default_rng(0).permutation(len(values))
    ordered = labels[drawn[np.argsort(values[drawn], kind="stable")]].astype(float)
    del drawn
    padded = np.pad(ordered, 2, constant_values=ordered.mean())
    around = padded[:-4] + padded[1:-3]
    around += padded[3:-1]
    around += padded[4:]
    del padded
    _, places = np.unique(np.round(around, 9, out=around), return_inverse=True)
    return _roc_auc(*_counts(places, ordered))


def _auc_of_category(column: pd.Series, labels: np.ndarray) -> float:
    places, _ = pd.factorize(column)
    return _auc_of_others(*_counts(places + 1, labels))


def _counts(places: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count the positive and the negative rows of each value."""
    rows, positives = np.bincount(places), np.bincount(places, labels)
    return positives, rows - positives


def _auc_of_others(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Rank each row by the share of positives among the other rows of its value."""
    share = positives.sum() / (positives.sum() + negatives.sum())
    shared = positives + negatives > 1
    alone = [positives[~shared].sum()], [negatives[~shared].sum()]
    positives, negatives = positives[shared], negatives[shared]
    # As if one more row were as likely positive as all are: few others tell less than many.
    others = positives + negatives
    scores = np.r_[(positives - 1 + share) / others, (positives + share) / others, share]
    none = np.zeros(len(positives))
    score, places = np.unique(scores, return_inverse=True)
    of_score = (
        np.bincount(places, np.r_[counts], len(score))
        for counts in ((positives, none, alone[0]), (none, negatives, alone[1]))
    )
    return _roc_auc(*of_score)


def _roc_auc(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Give the ROC AUC of values in rising order, from the rows of each class at each value."""
    below = np.cumsum(negatives) - negatives
    right = float(positives @ (below + negatives / 2))
    return right / float(positives.sum() * negatives.sum())


def warn_of_spellings(rows: pd.DataFrame, columns: Columns, file: str) -> None:
    """Name keys and groups that differ by case, blanks, Unicode form or zeros in front alone."""
    for name in (columns.key, columns.group):
        if name is not None and (alike := _spelt_alike(rows[name])):
            logger.warning(
                "%s: column '%s': texts that differ by case, blanks, Unicode form or zeros in "
                "front alone count as different: '%s' and '%s', of %d. If they are the same, write "
                "them alike",
                file,
                name,
                *map(shown, alike[:2]),
                len(alike),
            )


def warn_of_repeated_keys(rows: pd.DataFrame, columns: Columns, file: str) -> None:
    """Say that rows of one key count as independent; those of a group or time are another's."""
    if columns.key is None or columns.together is not None:
        return
    if (values := rows[columns.key].nunique()) < len(rows):
        logger.warning(
            "%s: column '%s', the key, has %d rows of %d values: rows of one key are on one side, "
            "but count as independent rows in intervals and folds. If they belong together, name "
            "the column under columns.group instead",
            file,
            shown(columns.key),
            len(rows),
            values,
        )


def warned_of_points(raw_rows: RawRows, columns: Columns) -> Iterator[pd.DataFrame]:
    """Give the parts of the rows; warn where points of the first may stand between thousands.

    No more is asked once `load_args` say how numbers are written.
    """
    others = {*columns.categorical, *columns.dates, *columns.ignore, *columns.not_features}
    for place, part in enumerate(raw_rows.parts()):
        if not place and raw_rows.declared_format is None:
            names = [name for name in columns.features or part if name in {*part} - others]
            texts = [(name, as_texts(part[name])) for name in names]
            if found := points_of_thousands(texts, raw_rows.delimiter):
                where, text = ", ".join(map(shown, [*found][:LISTED])), next(iter(found.values()))
                logger.warning("%s: numbers of %s: %s", raw_rows.file, where, point_or_groups(text))
        yield part


def _spelt_alike(column: pd.Series) -> list[str]:
    """Give the distinct texts that are one but for their spelling, those of a spelling together."""
    texts = pd.Series(column.unique(), dtype="str")
    places = spelling(as_texts(texts)).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    several = np.flatnonzero(np.bincount(places)[places] > 1)
    return [str(text) for text in texts.iloc[several[np.argsort(places[several], kind="stable")]]]


def repeated_test_rows(train: pd.DataFrame, test: pd.DataFrame, columns: Columns) -> int:
    """Count the test rows that have the features of a train row, as the network sees them.

    There are none where the features decide on the side.
    """
    if columns.key is None and columns.together is None:
        return 0
    seen_in_training, seen = (row_hashes(rows, columns, "") for rows in (train, test))
    return int(np.isin(seen, seen_in_training).sum())
