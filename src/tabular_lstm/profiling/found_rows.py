"""Look through the rows of a table that nobody has described: histories, groups and leaks.

Histories are the rows of one customer over time. A customer has several rows, at most a quarter of
them at a time that it has already. That may be chance. So histories are proposed only in two cases:
a customer's rows are consecutive and in order, and time starts over with the next customer; or the
column is named like a person or a thing, and its times are dates, or its rows are in order, or more
times would be equal by chance. Otherwise the page asks, also where a column has many codes. It asks
too about rows that belong together because their labels mostly agree, and about possible leaks, as
a run does.

Where the labels are tells which rows of histories are predicted, and when a label is known.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from typing import NamedTuple

import numpy as np
import pandas as pd

from tabular_lstm.errors import amount, first_ten, shown
from tabular_lstm.parameters.columns import MOST_STEPS, History
from tabular_lstm.profiling.label_choice import class_value
from tabular_lstm.profiling.proposal import (
    FEATURES,
    GROUPS,
    Choice,
    Proposal,
    in_yaml,
    is_discrete,
    of_kind,
)
from tabular_lstm.profiling.table_profile import ColumnProfile, TableProfile
from tabular_lstm.profiling.words import WORDS, has_word, names_a_thing, words_of
from tabular_lstm.rows.cells import EMPTY
from tabular_lstm.rows.data_warnings import (
    POSSIBLE_LEAK,
    STRONG_FEATURE,
    facts_of,
    leaks_in_words,
    possible_leaks,
    ways_out,
)
from tabular_lstm.rows.dates import TimeReader
from tabular_lstm.rows.dependent_rows import find_dependent_rows
from tabular_lstm.rows.fingerprints import read_key
from tabular_lstm.rows.labels import are_unlabelled
from tabular_lstm.rows.schema import MICROSECONDS_A_DAY
from tabular_lstm.rows.timeline import Roles, Timeline, time_of
from tabular_lstm.rows.validation import UNNAMED, read_rows
from tabular_lstm.task import Value

# Largest share of the rows that may go to quarantine because they have no group or no time.
FEW_WITHOUT = 0.025
FEW = 0.05  # largest share of customers with scattered rows, and of times equal by chance
# Largest share of rows at a time that their customer has already, and least share that is told.
MOST_TIED, TOLD = 0.25, 0.01
MANY = 100  # fewest values of a column of codes, such as V0123, that may be things of another name
SHARED = 0.8  # least share of rows whose customer has several rows
IN_ORDER = 0.98  # least share of a customer's next rows that have a later time
ANEW = 0.2  # least share of next customers that start at an earlier time
# Fewest pairs of rows with equal customer and time that chance would give; fewest missing labels
# that are not by chance.
SURPRISE = 20
# When labels no longer come: least share of labels in the oldest half of the rows, since nothing
# tells a label that never comes from a late one; how far a share may be below it, as a part of it
# and of the deviation of one row; and a factor for labels that take longer than any in the file: if
# they come evenly over some time, the delay is too short with a chance of about exp(-16 / 2).
LABELLED, BELOW, OF_DEVIATION, MARGIN = 0.95, 0.01, 0.2, 16
ASK = (
    "history: rows of one {of} ({count}) hardly ever have the same {order}. If {order} is their "
    "time, write history: {block}, and name neither column anywhere else"
)
PROPOSED = (
    "history: a row is predicted from itself and the earlier rows of its {of}. If only the last "
    "row has a known label, leave the earlier labels empty: those rows are then only history. If "
    "rows of one {of} are independent, remove the block history, and name {of} under ignore"
)
TIED = (
    "{:.1%} of the rows have the same time as another row of their {}, so neither is part of the "
    "other's past. If the numbers in a second column tell which is earlier, name both: order: [{}, "
    "that column]"
)
KIND = (
    "predict: only rows of {0}: {1} have a label, so a scoring predicts the last such row of each "
    "{2}. If it should predict several rows of a {2}, or no row whose label is known, mark the "
    "rows to predict with 1 in a column, and replace the line by predict: COLUMN"
)
UNKNOWN = (
    "known_after: the rows do not show how long a label takes. If later rows should use earlier "
    "labels, write the longest time, such as 30 days; with a shorter one the model learns from the "
    "future"
)

LEAK = (
    "{}: {} alone tells the label, or tells much more about it than all other features do ({}). If "
    "it is known only after the label, or after the moment of the prediction, name it under "
    "ignore; if before, under known_in_time; if rows with the same value belong together, under "
    "group alone"
)


class FoundHistory(NamedTuple):
    """A customer column and an order column that fit together."""

    block: History
    choices: dict[str, Choice]  # of both columns
    clear: bool  # whether chance can be excluded
    roles: Roles  # customers by their places among the rows


def with_found_rows(table: TableProfile, proposal: Proposal, first_rows: pd.DataFrame) -> Proposal:
    """Propose histories, and ask about rows that belong together; first of all about leaks.

    Args:
        table: The profile of the table.
        proposal: The proposed conf.
        first_rows: All rows as text, or the first ones.
    """
    proposed = _with_history(table, proposal, first_rows)
    columns = proposed.columns()
    labels = first_rows[columns.label]
    if labels[~are_unlabelled(labels, columns)].str.strip().nunique() < 2:
        return proposed
    # Columns that the proposal ignores, such as identifiers, may name rows that belong together.
    repeating = [
        column.name
        for column in map(table.column, columns.ignore)
        if 1 < column.distinct < column.cells.present and not UNNAMED.fullmatch(column.name)
    ]
    read_too = {
        "categorical": [*columns.categorical, *repeating],
        "ignore": [name for name in columns.ignore if name not in repeating],
    }
    to_read = columns.model_copy(update=read_too)
    valid = read_rows([first_rows], to_read, table.file, table.number_format).valid
    dependent = None if columns.history else find_dependent_rows(valid, columns)
    # Rows that belong together tell each other's label; a feature that they share is then no leak.
    apart = valid.drop_duplicates(dependent.columns) if dependent else valid
    if dependent:
        proposed = proposed.with_sentence(
            f"{facts_of(dependent)}. {ways_out(dependent, columns.ignore)}"
        )
    leaks = ({}, {}) if valid.empty else possible_leaks(apart.drop(columns=repeating), columns)
    for kind, found in zip((POSSIBLE_LEAK, STRONG_FEATURE), leaks, strict=True):
        if found:
            proposed = proposed.with_sentence(
                LEAK.format(kind, leaks_in_words(found), columns.task.told_by)
            )
    return proposed


def _with_history(table: TableProfile, proposal: Proposal, first_rows: pd.DataFrame) -> Proposal:
    """Propose the history that is surely none by chance, or else ask about one."""
    histories = [*found_histories(table, proposal, first_rows)]
    if not histories:
        return proposal
    best = next((history for history in histories if history.clear), histories[0])
    of, order = shown(best.block.of), shown(best.block.order)
    # A column that is proposed as group because of its name gets its kind's role instead.
    choices = {name: of_kind(table.column(name)) for name in proposal.named("group")}
    proposed = replace(proposal, choices=proposal.choices | choices | best.choices)
    proposed = _with_predicted_rows(table, proposed, best, first_rows)
    if best.clear and any(map(proposed.named, FEATURES)):
        return proposed.with_sentence(PROPOSED.format(of=of))
    count, block = best.choices[best.block.of].why, proposed.columns().history
    written = block and in_yaml(block.model_dump(exclude={"steps"}, exclude_none=True))
    return proposal.with_sentence(ASK.format(of=of, order=order, count=count, block=written))


def _with_predicted_rows(
    table: TableProfile, proposal: Proposal, found: FoundHistory, first_rows: pd.DataFrame
) -> Proposal:
    """Propose a history, which of its rows are predicted, and when their labels are known."""
    unit = MICROSECONDS_A_DAY if table.column(found.block.order).kind == "date" else 1
    rows = first_rows.iloc[found.roles.customers.index]
    ages = (found.roles.time.max() - found.roles.time) / unit
    has_label = ~are_unlabelled(rows[proposal.label.name], proposal.columns())
    features = [c for c in table.columns if proposal.choices[c.name].role in FEATURES]
    are_predicted, predict = predicted_kind(features, rows, has_label, ages)
    age = age_of_labels(ages[are_predicted], has_label[are_predicted])
    of = shown(found.block.of)
    asked = [KIND.format(shown(n), first_ten([*map(shown, v)]), of) for n, v in predict.items()]
    known_after = None if age is None else ceil(age) if unit == 1 else f"{ceil(age)} days"
    return replace(
        proposal,
        history=found.block.model_copy(
            update={"known_after": known_after, "predict": predict or None}
        ),
        sentences=(*asked, *([UNKNOWN] if age is None else []), *proposal.sentences),
    )


def predicted_kind(
    columns: list[ColumnProfile], rows: pd.DataFrame, has_label: np.ndarray, ages: np.ndarray
) -> tuple[np.ndarray, dict[str, list[Value]]]:
    """Find values of a column that all labelled rows have, and many old unlabelled rows lack.

    If there are several such columns, one that has such rows without a label is preferred, then the
    one with the fewest such rows.

    Args:
        columns: The columns that may tell the kinds of rows apart.
        rows: The rows, cells as text.
        has_label: Which rows have a label, bool (rows,).
        ages: Time from each row to the newest one, float64 (rows,). A value that only new rows have
            may get its labels later.

    Returns:
        Which rows have these values, bool (rows,), and the values by the column's name. If there
        are none, all rows and no column.
    """
    are_predicted, predict = np.full(len(rows), True), dict[str, list[Value]]()
    best = np.inf, len(rows)
    for column in [c for c in columns if is_discrete(c) and c.distinct < GROUPS]:
        cells = rows[column.name].str.strip()
        texts = sorted(cells[has_label].unique())
        is_kind, is_empty = cells.isin(texts), cells.str.lower().isin(EMPTY)
        others = (~is_kind & ~is_empty & (ages >= np.median(ages))).sum()
        found = float(has_label[is_kind].all()), is_kind.sum()
        if (
            others * has_label.sum() > SURPRISE * is_kind.sum()
            and not is_empty[is_kind].any()
            and found < best
        ):
            best, are_predicted = found, is_kind.to_numpy()
            predict = {column.name: [class_value(text, column.number_format) for text in texts]}
    return are_predicted, predict


def age_of_labels(ages: np.ndarray, has_label: np.ndarray) -> float | None:
    """Find the age above which the labelled share of rows no longer rises; None if there is none.

    A label may take longer than any in the file: so the age is higher than that of the oldest row
    whose label is still to come, the more so the fewer rows there are, and the longer labels come.

    Args:
        ages: Time from each row to the newest one, float64 (rows,).
        has_label: Which rows have a label, bool (rows,).
    """
    order = np.lexsort((~has_label, ages))  # an age is settled if all its rows are
    ages, has_label = ages[order], has_label[order]
    share = has_label[len(ages) // 2 :].mean()
    least = share - max(BELOW * share, OF_DEVIATION * np.sqrt(share * (1 - share)))
    missing = np.cumsum(least - has_label)
    last, first = int(missing.argmax()), int(has_label.argmax())
    if share < LABELLED or missing[last] < SURPRISE or ages[last] > ages[-1] / 2:
        return None
    longer = (ages[last + 1] - ages[first]) * np.sqrt(MARGIN / max(last + 1 - first, 1))
    return float(ages[last + 1] + longer)


def found_histories(
    table: TableProfile, proposal: Proposal, rows: pd.DataFrame
) -> Iterator[FoundHistory]:
    """Try all customer and order columns, dates first, whatever their proposed roles."""
    free = [c for c in table.columns if proposal.choices[c.name].role != "label"]
    orders = [c for c in free if c.kind == "date" or (has_word(c.name, "order") and not c.unit)]
    customers = {}
    for column in [c for c in free if c not in orders and is_discrete(c)]:
        if GROUPS <= column.distinct < column.rows and not UNNAMED.fullmatch(column.name):
            keys, problems = read_key(rows[column.name], table.number_format)
            customers[column.name] = keys.reset_index(drop=True).drop([*problems])
    for order in sorted(orders, key=lambda column: column.kind != "date"):
        reader = TimeReader(table.number_format, of_kind(order).format)
        read, problems = reader.read(rows[order.name])
        times = pd.Series(read).drop([*problems])
        for name, keys in customers.items():
            both = times.index.intersection(keys.index)
            if len(both) >= (1 - FEW_WITHOUT) * len(rows):
                roles = Roles(keys[both], time_of(times[both].to_numpy()))
                if history := _history_of(table.column(name), order, roles):
                    yield history


def _history_of(customer: ColumnProfile, order: ColumnProfile, roles: Roles) -> FoundHistory | None:
    """Propose histories for one pair of columns; None if the rows do not fit."""
    rows, codes, time = len(roles.time), pd.factorize(roles.customers)[0], roles.time
    timeline, sizes = Timeline.of(roles), np.bincount(codes)
    tied = (timeline.tie < np.arange(rows)).sum()
    if sizes[sizes > 1].sum() < SHARED * rows or tied > MOST_TIED * rows:
        return None
    by_customer = np.argsort(codes, kind="stable")
    steps_in_time = np.diff(time[by_customer])[np.diff(codes[by_customer]) == 0]
    rises, falls = (np.mean(steps_in_time * sign >= 0) >= IN_ORDER for sign in (1, -1))
    direction = int(rises) - int(falls)
    changes = np.diff(codes) != 0
    starts_anew = np.mean(np.sign(np.diff(time))[changes] != direction) >= ANEW
    stand_together = changes.sum() <= (1 + FEW) * len(sizes)
    time_shares = np.unique(time, return_counts=True)[1] / rows
    by_chance = (sizes * (sizes - 1)).sum() / 2 * (time_shares**2).sum()
    is_surprise = by_chance >= SURPRISE and tied <= FEW * by_chance
    is_thing = (
        names_a_thing(customer.name) and not {*words_of(customer.name)} <= WORDS["identifier"]
    )
    may_be_thing = (
        (customer.kind, order.kind) == ("category", "date")
        and customer.distinct >= MANY
        and customer.cells.all_match(".*[0-9].*")
    )
    is_birth = {*words_of(order.name)} & {"age", "birth", "born"}  # such as of a family's persons
    fits = (direction and stand_together and starts_anew) or (
        is_thing and (direction or is_surprise or order.kind == "date")
    )
    clear = bool(fits) and not is_birth
    return (
        FoundHistory(*_describe_history(customer.name, order, timeline), clear, roles)
        if clear or is_surprise or may_be_thing
        else None
    )


def _describe_history(
    customer: str, order: ColumnProfile, timeline: Timeline
) -> tuple[History, dict[str, Choice]]:
    """Say how many rows customers have, how far apart they are, and how many have equal times."""
    sizes = np.bincount(timeline.customer)
    half, nine_tenths = np.quantile(sizes, [0.5, 0.9])
    count = f"{len(sizes):,} values, of {sizes.min()} to {sizes.max()} rows, median {half:g}"
    unit, words = (MICROSECONDS_A_DAY, "days") if order.kind == "date" else (1, "units of time")
    read, gap = of_kind(order), amount(np.nanmedian(timeline.gaps / unit))
    apart = f"{words} to the next row, median: {gap}; {read.why}"
    # What may be odd about numbers, such as codes for "not measured", is no question about a time.
    unsure = read.unsure if order.kind == "date" else ()
    tied = (np.bincount(timeline.tie)[timeline.tie] > 1).mean()
    if tied >= TOLD:
        unsure = (*unsure, TIED.format(tied, shown(customer), shown(order.name)))
    choices = {
        customer: Choice("customer", count),
        order.name: Choice("order", apart, unsure, format=read.format),
    }
    steps = int(np.clip(nine_tenths, 20, MOST_STEPS))
    return History(of=customer, order=order.name, steps=steps), choices
