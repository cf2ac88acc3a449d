"""Judge the candidate and the baselines on the same rows, with intervals."""

import logging
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.engine import Engine, one_by_one
from tabular_lstm.errors import DataError, row_list
from tabular_lstm.judging import comparison, figures
from tabular_lstm.judging.comparison import Evaluation, by_length, by_segment
from tabular_lstm.judging.drawing import FIGURES, to_svg
from tabular_lstm.judging.importance import (
    MOST_IMPORTANT,
    Importance,
    partial_dependence,
    permutation_importance,
)
from tabular_lstm.judging.measures import from_columns, strata_of, to_columns
from tabular_lstm.judging.metrics import Baselines, is_in_units
from tabular_lstm.measuring import Rows
from tabular_lstm.monitoring.reference import Reference, rows_each
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.parameters.hyperparameters import (
    EvaluationOptions,
    NetworkOptions,
    TrainingOptions,
)
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.data_warnings import doubts_of
from tabular_lstm.rows.fingerprints import Fingerprints, keys_of, together_of
from tabular_lstm.rows.labelled_set import EvaluatedSet, Examples, scaled
from tabular_lstm.rows.labels import label_column
from tabular_lstm.rows.schema import Schema
from tabular_lstm.task import CANDIDATE

# Metrics are rounded, because the last bits depend on the processor.
DECIMALS = 5
THRESHOLD = {"decision_threshold"}
# With so many values in the train rows, workers fit baselines faster, despite their imports.
WORTH_WORKERS = 1_000_000
DEPENDENCE_ROWS = 200  # on which the dependence on a feature is measured

logger = logging.getLogger(__name__)


def choose_evaluated_set(train_set: Examples, test_set: Examples) -> EvaluatedSet:
    """Return the test set or, if no rows were held out, the train set."""
    if len(test_set.labels):
        return EvaluatedSet(**vars(test_set))
    logger.warning("test_fraction is 0: the candidate is evaluated on the rows it was trained on")
    return EvaluatedSet(**vars(train_set), side="train")


def predict_with_candidate(
    candidate: Any,
    history: dict[str, Any],
    train_fingerprints: Fingerprints,
    train_set: Examples,
    evaluated_set: EvaluatedSet,
    test_rows: pd.DataFrame,
    columns: ColumnsOptions,
) -> pd.DataFrame:
    """Predict each evaluated row, after a check that all test rows are new to the candidate.

    The baselines are fitted on the same train rows, so the check also holds for them.

    Returns:
        `row`; `label`, the class or the number; `weight`, with mean 1, if rows have weights; and
        the columns `judging.measures.to_columns` of `candidate`, NaN where it gives no prediction.

    Raises:
        DataError: The history belongs to another network; or the candidate was trained on a test
            row, on rows that are not the train rows, or on sequences with another layout.
    """
    from tabular_lstm.network.fit import fingerprint, predict  # noqa: PLC0415

    sequences, labels = evaluated_set.sequences, evaluated_set.labels
    expected, learned = history.get("learned"), fingerprint(candidate)
    if expected != learned:
        raise DataError(
            "candidate: the history belongs to another network (SHA-256 of what the candidate "
            f"learned {learned[:8]}…, expected {(expected or 'unknown')[:8]}…). A file was edited, "
            "or is a copy from elsewhere or of an earlier version: put it back, or run all: kedro "
            "run."
        )
    if train_set.fingerprint != history["trained_on"]:
        raise DataError(
            "The newest candidate was trained on other rows, features or weights than the newest "
            "train rows have: it cannot be judged on their test rows. Train it again: kedro run."
        )
    if evaluated_set.side == "test":
        keys, together = keys_of(test_rows, columns), together_of(test_rows, columns)
        is_trained_on = train_fingerprints.hold(sequences, keys, together)
        if is_trained_on.any():
            named = " or ".join(filter(None, (columns.key, columns.together))) or "features"
            raise DataError(
                f"Test {row_list(labels.index[is_trained_on].tolist())}: the newest candidate was "
                f"trained on rows of the same {named}; expected test rows that are new to it. "
                "Split and train again: kedro run."
            )
    predictions = label_column(labels, columns.task)
    if evaluated_set.weights is not None:
        predictions["weight"] = evaluated_set.weights
    return predictions.assign(**to_columns(CANDIDATE, predict(candidate, sequences), columns.task))


def predict_with_baselines(
    train_set: Examples,
    evaluated_set: EvaluatedSet,
    schema: Schema,
    training: TrainingOptions,
    evaluation: EvaluationOptions,
    engine: Engine,
) -> Baselines:
    """Fit the baselines, on the engine's workers if it takes long: see `judging.baselines`."""
    from tabular_lstm.judging import baselines  # noqa: PLC0415  Imports scikit-learn.

    takes_long = train_set.sequences.size >= WORTH_WORKERS
    workers = (engine.workers if takes_long else None) or one_by_one
    predictions, thresholds, losses = baselines.fit_baselines(
        train_set, evaluated_set.sequences, schema, training, evaluation, workers
    )
    return Baselines(
        thresholds=thresholds,
        losses=losses,
        predictions={
            name: (p[:, 1] if schema.task.has_threshold else p).tolist()
            for name, p in predictions.items()
        },
    )


def evaluate(
    candidate_predictions: pd.DataFrame,
    history: dict[str, Any],
    baseline_predictions: Baselines,
    evaluated_set: EvaluatedSet,
    schema: Schema,
    training: TrainingOptions,
    evaluation: EvaluationOptions,
) -> Evaluation:
    """Measure the candidate and the baselines on the same rows and the same resamples.

    The rows are those that judge, see `Examples.judged_on`. If these are not all labelled rows,
    the candidate is measured on all of them too.
    """
    costs, task = training.objective.cost_matrix, schema.task
    by_baseline = {
        name: task.from_file(np.reshape(p, (len(p), -1)))
        for name, p in baseline_predictions.predictions.items()
    }
    predictions = {CANDIDATE: from_columns(candidate_predictions, CANDIDATE, task), **by_baseline}
    rules = {
        CANDIDATE: history.get("decision_threshold", costs),
        **dict.fromkeys(by_baseline, costs),
        **baseline_predictions.thresholds,
    }
    labels, weights, groups = evaluated_set.labels, evaluated_set.weights, evaluated_set.groups
    rows: Rows = Rows(labels.to_numpy(), weights, groups)
    losses = baseline_predictions.losses
    of_rows: dict[str, Any] = {"side": evaluated_set.side, "task": task}
    of_rows["best_baseline"] = min(losses, key=losses.__getitem__, default="")
    if evaluated_set.judged is not None:
        judged_rows = evaluated_set.judged
        of_rows["judged_on"] = evaluated_set.judged_on
        if not judged_rows.all():
            on_all_rows = Evaluation(**vars(rows), task=task).with_models(
                {CANDIDATE: predictions[CANDIDATE]}, {CANDIDATE: rules[CANDIDATE]}, evaluation
            )
            of_rows["all_rows"] = len(labels), on_all_rows.metrics[CANDIDATE]
            predictions = {name: p[judged_rows] for name, p in predictions.items()}
            rows = rows.part(judged_rows)
            rows = replace(rows, weights=scaled(rows.weights))
    return Evaluation(**vars(rows), **of_rows).with_models(predictions, rules, evaluation)


def keep_reference(
    candidate_artifact: Any,
    train_set: Examples,
    test_set: Examples,
    evaluated_set: Any,
    candidate_predictions: pd.DataFrame,
    schema: Schema,
    data_summary: DataSummary,
) -> Reference:
    """Count the rows of both sides and the scores, as the reference for later rows."""
    sides: Any = [train_set.sequences, test_set.sequences]
    groups = [side.groups for side in (train_set, test_set) if side.groups is not None]
    if schema.history is not None:
        # The test set's table has all rows, and the train set's rows come last.
        groups, order = [sides[1].customer], np.argsort(sides[1].order)
        sides = np.split(sides[1].rows(order), [-len(train_set.labels)])[::-1]
    return Reference.of(
        sides,
        from_columns(candidate_predictions, CANDIDATE, schema.task),
        schema,
        train_set.groups,
        evaluated_set.newest,
        candidate_sha256=candidate_artifact.sha256,
        rows=data_summary.labelled_rows,
        quarantined_rows=data_summary.quarantined_rows,
        rows_each=rows_each(groups),
        judged_on=evaluated_set.judged_on,
    )


def measure_importance(
    candidate: Any,
    evaluated_set: EvaluatedSet,
    judged: Evaluation,
    schema: Schema,
    evaluation: EvaluationOptions,
) -> Importance:
    """Measure each feature's permutation importance, on at most `importance_rows` rows.

    How the prediction depends on the most important features is measured on 200 rows; not how it
    depends on earlier labels, because no row has its own label.

    Each class gives the same number of rows if it has enough: ROC AUC does not depend on the
    shares. Many features, or long histories, get fewer shuffles and then fewer rows.
    """
    from tabular_lstm.network.fit import CHANGES, predict_changed  # noqa: PLC0415

    labels, sequences = judged.labels, evaluated_set.judged_sequences
    steps = 1 if isinstance(sequences, np.ndarray) else sequences.lengths.mean()
    affordable = int(CHANGES / (len(schema.features) * steps))  # rows times shuffles of a feature
    row_count = min(evaluation.importance_rows, len(labels))
    shuffles = min(evaluation.importance_repeats, max(1, affordable // row_count))
    order = np.random.default_rng(evaluation.seed).permutation(len(labels))
    strata = strata_of(labels, judged.task)
    classes = range(strata.max() + 1)
    rows_per_class = max(1, min(evaluation.importance_rows, affordable // shuffles) // len(classes))
    rows = np.concatenate([order[strata[order] == place][:rows_per_class] for place in classes])
    predict_with = partial(predict_changed, candidate)
    importance = permutation_importance(
        predict_with,
        sequences[rows],
        Rows(labels[rows], None if judged.weights is None else judged.weights[rows]),
        judged.task,
        schema.slots,
        shuffles,
        evaluation.seed,
    )
    sample = sequences[order[:DEPENDENCE_ROWS]]
    dependence = {
        name: partial_dependence(predict_with, sample, schema, name)
        for name in [*importance.features][:MOST_IMPORTANT]
        if schema.history is None or name not in schema.history.labels
    }
    curves = {name: curve for name, curve in dependence.items() if curve is not None}
    return importance.model_copy(update={"dependence": curves})


def assemble_metrics(
    run_id: str,
    data_summary: DataSummary,
    candidate: Any,
    history: dict[str, Any],
    network: NetworkOptions,
    judged: Evaluation,
    train_set: Examples,
    evaluated_set: EvaluatedSet,
    test_rows: pd.DataFrame,
    evaluation: EvaluationOptions,
) -> dict[str, Any]:
    """Collect the facts and metrics of the run in one JSON document.

    Returns:
        `run_id`, counts of the `data`, facts of the `network`; `evaluated_on` (`test` or `train`)
        and under this name the candidate's metrics with 95 % intervals; under `baselines` the same
        for each baseline, with the paired difference `network_minus_baseline`; with histories
        `judged_on` and `judged_rows`, which and how many rows these are, the candidate's metrics on
        `all_rows`, and `by_length`; with `evaluation.segments` and test rows `by_segment`; and the
        file's `format`. Metrics have five decimals (in the
        label's unit: five digits), so they are the same on every processor.
    """
    measured = {name: m.model_dump(mode="json") for name, m in judged.metrics.items()}
    candidate_metrics = measured.pop(CANDIDATE)
    for name, baseline in measured.items():
        baseline["network_minus_baseline"] = {
            metric: {
                "difference": judged.minus(CANDIDATE, name, metric)[0],
                "interval": list(judged.interval(CANDIDATE, name, metric)),
            }
            for metric in judged.metrics[CANDIDATE].interval
        }
    parts = by_length(judged, train_set.sequences, evaluated_set.judged_sequences, evaluation)
    length_metrics = [part.model_dump(mode="json") for part in parts]
    segments: list[dict[str, Any]] = []
    if evaluation.segments and judged.side == "test":
        values = test_rows.loc[
            evaluated_set.judged_labels.index, [*dict.fromkeys(evaluation.segments)]
        ]
        segments = [s.model_dump(mode="json") for s in by_segment(judged, values, evaluation)]
    on_histories: dict[str, Any] = {}
    if judged.judged_on is not None:
        on_histories = {"judged_on": judged.judged_on, "judged_rows": len(judged.labels)}
    if judged.all_rows is not None:
        count, all_rows_metrics = judged.all_rows
        on_histories["all_rows"] = {"rows": count, **all_rows_metrics.model_dump(mode="json")}
    return {
        "format": 1,
        "run_id": run_id,
        "data": data_summary.counts(),
        "network": {
            "kind": network.kind,
            "parameters": candidate.count_params(),
            "epochs": len(history["loss"]),
            "best_epoch": history["best_epoch"],
            "asked_for": history.get("asked_for", ""),
        },
        "evaluated_on": judged.side,
        # The metrics include the candidate's threshold.
        judged.side: _rounded(candidate_metrics)
        | {name: candidate_metrics[name] for name in THRESHOLD & candidate_metrics.keys()},
        "baselines": _rounded(measured),
        **_rounded(on_histories),
        **({"by_length": _rounded(length_metrics)} if length_metrics else {}),
        **({"by_segment": _rounded(segments)} if segments else {}),
    }


def compare_with_baselines(
    judged: Evaluation,
    evaluated_set: EvaluatedSet,
    test_rows: pd.DataFrame,
    data_summary: DataSummary,
    columns: ColumnsOptions,
    network: NetworkOptions,
    training: TrainingOptions,
    evaluation: EvaluationOptions,
) -> list[str]:
    """Write the verdict; warnings of dependent rows, leaks and a heavy group come first."""
    warnings = [doubt[:1].upper() + doubt[1:] for doubt in doubts_of(data_summary)]
    if columns.of is not None and judged.side == "test":
        names = test_rows.loc[evaluated_set.judged_labels.index, columns.of]
        if heavy := comparison.heavy_group(
            judged, names, "customer" if columns.history else "group"
        ):
            warnings.append(heavy[:1].upper() + heavy[1:])
            logger.warning("%s", warnings[-1])
    objective = training.objective.kind if network.kind == "ensemble" else ""
    return [*warnings, *comparison.compare_with_baselines(judged, evaluation, objective)]


def _rounded(measured: Any, name: str = "", digits: bool = False) -> Any:
    digits |= is_in_units(name)
    if isinstance(measured, dict):
        return {name: _rounded(value, name, digits) for name, value in measured.items()}
    if isinstance(measured, list):
        return [_rounded(value, name, digits) for value in measured]
    if not isinstance(measured, float):
        return measured
    return float(f"{measured:.{DECIMALS}g}") if digits else round(measured, DECIMALS)


def draw_figures(
    history: dict[str, Any], judged: Evaluation, permutation_importance: Importance
) -> dict[str, str]:
    """Draw the figures as SVG, by the names of `judging.drawing.FIGURES`."""
    rows_note = f", {len(judged.labels)} {judged.side} rows{judged.weighted}"
    titles = {name: title + rows_note for name, title in FIGURES.items()}
    titles |= {name: FIGURES[name] for name in ("learning_curves", "partial_dependence")}
    drawings = figures.figures_of(history, judged, permutation_importance)
    return {
        name: to_svg(drawings[name], title) for name, title in titles.items() if name in drawings
    }
