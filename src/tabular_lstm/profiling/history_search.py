"""Rows of one customer over time, looked for in a table that nobody has described.

Several rows have one customer, and no two of them one time: a date, or a number that is called so.
That may be chance. So histories are proposed only where a customer's rows stand together, in order,
and the next one begins anew; or where the customer is called as a person or a thing, and its rows
are in order or chance makes no such times. Else the page asks.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from tabular_lstm.errors import shown
from tabular_lstm.parameters.history import MOST_STEPS, History
from tabular_lstm.profiling import group_search
from tabular_lstm.profiling.group_search import FEW_WITHOUT
from tabular_lstm.profiling.proposal import GROUPS, Choice, Proposal, is_discrete, of_kind
from tabular_lstm.profiling.table_profile import ColumnProfile, TableProfile
from tabular_lstm.profiling.word_lists import WORDS, has_word, names_a_thing, words_of
from tabular_lstm.rows.cells import Problems
from tabular_lstm.rows.keys import read_key
from tabular_lstm.rows.timeline import MICROSECONDS_A_DAY
from tabular_lstm.rows.times import DATES, TimeReader
from tabular_lstm.rows.validation import UNNAMED

# At most: share of rows at the time of another of their customer; of customers that stand apart. At
# least: share of rows whose customer has several; of steps to its next row, those to a later time;
# of changes of customer, those to an earlier one; customers; pairs of one time and customer that
# chance makes, where there are hardly any.
FEW, SHARED, IN_ORDER, ANEW, LEAST, SURPRISE = 0.05, 0.8, 0.98, 0.2, 10, 20
ASK = (
    "history: rows of one {of} ({count}) hardly ever have the same {order}. If that is when they "
    "are from: history: {{of: {of}, order: {order}}}, and name both columns nowhere else"
)
PROPOSED = (
    "history: a row is predicted from itself and the earlier rows of its {of}{also}. If rows of "
    "one {of} are independent, take the block away, and name the column under ignore"
)
ONE_LABEL = (
    "label: rows of one {of} mostly have one label: if it is known only at the end, leave it empty "
    "in the rows before, which are history then"
)


class FoundHistory(NamedTuple):
    """A customer and an order that fit; `clear` where that is no chance."""

    of: str
    order: ColumnProfile
    sizes: np.ndarray  # rows of each customer
    gaps: np.ndarray  # to the next row of a customer, of dates in days
    clear: bool

    @property
    def rank(self) -> tuple[bool, ...]:
        """Rank the most plausible one lowest."""
        is_date = self.order.kind == "date" or has_word(self.order.name, "date")
        return not self.clear, not names_a_thing(self.of), not is_date

    def choices(self) -> dict[str, Choice]:
        """Give both columns their roles."""
        few, half, most = np.quantile(self.sizes, [0, 0.5, 1])
        near, middle, far = np.quantile(self.gaps, [0, 0.5, 1])
        count = f"{len(self.sizes):,} values, of {few:g} to {most:g} rows, median {half:g}"
        days = " days" if self.order.kind == "date" else ""
        apart = f"the next row is {near:.4g} to {far:.4g}{days} later, median {middle:.4g}"
        order = Choice("order", apart, format=of_kind(self.order).format)
        return {self.of: Choice("customer", count), self.order.name: order}


def with_found_rows(table: TableProfile, proposal: Proposal, first_rows: pd.DataFrame) -> Proposal:
    """Propose histories, or else the group by which dependent rows are kept together.

    For the arguments see `tabular_lstm.profiling.group_search.search_group`.
    """
    grouped = group_search.with_found_group(table, proposal, first_rows)
    found = sorted(find_histories(table, proposal, first_rows), key=lambda one: one.rank)
    if not found:
        return grouped
    best, label = found[0], proposal.label.name
    history = History(of=best.of, order=best.order.name)
    steps = int(np.clip(np.quantile(best.sizes, 0.9), history.steps, MOST_STEPS))
    # A column that was to be the group for its name is what its cells say.
    choices = {name: of_kind(table.column(name)) for name in proposal.named("group")}
    said = group_search.with_choices(proposal, choices | best.choices())
    said = replace(said, history=history.model_copy(update={"steps": steps}))
    others = dict.fromkeys(one.order.name if one.of == best.of else one.of for one in found[1:])
    also = f" ({', '.join(map(shown, others))} would fit, too)" if others else ""
    names = {"of": shown(best.of), "order": shown(best.order.name), "also": also}
    clear = best.clear and any(map(said.named, group_search.FEATURES))
    # As of a group: of histories no dependent rows are looked for.
    if not clear or group_search.search_group(
        table, replace(said, history=None), first_rows, best.of
    ):
        ask = ASK.format(**names, count=said.choices[best.of].why)
        return group_search.with_sentence(grouped, ask)
    labelled = first_rows[first_rows[label].str.strip() != ""]
    several = len(labelled) > 2 * labelled[best.of].nunique()
    if several and group_search.is_within(best.of, label, labelled):
        said = group_search.with_sentence(said, ONE_LABEL.format(**names))
    return group_search.with_sentence(said, PROPOSED.format(**names))


def find_histories(
    table: TableProfile, proposal: Proposal, rows: pd.DataFrame
) -> list[FoundHistory]:
    """Find each customer and order that fit, whatever is proposed for them."""
    free = [c for c in table.columns if proposal.choices[c.name].role not in {"label", "weight"}]
    ordered = {c.name for c in free if c.kind == "date" or has_word(c.name, "order")}
    orders = [c for c in free if c.name in ordered and c.kind in {"date", "number"}]
    customers, found = {}, list[FoundHistory | None]()
    for column in [c for c in free if c.name not in ordered and is_discrete(c)]:
        if LEAST <= column.distinct < column.rows and not UNNAMED.fullmatch(column.name):
            keys, problems = read_key(rows[column.name], table.number_format)
            customers[column.name] = _known(pd.factorize(keys)[0], problems)
    for order in orders if customers else []:
        reader = TimeReader(table.number_format, of_kind(order).format)
        times, problems = reader.read(rows[order.name])
        if times.dtype.kind == "M":
            times = times.astype(DATES).astype(np.int64) / MICROSECONDS_A_DAY
        known = _known(times, problems)
        found += [_fit(of, order, numbers, known) for of, numbers in customers.items()]
    return [one for one in found if one is not None]


def _known(values: np.ndarray, problems: Problems) -> np.ndarray:
    values = values.astype(np.float64)
    values[[*problems]] = np.nan
    return values


def _fit(
    of: str, order: ColumnProfile, codes: np.ndarray, times: np.ndarray
) -> FoundHistory | None:
    """Tell whether rows are histories by a customer and a time, both NaN where not known."""
    known = ~np.isnan(codes + times)
    codes, times = pd.factorize(codes[known])[0], times[known]
    sizes = np.bincount(codes)
    in_time = np.lexsort((times, codes))
    is_next = np.diff(codes[in_time]) == 0
    gaps = np.diff(times[in_time])[is_next]
    tied = (gaps == 0).sum()
    is_shared = sizes[sizes > 1].sum() >= SHARED * len(codes) and known.mean() >= 1 - FEW_WITHOUT
    if not is_shared or tied > FEW * len(codes):
        return None
    in_file = np.argsort(codes, kind="stable")
    rising = np.mean(np.diff(times[in_file])[is_next] > 0)
    way = int(rising >= IN_ORDER) - int(rising <= 1 - IN_ORDER)
    changes = np.diff(codes) != 0
    anew = np.mean(np.sign(np.diff(times))[changes] != way) >= ANEW
    stand_together = changes.sum() <= (1 + FEW) * len(sizes)
    shares = np.unique(times, return_counts=True)[1] / len(times)
    by_chance = (sizes * (sizes - 1)).sum() / 2 * (shares**2).sum()
    is_surprise = by_chance >= SURPRISE and tied <= FEW * by_chance
    is_thing = names_a_thing(of) and not {*words_of(of)} <= WORDS["identifier"]
    clear = (way and stand_together and anew) or (is_thing and (way or is_surprise))
    is_birth = {*words_of(order.name)} & {"age", "birth", "born"}  # as of persons of one family
    clear = bool(clear) and len(sizes) >= GROUPS and not is_birth
    return FoundHistory(of, order, sizes, gaps, clear) if clear or is_surprise else None
