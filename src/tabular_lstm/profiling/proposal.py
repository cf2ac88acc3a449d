"""From the profile of a table to what conf says of its columns, each choice with its reason."""

from collections.abc import Callable, Mapping

from tabular_lstm.errors import DataError, no_column, shown
from tabular_lstm.frozen import Frozen
from tabular_lstm.profiling.dates import NONE
from tabular_lstm.profiling.label import Label, label_of
from tabular_lstm.profiling.names import names_a_code, names_a_weight, names_an_identifier
from tabular_lstm.profiling.profile import ColumnProfile, Profile
from tabular_lstm.profiling.roles import (
    is_discrete,
    is_group,
    is_weight,
    key_of,
    may_be_group,
    why_no_weight,
)
from tabular_lstm.rows.validation import UNNAMED

# A column of words with more distinct values is none of categories: rows hardly share one.
MOST_CATEGORIES = 0.2
FEW = 20
CODES = 12
BY_TIME = (
    "the rows are in the order of these dates: to be judged on the newest rows, name the column as "
    "time, not under dates, and add split: {kind: time}"
)
BY_YEAR = (
    "the rows are in the order of these years: to be judged on the newest rows, name the column as "
    "time, and add split: {kind: time}"
)
ASK_GROUP = (
    "does it name a thing, such as a school or a tree, that several rows are of? If so, name the "
    "column under group, and nowhere else: the rows of one thing then go to one side"
)
STOPS_BY_GROUP = "; these rows are too few for that, and a run would stop"
WITHOUT_GROUP = ", and take the line of group away"
# Share of rows in quarantine that conf/base allows.
QUARANTINED = 0.05


class Choice(Frozen):
    """What is proposed for a column.

    Attributes:
        role: `label`, `key`, `group`, `weight`, `dates`, `categorical`, `number`, or `ignore`.
        why: In a few words.
        missing: Values that mean "not measured", with their counts.
        format: Of dates, that of `datetime.strptime`; None for ISO 8601.
    """

    role: str
    why: str
    missing: dict[str | int | float, int] = {}
    format: str | None = None


class Proposal(Frozen):
    """What conf is to say of a table.

    Attributes:
        choices: By the name of the column, in the file's order.
        unsure: What might be otherwise, with the names of the columns of which it is said.
        max_quarantined_fraction: Share of bad rows to allow; None for the default.
    """

    label: Label
    choices: dict[str, Choice]
    unsure: dict[str, list[str]]
    max_quarantined_fraction: float | None = None

    def named(self, role: str) -> list[str]:
        """Name the columns of a role."""
        return [name for name, choice in self.choices.items() if choice.role == role]


def propose(
    profile: Profile,
    label: str | None = None,
    positive: str | None = None,
    key: str | None = None,
    grouped: bool = True,
) -> Proposal:
    """Choose what conf says of each column.

    Args:
        profile: Of the table.
        label: Name of the label. Default: chosen.
        positive: The positive class, as the file writes it. Default: chosen.
        key: Name of the column that identifies a row. Default: chosen, or none.
        grouped: Whether rows may be grouped, and it is not only asked whether. Default: they may.

    Raises:
        DataError: There is no label, see `label_of`; no such column; or no feature is left.
    """
    found = label_of(profile, label, positive)
    names = [column.name for column in profile.columns]
    if key is not None and key not in names:
        raise no_column(profile.file, key, names, "--key names the column")
    if key == found.name:
        raise DataError(
            f"{profile.file}: column '{key}' is both key and label; name another one with --key or "
            "--label."
        )
    roles = {found.name: "label"}
    if chosen := key if key is not None else key_of(profile):
        roles.setdefault(chosen, "key")
    for role, fits in (("group", is_group), ("weight", is_weight))[not grouped :]:
        fitting = [c.name for c in profile.columns if c.name not in roles and fits(c, profile.rows)]
        if fitting:
            roles[fitting[0]] = role
    unsure: dict[str, list[str]] = {sentence: [] for sentence in found.unsure}
    choices: dict[str, Choice] = {}
    for column in profile.columns:
        choice, doubts = (
            _of_role(column, roles[column.name], found, key)
            if column.name in roles
            else _of_kind(column, profile.rows)
        )
        choices[column.name] = choice
        if column.name not in roles and may_be_group(column, profile.rows):
            doubts = [*doubts, ASK_GROUP + STOPS_BY_GROUP * (not grouped)]
        for doubt in doubts:
            has_groups = doubt in {BY_TIME, BY_YEAR} and "group" in roles.values()
            unsure.setdefault(doubt + WITHOUT_GROUP * has_groups, []).append(column.name)
    refuse_no_feature(choices, profile.file)
    share = found.without / profile.rows
    allowed = round(share + QUARANTINED, 2) if share > QUARANTINED / 2 else None
    return Proposal(label=found, choices=choices, unsure=unsure, max_quarantined_fraction=allowed)


def _of_role(
    column: ColumnProfile, role: str, label: Label, key: str | None
) -> tuple[Choice, list[str]]:
    if role == "label":
        return Choice(role=role, why=label.reason), []
    if role == "key":
        why = "as told" if key is not None else "a value of its own in each row"
        doubt = "key: does each row keep this value in later files? If not, ignore the column"
        return Choice(role=role, why=why), [] if key is not None else [doubt]
    if role == "group":
        why = f"{column.distinct} values, which several rows share"
        return Choice(role=role, why=why), [
            "group: rows of one value go to one side, and the column is no feature; if it is an "
            "amount, take the line away"
        ]
    return Choice(role=role, why="by its name"), [
        "weight: by its name, each row counts so much; if it is an amount, such as kilograms, take "
        "the line away, and it is a feature"
    ]


def _of_kind(column: ColumnProfile, rows: int) -> tuple[Choice, list[str]]:
    of_kind: dict[str, Callable[[ColumnProfile, int], tuple[Choice, list[str]]]] = {
        "number": _number,
        "category": _category,
        "boolean": _category,
        "date": _date,
        "quantity": _quantity,
        "identifier": _identifier,
    }
    if UNNAMED.fullmatch(column.name) and not column.in_order:
        doubt = "a column without a name: to learn from it, give it one in the header"
        return Choice(role="ignore", why="it has no name"), [doubt]
    if names_a_weight(column.name) and column.kind not in {"empty", "constant"}:
        why = why_no_weight(column, rows) or "another column is the weight"
        return Choice(role="ignore", why=f"a weight by its name, but {why}"), [
            f"a weight by its name, but {why}: mend that and name it under weight; or, if it is a "
            "feature, take it from ignore"
        ]
    if names_an_identifier(column.name) and is_discrete(column) and column.distinct > FEW:
        why = f"an identifier by its name, of {column.distinct} values"
        return Choice(role="ignore", why=why), []
    if column.kind in of_kind:
        return of_kind[column.kind](column, rows)
    why = {
        "empty": "no cell holds anything",
        "constant": f"always {shown(next(iter(column.examples), ''))}",
        "text": f"free text, {column.words_on_average or 0:g} words on average",
    }[column.kind]
    return Choice(role="ignore", why=why), []


def _number(column: ColumnProfile, rows: int) -> tuple[Choice, list[str]]:
    doubts = []
    if any(not isinstance(code, str) for code in column.codes):
        doubts.append(
            "missing: numbers that stand apart were taken for 'not measured'; if they are amounts, "
            "take them from there"
        )
    if column.lump:
        doubts.append(
            "0 is far more frequent than any other number: if it means 'not measured', name it "
            "under missing"
        )
    if column.in_order:
        doubts.append(BY_YEAR)
    if column.odd:
        doubts.append(
            "numbers, but some cells are none, and their rows go to quarantine: mend them, or name "
            "them under missing"
        )
    few = column.whole and 2 < column.distinct - len(column.codes) <= CODES
    if few and names_a_code(column.name):
        return Choice(
            role="categorical",
            why=f"{column.distinct} whole numbers, codes by its name",
            missing=column.codes,
        ), [
            *doubts,
            "categorical: few whole numbers, by their names codes; if they are amounts, take them "
            "from there",
        ]
    shared = column.whole and column.distinct > CODES and column.present >= 2 * column.distinct
    if shared and names_a_code(column.name):
        doubts.append(
            "whole numbers, by their names codes: if they are names and not amounts, add them to "
            "categorical"
        )
    if few and not _is_a_count(column):
        doubts.append(
            "few whole numbers: if they are names and not amounts, add them to categorical"
        )
    why = f"{column.lowest:g} to {column.highest:g}"
    return Choice(role="number", why=why, missing=column.codes), doubts


def _is_a_count(column: ColumnProfile) -> bool:
    """Tell whether whole numbers begin at 0, or go up without a gap, as counts and steps do."""
    known = column.distinct - len(column.codes)
    low, high = column.lowest or 0, column.highest or 0
    return low == 0 or high - low + 1 == known > 4


def _category(column: ColumnProfile, rows: int) -> tuple[Choice, list[str]]:
    if column.distinct > max(FEW, MOST_CATEGORIES * (rows - column.missing)):
        return Choice(
            role="ignore", why=f"{column.distinct} distinct values in {rows - column.missing} rows"
        ), ["words that hardly any two rows share: to learn from them, add them to categorical"]
    doubts = []
    if {*column.codes} - {"?"}:
        doubts.append("missing: signs among words were taken for 'not measured'")
    if column.distinct > max(FEW, rows / 20):
        doubts.append("categorical: many values for so many rows")
    return Choice(role="categorical", why=f"{column.distinct} values", missing=column.codes), doubts


def _date(column: ColumnProfile, rows: int) -> tuple[Choice, list[str]]:
    form = column.formats[0]
    doubts = []
    if column.in_order and form == NONE:
        doubts.append(BY_TIME)
    if len(column.formats) > 1:
        doubts.append(f"dates: {form} and {column.formats[1]} fit all cells alike; which is it?")
    return Choice(
        role="dates",
        why=f"written as {form}",
        missing=column.codes,
        format=None if form == NONE else form,
    ), doubts


def _quantity(column: ColumnProfile, rows: int) -> tuple[Choice, list[str]]:
    unit = column.unit
    doubt = (
        f"numbers with the unit {unit!r} are text here: to learn from them as numbers, write them "
        "without it"
    )
    if column.distinct <= FEW:
        return Choice(role="categorical", why=f"{column.distinct} values with a unit"), [doubt]
    return Choice(role="ignore", why=f"text: numbers with the unit {unit!r}"), [doubt]


def _identifier(column: ColumnProfile, rows: int) -> tuple[Choice, list[str]]:
    why = "it numbers the rows" if column.in_order else "a value of its own in nearly each row"
    return Choice(role="ignore", why=why), []


def refuse_no_feature(choices: Mapping[str, Choice], file: str) -> None:
    """Stop where no column is left to learn from.

    Raises:
        DataError: Names what each column was taken for.
    """
    if not {"number", "categorical", "dates"} & {choice.role for choice in choices.values()}:
        raise DataError(
            f"{file}: no column is left to learn from: "
            + "; ".join(f"{shown(n)}: {c.role}, {c.why}" for n, c in choices.items())
        )
