"""Find rows that belong together in a table that nobody has described."""

from dataclasses import replace

import pandas as pd

from tabular_lstm.errors import shown
from tabular_lstm.profiling.proposal import Choice, Proposal, of_kind
from tabular_lstm.profiling.table_profile import TableProfile
from tabular_lstm.rows.data_warnings import facts_of, numbers_of, ways_out
from tabular_lstm.rows.dependent_rows import DependentRows, are_within, find_dependent_rows
from tabular_lstm.rows.labels import are_unlabelled
from tabular_lstm.rows.validation import UNNAMED, read_rows

# Largest share of the rows that may go to quarantine because they have no group.
FEW_WITHOUT = 0.025
FEATURES = ("number", "categorical", "dates")
SEARCHES = 3  # for nested groups, such as visits, patients and towns


def with_found_group(table: TableProfile, proposal: Proposal, first_rows: pd.DataFrame) -> Proposal:
    """Propose the group that keeps dependent rows together; of nested groups, the outermost.

    If several found groups belong together, such as the visits of a patient, the search is
    repeated: the outer column becomes the group, and the inner column is ignored.

    For the arguments see `search_group`.
    """
    said, inner = proposal, list[str]()
    for _ in range(SEARCHES):
        group = inner[-1] if inner else None
        if not (found := search_group(table, said, first_rows, group)):
            break
        name = found.columns[0]
        if group is not None and not are_within(first_rows[group], first_rows[name]):
            ways = ways_out(found, said.columns().ignore)
            return with_sentence(said, f"{facts_of(found)}. {ways}")
        ignored = Choice("ignore", f"rows of one value have one {shown(name)}")
        without = with_choices(proposal, dict.fromkeys(inner, ignored))
        proposed = with_group(table, without, found, group)
        if proposed.columns().group != name:
            return with_group(table, said, found)
        said = proposed
        inner.append(name)
    return said


def search_group(
    table: TableProfile, proposal: Proposal, first_rows: pd.DataFrame, group: str | None = None
) -> DependentRows | None:
    """Find the column whose equal values show which rows belong together.

    Columns that the proposal ignores, such as identifiers, are searched too, and so is a column
    that is proposed as the group only because of its name.

    Args:
        table: The profile of the table.
        proposal: The proposed conf.
        first_rows: All rows as text, or the first ones.
        group: A group that was found before; the search is for a further group. Default: none.
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
    valid = read_rows(
        [first_rows], columns.model_copy(update=read), table.file, table.number_format
    )[0]
    looked_at = {"group": group, "ignore": [*columns.ignore, *guessed]}
    return find_dependent_rows(valid, columns.model_copy(update=looked_at))


def _repeats(table: TableProfile, name: str) -> bool:
    """Tell whether a column has a name and several values, and a value is in several rows."""
    column = table.column(name)
    return 1 < column.distinct < column.cells.present and not UNNAMED.fullmatch(name)


def with_group(
    table: TableProfile, proposal: Proposal, found: DependentRows, inner: str | None = None
) -> Proposal:
    """Propose the group that keeps dependent rows together, and say how to undo this.

    No group is proposed if no other feature is left, or if too many rows have no group and would go
    to quarantine. Then the proposal says what to do.

    Args:
        table: The profile of the table.
        proposal: The proposed conf.
        found: The dependent rows.
        inner: An inner column that is the group if the rows are independent. Default: none.
    """
    name, facts = found.columns[0], facts_of(found)
    left = [other for role in FEATURES for other in proposal.named(role) if other != name]
    if not left:
        ways = ways_out(found, proposal.columns().ignore)
        return with_sentence(proposal, f"{facts}. {ways}")
    column, called = table.column(name), shown(name)
    if column.rows - column.present > FEW_WITHOUT * column.rows:
        sentence = (
            f"{facts}. {column.rows - column.present} rows have no {called}: give each of them a "
            "value of its own, and name the column under group, and nowhere else"
        )
        return with_sentence(proposal, sentence)
    # A column that was proposed as the group because of its name gets its kind's role.
    guessed = {other: of_kind(table.column(other)) for other in proposal.named("group")}
    before = (proposal.choices | guessed)[name]
    group = Choice("group", f"rows of one value mostly have one label. {numbers_of(found)}")
    sentence = f"group: {facts}: such rows are kept together. {_way_back(before, called, inner)}"
    proposed = with_sentence(with_choices(proposal, guessed | {name: group}), sentence)
    for other in guessed.keys() - {name}:
        for doubt in guessed[other].unsure:
            proposed.unsure.setdefault(doubt, []).append(other)
    return proposed


def with_choices(proposal: Proposal, choices: dict[str, Choice]) -> Proposal:
    """Replace the choices of some columns, and remove what was unsure about these columns."""
    unsure: dict[str, list[str]] = {}
    for doubt, names in proposal.unsure.items():
        others = [name for name in names if name not in choices]
        if others or not names:
            unsure[doubt] = others
    return replace(proposal, choices=proposal.choices | choices, unsure=unsure)


def with_sentence(proposal: Proposal, sentence: str) -> Proposal:
    """Add a sentence at the start of what is unsure."""
    return replace(proposal, unsure={sentence: [], **proposal.unsure})


def _way_back(before: Choice, called: str, inner: str | None) -> str:
    """Say what to write if the rows of a group are independent."""
    instead = f"name the column under {before.role} instead"
    if before.role == "number":
        instead = "take the line away"
    if before.format:
        instead += f", with the format {before.format}"
    if inner is not None:
        instead += f", name {shown(inner)} under group"
    declared = f", and add split: {{independent: [{called}]}}"
    return f"If they are independent, {instead}{'' if before.role == 'ignore' else declared}"
