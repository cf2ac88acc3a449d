"""Whether a candidate can be compared with a champion, and what this says of the test rows."""

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError, printable
from tabular_lstm.judging.checks import Champion
from tabular_lstm.judging.intervals import Rows
from tabular_lstm.judging.measures import Rule, measure_of
from tabular_lstm.monitoring.drift import Drift
from tabular_lstm.monitoring.watch import Seen, Watch
from tabular_lstm.network.keras_file import NoNetworkError
from tabular_lstm.parameters import Columns, Promotion, Task
from tabular_lstm.rows.fingerprints import Fingerprints, of_sequences
from tabular_lstm.rows.histories import Sequences
from tabular_lstm.rows.keys import keys_of, together_of
from tabular_lstm.rows.labelled_set import LabelledSet
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.weights import weights_note
from tabular_lstm.serving.answers import answers_of
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.champion import declared_task
from tabular_lstm.serving.champion_history import Champions
from tabular_lstm.serving.decision import Decision, Judgement
from tabular_lstm.serving.promotion_log import LogEntry, promoted, standing

logger = logging.getLogger(__name__)

Value = TypeVar("Value")


class NotComparedError(Exception):
    """Why a candidate is not compared with a champion, in words."""

    def __init__(self, why: str) -> None:
        super().__init__(printable(why))


@dataclass(frozen=True)
class Scored:
    """What a champion says of the test rows, and which of them it was trained on, bool (rows,).

    `predictions` are as `network.score.score` gives them; `rule` is what decides, see
    `serving.answers.Answers.rule`. `seen` is what `watch`, of its reference, counts of the rows
    that it was not trained on; None where it has no reference.
    """

    predictions: np.ndarray
    rule: Rule
    trained_on: np.ndarray
    watch: Watch | None = None
    seen: Seen | None = None


@dataclass(frozen=True)
class ComparedChampions:
    """The champions that stand, the one that serves first, and what the compared ones say.

    `drift` is of the test rows from what the champion that serves was trained on; None where there
    is no champion.
    """

    champions: list[Champion]
    scored: dict[str, Scored]
    drift: Drift | None = None


def compare_champions(
    champions: Champions,
    train_rows: pd.DataFrame,
    test_rows: pd.DataFrame,
    history_rows: pd.DataFrame,
    test_set: LabelledSet,
    schema: Schema,
    columns: Columns,
    promotion: Promotion,
) -> ComparedChampions:
    """Let the champions that stand score the test rows, and say which cannot be compared with.

    Raises:
        DataError: The champion that serves cannot be loaded.
    """
    found: list[Champion] = []
    compared: dict[str, Scored] = {}
    known = promoted(champions.log)
    for run in standing(champions.log)[: promotion.keep_champions]:
        champion: dict[str, Any] = {"run_id": run, "sha256": known[run].sha256}
        try:
            judgement = judged_by(champions, known[run])
            champion |= {"data": judgement.data, "promoted_with": judgement.candidate}
            if promotion.start_over:
                raise NotComparedError("promotion.start_over is set")
            artifact = promoted_artifact(champions, known[run])
            expected = judgement.fingerprints_sha256
            kept = _kept(champions.fingerprints, run, "train rows' fingerprints are", expected)
            watch = None if found else _watch(artifact, champions)
            scored = score(
                artifact, kept, train_rows, test_rows, history_rows, columns, schema, watch
            )
            champion["left_out_rows"] = int(scored.trained_on.sum())
            refuse_few_rows(scored, test_set, promotion.min_test_rows_per_class, schema.task)
        except NotComparedError as why:
            champion["not_compared"] = str(why)
            logger.warning("The champion of run %s will not be compared with: %s", run, why)
        else:
            compared[run] = scored
        found.append(Champion(**champion))
    return ComparedChampions(found, compared)


def judged_by(champions: Champions, promotion: LogEntry) -> Judgement:
    """Read by what a champion was judged, given the log entry that promoted the champion.

    Raises:
        NotComparedError: Its decision is gone, unreadable, or not the one that the entry names.
    """
    run, expected = promotion.run_id, promotion.decision_sha256
    decision = _kept(champions.decisions, run, "decision is", expected, Decision.fingerprint)
    judgement = decision.judgement
    if judgement is None:
        raise NotComparedError("its decision judged no candidate")
    return judgement


def promoted_artifact(champions: Champions, promotion: LogEntry) -> Artifact:
    """Load the artifact that was promoted.

    Raises:
        NotComparedError: It is gone, unreadable or another one, or it cannot be loaded.
        DataError: It serves and cannot be loaded.
    """
    run = promotion.run_id
    kept = _kept(champions.artifacts, run, "artifact is", promotion.sha256)
    artifact = replace(kept, run_id=run)
    try:
        artifact.scorer  # noqa: B018
    except NoNetworkError as error:
        if run == champions.log[-1].serves_now:
            raise
        raise NotComparedError(f"it cannot be loaded: {error}") from error
    return artifact


def _watch(artifact: Artifact, champions: Champions) -> Watch | None:
    """Read a champion's reference; none where its run left none, or another candidate's."""
    with contextlib.suppress(DataError):
        return Watch(champions.reference_of(artifact), artifact.scorer.schema)
    return None


def _kept(
    versions: Mapping[str, Value],
    run: str,
    what: str,
    expected: str | None,
    hash_of: Callable[[Value], str] = attrgetter("sha256"),
) -> Value:
    """Read what a run left, if its hash is the expected one."""
    with contextlib.suppress(KeyError, DataError):
        if hash_of(kept := versions[run]) == expected:
            return kept
    raise NotComparedError(f"its {what} gone, damaged or not what was promoted")


def score(
    artifact: Artifact,
    fingerprints: Fingerprints,
    train_rows: pd.DataFrame,
    test_rows: pd.DataFrame,
    history_rows: pd.DataFrame,
    columns: Columns,
    schema: Schema,
    watch: Watch | None = None,
) -> Scored:
    """Let a champion score the test rows, find those that it was trained on, and count the others.

    A row was trained on if its key, group or time was or, without one that is the same, its
    features as the champion sees them. With one, rows of others may look alike, and candidate and
    champion were both trained on such; where the champion alone was, as after new keys were given
    out, it counts as trained on. Where one row of a group does, all do.

    Raises:
        NotComparedError: The champion reads these rows otherwise than the candidate does.
    """
    refuse_other_reading(artifact.scorer.schema, schema)
    if columns.group is not None and columns.group != fingerprints.group:
        was = fingerprints.group or "none"
        raise NotComparedError(f"the group of its rows was {was} and is {columns.group}")
    keys, together = keys_of(test_rows, columns), together_of(test_rows, columns)
    sequences = artifact.sequences(test_rows, train_rows, history_rows)
    trained_on = fingerprints.hold(sequences)
    named = [of.name for of in (keys, together) if of is not None]
    if not {fingerprints.key, fingerprints.group}.isdisjoint(named):
        if trained_on.any():
            by_both = of_sequences(artifact.sequences(train_rows, history_rows))
            trained_on &= ~np.isin(of_sequences(sequences), by_both)
        trained_on |= fingerprints.hold(sequences, keys, together)
    if columns.group is not None:
        groups = test_rows[columns.group]
        trained_on |= groups.isin(groups[trained_on]).to_numpy()
    predictions, rule = artifact.score(sequences), answers_of(artifact.scorer).rule
    new = ~trained_on
    which = _new_rows(sequences, new, len(history_rows))
    seen = watch.count(sequences[new], predictions[new], which) if watch else None
    return Scored(predictions, rule, trained_on, watch, seen)


def _new_rows(sequences: Sequences, new: np.ndarray, unlabelled: int) -> Any:
    """Tell which rows of a table are new: of the last ones, unlabelled, those of new customers."""
    if isinstance(sequences, np.ndarray):
        return slice(None)
    own, customer = sequences.own[new], sequences.customer
    which = np.isin(customer, customer[own]) & (sequences.order >= len(customer) - unlabelled)
    which[own] = True
    return which


def refuse_other_reading(its: Schema, schema: Schema) -> None:
    """Stop where a champion's labels or columns are others for the candidate, or read otherwise."""
    before, today = (
        {**declared_task(of), "the number format": repr(of.marks)} for of in (its, schema)
    )
    for what, said in before.items():
        if said != today[what]:
            raise NotComparedError(f"{what} was {said} for it and is {today[what]}")
    if gone := [name for name in its.columns if name not in schema.columns]:
        raise NotComparedError(f"features that it needs are gone: {', '.join(gone)}")
    for name in [*its.columns, *its.roles]:
        if (was := _reading(its, name)) != (now := _reading(schema, name)):
            raise NotComparedError(f"column '{name}' was read as {was} for it, and now as {now}")


def _reading(schema: Schema, name: str) -> str:
    """Say what a column's cells are taken for."""
    kind = "categories" if name in schema.categories else "numbers"
    dates = dict(schema.dates)
    if schema.history is not None and schema.history.dates:
        dates[schema.history.order] = schema.history.form
    if name in dates:
        kind = f"dates of format {dates[name] or 'ISO 8601'}"
    # A number is one code however it is written.
    given = schema.missing.get(name, [])
    codes = sorted({code if isinstance(code, str) else repr(float(code)) for code in given})
    return f"{kind} with codes for missing {', '.join(codes)}" if codes else kind


def refuse_few_rows(scored: Scored, test_set: LabelledSet, least: int, task: Task) -> None:
    """Stop where too few of the test rows, or of their groups, are new to a champion."""
    new = ~scored.trained_on
    of = Rows(test_set.labels.to_numpy(), test_set.weights, test_set.groups).part(new)
    fewest, named = measure_of(task).fewest(of)
    if new.all() or fewest >= least:
        return
    counted = "rows" if of.groups is None else "groups with rows"
    rarer, each = (" of the rarer class", " of each class") if named else ("", "")
    raise NotComparedError(
        f"it was trained on {np.sum(~new)} of the {len(new)} test rows, and the others have "
        f"{fewest} {counted}{rarer}; expected at least {least}{each}"
        f"{weights_note(of.weights)} (promotion.min_test_rows_per_class)"
    )
