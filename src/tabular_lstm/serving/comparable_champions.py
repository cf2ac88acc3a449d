"""What a candidate's test rows can be compared with: champions, and the serving one's reference."""

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Self, TypeVar

import numpy as np

from tabular_lstm.errors import DataError, printable, unknown_name
from tabular_lstm.judging.comparison import Evaluation, Predictions
from tabular_lstm.judging.gate import ComparedChampion, FeaturesMoved
from tabular_lstm.judging.model_metrics import fewest_rows
from tabular_lstm.metrics import Labels
from tabular_lstm.monitoring.drift import Drift, compare
from tabular_lstm.monitoring.reference import Seen, Watch, rows_each
from tabular_lstm.network.keras_file import NoNetworkError
from tabular_lstm.parameters.hyperparameters import EvaluationOptions
from tabular_lstm.parameters.runs import MonitoringOptions, PromotionOptions
from tabular_lstm.rows.column_kinds import column_of
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.examples import Examples
from tabular_lstm.rows.fingerprints import Fingerprints, fingerprints_of_sequences
from tabular_lstm.rows.histories import Sequences
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.timeline import valid_sequences
from tabular_lstm.rows.weights import weights_note
from tabular_lstm.serving.answers import answers_of
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.champion import changes_of_task
from tabular_lstm.serving.decision import Champions, Decision, Judgement
from tabular_lstm.serving.promotion_log import LogEntry, distinct_standing, promoted, standing

logger = logging.getLogger(__name__)

Value = TypeVar("Value")


class NotComparedError(Exception):
    """The reason, in words, why a candidate is not compared with a champion."""

    def __init__(self, why: str) -> None:
        super().__init__(printable(why))


@dataclass(frozen=True, eq=False)
class ChampionPredictions(Predictions):
    """A champion's predictions of the test rows.

    Attributes:
        trained_on: Which of the rows it was trained on, bool (examples,).
        watch: Its reference; None if it has none.
        seen: Counts of the rows that it was not trained on; None like `watch`.
        rows_each: How many of these rows a group has on average, see `reference.rows_each`.
    """

    trained_on: np.ndarray
    watch: Watch | None = None
    seen: Seen | None = None
    rows_each: float = 1.0

    def __getitem__(self, rows: np.ndarray) -> Self:
        """Return the predictions of some examples."""
        return replace(self, values=self.values[rows], trained_on=self.trained_on[rows])


@dataclass(frozen=True)
class ComparedChampions:
    """The standing champions, the serving one first, beside the candidate on the same rows.

    Attributes:
        kept: The promotion log, and the outputs of all kept champions.
        champions: Each standing champion, with the reason if it is not compared.
        predictions: By run id, how those that are compared predict the test rows.
        evaluation: The candidate, the baselines and these champions.
    """

    kept: Champions
    champions: list[ComparedChampion]
    predictions: dict[str, ChampionPredictions]
    evaluation: Evaluation


def compare_champions(
    champions: Champions,
    test_set: Examples,
    evaluation: Evaluation,
    promotion: PromotionOptions,
    options: EvaluationOptions,
) -> ComparedChampions:
    """Score the test rows with the standing champions, and measure them beside the candidate.

    For a champion that cannot be compared, the reason is noted.

    Raises:
        DataError: The serving champion cannot be loaded.
    """
    standing_champions: list[ComparedChampion] = []
    compared: dict[str, ChampionPredictions] = {}
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
            fingerprints = _read_checked(
                champions.fingerprints,
                run,
                "train rows' fingerprints are",
                judgement.fingerprints_sha256,
            )
            watch = None if standing_champions else _watch(artifact, champions)
            predictions = predict_with_champion(artifact, fingerprints, test_set, watch)
            trained_on, judged = predictions.trained_on, test_set.judged
            left_out = trained_on if judged is None else trained_on[judged]
            champion["left_out_rows"] = int(left_out.sum())
            refuse_few_rows(trained_on, test_set, promotion.min_test_rows_per_class)
        except NotComparedError as why:
            champion["not_compared"] = str(why)
            logger.warning(
                "The candidate is not compared with the champion of run %s: %s", run, why
            )
        else:
            compared[run] = predictions
        standing_champions.append(ComparedChampion(**champion))
    evaluation = _with_champions(evaluation, compared, test_set, options)
    return ComparedChampions(champions, standing_champions, compared, evaluation)


def _with_champions(
    evaluation: Evaluation,
    compared: Mapping[str, ChampionPredictions],
    test_set: Examples,
    options: EvaluationOptions,
) -> Evaluation:
    """Measure the champions on the same resamples, without rows that they were trained on."""
    judged = np.ones(len(test_set.labels), bool) if test_set.judged is None else test_set.judged
    predictions = {run: champion[judged] for run, champion in compared.items()}
    new = {run: champion for run, champion in predictions.items() if not champion.trained_on.any()}
    if new:
        evaluation = evaluation.with_models(new, options)
    for run, champion in predictions.items():
        if run not in new:
            evaluation = evaluation.with_part(run, champion, ~champion.trained_on, options)
    return evaluation


def judged_by(champions: Champions, promotion: LogEntry) -> Judgement:
    """Read a champion's judgement, given the log entry that promoted it.

    Raises:
        NotComparedError: Its decision is gone, unreadable, or not the one that the entry names.
    """
    decision = _read_checked(
        champions.decisions,
        promotion.run_id,
        "decision is",
        promotion.decision_sha256,
        Decision.fingerprint,
    )
    if (judgement := decision.judgement) is None:
        raise NotComparedError("its decision judged no candidate")
    return judgement


def promoted_artifact(champions: Champions, promotion: LogEntry) -> Artifact:
    """Load the artifact that was promoted.

    Raises:
        NotComparedError: It is gone, is not the promoted one, or cannot be read or loaded.
        DataError: It serves and cannot be loaded.
    """
    run = promotion.run_id
    artifact = replace(
        _read_checked(champions.artifacts, run, "artifact is", promotion.sha256), run_id=run
    )
    try:
        artifact.scorer  # noqa: B018
    except NoNetworkError as error:
        if run == champions.log[-1].serves_now:
            raise
        raise NotComparedError(f"it cannot be loaded: {error}") from error
    return artifact


def run_of_same_network(champions: Champions, candidate: Artifact) -> str | None:
    """Find the run whose network the candidate is: the champion, or one that was rolled back.

    A champion whose file is gone or changed is passed over. Returns None if there is no such run.
    """
    promotions, replaced = promoted(champions.log), standing(champions.log)[1:]
    for run in sorted(promotions.keys() - {*replaced}, reverse=True):
        with contextlib.suppress(NotComparedError):
            artifact = _read_checked(
                champions.artifacts, run, "artifact is", promotions[run].sha256
            )
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


def predict_with_champion(
    artifact: Artifact, fingerprints: Fingerprints, test_set: Examples, watch: Watch | None = None
) -> ChampionPredictions:
    """Score the test rows with a champion, find rows that it was trained on, count the others.

    The champion was trained on a row if it was trained on the row's key, group or time. If the
    champion and conf have no key or group in common, the row's features are compared instead, as
    the champion reads them. If they have one, equal features count only if the candidate was not
    trained on them too, because then the keys may have been renamed. If one row of a group counts
    as trained on, all rows of the group do. For histories, `watch` counts the scores of the newest
    rows.

    Raises:
        NotComparedError: The champion reads these rows differently from the candidate.
    """
    schema, keys, together = artifact.scorer.schema, test_set.keys, test_set.together
    refuse_other_reading(schema, test_set.schema)
    groups = None if test_set.by_time else together
    if groups is not None and groups.name != fingerprints.group:
        raise NotComparedError(
            f"the group of its rows was {fingerprints.group or 'none'} and is {groups.name}"
        )
    sequences = artifact.sequences(test_set)
    trained_on = fingerprints.hold(sequences)
    names = {series.name for series in (keys, together) if series is not None}
    if names & {fingerprints.key, fingerprints.group}:
        if trained_on.any():
            history_rows, train_rows = test_set.earlier_rows
            by_both = fingerprints_of_sequences(valid_sequences(train_rows, schema, history_rows))
            trained_on &= ~np.isin(fingerprints_of_sequences(sequences), by_both)
        trained_on |= fingerprints.hold(sequences, keys, together)
    if groups is not None:
        trained_on |= groups.isin(groups[trained_on]).to_numpy()
    predictions, rule = artifact.score(sequences), answers_of(artifact.scorer).rule
    seen, is_new = None, ~trained_on
    if watch:
        counted_rows = _new_rows(sequences, is_new, test_set)
        # Version 0.1.0 judged histories on all rows.
        judging = test_set.judging if watch.reference.judged_on is not None else None
        counted = is_new if judging is None else is_new & judging.newest
        seen = watch.count(sequences[counted], predictions[counted], counted_rows)
    rows_per_group = rows_each_of(test_set, is_new)
    return ChampionPredictions(predictions, rule, trained_on, watch, seen, rows_per_group)


def rows_each_of(test_set: Examples, is_new: np.ndarray) -> float:
    """Return the mean size of a row's group among the new rows, see `reference.rows_each`."""
    groups = test_set.groups
    if groups is None and test_set.keys is None and test_set.together is None:
        groups = fingerprints_of_sequences(test_set.sequences)  # equal rows are on the same side
    return rows_each([] if groups is None else [groups[is_new]])


def _new_rows(sequences: Sequences, is_new: np.ndarray, test_set: Examples) -> Any:
    """Return which rows of a table are new: `is_new`, and the history rows of their customers."""
    if isinstance(sequences, np.ndarray):
        return slice(None)
    own_places, customer = sequences.own[is_new], sequences.customer
    history_rows = len(test_set.earlier_rows[0])
    is_history = sequences.order >= len(test_set.rows)
    is_history &= sequences.order < len(test_set.rows) + history_rows
    is_new_row = np.isin(customer, customer[own_places]) & is_history
    is_new_row[own_places] = True
    return is_new_row


def refuse_other_reading(champion_schema: Schema, schema: Schema) -> None:
    """Refuse a champion with labels or columns that are missing or read differently now."""
    changes = changes_of_task(champion_schema, schema)
    if champion_schema.marks != schema.marks:
        changes.append(f"the number format was {champion_schema.marks} and is {schema.marks}")
    for name in [*champion_schema.columns, *champion_schema.roles]:
        then, now = _reading(champion_schema, name), _reading(schema, name)
        if then != now:
            changes.append(f"column '{name}' was {then} and is {now}")
    if changes:
        raise NotComparedError(f"since it was trained, {', '.join(changes)}")


def _reading(schema: Schema, name: str) -> str:
    """Say in words how a column's cells are read."""
    if name not in {*schema.columns, *schema.roles}:
        return "gone"
    column = column_of(name, schema)
    # A number is one code, even if it is written in several ways.
    codes = sorted({c if isinstance(c, str) else repr(float(c)) for c in column.codes})
    return f"{column.words} with codes for missing {', '.join(codes)}" if codes else column.words


def refuse_few_rows(trained_on: np.ndarray, test_set: Examples, least: int) -> None:
    """Refuse a champion for which too few of the test rows, or of their groups, are new."""
    is_new = ~trained_on
    judged = is_new if test_set.judged is None else is_new & test_set.judged
    new_rows = Labels(test_set.labels.to_numpy(), test_set.weights, test_set.groups).part(judged)
    fewest, of_class = fewest_rows(new_rows, test_set.schema.task)
    if is_new.all() or fewest >= least:
        return
    counted = "rows" if new_rows.groups is None else "groups with rows"
    raise NotComparedError(
        f"it was trained on {np.sum(trained_on)} of the {len(is_new)} test rows, and the others "
        f"have {fewest} {counted}{of_class}; expected at least {least}"
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


def drift_of(
    compared: ComparedChampions, data_summary: DataSummary, monitoring: MonitoringOptions
) -> Drift | None:
    """Compare the test rows that are new to the serving champion with its reference.

    Returns:
        The drift, shortened for a decision, without the run's id; None if there is no champion.
    """
    if not compared.champions:
        return None
    champion = compared.champions[0].run_id
    predictions = compared.predictions.get(champion)
    if predictions is None or predictions.watch is None or predictions.seen is None:
        why = "has no reference that can be read" if predictions else "is not compared"
        return Drift(run_id="", champion=champion, not_compared=f"the champion {why}")
    watch, seen = predictions.watch, predictions.seen
    warn_of_unknown_columns(watch, monitoring)
    # Quarantined rows are on no side of the split, so their share in all rows is used.
    history = data_summary.unlabelled_rows if data_summary.histories else 0
    share = data_summary.quarantined_rows / (data_summary.valid_rows + history)
    quarantined = round(share * int(seen.counts[0].sum()))
    # With histories as in the reference, because some counted rows are not here.
    rows_per_group = None if data_summary.histories else predictions.rows_each
    drift = compare(watch, seen, "", champion, monitoring, quarantined, rows_per_group)
    counts = {
        "rows": data_summary.labelled_rows,
        "quarantined_rows": data_summary.quarantined_rows,
        "compared_rows": int(np.sum(~predictions.trained_on)),
    }
    return shortened(drift.model_copy(update=counts))


def shortened(drift: Drift) -> Drift:
    """Keep the `KEPT` clearest shifts, without their counts, so that a decision stays small."""
    shifts = drift.features | drift.scores
    names = sorted(shifts, key=lambda name: (not shifts[name].moved, -shifts[name].statistic))
    short = {name: shifts[name].model_copy(update={"counts": ()}) for name in names[:KEPT]}
    return drift.model_copy(
        update={
            "features": {name: short[name] for name in short if name in drift.features},
            "scores": {name: short[name] for name in short if name in drift.scores},
            "more_moved": sum(shifts[name].moved for name in names[KEPT:]),
        }
    )


def features_moved(drift: Drift | None, monitoring: MonitoringOptions) -> FeaturesMoved | None:
    """Describe the drift for the gate's first check; None without a champion."""
    if drift is None:
        return None
    stops = monitoring.on_drift == "stop"
    if drift.not_compared is not None:
        effect = ", so monitoring.on_drift = stop has no effect" if stops else ""
        return FeaturesMoved(sentence=f"drift is not known{effect}: {drift.not_compared}")
    if drift.alarm is None:
        return FeaturesMoved(sentence=f"no drift{f' ({drift.few_rows})' if drift.few_rows else ''}")
    expected = "expected no alarm for monitoring.on_drift = stop" if stops else ""
    return FeaturesMoved(sentence=drift.alarm, alarm=True, expected=expected)
