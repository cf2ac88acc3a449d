"""Check how the data and the champion's results have changed since the champion's run.

If the champion has become worse, labels or features may have changed their meaning. Then a
candidate is not promoted only because it is better than the champion.
"""

import numpy as np

from tabular_lstm.errors import amount, printable
from tabular_lstm.judging.comparison import Evaluation
from tabular_lstm.judging.gate import (
    START_OVER,
    ComparedChampion,
    DataCheck,
    DriftCheck,
    FeaturesMoved,
)
from tabular_lstm.judging.intervals import CENTRAL, NORMAL
from tabular_lstm.judging.metrics import Metrics, metric_text
from tabular_lstm.parameters.hyperparameters import ValidationOptions
from tabular_lstm.parameters.runs import PromotionOptions
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.data_warnings import doubts_of
from tabular_lstm.task import METRICS

WIDEN = "If this is intended, change the limit"
# Moved features have no limit that could be changed.
LET_MOVE = (
    "If the move is intended, set --params monitoring.on_drift=warn, or name the column in "
    "monitoring.ignore"
)
OTHER_ROWS = "other rows of histories, not those that a scoring would have predicted"
ASK = (
    "The label or a feature may have changed its meaning, such as {}, or the world has changed. "
    "Look at the newest rows; if the change is intended, "
)


def check_data(
    data_summary: DataSummary,
    champions: list[ComparedChampion],
    promotion: PromotionOptions,
    validation: ValidationOptions,
    moved: FeaturesMoved | None = None,
) -> DataCheck:
    """Compare the data with the data of the serving champion, the first of `champions`.

    The check fails if rows that belong together may be on both sides, or if a feature may be a
    leak of the label: then no metric is valid.
    """
    limit = validation.max_quarantined_fraction
    champion_data = champions[0].data if champions and not promotion.start_over else None
    share = data_summary.quarantined_rows / data_summary.labelled_rows
    # Each fact, and what was expected if the fact exceeds its limit.
    facts = [
        (
            f"{_percent(share)} of {data_summary.labelled} quarantined",
            ""
            if share <= limit
            else f"expected at most validation.max_quarantined_fraction = {_percent(limit)}",
        )
    ]
    if data_summary.repeated_test_rows:
        facts.append(_repeated(data_summary, promotion.max_repeated_test_rows))
    if champion_data is not None:
        facts += _beside_champion(data_summary, champion_data, promotion)
    warned = moved is not None and moved.alarm and not moved.expected
    if moved is not None and not warned:
        facts.insert(0 if moved.alarm else len(facts), (moved.sentence, moved.expected))
    faults = [f"{fact} ({expected})" for fact, expected in facts if expected]
    sentence = ", ".join(fact for fact, _ in facts)
    failures = doubts_of(data_summary)
    if faults:
        stopped = moved is not None and bool(moved.expected)
        remedies = [LET_MOVE] * stopped + [WIDEN] * (len(faults) > stopped)
        failures.append(
            ". ".join([f"the data are not as expected: {'; '.join(faults)}", *remedies])
        )
    if failures:
        sentence = ". Besides, ".join(failures)
    if moved is not None and warned:
        sentence = f"ALARM: {moved.sentence}. Besides, {sentence}"
    return DataCheck(passed=not failures, sentence=printable(sentence), quarantined_fraction=share)


def _repeated(data_summary: DataSummary, limit: float) -> tuple[str, str]:
    share = data_summary.repeated_test_rows / data_summary.test_rows
    role = data_summary.told_apart_by
    fact = (
        f"{_percent(share)} of {data_summary.test_rows} test rows have the features of a train row"
    )
    expected = (
        f"expected at most promotion.max_repeated_test_rows = {_percent(limit)}; a row "
        f"that occurs under two {role}s cannot test a model"
    )
    return f"{fact} of another {role}", "" if share <= limit else expected


def _beside_champion(
    data_summary: DataSummary, champion_data: DataSummary, promotion: PromotionOptions
) -> list[tuple[str, str]]:
    ratio, (low, high) = data_summary.valid_rows / champion_data.valid_rows, promotion.row_ratio
    new_features = {*data_summary.features} - {*champion_data.features}
    lost_features = {*champion_data.features} - {*data_summary.features}
    features = [
        f"{kind} {'feature' if len(names) == 1 else 'features'}: {', '.join(sorted(names))}"
        for kind, names in (("new", new_features), ("lost", lost_features))
        if names
    ]
    return [
        (
            f"{data_summary.valid_rows} valid rows, {ratio:.2f} times the champion's "
            f"{champion_data.valid_rows}",
            ""
            if low <= ratio <= high
            else f"expected promotion.row_ratio = {low:g} to {high:g} times",
        ),
        *_label_beside(data_summary, champion_data, promotion),
        # Lost features are not a fault here; `check_champions` judges them.
        ("; ".join(features) or "the same features", ""),
        *(
            [(data_summary.other_weights(champion_data), "")]
            if data_summary.weight != champion_data.weight
            else []
        ),
    ]


def _label_beside(
    data_summary: DataSummary, champion_data: DataSummary, promotion: PromotionOptions
) -> list[tuple[str, str]]:
    """Compare the labels with the champion's; return an empty list if its task was different."""
    limit = promotion.max_label_share_change
    expected = f"expected at most promotion.max_label_share_change = {limit:g}"
    labels = data_summary.label, champion_data.label
    if data_summary.label_share is not None and champion_data.label_share is not None:
        share, champion_share = data_summary.label_share, champion_data.label_share
        class_words = "positive"
    elif labels[0] is None or labels[1] is None or labels[0].kind != labels[1].kind:
        return []
    elif labels[0].mean is None or labels[1].mean is None:
        names = sorted({*labels[0].levels, *labels[1].levels})
        shares = {
            name: [label.levels.get(name, 0.0) for label in labels if label] for name in names
        }
        farthest_class = max(names, key=lambda name: abs(shares[name][0] - shares[name][1]))
        (share, champion_share), class_words = shares[farthest_class], f"of class {farthest_class}"
    else:
        mean, champion_mean, deviation = labels[0].mean, labels[1].mean, labels[1].deviation or 0.0
        limit = promotion.max_label_shift
        expected = (
            f"expected at most promotion.max_label_shift = {limit:g} standard deviations "
            f"of {amount(deviation)}"
        )
        means = [amount(value) for value in (mean, champion_mean)]
        fact = f"labels of {means[0]} on average against the champion's {means[1]}"
        return [(fact, "" if abs(mean - champion_mean) <= limit * deviation else expected)]
    fact = f"{_percent(share)} {class_words} against the champion's {_percent(champion_share)}"
    return [(fact, "" if abs(share - champion_share) <= limit else expected)]


def check_drift(
    evaluation: Evaluation,
    champions: list[ComparedChampion],
    promotion: PromotionOptions,
    data_summary: DataSummary | None = None,
) -> DriftCheck:
    """Check that the serving champion, the first one, is not worse than chance and has not fallen.

    The check fails in two cases, each tested at `confidence`. The ROC AUC on these rows is below
    0.5. Or it is more than `max_champion_fall` below the ROC AUC at promotion, which is not checked
    if `columns.weight` has changed. For a number, R² is below 0, or the RMSE has risen by more than
    `max_champion_fall` standard deviations of the label at promotion.
    """
    if not champions:
        return DriftCheck(passed=True, sentence="there was no champion whose results could change")
    champion = champions[0]
    name, promotion_metrics = f"the champion {champion.run_id}", champion.promoted_with
    if champion.not_compared is not None:
        sentence = f"not known: {name} did not score these rows ({champion.not_compared})"
        return DriftCheck(passed=True, sentence=sentence)
    traits, measured = evaluation.task.traits, evaluation.metrics[champion.run_id]
    metric, hint = traits.main, ASK.format(traits.changed)
    sign, current_value = METRICS[metric].worse, getattr(measured, metric)
    bounds = evaluation.bounds(champion.run_id, metric, promotion.confidence)
    best = min(bounds, key=lambda bound: sign * bound)
    value_text = f"{METRICS[metric].words} {metric_text(metric, current_value)} on these rows"
    missing_reason = "its metrics at promotion are not known, because its decision is gone"
    if data_summary and champion.data and champion.data.weight != data_summary.weight:
        promotion_metrics, missing_reason = None, data_summary.other_weights(champion.data)
    elif promotion_metrics and champion.promoted_on != evaluation.judged_on:
        promotion_metrics, missing_reason = None, f"its promotion was judged on {OTHER_ROWS}"
    floor, floor_value, floor_model = traits.nothing
    if promotion_metrics is None:
        compared = (
            f"{value_text}; {missing_reason}. Only whether it is worse than {floor_model} was "
            "checked"
        )
        least_fall, promotion_value, unit = -np.inf, None, 1.0
    else:
        promotion_value = getattr(promotion_metrics, metric)
        unit = getattr(promotion_metrics, "label_deviation", 1.0)
        compared = f"{value_text}, {metric_text(metric, promotion_value)} when it was promoted"
        least_fall = _least_fall(
            promotion_metrics, metric, current_value, best, promotion.confidence
        )
    _, highest = evaluation.bounds(champion.run_id, floor, promotion.confidence)
    if highest < floor_value:
        fault = f"{name} is clearly worse than {floor_model}: {compared}. {hint}{START_OVER}"
    elif least_fall > promotion.max_champion_fall * unit:
        limit, higher = promotion.max_champion_fall, METRICS[metric].in_units
        fault = (
            f"{name} has {'become worse' if higher else 'fallen'}: {compared}, clearly "
            f"{'higher' if higher else 'lower'} by more than promotion.max_champion_fall = "
            f"{limit:g}{' standard deviations of its labels' if higher else ''}. {hint}raise this "
            f"limit, or {START_OVER}"
        )
    else:
        fault = ""
    return DriftCheck(
        passed=not fault,
        sentence=fault or f"{name} has {compared}",
        promoted_with=promotion_value,
        least_fall=None if promotion_metrics is None else least_fall,
        metric=metric,
        value=current_value,
        bound=best,
    )


def _least_fall(
    promotion_metrics: Metrics, metric: str, current_value: float, best: float, confidence: float
) -> float:
    """Return a lower bound for how much a metric got worse, as if the test sets were independent.

    Source: Newcombe, "Interval Estimation for the Difference between Independent Proportions",
    Statistics in Medicine 17, 1998, method 10.
    """
    sign, promotion_value = METRICS[metric].worse, getattr(promotion_metrics, metric)
    two_sided = NORMAL.inv_cdf((1 + CENTRAL) / 2)
    worst = max(sign * bound for bound in promotion_metrics.interval[metric])
    below = (worst - sign * promotion_value) * NORMAL.inv_cdf(confidence) / two_sided
    return float(
        sign * current_value - sign * promotion_value - np.hypot(below, best - current_value)
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
