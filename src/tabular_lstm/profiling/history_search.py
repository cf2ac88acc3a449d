"""Find histories, the rows of one customer over time, in a table that nobody has described.

A customer has several rows, and hardly any two of them have the same time. That may be chance. So
histories are proposed only in two cases: a customer's rows are consecutive and in order, and time
starts anew with the next customer; or the column is named like a person or a thing, and either its
rows are in order, or more times would be equal by chance. Otherwise the page asks.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from tabular_lstm.errors import amount, shown
from tabular_lstm.parameters.history import MOST_STEPS, History
from tabular_lstm.profiling.group_search import (
    FEATURES,
    FEW_WITHOUT,
    search_group,
    with_choices,
    with_found_group,
    with_sentence,
)
from tabular_lstm.profiling.proposal import GROUPS, Choice, Proposal, is_discrete, of_kind
from tabular_lstm.profiling.table_profile import ColumnProfile, TableProfile
from tabular_lstm.profiling.word_lists import WORDS, has_word, names_a_thing, words_of
from tabular_lstm.rows.keys import read_key
from tabular_lstm.rows.schema import MICROSECONDS_A_DAY
from tabular_lstm.rows.timeline import Roles, Timeline, time_of
from tabular_lstm.rows.times import TimeReader
from tabular_lstm.rows.validation import UNNAMED

FEW = 0.05  # largest share of rows with a repeated time, and of customers with scattered rows
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


class FoundHistory(NamedTuple):
    """A customer column and an order column that fit together."""

    block: History
    choices: dict[str, Choice]  # of both columns
    clear: bool  # whether chance can be excluded


def with_found_rows(table: TableProfile, proposal: Proposal, first_rows: pd.DataFrame) -> Proposal:
    """Propose histories or, if there are none, the group that keeps dependent rows together.

    For the arguments see `tabular_lstm.profiling.group_search.search_group`.
    """
    grouped = with_found_group(table, proposal, first_rows)
    found = find_histories(table, proposal, first_rows)
    if not found:
        return grouped
    best = next((one for one in found if one.clear), found[0])
    of, order = best.block.of, best.block.order
    # A column that is proposed as group because of its name gets its kind's role instead.
    choices = {name: of_kind(table.column(name)) for name in proposal.named("group")}
    said = with_choices(proposal, choices | best.choices)
    clear = best.clear and any(map(said.named, FEATURES))
    # To find values that several customers share, search with the customer as the group.
    if not clear or search_group(table, said, first_rows, of):
        count = said.choices[of].why
        return with_sentence(grouped, ASK.format(of=shown(of), order=shown(order), count=count))
    return with_sentence(replace(said, history=best.block), PROPOSED.format(of=shown(of)))


def find_histories(
    table: TableProfile, proposal: Proposal, rows: pd.DataFrame
) -> list[FoundHistory]:
    """Find all customer and order columns that fit, dates first. Proposed roles do not matter."""
    customers, found = {}, list[FoundHistory | None]()
    free = [c for c in table.columns if proposal.choices[c.name].role not in {"label", "weight"}]
    ordered = [c for c in free if c.kind == "date" or has_word(c.name, "order")]
    for of in [c for c in free if c not in ordered and is_discrete(c)]:
        if GROUPS <= of.distinct < of.rows and not UNNAMED.fullmatch(of.name):
            keys, problems = read_key(rows[of.name], table.number_format)
            customers[of.name] = keys.reset_index(drop=True).drop([*problems])
    for order in sorted(ordered, key=lambda column: column.kind != "date") if customers else []:
        reader = TimeReader(table.number_format, of_kind(order).format)
        read, problems = reader.read(rows[order.name])
        times = pd.Series(read).drop([*problems])
        for name, of_each in customers.items():
            both = times.index.intersection(of_each.index)
            if len(both) >= (1 - FEW_WITHOUT) * len(rows):
                found.append(_fit(name, order, Roles(of_each[both], time_of(times[both]))))
    return [one for one in found if one is not None]


def _fit(of: str, order: ColumnProfile, roles: Roles) -> FoundHistory | None:
    """Propose histories for one pair of columns; return None if the rows do not fit."""
    rows, codes, time = len(roles.time), pd.factorize(roles.customers)[0], roles.time
    timeline, sizes = Timeline.of(roles, np.empty((rows, 0))), np.bincount(codes)
    tied = (timeline.tie < np.arange(rows)).sum()
    if sizes[sizes > 1].sum() < SHARED * rows or tied > FEW * rows:
        return None
    in_file = np.argsort(codes, kind="stable")
    later = np.mean(np.diff(time[in_file])[np.diff(codes[in_file]) == 0] > 0)
    way = int(later >= IN_ORDER) - int(later <= 1 - IN_ORDER)
    changes = np.diff(codes) != 0
    anew = np.mean(np.sign(np.diff(time))[changes] != way) >= ANEW
    stand_together = changes.sum() <= (1 + FEW) * len(sizes)
    shares = np.unique(time, return_counts=True)[1] / rows
    by_chance = (sizes * (sizes - 1)).sum() / 2 * (shares**2).sum()
    is_surprise = by_chance >= SURPRISE and tied <= FEW * by_chance
    is_thing = names_a_thing(of) and not {*words_of(of)} <= WORDS["identifier"]
    is_birth = {*words_of(order.name)} & {"age", "birth", "born"}  # such as of a family's persons
    fits = (way and stand_together and anew) or (is_thing and (way or is_surprise))
    clear = bool(fits) and not is_birth
    if not (clear or is_surprise):
        return None
    few, half, most = np.quantile(sizes, [0, 0.5, 1])
    unit, days = (MICROSECONDS_A_DAY, " days") if order.kind == "date" else (1, "")
    near, middle, far = np.nanquantile(timeline.gaps / unit, [0, 0.5, 1])
    count = f"{len(sizes):,} values, of {few:g} to {most:g} rows, median {half:g}"
    near, middle, far = map(amount, (near, middle, far))
    apart = f"the next row is {near} to {far}{days} later, median {middle}"
    next_row = Choice("order", apart, format=of_kind(order).format)
    steps = int(np.clip(np.quantile(sizes, 0.9), 20, MOST_STEPS))
    block = History(of=of, order=order.name, steps=steps)
    return FoundHistory(block, {of: Choice("customer", count), order.name: next_row}, clear)
