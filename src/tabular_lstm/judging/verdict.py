"""The verdict: sentences that compare the candidate with each baseline. It decides nothing."""

from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.metrics import Metrics
from tabular_lstm.judging.names import CANDIDATE, METRICS, MODELS
from tabular_lstm.parameters import Evaluation

ROC_AUC, ACCURACY, LOG_LOSS = METRICS["roc_auc"], METRICS["accuracy"], METRICS["log_loss"]


def compare_with_baselines(judged: Judged, evaluation: Evaluation) -> list[str]:
    """Say in one sentence for each baseline whether the candidate beats it, and by how much.

    A logistic regression that does better is what a reader must hear first.

    Args:
        judged: The candidate and the baselines.
        evaluation: Says which difference of ROC AUC matters.
    """
    metrics = judged.metrics[CANDIDATE]
    baselines = [name for name in judged.metrics if name != CANDIDATE]
    sentences = {name: _sentence(judged, name, evaluation.meaningful) for name in baselines}
    summary = (
        f"Candidate on {len(judged.labels)} {judged.side} rows{judged.weighted}: "
        f"{ROC_AUC} {metrics.roc_auc:.3f} {_bounds(metrics.interval['roc_auc'])}, "
        f"{ACCURACY} {100 * metrics.accuracy:.1f} % "
        f"{_bounds(metrics.interval['accuracy'], 100, 1)}, "
        f"{LOG_LOSS} {metrics.log_loss:.3f} {_bounds(metrics.interval['log_loss'])}"
    )
    if judged.metrics["logistic_regression"].roc_auc <= metrics.roc_auc:
        return [summary, _decided(metrics), *sentences.values()]
    worst = sentences.pop("logistic_regression")
    return [worst, summary, _decided(metrics), *sentences.values()]


def _decided(metrics: Metrics) -> str:
    """Say what the decision threshold does."""
    matrix = metrics.confusion_matrix
    rightly, wrongly = matrix.true_positives, matrix.false_positives
    beginning = f"From a probability of {metrics.decision_threshold:.3f} on it calls"
    positive = f"of {rightly + matrix.false_negatives:.6g} that are"
    if matrix.precision is None or matrix.recall is None:
        return f"{beginning} no row positive, {positive}"
    return (
        f"{beginning} {rightly + wrongly:.6g} rows positive, {rightly:.6g} of them rightly "
        f"(precision {100 * matrix.precision:.1f} %), {positive} (recall "
        f"{100 * matrix.recall:.1f} %; F1 {matrix.f1:.3f})"
    )


def _sentence(judged: Judged, name: str, meaningful: float) -> str:
    candidate, baseline = judged.metrics[CANDIDATE], judged.metrics[name]
    difference, _ = judged.minus(CANDIDATE, name, "roc_auc")
    low, high = judged.interval(CANDIDATE, name, "roc_auc")
    other = f"{'the ' if name == 'majority_class' else ''}{MODELS[name]}"
    beginning = (
        f"The candidate is level with {other}"
        if -meaningful < low <= 0 <= high < meaningful
        else f"The candidate is ahead of {other}, by less than matters"
        if low > 0 and difference < meaningful
        else f"The candidate is behind {other}, by less than matters"
        if high < 0 and -difference < meaningful
        else f"The candidate beats {other}"
        if low > 0
        else f"The candidate loses to {other}"
        if high < 0
        else f"The candidate is behind {other}, within chance"
        if difference < 0
        else f"The candidate is ahead of {other}, within chance"
        if difference > 0
        else f"The candidate is level with {other}"
    )
    return (
        f"{beginning}: {ROC_AUC} {candidate.roc_auc:.3f} against {baseline.roc_auc:.3f}, "
        f"difference {difference:+.3f} {_bounds((low, high), sign='+')}; "
        f"{ACCURACY} {100 * candidate.accuracy:.1f} % against {100 * baseline.accuracy:.1f} %"
    )


def _bounds(bounds: tuple[float, float], scale: float = 1, digits: int = 3, sign: str = "") -> str:
    low, high = (format(scale * bound, f"{sign}.{digits}f") for bound in bounds)
    return f"[{low}, {high}]"
