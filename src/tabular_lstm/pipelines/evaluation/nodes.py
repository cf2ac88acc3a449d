"""Measure the candidate and the baselines on the same rows, with intervals."""

import logging
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.engine import Engine, one_by_one
from tabular_lstm.errors import DataError, row_list, shown
from tabular_lstm.judging import comparison, figures
from tabular_lstm.judging.baselines import CANDIDATE
from tabular_lstm.judging.comparison import Evaluation, Predictions
from tabular_lstm.judging.drawing import FIGURES, to_svg
from tabular_lstm.judging.importance import (
    Importance,
    importance_of,
)
from tabular_lstm.judging.model_metrics import Baselines
from tabular_lstm.monitoring.reference import Reference, rows_each
from tabular_lstm.network.score import score_changed
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.parameters.hyperparameters import (
    EvaluationOptions,
    NetworkOptions,
    TrainingOptions,
)
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.data_warnings import doubts_of
from tabular_lstm.rows.examples import Examples
from tabular_lstm.rows.fingerprints import Fingerprints
from tabular_lstm.rows.labels import label_column
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.decision import Provenance

# With so many values in the train rows, workers fit baselines faster, despite their imports.
WORTH_WORKERS = 1_000_000

logger = logging.getLogger(__name__)


def predict_with_candidate(
    candidate: Any,
    training_log: dict[str, Any],
    train_fingerprints: Fingerprints,
    train_set: Examples,
    test_set: Examples,
) -> pd.DataFrame:
    """Predict each test row, after a check that all test rows are new to the candidate.

    The baselines are fitted on the same train rows, so the check also holds for them.

    Returns:
        `row`; `label`, the class or the number; `weight`, with mean 1, if rows have weights; and
        the columns `Task.to_columns` of `candidate`, NaN where it gives no prediction.

    Raises:
        DataError: The training log belongs to another network; or the candidate was trained on a
            test row, on rows that are not the train rows, or on sequences with another layout.
    """
    from tabular_lstm.network.fit import fingerprint_network, predict  # noqa: PLC0415

    expected, learned = training_log.get("learned"), fingerprint_network(candidate)
    if expected != learned:
        raise DataError(
            "candidate: the training log belongs to another network (SHA-256 of what the candidate "
            f"learned {learned[:8]}…, expected {(expected or 'unknown')[:8]}…). A file was edited, "
            "or copied from elsewhere or from an earlier version. Restore it, or run everything: "
            "kedro run."
        )
    if train_set.fingerprint != training_log["trained_on"]:
        raise DataError(
            "The newest candidate was trained on rows, features or weights other than those of the "
            "newest train rows, so it cannot be judged on their test rows. Train it again: kedro "
            "run."
        )
    if test_set.side == "test":
        _refuse_known_rows(train_fingerprints, test_set)
    task = test_set.schema.task
    predictions = label_column(test_set.labels, task)
    if test_set.weights is not None:
        predictions["weight"] = test_set.weights
    return predictions.assign(**task.to_columns(CANDIDATE, predict(candidate, test_set.sequences)))


def _refuse_known_rows(train_fingerprints: Fingerprints, test_set: Examples) -> None:
    keys, together = test_set.keys, test_set.together
    is_trained_on = train_fingerprints.hold(test_set.sequences, keys, together)
    if is_trained_on.any():
        names = [str(column.name) for column in (keys, together) if column is not None]
        raise DataError(
            f"Test {row_list(test_set.labels.index[is_trained_on].tolist())}: the newest candidate "
            f"was trained on rows with the same {' or '.join(names) or 'features'}; expected test "
            "rows that are new to it. Split and train again: kedro run."
        )


def predict_with_baselines(
    train_set: Examples,
    test_set: Examples,
    training: TrainingOptions,
    options: EvaluationOptions,
    engine: Engine,
) -> Baselines:
    """Fit the baselines, on the engine's workers if it takes long: see `judging.baseline_fits`."""
    from tabular_lstm.judging import baseline_fits  # noqa: PLC0415  Imports scikit-learn.

    task = train_set.schema.task
    takes_long = train_set.sequences.size >= WORTH_WORKERS
    workers = (engine.workers if takes_long else None) or one_by_one
    predictions, thresholds, losses = baseline_fits.fit_baselines(
        train_set, test_set.sequences, train_set.schema, training, options, workers
    )
    return Baselines(
        thresholds=thresholds,
        losses=losses,
        predictions={
            name: (p[:, 1] if task.has_threshold else p).tolist() for name, p in predictions.items()
        },
    )


def evaluate(
    candidate_predictions: pd.DataFrame,
    baseline_predictions: Baselines,
    training_log: dict[str, Any],
    train_set: Examples,
    test_set: Examples,
    options: EvaluationOptions,
) -> Evaluation:
    """Measure the candidate and the baselines on the same rows and the same resamples.

    The rows are those that judge, see `JudgingRows`. The candidate is also measured on parts of
    them: on histories by their length, and on the segments that conf names.
    """
    task, costs = test_set.schema.task, training_log.get("costs")
    values = task.from_columns(candidate_predictions, CANDIDATE)
    models = {CANDIDATE: Predictions(values, training_log.get("decision_threshold", costs))}
    for name, baseline in baseline_predictions.predictions.items():
        rule = baseline_predictions.thresholds.get(name, costs)
        columns = np.reshape(baseline, (len(baseline), -1))
        models[name] = Predictions(task.from_file(columns), rule)
    losses = baseline_predictions.losses
    best_baseline = min(losses, key=losses.__getitem__, default="")
    evaluation = comparison.evaluate_models(models, test_set, best_baseline, options)
    return comparison.with_parts(evaluation, train_set, test_set, options)


def keep_reference(
    candidate_artifact: Artifact,
    train_set: Examples,
    test_set: Examples,
    candidate_predictions: pd.DataFrame,
    data_summary: DataSummary,
) -> Reference:
    """Count the rows of both sides and the scores, as the reference for later rows."""
    schema, judging = train_set.schema, test_set.judging
    count, is_held_out = len(train_set.labels), test_set.side == "test"
    sides: Any = [train_set.sequences, test_set.sequences[: None if is_held_out else 0]]
    groups = [side.groups for side in (train_set, test_set) if side.groups is not None]
    if schema.history is not None:
        # The test set's table has all rows. The train set's rows come last, in its own table first.
        groups, order = [sides[1].customer], np.argsort(sides[1].order)
        rows = sides[1].rows(order)
        sides = [rows[-count:], rows[:-count]] if is_held_out else [rows[:count], rows[count:]]
    return Reference.of(
        sides,
        schema.task.from_columns(candidate_predictions, CANDIDATE),
        schema,
        train_set.groups,
        None if judging is None else judging.newest,
        candidate_sha256=candidate_artifact.sha256,
        rows=data_summary.labelled_rows,
        quarantined_rows=data_summary.quarantined_rows,
        rows_each=rows_each(groups),
        judged_on=None if judging is None else judging.definition,
    )


def measure_importance(
    candidate: Any, test_set: Examples, evaluation: Evaluation, options: EvaluationOptions
) -> Importance:
    """Measure what each feature is worth: see `tabular_lstm.judging.importance.importance_of`."""
    from tabular_lstm.network.fit import CHANGES, scorer_of  # noqa: PLC0415

    predict_with = partial(score_changed, scorer_of(candidate))
    return importance_of(predict_with, test_set, evaluation, options, CHANGES)


def assemble_metrics(
    data_summary: DataSummary,
    training_log: dict[str, Any],
    network: NetworkOptions,
    evaluation: Evaluation,
    provenance: Provenance,
) -> dict[str, Any]:
    """Collect the facts and metrics of the run in one JSON document.

    Returns:
        The file's `format`; `run_id`; counts of the `data`; facts of the `network`; and what
        `tabular_lstm.judging.comparison.as_json` gives.
    """
    return {
        "format": 1,
        "run_id": provenance.run_id,
        "data": data_summary.counts(),
        "network": {
            "kind": network.kind,
            "parameters": training_log["parameters"],
            "epochs": len(training_log["loss"]),
            "best_epoch": training_log["best_epoch"],
            "asked_for": training_log.get("asked_for", ""),
            "label_scale": training_log.get("label_scale", ""),
        },
        **comparison.as_json(evaluation),
    }


def compare_with_baselines(
    evaluation: Evaluation,
    test_set: Examples,
    data_summary: DataSummary,
    columns: ColumnsOptions,
    options: EvaluationOptions,
) -> list[str]:
    """Write the verdict; warnings of dependent rows, leaks and a heavy group come first."""
    warnings = [doubt[:1].upper() + doubt[1:] for doubt in doubts_of(data_summary)]
    if columns.of is not None and evaluation.side == "test":
        names = test_set.judged_rows[columns.of]
        if heavy := comparison.heavy_group(evaluation, names, shown(columns.of)):
            warnings.append(heavy)
            logger.warning("%s", warnings[-1])
    return [*warnings, *comparison.sentences_of(evaluation, options)]


def draw_figures(
    training_log: dict[str, Any], evaluation: Evaluation, permutation_importance: Importance
) -> dict[str, str]:
    """Draw the figures as SVG, by the names of `judging.drawing.FIGURES`."""
    rows_note = f", {len(evaluation.labels)} {evaluation.side} rows{evaluation.weighted}"
    titles = {name: title + rows_note for name, title in FIGURES.items()}
    titles |= {name: FIGURES[name] for name in ("learning_curves", "partial_dependence")}
    drawings = figures.figures_of(training_log, evaluation, permutation_importance)
    in_order = sorted(drawings, key=[*titles].index)
    return {name: to_svg(drawings[name], titles[name]) for name in in_order}
