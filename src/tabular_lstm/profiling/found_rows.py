"""Look through the rows of a table that nobody has described: histories, groups and leaks.

Histories are the rows of one customer over time. A customer has several rows, at most a quarter of
them at a time that it has already. That may be chance. So histories are proposed only in two cases:
a customer's rows are consecutive and in order, and time starts anew with the next customer; or the
column is named like a person or a thing, and its times are dates, or its rows are in order, or more
times would be equal by chance. Otherwise the page asks. It asks too about rows that belong together
because their labels mostly agree, and about possible leaks, as a run does.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from tabular_lstm.errors import amount, shown
from tabular_lstm.parameters.columns import MOST_STEPS, History
from tabular_lstm.profiling.proposal import (
    FEATURES,
    GROUPS,
    Choice,
    Proposal,
    is_discrete,
    of_kind,
)
from tabular_lstm.profiling.table_profile import ColumnProfile, TableProfile
from tabular_lstm.profiling.words import WORDS, has_word, names_a_thing, words_of
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

# Largest share of the rows that may go to quarantine because they have no group or no time.
FEW_WITHOUT = 0.025
FEW = 0.05  # largest share of customers with scattered rows, and of times equal by chance
MOST_TIED = 0.25  # largest share of rows at a time that their customer has already
SHARED = 0.8  # least share of rows whose customer has several rows
IN_ORDER = 0.98  # least share of a customer's next rows that have a later time
ANEW = 0.2  # least share of next customers that start at an earlier time
SURPRISE = 20  # fewest pairs of rows with equal customer and time that chance would give
ASK = (
    "history: rows of one {of} ({count}) hardly ever have the same {order}. If {order} is their "
    "time, write history: {{of: {of}, order: {order}}}, and name both columns nowhere else"
)
PROPOSED = (
    "history: a row is predicted from itself and the earlier rows of its {of}. If only the last "
    "row has a known label, leave the earlier labels empty: those rows are then only history. If "
    "rows of one {of} are independent, remove the block history, and name {of} under ignore"
)


LEAK = (
    "{}: {} alone tells the label, or much more of it than all other features ({}). If it is known "
    "only after the label, or after the moment of the prediction, name it under ignore; if before, "
    "under known_in_time; if rows of one value belong together, under group alone"
)


class FoundHistory(NamedTuple):
    """A customer column and an order column that fit together."""

    block: History
    choices: dict[str, Choice]  # of both columns
    clear: bool  # whether chance can be excluded


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
    if best.clear and any(map(proposed.named, FEATURES)):
        return replace(proposed, history=best.block).with_sentence(PROPOSED.format(of=of))
    count = best.choices[best.block.of].why
    return proposal.with_sentence(ASK.format(of=of, order=order, count=count))


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
                if history := _history_of(name, order, roles):
                    yield history


def _history_of(customer: str, order: ColumnProfile, roles: Roles) -> FoundHistory | None:
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
    is_thing = names_a_thing(customer) and not {*words_of(customer)} <= WORDS["identifier"]
    is_birth = {*words_of(order.name)} & {"age", "birth", "born"}  # such as of a family's persons
    fits = (direction and stand_together and starts_anew) or (
        is_thing and (direction or is_surprise or order.kind == "date")
    )
    clear = bool(fits) and not is_birth
    return _describe_history(customer, order, timeline, clear) if clear or is_surprise else None


def _describe_history(
    customer: str, order: ColumnProfile, timeline: Timeline, clear: bool
) -> FoundHistory:
    """Say how many rows customers have, and how far apart they are."""
    sizes = np.bincount(timeline.customer)
    half, nine_tenths = np.quantile(sizes, [0.5, 0.9])
    count = f"{len(sizes):,} values, of {sizes.min()} to {sizes.max()} rows, median {half:g}"
    unit, words = (MICROSECONDS_A_DAY, "days") if order.kind == "date" else (1, "units of time")
    read, gap = of_kind(order), amount(np.nanmedian(timeline.gaps / unit))
    apart = f"{words} to the next row, median: {gap}; {read.why}"
    # What may be odd about numbers, such as codes for "not measured", is no question about a time.
    unsure = read.unsure if order.kind == "date" else ()
    choices = {
        customer: Choice("customer", count),
        order.name: Choice("order", apart, unsure, format=read.format),
    }
    steps = int(np.clip(nine_tenths, 20, MOST_STEPS))
    return FoundHistory(History(of=customer, order=order.name, steps=steps), choices, clear)
