"""The kept champions: what is left of each, and whether a candidate is fairly compared with it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError
from tabular_lstm.network.keras_file import NoNetworkError
from tabular_lstm.parameters import Columns
from tabular_lstm.rows.cells import category_codes
from tabular_lstm.rows.fingerprints import Fingerprints, of_sequences
from tabular_lstm.rows.keys import keys_of, together_of
from tabular_lstm.rows.number_format import POINT, NumberFormat, pointed
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.weights import count_by_class, weights_note
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.decision import Decision, Judgement
from tabular_lstm.serving.promotion_log import LogEntry

# By run id, functions that read what the run left; they raise a DataError where it is unreadable.
Versions = dict[str, Callable[[], Any]]
# What a label means, whichever side its row is on.
CLASSES = ("label", "positive_class", "negative_class")


# So many of a champion's train rows are in the table where cells mean what they meant.
KNOWN = 0.5


class NotComparedError(Exception):
    """Why a candidate is not compared with a champion, in words."""


@dataclass(frozen=True)
class Scored:
    """What a champion says of the test rows.

    Attributes:
        probabilities: (rows,).
        threshold: Its decision threshold.
        trained_on: Which of the rows it was trained on, (rows,): they say nothing of it.
    """

    probabilities: np.ndarray
    threshold: float
    trained_on: np.ndarray


def read(versions: Versions, run: str, what: str) -> Any:
    """Read what a run left.

    Raises:
        NotComparedError: It is gone or unreadable, which comes to the same.
    """
    if run not in versions:
        raise NotComparedError(f"its {what} gone")
    try:
        return versions[run]()
    except DataError as error:
        raise NotComparedError(f"its {what} not readable ({error})") from error


def judged_by(decisions: Versions, promotion: LogEntry) -> Judgement:
    """Read by what a champion was judged.

    Args:
        decisions: Those that are left.
        promotion: The entry in the promotion log in which it was promoted.

    Raises:
        NotComparedError: Its decision is gone, unreadable, or not the one that the entry names.
    """
    decision: Decision = read(decisions, promotion.run_id, "decision is")
    if decision.judgement is None or decision.fingerprint() != promotion.decision_sha256:
        raise NotComparedError("its decision is not the one by which it was promoted")
    return decision.judgement


def fingerprints_of(fingerprints: Versions, run: str, judgement: Judgement) -> Fingerprints:
    """Read the fingerprints of a champion's train rows.

    Raises:
        NotComparedError: They are gone, unreadable or not those that its decision names.
    """
    found: Fingerprints = read(fingerprints, run, "train rows' fingerprints are")
    if found.sha256 != judgement.fingerprints_sha256:
        raise NotComparedError("its train rows' fingerprints are not those of its decision")
    return found


def promoted_artifact(artifacts: Versions, run: str, sha256: str, serves: bool) -> Artifact:
    """Load the artifact that was promoted.

    Raises:
        NotComparedError: It is gone, unreadable or another one, or it cannot be loaded.
        DataError: It serves and cannot be loaded.
    """
    artifact: Artifact = read(artifacts, run, "artifact is")
    if artifact.sha256 != sha256:
        raise NotComparedError("its artifact is not the one that was promoted")
    try:
        artifact.scorer  # noqa: B018
    except NoNetworkError as error:
        if serves:
            raise
        raise NotComparedError(f"it cannot be loaded: {error}") from error
    return artifact


def score(
    artifact: Artifact,
    fingerprints: Fingerprints,
    train_rows: pd.DataFrame,
    test_rows: pd.DataFrame,
    columns: Columns,
    marks: NumberFormat = POINT,
) -> Scored:
    """Let a champion score the test rows, and find those that it was trained on.

    Rows are laid out by the champion's own schema: whatever changed since, it is given what it was
    given then. A row was trained on if its key, group or time was or, without one that is the same,
    its features. With one, rows of others may look alike, and candidate and champion were both
    trained on such; where the champion alone was, as after new keys were given out, it counts as
    trained on. Where one row of a group does, all do.

    Args:
        artifact: The champion's.
        fingerprints: Of its train rows.
        train_rows: Valid rows.
        test_rows: Likewise.
        columns: The role of each column.
        marks: What the file of these rows writes numbers with. Default: a point before the
            fraction.

    Raises:
        NotComparedError: The champion cannot read these rows as it did then.
    """
    schema = artifact.scorer.schema
    keys, together = keys_of(test_rows, columns), together_of(test_rows, columns)
    named = [of.name for of in (keys, together) if of is not None]
    _refuse_other_meaning(schema, test_rows, columns)
    try:
        sequences = artifact.sequences(test_rows)
        if anew := _read_anew(schema, columns, marks):
            here = of_sequences(np.concatenate([sequences, artifact.sequences(train_rows)]))
            _refuse_other_values(anew, np.isin(fingerprints.sequences, here))
        trained_on = fingerprints.hold(sequences)
        if not {fingerprints.key, fingerprints.group}.isdisjoint(named):
            if trained_on.any():
                by_both = of_sequences(artifact.sequences(train_rows))
                trained_on &= ~np.isin(of_sequences(sequences), by_both)
            trained_on |= fingerprints.hold(sequences, keys, together)
        if columns.group is not None:
            groups = test_rows[columns.group]
            known = _groups_known(artifact, fingerprints, train_rows, columns)
            trained_on |= groups.isin([*known, *groups[trained_on]]).to_numpy()
    except DataError as error:
        raise NotComparedError(f"it cannot read the rows: {error}") from error
    return Scored(artifact.score(sequences), artifact.scorer.threshold, trained_on)


def _groups_known(
    artifact: Artifact, fingerprints: Fingerprints, train_rows: pd.DataFrame, columns: Columns
) -> pd.Series:
    """Name the groups of those train rows that a champion was trained on too.

    None where its own fingerprints tell its groups, which may be others.
    """
    groups = train_rows[columns.group]
    if groups.name == fingerprints.group:
        return groups[:0]
    sequences = artifact.sequences(train_rows)
    return groups[fingerprints.hold(sequences, keys_of(train_rows, columns))]


def _refuse_other_meaning(schema: Schema, rows: pd.DataFrame, columns: Columns) -> None:
    """Stop where labels or features do not mean what they meant to the champion.

    Raises:
        NotComparedError: Names what changed.
    """
    for name in CLASSES:
        if getattr(schema, name) != getattr(columns, name):
            raise NotComparedError(
                f"{name} was {getattr(schema, name)!r} for it and is {getattr(columns, name)!r}"
            )
    if gone := [name for name in schema.columns if name not in rows]:
        raise NotComparedError(
            f"features that it needs are gone: {', '.join(gone)}. If the file lacks them by "
            "mistake, put them back"
        )
    for name in schema.columns:
        if _is_read_as_something_else(name, schema, columns):
            was = "categories" if name in schema.categories else "numbers"
            was = "dates" if name in schema.dates else was
            raise NotComparedError(
                f"'{name}' had {was} for it that are read as something else now: its train "
                "rows would not be known again"
            )


def _read_anew(schema: Schema, columns: Columns, marks: NumberFormat) -> list[str]:
    """Say which cells are read otherwise than for a champion: by another format, other marks."""
    dates = [name for name, form in schema.dates.items() if columns.dates[name] != form]
    anew = [f"the format of {', '.join(dates)}"] if dates else []
    if schema.marks != marks:
        anew.append(f"what numbers are written with, {schema.marks} for it and {marks} now,")
    return anew


def _refuse_other_values(anew: list[str], known: np.ndarray) -> None:
    """Stop where cells that are read anew have other values, and not the same written otherwise.

    Nobody can tell but by the champion's train rows: most of them are in the table then.

    Args:
        anew: What is read otherwise.
        known: Which of its train rows are in the table, (train rows,).

    Raises:
        NotComparedError: Counts them.
    """
    if known.mean() < KNOWN:
        raise NotComparedError(
            f"{' and '.join(anew)} changed, and of the {len(known)} rows that it was trained on "
            f"{known.sum()} are in the table as it reads it: these cells may mean something else "
            "now"
        )


def _is_read_as_something_else(name: str, schema: Schema, columns: Columns) -> bool:
    """Tell whether a feature may be another value, or blank, in a row that a champion knows."""
    if name in schema.dates or name in columns.dates:
        return (name in schema.dates) != (name in columns.dates)
    categories = schema.categories.get(name)
    if name not in columns.categorical:
        return categories is not None
    codes = category_codes(columns.missing.get(name, []))
    if categories is not None:
        return not codes.isdisjoint(categories)
    # Its numbers that are codes of a category now are blank in the rows.
    new = codes - category_codes(schema.missing.get(name, []))
    return any(pointed(code) is not None for code in new)


def refuse_few_rows(
    scored: Scored,
    labels: np.ndarray,
    least: int,
    weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> None:
    """Stop where too few of the test rows, or of their groups, are new to a champion.

    They are counted by what they tell, see `tabular_lstm.rows.weights.count_rows`.

    Raises:
        NotComparedError: Counts them.
    """
    new = ~scored.trained_on
    left = labels[new]
    counted = count_by_class(left, *(None if of is None else of[new] for of in (weights, groups)))
    if scored.trained_on.any() and min(counted) < least:
        negative, positive = map(int, counted)
        others = (
            f"the {len(left)} others {int(left.sum())} are positive"
            if groups is None
            else f"the groups of the {len(left)} others {positive} have positive rows and "
            f"{negative} negative ones"
        )
        raise NotComparedError(
            f"it was trained on {scored.trained_on.sum()} of the {len(labels)} test rows, and of "
            f"{others}; expected at least {least} of each class{weights_note(weights)} "
            "(promotion.min_test_rows_per_class)"
        )
