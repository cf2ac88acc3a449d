"""What a candidate's test rows can be compared with: champions, and the serving one's reference."""

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError, printable, unknown_name
from tabular_lstm.judging.gate import Champion, FeaturesMoved
from tabular_lstm.judging.measures import Rule, fewest_rows
from tabular_lstm.measuring import Rows
from tabular_lstm.monitoring.drift import Drift, compare
from tabular_lstm.monitoring.reference import Seen, Watch, rows_each
from tabular_lstm.network.keras_file import NoNetworkError
from tabular_lstm.parameters.columns import ColumnsOptions, in_words
from tabular_lstm.parameters.runs import MonitoringOptions, PromotionOptions
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.fingerprints import Fingerprints, keys_of, of_sequences, together_of
from tabular_lstm.rows.histories import Sequences
from tabular_lstm.rows.labelled_set import Examples, weights_note
from tabular_lstm.rows.schema import Schema
from tabular_lstm.serving.answers import answers_of
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.champion import declared_task
from tabular_lstm.serving.decision import Champions, Decision, Judgement
from tabular_lstm.serving.promotion_log import LogEntry, distinct_standing, promoted, standing
from tabular_lstm.task import Task

logger = logging.getLogger(__name__)

Value = TypeVar("Value")


class NotComparedError(Exception):
    """The reason, in words, why a candidate is not compared with a champion."""

    def __init__(self, why: str) -> None:
        super().__init__(printable(why))


@dataclass(frozen=True)
class Scored:
    """A champion's predictions of the test rows, and which rows it was trained on, bool (rows,).

    `predictions` come from `network.score.score`; `rule` is the decision rule, see
    `serving.answers.Answers.rule`. `watch` uses the champion's reference; `seen` has the counts of
    the rows that it was not trained on. Both are None if it has no reference.
    """

    predictions: np.ndarray
    rule: Rule
    trained_on: np.ndarray
    watch: Watch | None = None
    seen: Seen | None = None


@dataclass(frozen=True)
class ComparedChampions:
    """The standing champions, the serving one first, and the compared champions' predictions.

    `drift` compares the test rows with the reference of the serving champion; None if there is no
    champion. `judged` tells which test rows judge, see `Examples.judged`.
    """

    champions: list[Champion]
    scored: dict[str, Scored]
    drift: Drift | None = None
    judged: np.ndarray | None = None

    def judged_rows(self) -> dict[str, Scored]:
        """Give the predictions of the rows that judge."""
        if self.judged is None:
            return self.scored
        return {
            run: replace(
                scored,
                predictions=scored.predictions[self.judged],
                trained_on=scored.trained_on[self.judged],
            )
            for run, scored in self.scored.items()
        }


def compare_champions(
    champions: Champions,
    train_rows: pd.DataFrame,
    test_rows: pd.DataFrame,
    history_rows: pd.DataFrame,
    test_set: Examples,
    schema: Schema,
    columns: ColumnsOptions,
    promotion: PromotionOptions,
) -> ComparedChampions:
    """Score the test rows with the standing champions; note why some cannot be compared.

    Raises:
        DataError: The serving champion cannot be loaded.
    """
    standing_champions: list[Champion] = []
    compared: dict[str, Scored] = {}
    promotions = promoted(champions.log)
    for run in distinct_standing(champions.log, promotion.keep_champions):
        champion: dict[str, Any] = {"run_id": run, "sha256": promotions[run].sha256}
        try:
            judgement = judged_by(champions, promotions[run])
            champion |= {"data": judgement.data, "promoted_with": judgement.candidate}
            champion["promoted_on"] = judgement.judged_on
            if promotion.start_over:
                raise NotComparedError("promotion.start_over is set")
            artifact = promoted_artifact(champions, promotions[run])
            expected = judgement.fingerprints_sha256
            fingerprints = _read_checked(
                champions.fingerprints, run, "train rows' fingerprints are", expected
            )
            watch = None if standing_champions else _watch(artifact, champions)
            rows = train_rows, test_rows, history_rows
            newest, judged = test_set.newest, test_set.judged
            scored = score(artifact, fingerprints, *rows, columns, schema, watch, newest)
            left_out = scored.trained_on if judged is None else scored.trained_on[judged]
            champion["left_out_rows"] = int(left_out.sum())
            refuse_few_rows(scored, test_set, promotion.min_test_rows_per_class, schema.task)
        except NotComparedError as why:
            champion["not_compared"] = str(why)
            logger.warning(
                "The candidate is not compared with the champion of run %s: %s", run, why
            )
        else:
            compared[run] = scored
        standing_champions.append(Champion(**champion))
    return ComparedChampions(standing_champions, compared, judged=test_set.judged)


def judged_by(champions: Champions, promotion: LogEntry) -> Judgement:
    """Read a champion's judgement, given the log entry that promoted it.

    Raises:
        NotComparedError: Its decision is gone, unreadable, or not the one that the entry names.
    """
    run, expected = promotion.run_id, promotion.decision_sha256
    decision = _read_checked(
        champions.decisions, run, "decision is", expected, Decision.fingerprint
    )
    judgement = decision.judgement
    if judgement is None:
        raise NotComparedError("its decision judged no candidate")
    return judgement


def promoted_artifact(champions: Champions, promotion: LogEntry) -> Artifact:
    """Load the artifact that was promoted.

    Raises:
        NotComparedError: It is gone, is not the promoted one, or cannot be read or loaded.
        DataError: It serves and cannot be loaded.
    """
    run = promotion.run_id
    stored_artifact = _read_checked(champions.artifacts, run, "artifact is", promotion.sha256)
    artifact = replace(stored_artifact, run_id=run)
    try:
        artifact.scorer  # noqa: B018
    except NoNetworkError as error:
        if run == champions.log[-1].serves_now:
            raise
        raise NotComparedError(f"it cannot be loaded: {error}") from error
    return artifact


def run_of_same_network(champions: Champions, candidate: Artifact) -> str | None:
    """Find the run whose network the candidate is: the champion, or one that was rolled back from.

    A champion whose file is gone or changed is passed over. Returns None if there is no such run.
    """
    promotions, replaced = promoted(champions.log), standing(champions.log)[1:]
    for run in sorted(promotions.keys() - {*replaced}, reverse=True):
        with contextlib.suppress(NotComparedError):
            sha256 = promotions[run].sha256
            artifact = _read_checked(champions.artifacts, run, "artifact is", sha256)
            if artifact.network_sha256 == candidate.network_sha256:
                return run
    return None


def _watch(artifact: Artifact, champions: Champions) -> Watch | None:
    """Read a champion's reference; None, with a warning, if there is none that can be used."""
    try:
        return Watch(champions.reference_of(artifact), artifact.scorer.schema)
    except DataError as error:
        logger.warning("The test rows are not compared with the champion's training: %s", error)
    return None


def _read_checked(
    versions: Mapping[str, Value],
    run: str,
    subject: str,
    expected: str | None,
    hash_of: Callable[[Value], str] = attrgetter("sha256"),
) -> Value:
    """Read a run's version, and check its hash."""
    cause = ""
    try:
        if hash_of(version := versions[run]) == expected:
            return version
    except KeyError:
        pass
    except DataError as error:
        cause = f": {error}"
    raise NotComparedError(f"its {subject} gone, unreadable or not what was promoted{cause}")


def score(
    artifact: Artifact,
    fingerprints: Fingerprints,
    train_rows: pd.DataFrame,
    test_rows: pd.DataFrame,
    history_rows: pd.DataFrame,
    columns: ColumnsOptions,
    schema: Schema,
    watch: Watch | None = None,
    newest: np.ndarray | None = None,
) -> Scored:
    """Score the test rows with a champion, find rows that it was trained on, count the others.

    The champion was trained on a row if it was trained on the row's key, group or time. If the
    champion and conf have no key or group in common, the row's features are compared instead, as
    the champion reads them. If they have one, equal features count only if the candidate was not
    trained on them too, because then the keys may have been renamed. If one row of a group counts
    as trained on, all rows of the group do. Of histories `watch` counts the scores of the `newest`
    rows.

    Raises:
        NotComparedError: The champion reads these rows differently from the candidate.
    """
    refuse_other_reading(artifact.scorer.schema, schema)
    if columns.group is not None and columns.group != fingerprints.group:
        was = fingerprints.group or "none"
        raise NotComparedError(f"the group of its rows was {was} and is {columns.group}")
    keys, together = keys_of(test_rows, columns), together_of(test_rows, columns)
    sequences = artifact.sequences(test_rows, train_rows, history_rows)
    trained_on = fingerprints.hold(sequences)
    named = [series.name for series in (keys, together) if series is not None]
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
    counts = None
    if watch:
        counted_rows = _new_rows(sequences, new, len(history_rows))
        # Version 0.1.0 judged histories on all rows.
        counted = new if newest is None or watch.reference.judged_on is None else new & newest
        counts = watch.count(sequences[counted], predictions[counted], counted_rows)
    return Scored(predictions, rule, trained_on, watch, counts)


def _new_rows(sequences: Sequences, new: np.ndarray, unlabelled: int) -> Any:
    """Return which rows of a table are new: `new` rows, and unlabelled rows of their customers."""
    if isinstance(sequences, np.ndarray):
        return slice(None)
    own_places, customer = sequences.own[new], sequences.customer
    is_new = np.isin(customer, customer[own_places]) & (
        sequences.order >= len(customer) - unlabelled
    )
    is_new[own_places] = True
    return is_new


def refuse_other_reading(champion_schema: Schema, schema: Schema) -> None:
    """Refuse a champion whose labels or columns the candidate lacks or reads differently."""
    champion_task, candidate_task = (
        {**declared_task(either), "the number format": repr(either.marks)}
        for either in (champion_schema, schema)
    )
    for field, champion_value in champion_task.items():
        if champion_value != candidate_task[field]:
            raise NotComparedError(
                f"{field} was {champion_value} for it and is {candidate_task[field]}"
            )
    if missing_features := [name for name in champion_schema.columns if name not in schema.columns]:
        raise NotComparedError(f"features that it needs are gone: {', '.join(missing_features)}")
    for name in [*champion_schema.columns, *champion_schema.roles]:
        if (champion_reading := _reading(champion_schema, name)) != (
            candidate_reading := _reading(schema, name)
        ):
            raise NotComparedError(
                f"column '{name}' was read as {champion_reading} for it, and now as "
                f"{candidate_reading}"
            )


def _reading(schema: Schema, name: str) -> str:
    """Say in words how a column's cells are read."""
    kind = "categories" if name in schema.categories else "numbers"
    kind += f" in {schema.units[name]}" if name in schema.units else ""
    dates = dict(schema.dates)
    if schema.history is not None and schema.history.dates:
        dates[schema.history.order] = schema.history.form
    if name in dates:
        kind = f"dates of format {in_words(dates[name])}"
    # A number is one code, even if it is written in several ways.
    declared_codes = schema.missing.get(name, [])
    codes = sorted(
        {code if isinstance(code, str) else repr(float(code)) for code in declared_codes}
    )
    return f"{kind} with codes for missing {', '.join(codes)}" if codes else kind


def refuse_few_rows(scored: Scored, test_set: Examples, least: int, task: Task) -> None:
    """Refuse a champion for which too few of the test rows, or of their groups, are new."""
    new = ~scored.trained_on
    judged = new if test_set.judged is None else new & test_set.judged
    new_rows = Rows(test_set.labels.to_numpy(), test_set.weights, test_set.groups).part(judged)
    fewest, named = fewest_rows(new_rows, task)
    if new.all() or fewest >= least:
        return
    counted = "rows" if new_rows.groups is None else "groups with rows"
    rarer, each_class = (" of the rarer class", " of each class") if named else ("", "")
    raise NotComparedError(
        f"it was trained on {np.sum(~new)} of the {len(new)} test rows, and the others have "
        f"{fewest} {counted}{rarer}; expected at least {least}{each_class}"
        f"{weights_note(new_rows.weights)} (promotion.min_test_rows_per_class)"
    )


# Data drift ---------------------------------------------------------------------------------------
# Compare the test rows of a retraining with the reference of the serving champion.
#
# Only rows that the champion was not trained on count. If nothing changed, they have the same
# distribution as its train rows, so false alarms are as rare as declared.

# The most features and scores in a decision; it is small because decisions are kept for ever.
KEPT = 20


def warn_of_unknown_columns(watch: Watch, monitoring: MonitoringOptions) -> None:
    """Warn of columns in `monitoring.ignore` that the champion does not have; conf may be newer."""
    names = [*watch.profiles]
    if unknown := [unknown_name(name, names) for name in monitoring.ignore if name not in names]:
        logger.warning("monitoring.ignore, for this champion: %s", printable("; ".join(unknown)))


def data_drift(
    compared: ComparedChampions,
    test_set: Examples,
    data_summary: DataSummary,
    columns: ColumnsOptions,
    monitoring: MonitoringOptions,
    run_id: str,
) -> Drift | None:
    """Compare the test rows that are new to the serving champion with its reference.

    Returns:
        The drift, shortened for a decision; None if there is no champion.
    """
    if not compared.champions:
        return None
    champion = compared.champions[0].run_id
    scored = compared.scored.get(champion)
    if scored is None or scored.watch is None or scored.seen is None:
        unread = "the champion has no reference that can be read"
        why = unread if scored else "the champion is not compared"
        return Drift(run_id=run_id, champion=champion, not_compared=why)
    warn_of_unknown_columns(scored.watch, monitoring)
    new, groups = ~scored.trained_on, test_set.groups
    if groups is None and columns.key is None and columns.together is None:
        groups = of_sequences(test_set.sequences)  # equal rows are on the same side
    # Quarantined rows are on no side of the split, so their share in all rows is used.
    history = data_summary.unlabelled_rows if data_summary.histories else 0
    share = data_summary.quarantined_rows / (data_summary.valid_rows + history)
    quarantined = round(share * int(scored.seen.counts[0].sum()))
    rows_per_group = rows_each([] if groups is None else [groups[new]])
    if data_summary.histories:  # as in the reference: some counted rows are not here
        rows_per_group = scored.watch.reference.rows_each
    drift = compare(
        scored.watch, scored.seen, run_id, champion, monitoring, quarantined, rows_per_group
    )
    counts = {
        "rows": data_summary.labelled_rows,
        "quarantined_rows": data_summary.quarantined_rows,
        "compared_rows": int(new.sum()),
    }
    return shortened(drift.model_copy(update=counts))


def shortened(drift: Drift) -> Drift:
    """Keep the `KEPT` clearest shifts, without their counts, so that a decision stays small."""
    shifts = drift.features | drift.scores
    names = sorted(shifts, key=lambda name: (not shifts[name].moved, -shifts[name].statistic))
    clearest, others = names[:KEPT], names[KEPT:]
    short = {name: shifts[name].model_copy(update={"counts": ()}) for name in clearest}
    content = {
        "features": {name: short[name] for name in clearest if name in drift.features},
        "scores": {name: short[name] for name in clearest if name in drift.scores},
        "more_moved": sum(shifts[name].moved for name in others),
    }
    return drift.model_copy(update=content)


def features_moved(drift: Drift | None, monitoring: MonitoringOptions) -> FeaturesMoved | None:
    """Describe the drift for the gate's first check; None without a champion."""
    if drift is None:
        return None
    stops = monitoring.on_drift == "stop"
    if drift.not_compared is not None:
        effect = ", so monitoring.on_drift = stop has no effect" if stops else ""
        return FeaturesMoved(sentence=f"drift is not known{effect}: {drift.not_compared}")
    if drift.alarm is None:
        rows = f" ({drift.few_rows})" if drift.few_rows else ""
        return FeaturesMoved(sentence=f"no drift{rows}")
    expected = "expected no alarm for monitoring.on_drift = stop" if stops else ""
    return FeaturesMoved(sentence=drift.alarm, alarm=True, expected=expected)
