"""Warnings about data that can be read and may still be wrong, such as possible label leaks.

A leak is a feature that is known only after the label, such as a date of discharge or, in a sorted
file, a row number. What looks like one is refused; an honest strong feature is only asked about.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from math import inf

import numpy as np
import pandas as pd
import yaml

from tabular_lstm.errors import LISTED, first_ten, shown
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.progress import progress
from tabular_lstm.rows.cells import arrow_texts, spelt_alike
from tabular_lstm.rows.column_kinds import column_of
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.dependent_rows import DependentRows, quick_scores, rows_of_quick_model
from tabular_lstm.rows.label_measures import (
    ENOUGH_ROWS,
    ENOUGH_TO_REFUSE,
    SETTLED,
    Measure,
    measure_of,
)
from tabular_lstm.rows.train_test_split import row_hashes
from tabular_lstm.task import Task

logger = logging.getLogger(__name__)

REPEATED_KEYS = (
    "%s: column '%s', the key, has only %d different values in %d rows, and every row counts. "
    "If rows with the same key are corrections of one row, keep only the last. If they belong "
    "together and no other column says so, name the key under columns.group"
)


POSSIBLE_LEAK, STRONG_FEATURE = "possible leak", "strong feature, perhaps a leak"


def possible_leaks(
    rows: pd.DataFrame, columns: ColumnsOptions
) -> tuple[dict[str, float], dict[str, float]]:
    """Find the features that alone rank the labels too well, or tell more than all others do.

    A number ranks the rows in several ways, and the best way counts: by its values, rising or
    falling, with missing values first or last; and by the labels of neighbouring rows in the order
    of its values. Numbers and categories also rank a row by the labels of the *other* rows with its
    value, so a value that only one row has tells nothing. Only the first row of a group counts,
    because the others share its label. For histories, one random row of each customer and label
    counts, because a customer's first row has no row before it.

    A feature is found if its measure alone is 0.99 (for a number 0.998, by the values, on 95 % of
    the rows). A feature that tells only a share of the rows is found if a forest of all others
    together tells much less, see `label_measures`; if more than half of the features are such, the
    task is easy. What tells only one of several classes, or part of the rows of a number, is not
    found.

    What is found looks like a leak, and is refused, if its measure alone is as high, or if one
    value settles half of a class: these rows have it, or lack it, and hardly any others do. Such
    are a status that only those have who left, or being filled. The commonest class does not count:
    that nobody with a long contract leaves does not tell who leaves.

    All else is asked about: above all numbers that tell the label smoothly, such as age; a number
    that is the label of the row before, such as yesterday's price, see `_earlier_labels`; and what
    tells a class of fewer than 30 rows.

    If a feature has a different value in nearly each distinct row, equal rows count once. Features
    under `columns.known_in_time` are not looked at. Two columns are never compared with each other:
    a label that says whether one date is before another is not found.

    Returns:
        The refused features and those that are asked about, with their measure, highest first: for
        two classes the ROC AUC, for more its mean over each class against the others; for a number
        R² of the ranks. Classes of fewer than ten rows do not count: chance ranks them well too
        often.
    """
    all_rows = rows
    if columns.history is not None:
        order = np.random.default_rng(0).permutation(len(rows))
        repeated = rows[[columns.history.of, columns.label]].iloc[order].duplicated()
        rows = rows.iloc[np.sort(order[~repeated.to_numpy()])]
    elif columns.group is not None:
        rows = rows[~rows.duplicated(columns.group).to_numpy()]
    features = [str(name) for name in rows if name not in columns.not_features]
    unsure = [name for name in features if name not in columns.known_in_time]
    suspects = _leak_suspects(rows, unsure, columns)
    if suspects:
        hashed = pd.DataFrame({"row": row_hashes(rows, columns, ""), "label": rows[columns.label]})
        distinct_rows = rows[~hashed.duplicated().to_numpy()]
        nearly_unique = [
            name for name in suspects if distinct_rows[name].nunique() > len(distinct_rows) / 2
        ]
        suspects = {
            **{name: told for name, told in suspects.items() if name not in nearly_unique},
            **_leak_suspects(distinct_rows, nearly_unique, columns),
        }
    measure = measure_of(rows[columns.label].to_numpy(), columns.task)
    stand_out = _tell_more_than_others(rows, features, columns, measure, suspects)
    is_enough = measure.enough(ENOUGH_TO_REFUSE).any()
    look_so = [
        name
        for name, (alone, _, settled) in suspects.items()
        if is_enough and (alone >= measure.leak or settled >= SETTLED)
    ]
    refused = {*look_so} - _earlier_labels(all_rows, look_so, columns)
    leaks: tuple[dict[str, float], dict[str, float]] = ({}, {})
    for name, (alone, told, _) in sorted(suspects.items(), key=lambda s: -max(s[1][:2])):
        if stand_out or alone >= measure.leak:
            leaks[name not in refused][name] = float(max(alone, told))
    return leaks


def _leak_suspects(
    rows: pd.DataFrame, features: Sequence[str], columns: ColumnsOptions
) -> dict[str, np.ndarray]:
    """Find the features that alone tell much, and what, see `label_measures`."""
    measure = measure_of(rows[columns.label].to_numpy(), columns.task)
    if not measure.enough(ENOUGH_ROWS).any():
        return {}
    measured = {}
    for name in progress(features, "Looking for leaks, features"):
        amounts = column_of(name, columns).amounts(rows[name])
        measured[name] = (
            measure.of_category(pd.factorize(rows[name])[0] + 1)
            if amounts is None
            else measure.of_number(amounts)
        )
    return {
        name: told
        for name, told in measured.items()
        if told[0] >= measure.leak or told[1] >= measure.suspect[0]
    }


def _earlier_labels(rows: pd.DataFrame, names: Sequence[str], columns: ColumnsOptions) -> set[str]:
    """Find the numbers that are the label of the row before, such as yesterday's price.

    The row before is the one before in time or, without a time, in the file; for a customer or
    group, the one before of its own. More than half of the rows whose label is higher than the one
    before must have the label before, and so must more than half of those whose label is lower, if
    there are any, and of those with the same label. This tells yesterday's price from a label that
    is rounded or a few units off.
    """
    if columns.task.classes or not names:
        return set()
    rows = rows.sort_values([*columns.times], kind="stable") if columns.times else rows
    labels = rows[columns.label]
    owners = np.zeros(len(rows)) if columns.of is None else rows[columns.of].to_numpy()
    labels_before = labels.groupby(owners).shift()
    are_before = rows[[*names]].eq(labels_before, axis=0)
    changes = np.sign(labels.to_numpy() - labels_before.to_numpy())  # 1 if higher than before
    shares = are_before.groupby(changes).mean()  # (changes, names)
    return {name for name in names if 1 in shares.index and shares[name].min() > 1 / 2}


def _tell_more_than_others(
    rows: pd.DataFrame,
    features: Sequence[str],
    columns: ColumnsOptions,
    measure: Measure,
    suspects: Mapping[str, np.ndarray],
) -> bool:
    """Return whether the best suspect tells much more than all features that are no suspects."""
    apart = {*suspects, *columns.known_in_time}
    other_features = [name for name in features if name not in apart]
    if not suspects or len(other_features) < len(suspects):
        return False
    places = np.random.default_rng(0).permutation(len(rows))[: rows_of_quick_model(measure)]
    measure = measure_of(measure.labels[places], measure.task)
    groups = np.arange(len(places))
    scores = quick_scores(rows.iloc[places], columns, measure, other_features, groups)
    most_told = max(told for _, told, _ in suspects.values())
    return bool(measure.told(scores) < measure.suspect[1] * most_told)


def doubts_of(data: DataSummary) -> list[str]:
    """Say why no metric of a run may be valid, and what to do: of rows first, then of leaks."""
    doubts = [said_of(data.dependent_rows)] if data.dependent_rows else []
    return doubts + said_of_leaks(POSSIBLE_LEAK, data.possible_leaks, data.task)


def said_of_leaks(kind: str, leaks: Mapping[str, float], task: Task) -> list[str]:
    """Say in a sentence, if there are any leaks of this kind, which they are and what to do."""
    names = yaml.safe_dump([*leaks][:LISTED], default_flow_style=True, width=inf).strip()
    return [
        f"{kind}, which alone tells the label, or tells much more about it than all other "
        f"features do ({task.told_by}): {leaks_in_words(leaks)}. The metrics of this run may be "
        f"far too good. If known only after the label: columns.ignore: {names}. If known before "
        f"the label: columns.known_in_time: {names}"
    ] * bool(leaks)


def leaks_in_words(leaks: Mapping[str, float]) -> str:
    """List possible leaks, each with its measure: the first ten, and how many more there are."""
    return first_ten([f"{shown(name)} ({auc:.3f})" for name, auc in leaks.items()])


def said_of(dependent_rows: DependentRows) -> str:
    """Say which rows belong together, what this means for the metrics, and what to do."""
    return (
        f"{facts_of(dependent_rows)}. The metrics of this run may be far too good. "
        f"{ways_out(dependent_rows)}"
    )


def facts_of(dependent_rows: DependentRows) -> str:
    """Say which rows belong together, and what a quick model gains from that.

    Such as: rows with the same 'incident' (150 values, 1,038 rows) mostly have the same label. A
    quick model's ROC AUC is 0.93 with such rows on both sides and 0.61 with them together (a fall
    of 0.27 to 0.36).

    A number's labels are only "nearly the same". The measure falls by so much when rows that belong
    together are kept on one side; the two numbers are the ends of its 95 % interval.
    """
    low, high = dependent_rows.fall
    return (
        f"rows with the same {dependent_rows.named} ({dependent_rows.groups:,} values, "
        f"{dependent_rows.rows:,} rows) mostly have {dependent_rows.same}. A quick model's "
        f"{dependent_rows.measure} is {dependent_rows.spread:.2f} with such rows on both sides and "
        f"{dependent_rows.together:.2f} with them together (a fall of {low:.2f} to {high:.2f})"
    )


def ways_out(dependent_rows: DependentRows, ignored: Collection[str] = ()) -> str:
    """Say what to write if the rows belong together, and what to write if they are independent.

    `split.independent` names only features, so a column that conf ignores is left out.
    """
    column = dependent_rows.columns[0]
    independent = "leave it" if column in ignored else f"split.independent: [{shown(column)}]"
    return (
        f"Name the column: columns.group: {shown(column)}. Or, if the rows are independent: "
        f"{independent}"
    )


def warn_of_spellings(rows: pd.DataFrame, columns: ColumnsOptions, file: str) -> None:
    """Warn of keys and groups that differ only by case, blanks, Unicode form or leading zeros."""
    for name in (columns.key, columns.of):
        names = pd.Series([] if name is None else rows[name].unique(), dtype="str")
        if similar_texts := [*chain.from_iterable(spelt_alike(arrow_texts(names)))]:
            logger.warning(
                "%s: column '%s': texts that differ only by case, blanks, Unicode form or leading "
                "zeros count as different: '%s' and '%s', of %d. If they mean the same, spell "
                "them the same way",
                file,
                name,
                *map(shown, similar_texts[:2]),
                len(similar_texts),
            )


def warn_of_late_labels(
    labelled: pd.DataFrame, history: pd.DataFrame, columns: ColumnsOptions
) -> None:
    """Warn if the newest rows of histories have no label, and conf does not say when labels come.

    A hundredth of the rows must be newer than any labelled row.
    """
    if columns.history is None or columns.history.known_after is not None or history.empty:
        return
    if isinstance(columns.history.predict, dict):  # other rows may never have a label
        history = history[history[columns.history.mark].to_numpy(bool)]
    order = columns.history.order
    newest = labelled[order].max()
    if (late_count := int((history[order] > newest).sum())) * 100 > len(labelled):
        logger.warning(
            "%d rows are newer than %s, and none of them has a label. If labels come late, set "
            "columns.history.known_after, so that the model is judged on rows like those that a "
            "scoring predicts",
            late_count,
            newest,
        )


def warn_of_repeated_keys(rows: pd.DataFrame, columns: ColumnsOptions, file: str) -> None:
    """Warn that each row of one key counts, for itself or in a history.

    With a group or a time and without histories, the split checks the keys.
    """
    if columns.key is None or (columns.together is not None and columns.history is None):
        return
    if (distinct_count := rows[columns.key].nunique()) < len(rows):
        logger.warning(REPEATED_KEYS, file, shown(columns.key), distinct_count, len(rows))


def repeated_test_rows(train: pd.DataFrame, test: pd.DataFrame, columns: ColumnsOptions) -> int:
    """Count the test rows with the same features as a train row, as the network sees them.

    The count is 0 if the features decide on the side. It is 0 for histories too: rows with equal
    features may have different sequences.
    """
    if columns.history is not None or (columns.key is None and columns.together is None):
        return 0
    train_hashes, test_hashes = (row_hashes(rows, columns, "") for rows in (train, test))
    return int(np.isin(test_hashes, train_hashes).sum())
