"""Check how the data and the champion's results have changed since the champion's run.

If the champion has become worse, labels or features may have changed their meaning. Then a
candidate is not promoted only because it is better than the champion.
"""

import math
from itertools import combinations

import numpy as np

from tabular_lstm.errors import amount, printable, shown
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.gate import START_OVER, Champion, DataCheck, DriftCheck, FeaturesMoved
from tabular_lstm.judging.intervals import CENTRAL, EPSILON, NORMAL, Ranking
from tabular_lstm.judging.metrics import IN_UNITS, METRICS, WORSE, Metrics, written
from tabular_lstm.parameters import Promotion, Validation
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.data_warnings import listed, said_of
from tabular_lstm.rows.label_measures import MEASURES
from tabular_lstm.rows.labelled_set import count_by_class

LEAVE_OUT = "leave it out: name it in columns.ignore"
WIDEN = "If this is intended, change the limit"
# Moved features have no limit that could be changed.
LET_MOVE = (
    "If the move is intended, set --params monitoring.on_drift=warn, or name the column in "
    "monitoring.ignore"
)
ASK = (
    "The label or a feature may have changed its meaning, such as {}, or the world has changed. "
    "Look at the newest rows; if the change is intended, "
)


def check_data(
    data_summary: DataSummary,
    champions: list[Champion],
    promotion: Promotion,
    validation: Validation,
    moved: FeaturesMoved | None = None,
) -> DataCheck:
    """Compare the data with the data of the serving champion, the first of `champions`.

    The check fails if rows that belong together may be on both sides: then no metric is valid.
    """
    now, limit = data_summary, validation.max_quarantined_fraction
    before = champions[0].data if champions and not promotion.start_over else None
    share = now.quarantined_rows / now.labelled_rows
    # Each fact, and what was expected if the fact exceeds its limit.
    facts = [
        (
            f"{_percent(share)} of {now.labelled} quarantined",
            ""
            if share <= limit
            else f"expected at most validation.max_quarantined_fraction = {_percent(limit)}",
        )
    ]
    if now.repeated_test_rows:
        facts.append(_repeated(now, promotion.max_repeated_test_rows))
    if before is not None:
        facts += _beside_champion(now, before, promotion)
    warned = moved is not None and moved.alarm and not moved.expected
    if moved is not None and not warned:
        facts.insert(0 if moved.alarm else len(facts), (moved.sentence, moved.expected))
    faults = [f"{fact} ({expected})" for fact, expected in facts if expected]
    told = MEASURES[now.task.kind]
    leaks = f"possible leak, alone {told.telling} ({told.name}): {listed(now.possible_leaks)}"
    if now.possible_leaks and promotion.refuse_possible_leaks:
        faults.append(f"{leaks} (expected none for promotion.refuse_possible_leaks; {LEAVE_OUT})")
    sentence = ", ".join(fact for fact, _ in facts)
    wrong = []
    if faults:
        stopped = moved is not None and bool(moved.expected)
        ways = [LET_MOVE] * stopped + [WIDEN] * (len(faults) > stopped)
        wrong = [". ".join([f"the data are not as expected: {'; '.join(faults)}", *ways])]
    if now.dependent_rows:
        wrong.insert(0, said_of(now.dependent_rows))
    if wrong:
        sentence = ". Besides, ".join(wrong)
    elif now.possible_leaks:
        sentence += f"; {leaks}. If that is known only after the label, {LEAVE_OUT}"
    if moved is not None and warned:
        sentence = f"ALARM: {moved.sentence}. Besides, {sentence}"
    return DataCheck(passed=not wrong, sentence=printable(sentence), quarantined_fraction=share)


def _repeated(now: DataSummary, limit: float) -> tuple[str, str]:
    share, by = now.repeated_test_rows / now.test_rows, now.told_apart_by
    fact = f"{_percent(share)} of {now.test_rows} test rows have the features of a train row"
    why = (
        f"expected at most promotion.max_repeated_test_rows = {_percent(limit)}; a row "
        f"that occurs under two {by}s cannot test a model"
    )
    return f"{fact} of another {by}", "" if share <= limit else why


def _beside_champion(
    now: DataSummary, before: DataSummary, promotion: Promotion
) -> list[tuple[str, str]]:
    ratio, (low, high) = now.valid_rows / before.valid_rows, promotion.row_ratio
    new, gone = {*now.features} - {*before.features}, {*before.features} - {*now.features}
    features = [
        f"{kind} {'feature' if len(names) == 1 else 'features'}: {', '.join(sorted(names))}"
        for kind, names in (("new", new), ("lost", gone))
        if names
    ]
    return [
        (
            f"{now.valid_rows} valid rows, {ratio:.2f} times the champion's {before.valid_rows}",
            ""
            if low <= ratio <= high
            else f"expected promotion.row_ratio = {low:g} to {high:g} times",
        ),
        *_label_beside(now, before, promotion),
        # Lost features are not a fault here; `check_champions` judges them.
        ("; ".join(features) or "the same features", ""),
        *([(now.other_weights(before), "")] if now.weight != before.weight else []),
    ]


def _label_beside(
    now: DataSummary, before: DataSummary, promotion: Promotion
) -> list[tuple[str, str]]:
    """Compare the labels with the champion's; return an empty list if its task was different."""
    limit = promotion.max_label_share_change
    expected = f"expected at most promotion.max_label_share_change = {limit:g}"
    both = now.label, before.label
    if now.label_share is not None and before.label_share is not None:
        share, its, named = now.label_share, before.label_share, "positive"
    elif both[0] is None or both[1] is None or both[0].kind != both[1].kind:
        return []
    elif both[0].mean is None or both[1].mean is None:
        names = sorted({*both[0].levels, *both[1].levels})
        shares = {name: [label.levels.get(name, 0.0) for label in both if label] for name in names}
        most = max(names, key=lambda name: abs(shares[name][0] - shares[name][1]))
        (share, its), named = shares[most], f"of class {most}"
    else:
        mean, its, deviation = both[0].mean, both[1].mean, both[1].deviation or 0.0
        limit = promotion.max_label_shift
        expected = (
            f"expected at most promotion.max_label_shift = {limit:g} standard deviations "
            f"of {amount(deviation)}"
        )
        means = [amount(value) for value in (mean, its)]
        fact = f"labels of {means[0]} on average against the champion's {means[1]}"
        return [(fact, "" if abs(mean - its) <= limit * deviation else expected)]
    fact = f"{_percent(share)} {named} against the champion's {_percent(its)}"
    return [(fact, "" if abs(share - its) <= limit else expected)]


def check_drift(
    judged: Judged,
    champions: list[Champion],
    promotion: Promotion,
    data_summary: DataSummary | None = None,
) -> DriftCheck:
    """Check that the serving champion, the first one, is not worse than chance and has not fallen.

    The check fails in three cases, each tested at `confidence`. The ROC AUC on these rows is below
    0.5. With more classes, the ROC AUC of a pair of classes is below 0.5. The ROC AUC is more than
    `max_champion_fall` below the ROC AUC at promotion; this is not checked if `columns.weight` has
    changed. For a number, R² is below 0, or the RMSE has risen by more than `max_champion_fall`
    standard deviations of the label at promotion.
    """
    if not champions:
        return DriftCheck(passed=True, sentence="there was no champion whose results could change")
    champion = champions[0]
    name, then = f"the champion {champion.run_id}", champion.promoted_with
    if champion.not_compared is not None:
        unknown = f"not known: {name} did not score these rows ({champion.not_compared})"
        return DriftCheck(passed=True, sentence=unknown)
    measure, measured = judged.measure, judged.metrics[champion.run_id]
    metric, ask = measure.spoken[0], ASK.format(measure.changed)
    sign, now = WORSE[metric], getattr(measured, metric)
    bounds = judged.bounds(champion.run_id, metric, promotion.confidence)
    best = min(bounds, key=lambda bound: sign * bound)
    said = f"{METRICS[metric]} {written(metric, now)} on these rows"
    known = "its metrics at promotion are not known, because its decision is gone"
    if data_summary and champion.data and champion.data.weight != data_summary.weight:
        then, known = None, data_summary.other_weights(champion.data)
    floor, least_of_floor, nothing = measure.nothing
    if then is None:
        compared = f"{said}; {known}. Only whether it is worse than {nothing} was checked"
        least, before, unit = -np.inf, None, 1.0
    else:
        before, unit = getattr(then, metric), getattr(then, "label_deviation", 1.0)
        compared = f"{said}, {written(metric, before)} when it was promoted"
        least = _least_fall(then, metric, now, best, promotion.confidence)
    _, highest = judged.bounds(champion.run_id, floor, promotion.confidence)
    if highest < least_of_floor:
        fault = f"{name} is clearly worse than {nothing}: {compared}. {ask}{START_OVER}"
    elif exchanged := _exchanged(judged, champion.run_id, promotion.confidence):
        fault = f"{name} {exchanged}: {compared}. {ask}{START_OVER}"
    elif least > promotion.max_champion_fall * unit:
        limit, higher = promotion.max_champion_fall, metric in IN_UNITS
        fault = (
            f"{name} has {'become worse' if higher else 'fallen'}: {compared}, clearly "
            f"{'higher' if higher else 'lower'} by more than promotion.max_champion_fall = "
            f"{limit:g}{' standard deviations of its labels' if higher else ''}. {ask}raise this "
            f"limit, or {START_OVER}"
        )
    else:
        fault = ""
    return DriftCheck(
        passed=not fault,
        sentence=fault or f"{name} has {compared}",
        promoted_with=before,
        least_fall=None if then is None else least,
        **dict(zip(measure.drifting, (now, best), strict=True)),
    )


def _least_fall(then: Metrics, metric: str, now: float, best: float, confidence: float) -> float:
    """Return a lower bound for how much a metric got worse, as if the test sets were independent.

    Source: Newcombe, "Interval Estimation for the Difference between Independent Proportions",
    Statistics in Medicine 17, 1998, method 10.
    """
    sign, before = WORSE[metric], getattr(then, metric)
    two_sided = NORMAL.inv_cdf((1 + CENTRAL) / 2)
    worst = max(sign * bound for bound in then.interval[metric])
    below = (worst - sign * before) * NORMAL.inv_cdf(confidence) / two_sided
    return float(sign * now - sign * before - np.hypot(below, best - now))


def _exchanged(judged: Judged, name: str, confidence: float) -> str:
    """Name two of several classes that a model seems to have swapped; "" if there are none.

    Wilcoxon's rank sum test compares the rows of each pair, with Bonferroni's correction for both
    directions. A pair counts only if it is clearly worse than chance, because a promoted champion
    may be unable to distinguish some pairs.
    Source: Hand and Till, "A Simple Generalisation of the Area Under the ROC Curve for Multiple
    Class Classification Problems", Machine Learning 45, 2001.
    """
    rows, clearest, said = judged.parts.get(name, judged), 0.0, ""
    pairs = [*combinations(np.unique(rows.labels), 2)] if judged.measure.exchangeable else []
    for one, other in pairs:
        two = (rows.labels == one) | (rows.labels == other)
        of, p = rows.part(two), rows.predictions[name][two]
        labels, both = (of.labels == one).astype(int), np.maximum(p[:, one] + p[:, other], EPSILON)
        counts = np.ones(len(labels)) if of.weights is None else of.weights
        area = Ranking.of(labels, p[:, one] / both).roc_auc(counts)
        n, m = count_by_class(labels, of.weights, of.groups)
        z = (area - 0.5) * math.sqrt(12 * n * m / (n + m + 1))
        if z < min(clearest, NORMAL.inv_cdf((1 - confidence) / (2 * len(pairs)))):
            clearest, (a, b) = z, (shown(judged.task.classes[place]) for place in (one, other))
            said = f"tells '{a}' from '{b}' clearly worse than chance (ROC AUC {area:.3f})"
    return said


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
