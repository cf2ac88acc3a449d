"""Judge the candidate beside plain baselines, on the same rows, with intervals."""

import logging
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from tabular_lstm.errors import DataError, row_list
from tabular_lstm.judging import figures
from tabular_lstm.judging.metrics import (
    INTERVAL_METRICS,
    bootstrap,
    certain,
    interval,
    permutation_importance,
    point_metrics,
)
from tabular_lstm.network.calibration import choose_threshold
from tabular_lstm.parameters import Evaluation, Network, Training
from tabular_lstm.rows.schema import Schema, fingerprint
from tabular_lstm.rows.summary import DataSummary

logger = logging.getLogger(__name__)


def choose_evaluated_rows(
    train_sequences: np.ndarray,
    train_labels: pd.Series,
    test_sequences: np.ndarray,
    test_labels: pd.Series,
) -> tuple[np.ndarray, pd.Series, str]:
    """Take the test rows, or, if nothing was held out, the train rows.

    Returns:
        Sequences, labels, and `"test"` or `"train"`.
    """
    if len(test_labels):
        return test_sequences, test_labels, "test"
    logger.warning("test_fraction is 0: the network is evaluated on the rows it was trained on")
    return train_sequences, train_labels, "train"


def predict_with_candidate(
    candidate: Any,
    history: dict[str, Any],
    train_sequences: np.ndarray,
    train_labels: pd.Series,
    evaluated_sequences: np.ndarray,
    evaluated_labels: pd.Series,
) -> pd.DataFrame:
    """Give each evaluated row its probability.

    Returns:
        `row`, `label` (1 is the positive class) and `network`, the probability; NaN where the
        candidate gives none.

    Raises:
        DataError: The candidate was trained on other rows, or on these laid out otherwise, so
            that the test rows may be among its own; or it is the tutorial's, which takes no
            missing values.
    """
    if fingerprint(train_sequences, train_labels.to_numpy()) != history["trained_on"]:
        raise DataError(
            "The newest candidate was trained on other rows, or on other features of them, than "
            "the newest train rows and columns give: it cannot be judged on their test rows. "
            "Train it again: kedro run."
        )
    from tabular_lstm.network.fit import predict  # noqa: PLC0415

    probabilities = predict(candidate, evaluated_sequences)
    unknown = evaluated_labels.index[np.isnan(probabilities)].tolist()
    if unknown and np.isnan(evaluated_sequences).any() and candidate.name == "tutorial":
        raise DataError(
            f"{row_list(unknown)}: the candidate gives no probability. The network of kind "
            "tutorial takes no missing values: expected one in every cell. Use network.kind: "
            "ensemble."
        )
    if unknown:
        logger.warning(
            "%s: the candidate gives no probability; each counts as predicted wrong beyond doubt",
            row_list(unknown),
        )
    labels = evaluated_labels.rename("label").rename_axis("row").reset_index()
    return labels.assign(network=probabilities)


def predict_with_baselines(
    train_sequences: np.ndarray,
    train_labels: pd.Series,
    evaluated_sequences: np.ndarray,
    schema: Schema,
    training: Training,
    evaluation: Evaluation,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Fit the baselines on the train rows, choose their thresholds there, predict the others.

    Library defaults, with iterations enough for the logistic regression to end. The majority class
    predicts every row's probability to be the share of positives; the logistic regression gets
    medians for missing numbers, standardized numbers and categories one-hot. Each decision
    threshold serves the network's objective, on predictions of five-fold cross-validation.

    Returns:
        A column of probabilities for each baseline; the decision threshold of each.
    """
    used = len(schema.features)
    fitted = train_sequences.reshape(len(train_sequences), -1)[:, :used]
    evaluated = evaluated_sequences.reshape(len(evaluated_sequences), -1)[:, :used]
    smallest_class = int(train_labels.value_counts().min())
    folds = StratifiedKFold(min(5, smallest_class), shuffle=True, random_state=evaluation.seed)
    splits = list(folds.split(fitted, train_labels))
    # Gradient boosting fails where no row that it is fitted on has a feature's value.
    told = np.all([~np.isnan(fitted[rows]).all(axis=0) for rows, _ in splits], axis=0)
    fitted, evaluated = np.where(told, fitted, 0), np.where(told, evaluated, 0)
    probabilities, thresholds = {}, {}
    # A single thread, for threads of boosted trees wait for each other where the cores are busy:
    # on a few hundred rows that is most of a run.
    with threadpool_limits(1):
        for name, model in _baselines(schema, evaluation.seed).items():
            out_of_fold = cross_val_predict(
                model, fitted, train_labels, cv=splits, method="predict_proba"
            )
            thresholds[name] = choose_threshold(
                train_labels.to_numpy(), out_of_fold[:, 1], training.objective
            )
            probabilities[name] = model.fit(fitted, train_labels).predict_proba(evaluated)[:, 1]
    return pd.DataFrame(probabilities), thresholds


def _baselines(schema: Schema, seed: int) -> dict[str, Any]:
    """Make the baselines, unfitted, for rows of numbers and places of categories."""
    categorical = [name in schema.categories for name in schema.features]
    encoded = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), np.array(categorical)),
        remainder=make_pipeline(
            SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
        ),
    )
    # Boosting takes at most 255 categories; of a feature with more it splits the places.
    few = [len(schema.categories.get(name, [])) in range(1, 255) for name in schema.features]
    return {
        "majority_class": DummyClassifier(),
        "logistic_regression": make_pipeline(encoded, LogisticRegression(max_iter=1000)),
        "hist_gradient_boosting": HistGradientBoostingClassifier(
            categorical_features=np.array(few), random_state=seed
        ),
    }


def evaluate(
    candidate_predictions: pd.DataFrame,
    history: dict[str, Any],
    baseline_predictions: pd.DataFrame,
    baseline_thresholds: dict[str, float],
    evaluated_on: str,
    evaluation: Evaluation,
) -> dict[str, Any]:
    """Measure the network and the baselines on the same rows and the same resamples of them.

    Returns:
        `evaluated_on`; under its value the network's metrics with 95 % intervals; under
        `baselines` the same for each baseline, with the paired difference network - baseline.
    """
    labels = candidate_predictions["label"].to_numpy()
    predictions = _by_model(candidate_predictions, baseline_predictions)
    thresholds = {"network": history["decision_threshold"], **baseline_thresholds}
    points = {name: point_metrics(labels, p, thresholds[name]) for name, p in predictions.items()}
    resampled = bootstrap(
        labels, predictions, thresholds, evaluation.bootstrap_resamples, evaluation.seed
    )
    for name, values in resampled.items():
        points[name]["interval"] = {metric: interval(values[metric]) for metric in INTERVAL_METRICS}
    network = points.pop("network")
    for name, baseline in points.items():
        baseline["network_minus_baseline"] = {
            metric: {
                "difference": network[metric] - baseline[metric],
                "interval": interval(resampled["network"][metric] - resampled[name][metric]),
            }
            for metric in INTERVAL_METRICS
        }
    return {"evaluated_on": evaluated_on, evaluated_on: network, "baselines": points}


def measure_importance(
    candidate: Any,
    evaluated_sequences: np.ndarray,
    candidate_predictions: pd.DataFrame,
    schema: Schema,
    evaluation: Evaluation,
) -> dict[str, dict[str, float]]:
    """Measure each feature's permutation importance, on at most `importance_rows` rows.

    Half of them from each class where there are enough: ROC AUC does not depend on the shares.
    """
    from tabular_lstm.network.fit import predict  # noqa: PLC0415

    labels = candidate_predictions["label"].to_numpy()
    order = np.random.default_rng(evaluation.seed).permutation(len(labels))
    of_each = evaluation.importance_rows // 2
    rows = np.concatenate([order[labels[order] == label][:of_each] for label in (0, 1)])
    return permutation_importance(
        lambda sequences: np.nan_to_num(predict(candidate, sequences)),
        evaluated_sequences[rows],
        labels[rows],
        schema.features,
        evaluation.importance_repeats,
        evaluation.seed,
    )


def assemble_metrics(
    run_id: str,
    data_summary: DataSummary,
    candidate: Any,
    history: dict[str, Any],
    network: Network,
    scores: dict[str, Any],
) -> dict[str, Any]:
    """Put what is known of the run into one JSON document."""
    return {
        "run_id": run_id,
        "data": data_summary.counts(),
        "network": {
            "kind": network.kind,
            "parameters": candidate.count_params(),
            "epochs": len(history["loss"]),
            "best_epoch": history["best_epoch"],
        },
        **scores,
    }


def draw_figures(
    history: dict[str, Any],
    candidate_predictions: pd.DataFrame,
    baseline_predictions: pd.DataFrame,
    scores: dict[str, Any],
    permutation_importance: dict[str, dict[str, float]],
    schema: Schema,
) -> tuple[go.Figure, ...]:
    """Draw the figures, in the order of `pipeline.FIGURES`."""
    labels = candidate_predictions["label"].to_numpy()
    predictions = _by_model(candidate_predictions, baseline_predictions)
    classes = {0: str(schema.negative_class), 1: str(schema.positive_class)}
    judged = scores[scores["evaluated_on"]]
    threshold = judged["decision_threshold"]
    drawn = (
        figures.roc(labels, predictions),
        figures.precision_recall(labels, predictions),
        figures.calibration(labels, predictions),
        figures.confusion_matrix(judged["confusion_matrix"], classes[1], classes[0]),
        figures.permutation_importance(permutation_importance),
        figures.score_distribution(labels, predictions["network"], threshold, classes),
    )
    for figure in drawn:
        figure.layout.title.text += f", {len(labels)} {scores['evaluated_on']} rows"
    return (figures.learning_curves(history), *drawn)


def compare_with_baselines(scores: dict[str, Any], data_summary: DataSummary) -> list[str]:
    """Say in one sentence for each baseline whether the network beats it, and by how much.

    A logistic regression that does better is what a reader must hear first.
    """
    side = scores["evaluated_on"]
    network = scores[side]
    sentences = {
        name: _comparison(name, network, baseline) for name, baseline in scores["baselines"].items()
    }
    rows = data_summary.test_rows if side == "test" else data_summary.train_rows
    summary = (
        f"Network on {rows} {side} rows: ROC AUC {network['roc_auc']:.3f} "
        f"{_bounds(network['interval']['roc_auc'])}, accuracy {100 * network['accuracy']:.1f} % "
        f"{_bounds(network['interval']['accuracy'], 100, 1)}, "
        f"log loss {network['log_loss']:.3f} {_bounds(network['interval']['log_loss'])}"
    )
    if scores["baselines"]["logistic_regression"]["roc_auc"] <= network["roc_auc"]:
        return [summary, *sentences.values()]
    return [sentences.pop("logistic_regression"), summary, *sentences.values()]


def _by_model(
    candidate_predictions: pd.DataFrame, baseline_predictions: pd.DataFrame
) -> dict[str, np.ndarray]:
    """Give each model's probabilities, the network's first."""
    labels = candidate_predictions["label"].to_numpy()
    columns = {"network": candidate_predictions["network"], **dict(baseline_predictions.items())}
    return {str(name): certain(labels, column.to_numpy()) for name, column in columns.items()}


def _comparison(name: str, network: dict[str, Any], baseline: dict[str, Any]) -> str:
    difference = baseline["network_minus_baseline"]["roc_auc"]
    low, high = difference["interval"]
    other = f"{'the ' if name == 'majority_class' else ''}{figures.NAMES[name]}"
    verdict = (
        f"The network beats {other}"
        if low > 0
        else f"The network loses to {other}"
        if high < 0
        else f"The network is behind {other}, within chance"
        if difference["difference"] < 0
        else f"The network is ahead of {other}, within chance"
        if difference["difference"] > 0
        else f"The network is level with {other}"
    )
    return (
        f"{verdict}: ROC AUC {network['roc_auc']:.3f} against {baseline['roc_auc']:.3f}, "
        f"difference {difference['difference']:+.3f} {_bounds([low, high], sign='+')}; "
        f"accuracy {100 * network['accuracy']:.1f} % against {100 * baseline['accuracy']:.1f} %"
    )


def _bounds(bounds: list[float], scale: float = 1, digits: int = 3, sign: str = "") -> str:
    low, high = (format(scale * bound, f"{sign}.{digits}f") for bound in bounds)
    return f"[{low}, {high}]"
