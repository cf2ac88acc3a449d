"""The verdict: sentences that compare the candidate with each baseline. It decides nothing."""

from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.names import CANDIDATE, METRICS, MODELS

ROC_AUC, ACCURACY, LOG_LOSS = METRICS["roc_auc"], METRICS["accuracy"], METRICS["log_loss"]


def compare_with_baselines(judged: Judged, evaluated_on: str) -> list[str]:
    """Say in one sentence for each baseline whether the candidate beats it, and by how much.

    A logistic regression that does better is what a reader must hear first. `evaluated_on` is
    `test` or `train`, the side of the rows.
    """
    metrics = judged.metrics[CANDIDATE]
    sentences = {name: _sentence(judged, name) for name in judged.metrics if name != CANDIDATE}
    summary = (
        f"Candidate on {len(judged.labels)} {evaluated_on} rows{judged.weighted}: "
        f"{ROC_AUC} {metrics.roc_auc:.3f} {_bounds(metrics.interval['roc_auc'])}, "
        f"{ACCURACY} {100 * metrics.accuracy:.1f} % "
        f"{_bounds(metrics.interval['accuracy'], 100, 1)}, "
        f"{LOG_LOSS} {metrics.log_loss:.3f} {_bounds(metrics.interval['log_loss'])}"
    )
    if judged.metrics["logistic_regression"].roc_auc <= metrics.roc_auc:
        return [summary, *sentences.values()]
    return [sentences.pop("logistic_regression"), summary, *sentences.values()]


def _sentence(judged: Judged, name: str) -> str:
    candidate, baseline = judged.metrics[CANDIDATE], judged.metrics[name]
    difference, _ = judged.minus(CANDIDATE, name, "roc_auc")
    low, high = judged.interval(CANDIDATE, name, "roc_auc")
    other = f"{'the ' if name == 'majority_class' else ''}{MODELS[name]}"
    beginning = (
        f"The candidate beats {other}"
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
