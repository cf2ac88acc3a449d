"""Find rows that belong together in a table that nobody has described: groups and histories.

A group keeps rows together whose labels mostly agree, see `tabular_lstm.rows.dependent_rows`.

Histories are the rows of one customer over time. A customer has several rows, at most a quarter of
them at a time that it has already. That may be chance. So histories are proposed only in two cases:
a customer's rows are consecutive and in order, and time starts anew with the next customer; or the
column is named like a person or a thing, and its times are dates, or its rows are in order, or more
times would be equal by chance. Otherwise the page asks.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from tabular_lstm.errors import amount, shown
from tabular_lstm.parameters.columns import MOST_STEPS, ColumnsOptions, History, in_words
from tabular_lstm.profiling.proposal import (
    FEATURES,
    GROUPS,
    IN_TIME,
    Choice,
    Proposal,
    is_discrete,
    odd_cells,
    of_kind,
)
from tabular_lstm.profiling.table_profile import ColumnProfile, TableProfile
from tabular_lstm.profiling.words import WORDS, has_word, names_a_thing, words_of
from tabular_lstm.rows.data_warnings import (
    POSSIBLE_LEAK,
    STRONG_FEATURE,
    facts_of,
    listed,
    numbers_of,
    possible_leaks,
    ways_out,
)
from tabular_lstm.rows.dates import TimeReader
from tabular_lstm.rows.dependent_rows import DependentRows, are_within, find_dependent_rows
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
NOT_HISTORY = (
    "group, not history: {why}. If rows of one {of} are in the order of a column, write history: "
    "{{of: {of}, order: COLUMN}}, and name both columns nowhere else"
)
PROPOSED = (
    "history: a row is predicted from itself and the earlier rows of its {of}. If only the last "
    "row has a known label, leave the earlier labels empty: those rows are then only history. If "
    "rows of one {of} are independent, remove the block history, and name {of} under ignore"
)


LEAK = (
    "{kind}: {leaks} alone tells the label, or much more of it than all other features "
    "({measure}). If it is known only after the label, or after the moment of the prediction, name "
    "it under ignore; if before, under known_in_time; if rows of one value belong together, under "
    "group alone"
)
DELAY = (
    "history: labels are known only some time after their row, see known_after: if a later row may "
    "use them, take the # from this line, and give the longest delay"
)


SAME = "the same cells: {}: to learn from them once, name one under ignore"


class FoundHistory(NamedTuple):
    """A customer column and an order column that fit together."""

    block: History
    choices: dict[str, Choice]  # of both columns
    clear: bool  # whether chance can be excluded
    delay: float  # how much newer than the newest labelled row the newest row is, see `Proposal`


def with_found_rows(table: TableProfile, proposal: Proposal, first_rows: pd.DataFrame) -> Proposal:
    """Propose histories or, if there are none, the group that keeps dependent rows together.

    Possible leaks are asked about first of all.

    Args:
        table: The profile of the table.
        proposal: The proposed conf.
        first_rows: All rows as text, or the first ones.
    """
    proposed = _with_found_rows(table, proposal, first_rows)
    used = [c for c in table.columns if proposed.choices[c.name].role not in {"label", "ignore"}]
    same = [
        f"{shown(one.name)} and {shown(other.name)}"
        for one, other in combinations(used, 2)
        if one.cells.texts.equals(other.cells.texts)
        and np.array_equal(one.cells.counts, other.cells.counts)
        and first_rows[one.name].str.strip().equals(first_rows[other.name].str.strip())
    ]
    proposed = proposed.with_sentence(SAME.format("; ".join(same))) if same else proposed
    valid = _valid_rows(table, first_rows, proposed.columns())
    measure = proposal.label.proposed.task.told_by
    leaks = ({}, {}) if valid.empty else possible_leaks(valid, proposed.columns())
    for kind, found in zip((POSSIBLE_LEAK, STRONG_FEATURE), leaks, strict=True):
        if found:
            proposed = proposed.with_sentence(
                LEAK.format(kind=kind, leaks=listed(found), measure=measure)
            )
    return proposed


def _with_found_rows(table: TableProfile, proposal: Proposal, first_rows: pd.DataFrame) -> Proposal:
    grouped = with_found_group(table, proposal, first_rows)
    tried = [*tried_histories(table, proposal, first_rows)]
    histories = [history for _, history in tried if isinstance(history, FoundHistory)]
    if not histories:
        group = grouped.columns().group or ""
        why = dict(reversed(tried)).get(group, "no column holds dates or is named like a time")
        sentence = NOT_HISTORY.format(why=why, of=shown(group))
        return grouped.with_sentence(sentence) if names_a_thing(group) else grouped
    best = next((history for history in histories if history.clear), histories[0])
    customer, order = best.block.of, best.block.order
    # A column that is proposed as group because of its name gets its kind's role instead.
    choices = {name: of_kind(table.column(name)) for name in proposal.named("group")}
    proposed = proposal.with_choices(choices | best.choices)
    clear = best.clear and any(map(proposed.named, FEATURES))
    # To find values that several customers share, search with the customer as the group.
    if not clear or search_group(table, proposed, first_rows, customer):
        count = best.choices[customer].why
        return grouped.with_sentence(
            ASK.format(of=shown(customer), order=shown(order), count=count)
        )
    said = PROPOSED.format(of=shown(customer))
    proposed = replace(proposed, history=best.block, delay=best.delay)
    return (proposed.with_sentence(DELAY) if best.delay else proposed).with_sentence(said)


def _valid_rows(
    table: TableProfile, first_rows: pd.DataFrame, columns: ColumnsOptions
) -> pd.DataFrame:
    return read_rows([first_rows], columns, table.file, table.number_format)[0]


def with_found_group(table: TableProfile, proposal: Proposal, first_rows: pd.DataFrame) -> Proposal:
    """Propose the group that keeps dependent rows together; of two nested groups, the outer one.

    Two groups are nested as visits and patients are. If the rows of several groups belong together
    and the groups are not nested, the inner one is proposed, and a sentence says so. For the
    arguments see `with_found_rows`.
    """
    dependent = search_group(table, proposal, first_rows)
    if not dependent:
        return proposal
    inner = dependent.columns[0]
    proposed = with_group(table, proposal, dependent)
    if proposed.columns().group != inner:
        return proposed
    outer = search_group(table, proposed, first_rows, inner)
    if not outer:
        return proposed
    name = outer.columns[0]
    if are_within(first_rows[inner], first_rows[name]):
        ignored = Choice("ignore", f"rows of one value have one {shown(name)}")
        nested = with_group(table, proposal.with_choices({inner: ignored}), outer, inner)
        if nested.columns().group == name:
            return nested
    ways = ways_out(outer, proposed.columns().ignore)
    return proposed.with_sentence(f"{facts_of(outer)}. {ways}")


def search_group(
    table: TableProfile, proposal: Proposal, first_rows: pd.DataFrame, group: str | None = None
) -> DependentRows | None:
    """Find the column whose equal values show which rows belong together.

    Columns that the proposal ignores, such as identifiers, are searched too, and so is a column
    that is proposed as the group only because of its name. For the arguments see
    `with_found_rows`; `group` is a group that was found before, to search for a further one.
    """
    columns = proposal.columns()
    labels = first_rows[columns.label]
    if labels[~are_unlabelled(labels, columns)].str.strip().nunique() < 2:
        return None
    guessed = [columns.group] if columns.group and group is None else []
    ignored = [name for name in columns.ignore if _repeats(table, name)] + guessed
    read = {
        "group": group,
        "categorical": [*columns.categorical, *ignored],
        "ignore": [name for name in columns.ignore if name not in ignored],
    }
    valid = _valid_rows(table, first_rows, columns.model_copy(update=read))
    searched = {"group": group, "ignore": [*columns.ignore, *guessed]}
    return find_dependent_rows(valid, columns.model_copy(update=searched))


def _repeats(table: TableProfile, name: str) -> bool:
    """Tell whether a column has a name and several values, and a value is in several rows."""
    column = table.column(name)
    return 1 < column.distinct < column.cells.present and not UNNAMED.fullmatch(name)


def with_group(
    table: TableProfile, proposal: Proposal, dependent: DependentRows, inner: str | None = None
) -> Proposal:
    """Propose the group that keeps dependent rows together, and say how to undo this.

    No group is proposed if the column may be an amount such as a height, if no other feature is
    left, or if too many rows have no group and would go to quarantine. Then the proposal says what
    to do.

    Args:
        table: The profile of the table.
        proposal: The proposed conf.
        dependent: The dependent rows.
        inner: An inner column that is the group if the rows are independent. Default: none.
    """
    name, facts = dependent.columns[0], facts_of(dependent)
    column, called = table.column(name), shown(name)
    if dependent.is_amount or not any(
        other != name for role in FEATURES for other in proposal.named(role)
    ):
        return proposal.with_sentence(f"{facts}. {ways_out(dependent, proposal.columns().ignore)}")
    if column.rows - column.present > FEW_WITHOUT * column.rows:
        return proposal.with_sentence(
            f"{facts}. {column.rows - column.present} rows have no {called}: give each of them a "
            "value of its own, and name the column under group, and nowhere else"
        )
    # A column that was proposed as the group because of its name gets its kind's role.
    guessed = {other: of_kind(table.column(other)) for other in proposal.named("group")}
    before = (proposal.choices | guessed)[name]
    group = Choice("group", f"rows of one value mostly have one label. {numbers_of(dependent)}")
    back = _way_back(before, called, inner)
    late = f"If {called} is known only after the label, name it under ignore"
    sentence = f"group: {facts}: such rows are kept together. {late}. {back}"
    return proposal.with_choices(guessed | {name: group}).with_sentence(sentence)


def _way_back(before: Choice, called: str, inner: str | None) -> str:
    """Say what to write if the rows of a group are independent."""
    instead = f"name the column under {before.role} instead"
    if before.role == "number":
        instead = "take the line away"
        instead += f" and add units: {{{called}: {before.unit}}}" if before.unit else ""
    if before.format:
        instead += f", with the format {in_words(before.format)}"
    if inner is not None:
        instead += f", name {shown(inner)} under group"
    declared = f", and add split: {{independent: [{called}]}}"
    return f"If they are independent, {instead}{'' if before.role == 'ignore' else declared}"


def tried_histories(
    table: TableProfile, proposal: Proposal, rows: pd.DataFrame
) -> Iterator[tuple[str, FoundHistory | str]]:
    """Try all customer and order columns, dates first, whatever their proposed roles.

    Yields:
        The customer, and the history or why it is none.
    """
    free = [c for c in table.columns if proposal.choices[c.name].role not in {"label", "weight"}]
    orders = [c for c in free if c.kind == "date" or (has_word(c.name, "order") and not c.unit)]
    customers = {}
    for column in [c for c in free if c not in orders and is_discrete(c)]:
        if GROUPS <= column.distinct < column.rows and not UNNAMED.fullmatch(column.name):
            keys, problems = read_key(rows[column.name], table.number_format)
            customers[column.name] = keys.reset_index(drop=True).drop([*problems])
    columns = proposal.columns()
    labels = np.where(are_unlabelled(rows[columns.label], columns), np.nan, 1)
    for order in sorted(orders, key=lambda column: column.kind != "date"):
        form = of_kind(order).format
        read, problems = TimeReader(table.number_format, form).read(rows[order.name])
        times = pd.Series(read).drop([*problems])
        for name, keys in customers.items():
            both = times.index.intersection(keys.index)
            if len(both) >= (1 - FEW_WITHOUT) * len(rows):
                roles = Roles(keys[both], time_of(times[both]), labels[both])
                yield name, _fit(name, order, roles)
            else:
                without = f"no {shown(name)}, or no date and no number under {shown(order.name)}"
                yield name, f"{len(rows) - len(both)} rows have {without}"


def _fit(customer: str, order: ColumnProfile, roles: Roles) -> FoundHistory | str:
    """Propose histories for one pair of columns, or say why the rows do not fit."""
    rows, codes, time = len(roles.time), pd.factorize(roles.customers)[0], roles.time
    timeline, sizes = Timeline.of(roles, np.empty((rows, 0))), np.bincount(codes)
    tied = (timeline.tie < np.arange(rows)).sum()
    if sizes[sizes > 1].sum() < SHARED * rows:
        return f"{(sizes == 1).sum()} of {len(sizes)} values of {shown(customer)} have one row"
    if tied > MOST_TIED * rows:
        return f"{tied} rows have the {shown(order.name)} of another row of their {shown(customer)}"
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
    if not (clear or is_surprise):
        return f"{shown(order.name)} does not surely order the rows of one {shown(customer)}"
    few, half, most = np.quantile(sizes, [0, 0.5, 1])
    unit, days = (MICROSECONDS_A_DAY, " days") if order.kind == "date" else (1, "")
    near, middle, far = np.nanquantile(timeline.gaps / unit, [0, 0.5, 1])
    count = f"{len(sizes):,} values, of {few:g} to {most:g} rows, median {half:g}"
    near, middle, far = map(amount, (near, middle, far))
    between = f"{near} to {far}{days} later, median {middle}"
    between = between if near != far else f"{near}{days.removesuffix('s' * (near == '1'))} later"
    read, several = of_kind(order), len(order.formats) > 1
    doubts = read.unsure if order.kind == "date" else [odd_cells(order)]
    unsure = tuple(d.partition(", name them")[0] for d in doubts if d not in {"", IN_TIME})
    apart = f"the next row is {between}{f'; {read.why}' if several else ''}"
    next_row = Choice("order", apart, unsure, format=read.format)
    steps = int(np.clip(np.quantile(sizes, 0.9), 20, MOST_STEPS))
    block = History(of=customer, order=order.name, steps=steps)
    choices = {customer: Choice("customer", count), order.name: next_row}
    labelled = time[~np.isnan(roles.labels)]
    delay = float(time.max() - labelled.max()) / unit if len(labelled) else 0.0
    return FoundHistory(block, choices, clear, delay)
