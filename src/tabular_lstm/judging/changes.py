"""Check how the data and the champion's results have changed since the champion's run.

If the champion has become worse, labels or features may have changed their meaning. In that case,
being better than the champion is not enough for a candidate to be promoted.
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
from tabular_lstm.judging.model_metrics import Metrics, metric_text
from tabular_lstm.metrics import METRICS
from tabular_lstm.parameters.hyperparameters import ValidationOptions
from tabular_lstm.parameters.runs import PromotionOptions
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.data_warnings import doubts_of

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

    The check fails if rows that belong together may be on both sides, or if a feature may leak the
    label: then no metric is valid.
    """
    limit = validation.max_quarantined_fraction
    champion_data = champions[0].data if champions and not promotion.start_over else None
    share = data_summary.quarantined_rows / data_summary.labelled_rows
    # Each fact, with what was expected if it exceeds its limit.
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
    warning = ""
    if moved is not None and moved.alarm and not moved.expected:
        warning = f"ALARM: {moved.sentence}. Besides, "
    elif moved is not None:
        facts.append((moved.sentence, moved.expected))
    failures = doubts_of(data_summary)
    if faults := [f"{fact} ({expected})" for fact, expected in facts if expected]:
        failures.append(
            f"the data are not as expected: {'; '.join(faults)}. If this is intended, adjust the "
            "limits"
        )
    sentence = ". Besides, ".join(failures) or ", ".join(fact for fact, _ in facts)
    return DataCheck(
        passed=not failures, sentence=printable(warning + sentence), quarantined_fraction=share
    )


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
        # Lost features are not a fault here; `check_champions` handles them.
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
    """Compare the labels with the champion's; return an empty list if its task was another one."""
    shares, champion_shares = _class_shares(data_summary), _class_shares(champion_data)
    if shares.keys() & champion_shares.keys():
        pairs = {
            name: (shares.get(name, 0.0), champion_shares.get(name, 0.0))
            for name in sorted({*shares, *champion_shares})
        }
        name = max(pairs, key=lambda one: abs(pairs[one][0] - pairs[one][1]))
        share, champion_share = pairs[name]
        limit = promotion.max_label_share_change
        fact = f"{_percent(share)} {name} against the champion's {_percent(champion_share)}"
        expected = f"expected at most promotion.max_label_share_change = {limit:g}"
        return [(fact, "" if abs(share - champion_share) <= limit else expected)]
    label, champion_label = data_summary.label, champion_data.label
    if not label or not champion_label or label.mean is None or champion_label.mean is None:
        return []
    limit, deviation = promotion.max_label_shift, champion_label.deviation or 0.0
    fact = (
        f"labels of {amount(label.mean)} on average against the champion's "
        f"{amount(champion_label.mean)}"
    )
    expected = (
        f"expected at most promotion.max_label_shift = {limit:g} standard deviations of "
        f"{amount(deviation)}"
    )
    return [(fact, "" if abs(label.mean - champion_label.mean) <= limit * deviation else expected)]


def _class_shares(data_summary: DataSummary) -> dict[str, float]:
    """Return each class's share by the words that follow it; of two classes, only the positive."""
    if data_summary.label_share is not None:
        return {"positive": data_summary.label_share}
    levels = data_summary.label.levels if data_summary.label else {}
    return {f"of class {name}": share for name, share in levels.items()}


def check_drift(
    evaluation: Evaluation,
    champions: list[ComparedChampion],
    promotion: PromotionOptions,
    data_summary: DataSummary | None = None,
) -> DriftCheck:
    """Check that the serving champion, the first, is not worse than chance and has not declined.

    The check fails in two cases, each tested at `confidence`: the ROC AUC on these rows is below
    0.5, or it is more than `max_champion_fall` below the ROC AUC at promotion. The latter is not
    checked if `columns.weight` has changed. For a number, the cases are that R² is below 0, or that
    the RMSE has risen by more than `max_champion_fall` standard deviations of the label at
    promotion.
    """
    if not champions:
        return DriftCheck(passed=True, sentence="there was no champion whose results could change")
    champion = champions[0]
    name = f"the champion {champion.run_id}"
    if champion.not_compared is not None:
        return DriftCheck(
            passed=True,
            sentence=f"not known: {name} did not score these rows ({champion.not_compared})",
        )
    traits, run = evaluation.task.traits, champion.run_id
    metric, hint = traits.main, ASK.format(traits.changed)
    floor, floor_value, floor_model = traits.nothing
    value = getattr(evaluation.metrics[run], metric)
    bounds = evaluation.bounds(run, metric, promotion.confidence)
    best = min(bounds, key=lambda bound: METRICS[metric].worse * bound)
    compared = f"{METRICS[metric].words} {metric_text(metric, value)} on these rows"
    promotion_value, least_fall, has_fallen = None, None, False
    then, limit = champion.promoted_with, promotion.max_champion_fall
    if reason := _why_not_known(champion, evaluation, data_summary):
        checked = f"Only whether it is worse than {floor_model} was checked"
        compared += f"; {reason}. {checked if np.isfinite(floor_value) else 'Nothing was checked'}"
    elif then is not None:
        promotion_value = getattr(then, metric)
        compared += f", {metric_text(metric, promotion_value)} when it was promoted"
        least_fall = _least_fall(then, metric, value, best, promotion.confidence)
        has_fallen = least_fall > limit * getattr(then, "label_deviation", 1.0)
    _, highest = evaluation.bounds(run, floor, promotion.confidence)
    fault = ""
    if highest < floor_value:
        fault = f"{name} is clearly worse than {floor_model}: {compared}. {hint}{START_OVER}"
    elif has_fallen:
        unit = " standard deviations of its labels" if METRICS[metric].in_units else ""
        fault = (
            f"{name} has become worse: {compared}, clearly worse by more than "
            f"promotion.max_champion_fall = {limit:g}{unit}. {hint}raise this limit, or "
            f"{START_OVER}"
        )
    return DriftCheck(
        passed=not fault,
        sentence=fault or f"{name} has {compared}",
        promoted_with=promotion_value,
        least_fall=least_fall,
        metric=metric,
        value=value,
        bound=best,
    )


def _why_not_known(
    champion: ComparedChampion, evaluation: Evaluation, data_summary: DataSummary | None
) -> str:
    """Say why a champion's metrics at promotion cannot be compared; empty if they can."""
    if data_summary and champion.data and champion.data.weight != data_summary.weight:
        return data_summary.other_weights(champion.data)
    if champion.promoted_with is None:
        return "its metrics at promotion are not known, because its decision is gone"
    if champion.promoted_on != evaluation.judged_on:
        return f"its promotion was judged on {OTHER_ROWS}"
    return ""


def _least_fall(
    promotion_metrics: Metrics, metric: str, current_value: float, best: float, confidence: float
) -> float:
    """Return a lower bound on a metric's decline, as if the test sets were independent.

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
